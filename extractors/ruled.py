"""Ruled tables: where words alone leave lines unproved, the rules drawn around cells place them.

pdfplumber finds the cells. Their words are set anew, so that what stands in one
row of cells stands in one row of words and columns keep apart; then the pages
are read as any other. What is read there counts only if it proves more.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import pdfplumber
import pypdfium2
import pypdfium2.raw as raw
from pdfplumber.utils.text import extract_words

from extractors.words import Box, PageWords, Word
from records.documents import Field, Place, Reading
from records.findings import Finding
from records.vocabulary import FIELDS

#: Columns are set this much further apart, in points: more than any space between words.
_SPREAD = 16.0
#: Beyond this the second look costs more than it can bring.
_MAX_PAGES = 8
_MAX_WORDS = 3000
_MAX_OBJECTS = 4000
_MIN_RULES = 4
_AMOUNTS = frozenset(
    {
        "lines_total",
        "allowance_total",
        "charge_total",
        "net_total",
        "tax_total",
        "gross_total",
        "prepaid_total",
        "rounding_amount",
        "amount_due",
    }
)
_AMOUNT_LABELS = frozenset(FIELDS[name].label for name in _AMOUNTS)
_ABOUT_AMOUNTS = frozenset({"lines_do_not_sum", "due_does_not_sum", "ambiguous_amount"})


def read_ruled(
    data: bytes,
    pages: Sequence[PageWords],
    reading: Reading,
    read_pages: Callable[[Sequence[PageWords]], Sequence[Reading]],
) -> Reading:
    """Read a PDF's lines again from its ruled cells, where the first reading proves too little.

    `pages` and `reading` are what its words gave. Returns `reading`, or it with
    amounts and lines of the second reading where those prove more.
    """
    if _proof(reading).is_enough or len(pages) > _MAX_PAGES:
        return reading
    ruled = _ruled_pages(data, pages)
    if not ruled:
        return reading
    try:
        moved = _regridded(data, ruled)
    except Exception:
        # pdfminer raises whatever a damaged file leads it to; the first reading stands.
        return reading
    if not moved:
        return reading
    again = read_pages([moved[p.number].page if p.number in moved else p for p in pages])
    if len(again) != 1 or not _proof(again[0]).summed or _proof(again[0]) <= _proof(reading):
        return reading
    return _combined(reading, _replaced(again[0], moved))


class _Proof(NamedTuple):
    """How far the amounts of a reading prove each other, in the order of what counts."""

    gross: bool
    summed: bool
    multiplied: int
    missing: int

    @property
    def is_enough(self) -> bool:
        """Say whether totals and lines agree, and most lines that could multiply do."""
        return self.gross and self.summed and self.multiplied >= -self.missing


def _proof(reading: Reading) -> _Proof:
    rows = {f.line for f in reading.fields if f.name == "net_amount"}
    multiplied = {f.line for f in reading.fields if f.name == "quantity" and f.proved}
    # A line with neither quantity nor price has nothing to multiply.
    parts = {f.line for f in reading.fields if f.name in {"quantity", "unit_price"}}
    return _Proof(
        any(f.name == "gross_total" and f.proved for f in reading.fields),
        bool(rows) and not any(f.code == "lines_do_not_sum" for f in reading.findings),
        len(rows & multiplied),
        -len((rows & parts) - multiplied),
    )


def _combined(first: Reading, again: Reading) -> Reading:
    """Take amounts and lines from the second reading, all else from the first."""
    return replace(
        first,
        fields=(
            *(f for f in first.fields if not _is_amount(f)),
            *(f for f in again.fields if _is_amount(f)),
        ),
        findings=(
            *(f for f in first.findings if not _is_about_amounts(f)),
            *(f for f in again.findings if _is_about_amounts(f)),
        ),
    )


def _is_amount(field: Field) -> bool:
    return field.line is not None or field.name in _AMOUNTS


def _is_about_amounts(item: Finding) -> bool:
    return item.code in _ABOUT_AMOUNTS or item.where in _AMOUNT_LABELS


# -- which pages are ruled


def _ruled_pages(data: bytes, pages: Sequence[PageWords]) -> list[PageWords]:
    pdf = pypdfium2.PdfDocument(data)
    try:
        return [p for p in pages if 0 < len(p.words) < _MAX_WORDS and _is_ruled(pdf, p.number)]
    finally:
        pdf.close()


def _is_ruled(pdf: Any, number: int) -> bool:
    """Say whether a page draws columns: upright rules or boxes at several places."""
    page = pdf[number - 1]
    try:
        if page.get_rotation() or page.get_cropbox() != page.get_mediabox():
            return False
        edges: set[int] = set()
        for item in islice(page.get_objects(max_depth=2), _MAX_OBJECTS):
            if item.type == raw.FPDF_PAGEOBJ_PATH:
                left, bottom, right, top = item.get_bounds()
                if top - bottom > 8 and (right - left < 2 or right - left > 12):
                    edges |= {round(left), round(right)}
        return len(edges) >= _MIN_RULES
    finally:
        page.close()


# -- words set anew


class _Moved(NamedTuple):
    """A page with its words in their new places, and the old place of each new one."""

    page: PageWords
    places: tuple[tuple[Box, Box], ...]


def _regridded(data: bytes, pages: Sequence[PageWords]) -> dict[int, _Moved]:
    numbers = [p.number for p in pages]
    found: dict[int, _Moved] = {}
    with pdfplumber.open(io.BytesIO(data), pages=numbers) as pdf:
        for page, words in zip(pdf.pages, pages, strict=True):
            tables = [t for t in page.find_tables() if len(t.rows) > 1 and len(t.columns) > 2]
            if tables:
                found[words.number] = _set(page, words, tables)
    return found


def _set(page: Any, words: PageWords, tables: Sequence[Any]) -> _Moved:
    new: list[Word] = []
    places: list[tuple[Box, Box]] = []
    boxes: list[Box] = [table.bbox for table in tables]
    chars = [c for c in page.chars if c["text"].strip()]
    for table in tables:
        edges = sorted({round(cell[0]) for cell in table.cells})
        inside: dict[Box, list[Any]] = defaultdict(list)
        for char in chars:
            cell = _around(char, table.cells)
            if cell is not None:
                inside[cell].append(char)
        head = _stacked_heading(table)
        for row in table.rows:
            for cell in row.cells:
                if cell is None or cell not in inside:
                    continue
                printed = extract_words(inside[cell], x_tolerance=1.5)
                right = _SPREAD * edges.index(round(cell[0]))
                up = min(w["top"] for w in printed) - row.bbox[1] - 2
                if cell[3] <= head:
                    up = max(w["bottom"] for w in printed) - cell[3] + 2
                for word in printed:
                    old = (word["x0"], word["top"], word["x1"], word["bottom"])
                    box = (old[0] + right, old[1] - up, old[2] + right, old[3] - up)
                    new.append(Word(word["text"], box))
                    places.append((box, old))
    rest = [w for w in words.words if not any(_holds(box, w.box) for box in boxes)]
    return _Moved(replace(words, words=(*rest, *new)), tuple(places))


def _stacked_heading(table: Any) -> float:
    """Return where headings end that share one above them; their words go to the bottom of cells."""
    bottoms = [cell[3] for cell in table.rows[0].cells if cell is not None]
    return max(bottoms) + 1 if max(bottoms) - min(bottoms) > 4 else 0.0


def _around(char: Any, cells: Iterable[Box]) -> Box | None:
    x, y = (char["x0"] + char["x1"]) / 2, (char["top"] + char["bottom"]) / 2
    held = [c for c in cells if c[0] <= x < c[2] and c[1] <= y < c[3]]
    return min(held, key=lambda c: (c[2] - c[0]) * (c[3] - c[1]), default=None)


def _holds(outer: Box, inner: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _replaced(reading: Reading, moved: dict[int, _Moved]) -> Reading:
    """Give each field the place on the page that its words were taken from."""
    return replace(reading, fields=tuple(_put_back(f, moved) for f in reading.fields))


def _put_back(field: Field, moved: dict[int, _Moved]) -> Field:
    place = field.place
    if place is None or place.box is None or place.page not in moved:
        return field
    old = [was for now, was in moved[place.page].places if _holds(place.box, now)]
    if not old:
        return field
    box = (
        round(min(b[0] for b in old), 1),
        round(min(b[1] for b in old), 1),
        round(max(b[2] for b in old), 1),
        round(max(b[3] for b in old), 1),
    )
    return replace(field, place=Place(page=place.page, box=box))
