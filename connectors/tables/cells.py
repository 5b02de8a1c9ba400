"""Cells: the text, numbers and dates of a table, read in one explicit style."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

#: What a cell of a file can hold: text in CSV; also numbers and dates in a workbook.
Cell = str | int | float | bool | date | datetime | None

Mark = Literal[".", ","]
Order = Literal["ymd", "dmy", "mdy"]

_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_NUMBER = {
    ".": re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[,' \u00a0\u202f]\d{3})+)?(?:\.\d+)?-?", re.ASCII),
    ",": re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[.' \u00a0\u202f]\d{3})+)?(?:,\d+)?-?", re.ASCII),
}
_GROUPS = {
    mark: str.maketrans("", "", group)
    for mark, group in ((".", ",' \u00a0\u202f"), (",", ".' \u00a0\u202f"))
}
_DATE = {
    "ymd": re.compile(
        r"(?P<y>\d{4})[-/.]?(?P<m>\d\d)[-/.]?(?P<d>\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?)?"
    ),
    "dmy": re.compile(r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4}|\d\d)"),
    "mdy": re.compile(r"(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4}|\d\d)"),
}
_TRUE = frozenset({"1", "true", "yes", "y", "x", "ja", "j", "oui", "si", "sì", "wahr"})
_FALSE = frozenset({"", "0", "false", "no", "n", "nein", "non", "falsch"})


class BadCell(ValueError):
    """A cell does not hold what its column should; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a table writes numbers and dates; never guessed from single values.

    `decimal_mark` separates the decimals, the other mark groups thousands.
    `dates` is the order of day, month and year; ISO dates are read in any
    order because they cannot be mistaken. Two-digit years lie in 2000-2099.
    `currency` is what a blank one means (ISO 4217); None leaves it unknown.
    """

    decimal_mark: Mark = "."
    dates: Order = "ymd"
    currency: str | None = None


class Cells:
    """One row, read by column name. `names` are the mapped columns with their positions.

    A row set here is at least as long as the last of these positions.
    """

    __slots__ = ("_names", "_style", "row")

    def __init__(self, names: dict[str, int], style: Style) -> None:
        """Read rows whose columns stand at these positions."""
        self._names = names
        self._style = style
        self.row: Sequence[Cell] = ()

    def _cell(self, name: str) -> Cell:
        at = self._names.get(name)
        return None if at is None else self.row[at]

    def text(self, name: str) -> str | None:
        """Return the text, stripped, or None when blank; a whole number without `.0`."""
        at = self._names.get(name)  # as `_cell`, which this is called too often to call
        if at is None:
            return None
        cell = self.row[at]
        if isinstance(cell, str):
            return _stripped(cell) or None
        if cell is None:
            return None
        if isinstance(cell, float) and cell.is_integer():
            return str(int(cell))
        if isinstance(cell, datetime):
            return cell.date().isoformat()
        return str(cell)

    def needed(self, name: str) -> str:
        """Return the text; BadCell when blank."""
        value = self.text(name)
        if value is None:
            raise BadCell(f"{name} is blank")
        return value

    def number(self, name: str) -> Decimal | None:
        """Return the exact number, or None when blank; BadCell when it is none."""
        cell = self._cell(name)
        if cell is None:
            return None
        if isinstance(cell, str):
            try:
                return _number(cell, self._style.decimal_mark)
            except ValueError:
                wanted = "1234.56" if self._style.decimal_mark == "." else "1234,56"
                raise BadCell(
                    f"{name}: {cell.strip()!r} is not a number such as {wanted}"
                ) from None
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            raise BadCell(f"{name}: {cell!s} is not a number")
        # A workbook stores binary floats with 15 good digits; repr gives back what was typed.
        return Decimal(repr(cell)) if isinstance(cell, int) else _of_float(cell)

    def needed_number(self, name: str) -> Decimal:
        """Return the number; BadCell when blank."""
        value = self.number(name)
        if value is None:
            raise BadCell(f"{name} is blank")
        return value

    def whole(self, name: str) -> int | None:
        """Return a whole number, or None when blank; BadCell when it has decimals."""
        value = self.number(name)
        if value is None:
            return None
        if value != value.to_integral_value():
            raise BadCell(f"{name}: {value} is not a whole number")
        return int(value)

    def needed_whole(self, name: str) -> int:
        """Return a whole number; BadCell when blank."""
        value = self.whole(name)
        if value is None:
            raise BadCell(f"{name} is blank")
        return value

    def day(self, name: str) -> date | None:
        """Return the date, or None when blank; BadCell when it is none."""
        cell = self._cell(name)
        if cell is None:
            return None
        if isinstance(cell, datetime):
            return cell.date()
        if isinstance(cell, date):
            return cell
        try:
            return _day(str(cell), self._style.dates)
        except ValueError:
            raise BadCell(
                f"{name}: {str(cell).strip()!r} is not a date written {self._style.dates}"
            ) from None

    def needed_day(self, name: str) -> date:
        """Return the date; BadCell when blank."""
        value = self.day(name)
        if value is None:
            raise BadCell(f"{name} is blank")
        return value

    def flag(self, name: str) -> bool:
        """Return yes or no (1/0, true/false, yes/no, ja/nein, x); blank is no."""
        text = (self.text(name) or "").lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise BadCell(f"{name}: {text!r} is neither yes nor no")

    def currency(self, name: str, *, own: bool = False) -> str:
        """Return an ISO 4217 code; BadCell when it is blank or does not look like one.

        `own`: a blank one means the currency that the style names, if it does.
        """
        text = self.text(name) or (self._style.currency if own else None)
        if text is None:
            remedy = "; fill it in, or set the source's `currency`" if own else ""
            raise BadCell(f"{name} is blank{remedy}")
        if len(text) != 3 or not text.isascii() or not text.isalpha():
            raise BadCell(f"{name}: {text!r} is not a currency code such as EUR")
        return _stripped(text.upper())


#: Names, units and order numbers stand in many rows; the same text is kept once.
_stripped = lru_cache(maxsize=16384)(str.strip)


@lru_cache(maxsize=16384)
def _number(text: str, mark: Mark) -> Decimal | None:
    text = text.strip()
    if not text:
        return None
    if mark == "." and _PLAIN.fullmatch(text):
        return Decimal(text)
    text = text.replace("\u2212", "-")
    if not _NUMBER[mark].fullmatch(text) or not any(c.isdigit() for c in text):
        raise ValueError(text)
    text = text.translate(_GROUPS[mark]).replace(",", ".")
    if text.endswith("-"):
        text = "-" + text[:-1].lstrip("+")
    if text.startswith("--"):
        raise ValueError(text)
    return Decimal(text)


def _of_float(value: float) -> Decimal:
    return Decimal(f"{value:.15g}")


@lru_cache(maxsize=16384)
def _day(text: str, order: Order) -> date | None:
    text = text.strip()
    if not text:
        return None
    found = _DATE["ymd"].fullmatch(text) or _DATE[order].fullmatch(text)
    if found is None:
        raise ValueError(text)
    year = int(found["y"])
    return date(year + 2000 if year < 100 else year, int(found["m"]), int(found["d"]))
