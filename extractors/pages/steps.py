"""Steps: sums that lead to the gross total where no net total is printed, or nothing names it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from extractors.pages.amounts import CENT, Occurrence, TaxRow, ranked

#: How far the right edges of one column of amounts may differ, in points.
_ALIGNED = 4.0


class Steps(NamedTuple):
    """What leads to a gross total: amounts as printed, None where there is none."""

    lines: Occurrence
    allowance: Occurrence | None
    charge: Occurrence | None
    tax: Occurrence
    gross: Occurrence

    @property
    def net(self) -> Decimal:
        """Return the net total (EN 16931 BT-109): lines less allowances plus charges."""
        less = abs(self.allowance.value) if self.allowance else Decimal(0)
        more = abs(self.charge.value) if self.charge else Decimal(0)
        return self.lines.value - less + more


def with_tax_between(
    found: Sequence[Occurrence], taxes: Sequence[TaxRow], sold: Sequence[Decimal]
) -> Steps | None:
    """Find `subtotal - discount + tax + shipping = total`, all named, as is usual in the USA.

    A printed rate of what is taxed must explain the tax, or `sold`, what the
    lines add up to, the subtotal.
    """
    lines = [o for s, o in ranked(found, {"lines_total": 1.0, "net_total": 1.0}) if s >= 0.5]
    duties = [o for s, o in ranked(found, {"tax_total": 1.0}) if s >= 0.6 and o.value > 0]
    less = [o for s, o in ranked(found, {"allowance_total": 1.0}) if s >= 0.6 and o.value]
    more = [o for s, o in ranked(found, {"charge_total": 1.0}) if s >= 0.6 and o.value]
    last = [o for s, o in ranked(found, {"gross_total": 1.0, "total": 1.0}) if s >= 0.5]
    rates = {t.rate for t in taxes if t.rate}
    for start, cut, extra, tax, total in product(lines, (None, *less), (None, *more), duties, last):
        if cut is None and extra is None:
            continue
        steps = Steps(start, cut, extra, tax, total)
        if steps.net <= 0 or steps.net + tax.value != total.value:
            continue
        bases = {start.value, steps.net, start.value - (abs(cut.value) if cut else 0)}
        explained = any(
            abs(base * rate / 100 - tax.value) <= 2 * CENT for base in bases for rate in rates
        )
        if explained or start.value in sold:
            return steps
    return None


def around_tax(found: Sequence[Occurrence], taxes: Sequence[TaxRow]) -> Steps | None:
    """Find net over and gross under the one tax row, in its column, where nothing names them."""
    if len(taxes) != 1 or taxes[0].tax is None or not taxes[0].rate:
        return None
    (row,) = taxes
    tax = row.tax
    assert tax is not None
    column = [
        o
        for o in found
        if o.row.page == tax.row.page
        and o.figure.is_money
        and abs(o.figure.x1 - tax.figure.x1) <= _ALIGNED
    ]
    over = [o for o in column if o.row.index < tax.row.index]
    under = [o for o in column if o.row.index > tax.row.index]
    pairs = [
        (net, gross)
        for net, gross in product(over, under)
        if net.value + tax.value == gross.value
        and abs(net.value * row.rate / 100 - tax.value) <= CENT
    ]
    if not pairs or len({gross.value for _, gross in pairs}) > 1:
        return None
    net, gross = pairs[-1]
    return Steps(net, None, None, tax, gross)
