"""What a camt statement is proved by: its balances, its printed turnover."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connectors.banks._draft import Draft
from connectors.banks._values import NO_CURRENCY, iso_date, plain_decimal
from records.banking import BankTransaction
from records.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One Bal as printed. `interim` is SubTp INTM: the balance of a page."""

    code: str
    interim: bool
    amount: str
    currency: str
    direction: str
    day: str


class Turnover:
    """Counts and adds credits and debits, to compare with the printed TxsSummry.

    Banks differ in whether pending entries count there; both ways are right.
    """

    __slots__ = ("_booked", "_every")

    def __init__(self) -> None:
        """Start at zero."""
        self._every = [Decimal(0)] * 4
        self._booked = [Decimal(0)] * 4

    def add(self, entry: BankTransaction) -> None:
        """Count one entry."""
        amount = entry.amount.amount
        at = 2 if amount < 0 else 0
        self._every[at] += 1
        self._every[at + 1] += abs(amount)
        if entry.status == "BOOK":
            self._booked[at] += 1
            self._booked[at + 1] += abs(amount)

    def check(self, draft: Draft, printed: list[str | None]) -> None:
        """Note where what is printed (count and sum of credits, of debits) is neither."""
        names = ("number of credits", "sum of credits", "number of debits", "sum of debits")
        for name, text, every, booked in zip(
            names, printed, self._every, self._booked, strict=True
        ):
            number = None if text is None else plain_decimal(text)
            if number is not None and abs(number) not in (every, booked):
                message = f"The {name} is not the one printed in TxsSummry"
                draft.problem("control_total_wrong", message, expected=text, actual=every)


def settle(
    draft: Draft,
    balances: list[Balance],
    *,
    more_pages: bool,
    message_begins: bool,
    message_ends: bool,
) -> None:
    """Set the draft's opening, closing and currency.

    Booked balances (OPBD, CLBD) decide; the previous closing (PRCD) opens
    where OPBD is missing. Interim ones (ITBD) bound the pages of a camt.053;
    in a camt.052 they are the balance of the moment and prove nothing.

    `more_pages` tells of the statement's own pages (StmtPgntn). Older versions
    page the whole message (MsgPgntn); a statement without a balance at the end
    of a message that does not end there goes on in the next.
    """
    first_page = draft.page is None or draft.page <= 1
    booked = {b.code for b in balances}
    if draft.page is None and draft.kind == "camt.053":
        first_page = message_begins or bool(booked & {"OPBD", "PRCD"})
        more_pages = not message_ends and "CLBD" not in booked
    interim: list[tuple[Money, Balance]] = []
    for balance in balances:
        money = _money(draft, balance)
        if money is None:
            continue
        if balance.code == "OPBD" or (balance.code == "PRCD" and draft.opening is None):
            draft.opening, draft.opening_date = money, iso_date(balance.day)
            draft.intermediate_opening = balance.interim
        elif balance.code == "CLBD":
            draft.closing, draft.closing_date = money, iso_date(balance.day)
            draft.intermediate_closing = balance.interim
        elif balance.code == "ITBD":
            interim.append((money, balance))
    if draft.kind == "camt.053" and (not first_page or more_pages):
        if not first_page and draft.opening is None and interim:
            money, balance = interim.pop(0)
            draft.opening, draft.opening_date = money, iso_date(balance.day)
        if more_pages and draft.closing is None and interim:
            money, balance = interim.pop()
            draft.closing, draft.closing_date = money, iso_date(balance.day)
        draft.intermediate_opening |= not first_page
        draft.intermediate_closing |= more_pages
    if draft.currency is None:
        proved = [m.currency for m in (draft.opening, draft.closing) if m is not None]
        printed = [b.currency for b in balances]
        draft.currency = next(
            (c for c in (*proved, draft.only_currency(), *printed) if c and c != NO_CURRENCY), None
        )


def _money(draft: Draft, balance: Balance) -> Money | None:
    number = plain_decimal(balance.amount)
    if number is None:
        draft.problem(
            "statement_malformed", f"The balance {balance.code} is no amount", actual=balance.amount
        )
        return None
    signed = -number if balance.direction == "DBIT" else number
    return Money(signed, balance.currency or draft.currency or NO_CURRENCY)
