"""The pipeline: one document in, one Reading per invoice inside it out. Cheapest first.

An e-invoice, as a file or inside a PDF, governs; its page is read too, and
where the two disagree a Finding shows both. Without one, the text layer is
read; pages without a usable one, and pictures, go through OCR. Payment codes
are read where a page shows any. Whatever is wrong with the bytes is a Finding.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import pikepdf
import pypdfium2

from extractors.agreement import disagreements
from extractors.codes import (
    Code,
    codes_in,
    codes_on,
    contradictions,
    payment_fields,
    references_in,
)
from extractors.confidence import calibrated
from extractors.einvoice import envelope, read_xml
from extractors.einvoice.embedded import Embedded, read_embedded
from extractors.einvoice.validation import ValidatorMissing, validate
from extractors.html import HtmlRefused, html_page, text_page
from extractors.images import (
    ImageRefused,
    Picture,
    has_unseen_text,
    image_pages,
    is_pictured,
    pdf_page,
)
from extractors.ocr import Engine, EngineMissing, engine, turned_upright
from extractors.opinions import own_box, with_closer_look, with_scan_opinion, with_text_opinion
from extractors.pages import read_pages
from extractors.pages.memory import Layout
from extractors.papers import MIN_WORDS, doubts_of, own_receipts
from extractors.pdf_text import read_text
from extractors.pdfium import PdfFile
from extractors.receipts import fill_gaps, is_receipt, read_receipt
from extractors.ruled import read_ruled
from extractors.templates import Template, apply_templates
from extractors.words import PageWords
from records.documents import Document, Field, Kind, Place, Reading
from records.findings import Finding, Severity, finding
from records.media import HEAD, sniff

#: Page text kept for search, duplicate checks and the layout memory.
_TEXT_LENGTH = 60_000
#: PDF's own limit is 14,400 points (200 inches); a larger page is an attack.
_LONGEST_SIDE_POINTS = 15_000
#: A picture takes some ten megabytes.
_KEPT_PICTURES = 4
#: A page with fewer words than this under a full-page picture is a scan with a stamp on it.
_STAMP_WORDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read.

    `use_einvoice` False reads the page as if no XML were embedded. `ocr` is
    rapidocr, tesseract or none. `own_names` and `own_vat_ids` are ours: whoever
    bears them is the buyer. `layouts` are what corrections taught, `templates`
    what a person wrote. `rules` says how far a broken rule of EN 16931 stops
    the work; None does not check them (the extra `validation`). Limits: file
    size in bytes, pages per file that go through OCR, pixels per page of an
    image file.
    """

    use_einvoice: bool = True
    ocr: str = "rapidocr"
    rules: Severity | None = None
    calibrate: bool = True
    own_names: tuple[str, ...] = ()
    own_vat_ids: tuple[str, ...] = ()
    layouts: tuple[Layout, ...] = ()
    templates: tuple[Template, ...] = ()
    max_bytes: int = 100_000_000
    max_ocr_pages: int = 50
    max_pixels: int = 150_000_000


def read(document: Document, options: ReadOptions | None = None) -> list[Reading]:
    """Read a document. Bad data never raises; at least one Reading comes back."""
    options = options or ReadOptions()
    size = document.path.stat().st_size
    if size > options.max_bytes:
        return _refused("too_large", f"the file has {size / 1e6:.0f} MB")
    data = document.read()
    if envelope.is_envelope(data):
        inner = envelope.content(data)
        if inner is None:
            return _refused("damaged", "the signed envelope (.p7m) holds no file")
        data = inner
    media_type = sniff(data[:HEAD])
    if media_type == "application/pdf":
        return _pdf(data, document.pages, options)
    if media_type == "application/xml":
        return _with_rules(read_xml(data), data, options)
    if media_type.startswith("image/"):
        return _image(data, document.pages, options)
    if media_type == "text/html" or document.media_type == "text/html":
        return _typed(data, html_page, options)
    if "text/plain" in {media_type, document.media_type}:
        return _typed(data, text_page, options)
    return _refused("unknown_format", f"no reader for {media_type}")


