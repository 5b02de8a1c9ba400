"""Posts rows into CSV files, one per sheet, for other programs to take up."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from connectors.keeping import write_whole
from connectors.locking import only_writer
from records.failures import Rejected, Unavailable
from records.postings import Posting, Value

#: Title of the column that makes a row happen once.
KEY = "Key"
#: Written last: a delivery is found only when all its rows are in their files.
_DELIVERIES = "Deliveries"
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n")


class Poster:
    """Appends rows to CSV files in a folder, each once by its key.

    Columns are found by their titles and added at the end when absent; other
    columns and rows stay. Text that a spreadsheet would take for a formula
    gets an apostrophe in front. Files are replaced whole, never half.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Where the files lie and how they are written.

        path: the folder; made when absent. Required.
        delimiter: Default: `,`.
        decimal_mark: `.` or `,`. Default: `.`.
        encoding: Default: utf-8-sig, which spreadsheet programs recognise.
        wait_seconds: how long to wait for another worker that is writing to
            the same folder. Default: 60.
        """

        path: Path
        delimiter: str = ","
        decimal_mark: Literal[".", ","] = "."
        encoding: str = "utf-8-sig"
        wait_seconds: float = 60.0

    def __init__(self, settings: Settings) -> None:
        """Post into CSV files."""
        self._settings = settings

    def find(self, key: str) -> str | None:
        """Return where the delivery with this key stands, or None."""
        for row in self._read(_DELIVERIES):
            if row.get(KEY) == key:
                return row.get("Place")
        return None

    def post(self, postings: Iterable[Posting]) -> list[str]:
        """Append the rows of all postings; return each one's place, `File.csv: key`.

        Unavailable when the folder cannot be written; a file that was reached
        before holds its rows then, and the next try adds none of them twice.
        """
        wanted = list(postings)
        for posting in wanted:
            if not posting.rows:
                raise Rejected(f"{posting.key} carries no rows, which a CSV file could hold.")
        sheets: dict[str, dict[str, Mapping[str, Value]]] = {}
        places = {p.key: f"{p.rows[0].sheet}.csv: {p.rows[0].key}" for p in wanted}
        for posting in wanted:
            for row in posting.rows:
                sheets.setdefault(row.sheet, {}).setdefault(row.key, row.values)
        done: dict[str, Mapping[str, Value]] = {key: {"Place": at} for key, at in places.items()}
        with only_writer(self._settings.path / _DELIVERIES, self._settings.wait_seconds):
            for sheet, rows in (*sheets.items(), (_DELIVERIES, done)):
                self._append(sheet, rows)
        return [places[posting.key] for posting in wanted]

    def check(self) -> str:
        """Say where the files lie; Unavailable when the folder cannot be written."""
        folder = self._settings.path
        nearest = next(p for p in (folder, *folder.resolve().parents) if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise Unavailable(f"{folder} cannot be written. Choose another folder.")
        return f"{folder}: CSV files with {len(self._read(_DELIVERIES))} deliveries"

    def _file(self, sheet: str) -> Path:
        if not re.fullmatch(r"[\w][\w .-]{0,60}", sheet):
            raise Rejected(f"{sheet!r} cannot be the name of a file. Use letters and digits.")
        return self._settings.path / f"{sheet}.csv"

    def _read(self, sheet: str) -> list[dict[str, str]]:
        """Return a file's rows by their titles; none when it is not there."""
        path = self._file(sheet)
        try:
            text = path.read_bytes().decode(self._settings.encoding)
            rows = list(
                csv.reader(io.StringIO(text, newline=""), delimiter=self._settings.delimiter)
            )
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"{path} cannot be read ({error.strerror}).") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise Rejected(
                f"{path} is not CSV in {self._settings.encoding} any more ({error}). "
                "Move it away; a new one is made."
            ) from error
        header = rows[0] if rows else []
        if rows and (KEY not in header or len(set(header)) != len(header)):
            raise Rejected(
                f"{path} has no column {KEY!r}, or two columns of one title. "
                "Move it away; a new one is made."
            )
        if any(len(row) > len(header) for row in rows):
            raise Rejected(f"{path} has rows longer than its header. Correct them by hand.")
        return [
            dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=True))
            for row in rows[1:]
        ]

    def _append(self, sheet: str, rows: Mapping[str, Mapping[str, Value]]) -> None:
        held = self._read(sheet)
        known = {row[KEY] for row in held}
        missing = {key: values for key, values in rows.items() if _text(key) not in known}
        if not missing:
            return
        new = [
            {**{title: self._cell(value) for title, value in values.items()}, KEY: _text(key)}
            for key, values in missing.items()
        ]
        titles = dict.fromkeys(title for row in held[:1] for title in row)
        titles |= dict.fromkeys(title for row in new for title in row)
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(titles), restval="", delimiter=self._settings.delimiter)
        writer.writeheader()
        writer.writerows(held)
        writer.writerows(new)
        path = self._file(sheet)
        try:
            write_whole(path, out.getvalue().encode(self._settings.encoding, "replace"))
        except OSError as error:
            raise Unavailable(f"{path} cannot be written ({error.strerror}).") from error

    def _cell(self, value: Value) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, Decimal):
            return f"{value:f}".replace(".", self._settings.decimal_mark)
        if isinstance(value, int):
            return str(value)
        return value.isoformat() if isinstance(value, date) else _text(value)


def _text(value: str) -> str:
    """Return text that no spreadsheet program takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA_START) else value
