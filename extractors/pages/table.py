"""Line tables: a heading row in any column order, then items until the totals begin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise, permutations
from typing import NamedTuple

from extractors.pages.figures import Figure, Style
from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import Lexicon, Sense, lexicon
from records.money import round_half_up

_TEXT_ROLES = frozenset({"description", "article_number", "unit", "delivery"})
_NUMBER_ROLES = frozenset(
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
_AMOUNTS = frozenset({"net_amount", "gross_amount"})
_TOTALS = frozenset(
    {"net_total", "tax_total", "gross_total", "amount_due", "total", "prepaid_total"}
)
_TOTAL_LIKE = _TOTALS | {"lines_total", "carry", "allowance_total", "charge_total", "skonto"}


class Column(NamedTuple):
    """A column: its heading's extent in points and what it holds."""

    x0: float
    x1: float
    role: str
    senses: tuple[Sense, ...]


class Cell(NamedTuple):
    """A value in a line: where it stands and what was printed."""

    row: Row
    first: int
    last: int
    text: str
    figure: Figure | None = None


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


@dataclass(frozen=True, slots=True)
class Table:
    """All lines of a document, and the indices of the rows they and their headings take."""

    items: tuple[Item, ...]
    rows: frozenset[int]
    columns: tuple[Column, ...]


NO_TABLE = Table((), frozenset(), ())


def read_table(sheet: Sheet, style: Style) -> Table:
    """Read the invoice lines under every heading row of the document."""
    headings = list(_headings(sheet))
    items: list[Item] = []
    taken: set[int] = set()
    columns: tuple[Column, ...] = ()
    for at, (last, heading, covered) in enumerate(headings):
        until = _until(sheet, last, headings[at + 1][2][0] if at + 1 < len(headings) else None)
        found, rows = _body(sheet, last + 1, until, heading, style)
        taken |= covered_set(covered)
        if found:
            columns = heading
            items.extend(found)
            taken |= rows
    items = _without_carry(items, style)
    _prove_columns(items, style)
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
        if column and _row_kind(row, ()) == "stop":
            total, amounts = last.read(style), [f.read(style) for _, f in column]
            # The sum may begin below rows that belong to something else.
            for start in range(len(column)):
                if sum(amounts[start:], Decimal(0)) == total and total:
                    return _plain_items(column[start:])
            column = []
        elif _row_kind(row, ()) == "body" and last.last == len(row.tokens):
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
    roles = [r for r in roles if r not in {"vat_amount", "discount"}]
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


def _multiplies(item: Item, chosen: tuple[str, ...], style: Style) -> bool:
    quantity, price, amount = (item.number(role, style) for role in chosen)
    if quantity is None or price is None or not amount:
        return False
    return _close(abs(quantity * price), abs(amount)) and quantity != 0


def covered_set(covered: tuple[int, int]) -> set[int]:
    """Return the row indices of a heading."""
    return set(range(covered[0], covered[1] + 1))


# -- headings


def _headings(sheet: Sheet) -> Iterator[tuple[int, tuple[Column, ...], tuple[int, int]]]:
    """Yield each heading: its last row's index, its columns, the rows it covers."""
    words = lexicon("columns", ocr=sheet.by == "ocr")
    at, count = 0, len(sheet.rows)
    cells: dict[int, list[_Head]] = {}

    def heads(index: int) -> list[_Head]:
        if index not in cells:
            row = sheet.rows[index]
            money = any(f.is_money for f in row.figures) or len(row.tokens) > 24 or bool(row.dates)
            cells[index] = [] if money else list(_heads(row, words))
        return cells[index]

    while at < count:
        row = sheet.rows[at]
        own = heads(at)
        known = [h for h in own if h.senses]
        if len(known) < 2 or sum(h.tokens for h in known) * 2 < len(row.tokens):
            at += 1
            continue
        first = last = at
        grid = list(own)
        for step in (-1, 1):
            near = at + step
            edge = row
            while 0 <= near < count and abs(near - at) <= 3:
                other = sheet.rows[near]
                gap = edge.top - other.bottom if step < 0 else other.top - edge.bottom
                more = heads(near) if other.page == row.page and gap < 0.7 * row.height else []
                if not more or not _belongs(more, grid):
                    # A word in the margin may lie between the rows of the heading.
                    if len(other.tokens) > 1 or other.page != row.page:
                        break
                    near += step
                    continue
                grid += more
                first, last = min(first, near), max(last, near)
                edge = other
                near += step
        columns = _columns(grid, words)
        if _is_heading(columns):
            yield last, columns, (first, last)
            at = last + 1
        else:
            at += 1


class _Head(NamedTuple):
    x0: float
    x1: float
    top: float
    key: str
    senses: tuple[Sense, ...]
    tokens: int


