"""Headings of line tables: which rows head columns, and what each column holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import Lexicon, Sense, lexicon, lookalike
from extractors.pages.memory import HeadWord

AMOUNTS = frozenset({"net_amount", "gross_amount"})
#: What totals of a document are called.
TOTALS = frozenset(
    {"net_total", "tax_total", "gross_total", "amount_due", "total", "prepaid_total"}
)


class Column(NamedTuple):
    """A column: its heading's extent in points and what it holds."""

    x0: float
    x1: float
    role: str
    senses: tuple[Sense, ...]


class Heading(NamedTuple):
    """The heading of a table: rows `first` to `last` (both included) and its columns."""

    first: int
    last: int
    columns: tuple[Column, ...]


def headings(sheet: Sheet, told: Sequence[HeadWord] = ()) -> Iterator[Heading]:
    """Yield the headings of line tables, in order; `told` are words this vendor has for columns."""
    ocr = sheet.by == "ocr"
    words = lexicon("columns", ocr=ocr)
    if told:
        words = words.taught({lookalike(h.key) if ocr else h.key: h.role for h in told})
    at, count = 0, len(sheet.rows)
    cells: dict[int, list[_Head]] = {}

    def heads(index: int) -> list[_Head]:
        if index not in cells:
            row = sheet.rows[index]
            # Prices may have no or many decimals; what is a fraction is in no heading.
            priced = any(f.is_money or not (f.percent or f.digits.isdigit()) for f in row.figures)
            other = priced or len(row.tokens) > 24 or bool(row.dates)
            cells[index] = [] if other else list(_in_one_language(_heads(row, words)))
        return cells[index]

    while at < count:
        row = sheet.rows[at]
        if row.joined.count(False) < 2:
            # One phrase heads no two columns.
            at += 1
            continue
        if sum(map(words.knows, row.keys)) < 2:
            at += 1
            continue
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
        columns = _merge(grid, words)
        if _is_heading(columns) and (_names_goods(row, columns) or not heads_totals(row)):
            yield Heading(first, last, columns)
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
    parted: bool = False


def _heads(row: Row, words: Lexicon) -> Iterator[_Head]:
    """Yield the headings of one row: known wordings, and the words between them."""
    keys = row.keys
    gaps = [b.x0 - a.x1 for a, b in pairwise(row.tokens)]
    # The narrowest gap is the space between words; a column gap is wider.
    space = min((g for g in gaps if g > 0.1 * row.height), default=row.height)
    reach = min(0.6 * row.height, max(1.5 * space, 0.35 * row.height))
    joined = [False] + [gap <= reach for gap in gaps]
    found = {m.first: m for m in words.matches(keys, joined)}
    at = 0
    while at < len(row.tokens):
        match = found.get(at)
        senses = match.senses if match else ()
        if row.tokens[at].text.startswith("("):
            # `(excl. VAT)` qualifies the heading it stands with.
            senses, last = (), at + 1
            while last < len(row.tokens) and not row.tokens[last - 1].text.endswith(")"):
                if not joined[last]:
                    break
                last += 1
        elif match:
            # `Total c/` over `IVA`: the wording may go on in the row below.
            last, key = match.last, match.key
            while last < len(row.tokens) and joined[last]:
                key += keys[last]
                more = _qualified(key, words)
                if not more and (last in found or not words.begins(key)):
                    break
                last, senses = last + 1, more or senses
        else:
            last = at + 1
            # `incl. BTW` under an amount says of it what `BTW` alone would not.
            qualified = keys[at] in _QUALIFIERS
            while last < len(row.tokens) and joined[last] and (qualified or last not in found):
                last, qualified = last + 1, False
        tokens = row.tokens[at:last]
        key = "".join(t.key for t in tokens)
        if key:
            parted = tokens[-1].text.endswith("/")
            yield _Head(tokens[0].x0, tokens[-1].x1, row.top, key, senses, last - at, parted)
        at = last


_QUALIFIERS = frozenset(["incl", "inkl", "excl", "exkl", "ex", "inc", "con", "com", "sem", "sin"])


def _in_one_language(heads: Iterable[_Head]) -> Iterator[_Head]:
    """Join what a slash parts and means the same: `Il. / Qty` heads one column."""
    held: _Head | None = None
    for head in heads:
        if (
            held is not None
            and held.parted
            and head.x0 - held.x1 < _SLASHED
            and {s.concept for s in held.senses} & {s.concept for s in head.senses}
        ):
            held = held._replace(x1=head.x1, tokens=held.tokens + head.tokens, parted=head.parted)
            continue
        if held is not None:
            yield held
        held = head
    if held is not None:
        yield held


#: How far the word after a slash may stand from it, in points.
_SLASHED = 6.0


def _belongs(more: Sequence[_Head], grid: Sequence[_Head]) -> bool:
    """Say whether a neighbouring row continues the headings: known words, mostly in columns."""
    if any(len(h.key) > 26 for h in more):
        return False
    inside = sum(any(_overlap(h, g) > 0 for g in grid) for h in more)
    known = sum(bool(h.senses) for h in more)
    return known * 2 >= len(more) or (inside == len(more) and all(len(h.key) < 16 for h in more))


def _overlap(a: _Head | Column, b: _Head | Column) -> float:
    return min(a.x1, b.x1) - max(a.x0, b.x0)


def _merge(grid: list[_Head], words: Lexicon) -> tuple[Column, ...]:
    """Merge headings that stand above each other and give each column one role."""
    groups: list[list[_Head]] = []
    for head in sorted(grid, key=lambda h: h.x0):
        home = None
        for group in groups:
            apart = [h for h in group if h.top != head.top]
            if any(
                _overlap(h, head) > 0.5 * min(h.x1 - h.x0, head.x1 - head.x0) for h in apart
            ) and all(
                h.top != head.top or _overlap(h, head) > 0 or _spanned(group, h, head)
                for h in group
            ):
                home = group
        if home is None:
            groups.append([head])
        else:
            home.append(head)
    columns = []
    for group in groups:
        group.sort(key=lambda h: (h.top, h.x0))
        keys = [h.key for h in group]
        whole = _qualified("".join(keys), words)
        # `Cena netto` over its English: the first language alone says it.
        for end in range(len(keys) - 1, 1, -1):
            whole = whole or _qualified("".join(keys[:end]), words)
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
            if not AMOUNTS & used.keys():
                free.sort(key=lambda c: c not in AMOUNTS)
            role = free[0] if free else concepts[0]
            if role in used:
                role = _second(role, at, used, roles)
            roles[at] = role
            used.setdefault(role, at)
    if not AMOUNTS & used.keys() and {"unit_price", "gross_price"} <= used.keys():
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


def _names_goods(row: Row, columns: Sequence[Column]) -> bool:
    """Say whether a column is of goods, and not of what a total is called: `Goods value`."""
    totals = [
        (row.tokens[m.first].x0, row.tokens[m.last - 1].x1)
        for m in row.labels
        if m.concepts & (TOTALS | {"lines_total"})
    ]
    return any(
        c.role == "quantity"
        or (c.role == "description" and not any(x0 <= c.x0 and c.x1 <= x1 for x0, x1 in totals))
        for c in columns
    )


def heads_totals(row: Row) -> bool:
    """Say whether a row without figures heads the totals: `Net | Rate | Tax | Total`."""
    starts = [m for m in row.labels if m.first == 0 or not row.joined[m.first]]
    concepts = {s.concept for m in starts for s in m.senses if s.weight >= 0.7}
    wide = sum(bool(TOTALS & m.concepts) for m in starts)
    return wide >= 2 and bool(concepts & {"net_total", "tax_total"})