def pages_of(document: Document, options: ReadOptions | None = None) -> list[PageWords]:
    """Return the words on a document's pages as `read` sees them; none where it has no pages."""
    options = options or ReadOptions()
    data = document.read()
    media_type = sniff(data[:HEAD])
    seen = _Seen()
    try:
        if media_type == "application/pdf":
            with PdfFile(data) as pdf:
                seen = _see_pdf(pdf, document.pages, options)
        elif media_type.startswith("image/"):
            _look_at_all(data, document.pages, seen, options)
        elif "text/html" in {media_type, document.media_type}:
            seen.pages.append(html_page(data))
        elif "text/plain" in {media_type, document.media_type}:
            seen.pages.append(text_page(data))
    except (HtmlRefused, ImageRefused):
        return []
    return seen.pages


def _refused(code: str, message: str = "") -> list[Reading]:
    return [Reading(kind=Kind.UNKNOWN, findings=(finding(code, message=message),))]


def _typed(
    data: bytes, lay_out: Callable[[bytes], PageWords], options: ReadOptions
) -> list[Reading]:
    try:
        page = lay_out(data)
    except HtmlRefused as refusal:
        return _refused(refusal.code, str(refusal))
    return _read_seen(_Seen(pages=[page]), options)


def _image(data: bytes, span: tuple[int, int] | None, options: ReadOptions) -> list[Reading]:
    seen = _Seen()
    try:
        _look_at_all(data, span, seen, options)
    except ImageRefused as refusal:
        seen.findings.append(finding(refusal.code, message=str(refusal)))
    return _read_seen(seen, options)


def _look_at_all(
    data: bytes, span: tuple[int, int] | None, seen: _Seen, options: ReadOptions
) -> None:
    """Read the pages of an image file into `seen`; raises ImageRefused, keeping what was read."""
    for picture in image_pages(
        data, max_pages=options.max_ocr_pages, max_pixels=options.max_pixels, span=span
    ):
        seen.look_at(picture, options)


def _pdf(data: bytes, span: tuple[int, int] | None, options: ReadOptions) -> list[Reading]:
    embedded = Embedded()
    if options.use_einvoice:
        try:
            embedded = read_embedded(io.BytesIO(data))
        except pikepdf.PasswordError:
            return _refused("encrypted")
        except (pikepdf.PdfError, ValueError, RecursionError):
            embedded = Embedded()  # PDFium opens files that qpdf cannot
    with PdfFile(data) as pdf:
        seen = _see_pdf(pdf, span, options)
        if embedded.readings:
            return _with_rules(_governed(embedded, seen, options), embedded.xml, options)
        readings = _read_seen(seen, options, pdf)
    return [replace(r, findings=(*r.findings, *embedded.findings)) for r in readings]


def _with_rules(readings: list[Reading], xml: bytes, options: ReadOptions) -> list[Reading]:
    """Add the rules of the standard that the XML breaks, where that is asked for."""
    if options.rules is None:
        return readings
    try:
        broken = tuple(validate(xml, options.rules))
    except ValidatorMissing as missing:
        broken = (finding("not_installed", message=str(missing), severity=Severity.WARN),)
    first = readings[0]
    return [replace(first, findings=(*first.findings, *broken)), *readings[1:]]


# -- what stands on the pages


