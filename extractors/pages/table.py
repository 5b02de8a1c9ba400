"""Line tables: items under their headings until the totals begin, proved by arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import permutations

from extractors.pages.cells import Cell, cells_of
from extractors.pages.figures import Figure, Style
from extractors.pages.headings import TOTALS, Column, Heading, headings, heads_totals
from extractors.pages.items import Item, close, extends
from extractors.pages.layout import Row, Sheet
from extractors.pages.memory import HeadWord

_TOTAL_LIKE = TOTALS | {"lines_total", "carry", "allowance_total", "charge_total", "skonto"}


@dataclass(frozen=True, slots=True)
class Table:
    """All lines of a document, and the indices of the rows they and their headings take.

    `told` says that its columns are those a person's corrections taught.
    """

    items: tuple[Item, ...]
    rows: frozenset[int]
    columns: tuple[Column, ...]
    told: bool = False


NO_TABLE = Table((), frozenset(), ())


def read_table(
    sheet: Sheet, style: Style, told: Sequence[HeadWord] = (), below: frozenset[int] = frozenset()
) -> Table:
    """Read the invoice lines under every heading row of the document.

    `told` are words for columns that a person's corrections taught, `below` the
    rows of amounts they named: both are followed unless fewer lines multiply
    that way.
    """
    table = _under(sheet, style, list(headings(sheet)), frozenset())
    if not told and not below:
        return table
    taught = _under(sheet, style, list(headings(sheet, told)), below)
    if (_multiplying(taught, style), len(taught.items)) < (_multiplying(table, style), 1):
        return table
    return replace(taught, told=bool(told))


def _multiplying(table: Table, style: Style) -> int:
    return sum(extends(item, style) is True for item in table.items)


def _under(sheet: Sheet, style: Style, found: list[Heading], below: frozenset[int]) -> Table:
    items: list[Item] = []
    taken: set[int] = set()
    columns: tuple[Column, ...] = ()
    for at, heading in enumerate(found):
        following = found[at + 1].first if at + 1 < len(found) else None
        until = _until(sheet, heading.last, following)
        until = min([until, *(row for row in below if row > heading.last)])
        headed = heading.columns
        lines, rows = _body(sheet, heading.last + 1, until, headed, style)
        if not lines:
            headed = _amount_last(headed)
            lines, rows = _body(sheet, heading.last + 1, until, headed, style)
        taken.update(range(heading.first, heading.last + 1))
        if lines:
            columns = headed
            items.extend(lines)
            taken |= rows
    end = _summed_up(items, style)
    if end is not None:
        taken = {row for row in taken if row < items[end].row.index}
        items = items[:end]
    items = _without_carry(items, style)
    _prove_columns(items, style)
    for item in items:
        _settle(item, style, sheet.by)
    if not items:
        return _unheaded(sheet, style, frozenset(taken))
    return Table(tuple(items), frozenset(taken), columns)


def _unheaded(sheet: Sheet, style: Style, taken: frozenset[int]) -> Table:
    """Read lines without any heading: amounts in one column that add up to the total under them.

    Only the sum tells them from other text, so without it there are none.
    """
    column: list[tuple[Row, Figure]] = []
    for row in sheet.rows:
        money = [f for f in row.figures if f.is_money]
        if not money or row.index in taken:
            continue
        last = money[-1]
        if column and (row.page != column[-1][0].page or abs(last.x1 - column[-1][1].x1) > 4):
            column = []
        if column and _row_kind(row) == "stop":
            total, amounts = last.read(style), [f.read(style) for _, f in column]
            # The sum may begin below rows that belong to something else.
            for start in range(len(column)):
                if sum(amounts[start:], Decimal(0)) == total and total:
                    return _plain_items(column[start:])
            column = []
        elif _row_kind(row) == "body" and last.last == len(row.tokens):
            column.append((row, last))
    return Table((), taken, ())


def _plain_items(column: Sequence[tuple[Row, Figure]]) -> Table:
    items = []
    for row, figure in column:
        if figure.first == 0:
            return NO_TABLE
        cell = Cell(row, figure.first, figure.last, figure.text, figure)
        text = Cell(row, 0, figure.first, row.words(0, figure.first))
        items.append(Item(row, {"net_amount": cell}, [text]))
    return Table(tuple(items), frozenset(row.index for row, _ in column), ())


def _until(sheet: Sheet, heading: int, following: int | None) -> int:
    """Return where the rows under a heading end: what heads a later page is not theirs."""
    if following is None:
        return len(sheet.rows)
    page = sheet.rows[following].page
    if page == sheet.rows[heading].page:
        return following
    return next(i for i in range(heading, following + 1) if sheet.rows[i].page == page)


def _summed_up(items: Sequence[Item], style: Style) -> int | None:
    """Return where the totals begin, whatever they are called: the first is the sum of the lines.

    Nothing from there on has a quantity or a price; at a page's end more lines follow.
    """
    total = Decimal(0)
    for at, item in enumerate(items):
        amount = item.amount(style) or Decimal(0)
        plain = not any({"quantity", "unit_price"} & i.cells.keys() for i in items[at:])
        if at and amount and amount == total and plain:
            return at
        total += amount
    return None


def _without_carry(items: list[Item], style: Style) -> list[Item]:
    """Drop rows that only repeat what was added up so far, at a page's end or start."""
    kept: list[Item] = []
    total = Decimal(0)
    for item in items:
        amount = item.amount(style) or Decimal(0)
        if len(kept) > 1 and amount == total and not {"quantity", "unit_price"} & item.cells.keys():
            continue
        kept.append(item)
        total += amount
    return kept


