"""Finding: something a person should know, as a value; and the catalogue of codes.

A blocking Finding holds the document, invoice, account or bank line it is
about: a person decides, nothing is lost. Problems in data are always Findings,
never exceptions, so that one bad entry hides no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How far a Finding stops the work."""

    BLOCK = "block"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of the catalogue: title for people, usual severity, usual remedy."""

    title: str
    severity: Severity
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation.

    `code` is a key of `CATALOGUE`; `where` names the place in the reader's
    words ("invoice 4711, line 3", "page 2", "stmt.xml, entry 14"). `expected`
    and `actual` are short display texts, None where the code has no such pair.
    """

    code: str
    severity: Severity
    where: str = ""
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    remedy: str = ""

    @property
    def blocks(self) -> bool:
        """Say whether this Finding holds what it is about."""
        return self.severity is Severity.BLOCK

    def __str__(self) -> str:
        pair = "" if self.expected is None else f" (expected {self.expected}, found {self.actual})"
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message or CATALOGUE[self.code].title}{pair}"


def finding(
    code: str,
    *,
    where: str = "",
    message: str = "",
    expected: object = None,
    actual: object = None,
    severity: Severity | None = None,
    remedy: str | None = None,
) -> Finding:
    """Make a Finding from the catalogue; severity and remedy default to the code's own.

    Raises KeyError for a code that is not in `CATALOGUE`: a fault of ours.
    """
    entry = CATALOGUE[code]
    return Finding(
        code=code,
        severity=entry.severity if severity is None else severity,
        where=where,
        message=message or entry.title,
        expected=None if expected is None else str(expected),
        actual=None if actual is None else str(actual),
        remedy=entry.remedy if remedy is None else remedy,
    )


_B, _W, _N = Severity.BLOCK, Severity.WARN, Severity.NOTE

