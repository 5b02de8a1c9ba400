"""Cells: each figure and phrase of a row put into the column it stands in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extractors.pages.figures import Figure
from extractors.pages.headings import Column
from extractors.pages.layout import Row

TEXT_ROLES = frozenset({"description", "article_number", "unit", "delivery"})


NUMBER_ROLES = frozenset(
    {
        "position",
        "quantity",
        "unit_price",
        "gross_price",
        "net_amount",
        "gross_amount",
        "vat_rate",
        "vat_amount",
        "discount",
        "price_base",
    }
)


class Cell(NamedTuple):
    """A value in a line: where it stands and what was printed."""

    row: Row
    first: int
    last: int
    text: str
    figure: Figure | None = None


def cells_of(row: Row, columns: tuple[Column, ...]) -> tuple[dict[str, Cell], list[Cell]]:
    """Put each figure and phrase of a row into its column."""
    cells: dict[str, Cell] = {}
    used: set[int] = set()
    homes = [c for c in columns if c.role in NUMBER_ROLES or c.role.startswith("other")]
    for figure in row.figures:
        home = _home(figure, homes, row.height)
        if home is None:
            continue
        inside_text = figure.first > 0 and row.joined[figure.first] and not figure.is_money
        if inside_text and home.role not in {"vat_rate", "quantity"} and not _under(figure, home):
            continue
        if home.role == "vat_rate" and figure.is_money:
            cells.setdefault(
                "vat_amount", Cell(row, figure.first, figure.last, figure.text, figure)
            )
            continue
        if home.role in cells:
            held = cells[home.role]
            if held.figure is None:
                continue
            # Two figures under one heading: it may stand over two columns.
            spare = f"spare_{home.role}"
            if _distance(figure, home) >= _distance(held.figure, home):
                cells.setdefault(spare, Cell(row, figure.first, figure.last, figure.text, figure))
                continue
            cells.setdefault(spare, held)
        cells[home.role] = Cell(row, figure.first, figure.last, figure.text, figure)
    for cell in cells.values():
        used.update(range(cell.first, cell.last))
    texts: list[Cell] = []
    described = next((c for c in columns if c.role == "description"), None)
    for first, last in _phrases(row, used, columns):
        column = _text_home(row, first, columns)
        text = row.words(first, last)
        role = column.role if column else ""
        if (role in {"article_number", "unit", "delivery"} and role not in cells) or (
            role == "position" and "position" not in cells and last - first == 1
        ):
            cells[role] = Cell(row, first, last, text)
        elif role == "quantity" and "unit" not in cells and last - first <= 2:
            cells["unit"] = Cell(row, first, last, text)
        elif role == "vat_rate" and any(map(str.isdigit, text)):
            cells.setdefault("vat_text", Cell(row, first, last, text))
        elif (
            role in {"description", "", "article_number"}
            or role.startswith("other")
            or described is None
        ):
            texts.append(Cell(row, first, last, text))
    return cells, texts


def _home(figure: Figure, homes: Sequence[Column], height: float) -> Column | None:
    if figure.percent:
        homes = [c for c in homes if c.role in {"vat_rate", "discount"}]
    best, least = None, 3.5 * height
    for column in homes:
        gap = _distance(figure, column)
        if gap < least:
            best, least = column, gap
    return best


def _distance(figure: Figure, column: Column) -> float:
    """Measure how far a figure is from a column: gap first, then how the edges line up."""
    gap = max(0.0, column.x0 - figure.x1, figure.x0 - column.x1)
    lined = min(
        abs(column.x1 - figure.x1),
        abs(column.x0 - figure.x0),
        abs(column.x0 + column.x1 - figure.x0 - figure.x1) / 2,
    )
    return gap + 0.05 * lined


def _under(figure: Figure, column: Column) -> bool:
    return figure.x0 >= column.x0 - 4 and figure.x1 <= column.x1 + 4


def _phrases(row: Row, used: set[int], columns: tuple[Column, ...]) -> Iterator[tuple[int, int]]:
    """Yield phrases of the tokens that are no figures, cut where a text column begins."""
    starts = [c.x0 for c in columns if c.role in TEXT_ROLES or c.role == "quantity"]
    first: int | None = None
    for at, token in enumerate(row.tokens):
        cut = at in used or (
            first is not None
            and (
                not row.joined[at]
                or any(row.tokens[at - 1].x1 <= x + 3 and token.x0 >= x - 3 for x in starts)
            )
        )
        if cut and first is not None:
            yield first, at
            first = None
        if at not in used and first is None:
            first = at
    if first is not None:
        yield first, len(row.tokens)


def _text_home(row: Row, first: int, columns: tuple[Column, ...]) -> Column | None:
    """Return the column a phrase starts in: the last one that begins left of it."""
    x0 = row.tokens[first].x0
    best = None
    for column in columns:
        if column.x0 - 4 <= x0:
            best = column
    if best is None:
        return next((c for c in columns if c.role == "description"), None)
    # Centred headings: text left of its heading but right of the previous column's.
    if best.role in NUMBER_ROLES and best.role != "quantity" and x0 > best.x1:
        after = next((c for c in columns if c.x0 > x0), None)
        if after is not None and after.role in {"description", "unit"}:
            return after
    return best
