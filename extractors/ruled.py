"""Ruled tables: where words alone leave lines unproved, the rules drawn around cells place them.

pdfplumber finds the cells. Their characters are set anew as words, so that what stands in one
row of cells stands in one row of words and columns keep apart; then the pages
are read as any other. What is read there counts only if it proves more.
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import pypdfium2.raw as raw
from pdfplumber.table import (
    Table,
    cells_to_tables,
    edges_to_intersections,
    intersections_to_cells,
    merge_edges,
)
from pdfplumber.utils.text import extract_words

from extractors.images import objects_on
from extractors.pdfium import (
    PdfFile,
    char_box,
    count_segments,
    handle,
    object_matrix,
    path_segment,
    segment_closes,
    segment_kind,
    segment_point,
)
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
_MAX_EDGES = 4000
_MAX_SEGMENTS = 60
_MIN_RULES = 4
#: Strokes nearer than this are one, in points: pdfplumber's own setting.
_SNAP = 3
_AMOUNTS = frozenset(
    name for name, term in FIELDS.items() if term.type == "amount" and term.scope == "header"
)
_AMOUNT_LABELS = frozenset(FIELDS[name].label for name in _AMOUNTS)
_ABOUT_AMOUNTS = frozenset({"lines_do_not_sum", "due_does_not_sum", "ambiguous_amount"})


def read_ruled(
    pdf: PdfFile,
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
    sheets = _ruled_sheets(pdf, pages)
    if not sheets:
        return reading
    moved = {p.number: _set(sheets[p.number], p) for p in pages if p.number in sheets}
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
        """Say whether totals and lines agree, and all lines that could multiply do."""
        return self.gross and self.summed and not self.missing


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


# -- rules and cells


class _Sheet(NamedTuple):
    """What a ruled page draws: the tables' cells, and its characters as pdfplumber knows them."""

    tables: list[Table]
    chars: list[dict[str, Any]]


def _ruled_sheets(pdf: PdfFile, pages: Sequence[PageWords]) -> dict[int, _Sheet]:
    """Find the ruled tables of the pages. PDFium draws and reads; pdfplumber finds the cells."""
    found: dict[int, _Sheet] = {}
    for words in pages:
        if not 0 < len(words.words) < _MAX_WORDS:
            continue
        with pdf.page(words.number) as page:
            tables = [] if page.get_rotation() else _tables(page)
            if tables:
                found[words.number] = _Sheet(tables, list(_chars(page)))
    return found


def _tables(page: Any) -> list[Table]:
    edges = list(islice(_edges(page), _MAX_EDGES))
    upright = {round(e["x0"]) for e in edges if e["orientation"] == "v"}
    if len(upright) < _MIN_RULES:
        return []
    merged = merge_edges(edges, _SNAP, _SNAP, _SNAP, _SNAP)
    cells = intersections_to_cells(edges_to_intersections(merged, _SNAP, _SNAP))
    # The cells alone make a table; a page of pdfplumber is asked for text only.
    no_page: Any = None
    tables = [Table(no_page, group) for group in cells_to_tables(cells)]
    return [t for t in tables if len(t.rows) > 1 and len(t.columns) > 2]


def _edges(page: Any) -> Iterator[dict[str, Any]]:
    """Yield the level and upright strokes of a page, from the top left, as pdfplumber's edges."""
    left, _, _, top = page.get_cropbox()
    x, y = ctypes.c_float(), ctypes.c_float()
    to_x, to_y = ctypes.byref(x), ctypes.byref(y)
    turn = raw.FS_MATRIX()
    to_turn = ctypes.byref(turn)
    for kind, item in islice(objects_on(page, 1), _MAX_OBJECTS):
        if kind != raw.FPDF_PAGEOBJ_PATH:
            continue
        count = count_segments(item)
        if count > _MAX_SEGMENTS:
            continue  # a drawing, or a code
        if not object_matrix(item, to_turn):
            continue
        a, b, c, d, e, f = turn.a, turn.b, turn.c, turn.d, turn.e, turn.f
        before = start = None
        for index in range(count):
            segment = path_segment(item, index)
            segment_point(segment, to_x, to_y)
            across, up = x.value, y.value
            point = (a * across + c * up + e - left, top - (b * across + d * up + f))
            if segment_kind(segment) == raw.FPDF_SEGMENT_MOVETO:
                start = point
            elif before is not None and (edge := _edge(before, point)):
                yield edge
            if start is not None and segment_closes(segment) and (edge := _edge(point, start)):
                yield edge
            before = point


def _edge(one: tuple[float, float], other: tuple[float, float]) -> dict[str, Any] | None:
    (x0, top), (x1, bottom) = one, other
    if x1 < x0:
        x0, x1 = x1, x0
    if bottom < top:
        top, bottom = bottom, top
    width, height = x1 - x0, bottom - top
    if width < 1 and height > _SNAP:
        orientation = "v"
    elif height < 1 and width > _SNAP:
        orientation = "h"
    else:
        return None
    return {
        "x0": x0,
        "x1": x1,
        "top": top,
        "bottom": bottom,
        "width": width,
        "height": height,
        "orientation": orientation,
    }


def _chars(page: Any) -> Iterator[dict[str, Any]]:
    left, _, _, top = page.get_cropbox()
    rect = raw.FS_RECTF()
    to_rect = ctypes.byref(rect)
    text_page = page.get_textpage()
    held = handle(text_page)
    try:
        for index in range(raw.FPDFText_CountChars(text_page)):
            text = chr(raw.FPDFText_GetUnicode(text_page, index) or 0xFFFD)
            if text.strip() and char_box(held, index, to_rect):
                yield {
                    "text": text,
                    "x0": rect.left - left,
                    "x1": rect.right - left,
                    "top": top - rect.top,
                    "bottom": top - rect.bottom,
                    "doctop": top - rect.top,
                    "upright": True,
                }
    finally:
        text_page.close()


# -- words set anew


class _Moved(NamedTuple):
    """A page with its words in their new places, and the old place of each new one."""

    page: PageWords
    places: tuple[tuple[Box, Box], ...]


def _set(sheet: _Sheet, words: PageWords) -> _Moved:
    new: list[Word] = []
    places: list[tuple[Box, Box]] = []
    for table in sheet.tables:
        edges = sorted({round(cell[0]) for cell in table.cells})
        inside: dict[Box, list[Any]] = defaultdict(list)
        for char in sheet.chars:
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
    boxes: list[Box] = [table.bbox for table in sheet.tables]
    rest = [w for w in words.words if not any(_holds(box, w.box) for box in boxes)]
    return _Moved(replace(words, words=(*rest, *new)), tuple(places))


def _stacked_heading(table: Table) -> float:
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
