"""Sheets: finding keys and free rows in a worksheet, and writing rows into it.

A sheet can hold hundreds of thousands of rows, so it is streamed: read once
for its index, copied once with the new rows put in before `</sheetData>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import IO, NamedTuple

from lxml import etree

from connectors.workbooks.package import MAIN, Damaged, child, local, parse, serialized
from connectors.workbooks.values import Written, escaped, unescaped

#: The last row a worksheet can have.
LAST_ROW = 1_048_576
#: People may put a title above the header; further down nobody looks for it.
_HEADER_ROWS = 50
_PIECE = 1 << 20
_END = re.compile(rb"</((?:\w+:)?)sheetData\s*>|<((?:\w+:)?)sheetData\s*/>")
_DIMENSION = re.compile(rb'(<(?:\w+:)?dimension\s+ref=")[^"]*(")')


class Put(NamedTuple):
    """One value for one cell; `column` counts from 0."""

    column: int
    value: Written
    style: int


@dataclass(slots=True)
class Index:
    """What a sheet holds, as far as appending must know. Rows count from 1, columns from 0.

    `header` is None when no row has the key column's title; `last_value` is
    the last row with anything in it, `last_ours` the last with anything in one
    of the columns we write, `last_row` the last that exists at all. `styles`
    are the cell formats of the first row of data, `ours` the titles that
    `last_ours` was found for.
    """

    header: int | None = None
    columns: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=dict)
    width: int = 0
    last_value: int = 0
    last_ours: int = 0
    last_row: int = 0
    styles: dict[int, int] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    cells: dict[tuple[int, int], str] = field(default_factory=dict)


def shared_strings(stream: IO[bytes]) -> list[str]:
    """Return a workbook's shared strings, without phonetic readings."""
    found = []
    for item in _streamed(stream, "si"):
        found.append(_string(item))
    return found


def _string(item: etree._Element) -> str:
    """Return plain or rich text, without phonetic readings."""
    pieces = []
    for part in item:
        if not isinstance(part.tag, str):
            continue
        if local(part) == "t":
            pieces.append(part.text or "")
        elif local(part) == "r":
            text = child(part, "t")
            pieces.append("" if text is None else text.text or "")
    return unescaped("".join(pieces))


def index_of(
    stream: IO[bytes],
    strings: Sequence[str],
    *,
    key_title: str,
    delivery_title: str,
    ours: Iterable[str] = (),
    cells_from: int | None = None,
) -> Index:
    """Read a worksheet part once.

    `ours` are the titles of the columns we write. With `cells_from` the text
    of every cell from that row on is returned too, for reading back. Damaged
    when the part is broken.
    """
    index = Index()
    titles = frozenset(title.casefold() for title in (*ours, key_title, delivery_title))
    index.ours = titles
    columns: set[int] = set()
    key_at = delivery_at = -1
    for row in _streamed(stream, "row"):
        number = int(row.get("r") or index.last_row + 1)
        index.last_row = number
        if index.styles and (cells_from is None or number < cells_from):
            # Most rows are ours and end in our columns: look at these two cells only.
            key = _cell_at(row, key_at, number)
            if key is not None and len(key):
                index.keys.setdefault(_text(key, strings), number)
                delivery = _cell_at(row, delivery_at, number)
                if delivery is not None:
                    index.deliveries.setdefault(_text(delivery, strings), number)
                index.width = max(index.width, _column(row[-1].get("r", "A")) + 1)
                index.last_value = index.last_ours = number
                continue
        filled = _filled(row)
        if not filled:
            continue
        index.last_value = number
        index.width = max(index.width, max(filled) + 1)
        if index.header is None:
            if number <= _HEADER_ROWS:
                texts = {at: _text(cell, strings).strip() for at, cell in filled.items()}
                if key_title.casefold() in (text.casefold() for text in texts.values()):
                    index.header = index.last_ours = number
                    for at, text in texts.items():
                        index.columns.setdefault(text.casefold(), at)
                    columns = {at for title, at in index.columns.items() if title in titles}
                    key_at = index.columns[key_title.casefold()]
                    delivery_at = index.columns.get(delivery_title.casefold(), -1)
            continue
        if key_at in filled:
            index.keys.setdefault(_text(filled[key_at], strings), number)
            if delivery_at in filled:
                index.deliveries.setdefault(_text(filled[delivery_at], strings), number)
            if not index.styles:
                index.styles = {at: int(cell.get("s") or 0) for at, cell in filled.items()}
        if not columns.isdisjoint(filled):
            index.last_ours = number
        if cells_from is not None and number >= cells_from:
            for at, cell in filled.items():
                index.cells[number, at] = _text(cell, strings)
    return index


def _filled(row: etree._Element) -> dict[int, etree._Element]:
    """Return a row's cells by column, without those that only carry a format."""
    column = -1
    filled: dict[int, etree._Element] = {}
    for cell in row:
        if not isinstance(cell.tag, str):
            continue
        reference = cell.get("r")
        column = _column(reference) if reference else column + 1
        if len(cell):
            filled[column] = cell
    return filled


