"""HTML and plain text as words with places, so that pages and mails are read alike.

The layout is schematic: every character is as wide as the next, tables get
their columns, blocks their lines. Nothing is fetched and nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree
from lxml import html as lxml_html

from extractors.words import PageWords, Word

_PAGE_WIDTH = 595.0
_MARGIN = 30.0
_CHARACTER = 4.8
_LINE = 12.0
_GAP = 9.0

_MAX_WORDS = 50_000
_MAX_DEPTH = 60
_MAX_COLUMNS = 60

_SKIPPED = {"script", "style", "head", "title", "template", "noscript", "object", "svg", "select"}
_BLOCKS = {
    *(
        [
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "center",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
            "footer",
            "form",
        ]
    ),
    *(
        [
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "nav",
            "ol",
            "p",
            "pre",
            "section",
            "table",
            "ul",
            "tr",
            "td",
            "th",
        ]
    ),
}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.I)
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([A-Za-z0-9_-]+)", re.I)


class HtmlRefused(Exception):
    """The text cannot be read. `code` is a key of the findings catalogue."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the message."""
        super().__init__(message)
        self.code = code


def html_page(data: bytes) -> PageWords:
    """Return the words of an HTML document on one long page.

    Raises HtmlRefused when there is no text in it, or too much.
    """
    text = _decoded(data)
    try:
        root = lxml_html.document_fromstring(text)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as failure:
        raise HtmlRefused("damaged", f"the HTML is damaged: {failure}") from None
    layout = _Layout()
    height = layout.block(root, _MARGIN, _MARGIN, _PAGE_WIDTH - 2 * _MARGIN, 0)
    return _page(layout, height)


def text_page(data: bytes) -> PageWords:
    """Return the words of plain text on one long page, columns kept as typed; as `html_page`."""
    layout = _Layout()
    top = _MARGIN
    for line in _decoded(data).splitlines():
        expanded = line.expandtabs(8).rstrip()
        for match in re.finditer(r"\S+", expanded):
            layout.add(match[0], _MARGIN + match.start() * _CHARACTER, top)
        top += _LINE
    return _page(layout, top)


def _page(layout: _Layout, height: float) -> PageWords:
    if not layout.words:
        raise HtmlRefused("no_text", "there is no text in it")
    if len(layout.words) >= _MAX_WORDS:
        raise HtmlRefused("too_large", f"it has more than {_MAX_WORDS:,} words")
    width = max(_PAGE_WIDTH, max(word.box[2] for word in layout.words) + _MARGIN)
    return PageWords(
        number=1, width=width, height=height + _MARGIN, words=tuple(layout.words), by="html"
    )


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            declared = _CHARSET.search(data[:4096])
            charset = declared[1].decode("ascii") if declared else "cp1252"
            try:
                text = data.decode(charset, "replace")
            except LookupError:
                text = data.decode("cp1252", "replace")
    # lxml refuses text that declares its own encoding, and control characters.
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text)
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", " ", text)


@dataclass(slots=True)
class _Layout:
    """Places words; `block` and `table` return the height they used."""

    words: list[Word] = field(default_factory=list)

    def add(self, text: str, left: float, top: float) -> float:
        """Place one word; return where the next may start."""
        right = left + len(text) * _CHARACTER
        if len(self.words) < _MAX_WORDS:
            self.words.append(Word(text, (left, top, right, top + _LINE - 2)))
        return right + _CHARACTER

    def block(
        self, element: etree._Element, left: float, top: float, width: float, depth: int
    ) -> float:
        """Lay out an element's content from `top` on; return the first free position below."""
        x, y = left, top
        for piece in _content(element, depth):
            for word in piece.text.split():
                if x > left and x + len(word) * _CHARACTER > left + width + 1:
                    x, y = left, y + _LINE
                x = self.add(word, x, y)
            inner = piece.element
            if piece.is_break or (inner is not None and x > left):
                x, y = left, y + _LINE
            if inner is not None:
                lay = self.table if inner.tag == "table" else self.block
                y = lay(inner, left, y, width, depth + 1)
        return y + _LINE if x > left else y

    def table(
        self, table: etree._Element, left: float, top: float, width: float, depth: int
    ) -> float:
        rows = [list(_cells(row)) for row in _rows(table)]
        widths = _column_widths(rows, width)
        y = top
        for row in rows:
            column, bottom = 0, y
            for cell, span in row:
                if column >= len(widths):
                    break
                x = left + sum(widths[:column]) + _GAP * column
                room = sum(widths[column : column + span])
                bottom = max(bottom, self.block(cell, x, y, room, depth + 1))
                column += span
            y = bottom
        return y


@dataclass(frozen=True, slots=True)
class _Piece:
    """One thing to lay out: words, a line break, or a block or table element."""

    text: str = ""
    element: etree._Element | None = None
    is_break: bool = False


def _content(element: etree._Element, depth: int) -> Iterator[_Piece]:
    """Yield an element's content in order, inline elements dissolved."""
    if element.text:
        yield _Piece(text=element.text)
    for child in element:
        tag = child.tag if isinstance(child.tag, str) else ""
        hidden = _HIDDEN.search(child.get("style") or "")
        if tag and tag not in _SKIPPED and not hidden:
            if tag == "br":
                yield _Piece(is_break=True)
            elif depth >= _MAX_DEPTH:
                yield _Piece(text=" ".join(str(t) for t in child.itertext()))
            elif tag in _BLOCKS:
                yield _Piece(element=child)
            else:
                yield from _content(child, depth + 1)
        if child.tail:
            yield _Piece(text=child.tail)


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from (row for row in child if row.tag == "tr")


def _cells(row: etree._Element) -> Iterator[tuple[etree._Element, int]]:
    for cell in row:
        if cell.tag in {"td", "th"} and not _HIDDEN.search(cell.get("style") or ""):
            raw = cell.get("colspan") or "1"
            span = int(raw) if raw.isdigit() and len(raw) < 4 else 1
            yield cell, max(1, min(span, _MAX_COLUMNS))


def _natural_width(element: etree._Element, depth: int) -> float:
    """Return how wide the content would be without wrapping; a table takes all there is."""
    widest, line = 0.0, ""
    for piece in _content(element, depth):
        line += piece.text
        if piece.is_break or piece.element is not None:
            widest, line = max(widest, len(" ".join(line.split())) * _CHARACTER), ""
        if piece.element is not None:
            if piece.element.tag == "table" or depth >= _MAX_DEPTH:
                return _PAGE_WIDTH
            widest = max(widest, _natural_width(piece.element, depth + 1))
    return max(widest, len(" ".join(line.split())) * _CHARACTER)


def _column_widths(rows: list[list[tuple[etree._Element, int]]], width: float) -> list[float]:
    """Give each column the room of its longest text, wrapped to fit; all share what is there."""
    count = min(_MAX_COLUMNS, max((sum(span for _, span in row) for row in rows), default=0))
    natural = [2 * _CHARACTER] * count
    for row in rows:
        column = 0
        for cell, span in row:
            if span == 1 and column < count:
                natural[column] = max(natural[column], min(width, _natural_width(cell, 0)))
            column += span
    room = max(width - _GAP * max(0, count - 1), count * 2 * _CHARACTER)
    total = sum(natural)
    if total <= room:
        return natural
    # Short columns (figures) keep their width, long ones (descriptions) wrap.
    fair = room / count
    short = sum(n for n in natural if n <= fair)
    long = total - short
    return [n if n <= fair else max(2 * _CHARACTER, n * (room - short) / long) for n in natural]
