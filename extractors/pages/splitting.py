"""Splitting: which pages of a file belong to one document."""

from __future__ import annotations

import re
from collections.abc import Sequence

from extractors.pages.combined import combined
from extractors.pages.header import is_number_word, references
from extractors.pages.layout import Sheet, merged, sheet_of
from extractors.words import PageWords

_OF = r"\s*(?:/|of|von|de|van|di|z|sur|from|av)\s*"
_PAGE_OF = re.compile(rf"(?<!\d)(\d{{1,3}}){_OF}(\d{{1,3}})(?!\d)", re.IGNORECASE)
_PAGE = re.compile(
    r"(?:page|seite|pagina|página|pág\.?|pag\.?|strona|str\.?|blatt|blad|bladzijde|folio|foglio|hoja"
    rf"|side|sida)\s*:?\s*(?:nr\.?|no\.?)?\s*(\d{{1,3}})(?:{_OF}(\d{{1,3}}))?",
    re.IGNORECASE,
)


def documents(pages: Sequence[PageWords]) -> list[Sheet]:
    """Split a file's pages into documents, in order.

    A page begins a new document when it counts from 1 again, or when it bears
    another invoice number than the page before. Pages that say nothing stay
    with the one before them.
    """
    sheets = [sheet_of([page]) for page in pages]
    if len(sheets) < 2:
        return sheets
    counts = [_count(sheet) for sheet in sheets]
    if all(count is not None and count[0] > 1 for count in counts[1:]):
        # Every page goes on with the one before it, whatever number it bears.
        return [merged(sheets)]
    groups: list[list[Sheet]] = []
    number: str | None = None
    for sheet, count in zip(sheets, counts, strict=True):
        own = _number(sheet)
        if not groups:
            groups.append([sheet])
            number = own
            continue
        starts = count is not None and count[0] == 1
        continues = count is not None and count[0] > 1
        other = own is not None and number is not None and own != number
        if (starts and (number is None or other)) or (other and not continues):
            groups.append([sheet])
            number = own
        else:
            groups[-1].append(sheet)
            number = number or own
    return [merged(group) for group in groups]


def _count(sheet: Sheet) -> tuple[int, int] | None:
    """Return (this page, pages in all); pages in all is 0 where it is not printed."""
    for row in sheet.rows:
        if any("page_number" in m.concepts for m in row.labels):
            found = _PAGE.search(row.text)
            if found:
                return int(found.group(1)), int(found.group(2) or 0)
    for row in sheet.rows:
        if 0.06 * sheet.height <= row.top <= 0.9 * sheet.height:
            continue
        found = _PAGE_OF.fullmatch(row.text.strip())
        if found and int(found.group(1)) <= int(found.group(2)):
            return int(found.group(1)), int(found.group(2))
    return None


def _number(sheet: Sheet) -> str | None:
    best = references(sheet, frozenset(), list(combined(sheet))).get("invoice_number", [])
    best = [c for c in best if c.score >= 0.7 and not is_number_word(c.label)]
    return best[0].text if best else None
