"""Included tax: whether tax rows are the tax that a gross total includes, rate by rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from extractors.pages.amounts import CENT, TaxRow, included_tax


def gross_of_rates(
    rows: Sequence[TaxRow], gross: Decimal, lines: Mapping[Decimal, Decimal], count: int
) -> list[TaxRow]:
    """Return the rows with the gross amount of each rate, if these are the total's parts.

    `lines` are the sums of the `count` invoice lines per rate, where lines name one.
    """
    known: list[TaxRow] = []
    rest = gross - abs(lines.get(Decimal(0), Decimal(0)))
    for row in rows:
        assert row.tax is not None
        part = lines.get(row.rate) if row.gross is None else row.gross
        if row.basis is not None:
            part = abs(row.basis.value) + abs(row.tax.value)
        if part is None:
            return []
        part = abs(part)
        slack = CENT * max(1, count // 4)
        if abs(included_tax(part, row.rate) - abs(row.tax.value)) > slack:
            return []
        rest -= part
        sign = 1 if row.tax.value > 0 else -1
        known.append(row._replace(gross=part * sign, proved=True))
    return known if abs(rest) <= CENT else []


def implied_by(rows: Sequence[TaxRow], gross: Decimal) -> bool:
    """Say whether the amounts that the rounded taxes imply at their rates make up the total.

    A rate under 2 % says too little about its base.
    """
    if any(r.rate < 2 for r in rows):
        return False
    factors = [(abs(r.tax.value), (100 + r.rate) / r.rate) for r in rows if r.tax]
    implied = sum((tax * factor for tax, factor in factors), Decimal(0))
    slack = sum((factor for _, factor in factors), Decimal(0)) * CENT / 2
    return abs(implied - gross) <= slack
