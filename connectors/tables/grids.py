"""Grids: the raw rows of a CSV file or a workbook's sheet, header first."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import openpyxl

from connectors.tables.cells import Cell
from connectors.workbooks.prolog import declares_doctype
from records.failures import Rejected, Unavailable

#: A longer field is no cell of an office table; it is an unclosed quotation mark.
_FIELD_LIMIT = 1 << 20


class BadTable(ValueError):
    """A table cannot be read at all; the text says why and what to do."""


def csv_grid(raw: bytes, *, encoding: str = "", delimiter: str = "") -> Iterator[Sequence[Cell]]:
    """Yield the rows of a CSV file.

    Encoding, unless given: a byte-order mark decides, else UTF-8 if the bytes
    are valid UTF-8, else Windows-1252. The delimiter, unless given, is the one
    of `;`, tab, `|` and `,` that stands most often in the header row.
    """
    encoding, errors = _encoding(raw, encoding)
    if "\x00" in raw.decode(encoding, errors):
        raise BadTable("it holds zero characters, which no text has; export it anew")
    text = io.TextIOWrapper(io.BytesIO(raw), encoding, errors, newline="")
    delimiter = delimiter or _delimiter(text)
    csv.field_size_limit(_FIELD_LIMIT)
    try:
        yield from csv.reader(text, delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise BadTable(
            f"the CSV is malformed ({error}); look for a stray quotation mark"
        ) from error


def _encoding(raw: bytes, given: str) -> tuple[str, str]:
    """Return the encoding, and what becomes of bytes that it does not have."""
    if given:
        try:
            raw.decode(given)
        except (LookupError, UnicodeDecodeError) as error:
            raise BadTable(f"the text is not {given} ({error})") from error
        return given, "strict"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "replace"
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "cp1252", "replace"
    return "utf-8-sig", "strict"


def _delimiter(text: io.TextIOWrapper) -> str:
    header = next((line for line in islice(text, 10) if line.strip()), "")
    text.seek(0)
    return max(";\t|,", key=header.count)


def workbook_grid(
    raw: bytes, *, sheet: str = "", max_bytes: int = 1 << 30
) -> Iterator[Sequence[Cell]]:
    """Yield the rows of one sheet of an .xlsx file, the first one by default.

    Formulas give the value their last calculation left. A file that unpacks to
    more than `max_bytes` is refused before it is unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as package:
            unpacked = sum(part.file_size for part in package.infolist())
            if unpacked > max_bytes:
                raise BadTable(
                    f"the workbook unpacks to {unpacked:,} bytes, more than {max_bytes:,}"
                )
            for part in package.infolist():
                with package.open(part) as prolog:
                    if part.filename.endswith((".xml", ".rels")) and declares_doctype(prolog):
                        raise BadTable(f"its part {part.filename} declares a DOCTYPE")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about styles we do not read
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        try:
            if sheet and sheet not in book.sheetnames:
                known = ", ".join(book.sheetnames)
                raise BadTable(f"there is no sheet {sheet!r}; the workbook has {known}")
            page = book[sheet] if sheet else book.worksheets[0]
            # What the file declares as its size is often wrong.
            page.reset_dimensions()
            for row in page.iter_rows(values_only=True):
                yield [_plain(cell) for cell in row]
        finally:
            book.close()
    except (BadTable, MemoryError):
        raise
    except Exception as error:
        # openpyxl lets through whatever its parts raise on a file that is none.
        raise BadTable(f"the workbook is damaged or protected ({error})") from error


def _plain(cell: object) -> Cell:
    return cell if cell is None or isinstance(cell, Cell) else str(cell)


def table_bytes(path: Path, max_bytes: int) -> bytes:
    """Return a table's bytes. Unavailable when it is not there, Rejected when too large."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise Rejected(f"{path} has {size:,} bytes, more than {max_bytes:,}. Raise max_bytes.")
        return path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path} cannot be read ({error.strerror}).") from error
