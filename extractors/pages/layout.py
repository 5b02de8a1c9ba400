"""Layout: the words of a page as rows, phrases and blocks, each row with what stands in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import sub
from typing import NamedTuple

from extractors.pages.dates import Printed as PrintedDate
from extractors.pages.dates import dates_in
from extractors.pages.figures import Figure, figures_in
from extractors.pages.lexicon import Lexicon, Match, fold, lexicon, lookalike
from extractors.words import Box, PageWords


class Token(NamedTuple):
    """A word, cut where a label is glued to its value (`Number:82`)."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    confidence: float
    key: str


class Dated(NamedTuple):
    """A date in a row: tokens `first` to `last` (exclusive)."""

    first: int
    last: int
    printed: PrintedDate
    x0: float
    x1: float


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens on one line of a page, from left to right.

    `keys` are the tokens' own; `joined[i]` says that token i continues the phrase
    of token i-1. `labels`,
    `titles`, `figures` and `dates` are what was recognised, `spans` the phrases; `index` counts the rows of
    the whole document.
    """

    page: int
    index: int
    top: float
    bottom: float
    tokens: tuple[Token, ...]
    keys: tuple[str, ...]
    joined: tuple[bool, ...]
    labels: tuple[Match, ...]
    titles: tuple[Match, ...]
    figures: tuple[Figure, ...]
    dates: tuple[Dated, ...]
    text: str
    spans: tuple[tuple[int, int], ...]

    @property
    def height(self) -> float:
        """Return the row's height in points."""
        return self.bottom - self.top

    @property
    def x0(self) -> float:
        """Return the left end in points."""
        return self.tokens[0].x0

    @property
    def x1(self) -> float:
        """Return the right end in points."""
        return self.tokens[-1].x1

    def box(self, first: int, last: int) -> Box:
        """Return the box around tokens `first` to `last` (exclusive)."""
        part = self.tokens[first:last]
        if len(part) == 1:
            _, x0, top, x1, bottom, _, _ = part[0]
            return (round(x0, 1), round(top, 1), round(x1, 1), round(bottom, 1))
        return (
            round(part[0].x0, 1),
            round(min([t.top for t in part]), 1),
            round(part[-1].x1, 1),
            round(max([t.bottom for t in part]), 1),
        )

    def words(self, first: int, last: int) -> str:
        """Return the text of tokens `first` to `last` (exclusive)."""
        part = self.tokens[first:last]
        return part[0].text if len(part) == 1 else " ".join([t.text for t in part])

    def phrase_end(self, at: int) -> int:
        """Return the end (exclusive) of the phrase that token `at` belongs to."""
        end = at + 1
        while end < len(self.tokens) and self.joined[end]:
            end += 1
        return end


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows of one document, top to bottom, page after page.

    `numbers` are the page numbers in the file; `by` names the reader of the
    words.
    """

    rows: tuple[Row, ...]
    numbers: tuple[int, ...]
    width: float
    height: float
    by: str

    def below(self, row: Row, count: int) -> Sequence[Row]:
        """Return up to `count` rows under `row` on the same page."""
        found = self.rows[row.index + 1 : row.index + 1 + count]
        return [r for r in found if r.page == row.page and r.bottom > row.top]

    @property
    def text(self) -> str:
        """Return the document's text, one line per row."""
        return "\n".join(row.text for row in self.rows)


def merged(sheets: Sequence[Sheet]) -> Sheet:
    """Join pages that belong to one document into one sheet."""
    if len(sheets) == 1:
        return sheets[0]
    rows = list(sheets[0].rows)
    for sheet in sheets[1:]:
        start = len(rows)
        rows.extend(replace(row, index=start + i) for i, row in enumerate(sheet.rows))
    return Sheet(
        tuple(rows),
        tuple(n for sheet in sheets for n in sheet.numbers),
        max(sheet.width for sheet in sheets),
        max(sheet.height for sheet in sheets),
        sheets[0].by,
    )


_DIGIT = re.compile(r"\d")
_PRICE = re.compile(r"\d[.,]\d{2}$")
# A label glued to its value: `Number:82`, `No#82`, `n°82`; not a time, not an address.
_GLUED = re.compile(r"([(\[]?[^\W\d_][\w.\-/()]*?[:#№°=]+)(?!//)([^\s:#].*)")
# `kg43,11`: a unit ran into the price of the next column.
_UNIT_GLUED = re.compile(r"([^\W\d_]{1,7}\.?)(\d[\d.,]*[.,]\d{2})")
# `125,001.125,00`: two columns touch.
_PRICES_GLUED = re.compile(r"(\d[\d.,]*?([.,])\d\d)(\d[\d.,]*([.,])\d\d)")
_NOT_LABEL = re.compile(r"(?:https?|mailto|urn|www|ftp):", re.IGNORECASE)
# `intracommunautaireFR61246224687`: a long label ran into its value.
_ID_GLUED = re.compile(r"([^\W\d_]*[^\W\d_A-Z]{3})([A-Z]{2}[A-Z0-9]?\d[A-Z0-9]{6,30})")