def _heads(row: Row, words: Lexicon) -> Iterator[_Head]:
    """Yield the headings of one row: known wordings, and the words between them."""
    keys = [t.key for t in row.tokens]
    gaps = [b.x0 - a.x1 for a, b in pairwise(row.tokens)]
    # The narrowest gap is the space between words; a column gap is wider.
    space = min((g for g in gaps if g > 0.1 * row.height), default=row.height)
    reach = min(0.6 * row.height, max(1.5 * space, 0.35 * row.height))
    joined = [False] + [gap <= reach for gap in gaps]
    found = {m.first: m for m in words.matches(keys, joined)}
    at = 0
    while at < len(row.tokens):
        match = found.get(at)
        if row.tokens[at].text.startswith("("):
            # `(excl. VAT)` qualifies the heading it stands with.
            match, last = None, at + 1
            while last < len(row.tokens) and not row.tokens[last - 1].text.endswith(")"):
                if not joined[last]:
                    break
                last += 1
        elif match:
            # `Total c/` over `IVA`: the wording may go on in the row below.
            last, key, senses = match.last, match.key, match.senses
            while last < len(row.tokens) and joined[last]:
                key += keys[last]
                more = _qualified(key, words)
                if not more and (last in found or not words.begins(key)):
                    break
                last, senses = last + 1, more or senses
            match = match._replace(senses=senses)
        else:
            last = at + 1
            while last < len(row.tokens) and joined[last] and last not in found:
                last += 1
        tokens = row.tokens[at:last]
        key = "".join(t.key for t in tokens)
        if key:
            yield _Head(
                tokens[0].x0, tokens[-1].x1, row.top, key, match.senses if match else (), last - at
            )
        at = last


def _belongs(more: Sequence[_Head], grid: Sequence[_Head]) -> bool:
    """Say whether a neighbouring row continues the headings: known words, mostly in columns."""
    if any(len(h.key) > 26 for h in more):
        return False
    inside = sum(any(_overlap(h, g) > 0 for g in grid) for h in more)
    known = sum(bool(h.senses) for h in more)
    return known * 2 >= len(more) or (inside == len(more) and all(len(h.key) < 16 for h in more))


def _overlap(a: _Head | Column, b: _Head | Column) -> float:
    return min(a.x1, b.x1) - max(a.x0, b.x0)


def _columns(grid: list[_Head], words: Lexicon) -> tuple[Column, ...]:
    """Merge headings that stand above each other and give each column one role."""
    groups: list[list[_Head]] = []
    for head in sorted(grid, key=lambda h: h.x0):
        home = None
        for group in groups:
            if any(
                h.top != head.top and _overlap(h, head) > 0.5 * min(h.x1 - h.x0, head.x1 - head.x0)
                for h in group
            ) and all(h.top != head.top or _overlap(h, head) > 0 or _spanned(group, h, head) for h in group):
                home = group
        if home is None:
            groups.append([head])
        else:
            home.append(head)
    columns = []
    for group in groups:
        group.sort(key=lambda h: (h.top, h.x0))
        whole = _qualified("".join(h.key for h in group), words)
        senses = whole or max((h.senses for h in group), key=lambda s: len(s) > 0)
        if not whole:
            longest = max((h for h in group if h.senses), key=lambda h: len(h.key), default=None)
            senses = longest.senses if longest else ()
        columns.append((min(h.x0 for h in group), max(h.x1 for h in group), senses))
    columns.sort(key=lambda c: c[0])
    return _roles(columns)


def _spanned(group: list[_Head], one: _Head, other: _Head) -> bool:
    """Say whether a heading of another row stands over both: they qualify it together."""
    return any(
        h.top != one.top and h.x0 - 7 <= min(one.x0, other.x0) and h.x1 + 7 >= max(one.x1, other.x1)
        for h in group
    )


# What a heading says about tax after its own words, folded.
_WITH_TAX = re.compile(
    r"(.+?)(?:(?:iva|tva|vat|btw|mwst|ust|tax)?(?:incl?|inkl|inclusa|incluido|incluida|inclus|compresa)"
    r"(?:iva|tva|vat|btw|mwst|ust|tax)?|c(?:om|on)?iva|ivato|ttc|mit(?:mwst|ust)|tvac)"
)
_WITHOUT_TAX = re.compile(
    r"(.+?)(?:(?:excl?|exkl|exclusief|ohne|hors|sans|sin|sem|senza|bez|without|wo|before)"
    r"(?:iva|tva|vat|btw|mwst|ust|tax|taxe)?|s(?:em|in)?iva|ht|htva)"
)


