"""One camt entry: from the slots of its Ntry and TxDtls to a BankTransaction."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from connectors.banks import _camt_tree as at
from connectors.banks._draft import Draft
from connectors.banks._records import new_detail, new_transaction
from connectors.banks._values import NO_CURRENCY, iso_date, plain_decimal
from records.banking import BankTransaction, TransactionDetail
from records.findings import Severity
from records.money import Money

Values = list[str | None]

#: What banks write where no end-to-end id was given (SEPA rulebook, SWIFT).
_NO_ID = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF", "NOTPROVIDED.", ""})


def entry(draft: Draft, v: Values, parts: list[Values]) -> BankTransaction:
    """Build one transaction; what cannot be read becomes a finding of the draft.

    `v` holds the slots of `_camt_tree`, `parts` one list per TxDtls. A single
    TxDtls describes the entry itself; several are its details.
    """
    number, incoming = _amount(draft, v)
    currency = v[at.CURRENCY] or draft.currency or NO_CURRENCY
    signed = number if incoming else -number
    status = v[at.STATUS]
    batch = v[at.BATCH_ID]
    domain, family, subfamily, own = v[at.DOMAIN : at.OWN_CODE + 1]
    instructed, instructed_currency = v[at.INSTRUCTED], v[at.INSTRUCTED_CURRENCY]
    charges: Money | None = None
    if v[at.CHARGES] is not None or v[at.CHARGE_RECORDS] is not None:
        charges = _charges(
            v[at.CHARGES],
            v[at.CHARGES_CURRENCY] or currency,
            v[at.CHARGE_RECORDS],
            v[at.CHARGE_RECORDS_CURRENCY] or currency,
        )
    reference = v[at.REFERENCE]
    name = account = end_to_end = mandate = returned = None
    remittance = ""
    details: tuple[TransactionDetail, ...] = ()
    if len(parts) == 1:
        (
            _, _, _, _, _, tx_instructed, tx_instructed_currency,
            end_to_end, mandate, tx_batch, tx_reference,
            tx_domain, tx_family, tx_subfamily, tx_own,
            tx_charges, tx_charges_currency, tx_charge_records, tx_records_currency,
            debtor, debtor_account, creditor, creditor_account,
            text, structured, more, returned, return_text, info,
        ) = parts[0]  # fmt: skip
        batch = batch or tx_batch
        reference = reference or tx_reference
        if domain is None and own is None:
            domain, family, subfamily, own = tx_domain, tx_family, tx_subfamily, tx_own
        if instructed is None:
            instructed, instructed_currency = tx_instructed, tx_instructed_currency
        if charges is None and (tx_charges is not None or tx_charge_records is not None):
            charges = _charges(
                tx_charges,
                tx_charges_currency or currency,
                tx_charge_records,
                tx_records_currency or currency,
            )
        if incoming:
            name, account = debtor, debtor_account
            if account == draft.account or (name is None and account is None):
                name, account = _other(draft.account, creditor, creditor_account)
        else:
            name, account = creditor, creditor_account
            if account == draft.account or (name is None and account is None):
                name, account = _other(draft.account, debtor, debtor_account)
        if text is not None and structured is None and more is None:
            remittance = text
        else:
            remittance = _remittance(text, structured, more, info)
        returned = returned or return_text
    elif parts:
        details = _details(draft, parts, currency, incoming)
        end_to_end = _shared(parts, at.TX_END_TO_END)
        mandate = _shared(parts, at.TX_MANDATE)
        batch = batch or _shared(parts, at.TX_BATCH_ID)
    if not remittance:
        remittance = v[at.ENTRY_INFO] or ""
    code = own
    if domain is not None:
        code = "-".join([c for c in (domain, family, subfamily) if c])
        if subfamily != "SALA" and (v[at.BATCH] is not None or details):
            # Payroll is a batch by nature and keeps its plain code; a "batch" of one is none.
            count = v[at.BATCH_COUNT]
            if details or count is None or count.strip() != "1":
                code += "-B"
    original: Money | None = None
    if instructed is not None:
        original = _original(instructed, instructed_currency, signed, currency)
    booked, valued, reversal = v[at.BOOKED], v[at.VALUED], v[at.REVERSAL]
    made = new_transaction(
        account=draft.account,
        booking_date=None if booked is None else _date(draft, booked),
        value_date=None if valued is None else _date(draft, valued),
        amount=Money(signed, currency),
        status="BOOK" if status is None or status == "BOOK" else status.strip() or "BOOK",
        reversal=reversal is not None and reversal.strip() in ("true", "1"),
        counterparty_name=None if name is None else name.strip() or None,
        counterparty_account=None if account is None else account.replace(" ", "").strip() or None,
        remittance=remittance.strip(),
        end_to_end_id=None if end_to_end is None else _id(end_to_end),
        mandate_id=None if mandate is None else _id(mandate),
        batch_id=None if batch is None else _id(batch),
        bank_reference=None if reference is None else _id(reference),
        transaction_code=code,
        return_reason=None if returned is None else returned.strip() or None,
        original_amount=original,
        charges=charges,
        details=details,
    )
    if len(parts) > 1:
        _prove_parts(draft, made, len(parts))
    return made


def _amount(draft: Draft, v: Values) -> tuple[Decimal, bool]:
    """Return the entry's amount without sign and whether money came in."""
    text, direction = v[at.AMOUNT], v[at.DIRECTION]
    if text is not None:
        number = plain_decimal(text)
        if number is not None and number >= 0 and direction in ("CRDT", "DBIT"):
            return number, direction == "CRDT"
    number = plain_decimal((text or "").strip())
    direction = (direction or "").strip()
    if number is None:
        draft.problem("entry_malformed", "An entry without a readable amount", actual=text)
        number = Decimal(0)
    if number < 0:
        draft.problem(
            "entry_malformed", "A negative amount; the sign belongs in CdtDbtInd", actual=text
        )
    if direction not in ("CRDT", "DBIT"):
        draft.problem("entry_malformed", "An entry that is neither CRDT nor DBIT", actual=direction)
    return number, direction != "DBIT"


