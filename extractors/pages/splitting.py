"""Splitting: which pages of a file belong to one document."""

from __future__ import annotations

import re
from collections.abc import Sequence

from extractors.pages.header import references
from extractors.pages.layout import sheet_of
from extractors.words import PageWords

_PAGE_OF = re.compile(
    r"(?<!\d)(\d{1,3})\s*(?:/|of|von|de|van|di|z|sur|from|av)\s*(\d{1,3})(?!\d)", re.IGNORECASE
)
_PAGE = re.compile(
    r"(?:page|seite|pagina|página|pág\.?|pag\.?|strona|str\.?|blatt|folio|hoja|side|sida)\s*:?\s*(?:nr\.?|no\.?)?\s*(\d{1,3})(?:\s*(?:/|of|von|de|van|di|z|sur)\s*(\d{1,3}))?",
    re.IGNORECASE,
)


def documents(pages: Sequence[PageWords]) -> list[list[PageWords]]:
    """Split a file's pages into documents, in order.

    A page begins a new document when it counts from 1 again, or when it bears
    another invoice number than the page before. Pages that say nothing stay
    with the one before them.
    """
    groups: list[list[PageWords]] = []
    number: str | None = None
    for page in pages:
        own, count = _number(page), _count(page)
        if not groups:
            groups.append([page])
            number = own
            continue
        starts = count is not None and count[0] == 1
        continues = count is not None and count[0] > 1
        other = own is not None and number is not None and own != number
        if (starts and (own is None or number is None or other)) or (other and not continues):
            groups.append([page])
            number = own
        else:
            groups[-1].append(page)
            number = number or own
    return groups


def _count(page: PageWords) -> tuple[int, int] | None:
    """Return (this page, pages in all); pages in all is 0 where it is not printed."""
    sheet = sheet_of([page])
    for row in sheet.rows:
        if not any(m.key and any(s.concept == "page_number" for s in m.senses) for m in row.labels):
            continue
        found = _PAGE.search(row.text)
        if found:
            return int(found.group(1)), int(found.group(2) or 0)
    edges = [r for r in sheet.rows if r.top > 0.9 * page.height or r.top < 0.06 * page.height]
    for row in edges:
        found = _PAGE_OF.fullmatch(row.text.strip())
        if found and int(found.group(1)) <= int(found.group(2)):
            return int(found.group(1)), int(found.group(2))
    return None


def _number(page: PageWords) -> str | None:
    sheet = sheet_of([page])
    best = references(sheet, frozenset()).get("invoice_number", [])
    return best[0].text if best and best[0].score >= 0.7 else None
