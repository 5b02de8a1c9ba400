"""The cells of an .xlsx workbook as text rows, streamed (ECMA-376 SpreadsheetML).

Numbers come as the shortest decimal that is the same binary number, so 0.1
stays 0.1; dates as ISO text. DOCTYPE is refused and every part is bounded, so
a small file cannot unpack into a large one.
"""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from xml.parsers import expat

from connectors.banks._cells import Number

_BLOCK = 1 << 16
_MAX_PART = 1 << 30
_MAX_RATIO = 400
_RATIO_FROM = 16 << 20
_MAX_SHARED = 64 << 20
_MAX_COLUMNS = 512
_MAX_DEPTH = 64
_MAX_CELL = 1 << 16
#: Number formats that ECMA-376 part 1, 18.8.30 defines as dates.
_DATE_FORMATS = frozenset({14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)})
_LITERALS = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_COLUMN = re.compile(r"[A-Z]+")


class SheetFault(Exception):
    """The workbook cannot be read; `code` is the finding's."""

    def __init__(self, code: str, reason: str) -> None:
        """Say why."""
        super().__init__(reason)
        self.code = code


class Workbook:
    """An open workbook. Raises SheetFault for what is no readable .xlsx file."""

    def __init__(self, path: Path) -> None:
        """Open the archive and read what all sheets share."""
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise SheetFault("damaged", f"Not a readable workbook: {error}") from error
        names = set(self._archive.namelist())
        self.sheets = sorted(
            (n for n in names if re.fullmatch(r"xl/worksheets/[^/]+\.xml", n)), key=_natural
        )
        self._names = names
        self._shared: list[str] | None = None
        self._dates: frozenset[int] | None = None
        self._epoch = date(1899, 12, 30)

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def rows(self, sheet: str) -> Iterator[list[str]]:
        """Yield the rows of a sheet, empty ones between too; trailing blanks are cut."""
        if self._shared is None:
            self._shared = self._strings()
            self._dates = self._date_styles()
        dates = self._dates or frozenset()
        parse = _Sheet(self._shared, dates, self._epoch)
        for _ in self._parse(sheet, parse.start, parse.end, parse.text):
            yield from parse.done
            parse.done.clear()

    def _parse(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
        text: Callable[[str], None],
    ) -> Iterator[None]:
        """Feed one part to expat, yielding after each block."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        depth = 0

        def begin(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _MAX_DEPTH:
                raise SheetFault("hostile", f"{part} nests deeper than {_MAX_DEPTH}")
            start(name, attributes)

        def finish(name: str) -> None:
            nonlocal depth
            depth -= 1
            end(name)

        parser.StartElementHandler, parser.EndElementHandler = begin, finish
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse
        info = self._archive.getinfo(part)
        if info.flag_bits & 1:
            raise SheetFault("encrypted", "The workbook is protected by a password")
        size = 0
        try:
            with self._archive.open(info) as file:
                while block := file.read(_BLOCK):
                    size += len(block)
                    if size > _MAX_PART or (
                        size > _RATIO_FROM and size > info.compress_size * _MAX_RATIO
                    ):
                        raise SheetFault("too_large", f"{part} unpacks to far more than it may")
                    parser.Parse(block, False)
                    yield
                parser.Parse(b"", True)
                yield
        except (expat.ExpatError, ValueError, LookupError) as error:
            # The latter two for encodings that nobody knows.
            raise SheetFault("damaged", f"{part} is not well-formed: {error}") from error
        except (
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            NotImplementedError,
            EOFError,
            OSError,
        ) as error:
            raise SheetFault("damaged", f"{part} cannot be unpacked: {error}") from error

    def _strings(self) -> list[str]:
        """Return the shared strings; phonetic readings (rPh) are not part of them."""
        strings: list[str] = []
        pieces: list[str] = []
        state = {"t": False, "phonetic": False, "size": False}
        size = 0

        def start(name: str, _: dict[str, str]) -> None:
            local = name.rpartition(":")[2]
            if local == "si":
                pieces.clear()
            elif local == "rPh":
                state["phonetic"] = True
            elif local == "t":
                state["t"] = not state["phonetic"]

        def end(name: str) -> None:
            nonlocal size
            local = name.rpartition(":")[2]
            if local == "t":
                state["t"] = False
            elif local == "rPh":
                state["phonetic"] = False
            elif local == "si":
                strings.append("".join(pieces))
                size += len(strings[-1]) + 50
                if size > _MAX_SHARED:
                    raise SheetFault("too_large", "The workbook's texts exceed the limit")

        def text(value: str) -> None:
            if state["t"]:
                pieces.append(value)

        if "xl/sharedStrings.xml" in self._names:
            for _ in self._parse("xl/sharedStrings.xml", start, end, text):
                pass
        return strings

    def _date_styles(self) -> frozenset[int]:
        """Return the cell styles that show a number as a date; sets the epoch too."""
        formats: dict[int, str] = {}
        styles: list[int] = []
        inside = False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            local = name.rpartition(":")[2]
            if local == "numFmt":
                formats[_int(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
            elif local == "cellXfs":
                inside = True
            elif local == "xf" and inside:
                styles.append(_int(attributes.get("numFmtId")))
            elif local == "workbookPr" and attributes.get("date1904") in ("1", "true"):
                self._epoch = date(1904, 1, 1)

        def end(name: str) -> None:
            nonlocal inside
            if name.rpartition(":")[2] == "cellXfs":
                inside = False

        for part in ("xl/styles.xml", "xl/workbook.xml"):
            if part in self._names:
                for _ in self._parse(part, start, end, _ignore):
                    pass
        return frozenset(
            i
            for i, number in enumerate(styles)
            if number in _DATE_FORMATS or _is_date_format(formats.get(number, ""))
        )


class _Sheet:
    """The state of reading one sheet; `done` fills with finished rows."""

    def __init__(self, shared: list[str], dates: frozenset[int], epoch: date) -> None:
        self.done: list[list[str]] = []
        self._shared, self._dates, self._epoch = shared, dates, epoch
        self._row: list[str] = []
        self._column = 0
        self._kind = self._style = ""
        self._pieces: list[str] = []
        self._collect = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            reference = attributes.get("r", "")
            match = _COLUMN.match(reference)
            self._column = _column(match[0]) if match else len(self._row)
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._pieces.clear()
        elif local in ("v", "t"):
            self._collect = True
        elif local == "row":
            self._row = []

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in ("v", "t"):
            self._collect = False
        elif local == "c":
            self._cell("".join(self._pieces))
        elif local == "row":
            self.done.append(self._row)

    def text(self, value: str) -> None:
        if self._collect:
            self._pieces.append(value)

    def _cell(self, raw: str) -> None:
        if not raw or self._column >= _MAX_COLUMNS:
            return
        value = raw[:_MAX_CELL]
        if self._kind == "s":
            index = _int(raw)
            value = self._shared[index] if 0 <= index < len(self._shared) else ""
        elif self._kind == "n":
            value = _number(raw[:40])
            if self._style and _int(self._style) in self._dates:
                value = _serial(raw[:40], self._epoch)
        elif self._kind == "e":
            value = ""
        row = self._row
        row.extend([""] * (self._column + 1 - len(row)))
        row[self._column] = value


def _natural(name: str) -> tuple[int, str]:
    digits = re.search(r"\d+", name.rpartition("/")[2])
    return (int(digits[0]) if digits else 0, name)


def _refuse(*_: object) -> None:
    raise SheetFault("hostile", "The workbook's XML has a DOCTYPE")


def _ignore(_: str) -> None:
    """Texts of styles mean nothing here."""


def _int(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else -1


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    number = 0
    for letter in letters[:4]:
        number = number * 26 + ord(letter) - 64
    return number - 1


@lru_cache(maxsize=8192)
def _number(raw: str) -> str:
    try:
        number = float(raw)
    except ValueError:
        return raw
    if number != number or abs(number) > 1e18:
        return raw
    return Number(format(Decimal(repr(number)).normalize(), "f"))


@lru_cache(maxsize=4096)
def _serial(raw: str, epoch: date) -> str:
    try:
        return (epoch + timedelta(days=int(float(raw)))).isoformat()
    except (ValueError, OverflowError):
        return raw


def _is_date_format(code: str) -> bool:
    bare = _LITERALS.sub("", code).lower().split(";")[0]
    return "y" in bare or "d" in bare