@dataclass(slots=True)
class _Seen:
    """What was seen on the pages, before anyone reads meaning into it."""

    pages: list[PageWords] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    #: The first pages that were pictures, by number, for a closer look.
    pictures: dict[int, Picture] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return all words of all pages."""
        return " ".join([word.text for page in self.pages for word in page.words])

    def look_at(self, picture: Picture, options: ReadOptions) -> None:
        """Read one picture: its words and its payment codes."""
        if options.ocr == "none":
            message = f"page {picture.number} is a picture, and OCR is switched off"
            self.findings.append(finding("no_text", message=message))
            return
        try:
            self.pages.append(_installed(options.ocr).read(picture))
        except EngineMissing as missing:
            self.findings.append(finding("not_installed", message=str(missing)))
            return
        self.codes += codes_in(picture)
        if len(self.pictures) < _KEPT_PICTURES:
            self.pictures[picture.number] = picture


def _see_pdf(pdf: PdfFile, span: tuple[int, int] | None, options: ReadOptions) -> _Seen:
    seen = _Seen()
    pictured = 0

    def look(page: Any, words: PageWords, needs_ocr: bool) -> None:
        nonlocal pictured
        where, size = f"page {words.number}", f"{words.width:.0f} x {words.height:.0f}"
        if not min(words.width, words.height) >= 1:
            message = "the page has no area that could show anything"
            seen.findings.append(finding("damaged", where=where, message=message))
            return
        if max(words.width, words.height) > _LONGEST_SIDE_POINTS:
            seen.findings.append(finding("too_large", where=where, actual=f"{size} points"))
            return
        try:
            few = len(words.words) < _STAMP_WORDS
            # What the machine that scanned it read is worth less than reading it again.
            doubted = few or (has_unseen_text(page) and _reads_pictures(options))
            if not needs_ocr and not (doubted and is_pictured(page)):
                seen.pages.append(words)
                seen.codes += codes_on(page, words.number)
                return
            pictured += 1
            if pictured <= options.max_ocr_pages:
                seen.look_at(pdf_page(page, words.number), options)
        except pypdfium2.PdfiumError as failure:
            seen.findings.append(finding("damaged", where=where, message=str(failure)))

    layer = read_text(pdf, span, look)
    # It reports pages without text; they were looked at here.
    seen.findings[:0] = [f for f in layer.findings if f.code != "no_text"]
    if pictured > options.max_ocr_pages:
        message = f"{pictured} scanned pages; only the first {options.max_ocr_pages} were read"
        seen.findings.append(finding("too_large", message=message))
    return seen


# -- what it means


def _governed(embedded: Embedded, seen: _Seen, options: ReadOptions) -> list[Reading]:
    """The XML governs; the page is compared with it."""
    xml, text = embedded.readings[0], seen.text
    findings = [*embedded.findings, *(f for f in seen.findings if f.code != "no_text")]
    if not text:
        findings.append(finding("page_not_compared", message="no text could be read on the page"))
        findings = [f for f in findings if f.code != "not_installed"]

    def read_page() -> Sequence[Field]:
        return _read_pages(seen.pages, options)[0].fields

    findings += disagreements(xml.fields, text, read_page)
    for code in seen.codes:
        findings += contradictions(payment_fields(code), xml.fields, text)
    governing = replace(xml, findings=(*xml.findings, *findings), text=text[:_TEXT_LENGTH])
    return [governing, *embedded.readings[1:]]


def _read_pages(pages: Sequence[PageWords], options: ReadOptions) -> list[Reading]:
    return read_pages(
        pages,
        own_names=options.own_names,
        own_vat_ids=options.own_vat_ids,
        layouts=options.layouts,
    )


def _read_seen(seen: _Seen, options: ReadOptions, pdf: PdfFile | None = None) -> list[Reading]:
    """Read the pages' meaning, and add what the payment codes say; `pdf` is the file, if one."""
    if not any(word.text for page in seen.pages for word in page.words):
        findings = tuple(seen.findings) or (finding("no_text"),)
        return [Reading(kind=Kind.UNKNOWN, findings=findings)]
    readings = _read_pages(seen.pages, options)
    worded = [page for page in seen.pages if len(page.words) >= MIN_WORDS]
    if worded and all(page.by == "ocr" for page in worded):
        readings = _read_papers(worded, readings, options)
    elif (
        len(readings) == 1 and pdf is not None and all(page.by == "pdf_text" for page in seen.pages)
    ):
        again = partial(_read_pages, options=options)
        reading = read_ruled(pdf, seen.pages, readings[0], again)
        readings = [with_text_opinion(reading, pdf.content, seen.pages)]
    if seen.pictures:
        other = cache(partial(_asked, seen, options))
        readings = [with_closer_look(r, partial(_closer, seen, options)) for r in readings]
        readings = [with_scan_opinion(r, other) for r in readings]
    if options.calibrate:
        readings = [calibrated(reading) for reading in readings]
    readings = [_with_templates(reading, seen, options) for reading in readings]
    return [_with_codes(reading, seen) for reading in readings]


