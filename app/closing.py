"""The close: one account and period on one sheet, from the bank's balance to the books'.

    balance per bank on the last day
    - movements that are not in the books (suggested, open)
    + in transit: our payment orders that the bank has not booked yet
    = what the books should say
    - what they say: opening balance + posted movements + in transit
    = the difference: zero, or explained

Balances are the account's, money coming in positive. A period is a month
(`2026-10`), a quarter (`2026-Q4`) or a year (`2026`).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from app.actions.bank import account_spans
from app.codec import load
from app.masterdata import every
from app.tables import (
    allocations,
    closings,
    matches,
    postings,
    statement_entries,
    statements,
    transactions,
)
from matching.continuity import check_continuity
from records.banking import BankTransaction, OwnAccount, PaymentRun, PaymentRunItem
from records.failures import KnownFailure
from records.matches import UNEXPLAINED, Match
from records.money import Money
from records.postings import Row, Value

_PERIOD = re.compile(r"(\d{4})(?:-(?:(\d{2})|Q([1-4])))?")


@dataclass(frozen=True, slots=True)
class Period:
    """A name and its days, both included."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """One side's item that the other side does not know: a bank movement or a payment order."""

    reference: str
    day: date | None
    amount: Money
    who: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The reconciliation of one account on the last day of a period.

    `covered_until` is the last day that proven statements tell; before the
    period's end, the sheet is not complete. `undelivered` are postings of the
    period that no target has confirmed: they explain why a ledger says less.
    """

    account: str
    period: Period
    per_bank: Money
    opening: Money
    posted: Money
    posted_count: int
    unmatched: tuple[Unmatched, ...]
    in_transit: tuple[Unmatched, ...]
    per_books: Money
    covered_until: date | None
    stopped: bool
    undelivered: int

    @property
    def difference(self) -> Money:
        """Return what neither unmatched movements nor payments in transit explain."""
        return (
            self.per_bank - self._sum(self.unmatched) + self._sum(self.in_transit) - self.per_books
        )

    @property
    def is_covered(self) -> bool:
        """Say whether proven statements reach to the end of the period."""
        return (
            not self.stopped
            and self.covered_until is not None
            and self.covered_until >= self.period.last
        )

    def lines(self) -> Iterator[tuple[str, Money]]:
        """Yield the sheet from top to bottom."""
        yield f"Balance per bank on {self.period.last}", self.per_bank
        for state in ("suggested", "open"):
            some = [u for u in self.unmatched if u.state == state]
            yield f"less {len(some)} movements {state}, not posted", -self._sum(some)
        yield f"plus {len(self.in_transit)} payments in transit", self._sum(self.in_transit)
        yield (
            f"Balance per books (opening {self.opening}, {self.posted_count} posted)",
            self.per_books,
        )
        yield "Difference", self.difference

    def remarks(self) -> Iterator[str]:
        """Yield what a person who signs should know besides."""
        if not self.is_covered:
            until = self.covered_until or "no day"
            stop = "; a file is missing or broken" if self.stopped else ""
            yield f"Proven statements reach only until {until}{stop}."
        if self.undelivered:
            yield f"{self.undelivered} postings are decided and not delivered yet."

    def rows(self, revision: int) -> Iterator[Row]:
        """Yield the rows of the sheet Reconciliation."""
        key = f"{self.account}/{self.period.name}" + (f"@{revision}" if revision > 1 else "")
        for number, (text, amount) in enumerate(self.lines(), 1):
            yield Row(
                sheet="Reconciliation", key=f"{key}/{number}", values=self._values(text, amount)
            )
        for kind, side in (("not in the books", self.unmatched), ("in transit", self.in_transit)):
            for one in side:
                text = f"{kind}: {one.who or one.reference}"
                values = self._values(text, one.amount)
                values.update({"Date": one.day, "Reference": one.reference, "State": one.state})
                name = f"{key}/{kind}/{one.reference}"
                yield Row(sheet="Reconciliation", key=name, values=values)

    def _values(self, text: str, amount: Money) -> dict[str, Value]:
        return {
            "Account": self.account,
            "Period": self.period.name,
            "What": text,
            "Amount": amount.amount,
            "Currency": amount.currency,
            "Date": None,
            "Reference": None,
            "State": None,
        }

    def _sum(self, some: Sequence[Unmatched]) -> Money:
        zero = Money.of_minor(0, self.per_bank.currency)
        return sum((u.amount for u in some), zero)


def period_of(text: str) -> Period:
    """Return the period a person named; KnownFailure says how to name one."""
    found = _PERIOD.fullmatch(text.strip().upper())
    if found is None or not 1 <= int(found[2] or 1) <= 12:
        raise KnownFailure(f"{text!r} is no period. Use 2026-10, 2026-Q4 or 2026.")
    year = int(found[1])
    if found[2]:
        first = last = int(found[2])
    elif found[3]:
        last = int(found[3]) * 3
        first = last - 2
    else:
        first, last = 1, 12
    end = date(year, last, calendar.monthrange(year, last)[1])
    return Period(found[0], date(year, first, 1), end)


def find_account(tx: Connection, text: str) -> str:
    """Return the account that a person means by its number, our id or its label."""
    known: set[str] = set(tx.execute(select(statements.c.account).distinct()).scalars())
    wanted = "".join(text.split()).casefold()
    found = {a for a in known if a.casefold() == wanted}
    for own in every(tx, OwnAccount):
        names = (own.id, own.label, own.iban)
        if own.iban in known and any("".join(n.split()).casefold() == wanted for n in names):
            found.add(own.iban)
    if len(found) != 1:
        raise KnownFailure(
            f"no account {text!r}. Statements were read of: {', '.join(sorted(known)) or 'none'}."
        )
    return found.pop()


def reconciliation_sheet(tx: Connection, account: str, period: Period) -> Sheet:
    """Return the sheet; KnownFailure where no statement ever told a balance."""
    proven = check_continuity(account, account_spans(tx, account))
    currency = tx.execute(
        select(statements.c.currency)
        .where(statements.c.account == account, statements.c.currency.is_not(None))
        .limit(1)
    ).scalar()
    if proven.balance is None or currency is None:
        raise KnownFailure(
            f"No statement of {account} tells its balance. Fetch one from the bank as camt.053."
        )
    told = (
        select(statement_entries.c.transaction_id)
        .join(statements, statements.c.id == statement_entries.c.statement_id)
        .where(statements.c.account == account, statements.c.state == "accepted")
    )
    rows = tx.execute(
        select(transactions)
        .where(transactions.c.id.in_(told))
        .order_by(transactions.c.booking_date, transactions.c.id)
    ).all()
    last = period.last.isoformat()
    until = [row for row in rows if (row.booking_date or "") <= last]
    booked = _booked(tx, account)
    posted = [row for row in until if row.id in booked]
    per_bank = proven.balance - sum(r.amount_minor for r in rows if (r.booking_date or "") > last)
    opening = proven.balance - sum(r.amount_minor for r in rows)
    in_transit = tuple(_in_transit(tx, account, period, rows[0].booking_date if rows else None))
    sent = sum(one.amount.minor for one in in_transit)

    def money(minor: int) -> Money:
        return Money.of_minor(minor, currency)

    return Sheet(
        account=account,
        period=period,
        per_bank=money(per_bank),
        opening=money(opening),
        posted=money(sum(booked[row.id] for row in posted)),
        posted_count=len(posted),
        unmatched=tuple(
            Unmatched(
                reference=row.bank_reference or row.id,
                day=None if row.booking_date is None else date.fromisoformat(row.booking_date),
                amount=money(row.amount_minor - booked.get(row.id, 0)),
                who=load(BankTransaction, row.data).counterparty_name or "",
                state="suggested" if row.state == "suggested" else "open",
            )
            for row in until
            if row.state != "posted"
        ),
        in_transit=in_transit,
        per_books=money(opening + sum(booked[row.id] for row in posted) + sent),
        covered_until=proven.end,
        stopped=bool(proven.stopped),
        undelivered=_undelivered(tx, [row.id for row in posted]),
    )


def _booked(tx: Connection, account: str) -> dict[str, int]:
    """Return what the newest match of each posted movement put into the books, also in part."""
    query = (
        select(matches.c.transaction_id, matches.c.data, transactions.c.amount_minor)
        .join(transactions, transactions.c.id == matches.c.transaction_id)
        .where(transactions.c.account == account)
        .where(transactions.c.state.in_(("posted", "partly")), matches.c.undone_at.is_(None))
        .order_by(matches.c.revision)
    )
    booked: dict[str, int] = {}
    for row in tx.execute(query):
        match = load(Match, row.data)
        cash = [a.amount.minor for a in match.allocations]
        cash += [a.amount.minor for a in match.adjustments if a.is_cash and a.kind != UNEXPLAINED]
        # A category without items takes the movement whole.
        booked[row.transaction_id] = sum(cash) if cash else row.amount_minor
    return booked


def _in_transit(
    tx: Connection, account: str, period: Period, since: str | None
) -> Iterator[Unmatched]:
    """Yield what we ordered until the period's end and the bank booked later, or not yet.

    Orders from before the first statement are not ours to judge.
    """
    own = {a.id: a.iban for a in every(tx, OwnAccount)}
    runs = {
        run.id: run
        for run in every(tx, PaymentRun)
        if own.get(run.account_id) == account
        and run.execution_date <= period.last
        and since is not None
        and run.execution_date.isoformat() >= since
    }
    booked = set(
        tx.execute(
            select(allocations.c.item_id)
            .join(transactions, transactions.c.id == allocations.c.transaction_id)
            .where(transactions.c.account == account)
            .where(transactions.c.booking_date <= period.last.isoformat())
        ).scalars()
    )
    for item in every(tx, PaymentRunItem):
        run = runs.get(item.run_id)
        if run is None or item.item_id in booked:
            continue
        outgoing = not run.kind.startswith("pain.008")
        yield Unmatched(
            reference=f"{item.end_to_end_id}/{item.item_id}",
            day=run.execution_date,
            amount=-item.amount if outgoing else item.amount,
            who=f"run {run.id}",
            state="in transit",
        )


def _undelivered(tx: Connection, names: Sequence[str]) -> int:
    """Count the postings of these movements that no target has confirmed."""
    waiting = tx.execute(
        select(postings.c.subject).where(
            postings.c.kind == "match", postings.c.state != "delivered"
        )
    ).scalars()
    return len(set(waiting) & set(names))


def closed_until(tx: Connection) -> dict[str, date]:
    """Return the last signed-off day of every account that has one."""
    rows = tx.execute(
        select(closings.c.account, func.max(closings.c.last_day)).group_by(closings.c.account)
    )
    return {account: date.fromisoformat(day) for account, day in rows}