def _cell_at(row: etree._Element, column: int, number: int) -> etree._Element | None:
    if column < 0:
        return None
    wanted = f"{column_name(column)}{number}"
    for cell in row.iterchildren(reversed=True):
        if cell.get("r") == wanted:
            return cell
    return None


def _streamed(stream: IO[bytes], tag: str) -> Iterable[etree._Element]:
    try:
        events = etree.iterparse(
            stream,
            events=("end",),
            tag=f"{{*}}{tag}",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=True,
        )
        for _, element in events:
            yield element
            element.clear()
            parent = element.getparent()
            while element.getprevious() is not None and parent is not None:
                del parent[0]
    except Damaged:
        raise
    except (etree.XMLSyntaxError, OSError, EOFError, ValueError) as error:
        raise Damaged(f"a part is broken ({error})") from error
    except Exception as error:
        # zipfile and zlib raise their own classes when compressed data is bad.
        raise Damaged(f"a part is broken ({error})") from error


def _text(cell: etree._Element, strings: Sequence[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = child(cell, "is")
        return "" if inline is None else _string(inline)
    value = child(cell, "v")
    text = "" if value is None else value.text or ""
    if kind == "s":
        at = int(text) if text.isdigit() else len(strings)
        return strings[at] if at < len(strings) else ""
    return unescaped(text) if kind == "str" else text


def _column(reference: str) -> int:
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + (ord(letter) & 0x1F)
    return number - 1


_NAMES: list[str] = []


def column_name(column: int) -> str:
    """Return the letters of a column that counts from 0."""
    while len(_NAMES) <= column:
        number, name = len(_NAMES) + 1, ""
        while number:
            number, rest = divmod(number - 1, 26)
            name = chr(65 + rest) + name
        _NAMES.append(name)
    return _NAMES[column]


_by_column = itemgetter(0)


def row_xml(number: int, puts: Iterable[Put], prefix: str = "") -> str:
    """Return one row as XML, its cells in the order of their columns."""
    cells = [
        cell_xml(
            _NAMES[column] if column < len(_NAMES) else column_name(column),
            number,
            value,
            style,
            prefix,
        )
        for column, value, style in sorted(puts, key=_by_column)
    ]
    return f'<{prefix}row r="{number}">{"".join(cells)}</{prefix}row>'


def cell_xml(column: str, number: int, value: Written, style: int, prefix: str = "") -> str:
    """Return one cell as XML; `column` is the letters, `number` the row."""
    text, kind, _ = value
    if kind == "t":
        # Blanks at the ends and line feeds are kept only where it is said.
        space = "" if text.isprintable() and text.strip() == text else ' xml:space="preserve"'
        return (
            f'<{prefix}c r="{column}{number}" s="{style}" t="inlineStr"><{prefix}is>'
            f"<{prefix}t{space}>{escaped(text)}</{prefix}t></{prefix}is></{prefix}c>"
        )
    logical = ' t="b"' if kind == "b" else ""
    return (
        f'<{prefix}c r="{column}{number}" s="{style}"{logical}>'
        f"<{prefix}v>{text}</{prefix}v></{prefix}c>"
    )


def append_rows(
    source: IO[bytes],
    target: IO[bytes],
    rows: Iterable[tuple[int, Sequence[Put]]],
    *,
    width: int,
    last_row: int,
) -> None:
    """Copy a worksheet part with rows put in behind its last one.

    `rows` are numbered, ascending, all beyond the rows that exist; everything
    else is copied byte by byte. Damaged when the part has no end of its rows.
    """
    size = f"A1:{column_name(max(width, 1) - 1)}{last_row}".encode()
    held = _DIMENSION.sub(rb"\g<1>" + size + rb"\g<2>", source.read(_PIECE), count=1)
    while not (end := _end_of_rows(held)):
        more = source.read(_PIECE)
        if not more:
            raise Damaged("a sheet has no end of its rows")
        # The mark may lie across two pieces.
        target.write(held[:-64])
        held = held[-64:] + more
    prefix = (end[1] if end[1] is not None else end[2]).decode()
    target.write(held[: end.start()])
    if end[1] is None:
        target.write(f"<{prefix}sheetData>".encode())
    piece: list[str] = []
    for number, puts in rows:
        piece.append(row_xml(number, puts, prefix))
        if len(piece) >= 1000:
            target.write("".join(piece).encode())
            piece.clear()
    target.write("".join(piece).encode())
    target.write(f"</{prefix}sheetData>".encode())
    target.write(held[end.end() :])
    while more := source.read(_PIECE):
        target.write(more)


def _end_of_rows(held: bytes) -> re.Match[bytes] | None:
    """Find where the rows end; a plain search for the name is far faster than the pattern."""
    at = held.find(b"sheetData")
    while at >= 0:
        found = _END.search(held, max(at - 40, 0), at + 60)
        if found:
            return found
        at = held.find(b"sheetData", at + 1)
    return None


def rows_from(stream: IO[bytes], first: int) -> Iterator[tuple[int, dict[int, str]]]:
    """Yield the rows that `append_rows` wrote from the first one named on, with their texts.

    Rows before it are passed over without being parsed.
    """
    mark = b'row r="%d">' % first
    held = b""
    while (at := held.find(mark)) < 0:
        more = stream.read(_PIECE)
        if not more:
            return
        held = held[-64:] + more
    start = held.rindex(b"<", 0, at)
    prefix = held[start + 1 : at].rstrip(b":")
    held = held[start:] + stream.read()
    end = _end_of_rows(held)
    if end is None:
        raise Damaged("a sheet has no end of its rows")
    rows = held[: end.start()]
    space = b"xmlns" + (b":" + prefix if prefix else b"") + b'="' + MAIN.encode() + b'"'
    for row in parse(b"<rows " + space + b">" + rows + b"</rows>"):
        cells = {at: _text(cell, ()) for at, cell in _filled(row).items()}
        yield int(row.get("r", "0")), cells


def merge_rows(raw: bytes, rows: Iterable[tuple[int, Sequence[Put]]]) -> bytes:
    """Return a worksheet part with cells put into rows that may exist already.

    People prefill formulas and formats below the data, or stand in the header
    row beside us: their cells stay, ours are added in the order of columns.
    """
    root = parse(raw)
    data = child(root, "sheetData")
    if data is None:
        raise Damaged("a sheet has no rows part")
    namespace = etree.QName(root).namespace
    existing = {int(row.get("r", "0")): row for row in data if isinstance(row.tag, str)}
    width, last = 1, max(existing, default=1)
    for number, puts in rows:
        made = parse(f'<x xmlns="{namespace}">{row_xml(number, puts)}</x>'.encode())[0]
        width = max(width, *(put.column + 1 for put in puts))
        last = max(last, number)
        held = existing.get(number)
        if held is None:
            later = next((row for at, row in existing.items() if at > number), None)
            data.append(made) if later is None else later.addprevious(made)
            existing = dict(sorted({**existing, number: made}.items()))
            continue
        if "spans" in held.attrib:
            del held.attrib["spans"]
        for cell in list(made):
            _place(held, cell)
    size = child(root, "dimension")
    if size is not None:
        before = size.get("ref", "A1").rsplit(":", 1)[-1]
        size.set("ref", f"A1:{column_name(max(width, _column(before) + 1) - 1)}{last}")
    return serialized(root)


def _place(row: etree._Element, cell: etree._Element) -> None:
    """Put a cell into an existing row; one without content gives way but lends its format."""
    at = _column(str(cell.get("r")))
    for held in row:
        if not isinstance(held.tag, str):
            continue
        place = _column(held.get("r", ""))
        if place == at:
            row.replace(held, cell)
            return
        if place > at:
            held.addprevious(cell)
            return
    row.append(cell)


def new_sheet(
    rows: Iterable[str], widths: Mapping[int, float], width: int, last_row: int | None = None
) -> Iterable[bytes]:
    """Yield a worksheet part with a frozen, filterable header and the given rows of XML.

    `last_row` may be left out where it is not known yet.
    """
    columns = "".join(
        f'<col min="{at + 1}" max="{at + 1}" width="{size:.1f}" customWidth="1"/>'
        for at, size in sorted(widths.items())
    )
    end = column_name(width - 1)
    size = "" if last_row is None else f'<dimension ref="A1:{end}{last_row}"/>'
    yield (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<worksheet xmlns="{MAIN}">{size}<sheetViews>'
        '<sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" '
        'state="frozen"/><selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView>'
        f'</sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>{columns}</cols><sheetData>'
    ).encode()
    piece: list[str] = []
    for row in rows:
        piece.append(row)
        if len(piece) >= 1000:
            yield "".join(piece).encode()
            piece.clear()
    yield "".join(piece).encode()
    yield (
        f'</sheetData><autoFilter ref="A1:{end}{LAST_ROW}"/>'
        '<pageMargins left="0.5" right="0.5" top="0.75" bottom="0.75" header="0.3" footer="0.3"/>'
        "</worksheet>"
    ).encode()


def extended_table(raw: bytes, column: int, last_before: int, last_now: int) -> bytes | None:
    """Return an Excel table's part grown by the new rows, or None when it is not concerned.

    A table is concerned when it covers our key column and ended where our data
    ended; one with a totals row stays as it is.
    """
    root = parse(raw)
    found = re.fullmatch(r"([A-Z]+)(\d+):([A-Z]+)(\d+)", root.get("ref", ""))
    if found is None or root.get("totalsRowCount", "0") != "0":
        return None
    first, top, last, bottom = found.groups()
    if int(bottom) != last_before or not _column(first) <= column <= _column(last):
        return None
    grown = f"{first}{top}:{last}{last_now}"
    root.set("ref", grown)
    filtered = child(root, "autoFilter")
    if filtered is not None:
        filtered.set("ref", grown)
    return serialized(root)
