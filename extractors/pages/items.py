"""Items: invoice lines as printed, and whether quantity times price, less discounts, is the amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from extractors.pages.cells import Cell
from extractors.pages.figures import Figure, Style
from extractors.pages.layout import Row
from records.money import round_half_up

_CENT = Decimal("0.01")


@dataclass(slots=True)
class Item:
    """One invoice line as printed, cell by cell."""

    row: Row
    cells: dict[str, Cell] = field(default_factory=dict)
    description: list[Cell] = field(default_factory=list)
    allowances: list[Cell] = field(default_factory=list)

    def number(self, role: str, style: Style) -> Decimal | None:
        """Return the figure in a column, or None."""
        cell = self.cells.get(role)
        return cell.figure.read(style) if cell and cell.figure else None

    def amount(self, style: Style) -> Decimal | None:
        """Return what the line adds to the sum of lines."""
        value = self.number("net_amount", style)
        return self.number("gross_amount", style) if value is None else value


class Discount(NamedTuple):
    """What makes quantity times price the amount: an allowance (EN 16931 BT-136), where printed."""

    amount: Decimal
    cell: Cell


def extends(item: Item, style: Style) -> bool | None:
    """Say whether quantity times price, less discount, is the amount; None if not all are known."""
    raw, amount = product_of(item, style), item.amount(style)
    if raw is None or amount is None:
        return None
    return close(abs(raw), abs(amount)) or discount_of(item, style) is not None


def product_of(item: Item, style: Style) -> Decimal | None:
    """Return quantity times price, not rounded; None where one is missing."""
    quantity, price = item.number("quantity", style), item.number("unit_price", style)
    if price is None:
        price = item.number("gross_price", style)
    if quantity is None or price is None:
        return None
    return quantity * price / (item.number("price_base", style) or Decimal(1))


def discount_of(item: Item, style: Style) -> Discount | None:
    """Return the discount in a line's row that leads from quantity times price to its amount.

    One in percent or as an amount, or two percentages one after the other, as
    Italian wholesalers print them.
    """
    raw, amount = product_of(item, style), item.amount(style)
    if raw is None or amount is None or abs(raw) <= abs(amount):
        return None
    raw, amount = abs(raw), abs(amount)
    cells = list(_discounts(item))
    rates = [abs(figure.read(_own(figure))) / 100 for _, figure in cells]
    options = [(cells[at][0], raw * (1 - rate)) for at, rate in enumerate(rates)]
    options += [
        (cell, raw - abs(figure.read(style))) for cell, figure in cells if not figure.percent
    ]
    options += [
        (cells[0][0], raw * (1 - one) * (1 - other)) for one, other in combinations(rates, 2)
    ]
    for cell, reduced in options:
        if close(reduced, amount):
            return Discount(round_half_up(raw) - amount, cell)
    return None


def _discounts(item: Item) -> Iterator[tuple[Cell, Figure]]:
    """Yield the figures of a line's row that may be discounts, those under such a heading first."""
    headed = item.cells.get("discount")
    if headed is not None and headed.figure is not None:
        yield headed, headed.figure
    for role, cell in item.cells.items():
        if (
            cell.figure is not None
            and not cell.figure.percent
            and role.startswith(("other", "spare_discount"))
        ):
            yield cell, cell.figure
    for figure in item.row.figures:
        # A rate of tax explains nothing here: tax is never taken off a price.
        if figure.percent and (headed is None or figure is not headed.figure):
            yield Cell(item.row, figure.first, figure.last, figure.text, figure), figure


def _own(figure: Figure) -> Style:
    """Return the style of a percentage by itself: `7.5` may stand beside `1.234,50`."""
    return Style.COMMA if "," in figure.digits else Style.POINT


def close(a: Decimal, b: Decimal) -> bool:
    """Say whether an amount is another one rounded, to cents or where there are none."""
    return abs(round_half_up(a) - b) <= _CENT or round_half_up(a, 0) == b
