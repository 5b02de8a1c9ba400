"""Memory: what corrections taught about one vendor's layout, as plain data.

A layout is known by what its vendor prints on every document: the vendor's own
marks (VAT id, account, name) and the words that stand at the same place each
time. A lesson says where one field is printed on it. The reader is handed the
layouts it may use and says what it used; keeping them is the caller's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from extractors.pages.layout import Sheet
from extractors.pages.lexicon import fold, lookalike

#: A memory that failed this often, and more often than it held, is dropped.
MISSES_ALLOWED = 2
#: Share of a layout's words that must stand where they stood, with a mark printed.
LIKE = 0.35
#: The same for a layout whose vendor prints no mark of its own.
VERY_LIKE = 0.75
#: How far a word may move sideways, as a fraction of the page's width.
SHIFT = 0.025

Relation = Literal["right", "below", "place", "printed", "constant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much a value takes of where it stands, and what it looks like.

    A text begins `offset` words into its phrase and takes `length` words, or
    the `whole` rest of it. `shape` is that of a code, or `money`.
    """

    shape: str = ""
    offset: int = 0
    length: int = 1
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One way to find a value again.

    `right` of the words `anchor`, after `skip` values of its kind; `below`
    them, likewise; at the same `place`; `printed` anywhere with this very
    `value`; or a `constant` that is printed nowhere. `x0`, `x1` and `top` are
    fractions of the page: of the anchor, or of the value itself at a place.
    `nth` of `count` tells equal anchors apart. `rank` is 0 for the likeliest of
    several ways to the same value. `spot` numbers the places where the value
    stood: where they differ on the next document, nobody can tell which was meant.
    """

    relation: Relation
    anchor: tuple[str, ...] = ()
    label: str = ""
    skip: int = 0
    x0: float = 0.0
    x1: float = 0.0
    top: float = 0.0
    on_first: bool = True
    nth: int = 0
    count: int = 1
    rank: int = 0
    spot: int = 0
    extent: Extent = Extent()
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWord:
    """A folded word over a column of the line table, and what the column holds."""

    role: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is known of one field: its rules, who taught them, and how they fared.

    `instead_of` is what the reader said before it was corrected; `titles` are
    the document's titles, which must be the same where a constant depends on
    them. The lesson named `lines` knows the heading of the line table instead.
    What was not `corrected`, but left as it was read, only fills gaps.
    """

    name: str
    rules: tuple[Rule, ...]
    document: str
    person: str
    corrected: bool = True
    instead_of: str = ""
    titles: tuple[str, ...] = ()
    heads: tuple[HeadWord, ...] = ()
    hits: int = 0
    misses: int = 0

    @property
    def is_dropped(self) -> bool:
        """Say whether it failed too often to be used again."""
        return self.misses >= MISSES_ALLOWED and self.misses > self.hits

    @property
    def trust(self) -> float:
        """Return how sure a value found by it is, from 0 to 1, before any other evidence."""
        sure = min(0.95, 0.85 + 0.04 * self.hits) - 0.15 * self.misses
        return sure if self.corrected else sure - 0.05

    @property
    def source(self) -> str:
        """Say who taught it on which document."""
        return f"learned from correction of {self.document[:12]} by {self.person}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One vendor's layout. Horizontal places are fractions of the page's width.

    `vendor` is its name, for people. `marks` are folded; `words` pair a folded word with where it begins.
    `style` is the decimal sign and `order` the order of day and month, as the
    enumerations of the reader write them; empty where the pages prove them.
    """

    key: str
    marks: tuple[str, ...]
    words: tuple[tuple[str, float], ...]
    vendor: str = ""
    lessons: tuple[Lesson, ...] = ()
    style: str = ""
    order: str = ""

    def lesson(self, name: str) -> Lesson | None:
        """Return what is known of a field; None where nothing is, or no longer."""
        usable = (one for one in self.lessons if one.name == name and not one.is_dropped)
        return next(usable, None)


def key_of(text: str) -> str:
    """Fold a word so that spellings and what OCR confuses compare equal."""
    return lookalike(fold(text))


def titles_of(sheet: Sheet) -> tuple[str, ...]:
    """Return the folded titles of a document: what it calls itself."""
    named = {
        key_of(row.words(m.first, m.last))
        for row in sheet.rows
        for m in row.titles
        if m.first == 0 or not row.joined[m.first]
    }
    tallest = max(
        (t for row in sheet.rows if row.page == sheet.numbers[0] for t in row.tokens),
        key=lambda t: (round(t.bottom - t.top, 1), -t.top),
        default=None,
    )
    return tuple(sorted(named | ({key_of(tallest.text)} if tallest else set())))


def best_layout(sheet: Sheet, layouts: Sequence[Layout]) -> Layout | None:
    """Return the layout that a document has; None where it is not known."""
    if not layouts:
        return None
    text = "".join(key_of(t.text) for row in sheet.rows for t in row.tokens)
    places: dict[str, list[float]] = {}
    for row in sheet.rows:
        for token in row.tokens:
            places.setdefault(key_of(token.text), []).append(token.x0 / (sheet.width or 1))
    best, most = None, 0.0
    for layout in layouts:
        marked = any(mark in text for mark in layout.marks)
        if layout.marks and not marked:
            continue
        share = _share(layout.words, places)
        if share >= (LIKE if marked else VERY_LIKE) and share > most:
            best, most = layout, share
    return best


def _share(words: Sequence[tuple[str, float]], places: dict[str, list[float]]) -> float:
    if not words:
        return 0.0
    found = sum(any(abs(x - seen) <= SHIFT for seen in places.get(key, ())) for key, x in words)
    return found / len(words)
