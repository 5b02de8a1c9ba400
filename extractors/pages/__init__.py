"""Pages: reads invoices from words on pages, whatever engine saw them, without templates.

Rows and phrases first (`layout`), with every label, figure and date in them;
then candidates for each value (`header`, `parties`, `identifiers`, `table`),
and the totals chosen together so that the arithmetic proves them (`totals`).
"""

from __future__ import annotations

from collections.abc import Sequence

from extractors.pages.memory import Layout
from extractors.pages.ours import Ours
from extractors.pages.reader import read_sheet
from extractors.pages.splitting import documents
from extractors.words import PageWords
from records.documents import Kind, Reading
from records.findings import finding


def read_pages(
    pages: Sequence[PageWords],
    *,
    own_names: Sequence[str] = (),
    own_vat_ids: Sequence[str] = (),
    layouts: Sequence[Layout] = (),
) -> list[Reading]:
    """Read every document in a file's pages, in order; one Reading each.

    `own_names` and `own_vat_ids` are ours: who bears them is the buyer, unless
    the page has us as its seller. `layouts` are those that corrections taught.

    Works on the words of any engine (`PageWords.by` names it). A file with
    several invoices gives several Readings, told apart by `pages`. Bad data
    never raises; a page without words gives the Finding `no_text`.
    """
    if not any(page.words for page in pages):
        return [Reading(kind=Kind.UNKNOWN, findings=(finding("no_text"),))]
    sheets = documents(pages)
    several = len(sheets) > 1
    ours = Ours(names=tuple(own_names), vat_ids=tuple(own_vat_ids))
    return [
        read_sheet(sheet, (sheet.numbers[0], sheet.numbers[-1]) if several else None, ours, layouts)
        for sheet in sheets
    ]
