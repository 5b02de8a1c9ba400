"""Text as `pdftotext -layout` would print it: words in columns, a line for each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from extractors.templates.files import Area
from extractors.words import PageWords, Word

#: No page has more columns of characters than this; a stray word would make a line endless.
_WIDEST = 400
#: Width of a column of characters by that of the usual letter, as pdftotext spreads them.
_NARROW = 0.8


def layout_text(pages: Sequence[PageWords], area: Area | None = None) -> str:
    """Lay out pages as text; form feeds part them. With `area`, only what stands inside it."""
    parts = []
    for page in pages:
        words: Iterable[Word] = page.words
        if area is not None:
            words = [w for w in words if _is_inside(w, page.number, area)]
        parts.append("\n".join(_lines(page, list(words))))
    return "\n\f".join(parts) + "\n"


def _is_inside(word: Word, page: int, area: Area) -> bool:
    scale = 72 / area.resolution
    left, top = area.x * scale, area.y * scale
    x, y = (word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2
    return (
        area.first <= page <= area.last
        and left <= x <= left + area.width * scale
        and top <= y <= top + area.height * scale
    )


def _lines(page: PageWords, words: list[Word]) -> Iterator[str]:
    if not words:
        return
    letter = median((w.box[2] - w.box[0]) / len(w.text) for w in words if w.text) or 5.0
    cell = max(_NARROW * letter, page.width / _WIDEST)
    margin = min(w.box[0] for w in words)
    below = 0.0
    for row in _rows(words):
        top = min(w.box[1] for w in row)
        height = median(w.box[3] - w.box[1] for w in row)
        if below and top - below > 1.2 * height:
            yield ""
        below = max(w.box[3] for w in row)
        line, end = "", float("-inf")
        for word in row:
            gap = word.box[0] - end
            if line and gap < 0.1 * height:
                pass  # it touches the word before it
            elif line and gap < 0.7 * height:
                line += " "
            else:
                column = min(round((word.box[0] - margin) / cell), _WIDEST)
                line = line.ljust(max(column, len(line) + (2 if line else 0)))
            line += word.text
            end = word.box[2]
        yield line


def _rows(words: list[Word]) -> Iterator[list[Word]]:
    """Group words whose middles lie on one line, from top to bottom."""
    ordered = sorted(words, key=lambda w: w.box[1] + w.box[3])
    row: list[Word] = []
    for word in ordered:
        if row:
            own = (word.box[1] + word.box[3]) / 2
            held = (row[0].box[1] + row[0].box[3]) / 2
            if own - held > 0.45 * min(word.box[3] - word.box[1], row[0].box[3] - row[0].box[1]):
                yield sorted(row, key=lambda w: w.box[0])
                row = []
        row.append(word)
    if row:
        yield sorted(row, key=lambda w: w.box[0])