#: Every code the program can report. Keys are stable: other programs rely on them.
CATALOGUE: dict[str, Code] = {
    # -- documents: bytes that could not be read, or should not be
    "encrypted": Code(
        "The document is protected by a password", _B, "Ask the sender for an open copy."
    ),
    "damaged": Code(
        "The document is damaged and could not be read", _B, "Ask the sender to send it again."
    ),
    "too_large": Code(
        "The document exceeds a size limit", _B, "Open it by hand, or raise the limit."
    ),
    "took_too_long": Code(
        "Reading took longer than the limit", _B, "Open it by hand; it may be hostile."
    ),
    "out_of_memory": Code(
        "Reading needed more memory than the limit", _B, "Open it by hand; it may be hostile."
    ),
    "reader_crashed": Code("The reading process died", _B, "Open it by hand; it may be hostile."),
    "hostile": Code(
        "The document tries something no invoice does", _B, "Do not open it; tell your IT."
    ),
    "unknown_format": Code(
        "No reader knows this kind of file", _B, "Ask for a PDF or an e-invoice."
    ),
    "no_text": Code(
        "No text could be read from the document",
        _B,
        "Type the values in, or ask for a better copy.",
    ),
    "not_an_invoice": Code(
        "The document is not an invoice; nothing is posted", _N, "File it with the vendor."
    ),
    "filed_with": Code("Where the document belongs", _N, "Nothing to do."),
    "several_invoices": Code(
        "The document holds several invoices; each is handled by itself", _N, "Nothing to do."
    ),
    "several_on_page": Code(
        "Two documents lie on one page",
        _B,
        "Scan each by itself, or enter them by hand.",
    ),
    "poor_copy": Code(
        "Much of the page could not be read surely",
        _B,
        "Ask for a better copy, or compare every value with the page.",
    ),
    "left_out": Code(
        "An attachment that is no document was left out", _N, "Nothing to do; look if in doubt."
    ),
    "einvoice_rule": Code(
        "The e-invoice breaks a rule of its standard", _W, "Tell the vendor; compare the values."
    ),
    "rules_not_checked": Code(
        "The rules of the e-invoice's standard could not be checked", _N, "Compare the values."
    ),
    "page_not_compared": Code(
        "The page could not be compared with its e-invoice", _N, "Look at the page once."
    ),
    "not_installed": Code(
        "An optional part needed for this document is not installed",
        _B,
        "Install the extra that the message names.",
    ),
    # -- fields
    "missing_field": Code("A required value was not found", _B, "Enter the value."),
    "uncertain_field": Code(
        "A value was read with too little certainty", _B, "Compare with the page and confirm."
    ),
    "memory_contradicted": Code(
        "What a correction taught does not hold on this document",
        _N,
        "Nothing: what the page says was taken. Taught wrongly twice, it is dropped.",
    ),
    "readers_disagree": Code(
        "Two readers of a page see a value differently",
        _B,
        "Compare with the page and correct or confirm the value.",
    ),
    "template_failed": Code(
        "A template could not be used on this document", _W, "Correct the template."
    ),
    "template_incomplete": Code(
        "A template fits the document but does not find what it requires",
        _N,
        "Correct the template.",
    ),
    "template_contradicted": Code(
        "A template says otherwise than what arithmetic or check digits prove",
        _N,
        "Nothing: what is proved was taken. Correct the template.",
    ),
    "fields_disagree": Code(
        "Two readings of the same value disagree", _B, "Decide which one is right."
    ),
    "page_contradicts_xml": Code(
        "The page and its embedded e-invoice disagree; the XML governs",
        _B,
        "Ask the vendor which one is right.",
    ),
    "ambiguous_date": Code("The date can be read in two ways", _B, "Enter the right date."),
    "ambiguous_amount": Code("The amount can be read in two ways", _B, "Enter the right amount."),
    "bad_checksum": Code("The check digits are wrong", _B, "Compare with the page."),
    # -- arithmetic (EN 16931 BR-CO-*)
    "lines_do_not_sum": Code(
        "The lines do not add up to the net total", _B, "Ask the vendor for a corrected invoice."
    ),
    "totals_do_not_sum": Code(
        "Net and tax do not add up to the gross total",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "tax_does_not_sum": Code(
        "The tax does not follow from its base and rate",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "due_does_not_sum": Code(
        "The amount due does not follow from gross, prepaid and rounding",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    # -- connectors: mail and tables as they come in
    "mail_without_header": Code(
        "The mail has no readable header", _N, "Nothing to do; its content is read all the same."
    ),
    "bad_row": Code("A row of a table could not be read", _B, "Correct the row at its source."),
    "bad_table": Code(
        "A table could not be read", _B, "Export it again, or correct its column mapping."
    ),
    # -- bank statements
    "statement_unbalanced": Code(
        "Opening balance and entries do not give the closing balance",
        _B,
        "Compare with the bank; nothing of this account is reconciled until then.",
    ),
    "statement_malformed": Code(
        "The bank file breaks its format", _B, "Ask the bank for the file again."
    ),
    "statement_truncated": Code(
        "The bank file ends too early", _B, "Fetch the file from the bank again."
    ),
    "statement_gap": Code(
        "Entries are missing between two statements of the account",
        _B,
        "Fetch the missing statement; the account waits for it.",
    ),
    "page_missing": Code(
        "A page of the statement is missing", _B, "Fetch the missing page from the bank."
    ),
    "account_unknown": Code(
        "The statement does not say which account it is of", _W, "Name the account in the profile."
    ),
    "currency_unknown": Code(
        "The file does not say the currency of its amounts", _W, "Name it in the profile."
    ),
    "mixed_currencies": Code(
        "Entries or balances are in another currency than the account", _W, "Compare the entries."
    ),
    "entry_malformed": Code(
        "An entry could not be read completely", _B, "Compare it with the bank's own display."
    ),
    "impossible_date": Code("A date does not exist", _W, "Compare with the bank's own display."),
    "duplicate_reference": Code(
        "A bank reference occurs twice in one statement", _W, "See whether one entry is a copy."
    ),
    "parts_do_not_sum": Code(
        "The parts of a batch do not add up to its entry", _W, "Ask the bank for the details."
    ),
    "control_total_wrong": Code(
        "A control total or record count of the bank file is wrong",
        _B,
        "Fetch the file from the bank again.",
    ),
    "profile_guessed": Code(
        "How to read the file's columns was guessed", _W, "Confirm the profile, or correct it."
    ),
    "profile_unknown": Code(
        "The file's columns could not be told apart", _B, "Write a profile for this bank's file."
    ),
    "unusual_notation": Code(
        "A value is printed in a way its format does not allow; it was still clear", _N, ""
    ),
    # -- bank accounts as a whole
    "statement_contradicts": Code(
        "An older statement contradicts what is known; the account is stopped",
        _B,
        "Compare both files with the bank's own list.",
    ),
    "statement_unproved": Code(
        "The statement has no balances, so nothing proves it complete",
        _N,
        "Prefer a format with balances, such as camt.053.",
    ),
    "period_signed": Code(
        "The movement belongs to a period that was signed off; it is posted with today's date",
        _W,
        "See whether the period's reconciliation must be signed again.",
    ),
    "own_account_unknown": Code(
        "The statement is for an account that is not in the records",
        _W,
        "Add the account to the own accounts.",
    ),
    # -- delivery
    "posting_rejected": Code(
        "The target refused the posting", _B, "Mend what it names, then approve again."
    ),
    "posting_unclear": Code(
        "It is not known whether the posting arrived",
        _B,
        "Look in the target; then mark it as delivered, or approve it again.",
    ),
    # -- vendors: who asks to be paid
    "unknown_vendor": Code(
        "No vendor of the master fits the seller",
        _B,
        "Check the seller; adopt the prepared record (`vendor adopt`), or reject the invoice.",
    ),
    "ambiguous_vendor": Code(
        "Several vendors of the master fit the seller", _B, "Choose the vendor."
    ),
    "blocked_vendor": Code("The vendor is blocked", _B, "Ask whoever blocked the vendor."),
    "vendor_twice": Code(
        "The vendor stands in the master more than once", _N, "Merge the records."
    ),
    "vendor_name_differs": Code(
        "The seller's name is not the vendor's name", _W, "Compare the page with the master."
    ),
    "bank_details_changed": Code(
        "The invoice asks for payment to an account that is not on file",
        _B,
        "Call the vendor on a number you already have; never on one from this message.",
    ),
    "further_bank_account": Code(
        "Beside the account on file the invoice names another one",
        _W,
        "Payment goes to the account on file.",
    ),
    "bank_details_cooling": Code(
        "The vendor's bank details were changed a short time ago",
        _B,
        "Have a second person confirm the out-of-band check, or wait.",
    ),
    # -- senders: who sent the message
    "lookalike_sender": Code(
        "The sender's domain imitates a known one",
        _B,
        "Do not answer; call the vendor on a number you already have.",
    ),
    "sender_not_authentic": Code(
        "The sender's domain did not vouch for the message (SPF, DKIM, DMARC)",
        _B,
        "Do not answer; call the vendor on a number you already have.",
    ),
    "sender_unproved": Code("No trusted host checked who sent the message", _N, "Nothing to do."),
    "reply_to_differs": Code(
        "Answers would go to another domain than the sender's",
        _W,
        "Do not answer the message; use an address you already have.",
    ),
    "first_time_sender": Code(
        "This domain never sent anything before", _N, "Compare it with the vendor's web site."
    ),
    "sender_not_of_vendor": Code(
        "The sender's domain is not one of the vendor's", _W, "Compare it with earlier mail."
    ),
    # -- duplicates
    "duplicate": Code("The invoice was received before", _B, "Reject it, or tell how it differs."),
    "number_reused": Code(
        "The vendor used this invoice number before, for another amount",
        _W,
        "Compare both invoices.",
    ),
    "possible_duplicate": Code(
        "An invoice of the same vendor has the same date, amount and lines",
        _W,
        "Compare both invoices.",
    ),
    "second_view": Code(
        "A second file of an invoice that came with the same message", _N, "Nothing to do."
    ),
    "views_disagree": Code(
        "Two files of the same invoice name different amounts",
        _B,
        "Ask the vendor which one is right.",
    ),
    # -- checks of the invoice itself
    "vat_mismatch": Code(
        "The VAT does not follow from net amount and rate",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "total_mismatch": Code(
        "The amounts of the invoice do not add up",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "amount_due_mismatch": Code(
        "The amount due does not follow from gross, prepaid and rounding",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "line_mismatch": Code(
        "Quantity times price is not the line's amount", _W, "Compare the line with the page."
    ),
    "lines_include_vat": Code(
        "The lines are printed with VAT; they add up to the gross total", _W, "Nothing to do."
    ),
    "negative_amount": Code(
        "The signs of the amounts contradict the type of the document",
        _B,
        "Decide whether it is an invoice or a credit note.",
    ),
    "vat_rate_invalid": Code(
        "No such VAT rate was in force in the seller's country on that date",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "malformed_vat_id": Code(
        "The VAT id does not have its country's form", _W, "Compare with the page and VIES."
    ),
    "due_date_differs": Code(
        "The due date is earlier than the terms agreed", _W, "Pay by the terms agreed."
    ),
    "duplicate_line": Code(
        "The invoice lists the same line twice", _W, "Compare with what was received."
    ),
    "currency_differs": Code(
        "The invoice is in another currency than the order", _B, "Ask the buyer."
    ),
    "period_closed": Code(
        "The invoice falls into a closed period", _B, "Choose the period to post into."
    ),
    "future_date": Code(
        "The invoice is dated later than it was received", _W, "Compare with the page."
    ),
    "very_old": Code(
        "The invoice is much older than its arrival",
        _B,
        "Look whether it was paid before; ask the vendor why it comes so late.",
    ),
    "not_postable": Code("Documents of this kind are never posted", _B, "File it."),
    "wrong_buyer": Code(
        "The invoice is addressed to somebody else", _B, "Ask the vendor to address it to you."
    ),
    "we_are_seller": Code(
        "The document names us as the seller: it is income, not a purchase",
        _B,
        "Hand it to accounts receivable.",
    ),
    "corrected_invoice": Code(
        "The document replaces an earlier invoice, which must not stay in the books beside it",
        _B,
        "Reverse the earlier invoice, then approve this one.",
    ),
    # -- the match: ordered, received, invoiced
    "no_po": Code(
        "The vendor needs an order for every invoice, and none fits",
        _B,
        "Ask the buyer for the order number.",
    ),
    "without_order": Code(
        "Neither an order nor a contract stands behind the invoice", _N, "Nothing to do."
    ),
    "unordered_line": Code(
        "A line of the invoice was not ordered", _B, "Ask the buyer whether it was wanted."
    ),
    "order_of_other_vendor": Code(
        "The order named belongs to another vendor", _W, "Compare with the order."
    ),
    "price_variance": Code(
        "The price differs from the order by more than the tolerance",
        _B,
        "Ask the buyer to confirm the price, or the vendor for a credit note.",
    ),
    "no_receipt": Code(
        "Nothing was received on an order line that is invoiced",
        _B,
        "Wait for the goods receipt, or ask the warehouse.",
    ),
    "quantity_variance": Code(
        "More is invoiced than was received or ordered",
        _B,
        "Ask the warehouse, or the vendor for a credit note.",
    ),
    "unit_unknown": Code(
        "The invoice's unit cannot be converted into the order's",
        _B,
        "Add the conversion to the master.",
    ),
    "freight_variance": Code(
        "Freight and charges that were not ordered exceed the tolerance",
        _B,
        "Ask the buyer whether they were agreed.",
    ),
    "contract_variance": Code(
        "The amount is outside the band of the contract", _B, "Ask the contract's owner."
    ),
    "vat_id_unregistered": Code(
        "The seller's VAT id is not registered (VIES)",
        _B,
        "Ask the vendor; without a registered id its VAT cannot be deducted.",
    ),
    "vat_id_unchecked": Code(
        "The seller's VAT id could not be looked up (VIES gives no answer)", _N, "Nothing to do."
    ),
    "einvoice_missing": Code(
        "By law the vendor sends this as an e-invoice",
        _N,
        "Ask the vendor for the e-invoice; without it the input tax may be lost.",
    ),
    "prepayment_open": Code(
        "A prepayment for this order was not deducted",
        _B,
        "Ask the vendor for a final invoice that nets it.",
    ),
    "prepayment_unknown": Code(
        "The invoice deducts a prepayment that is not on file", _W, "Look for the prepayment."
    ),
    "prepayment_too_high": Code(
        "More is asked in advance than is left of the order",
        _B,
        "Ask purchasing what was agreed.",
    ),
    "prepayment_differs": Code(
        "The invoice deducts another amount than was paid in advance",
        _B,
        "Compare it with the prepayments; ask the vendor for a right final invoice.",
    ),
    "prepayment_held": Code(
        "The prepayment that the invoice deducts is held itself", _B, "Decide the prepayment first."
    ),
    "retention_kept": Code(
        "Part of the invoice is kept back as agreed in the order", _N, "It is owed on its own day."
    ),
    "credit_exceeds_invoice": Code(
        "The credit note is higher than the invoice it corrects", _B, "Compare both documents."
    ),
    "preceding_invoice_unknown": Code(
        "The invoice this document corrects is not on file", _W, "Look for the invoice."
    ),
    "credit_for_held": Code(
        "The credit note belongs to an invoice that is held", _W, "Decide both together."
    ),
    # -- the decision
    "split_below_limit": Code(
        "Several invoices for the same thing stay below a limit that they exceed together",
        _B,
        "Approve or reject them together.",
    ),
    "low_confidence": Code(
        "The match is less certain than the office demands", _B, "Confirm the match."
    ),
    "needs_approval": Code("The amount needs a person's approval", _B, "Approve or reject it."),
    "needs_second_person": Code(
        "The amount needs the approval of two persons", _B, "Two persons approve or reject it."
    ),
    # -- payments: what should be paid and is not proposed
    "payable_held": Code("A document about this payable is held", _W, "Decide the document first."),
    "payable_twice": Code(
        "The same invoice stands among the payables twice",
        _B,
        "Close the one that is a copy in the books.",
    ),
    "paid_otherwise": Code(
        "The invoice says that the vendor collects, or was paid on the spot; nothing is transferred",
        _W,
        "Expect the debit, or pay it by hand; `pay_method` in the vendor master says it for good.",
    ),
    "payment_impossible": Code(
        "The payment cannot be ordered from any account of ours",
        _W,
        "Pay it by hand, or name an account for its currency under `paying:`.",
    ),
    "work_failed": Code(
        "The work on something failed and waits for a person",
        _B,
        "Mend what it names, then `nightclerk replay ID`.",
    ),
    "kind_unclear": Code(
        "It is not clear whether this is an invoice to pay", _B, "Say what it is, or reject it."
    ),
}