def _prove_columns(items: list[Item], style: Style) -> None:
    """Name the number columns anew where only another naming makes quantity x price = amount."""
    proved = sum(extends(i, style) is True for i in items)
    if not items or proved * 2 >= len(items):
        return
    roles = sorted(
        {r for i in items for r, c in i.cells.items() if c.figure and not c.figure.percent}
    )
    # `VAT Amount` may be two headings: where there is no other amount, it is a line's own.
    amounts = {"net_amount", "gross_amount"}.intersection(roles)
    roles = [r for r in roles if r != "discount" and (r != "vat_amount" or not amounts)]
    best, best_count = None, (proved, 3)
    usual = ("quantity", "unit_price", "net_amount")
    for chosen in permutations(roles, 3):
        count = sum(_multiplies(i, chosen, style) for i in items)
        kept = sum(role == name for role, name in zip(chosen, usual, strict=True))
        if (count, kept) > best_count and count > proved:
            best, best_count = chosen, (count, kept)
    if best is None or best_count[0] * 2 < len(items) or (len(items) > 1 and best_count[0] < 2):
        return
    names = dict(zip(best, ("quantity", "unit_price", "net_amount"), strict=True))
    for item in items:
        cells = {
            names.get(r, r if r not in names.values() else f"not_{r}"): c
            for r, c in item.cells.items()
        }
        item.cells = cells


def _settle(item: Item, style: Style, by: str) -> None:
    """Where a line does not multiply, take the cells of it that do, if there are any."""
    if extends(item, style) is False:
        for cells in _other_cells(item, by):
            if extends(replace(item, cells=cells), style):
                item.cells = cells
                return


def _other_cells(item: Item, by: str) -> Iterator[dict[str, Cell]]:
    for role in ("quantity", "unit_price", "net_amount"):
        # Of two figures under one heading, the other may be a unit's.
        spare = item.cells.get(f"spare_{role}")
        if spare is not None:
            yield {**item.cells, role: spare, f"spare_{role}": item.cells[role]}
    cell = item.cells.get("quantity")
    figure = cell.figure if cell else None
    if by == "ocr" and cell and figure and len(figure.digits) > 1 and figure.digits[-1] == "1":
        # To OCR the `l` of litres is a one.
        digits = figure.digits[:-1].rstrip(".,")
        yield {**item.cells, "quantity": cell._replace(figure=figure._replace(digits=digits))}


def _multiplies(item: Item, chosen: tuple[str, ...], style: Style) -> bool:
    quantity, price, amount = (item.number(role, style) for role in chosen)
    if quantity is None or price is None or not amount:
        return False
    return close(abs(quantity * price), abs(amount)) and quantity != 0


