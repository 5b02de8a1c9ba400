"""Adjustments: allowances and charges on the document, found by the sums they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from extractors.pages.amounts import Occurrence, ranked
from extractors.pages.chosen import Sums, Totals


def settle_adjustments(totals: Totals, found: list[Occurrence], sums: Sums) -> None:
    """Find lines total, allowances and charges such that they lead to net or gross total."""
    sold = [s for s in (sums.plain, sums.reduced) if s is not None]
    lines = [o for s, o in ranked(found, {"lines_total": 1.0, "net_total": 0.6}) if s >= 0.5]
    # A printed sum that the lines prove comes first; then any printed one.
    lines.sort(key=lambda o: (o.value not in sold, -o.concepts.get("lines_total", 0)))
    starts: list[tuple[Decimal, Occurrence | None]] = [(o.value, o) for o in lines]
    starts += [(s, None) for s in sold]
    subtracted = [o for s, o in ranked(found, {"allowance_total": 1.0}) if s >= 0.4 and o.value]
    added = [o for s, o in ranked(found, {"charge_total": 1.0}) if s >= 0.4 and o.value]
    goals = [g for g in (totals.value("net_total"), totals.value("gross_total")) if g is not None]
    for goal in goals:
        for start, occurrence in starts:
            if start == goal and start in sold:
                if occurrence is not None and occurrence.concepts.get("lines_total", 0) >= 0.5:
                    totals.prove("the lines add up to it", lines_total=occurrence)
                return
    for goal in goals:
        for start, occurrence in starts:
            for a in (None, *subtracted):
                for c in (None, *added):
                    less = abs(a.value) if a else Decimal(0)
                    more = abs(c.value) if c else Decimal(0)
                    if (a or c) and abs(start) - less + more == abs(goal):
                        if occurrence is None:
                            totals.derived["lines_total"] = start
                        why = "leads from the sum of the lines to the total"
                        totals.prove(why, lines_total=occurrence, allowance_total=a, charge_total=c)
                        return
    _settle_unnamed(totals, found, starts)


def _settle_unnamed(
    totals: Totals,
    found: list[Occurrence],
    starts: Sequence[tuple[Decimal, Occurrence | None]],
) -> None:
    """Take amounts with unknown labels for the steps from lines total to net total."""
    goal = totals.chosen.get("net_total")
    if goal is None:
        return
    for start, occurrence in starts:
        step = goal.value - start
        if not step or occurrence is None or not 0 < goal.row.index - occurrence.row.index <= 6:
            continue
        between = [
            item
            for item in found
            if occurrence.row.index < item.row.index < goal.row.index and item.figure.is_money
        ]
        why = "leads from the sum of the lines to the net total"
        for item in between:
            if abs(item.value) == abs(step):
                if step < 0:
                    totals.prove(why, lines_total=occurrence, allowance_total=item)
                else:
                    totals.prove(why, lines_total=occurrence, charge_total=item)
                return
        # All that is printed between the two, as it is signed.
        less = [item for item in between if item.value < 0]
        more = [item for item in between if item.value > 0]
        if len(less) == len(more) == 1 and less[0].value + more[0].value == step:
            totals.prove(why, lines_total=occurrence, allowance_total=less[0])
            totals.prove(why, charge_total=more[0])
            return
