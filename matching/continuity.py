"""Continuity: do an account's statements follow each other without gap or contradiction?

Statements may overlap, repeat and arrive in any order. Sorted by their end,
each must lead from the balance known so far, by the movements that are new in
it, to its own closing balance. The first one that does not stops the account:
what comes after cannot be trusted until the missing or broken file is there.

    1.1.      31.1.      28.2.      31.3.
    |--- a ---|          |--- c ---|        b is missing: c stops, a stands
    |------------- d --------------|        d covers the gap: a, d, c stand
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from records.findings import Finding, finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One whole statement (its pages stitched): balances in minor units.

    `movements` maps each booked transaction's id to its signed minor units.
    """

    id: str
    label: str
    first: date | None
    last: date | None
    number: str | None
    opening: int | None
    closing: int | None
    movements: Mapping[str, int]

    @property
    def is_balanced(self) -> bool | None:
        """Say whether opening + movements = closing; None when a balance is missing."""
        if self.opening is None or self.closing is None:
            return None
        return self.opening + sum(self.movements.values()) == self.closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuity:
    """Which statements are proven or at least not contradicted, and what stopped the rest.

    `balance` is the account's after the accepted ones, in minor units, as of
    the day `end`; None where no statement told one.
    """

    accepted: tuple[str, ...]
    stopped: tuple[str, ...]
    findings: tuple[Finding, ...]
    balance: int | None = None
    end: date | None = None


def check_continuity(account: str, spans: Collection[Span]) -> Continuity:
    """Walk one account's statements in order and stop at the first contradiction.

    The answer depends on the statements alone, never on when they came.
    Statements without balances (many CSV exports) are accepted with a note:
    nothing contradicts them, nothing proves them. They may not add movements
    to days that other statements proved: those would be the same ones in
    another bank's words.
    """
    walk = _Walk(account)
    waiting = sorted(spans, key=_order)
    while waiting:
        chosen = _next(walk, waiting)
        if chosen is None:
            found = (*walk.findings, walk.problem(waiting[0]))
            stopped = tuple(s.id for s in waiting)
            return Continuity(
                accepted=tuple(walk.accepted),
                stopped=stopped,
                findings=tuple(f for f in found if f is not None),
                balance=walk.balance,
                end=walk.told,
            )
        waiting.remove(chosen)
        walk.accept(chosen)
    return Continuity(
        accepted=tuple(walk.accepted),
        stopped=(),
        findings=tuple(walk.findings),
        balance=walk.balance,
        end=walk.told,
    )


def _next(walk: _Walk, waiting: list[Span]) -> Span | None:
    """Return the statement that goes on from here: one of the same day, or one that covers it."""
    first = waiting[0]
    fitting = [
        span
        for span in waiting
        if (span.last == first.last or _covers(span, first)) and walk.problem(span) is None
    ]
    if walk.balance is None:
        # The day's first statement is the one that no other of the day leads to.
        ends = [s.closing for s in fitting if s.last == first.last and s.closing != s.opening]
        fitting.sort(key=lambda s: s.last == first.last and s.opening in ends)
    return fitting[0] if fitting else None


class _Walk:
    """How far an account is proven: its balance, its day, and the movements until then."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.accepted: list[str] = []
        self.findings: list[Finding] = []
        self.seen: set[str] = set()
        self.balance: int | None = None
        self.end: date | None = None
        #: The last day of all accepted statements, proved or not.
        self.told: date | None = None
        #: Balances that statements began or ended with.
        self.reached: set[int] = set()
        #: Statements without balances before the first one with them.
        self.unproved: list[Span] = []

    def problem(self, span: Span) -> Finding | None:
        """Return what forbids that this statement goes on from here."""
        where = f"{self.account}, {span.label}"
        if span.is_balanced is False:
            assert span.opening is not None
            return finding(
                "statement_unbalanced",
                where=where,
                expected=_money(span.opening + sum(span.movements.values())),
                actual=_money(span.closing),
            )
        new = self._new(span)
        if new and self._is_told(span):
            return finding(
                "statement_contradicts",
                where=where,
                expected="only movements that are known already",
                actual=f"{len(new)} new, {_money(sum(new))} together",
            )
        if self.balance is None or span.closing is None or self._is_repeated(span, new):
            return None
        if self.balance + sum(new) != span.closing:
            return finding(
                "statement_gap",
                where=where,
                expected=_money(self.balance + sum(new)),
                actual=_money(span.closing),
            )
        return None

    def accept(self, span: Span) -> None:
        """Go on to the end of this statement."""
        if span.is_balanced is None:
            self.findings.append(
                finding("statement_unproved", where=f"{self.account}, {span.label}")
            )
        new = self._new(span)
        if span.closing is None:
            if self.balance is not None:
                self.balance += sum(new)
                self.told = max(filter(None, (self.told, span.last)), default=None)
            else:
                self.unproved.append(span)
        elif self.balance is None or not self._is_repeated(span, new):
            self.balance, self.end, self.told = span.closing, span.last, span.last
            self.reached.add(span.closing)
            if span.opening is not None:
                self.reached.add(span.opening)
        self.seen.update(span.movements)
        self.accepted.append(span.id)

    def _new(self, span: Span) -> list[int]:
        return [amount for key, amount in span.movements.items() if key not in self.seen]

    def _is_told(self, span: Span) -> bool:
        """Say whether others told this statement's days already, so that it may add nothing."""
        if span.closing is None:
            return self.end is not None and span.first is not None and span.first <= self.end
        if self._is_inside(span):
            return True
        return self.balance is None and any(_disagree(u, span) for u in self.unproved)

    def _is_repeated(self, span: Span, new: list[int]) -> bool:
        """Say whether an old or repeated file adds nothing; its balance was passed before."""
        if new:
            return False
        return self._is_inside(span) or (span.last == self.end and span.closing in self.reached)

    def _is_inside(self, span: Span) -> bool:
        return self.end is not None and span.last is not None and span.last < self.end


def _covers(span: Span, other: Span) -> bool:
    if span.first is None or span.last is None or other.first is None or other.last is None:
        return False
    return span.first <= other.first and span.last >= other.last


def _disagree(unproved: Span, span: Span) -> bool:
    """Say whether both tell the same days, in movements that are not the same ones."""
    if not unproved.movements or unproved.first is None or unproved.last is None:
        return False
    if span.first is None or span.last is None:
        return False
    if unproved.last < span.first or span.last < unproved.first:
        return False
    if _covers(span, unproved):
        return not unproved.movements.keys() <= span.movements.keys()
    return unproved.movements.keys().isdisjoint(span.movements)


def _order(span: Span) -> tuple[date, date, int, str]:
    last = span.last or date.max
    digits = "".join(c for c in span.number or "" if c.isdigit())
    return (last, span.first or last, int(digits or 0), span.id)


def _money(minor: int | None) -> str:
    if minor is None:
        return "none"
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 100)
    return f"{sign}{whole:,}.{rest:02d}"
