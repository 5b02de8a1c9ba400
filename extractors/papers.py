"""Papers: which receipts of a scanned file stand alone, two papers on one page, copies too poor.

A scanner's glass and a phone's picture hold what is laid on them: two
receipts, the open pages of a folder, a thin sheet whose other side shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from extractors.pages.dates import dates_in
from extractors.receipts import has_amount, is_receipt
from extractors.words import PageWords, Word
from records.documents import Kind, Reading
from records.findings import Finding, finding

#: Fewer words are the specks of an empty page.
MIN_WORDS = 5
#: Fewer words are a stamp or a heading, no paper.
_MIN_PAPER = 12
#: Between two papers it is empty over so many heights of a word.
_GAP_HEIGHTS = 2.0
#: So far from either end of what is printed a page may be cut.
_EDGE = 0.2
#: So many of the widest gaps are tried in each direction.
_TRIED = 2
#: A word is doubtful below this confidence; of a fair copy one in thirty is, of a poor fax one in twelve.
_DOUBTFUL = 0.7
_MOST_DOUBTFUL = 0.1

Read = Callable[[PageWords], Reading]


def doubts_of(page: PageWords, read: Read) -> Iterator[Finding]:
    """Yield what keeps a scanned page from being trusted; `read` reads half a page."""
    doubtful = sum(word.confidence < _DOUBTFUL for word in page.words)
    if len(page.words) >= _MIN_PAPER and doubtful > _MOST_DOUBTFUL * len(page.words):
        said = f"{doubtful} of {len(page.words)} words are doubtful"
        yield finding("poor_copy", where=f"page {page.number}", message=said)
    found = _two_papers(page, read)
    if found is not None:
        yield found


def own_receipts(pages: Sequence[PageWords], read: Read) -> list[Reading]:
    """Read pages that are a receipt each, one Reading a page; nothing unless all of them are."""
    worded = [page for page in pages if len(page.words) >= MIN_WORDS]
    if len(worded) < 2 or not all(p.by == "ocr" and is_receipt([p]) for p in worded):
        return []
    found = [replace(read(page), pages=(page.number, page.number)) for page in worded]
    return found if all(_is_whole(reading) for reading in found) else []


def _two_papers(page: PageWords, read: Read) -> Finding | None:
    """Say whether a scanned page shows two documents, beside or under each other.

    Each half names a day and a total, and they differ in the total and in the
    number, or both are receipts. `read` reads half a page.
    """
    for one, other in _halves(page):
        if not (_may_stand_alone(one) and _may_stand_alone(other)):
            continue
        first, second = read(replace(page, words=one)), read(replace(page, words=other))
        if _is_whole(first) and _is_whole(second) and _differ(first, second):
            return finding(
                "several_on_page",
                where=f"page {page.number}",
                expected=_said(first),
                actual=_said(second),
            )
    return None


def _halves(page: PageWords) -> Iterator[tuple[tuple[Word, ...], tuple[Word, ...]]]:
    """Yield the words left and right, above and below of the widest gaps in the middle."""
    if len(page.words) < 2 * _MIN_PAPER:
        return
    heights = sorted(word.box[3] - word.box[1] for word in page.words)
    least = _GAP_HEIGHTS * heights[len(heights) // 2]
    for axis in (0, 1):
        ordered = sorted((word.box[axis], word.box[axis + 2]) for word in page.words)
        low, high = ordered[0][0], max(end for _, end in ordered)
        gaps: list[tuple[float, float]] = []
        reached = low
        for start, end in ordered:
            middle = (reached + start) / 2
            inside = _EDGE < (middle - low) / (high - low or 1) < 1 - _EDGE
            if start - reached > least and inside:
                gaps.append((start - reached, middle))
            reached = max(reached, end)
        for _, cut in sorted(gaps, reverse=True)[:_TRIED]:
            before = tuple(w for w in page.words if w.box[axis + 2] <= cut)
            after = tuple(w for w in page.words if w.box[axis] > cut)
            yield before, after


def _may_stand_alone(words: Sequence[Word]) -> bool:
    text = " ".join(word.text for word in words)
    return len(words) >= _MIN_PAPER and has_amount(text) and bool(dates_in(text))


def _value(reading: Reading, name: str) -> str | None:
    return next((f.value for f in reading.fields if f.name == name and f.line is None), None)


def _is_whole(reading: Reading) -> bool:
    return None not in (_value(reading, "gross_total"), _value(reading, "issue_date"))


def _differ(one: Reading, other: Reading) -> bool:
    if _value(one, "gross_total") == _value(other, "gross_total"):
        return False
    numbers = _value(one, "invoice_number"), _value(other, "invoice_number")
    if None not in numbers:
        return numbers[0] != numbers[1]
    return one.kind is other.kind is Kind.RECEIPT


def _said(reading: Reading) -> str:
    number = _value(reading, "invoice_number") or _value(reading, "issue_date")
    return f"{number}: {_value(reading, 'gross_total')}"