# `4711vom`: to OCR a number and the word before its date are one.
_DATED_GLUED = re.compile(r"(.*\d)(vom|dated|du|del|van|dnia)", re.IGNORECASE)


def sheet_of(pages: Sequence[PageWords]) -> Sheet:
    """Lay out pages; words that touch nothing else become rows of their own."""
    rows: list[Row] = []
    for page in pages:
        ocr = page.by == "ocr"
        words, titles = lexicon("labels", ocr=ocr), lexicon("kinds", ocr=ocr)
        for part in _columns(_tokens(page), page):
            for tokens in _grouped(part):
                rows.append(_row(page.number, len(rows), tokens, words, titles))
    return Sheet(
        tuple(rows),
        tuple(p.number for p in pages),
        max((p.width for p in pages), default=0.0),
        max((p.height for p in pages), default=0.0),
        pages[0].by if pages else "",
    )


_SIGNS_OF_GLUE = re.compile("[:#°№=]")


def _tokens(page: PageWords) -> list[Token]:
    ocr = page.by == "ocr"
    tokens: list[Token] = []
    # As Token itself does, in a third of its time: a page has hundreds.
    new = tuple.__new__
    for word in page.words:
        text, (x0, top, x1, bottom), confidence = word
        # Upright words only: a stamp along the margin would tear every row apart.
        if bottom - top > 2.5 * (x1 - x0) and len(text) > 3 and bottom - top > 30:
            continue
        if text.isalpha():
            # Most words; nothing can be glued to one of letters only.
            key = lookalike(fold(text)) if ocr else fold(text)
            tokens.append(new(Token, (text, x0, top, x1, bottom, confidence, key)))
            continue
        glued = None
        parts: tuple[str, ...] = (text,)
        if _SIGNS_OF_GLUE.search(text):
            glued = None if _NOT_LABEL.match(text) else _GLUED.fullmatch(text)
        elif len(text) > 12:
            glued = _ID_GLUED.fullmatch(text)
        elif text[:1].isalpha() and text[-1:].isdigit():
            glued = _UNIT_GLUED.fullmatch(text)
        elif len(text) > 8 and text[0].isdigit():
            prices = _PRICES_GLUED.fullmatch(text)
            # In `1,234.56` the two signs differ: that is one number.
            if prices and prices[2] == prices[4]:
                parts = (prices[1], prices[3])
        if ocr and glued is None and text[-1:].isalpha():
            glued = _DATED_GLUED.fullmatch(text)
        if glued:
            parts = glued.groups()
        share = (x1 - x0) / (len(text) or 1)
        for part in parts:
            width = share * len(part)
            key = fold(part)
            if ocr and not key.isdigit():
                key = lookalike(key)
            tokens.append(new(Token, (part, x0, top, x0 + width, bottom, confidence, key)))
            x0 += width
    return tokens


def _columns(tokens: list[Token], page: PageWords) -> list[list[Token]]:
    """Set a sidebar apart: a column of text whose lines do not align with those beside it.

    Footer and letterhead may run across; between them the gap must be clear,
    but for addresses of the net, which no one breaks to fit a column.
    """
    body = [t for t in tokens if 0.12 * page.height < t.top < 0.85 * page.height]
    if len(body) < 30:
        return [tokens]
    width = int(page.width)
    covered = bytearray(width + 2)
    for token in body:
        first, last = max(0, int(token.x0)), min(width, int(token.x1) + 1)
        if first < last and "@" not in token.text and "www." not in token.text:
            covered[first:last] = b"\x01" * (last - first)
    for low, high in ((0.15, 0.42), (0.58, 0.85)):
        start, end = int(low * width), int(high * width)
        gaps = re.finditer(rb"\x00{6,}", bytes(covered[start:end]))
        for gap in sorted(gaps, key=lambda g: g.start() - g.end()):
            cut = start + (gap.start() + gap.end()) / 2
            if _unaligned(body, cut, gap.end() - gap.start(), ocr=page.by == "ocr"):
                return _cut(tokens, cut, 0.87 * page.height)
    return [tokens]


#: Half points by which the middles of one line's words may differ.
_LEVEL = 2


def _unaligned(body: list[Token], cut: float, gap: int, *, ocr: bool) -> bool:
    """Say whether the lines left and right of `cut` stand at heights of their own.

    Where next to none are level with each other, a narrow gap and a short
    column are enough: of the rows of a table most are.
    """
    left, right = _Side(), _Side()
    for token in body:
        side = left if token.x0 < cut else right
        level = round(token.top + token.bottom)
        side.levels.add(level)
        if len(token.text) > 3 and token.text.isalpha():
            side.worded.add(level)
        if _PRICE.search(token.text):
            side.priced.add(level)
    few, many = sorted((left, right), key=lambda s: len(s.levels))
    if len(few.levels) < 7 or len(few.worded) < 0.3 * len(few.levels):
        return False
    share = sum(_near(y, many.levels) for y in few.levels) / len(few.levels)
    reach = (max(few.levels) - min(few.levels)) / (max(many.levels) - min(many.levels))
    # Amounts in line with text on the other side only are columns of one table.
    lone = [y for y in right.priced if not _near(y, right.worded, _LEVEL + 1)]
    lined = sum(_near(y, left.levels, _LEVEL + 1) for y in lone) / max(1, len(lone))
    if share <= 0.35:
        apart = reach > 0.15 and (lined < 0.7 or len(lone) < 3)
    else:
        apart = share <= 0.5 and reach > 0.35 and gap >= 10 and lined <= 0.4
    if not apart:
        return False
    heads = _heading(body, cut, ocr=ocr)
    first = min((y for y in right.priced if heads is not None and y > heads), default=None)
    return first is None or not _near(first, left.levels)


