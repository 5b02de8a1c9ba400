"""Anchors: where a value stands, told by the words beside or above it, and found again by them.

`describe` and `find` are each other's inverse: what the first says of a value
on one document, the second finds on the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from extractors.pages.layout import Row, Sheet, Token
from extractors.pages.memory import SHIFT, Extent, Relation, Rule, key_of
from records.vocabulary import FIELDS

#: Longest label, in words.
_LONGEST = 5
#: How far below a heading a value may stand, in heights of a row.
_REACH = 14.0
#: How far beside its label a value may stand, as a fraction of the page's width.
_ASIDE = 0.4
#: How far below its label, in heights of a row.
_UNDER = 2.5
#: How many labels above a value are remembered.
_ABOVE = 2


class Unit(NamedTuple):
    """A value's tokens: `first` to `last` (exclusive) of a row."""

    row: Row
    first: int
    last: int

    @property
    def text(self) -> str:
        """Return what is printed."""
        return self.row.words(self.first, self.last)

    @property
    def x0(self) -> float:
        """Return the left end in points."""
        return self.row.tokens[self.first].x0

    @property
    def x1(self) -> float:
        """Return the right end in points."""
        return self.row.tokens[self.last - 1].x1


def kind_of(name: str) -> str:
    """Return how a field is printed: as a `figure`, a `date` or a `text`."""
    kind = FIELDS[name].type
    if kind in {"amount", "quantity", "percent"}:
        return "figure"
    return "date" if kind == "date" else "text"


def shape_of(text: str) -> str:
    """Reduce a code to its shape: `RE-2026/017` and `RE-2027/4` are both `a-9/9`."""

    def run(match: re.Match[str]) -> str:
        part = match.group()
        return "9" if part.isdigit() else "a" if part.isalpha() else "x"

    return re.sub(r"[^\W_]+", run, text.strip(" ,;:|."))


def _values(row: Row, kind: str) -> list[Unit]:
    """Return the values of a kind in a row; for texts, its phrases."""
    if kind == "figure":
        return [Unit(row, f.first, f.last) for f in row.figures if not f.percent]
    if kind == "date":
        return [Unit(row, d.first, d.last) for d in row.dates]
    return [Unit(row, first, last) for first, last in row.spans]


# -- describing


def describe(sheet: Sheet, unit: Unit, kind: str) -> Iterator[Rule]:
    """Yield the ways in which a value's place can be told."""
    extent = _extent(unit, kind)
    left = _left(unit, kind)
    if left is not None:
        # Words far away may belong to something else in the same row.
        rank = int(unit.x0 - left.x1 > _ASIDE * sheet.width)
        yield replace(_anchored(sheet, "right", left, extent), rank=rank)
        if left.last - left.first > 1 and len(left.keys[-1]) >= 3:
            last = left._replace(first=left.last - 1)
            yield replace(_anchored(sheet, "right", last, extent), rank=rank)
    for rank, label in enumerate(_over(sheet, unit, kind, extent)):
        # Totals stand below a table of any length: what heads it says little of them.
        far = rank or (kind == "figure" and label.skip)
        far = far or unit.row.top - label.row.bottom > _UNDER * unit.row.height
        yield replace(_anchored(sheet, "below", label, extent), rank=int(bool(far)))
    yield Rule(
        relation="place",
        x0=unit.x0 / sheet.width,
        x1=unit.x1 / sheet.width,
        top=unit.row.top / sheet.height,
        on_first=unit.row.page == sheet.numbers[0],
        extent=extent,
    )


def _extent(unit: Unit, kind: str) -> Extent:
    if kind == "figure":
        figure = next(f for f in unit.row.figures if f.first == unit.first)
        return Extent(shape="money" if figure.is_money else "")
    if kind == "date":
        return Extent()
    start = next(first for first, last in unit.row.spans if first <= unit.first < last)
    return Extent(
        shape=shape_of(unit.text),
        offset=unit.first - start,
        length=unit.last - unit.first,
        whole=unit.last >= unit.row.phrase_end(unit.first),
    )


