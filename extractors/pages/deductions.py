"""Deductions: tax that the buyer withholds, and balances of earlier bills in what is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from extractors.pages.amounts import CENT, Occurrence, TaxRow, ranked
from extractors.pages.figures import Style


class Withheld(NamedTuple):
    """Net, tax (None where none is printed), tax withheld and the amount left to pay, as printed."""

    net: Occurrence
    tax: Occurrence | None
    withheld: Occurrence
    due: Occurrence

    @property
    def gross(self) -> Decimal:
        """Return the gross total (EN 16931 BT-112), which nothing is withheld from."""
        return self.net.value + (self.tax.value if self.tax else Decimal(0))


def withholding(found: Sequence[Occurrence], taxes: Sequence[TaxRow]) -> Withheld | None:
    """Find `net + tax - withheld = due` where the printed rates explain tax and withheld.

    Invoices of the self-employed print the amount left to pay as their total
    (Spain's IRPF, Italy's ritenuta d'acconto, Portugal's IRS).
    """
    held = [o for s, o in ranked(found, {"withheld": 1.0}) if s >= 0.7 and o.value]
    if not held:
        return None
    nets = [o for s, o in ranked(found, {"net_total": 1.0, "lines_total": 0.8}) if s >= 0.5]
    duties = [o for s, o in ranked(found, {"tax_total": 1.0}) if s >= 0.6 and o.value]
    weights = {"amount_due": 1.0, "gross_total": 1.0, "total": 1.0}
    left = [o for s, o in ranked(found, weights) if s >= 0.5]
    rates = {t.rate for t in taxes if t.rate}
    options: Sequence[Occurrence | None] = duties or (None,)
    for net, tax, cut, due in product(nets, options, held, left):
        if net.value <= 0 or len({id(o) for o in (net, tax, cut, due)}) < 4:
            continue
        taxed = tax.value if tax else Decimal(0)
        if net.value + taxed - abs(cut.value) != due.value:
            continue
        explained = tax is None or any(_is_part(taxed, net.value, rate) for rate in rates)
        if explained and any(_is_part(cut.value, net.value, r) for r in _percents(cut)):
            return Withheld(net, tax, cut, due)
    return None


def earlier_balance(
    found: Sequence[Occurrence], gross: Decimal, due: Decimal, paid: Sequence[Occurrence]
) -> Decimal | None:
    """Return the balance of earlier bills that explains what is asked for beside the gross total.

    Payments printed beside it settle the earlier bills, not this one.
    """
    for score, balance in ranked(found, {"previous_balance": 1.0}):
        if score < 0.7 or not balance.value or not balance.figure.is_money:
            continue
        for settled in (Decimal(0), *(abs(p.value) for p in paid)):
            if settled <= abs(balance.value) and gross + balance.value - settled == due:
                return balance.value - settled
    return None


def _is_part(amount: Decimal, base: Decimal, rate: Decimal) -> bool:
    return abs(abs(base) * rate / 100 - abs(amount)) <= 2 * CENT


def _percents(item: Occurrence) -> Iterator[Decimal]:
    for figure in item.row.figures:
        if figure.percent:
            yield abs(figure.read(Style.COMMA if "," in figure.digits else Style.POINT))
