"""Continuity: do an account's statements follow each other without gap or contradiction?

Statements may overlap, repeat and arrive in any order. Sorted by their end,
each must lead from the balance known so far, by the movements that are new in
it, to its own closing balance. The first one that does not stops the account:
what comes after cannot be trusted until the missing or broken file is there.
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
    """Which statements are proven or at least not contradicted, and what stopped the rest."""

    accepted: tuple[str, ...]
    stopped: tuple[str, ...]
    findings: tuple[Finding, ...]


def check_continuity(account: str, spans: Collection[Span]) -> Continuity:
    """Walk one account's statements in order and stop at the first contradiction.

    Statements without balances (many CSV exports) are accepted with a note:
    nothing contradicts them, nothing proves them.
    """
    ordered = sorted(spans, key=_order)
    accepted: list[str] = []
    found: list[Finding] = []
    seen: dict[str, int] = {}
    balance: int | None = None
    end: date | None = None
    for position, span in enumerate(ordered):
        new = sum(amount for key, amount in span.movements.items() if key not in seen)
        problem = _problem(account, span, balance, new, end)
        if problem is not None:
            found.append(problem)
            stopped = tuple(s.id for s in ordered[position:])
            return Continuity(accepted=tuple(accepted), stopped=stopped, findings=tuple(found))
        if span.is_balanced is None:
            found.append(finding("statement_unproved", where=f"{account}, {span.label}"))
        if span.closing is not None and not _is_inside(span, end):
            balance, end = span.closing, span.last
        elif balance is not None:
            balance += new
        seen.update(span.movements)
        accepted.append(span.id)
    return Continuity(accepted=tuple(accepted), stopped=(), findings=tuple(found))


def _problem(
    account: str, span: Span, balance: int | None, new: int, end: date | None
) -> Finding | None:
    where = f"{account}, {span.label}"
    if span.is_balanced is False:
        assert span.opening is not None
        return finding(
            "statement_unbalanced",
            where=where,
            expected=_money(span.opening + sum(span.movements.values())),
            actual=_money(span.closing),
        )
    if balance is None or span.closing is None:
        return None
    if _is_inside(span, end):
        # An old or repeated file: it may add nothing to what its period already held.
        if new:
            return finding(
                "statement_contradicts",
                where=where,
                expected="only movements that are known already",
                actual=f"new movements of {_money(new)}",
            )
        return None
    if balance + new != span.closing:
        return finding(
            "statement_gap",
            where=where,
            expected=_money(balance + new),
            actual=_money(span.closing),
        )
    return None


def _is_inside(span: Span, end: date | None) -> bool:
    return end is not None and span.last is not None and span.last < end


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