class _Label(NamedTuple):
    """Words `first` to `last` (exclusive) of a row, with `skip` values between them and theirs."""

    row: Row
    first: int
    last: int
    skip: int

    @property
    def x1(self) -> float:
        return self.row.tokens[self.last - 1].x1

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key_of(t.text) for t in self.row.tokens[self.first : self.last])


def _is_word(token: Token) -> bool:
    return any(map(str.isalpha, token.text)) and not any(map(str.isdigit, token.text))


def _left(unit: Unit, kind: str) -> _Label | None:
    """Return the words before a value in its row, up to the phrase's beginning."""
    row, at = unit.row, unit.first
    while at > 0 and not _is_word(row.tokens[at - 1]):
        at -= 1
    if at == 0 or (kind == "text" and any(t.key for t in row.tokens[at : unit.first])):
        return None
    last = first = at
    while first > 0 and _is_word(row.tokens[first - 1]) and last - first < _LONGEST:
        first -= 1
        if not row.joined[first]:
            break
    skip = sum(last <= v.first < unit.first for v in _values(row, kind)) if kind != "text" else 0
    return _Label(row, first, last, skip)


def _over(sheet: Sheet, unit: Unit, kind: str, extent: Extent) -> Iterator[_Label]:
    """Yield the nearest phrases without figures above a value, that it stands under."""
    found = skip = 0
    for row in reversed(sheet.rows[: unit.row.index]):
        if row.page != unit.row.page or unit.row.top - row.bottom > _REACH * unit.row.height:
            return
        if row.bottom > unit.row.top + 1:
            continue
        for first, last in row.spans:
            if not _over_each_other(row, first, last, unit):
                continue
            if all(map(_is_word, row.tokens[first:last])) and last - first <= _LONGEST:
                yield _Label(row, first, last, skip)
                found += 1
                if found == _ABOVE:
                    return
            skip += any(
                first <= v.first < last
                and _over_each_other(row, v.first, v.last, unit)
                and _looks_right(v, extent, kind)
                for v in _values(row, kind)
            )


def _over_each_other(row: Row, first: int, last: int, unit: Unit) -> bool:
    x0, x1 = row.tokens[first].x0, row.tokens[last - 1].x1
    return min(x1, unit.x1) - max(x0, unit.x0) > 0


def _anchored(sheet: Sheet, relation: Relation, label: _Label, extent: Extent) -> Rule:
    keys = label.keys
    places = list(_printed(sheet, keys))
    nth = next(i for i, u in enumerate(places) if u.row is label.row and u.first == label.first)
    return Rule(
        relation=relation,
        anchor=keys,
        label=label.row.words(label.first, label.last),
        skip=label.skip,
        x0=label.row.tokens[label.first].x0 / sheet.width,
        x1=label.row.tokens[label.last - 1].x1 / sheet.width,
        top=label.row.top / sheet.height,
        on_first=label.row.page == sheet.numbers[0],
        nth=nth,
        count=len(places),
        extent=extent,
    )


# -- finding


def find(sheet: Sheet, rule: Rule, kind: str) -> Unit | None:
    """Return the value that a rule leads to; None where it leads nowhere."""
    if rule.relation == "place":
        return _at_place(sheet, rule, kind)
    anchor = _nearest(sheet, rule)
    if anchor is None:
        return None
    if rule.relation == "below":
        found = _below(sheet, anchor, rule, kind, _REACH)
    else:
        found = _right_of(anchor, rule, kind)
        if found is None and kind != "text":
            # The same label may head a column where there is more to print.
            found = _below(sheet, anchor, replace(rule, skip=0), kind, _UNDER)
    return found if found is not None and _looks_right(found, rule.extent, kind) else None


def printed_as(sheet: Sheet, text: str) -> Iterator[Unit]:
    """Yield where a text is printed, however it is spaced, within one row."""
    wanted = key_of(text)
    if not wanted:
        return
    for row in sheet.rows:
        keys = [key_of(t.text) for t in row.tokens]
        for first, key in enumerate(keys):
            whole, last = key, first + 1
            while key and wanted.startswith(whole) and whole != wanted and last < len(keys):
                whole += keys[last]
                last += 1
            if key and whole == wanted:
                yield Unit(row, first, last)


