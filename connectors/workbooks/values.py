"""Values: what a cell holds, as the file writes it (ECMA-376 part 1, 18.3.1.4)."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from xml.sax.saxutils import escape

from records.postings import Value

#: A spreadsheet program keeps 15 significant digits of a number and no more.
_DIGITS = 15
#: The longest text a cell can hold.
_LONGEST = 32_767
_CUT = " … (cut)"
_FORMULA_START = ("=", "+", "-", "@", "\t", "\n")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_DAY_ZERO = {False: date(1899, 12, 30), True: date(1904, 1, 1)}


class Look(StrEnum):
    """How a cell is shown."""

    TEXT = "text"
    QUOTED = "quoted"
    AMOUNT = "amount"
    FINE = "fine"
    WHOLE = "whole"
    DATE = "date"
    MOMENT = "moment"
    LOGICAL = "logical"
    HEADER = "header"
    OURS = "ours"


class Written(NamedTuple):
    """A value as it stands in the file: its text, the cell type, and its look."""

    text: str
    type: str
    look: Look


def written(value: Value, from_1904: bool = False) -> Written | None:
    """Return how a value is written, or None for an empty cell.

    Text stays text whatever it starts with, and carries a quote prefix where
    an edit would turn it into a formula. A number with more digits than a
    spreadsheet keeps, and a date before its calendar begins, are written as
    text, so that nothing is rounded. Characters XML cannot hold become blanks,
    line ends become line feeds.
    """
    if isinstance(value, str):
        return _text(value) if value else None
    if value is None:
        return None
    if isinstance(value, bool):
        return Written("1" if value else "0", "b", Look.LOGICAL)
    if isinstance(value, int):
        value = Decimal(value)
        return _number(value, Look.WHOLE)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        fine = isinstance(exponent, int) and exponent < -2
        return _number(value, Look.FINE if fine else Look.AMOUNT)
    if isinstance(value, datetime):
        days = _days(value.date(), from_1904)
        if days is None:
            return _text(value.isoformat())
        seconds = value.hour * 3600 + value.minute * 60 + value.second
        part = (Decimal(seconds) / 86400).quantize(Decimal("1e-9"))
        return Written(f"{days + part:f}", "n", Look.MOMENT)
    days = _days(value, from_1904)
    return _text(value.isoformat()) if days is None else Written(str(days), "n", Look.DATE)


def _number(value: Decimal, look: Look) -> Written:
    text = f"{value:f}"
    if not value.is_finite():
        return _text(text)
    if len(text) > _DIGITS and len(value.normalize().as_tuple().digits) > _DIGITS:
        return _text(text)
    return Written(text, "n", look)


@lru_cache(maxsize=4096)
def _days(day: date, from_1904: bool) -> int | None:
    # Serial numbers before 1 March 1900 disagree between programs (a leap day that never was).
    if day < date(1904, 1, 2) if from_1904 else day < date(1900, 3, 1):
        return None
    return (day - _DAY_ZERO[from_1904]).days


def _text(value: str) -> Written:
    clean = value
    if not value.isprintable():  # most are, and looking closer costs more than the rest
        clean = _FORBIDDEN.sub(" ", value.replace("\r\n", "\n").replace("\r", "\n"))
    if len(clean) > _LONGEST:
        clean = clean[: _LONGEST - len(_CUT)] + _CUT
    return Written(clean, "t", Look.QUOTED if clean.startswith(_FORMULA_START) else Look.TEXT)


def escaped(text: str) -> str:
    """Return text as XML content; `_x0041_` would otherwise be read as the letter A."""
    if "_x" in text:
        text = _ESCAPED.sub(lambda found: f"_x005F_x{found[1]}_", text)
    return escape(text) if "&" in text or "<" in text or ">" in text else text


def unescaped(text: str) -> str:
    """Return the text that a cell's XML content stands for."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