def _amount_last(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Take the last column for the amount where what seemed to head amounts heads none."""
    if not columns or not columns[-1].role.startswith("other"):
        return ()
    return (
        *(c._replace(role="other") if c.role == "net_amount" else c for c in columns[:-1]),
        columns[-1]._replace(role="net_amount"),
    )


def _body(
    sheet: Sheet, start: int, until: int, columns: tuple[Column, ...], style: Style
) -> tuple[list[Item], set[int]]:
    amount_role = _amount_role(columns)
    if amount_role is None:
        return [], set()
    items: list[Item] = []
    taken: set[int] = set()
    loose: list[tuple[Row, dict[str, Cell], list[Cell]]] = []
    page = sheet.rows[start].page if start < len(sheet.rows) else 0
    empty = 0
    for row in sheet.rows[start:until]:
        if row.page != page:
            page = row.page
            empty = 0
        kind = _row_kind(row)
        if kind == "stop":
            break
        if kind == "skip":
            taken.add(row.index)
            continue
        cells, texts = cells_of(row, columns)
        anchor = cells.get(amount_role)
        if anchor and anchor.figure and _is_amount(anchor.figure, cells):
            if kind == "allowance" and not ({"quantity", "unit_price"} & cells.keys()):
                if items and anchor.figure.negative:
                    items[-1].allowances.append(anchor)
                taken.add(row.index)
                continue
            item = Item(row, cells, texts)
            items.append(item)
            taken.add(row.index)
            empty = 0
        elif items or cells or texts:
            loose.append((row, cells, texts))
            empty += 1
    _attach(items, loose, taken)
    return [i for i in items if _is_item(i)], taken


def _amount_role(columns: tuple[Column, ...]) -> str | None:
    """Choose the column whose figures make a row an item: the net amount, else what there is."""
    roles = [c.role for c in columns]
    for role in ("net_amount", "gross_amount", "unit_price", "gross_price"):
        if role in roles:
            return role
    return None


def _row_kind(row: Row) -> str:
    """Tell items from totals (`stop`), carry-overs and subtotals (`skip`) and discounts."""
    if not row.figures and heads_totals(row):
        return "stop"
    for match in row.labels:
        concepts = {s.concept for s in match.senses if s.weight >= 0.7}
        hit = concepts & _TOTAL_LIKE
        if not hit:
            if row.figures and match.first >= row.figures[0].first:
                break
            continue
        if not any(f.first >= match.last and not f.percent for f in row.figures):
            if concepts & {"carry"}:
                return "skip"
            continue
        begins = match.first == 0 or not row.joined[match.first]
        # `Rabatt` inside a description is only a word; at the start of a phrase it is a label.
        if not begins:
            continue
        if hit & {"allowance_total"}:
            return "allowance"
        if match.first > 0 and any(f.last <= match.first for f in row.figures):
            continue
        if hit & {"carry"}:
            return "skip"
        if hit & {"charge_total", "skonto"}:
            continue
        return "stop"
    return "body"


def _is_amount(figure: Figure, cells: dict[str, Cell]) -> bool:
    return not figure.percent and (
        figure.is_money or bool({"quantity", "unit_price", "position"} & cells.keys())
    )


def _attach(
    items: list[Item],
    loose: Iterable[tuple[Row, dict[str, Cell], list[Cell]]],
    taken: set[int],
) -> None:
    """Give the rows between amounts to the item they belong to.

    A row belongs to the item above it, unless it touches the item below and
    not the one above: cells centred in their row put text over the amount.
    """
    if not items:
        return
    ends: dict[int, float] = {}
    for row, cells, texts in loose:
        above = next((i for i in reversed(items) if i.row.index < row.index), None)
        below = next((i for i in items if i.row.index > row.index), None)
        if above is not None and (
            above.row.page != row.page
            and below is not None
            and below.row.page == row.page
            and not texts
        ):
            above = None
        home = above
        height = row.height
        if below is not None and below.row.page == row.page:
            near = below.row.top - row.bottom < 0.9 * height
            if above is None:
                home = below if near or below.row.top - row.bottom < 2.0 * height else None
            elif near and above.row.page == row.page:
                reach = ends.get(id(above), above.row.bottom)
                missing = {"quantity", "unit_price"} & cells.keys() - below.cells.keys()
                full = {"quantity", "unit_price"} <= above.cells.keys()
                if row.top - reach > 0.9 * height or (missing and full):
                    home = below
        if home is None:
            continue
        if home is above:
            reach = ends.get(id(home), home.row.bottom)
            if row.page == home.row.page and row.top - reach > 3.5 * height:
                continue
            ends[id(home)] = row.bottom
        taken.add(row.index)
        for role, cell in cells.items():
            if role in {"quantity", "unit_price", "vat_rate", "unit", "article_number", "discount"}:
                home.cells.setdefault(role, cell)
        if home is below:
            home.description[:0] = texts
        else:
            home.description.extend(texts)


def _is_item(item: Item) -> bool:
    named = bool(item.description) or "article_number" in item.cells
    return named or {"quantity", "unit_price"} <= item.cells.keys()