#: Columns of a table with words in them, and those with figures.
_WORDED = frozenset({"description", "article_number"})
_FIGURED = frozenset({"quantity", "unit_price", "net_amount", "gross_amount", "vat_rate"})


def _heading(body: list[Token], cut: float, *, ocr: bool) -> int | None:
    """Return where headings of one table stand on both sides: what is sold, and for how much."""
    words = lexicon("columns", ocr=ocr)
    sold: set[int] = set()
    priced: set[int] = set()
    for token in body:
        concepts = {s.concept for s in words.senses(token.key)}
        level = round(token.top + token.bottom)
        if token.x0 < cut and concepts & _WORDED and len(token.key) > 3:
            sold.add(level)
        if token.x0 > cut and concepts & _FIGURED:
            priced.add(level)
    return min((y for y in priced if _near(y, sold)), default=None)


@dataclass(slots=True)
class _Side:
    """What stands on one side of a gap: the heights, in half points, of lines, words and prices."""

    levels: set[int] = field(default_factory=set)
    worded: set[int] = field(default_factory=set)
    priced: set[int] = field(default_factory=set)


def _near(level: int, levels: set[int], most: int = _LEVEL) -> bool:
    return any(level + step in levels for step in range(-most, most + 1))


def _cut(tokens: list[Token], cut: float, limit: float) -> list[list[Token]]:
    """Part tokens at `cut`; a line that runs across it ends the columns."""
    across = [t for t in tokens if t.x0 < cut < t.x1 and "@" not in t.text]
    bottom = min([limit, *(t.top for t in across if t.top > 0.15 * limit)])
    top = max((t.bottom for t in across if t.bottom < bottom), default=float("-inf"))
    between = [t for t in tokens if top < t.top < bottom and t not in across]
    left = [t for t in between if t.x0 < cut]
    right = [t for t in between if t.x0 >= cut]
    chosen = {id(t) for t in between}
    above = [t for t in tokens if id(t) not in chosen and t.top <= top]
    below = [t for t in tokens if id(t) not in chosen and t.top > top]
    return [part for part in (above, left, right, below) if part]


def _grouped(tokens: list[Token]) -> list[list[Token]]:
    """Group tokens whose middles lie on one line, lines from top to bottom."""
    ordered = sorted(tokens, key=lambda t: t.top + t.bottom)
    groups: list[list[Token]] = []
    middle = tallest = 0.0
    for token in ordered:
        own = (token.top + token.bottom) / 2
        height = token.bottom - token.top
        if groups and own - middle <= 0.21 * (height + tallest):
            groups[-1].append(token)
        else:
            groups.append([token])
            middle, tallest = own, height
    for group in groups:
        group.sort(key=lambda t: t.x0)
    return groups


def _row(page: int, index: int, tokens: list[Token], words: Lexicon, titles: Lexicon) -> Row:
    texts, lefts, tops, rights, bottoms, _, keys = zip(*tokens, strict=True)
    height = sum(map(sub, bottoms, tops)) / len(tokens)
    reach = max(height, 4.0)
    joined = [False, *(b - a <= reach for a, b in zip(rights, lefts[1:], strict=False))]
    text = " ".join(texts)
    figures: tuple[Figure, ...] = ()
    dates: tuple[Dated, ...] = ()
    if _DIGIT.search(text):
        dates = tuple(_dated(text, tokens))
        free = list(texts)
        for found in dates:
            free[found.first : found.last] = [""] * (found.last - found.first)
        figures = tuple(figures_in(free, lefts, rights, reach))
    return Row(
        page,
        index,
        min(tops),
        max(bottoms),
        tuple(tokens),
        keys,
        tuple(joined),
        tuple(words.matches(keys, joined)),
        tuple(titles.matches(keys, joined)),
        figures,
        dates,
        text,
        tuple(pairwise([*(i for i, near in enumerate(joined) if not near), len(tokens)])),
    )


def _dated(text: str, tokens: list[Token]) -> Iterator[Dated]:
    found = dates_in(text)
    if not found:
        return
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token.text) + 1
    for printed in found:
        first = bisect_right(starts, printed.start) - 1
        last = bisect_right(starts, printed.end - 1)
        yield Dated(first, last, printed, tokens[first].x0, tokens[last - 1].x1)
