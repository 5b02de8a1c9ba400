"""Combined labels: one label names several values, `No. / Date: 4711 / 1 May 2026`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extractors.pages.layout import Dated, Row, Sheet, Token
from extractors.pages.lexicon import DATES, REFERENCES, Lexicon, fold, lexicon, lookalike

_WANTED = DATES | REFERENCES
_JOINS = frozenset(["und", "and", "et", "e", "y", "i", "en", "ed", "oraz", "de", "of", "du"])
_SIGNS = re.compile(r"[/|&+]")
_SIGN = re.compile(r"[/|&+\-–—,;:]+")
#: A bare `number` or `date` beside the other of the two means the document's own, if nothing
#: else does.
_OWN = {"invoice_number": 0.66, "issue_date": 0.8}


class Slot(NamedTuple):
    """One of the values that a combined label names: concepts with their weights."""

    concepts: dict[str, float]

    @property
    def is_date(self) -> bool:
        """Say whether a date is named."""
        return not DATES.isdisjoint(self.concepts)


class Cell(NamedTuple):
    """Where a combined label stands: tokens `first` to `last` (exclusive) of a row."""

    row: Row
    first: int
    last: int

    @property
    def text(self) -> str:
        """Return the label as printed."""
        return self.row.words(self.first, self.last)


class Part(NamedTuple):
    """One of the values of a combined label: tokens `first` to `last` (exclusive) of a row."""

    row: Row
    first: int
    last: int
    dated: Dated | None
    concepts: dict[str, float]
    cell: Cell

    def says(self, row: Row, at: int) -> bool:
        """Say whether a token belongs to the combined label."""
        return row is self.cell.row and self.cell.first <= at < self.cell.last


def combined(sheet: Sheet) -> Iterator[Part]:
    """Yield what combined labels name, where as many values stand with them as they name."""
    ocr = sheet.by == "ocr"
    words = lexicon("labels", ocr=ocr)
    joins = {_key(word, ocr=ocr) for word in _JOINS}
    for row in sheet.rows:
        if joins.isdisjoint(row.keys) and _SIGNS.search(row.text) is None:
            continue
        for first, last in row.spans:
            if not _may_begin(row, first, words, ocr=ocr):
                continue
            end, slots = _label(row, first, last, words, ocr=ocr)
            if len(slots) < 2:
                continue
            for values in _places(sheet, row, first, end, last):
                parts = _matched(values, slots, Cell(row, first, end))
                if parts:
                    yield from parts
                    break


def _label(row: Row, first: int, last: int, words: Lexicon, *, ocr: bool) -> tuple[int, list[Slot]]:
    """Read a combined label that begins a phrase: where it ends, and what it names."""
    keys: list[str] = []
    homes: list[int] = []
    for at in range(first, last):
        token = row.tokens[at]
        if any(map(str.isdigit, token.text)):
            break
        for piece in _SIGNS.split(token.text):
            keys.append(_key(piece, ocr=ocr))
            homes.append(at)
        if token.text.endswith(":"):
            break
    found = {m.first: m for m in words.matches(keys, [bool(i) for i in range(len(keys))])}
    slots: list[Slot] = []
    at = end = 0
    while at < len(keys):
        match = found.get(at)
        if match is None:
            if keys[at] and keys[at] not in _JOINS:
                break
            at += 1
            continue
        if _WANTED.isdisjoint(match.concepts):
            break
        concepts = {s.concept: s.weight for s in match.senses if s.concept in _WANTED}
        # `Rechnungsnr. / Invoice no.`: the same again in another language.
        if not any(concepts.keys() & slot.concepts.keys() for slot in slots):
            slots.append(Slot(concepts))
        at = end = match.last
    return (homes[end - 1] + 1 if end else first), _named(slots)


def _may_begin(row: Row, at: int, words: Lexicon, *, ocr: bool) -> bool:
    """Say whether a wording can begin with a token, or with its part before a sign."""
    if words.knows(row.keys[at]):
        return True
    key = _key(_SIGNS.split(row.tokens[at].text, 1)[0], ocr=ocr)
    return not key or key in _JOINS or words.knows(key)


def _key(text: str, *, ocr: bool) -> str:
    return lookalike(fold(text)) if ocr else fold(text)


def _named(slots: Sequence[Slot]) -> list[Slot]:
    """Let a bare `number` or `date` beside the other name the invoice's."""
    own = [name for name in _OWN if any(name in slot.concepts for slot in slots)]
    if len(own) < 2:
        return [s for s in slots if max(s.concepts.values()) >= 0.7]
    return [
        Slot({c: max(w, _OWN[c]) if c in own else w for c, w in slot.concepts.items()})
        for slot in slots
    ]


class _Value(NamedTuple):
    row: Row
    first: int
    last: int
    dated: Dated | None


def _places(sheet: Sheet, row: Row, first: int, end: int, last: int) -> Iterator[list[_Value]]:
    """Yield the values right of a label, then those under it, in one row and in two."""
    if end < last:
        yield list(_values(row, end, last))
        return
    after = next(((a, b) for a, b in row.spans if a >= last), None)
    if after is not None:
        yield list(_values(row, *after))
    x0, x1 = row.tokens[first].x0, row.tokens[end - 1].x1
    under: list[_Value] = []
    edge = row.bottom
    for other in sheet.below(row, 3):
        if other.top - edge > 1.6 * row.height:
            return
        hit = next((s for s in other.spans if _stands_under(other, s, x0, x1)), None)
        if hit is not None:
            under += _values(other, *hit)
            edge = other.bottom
            yield list(under)


def _stands_under(row: Row, span: tuple[int, int], x0: float, x1: float) -> bool:
    left, right = row.tokens[span[0]].x0, row.tokens[span[1] - 1].x1
    return min(right, x1) - max(left, x0) > 0 or abs(left - x0) < 3


def _values(row: Row, first: int, last: int) -> Iterator[_Value]:
    """Cut a phrase into its dates and codes, which signs or dates part."""
    at = first
    dates = {d.first: d for d in row.dates}
    start: int | None = None
    while at <= last:
        dated = dates.get(at)
        if at == last or dated or _parts(row.tokens[at]):
            if start is not None:
                yield _Value(row, start, at, None)
                start = None
            if dated and at < last:
                yield _Value(row, at, dated.last, dated)
                at = dated.last
                continue
        elif start is None:
            start = at
        at += 1


def _parts(token: Token) -> bool:
    return _SIGN.fullmatch(token.text) is not None or token.text.lower().strip(".") in _BETWEEN


#: Words between a number and its date.
_BETWEEN = frozenset(
    ["vom", "du", "del", "of", "dated", "dd", "d.d", "van", "z", "dnia", "de", "em", "und", "and"]
)


def _matched(values: Sequence[_Value], slots: Sequence[Slot], cell: Cell) -> list[Part]:
    """Give each slot its value, in order; nothing where they are not equally many."""
    dates = [v for v in values if v.dated]
    codes = [v for v in values if not v.dated]
    # Every code has a digit: what has none is more than what the label names.
    if any(not any(c.isdigit() for c in v.row.words(v.first, v.last)) for v in codes):
        return []
    dated = [s for s in slots if s.is_date]
    coded = [s for s in slots if not s.is_date]
    if len(dates) != len(dated) or len(codes) != len(coded) or not coded:
        return []
    pairs = [*zip(dates, dated, strict=True), *zip(codes, coded, strict=True)]
    return [Part(v.row, v.first, v.last, v.dated, s.concepts, cell) for v, s in pairs]