def _printed(sheet: Sheet, keys: Sequence[str]) -> Iterator[Unit]:
    """Yield where words stand after each other."""
    count = len(keys)
    for row in sheet.rows:
        own = [key_of(t.text) for t in row.tokens]
        for first in range(len(own) - count + 1):
            if own[first : first + count] == list(keys):
                yield Unit(row, first, first + count)


def _nearest(sheet: Sheet, rule: Rule) -> Unit | None:
    """Return the anchor: the same of as many as there were, else the one nearest to its place."""
    every = list(_printed(sheet, rule.anchor))
    places = [
        u
        for u in every
        if abs(u.x0 / sheet.width - rule.x0) <= 4 * SHIFT
        or abs(u.x1 / sheet.width - rule.x1) <= 4 * SHIFT
    ] or every
    if len(places) == rule.count:
        return places[rule.nth]
    return min(
        places,
        key=lambda u: (
            (u.row.page == sheet.numbers[0]) != rule.on_first,
            abs(u.row.top / sheet.height - rule.top) + 3 * abs(u.x0 / sheet.width - rule.x0),
        ),
        default=None,
    )


def _right_of(anchor: Unit, rule: Rule, kind: str) -> Unit | None:
    row = anchor.row
    if kind != "text":
        values = [v for v in _values(row, kind) if v.first >= anchor.last]
        return values[rule.skip] if rule.skip < len(values) else None
    first = anchor.last
    while first < len(row.tokens) and not row.tokens[first].key:
        first += 1
    return _taken(row, first, rule.extent)


def _taken(row: Row, first: int, extent: Extent) -> Unit | None:
    """Return the text that begins at a token, as long as it was."""
    if first >= len(row.tokens):
        return None
    end = row.phrase_end(first)
    last = end if extent.whole else min(end, first + extent.length)
    return Unit(row, first, last)


def _below(sheet: Sheet, anchor: Unit, rule: Rule, kind: str, reach: float) -> Unit | None:
    """Return the value under a label; `reach` is in heights of a row."""
    skip = rule.skip
    for row in sheet.rows[anchor.row.index + 1 :]:
        if row.page != anchor.row.page or row.top - anchor.row.bottom > reach * row.height:
            return None
        if row.top < anchor.row.bottom - 1:
            continue
        for unit in _values(row, kind):
            if not _over_each_other(row, unit.first, unit.last, anchor):
                continue
            if kind == "text":
                taken = _taken(row, min(unit.first + rule.extent.offset, unit.last), rule.extent)
                if taken is None or not _looks_right(taken, rule.extent, kind):
                    continue
                unit = taken
            if not skip:
                return unit
            skip -= 1
            break
    return None


def _at_place(sheet: Sheet, rule: Rule, kind: str) -> Unit | None:
    best, least = None, 2 * SHIFT
    for row in sheet.rows:
        if (row.page == sheet.numbers[0]) != rule.on_first:
            continue
        away = abs(row.top / sheet.height - rule.top)
        if away > SHIFT:
            continue
        for value in _values(row, kind):
            unit: Unit | None = value
            if kind == "text":
                unit = _taken(row, value.first + rule.extent.offset, rule.extent)
            if unit is None or not _looks_right(unit, rule.extent, kind):
                continue
            if kind == "text" and shape_of(unit.text) != rule.extent.shape:
                continue
            sideways = min(
                abs(unit.x0 / sheet.width - rule.x0), abs(unit.x1 / sheet.width - rule.x1)
            )
            if away + sideways < least:
                best, least = unit, away + sideways
    return best


def _looks_right(unit: Unit, extent: Extent, kind: str) -> bool:
    if kind == "date":
        return True
    if kind == "figure":
        figure = next(f for f in unit.row.figures if f.first == unit.first)
        return figure.is_money or not extent.shape
    shape = shape_of(unit.text)
    if not any(c in extent.shape for c in "9x"):
        return bool(shape) and any(c in shape for c in "ax")
    if shape == extent.shape:
        return True
    if any(d.first <= unit.first < d.last for d in unit.row.dates):
        return False
    # A counter that grew a group, or a zero that OCR took for a letter, is still a code.
    return (
        any(c in shape for c in "9x") and len(shape) <= len(extent.shape) + 2 and " " not in shape
    )
