"""Second opinions: core values that nothing proves are looked for by another reader.

On scans the same engine looks closer, and Tesseract is asked where a doubt holds
the document; of text layers pdfminer is asked. A value both see is surer, one
they see differently is held. What the other does not see at all says nothing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from pdfminer.pdfdevice import PDFDevice, PDFTextSeq
from pdfminer.pdfdocument import PDFDocument
from pdfminer.pdffont import PDFUnicodeNotDefined
from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager, PDFTextState
from pdfminer.pdfpage import PDFPage
from pdfminer.pdfparser import PDFParser
from pdfminer.pdftypes import stream_value

from extractors.pages.lexicon import lookalike
from extractors.words import Box, PageWords, Word
from records.documents import Field, Reading
from records.findings import finding
from records.vocabulary import FIELDS

#: What is asked about; a currency is a word or a sign, which engines know.
_ASKED = ("invoice_number", "issue_date", "gross_total")
#: From this confidence on a value that two readers see is held no longer.
_SURE = 0.85
_SHORTEST = 4
#: How far two engines put the same word apart on a page that lay askew, in points.
_NEAR = 16.0
#: So many differing letters are the same text misread; more are another text.
_MISREAD = 2
_MAX_PAGES = 8


def _core(reading: Reading) -> list[Field]:
    """Return the surest of each value that can be asked about, as far as nothing proves it."""
    best: dict[str, Field] = {}
    for field in reading.fields:
        held = best.get(field.name)
        if field.line is None and (held is None or held.confidence < field.confidence):
            best[field.name] = field
    found = [best[name] for name in _ASKED if name in best]
    return [f for f in found if not f.proved and len(_plain(f.text)) >= _SHORTEST]


def with_closer_look(reading: Reading, look: Callable[[Field], Sequence[str]]) -> Reading:
    """Return a scan's reading, held where an enlarged core value that nothing proves reads anew.

    `look` reads a field's place again; a clear picture reads the same at every size,
    however sure the engine was.
    """
    for field in _core(reading):
        if field.by != "ocr" or field.place is None:
            continue
        wanted = _plain(field.text)
        lines = [line for text in look(field) if wanted not in (line := _plain(text))]
        read = next((part for line in lines for part in _misreadings(wanted, line)), None)
        if read is not None:
            reading = _disagreed(reading, field, read)
    return reading


def own_box(field: Field, page: PageWords) -> Box | None:
    """Return the box around a value's own words; its place may be the row it stands in."""
    outer = field.place.box if field.place else None
    wanted = _plain(field.text)
    words = [
        w.box
        for w in page.words
        if outer is not None and _inside(w.box, outer) and (p := _plain(w.text))
        if p in wanted or wanted in p
    ]
    if not words:
        return outer
    return (
        min(b[0] for b in words),
        min(b[1] for b in words),
        max(b[2] for b in words),
        max(b[3] for b in words),
    )


def with_scan_opinion(reading: Reading, ask: Callable[[int], PageWords | None]) -> Reading:
    """Return a scan's reading with another engine's opinion on the core values it is held for.

    `ask` reads a page, by its number, with it: seconds of work. It is called only
    where agreement can lift a hold, and gives None where no other engine is installed.
    """
    held = {f.where for f in reading.findings if f.code == "uncertain_field"}
    for field in _core(reading):
        place = field.place
        if FIELDS[field.name].label not in held or field.by != "ocr" or place is None:
            continue
        other = ask(place.page) if place.page and place.box else None
        if other is not None and place.box is not None:
            reading = _with_answer(reading, field, list(_beside(other.words, place.box)))
    return reading


def with_text_opinion(reading: Reading, pdf: bytes, pages: Sequence[PageWords]) -> Reading:
    """Return a text layer's reading, held where pdfminer does not find a core value on its page.

    Asked only where no sum proves the gross total: fonts and hidden text that
    two readers see differently are a reason not to trust the page.
    """
    asked = [f for f in _core(reading) if f.place and f.place.page]
    if not any(f.name == "gross_total" for f in asked) or len(pages) > _MAX_PAGES:
        return reading
    numbers = sorted({f.place.page for f in asked if f.place and f.place.page})
    try:
        texts = _other_texts(pdf, numbers)
    except Exception:
        # pdfminer raises whatever a damaged file leads it to; then it has no opinion.
        return reading
    for field in asked:
        page = field.place.page if field.place else None
        if page in texts and not _is_in(_letters_of(field.text), texts[page]):
            reading = _disagreed(reading, field, "")
    return reading