def _read_papers(
    pages: Sequence[PageWords], readings: list[Reading], options: ReadOptions
) -> list[Reading]:
    """Complete what was read of scanned pages by what receipts are, and how they lie on glass."""

    def read_one(page: PageWords) -> Reading:
        return _completed(page, _read_pages([page], options)[0])

    if receipts := own_receipts(pages, read_one):
        readings = receipts
    elif len(readings) == len(pages) == 1:
        readings = [_completed(pages[0], readings[0])]
    return [_doubted(reading, pages, read_one) for reading in readings]


def _doubted(
    reading: Reading, pages: Sequence[PageWords], read_one: Callable[[PageWords], Reading]
) -> Reading:
    first, last = reading.pages or (pages[0].number, pages[-1].number)
    own = [page for page in pages if first <= page.number <= last]
    doubts = tuple(doubt for page in own for doubt in doubts_of(page, read_one))
    return replace(reading, findings=(*reading.findings, *doubts))


def _completed(page: PageWords, reading: Reading) -> Reading:
    complete = read_receipt if is_receipt([page]) else fill_gaps
    return _with_recalled(reading, complete(page, reading))


def _with_recalled(read: Reading, completed: Reading) -> Reading:
    """Return a completed reading with what memory found in it before: that was taught."""
    recalled = [f for f in read.fields if f.by.startswith("layout:")]
    taken = {(f.name, f.line) for f in recalled}
    others = [f for f in completed.fields if (f.name, f.line) not in taken]
    return replace(completed, fields=(*others, *recalled))


def _with_templates(reading: Reading, seen: _Seen, options: ReadOptions) -> Reading:
    first, last = reading.pages or (1, max(page.number for page in seen.pages))
    own = [page for page in seen.pages if first <= page.number <= last]
    return apply_templates(reading, own, options.templates)


def _installed(name: str) -> Engine:
    """Return the engine asked for, or Tesseract where only that is installed."""
    try:
        return engine(name)
    except EngineMissing as missing:
        try:
            return engine("tesseract")
        except EngineMissing:
            raise missing from None


def _reads_pictures(options: ReadOptions) -> bool:
    if options.ocr == "none":
        return False
    try:
        _installed(options.ocr)
    except EngineMissing:
        return False
    return True


def _closer(seen: _Seen, options: ReadOptions, item: Field) -> Sequence[str]:
    """Read the words of a value again with the engine that read their page."""
    place = item.place or Place()
    page = next((p for p in seen.pages if p.number == place.page and p.by == "ocr"), None)
    picture = seen.pictures.get(place.page or 0)
    box = own_box(item, page) if page is not None else None
    if page is None or picture is None or box is None:
        return ()
    return _installed(options.ocr).look_closer(picture, page, box)


def _asked(seen: _Seen, options: ReadOptions, number: int) -> PageWords | None:
    """Read a page again with the other OCR engine, where both are installed."""
    pose = next((page.pose for page in seen.pages if page.number == number), None)
    if options.ocr != "rapidocr" or number not in seen.pictures or pose is None:
        return None
    try:
        picture = turned_upright(seen.pictures[number], pose)
        return engine("tesseract").read(picture, upright=True)
    except EngineMissing:
        return None


def _with_codes(reading: Reading, seen: _Seen) -> Reading:
    first, last = reading.pages or (1, max(page.number for page in seen.pages))
    text = " ".join(
        [word.text for page in seen.pages if first <= page.number <= last for word in page.words]
    )
    fields, findings = list(reading.fields), [*reading.findings, *seen.findings]
    for code in seen.codes:
        if first <= (code.place.page or first) <= last:
            said = payment_fields(code)
            findings += contradictions(said, reading.fields, text)
            fields += said
    if not any(f.name == "payment_reference" and f.by == "code" for f in fields):
        fields += references_in(text)
    return replace(reading, fields=tuple(fields), findings=tuple(findings))