def _qualified(key: str, words: Lexicon) -> tuple[Sense, ...]:
    """Look up a heading; where it only adds `incl. VAT` or the like, the heading without that."""
    known = words.senses(key)
    if known:
        return known
    found = _WITH_TAX.fullmatch(key)
    if found:
        names = {"net_amount": "gross_amount", "unit_price": "gross_price"}
        base = words.senses(found.group(1))
        return tuple(s._replace(concept=names[s.concept]) for s in base if s.concept in names)
    found = _WITHOUT_TAX.fullmatch(key)
    return words.senses(found.group(1)) if found else ()


def _roles(columns: list[tuple[float, float, tuple[Sense, ...]]]) -> tuple[Column, ...]:
    """Choose one role per column; unambiguous headings first, then what is still missing."""
    used: dict[str, int] = {}
    roles: list[str] = [""] * len(columns)
    for only in (True, False):
        for at, (_, _, senses) in enumerate(columns):
            concepts = list(dict.fromkeys(s.concept for s in senses))
            if roles[at] or not concepts or (only and len(concepts) > 1):
                continue
            free = [c for c in concepts if c not in used]
            if not _AMOUNTS & used.keys():
                free.sort(key=lambda c: c not in _AMOUNTS)
            role = free[0] if free else concepts[0]
            if role in used:
                role = _second(role, at, used, roles)
            roles[at] = role
            used.setdefault(role, at)
    if not _AMOUNTS & used.keys() and {"unit_price", "gross_price"} <= used.keys():
        roles[used["gross_price"]] = "gross_amount"
    return tuple(
        Column(x0, x1, role if role not in {"", "other"} else f"other{at}", senses)
        for at, ((x0, x1, senses), role) in enumerate(zip(columns, roles, strict=True))
    )


def _second(role: str, at: int, used: dict[str, int], roles: list[str]) -> str:
    """Name the second column of one heading: of two amounts the right one carries the tax."""
    if role == "net_amount":
        taxed = any(r in {"vat_rate", "vat_amount"} for r in roles)
        return "gross_amount" if taxed and "gross_amount" not in used else "other"
    if role == "vat_rate":
        return "vat_amount" if "vat_amount" not in used else "other"
    return "other"


def _is_heading(columns: Sequence[Column]) -> bool:
    roles = {c.role for c in columns}
    much = roles & {"net_amount", "gross_amount", "unit_price"}
    goods = bool(roles & {"description", "quantity"}) or {"article_number", "unit_price"} <= roles
    known = len({r for r in roles if not r.startswith("other")})
    return bool(much) and goods and known >= 2


# -- body


def _body(
    sheet: Sheet, start: int, until: int, columns: tuple[Column, ...], style: Style
) -> tuple[list[Item], set[int]]:
    amount_role = _amount_role(sheet, start, until, columns)
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
        kind = _row_kind(row, columns)
        if kind == "stop":
            break
        if kind == "skip":
            taken.add(row.index)
            continue
        cells, texts = _cells(row, columns)
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


def _amount_role(sheet: Sheet, start: int, until: int, columns: tuple[Column, ...]) -> str | None:
    """Choose the column whose figures make a row an item: the net amount, else what there is."""
    roles = [c.role for c in columns]
    for role in ("net_amount", "gross_amount", "unit_price", "gross_price"):
        if role in roles:
            return role
    return None


def _row_kind(row: Row, columns: tuple[Column, ...]) -> str:
    """Tell items from totals (`stop`), carry-overs and subtotals (`skip`) and discounts."""
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


def _cells(row: Row, columns: tuple[Column, ...]) -> tuple[dict[str, Cell], list[Cell]]:
    """Put each figure and phrase of a row into its column."""
    cells: dict[str, Cell] = {}
    used: set[int] = set()
    homes = [c for c in columns if c.role in _NUMBER_ROLES or c.role.startswith("other")]
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
    starts = [c.x0 for c in columns if c.role in _TEXT_ROLES or c.role == "quantity"]
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
    if best.role in _NUMBER_ROLES and best.role != "quantity" and x0 > best.x1:
        after = next((c for c in columns if c.x0 > x0), None)
        if after is not None and after.role in {"description", "unit"}:
            return after
    return best


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


# -- proof


def extends(item: Item, style: Style) -> bool | None:
    """Say whether quantity times price, less discount, is the amount; None if not all are known."""
    quantity, price = item.number("quantity", style), item.number("unit_price", style)
    if price is None:
        price = item.number("gross_price", style)
    amount = item.amount(style)
    if quantity is None or price is None or amount is None:
        return None
    base = item.number("price_base", style) or Decimal(1)
    raw = quantity * price / base
    options = [raw]
    rate = item.number("discount", style)
    if rate is not None:
        options += [raw * (1 - abs(rate) / 100), raw - abs(rate)]
    return any(_close(abs(o), abs(amount)) for o in options)


def _close(a: Decimal, b: Decimal) -> bool:
    return abs(round_half_up(a) - b) <= Decimal("0.01") or round_half_up(a, 0) == b
