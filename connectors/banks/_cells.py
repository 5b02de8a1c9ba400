"""Amounts and dates as spreadsheets and bank exports print them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal

Order = Literal["dmy", "mdy", "ymd"]

_PLAIN = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]+)?\Z")
_SPACES = re.compile(r"[\s\u00a0\u202f'’]")
_LONGEST = 64
_DIGITS = re.compile(r"[0-9][0-9.,]{0,30}\Z|[.,][0-9]{1,9}\Z")
_MARK = r"[A-Z]{3}|[€$£¥]|Fr\.?|kr\.?|zł|Kč"
_CURRENCY_MARK = re.compile(rf"^(?:{_MARK})|(?:{_MARK})$")
_DATE = re.compile(r"(\d{1,4})\s*[./\-' ]\s*(\d{1,2})\s*[./\-' ]\s*(\d{2,4})(?:[T ,].*)?\Z")
_NAMED = re.compile(r"(\d{1,2})[\s.\-/]*([A-Za-zäéûç]{3,9})\.?[\s.\-/,]*(\d{4}|\d{2})\Z")
_NAMED_FIRST = re.compile(r"([A-Za-z]{3,9})\.?\s+(\d{1,2}),?\s+(\d{4})\Z")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januar janvier januari enero gennaio ene gen",
            "feb februar février february februari febrero febbraio fév fev fevr",
            "mar mär mrz märz march mars maart marzo mrt",
            "apr april avril abril aprile avr abr",
            "may mai mei mayo maggio mag maj",
            "jun juni june juin junio giugno giu",
            "jul juli july juillet julio luglio juil lug",
            "aug august août aout augustus agosto ago",
            "sep sept september septembre septiembre settembre set",
            "oct okt oktober october octobre octubre ottobre ott out",
            "nov november novembre noviembre",
            "dec dez december dezember décembre diciembre dicembre déc dic",
        ),
        start=1,
    )
    for name in names.split()
}


class Number(str):
    """A cell that holds a number, not a text: always with a decimal point."""

    __slots__ = ()


def amount(text: str, decimal: str) -> Decimal | None:
    """Read an amount; `1.234,56`, `234,56-`, `(12.00)`, `+5`, `EUR 5`, `1 234,56`; else None.

    `decimal` is the decimal sign; the other sign may only group thousands.
    """
    # Long texts are none, and would fill the cache.
    return _amount(text, decimal) if len(text) <= _LONGEST else None


@lru_cache(maxsize=8192, typed=True)
def _amount(text: str, decimal: str) -> Decimal | None:
    if isinstance(text, Number):
        return Decimal(text) if _PLAIN.match(text) else None
    bare = _SPACES.sub("", text).replace("−", "-").replace("–", "-")
    bare = _CURRENCY_MARK.sub("", bare)
    negative = False
    if bare[:1] == "(" and bare[-1:] == ")":
        negative, bare = True, bare[1:-1]
    elif bare[:1] in ("-", "+"):
        negative, bare = bare[0] == "-", bare[1:]
    elif bare[-1:] in ("-", "+"):
        negative, bare = bare[-1] == "-", bare[:-1]
    if not _DIGITS.match(bare) or not bare.isascii():
        return None
    group = "." if decimal == "," else ","
    whole, point, fraction = bare.partition(decimal)
    if group in fraction or decimal in fraction or len(fraction) > 9:
        return None
    groups = whole.split(group)
    # 1,234,567 and the Indian 12,34,567; the last group always has three digits.
    if len(groups) > 1 and (
        not 1 <= len(groups[0]) <= 3
        or len(groups[-1]) != 3
        or any(len(g) not in (2, 3) for g in groups[1:-1])
    ):
        return None
    digits = "".join(groups)
    if len(digits) > 18:
        return None
    number = Decimal(f"{digits or 0}.{fraction}" if point else digits)
    return -number if negative else number


def day(text: str, order: Order | None) -> date | None:
    """Read a date; None when it is none, or when day and month cannot be told apart."""
    found = days(text)
    if len(found) == 1:
        return found[0]
    for way, candidate in zip(("dmy", "mdy"), found, strict=False):
        if way == order:
            return candidate
    return None


def days(text: str) -> tuple[date, ...]:
    """Return every date the text can mean: (day first, month first) where both are possible."""
    return _days(text) if len(text) <= _LONGEST else ()


@lru_cache(maxsize=8192)
def _days(text: str) -> tuple[date, ...]:
    text = text.strip()
    if len(text) == 8 and text.isascii() and text.isdigit():
        return _valid(int(text[:4]), int(text[4:6]), int(text[6:]))
    match = _DATE.match(text)
    if match is not None:
        a, b, c = int(match[1]), int(match[2]), int(match[3])
        if len(match[1]) == 4 or a > 31:
            return _valid(a, b, c)
        year = c if len(match[3]) == 4 else _century(c)
        first, second = _valid(year, b, a), _valid(year, a, b)
        # Points between the numbers are written day first everywhere.
        if "." in text[: match.start(3)] or first == second:
            return first
        return first + second
    match = _NAMED.match(text)
    if match is not None and (month := _MONTHS.get(match[2].lower())):
        return _valid(_century(int(match[3])), month, int(match[1]))
    match = _NAMED_FIRST.match(text)
    if match is not None and (month := _MONTHS.get(match[1].lower())):
        return _valid(int(match[3]), month, int(match[2]))
    return ()


def _century(year: int) -> int:
    if year > 99:
        return year
    return 1900 + year if year >= 80 else 2000 + year


def _valid(year: int, month: int, dayofmonth: int) -> tuple[date, ...]:
    try:
        return (date(year, month, dayofmonth),)
    except ValueError:
        return ()


def decimal_sign(texts: list[str]) -> Literal[".", ","] | None:
    """Return the decimal sign the amounts prove; None where they could be read both ways."""
    proved: set[Literal[".", ","]] = set()
    for text in texts:
        if isinstance(text, Number):
            continue
        bare = re.sub(r"[^0-9.,]", "", text)
        last = max(bare.rfind("."), bare.rfind(","))
        if last < 0:
            continue
        sign: Literal[".", ","] = "," if bare[last] == "," else "."
        other: Literal[".", ","] = "." if sign == "," else ","
        tail = len(bare) - last - 1
        if bare.count(sign) > 1:
            proved.add(other)  # a sign that repeats groups thousands
        elif tail != 3 or other in bare:
            proved.add(sign)
    return proved.pop() if len(proved) == 1 else None


def date_order(texts: list[str]) -> Order | None:
    """Return the order of day and month the dates prove; None where they do not.

    A proof is a date that exists in one order only. Failing that, the order
    in which the rows run down the calendar, when only one of the two does.
    """
    readings = [days(t) for t in texts if t.strip()]
    pairs = [r for r in readings if len(r) == 2]
    if not pairs:
        for text, reading in zip([t for t in texts if t.strip()], readings, strict=True):
            match = _DATE.match(text.strip())
            if match and reading and len(match[1]) < 3:
                return "dmy" if reading[0].day == int(match[1]) else "mdy"
        return None
    for text in texts:
        match = _DATE.match(text.strip())
        reading = days(text)
        if match and len(reading) == 1 and len(match[1]) < 3 and int(match[1]) != int(match[2]):
            return "dmy" if reading[0].day == int(match[1]) else "mdy"
    return None
