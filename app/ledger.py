"""What is written into the books: postings and sheet rows, made from decisions.

Sheets: Invoices, Lines, Matches, Bank, Exceptions, New vendors. Every row has a key
that is unique for ever within its sheet, so writing twice changes nothing.
Ledger lines balance to zero: debit positive, credit negative.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from app.sections import Ledger
from matching.coding import Coding
from matching.vat import tax_of
from records.banking import BankTransaction
from records.findings import Finding
from records.invoices import Invoice
from records.matches import InvoiceMatch, Match, Netted
from records.postings import Posting, PostingLine, Row, Value
from records.purchasing import Vendor


def invoice_posting(
    target: str,
    document_id: str,
    revision: int,
    invoice: Invoice,
    match: InvoiceMatch,
    accounts: Ledger,
    origin: str,
    codings: Sequence[Coding] = (),
    min_confidence: float = 1.0,
) -> Posting:
    """Return what posting one invoice writes: ledger lines, a row, and one row per line.

    A line's proposed coding is booked when it is at least `min_confidence`
    sure; else the default account is, and the proposal stands beside it.
    """
    sign = invoice.sign
    key = f"{target}/{document_id}/{revision}"
    orders = sorted({a.order_id for a in match.allocations})
    head: dict[str, Value] = {
        "Vendor": match.vendor_id,
        "Vendor name": invoice.seller.name,
        "Invoice number": invoice.number,
        "Type": _type(invoice, match),
        "Invoice date": invoice.issue_date,
        "Due date": invoice.due_date,
        "Currency": invoice.currency,
        "Net": _signed(sign, invoice.net_total),
        "Tax": _signed(sign, tax_of(invoice)),
        "Gross": _signed(sign, invoice.gross_total),
        "Amount due": _signed(sign, invoice.amount_due),
        "Set off": match.netted.net + match.netted.tax if match.netted else None,
        "Kept back": match.retention.amount if match.retention else None,
        "Kept back until": match.retention.until if match.retention else None,
        "Orders": ", ".join(orders) or None,
        "Status": match.status,
        "Confidence": Decimal(str(round(match.confidence, 4))),
        "Origin": origin,
    }
    placed = {a.invoice_line: a for a in match.allocations}
    proposed = {c.line: c for c in codings}
    sure = {line: c for line, c in proposed.items() if c.is_sure(min_confidence)}
    rows = [Row(sheet="Invoices", key=document_id, values=head)]
    for line in invoice.lines:
        place = placed.get(line.number)
        values: dict[str, Value] = {
            "Vendor": match.vendor_id,
            "Invoice number": invoice.number,
            "Line": line.number,
            "Article": line.article_number,
            "Description": line.description,
            "Quantity": line.quantity,
            "Unit": line.unit,
            "Unit price": line.unit_price,
            "Net": _signed(sign, line.net_amount),
            "VAT rate": line.vat_rate,
            "Order": place.order_id if place else None,
            "Order line": place.order_line if place else None,
        }
        if coding := proposed.get(line.number):
            values |= _coded(coding, accounts, min_confidence)
        rows.append(Row(sheet="Lines", key=f"{document_id}/{line.number}", values=values))
    return Posting(
        key=key,
        target=target,
        kind="invoice",
        subject=document_id,
        currency=invoice.currency,
        date=invoice.issue_date,
        lines=_ledger_lines(invoice, match, accounts, sure, min_confidence),
        rows=tuple(rows),
    )


def _signed(sign: int, amount: Decimal | None) -> Decimal | None:
    return None if amount is None else sign * amount


def _coded(coding: Coding, accounts: Ledger, min_confidence: float) -> dict[str, Value]:
    sure = coding.is_sure(min_confidence)
    account, tax_code = coding.account, coding.tax_code
    return {
        "Account": account.value if sure and account else accounts.expenses,
        "Cost centre": _cost_centre(coding, min_confidence) if sure else None,
        "Tax code": tax_code.value if sure and tax_code else None,
        "Coding": f"{'booked' if sure else 'proposed only'}: {coding}",
    }


def _cost_centre(coding: Coding, min_confidence: float) -> str | None:
    found = coding.cost_centre
    return found.value if found and found.confidence >= min_confidence else None


def _type(invoice: Invoice, match: InvoiceMatch) -> str:
    if match.prepayment:
        return "prepayment"
    return "credit note" if invoice.is_credit_note else "invoice"


def _ledger_lines(
    invoice: Invoice,
    match: InvoiceMatch,
    accounts: Ledger,
    sure: Mapping[int, Coding],
    min_confidence: float,
) -> tuple[PostingLine, ...]:
    """Return balanced lines; what no coding is sure of goes to the default account.

    That is also where charges and allowances of the whole invoice go, since
    they belong to no line. A prepayment is no expense: the invoice that sets it
    off takes it, with the tax booked then, off its account again. What is
    payable (BT-115) and what is kept back stand on accounts of their own.
    """
    gross, tax = invoice.gross_total, tax_of(invoice)
    if gross is None or tax is None:
        raise ValueError("an invoice whose gross total or tax nobody knows was to be posted")
    sign = invoice.sign
    text = f"{invoice.seller.name or ''} {invoice.number or ''}".strip()
    netted = match.netted or Netted(net=Decimal(0), tax=Decimal(0))
    rounding = invoice.rounding_amount or Decimal(0)
    expense = gross - tax + rounding + (netted.net if netted.lines else Decimal(0))
    owed = gross + rounding - (Decimal(0) if netted.lines else netted.net + netted.tax)
    kept = match.retention.amount if match.retention else Decimal(0)
    default = accounts.prepayments if match.prepayment else accounts.expenses
    coded: dict[tuple[str, str | None, str | None], Decimal] = {}
    for line in invoice.lines if _lines_are_net(invoice, gross - tax) else ():
        coding = sure.get(line.number)
        if match.prepayment or line.number in netted.lines:
            continue
        if coding and coding.account and coding.tax_code and line.net_amount:
            key = (
                coding.account.value,
                _cost_centre(coding, min_confidence),
                coding.tax_code.value,
            )
            coded[key] = coded.get(key, Decimal(0)) + line.net_amount
    lines = [
        PostingLine(
            account=account,
            amount=sign * amount,
            text=text,
            cost_centre=cost_centre,
            tax_code=tax_code,
        )
        for (account, cost_centre, tax_code), amount in coded.items()
    ]
    rest = expense - sum(coded.values(), Decimal(0))
    if rest or not lines:
        lines.append(PostingLine(account=default, amount=sign * rest, text=text))
    for account, amount in (
        (accounts.input_tax, tax - netted.tax),
        (accounts.prepayments, -netted.net),
        (accounts.retentions, -kept),
        (accounts.payables, kept - owed),
    ):
        if amount:
            lines.append(PostingLine(account=account, amount=sign * amount, text=text))
    return tuple(lines)


def _lines_are_net(invoice: Invoice, net: Decimal) -> bool:
    """Say whether the lines add up to the net total; shops print lines with tax."""
    lines = sum((line.net_amount or Decimal(0) for line in invoice.lines), Decimal(0))
    charges = (invoice.charge_total or Decimal(0)) - (invoice.allowance_total or Decimal(0))
    return lines + charges == net


def exception_posting(
    target: str,
    document_id: str,
    revision: int,
    subject: str,
    findings: Sequence[Finding],
    origin: str,
    further: Sequence[Row] = (),
) -> Posting:
    """Return the Exceptions rows of a held document: one row per blocking Finding.

    `further` are rows of other sheets that go with them.
    """
    rows = [
        Row(
            sheet="Exceptions",
            key=f"{document_id}/{revision}/{number}",
            values={
                "Subject": subject,
                "Reason": item.code,
                "Where": item.where,
                "What": item.message,
                "Expected": item.expected,
                "Found": item.actual,
                "What to do": item.remedy,
                "Document": document_id,
                "Origin": origin,
            },
        )
        for number, item in enumerate((f for f in findings if f.blocks), 1)
    ]
    return Posting(
        key=f"{target}/{document_id}/{revision}/held",
        target=target,
        kind="exception",
        subject=document_id,
        rows=(*rows, *further),
    )


def new_vendor_row(document_id: str, revision: int, invoice: Invoice, prepared: Vendor) -> Row:
    """Return the record an unknown vendor would get, for a person to check and enter.

    The account printed stands apart: it is not part of the record before
    somebody verified it outside the message.
    """
    values: dict[str, Value] = {
        "Name": prepared.name,
        "VAT id": prepared.vat_id,
        "Country": prepared.country,
        "Currency": prepared.currency,
        "Terms, days": prepared.terms_days,
        "Discount, %": prepared.skonto_percent,
        "Address": prepared.address,
        "Mail domain": ", ".join(prepared.email_domains) or None,
        "Account printed, to be verified": ", ".join(invoice.ibans) or None,
        "Invoice number": invoice.number,
        "Document": document_id,
    }
    return Row(sheet="New vendors", key=f"{document_id}/{revision}", values=values)


def match_postings(
    target: str, match: Match, transaction: BankTransaction, revision: int, *, further: bool = False
) -> list[Posting]:
    """Return what posting one bank match writes: a Bank row and a row per item.

    What is `further` posted of a batch writes no second Bank row.
    """
    key = match.transaction_id if revision == 1 else f"{match.transaction_id}@{revision}"
    rows = [] if further else [Row(sheet="Bank", key=key, values=bank_values(match, transaction))]
    rows += [
        Row(sheet="Matches", key=f"{key}/{part}", values=values)
        for part, values in item_values(match, transaction)
    ]
    return [
        Posting(
            key=f"{target}/{match.transaction_id}/{revision}",
            target=target,
            kind="match",
            subject=match.transaction_id,
            currency=transaction.amount.currency,
            date=transaction.booking_date,
            rows=tuple(rows),
        )
    ]


def match_taken_back(
    target: str, match: Match, transaction: BankTransaction, revision: int
) -> Posting:
    """Return what takes an undone match back: its rows again, the amounts with the other sign."""
    (made,) = match_postings(target, match, transaction, revision)
    rows = []
    for row in made.rows:
        amount = "Amount" if row.sheet == "Bank" else "Applied"
        before = row.values[amount]
        back = -before if isinstance(before, Decimal) else before
        values = {**row.values, amount: back, "Decision": "undone"}
        rows.append(Row(sheet=row.sheet, key=f"{row.key}/undone", values=values))
    return dataclasses.replace(made, key=f"{made.key}/undone", rows=tuple(rows))


def bank_values(match: Match, transaction: BankTransaction) -> dict[str, Value]:
    """Return the Bank row of a movement."""
    return {
        "Account": transaction.account,
        "Booking date": transaction.booking_date,
        "Value date": transaction.value_date,
        "Amount": transaction.amount.amount,
        "Currency": transaction.amount.currency,
        "Counterparty": transaction.counterparty_name,
        "Remittance": " ".join(transaction.remittance.split()),
        "Bank reference": transaction.bank_reference or match.transaction_id,
        "Category": match.category,
        "Decision": match.decision.value,
        "Confidence": Decimal(str(round(match.confidence, 4))),
        "Why": "; ".join(match.reasons),
    }


def item_values(
    match: Match, transaction: BankTransaction
) -> Iterator[tuple[str, dict[str, Value]]]:
    """Yield the Matches rows of what a movement settles, each with its own part of the key."""
    settled = [
        (str(number), one.item_id, one.amount, "settles")
        for number, one in enumerate(match.allocations, 1)
    ]
    settled += [
        (f"a{number}", other.item_id or "", other.amount, other.kind)
        for number, other in enumerate(match.adjustments, 1)
    ]
    for part, item_id, amount, kind in settled:
        yield (
            part,
            {
                "Bank reference": transaction.bank_reference or match.transaction_id,
                "Booking date": transaction.booking_date,
                "Item": item_id or None,
                "Applied": amount.amount,
                "Currency": amount.currency,
                "Kind": kind,
                "Decision": match.decision.value,
            },
        )