def _other_texts(pdf: bytes, numbers: Sequence[int]) -> dict[int, str]:
    """Read pages, by their numbers from 1, with pdfminer: their letters and digits only.

    Raises whatever a damaged file leads pdfminer to.
    """
    fonts = PDFResourceManager()
    texts = {}
    pages = PDFPage.create_pages(PDFDocument(PDFParser(io.BytesIO(pdf))))
    for number, page in enumerate(islice(pages, max(numbers)), 1):
        if number in numbers:
            drawn = _Characters(fonts)
            _Interpreter(fonts, drawn).process_page(page)
            texts[number] = _plain("".join(drawn.characters))
    return texts


#: Lines of a page's program that only say where and how wide the next strings or strokes stand.
_PLACED = re.compile(rb"^[-+.\d \t]*(?:T[dDmcwzL]|[mlcvy]|re|cm)[ \t\r]*$", re.MULTILINE)


class _Interpreter(PDFPageInterpreter):
    """Leaves out what has no part in which characters are drawn: most of the work."""

    def execute(self, streams: Sequence[object]) -> None:
        """Draw what the streams say."""
        for stream in map(stream_value, streams):
            stream.data = _PLACED.sub(b"", stream.get_data())
        super().execute(streams)


class _Characters(PDFDevice):
    """Keeps the characters a page draws, in the order it draws them, wherever they stand."""

    def __init__(self, fonts: PDFResourceManager) -> None:
        super().__init__(fonts)
        self.characters: list[str] = []

    def render_string(
        self, textstate: PDFTextState, seq: PDFTextSeq, ncs: object, graphicstate: object
    ) -> None:
        """Keep the characters of one string."""
        font = textstate.font
        if font is None:
            return
        for code in (cid for part in seq if isinstance(part, bytes) for cid in font.decode(part)):
            try:
                self.characters.append(font.to_unichr(code))
            except PDFUnicodeNotDefined:
                self.characters.append(f"(cid:{code})")


def _letters_of(text: str) -> list[str]:
    return [plain for word in text.split() if (plain := _plain(word))]


def _is_in(words: Sequence[str], text: str) -> bool:
    """Say whether all words stand in a text; its order is each reader's own."""
    return all(word in text for word in words)


def _inside(inner: Box, outer: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] - 1 <= x <= outer[2] + 1 and outer[1] - 1 <= y <= outer[3] + 1


def _beside(words: Sequence[Word], box: Box) -> Iterator[str]:
    """Yield the texts of the lines near a box, as the other engine reads them."""
    middle = (box[1] + box[3]) / 2
    near = [
        w
        for w in words
        if abs((w.box[1] + w.box[3]) / 2 - middle) < _NEAR
        and w.box[0] < box[2] + 2 * _NEAR
        and w.box[2] > box[0] - 2 * _NEAR
    ]
    near.sort(key=lambda w: w.box[1] + w.box[3])
    while near:
        level, height = near[0].box[1] + near[0].box[3], near[0].box[3] - near[0].box[1]
        line = [w for w in near if w.box[1] + w.box[3] - level < height]
        near = [w for w in near if w not in line]
        yield _plain("".join(w.text for w in sorted(line, key=lambda w: w.box[0])))


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _with_answer(reading: Reading, field: Field, lines: Sequence[str]) -> Reading:
    wanted = _plain(field.text)
    alike = lookalike(wanted)
    if any(wanted in line or alike in lookalike(line) for line in lines):
        return _agreed(reading, field)
    read = next((part for line in lines for part in _misreadings(wanted, line)), None)
    if read is None:
        return reading
    return _disagreed(reading, field, read)


def _disagreed(reading: Reading, field: Field, read: str) -> Reading:
    label = FIELDS[field.name].label
    said = finding(
        "readers_disagree",
        where=label,
        message=f"Two readers see the {label.lower()} differently",
        expected=field.text,
        actual=read or "nothing like it",
    )
    doubted = replace(field, confidence=min(field.confidence, 0.5))
    fields = tuple(doubted if f is field else f for f in reading.fields)
    return replace(reading, fields=fields, findings=(*reading.findings, said))


def _misreadings(wanted: str, line: str) -> Iterator[str]:
    """Yield the parts of a line that are as long and differ in a letter or two, of them a digit."""
    for start in range(len(line) - len(wanted) + 1):
        part = line[start : start + len(wanted)]
        differing = [(a, b) for a, b in zip(wanted, part, strict=True) if a != b]
        if len(differing) <= _MISREAD and all(a.isdigit() and b.isdigit() for a, b in differing):
            yield part


def _agreed(reading: Reading, field: Field) -> Reading:
    sure = round(max(field.confidence, min(0.95, field.confidence + 0.1)), 3)
    surer = replace(field, confidence=sure, why=f"{field.why}; two readers agree")
    label = FIELDS[field.name].label
    dropped = {"uncertain_field"} if sure >= _SURE else set()
    return replace(
        reading,
        fields=tuple(surer if f is field else f for f in reading.fields),
        findings=tuple(f for f in reading.findings if f.code not in dropped or f.where != label),
    )
