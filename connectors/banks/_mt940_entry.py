"""One MT940 entry: from :61: and its :86: to a BankTransaction; amounts and balances.

Sign table of :61: (subfield 3), money in is positive:
C and EC +, D and ED -, RC (a credit taken back) -, RD (a debit taken back) +.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

from connectors.banks._details86 import Details, details, iso_reason
from connectors.banks._draft import Draft
from connectors.banks._gvc import BATCHES, RETURNS, transaction_code
from connectors.banks._records import new_transaction
from connectors.banks._values import NO_CURRENCY, compact_date, iban
from records.banking import BankTransaction
from records.money import Money

#: Longer texts are cut, with a finding.
MAX_TEXT = 1 << 14

_ENTRY = re.compile(
    r"([0-9]{6}(?:[0-9]{4}|    )?)"  # value date, entry date
    r"(R?[CD]|E[CD])[A-Z]?"  # mark, funds code
    r"\s*([0-9.,]+)"
    r"([A-Z][A-Z0-9]{3})?"  # N, F or S and three characters
    r"([^\n]*)"  # reference // bank reference
    r"(?:\n([\s\S]*))?"  # supplementary details
)
_BALANCE = re.compile(r"\s*([CD])\s*([0-9]{6})([A-Z]{3})\s*([0-9.,]+)")
_CODED_AMOUNT = re.compile(r"/(OCMT|CHGS)/([A-Z]{3})([0-9.,]+)")
END = re.compile(r"\n-(?:[}\x03][\s\S]*|\s*\n[\s\S]*|\s*)\Z|\n\{1:[\s\S]*\Z")
_NO_REFERENCE = frozenset({"NONREF", "EREF", "PREF", "MARF", "KREF", "NOTPROVIDED", "NONREF.", ""})
#: Mark -> whether money comes in, status, reversal.
_MARKS = {
    "C": (True, "BOOK", False),
    "D": (False, "BOOK", False),
    "EC": (True, "PDNG", False),
    "ED": (False, "PDNG", False),
    "RC": (False, "BOOK", True),
    "RD": (True, "BOOK", True),
}


def entry(draft: Draft, value: str, info: str | None) -> BankTransaction:
    """Build one transaction from the values of :61: and, if there is one, :86:.

    A :61: that cannot be read becomes an entry of status INFO with its text, so
    that it is seen; the draft gets a blocking finding.
    """
    match = _ENTRY.match(value) or _ENTRY.match(value.replace("\n", "", 1))
    read = None if match is None else read_number(match[3])
    if match is None or read is None:
        draft.problem("entry_malformed", "An unreadable :61:", actual=value[:60])
        return new_transaction(
            account=draft.account,
            amount=Money(Decimal(0), draft.currency or NO_CURRENCY),
            status="INFO",
            remittance=value[:MAX_TEXT],
        )
    dates, mark, digits, swift, rest, more = match.groups()
    unsigned, usual = read
    if not usual:
        draft.problem("unusual_notation", "An amount without its decimal comma", actual=digits)
    incoming, status, reversal = _MARKS[mark]
    signed = unsigned if incoming else -unsigned
    value_date, booking_date, possible = _dates(dates)
    if not possible:
        draft.problem("impossible_date", actual=dates)
    reference, double, bank_reference = rest.partition("//")
    found = _NO_DETAILS
    if info is not None:
        if "\n-" in info or ("{" in info and "\n{" in info):
            info = END.sub("", info)
        if len(info) > MAX_TEXT:
            draft.problem("unusual_notation", f"Text cut after {MAX_TEXT} characters")
            info = info[:MAX_TEXT]
        found = details(info.rstrip("\n"), draft.account)
    name, account, remittance = found.name, found.account, found.text
    if not double and len(reference) > 16:
        # An older layout: 16 characters of reference, then the counterparty's name.
        if (whole := iban(reference)) is not None:
            account, reference = account or whole, ""
        else:
            name = name or reference[16:].strip() or None
            reference = reference[:16]
    reference = reference.strip()
    original = charges = None
    if more is not None and more.strip():
        more = more.strip()
        if "/OCMT/" in more or "/CHGS/" in more:
            original, charges = _coded_amounts(more, signed)
        elif account is None and iban(more) is not None:
            account = iban(more)
        elif remittance.startswith(f"{reference} {more}") and reference:
            # The counterparty's account and name, printed again before the text.
            account, name = account or reference, name or more
            remittance = remittance[len(reference) + len(more) + 1 :].strip()
            reference = ""
        elif not remittance and more[0] != "/":
            remittance = more
    if info is not None and "/" in info and ("/OCMT/" in info or "/CHGS/" in info):
        coded = _coded_amounts(info, signed)
        original, charges = original or coded[0], charges or coded[1]
    end_to_end = found.end_to_end
    batch = None
    if found.customer_reference is not None:
        if found.gvc in BATCHES or (found.end_to_end is None and found.name is None):
            batch = found.customer_reference
        elif end_to_end is None:
            end_to_end = found.customer_reference
    elif (
        end_to_end is None
        and len(reference) > 1
        and reference not in _NO_REFERENCE
        and reference[-1] != "+"
    ):
        end_to_end = reference
    returned = found.return_reason
    if returned is None and found.gvc in RETURNS:
        returned = iso_reason(remittance)
    currency = draft.currency or NO_CURRENCY
    return new_transaction(
        account=draft.account,
        booking_date=booking_date,
        value_date=value_date,
        amount=Money(signed, currency),
        status=status,
        reversal=reversal,
        counterparty_name=name,
        counterparty_account=account,
        remittance=remittance,
        end_to_end_id=end_to_end if end_to_end not in _NO_REFERENCE else None,
        mandate_id=found.mandate or None,
        batch_id=batch,
        bank_reference=bank_reference.strip() or None,
        transaction_code=transaction_code(
            found.gvc, swift or "", (incoming and bool(unsigned)) != reversal
        ),
        return_reason=returned,
        original_amount=original,
        charges=charges,
    )


_NO_DETAILS = Details()


@lru_cache(maxsize=4096)
def _dates(text: str) -> tuple[date | None, date | None, bool]:
    """Return value date, booking date and whether what is printed exists.

    The entry date has no year: the one nearest to the value date. Without an
    entry date the value date is the booking date (SWIFT usage rules).
    """
    value = compact_date(text[:6])
    entered = text[6:].strip()
    if not entered:
        return value, value, value is not None
    year = 2000 + int(text[:2])
    # In a year with a 29th the nearest one still wins; an impossible value date lends its year.
    near = value or compact_date(text[:4] + "15") or date(year, 7, 1)
    days = [compact_date(f"{y}{entered}") for y in (year - 1, year, year + 1)]
    booked = min((d for d in days if d), key=lambda d: abs((d - near).days), default=None)
    return value, booked, value is not None and booked is not None


def read_number(digits: str) -> tuple[Decimal, bool] | None:
    """Read an amount; the flag says whether it has SWIFT's decimal comma.

    None where it is no amount or could be two: `1.234` without a comma.
    """
    whole, comma, fraction = digits.partition(",")
    if len(digits) > 24:
        return None
    if comma and whole.isdigit() and (not fraction or fraction.isdigit()):
        return Decimal(f"{whole}.{fraction}"), True
    groups = whole.split(".")
    if not all(groups):
        return None
    if comma:
        grouped = all(len(g) == 3 for g in groups[1:]) and (not fraction or fraction.isdigit())
        return (Decimal(f"{''.join(groups)}.{fraction}"), False) if grouped else None
    if len(groups) == 1:
        return Decimal(whole), False
    if len(groups) == 2 and len(groups[1]) != 3:
        return Decimal(whole), False
    return None


def read_balance(value: str) -> tuple[Money, date | None] | None:
    """Read :60F: and its like: signed amount and date; None where it is no balance."""
    match = _BALANCE.match(value)
    read = None if match is None else read_number(match[4])
    if match is None or read is None:
        return None
    return Money(-read[0] if match[1] == "D" else read[0], match[3]), compact_date(match[2])


def _coded_amounts(text: str, signed: Decimal) -> tuple[Money | None, Money | None]:
    """Read /OCMT/ (original amount, signed like the entry) and /CHGS/ (money out)."""
    original = charges = None
    for code, currency, digits in _CODED_AMOUNT.findall(text):
        read = read_number(digits)
        if read is None:
            continue
        number, _ = read
        if code == "OCMT":
            original = Money(-number if signed < 0 else number, currency)
        elif number:
            charges = Money(-number, currency)
    return original, charges
