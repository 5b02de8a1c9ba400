"""Rows of a bank's table, read by a profile, into transactions and one Statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from connectors.banks._cells import Number, amount, day, days
from connectors.banks._draft import Draft
from connectors.banks._guess import CREDIT_WORDS, DEBIT_WORDS
from connectors.banks._profile import Profile
from connectors.banks._values import NO_CURRENCY, iban, is_currency
from records.banking import BankTransaction, Statement
from records.findings import Finding, Severity
from records.money import Money

_OPENING = re.compile(
    r"opening|start of|beginning|previous|brought forward|anfangs|alter (konto)?(saldo|stand)"
    r"|beginsaldo|vorig|solde (initial|pr.c|d.but|au d)|saldo (inicial|iniziale|anterior|pocz)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"closing|end of|ending|current balance|carried forward|endsaldo|end(konto)?stand"
    r"|neuer (konto)?(saldo|stand)|schluss|eindsaldo|solde (final|fin|actuel)"
    r"|saldo (final|finale|ko.c)|aktueller",
    re.IGNORECASE,
)
_BALANCE = re.compile(r"balance|saldo|solde|stand\b", re.IGNORECASE)
_TOTAL = re.compile(r"\b(total|totaal|summe|sum|gesamt|saldo|balance|solde|suma)\b", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"\b(?:account|konto|compte|rekening|cuenta|conto|rachun\w*)[ -]*"
    r"(?:number|no\.?|nr\.?|nummer|num.ro|n°)?\s*[:#]\s*([A-Z0-9][A-Z0-9 /.-]{3,40})",
    re.IGNORECASE,
)
_IN_AMOUNT = re.compile(r"\b[A-Z]{3}\b|€|£|zł|Kč")
#: Signs of one currency only; a dollar, a crown or a franc is that of many.
_OF_SIGN = {"€": "EUR", "£": "GBP", "zł": "PLN", "Kč": "CZK"}
_CURRENCY = re.compile(r"\b(?:currency|w.hrung|devise|valuta|moneda|waluta)\s*:?\s*([A-Z]{3})\b")


#: A table's title row is looked for among so many rows.
HEADER_WITHIN = 60


def fits(profile: Profile, rows: Iterable[list[str]]) -> bool:
    """Say whether the profile is for a table that begins with these rows.

    Its title row is among them; a profile without titles fits a table whose
    first row is an entry by it.
    """
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if profile.header:
        return any(profile.is_header(row) for row in filled)
    return bool(filled) and (
        bool(days(_cell(filled[0], profile.columns.booking_date)))
        and _signed(filled[0], profile) is not None
    )


def read_table(
    rows: Iterable[list[str]], profile: Profile, kind: str
) -> Iterator[BankTransaction | Statement | Finding]:
    """Read the table; rows before its header and after its entries may hold balances.

    An entry is a row with a date and an amount. A row that has only one of
    the two is a Finding, so that no money is skipped silently.
    """
    draft = Draft(kind)
    draft.account = profile.account or ""
    draft.currency = profile.currency
    if profile.name is None:
        draft.problem("profile_guessed", "; ".join(profile.reasons))
    started = not profile.header
    ambiguous = 0
    running = _RunningBalance()
    balance = profile.columns.balance
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if not started and profile.is_header(row):
            started = True
            continue
        entry = _entry(row, profile, draft) if started else None
        if entry is None:
            _around(row, number, profile, draft, started)
            continue
        if entry.booking_date is None and days(row[profile.columns.booking_date]):
            ambiguous += 1
        running.take(entry.amount.amount, amount(_cell(row, balance), profile.decimal))
        draft.add(entry)
        yield entry
    if ambiguous:
        draft.problem(
            "ambiguous_date",
            f"{ambiguous} dates can be read day first or month first; the profile must say which",
        )
    if running.broken:
        draft.problem(
            "statement_unbalanced",
            f"The running balance does not follow the amounts at {running.broken} entries",
        )
    if not started:
        draft.problem("profile_unknown", "The profile's header row is not in the file")
    yield draft.close()


class _RunningBalance:
    """Checks each balance against the one before, for rows in either order of time."""

    __slots__ = ("_after", "_before", "_last")

    def __init__(self) -> None:
        self._last: tuple[Decimal, Decimal] | None = None
        self._before = self._after = 0

    def take(self, money: Decimal, balance: Decimal | None) -> None:
        if balance is None:
            self._last = None
            return
        if self._last is not None:
            earlier_money, earlier = self._last
            self._after += earlier + money != balance
            self._before += balance + earlier_money != earlier
        self._last = money, balance

    @property
    def broken(self) -> int:
        """Return at how many entries the better of the two orders fails."""
        return min(self._before, self._after)


def _cell(row: list[str], column: int | None) -> str:
    if column is None or column >= len(row):
        return ""
    cell = row[column]
    return cell if isinstance(cell, Number) else cell.strip()


def _entry(row: list[str], profile: Profile, draft: Draft) -> BankTransaction | None:
    """Read one row; None when it has no date or no amount."""
    columns = profile.columns
    if not draft.account and (own := _cell(row, columns.account)):
        draft.account = iban(own) or own
    booked_text = _cell(row, columns.booking_date)
    valued_text = _cell(row, columns.value_date)
    if not (days(booked_text) or days(valued_text)):
        return None
    signed = _signed(row, profile)
    if signed is None:
        return None
    printed = _cell(row, columns.currency).upper()
    if not printed:
        cells = (_cell(row, c) for c in (columns.amount, columns.debit, columns.credit))
        match = _IN_AMOUNT.search(" ".join(cells))
        printed = _OF_SIGN.get(match[0], match[0]) if match else ""
    currency = printed if is_currency(printed) else draft.currency or NO_CURRENCY
    account = _cell(row, columns.counterparty_account)
    texts = [t for t in (_cell(row, c) for c in columns.remittance) if t]
    end_to_end = _cell(row, columns.end_to_end_id)
    return BankTransaction(
        account=draft.account,
        booking_date=day(booked_text, profile.date_order),
        value_date=day(valued_text, profile.date_order) if valued_text else None,
        amount=Money(signed, currency),
        counterparty_name=(
            (signed > 0 and _cell(row, columns.payer_name))
            or _cell(row, columns.counterparty_name)
            or None
        ),
        counterparty_account=iban(account) or account or None,
        remittance=" ".join(texts),
        end_to_end_id=None if end_to_end.upper() in {"", "NOTPROVIDED", "NONREF"} else end_to_end,
        mandate_id=_cell(row, columns.mandate_id) or None,
        bank_reference=_cell(row, columns.bank_reference) or None,
        transaction_code=_cell(row, columns.transaction_code) or None,
        original_amount=_original(row, profile, signed, currency),
    )


def _signed(row: list[str], profile: Profile) -> Decimal | None:
    """Return the amount, money in positive; None when the row prints none."""
    columns, sign = profile.columns, profile.decimal
    if columns.amount is not None and (text := _cell(row, columns.amount)):
        number = amount(text, sign)
        if number is None:
            return None
        word = _cell(row, columns.direction).lower()
        if word in DEBIT_WORDS:
            number = -abs(number)
        elif word in CREDIT_WORDS and number < 0:
            return None  # word and sign contradict each other
    else:
        debit = amount(_cell(row, columns.debit), sign)
        credit = amount(_cell(row, columns.credit), sign)
        if debit is None and credit is None:
            return None
        number = (credit or Decimal(0)) - abs(debit or Decimal(0))
    return -number if profile.sign == "inverted" else number


def _original(row: list[str], profile: Profile, signed: Decimal, currency: str) -> Money | None:
    """Return the amount in its own currency where the table says which that is."""
    columns = profile.columns
    number = amount(_cell(row, columns.original_amount), profile.decimal)
    printed = _cell(row, columns.original_currency).upper()
    if not number or not is_currency(printed) or printed == currency:
        return None
    return Money(-abs(number) if signed < 0 else abs(number), printed)


def _around(row: list[str], number: int, profile: Profile, draft: Draft, started: bool) -> None:
    """Take account, currency and balances from a row that is no entry, or say it was not read."""
    text = " ".join(cell.strip() for cell in row if cell.strip())
    numbers = [
        n for cell in row if (n := amount(cell, profile.decimal)) is not None and not days(cell)
    ]
    label = _OPENING.search(text), _CLOSING.search(text)
    if len(numbers) >= 1 and (any(label) and _BALANCE.search(text)):
        money = Money(numbers[-1], _row_currency(row) or draft.currency or NO_CURRENCY)
        if label[0] and not label[1]:
            draft.opening = money
        elif label[1] and not label[0]:
            draft.closing = money
        return
    if not started:
        _header_facts(row, text, draft)
        return
    has_date = bool(days(_cell(row, profile.columns.booking_date)))
    if has_date or (_signed(row, profile) is not None and not _TOTAL.search(text)):
        missing = "a readable amount" if has_date else "a date"
        draft.problem("entry_malformed", f"Row {number} has no {missing}", actual=text[:80])
    else:
        draft.problem(
            "unusual_notation",
            f"Row {number} is no entry: {text[:80]}",
            severity=Severity.NOTE,
        )


def _header_facts(row: list[str], text: str, draft: Draft) -> None:
    if not draft.account:
        proved = {a for cell in row if (a := iban(cell.rpartition(":")[2]))}
        if len(proved) == 1:
            draft.account = proved.pop()
        elif match := _ACCOUNT.search("\n".join(row)):
            digits = match[1].strip()
            if any(c.isdigit() for c in digits):
                draft.account = digits
    if draft.currency is None:
        draft.currency = _row_currency(row)
        if draft.currency is None and (match := _CURRENCY.search(text)):
            draft.currency = match[1]


def _row_currency(row: list[str]) -> str | None:
    found = {cell.strip(" :").upper() for cell in row if is_currency(cell.strip(" :"))}
    return found.pop() if len(found) == 1 else None
