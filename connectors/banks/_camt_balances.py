"""The balances of a camt statement: which one opens, which one closes."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.banks._draft import Draft
from connectors.banks._values import NO_CURRENCY, iso_date, plain_decimal
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