def _date(draft: Draft, text: str) -> date | None:
    day = iso_date(text)
    if day is None and text.strip():
        draft.problem("impossible_date", actual=text[:40])
    return day


def _id(text: str) -> str | None:
    text = text.strip()
    return None if text.upper() in _NO_ID else text


def _other(own: str, name: str | None, account: str | None) -> tuple[str | None, str | None]:
    """Return the other party of the pair, unless that is ourselves.

    Returned payments keep the parties of the payment they undo, so the
    direction of the money alone does not tell who the counterparty is.
    """
    return (None, None) if account is not None and account == own else (name, account)


def _remittance(
    text: str | None, structured: str | None, more: str | None, info: str | None
) -> str:
    """Join unstructured text, creditor references and document numbers; info if none is there."""
    lines = [t for t in (text, structured, more) if t]
    return "\n".join(lines) if lines else info or ""


def _charges(
    total: str | None, total_currency: str, records: str | None, records_currency: str
) -> Money | None:
    """Return the charges as money out: the printed total, else the sum of the records."""
    if total is not None:
        number = plain_decimal(total.strip())
        return Money(-number, total_currency) if number else None
    amounts = [plain_decimal(r.strip()) for r in (records or "").split("\n")]
    known = [a for a in amounts if a is not None]
    if len(known) < len(amounts) or not any(known):
        return None
    return Money(-sum(known, Decimal(0)), records_currency)


def _original(
    text: str, printed_currency: str | None, signed: Decimal, currency: str
) -> Money | None:
    """Return the instructed amount, signed like the booked one.

    Also where both are equal: then nobody on the way has kept anything.
    """
    number = plain_decimal(text.strip())
    if number is None:
        return None
    return Money(-number if signed < 0 else number, printed_currency or currency)


def _shared(parts: list[Values], slot: int) -> str | None:
    values = {p[slot - at.TX] for p in parts}
    return values.pop() if len(values) == 1 else None


def _details(
    draft: Draft, parts: list[Values], currency: str, incoming: bool
) -> tuple[TransactionDetail, ...]:
    """Explode a batch; a part's own direction counts."""
    details = []
    for part in parts:
        (
            text, of, direction, booked_text, booked_currency, instructed, instructed_currency,
            end_to_end, mandate, _, reference, domain, family, subfamily, own,
            charges, charges_currency, charge_records, records_currency,
            debtor, debtor_account, creditor, creditor_account,
            unstructured, structured, more, returned, return_text, info,
        ) = part  # fmt: skip
        if booked_text is not None and (text is None or (of != currency == booked_currency)):
            text, of = booked_text, booked_currency
        number = None if text is None else plain_decimal(text.strip())
        if number is None:
            continue
        into = incoming if direction is None else direction.strip() != "DBIT"
        name, account = (debtor, debtor_account) if into else (creditor, creditor_account)
        if account == draft.account or (name is None and account is None):
            pair = (creditor, creditor_account) if into else (debtor, debtor_account)
            name, account = _other(draft.account, *pair)
        amount = number if into else -number
        code = own
        if domain is not None:
            code = "-".join([c for c in (domain, family, subfamily) if c])
        details.append(
            new_detail(
                amount=Money(amount, of or currency),
                end_to_end_id=None if end_to_end is None else _id(end_to_end),
                mandate_id=None if mandate is None else _id(mandate),
                counterparty_name=None if name is None else name.strip() or None,
                counterparty_account=None if account is None else account.replace(" ", ""),
                remittance=_remittance(unstructured, structured, more, info).strip(),
                bank_reference=None if reference is None else _id(reference),
                transaction_code=code,
                return_reason=(returned or return_text or "").strip() or None,
                original_amount=None
                if instructed is None
                else _original(instructed, instructed_currency, amount, of or currency),
                charges=None
                if charges is None and charge_records is None
                else _charges(
                    charges,
                    charges_currency or currency,
                    charge_records,
                    records_currency or currency,
                ),
            )
        )
    return tuple(details)


def _prove_parts(draft: Draft, made: BankTransaction, count: int) -> None:
    """Note a batch whose parts do not come to its amount, less the charges it names."""
    known = [d.amount for d in made.details if d.amount.currency == made.amount.currency]
    if len(known) < count:
        message = "A batch whose parts have no amount, or one in another currency"
        draft.problem("parts_do_not_sum", message, severity=Severity.NOTE)
    elif made.fee_of_parts is None:
        total = sum(amount.amount for amount in known)
        draft.problem("parts_do_not_sum", expected=made.amount.amount, actual=total)
