"""PDF text layers: words and boxes from PDFium, and whether the text can be trusted."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pypdfium2.raw as raw
from pypdfium2 import PdfiumError

from extractors.pdfium import PdfFile, char_box, handle
from extractors.words import PageWords, Word
from records.findings import Finding, finding

#: Pages beyond this are not read: no invoice is longer, but attacks are.
PAGE_LIMIT = 300
#: Words beyond this on one page are not read.
WORD_LIMIT = 20_000
#: A page with at least this share of characters no font should map to is garbage.
GARBAGE_SHARE = 0.25

#: Nobody sees what stands farther out, in points; some files put words where no number is (NaN).
_FAR = 1e6

_ENDS = "\x02\ufffe"


@dataclass(frozen=True, slots=True)
class TextLayer:
    """The pages of a PDF as text, and the numbers (from 1) of those that need OCR.

    A page needs OCR when its text layer is missing though it draws something,
    or is garbage (a font without a usable map). `pages` holds every page; one
    that needs OCR has no words.
    """

    pages: tuple[PageWords, ...]
    needs_ocr: tuple[int, ...]
    findings: tuple[Finding, ...] = ()


#: Called with a page of pypdfium2 while it is open, its words, and whether it needs OCR.
Look = Callable[[Any, PageWords, bool], None]


def read_text(
    pdf: PdfFile, pages: tuple[int, int] | None = None, look: Look | None = None
) -> TextLayer:
    """Read the text layer of a PDF; `pages` (from 1, both included) limits it.

    Whoever wants to see more of each page passes `look`. A locked or damaged file
    gives a Finding instead of pages; never raises on bad bytes.
    """
    try:
        count = len(pdf)
    except PdfiumError as error:
        code = "encrypted" if "assword" in str(error) else "damaged"
        return TextLayer((), (), (finding(code),))
    first, last = pages or (1, count)
    last = min(last, count)
    findings: list[Finding] = []
    if last - first + 1 > PAGE_LIMIT:
        findings.append(
            finding(
                "too_large",
                message="Only the first pages were read",
                expected=PAGE_LIMIT,
                actual=last - first + 1,
            )
        )
        last = first + PAGE_LIMIT - 1
    read: list[PageWords] = []
    needs_ocr: list[int] = []
    for number in range(first, last + 1):
        try:
            with pdf.page(number) as page:
                seen, pictured = _seen(page, number)
                if look is not None:
                    look(page, seen, pictured)
        except PdfiumError:
            findings.append(finding("damaged", where=f"page {number}"))
            continue
        if pictured:
            needs_ocr.append(number)
        read.append(seen)
    if needs_ocr and any(page.words for page in read):
        shown = ", ".join(map(str, needs_ocr))
        findings.append(
            finding("no_text", where=f"page {shown}", message="A page has no usable text layer")
        )
    return TextLayer(tuple(read), tuple(needs_ocr), tuple(findings))


def _seen(page: Any, number: int) -> tuple[PageWords, bool]:
    """Return the words of a page, and whether it needs OCR."""
    width, height = page.get_size()
    words, garbage = _words(page, height)
    pictured = garbage or (not words and _draws(page))
    kept = () if pictured else tuple(words)
    return PageWords(number=number, width=width, height=height, words=kept, by="pdf_text"), pictured


def _draws(page: Any) -> bool:
    return bool(raw.FPDFPage_CountObjects(page) > 0)


def _words(page: Any, height: float) -> tuple[list[Word], bool]:
    """Return the words of a page, and whether its text is garbage."""
    text_page = page.get_textpage()
    try:
        count = raw.FPDFText_CountChars(text_page)
        if count <= 0:
            return [], False
        text = _text(text_page, count)
        if is_garbage(text):
            return [], True
        return list(_boxed(text_page, text, page, height)), False
    finally:
        text_page.close()


def _text(text_page: Any, count: int) -> str:
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(text_page, 0, count, buffer)
    text = bytes(buffer)[: max(0, written - 1) * 2].decode("utf-16-le", "surrogatepass")
    if len(text) == count:
        return text
    # PDFium left characters out: take them one by one, so that index and box agree.
    get = raw.FPDFText_GetUnicode
    return "".join(chr(c) if (c := get(text_page, i)) else "\ufffd" for i in range(count))


# Control characters (but white space and hyphen marks), private use, unmapped.
_BAD = re.compile(r"[\x00\x01\x03-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufffd]")


def is_garbage(text: str) -> bool:
    """Say whether a text layer cannot be text: control, private-use or unmapped characters."""
    bad = len(_BAD.findall(text))
    if not bad:
        return False
    seen = sum(not char.isspace() and char not in _ENDS for char in text)
    return bad / max(seen, 1) >= GARBAGE_SHARE


# PDFium marks a hyphen at a line's end and glues the next line to it: a word ends there.
_WORD = re.compile(rf"[^\s\x00{_ENDS}][^\s{_ENDS}]*[{_ENDS}]?")


def _boxed(text_page: Any, text: str, page: Any, height: float) -> Iterator[Word]:
    # Left, top, right and bottom of a word's first character, then of its last.
    edges = (ctypes.c_float * 8)()
    to_start = ctypes.byref(raw.FS_RECTF.from_buffer(edges))
    to_stop = ctypes.byref(raw.FS_RECTF.from_buffer(edges, ctypes.sizeof(raw.FS_RECTF)))
    numbers: Any = memoryview(edges).cast("B").cast("f")
    loose, chars = char_box, handle(text_page)
    left, bottom = _origin(page)
    top = height + bottom
    new = tuple.__new__
    for match in islice(_WORD.finditer(text), WORD_LIMIT):
        first, end = match.span()
        if not loose(chars, first, to_start) or not loose(chars, end - 1, to_stop):
            continue
        x0, y1, _, y0, last, high, x1, low = numbers
        if last < x0 - 0.5 or low > y1 or y0 > high:
            # Turned, right-to-left or wrapped: only all characters together tell the extent.
            x0, y0, x1, y1 = _extent(text_page, first, end)
        else:
            y0 = low if low < y0 else y0
            y1 = high if high > y1 else y1
        if not (
            -_FAR < x0 < _FAR and -_FAR < y0 < _FAR and -_FAR < x1 < _FAR and -_FAR < y1 < _FAR
        ):
            continue
        word = match.group()
        if not word.isascii():
            word = word.replace("\ufffe", "-")
            # A surrogate left alone is no character; a pair is one.
            word = word.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        box = (x0 - left, top - y1, x1 - left, top - y0)
        # As Word itself does, in half of its time: a page has hundreds.
        yield new(Word, (word.replace("\x02", "-"), box, 1.0))


def _extent(text_page: Any, first: int, end: int) -> tuple[float, float, float, float]:
    """Return the box around all characters from `first` to `end` (exclusive)."""
    boxes = []
    for index in range(first, end):
        rect = raw.FS_RECTF()
        if raw.FPDFText_GetLooseCharBox(text_page, index, ctypes.byref(rect)):
            boxes.append(rect)
    return (
        min(b.left for b in boxes),
        min(b.bottom for b in boxes),
        max(b.right for b in boxes),
        max(b.top for b in boxes),
    )


def _origin(page: Any) -> tuple[float, float]:
    """Return the lower left corner of what is shown; boxes are measured from the media box."""
    box: Sequence[float] = page.get_cropbox()
    return box[0], box[1]
