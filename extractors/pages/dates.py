"""Dates as printed: every way a date can be read, and which order a document uses."""

from __future__ import annotations

import re
from datetime import date
from enum import Enum
from functools import cache
from typing import NamedTuple

from extractors.pages.lexicon import fold


class Order(Enum):
    """Which part comes first in `03/04/2026`."""

    DAY = "day first"
    MONTH = "month first"


_MONTHS = (
    "january jan januar jän jänner janvier janv januari enero ene gennaio gen janeiro stycznia styczen sty januar ianuarie",
    "february feb februar fevrier fevr fev februari febrero febbraio fevereiro lutego luty lut",
    "march mar märz mrz marz mär maart mrt mars marzo março marco marca marzec mart",
    "april apr avril avr abril abr aprile kwietnia kwiecien kwi",
    "may mai mei mayo maggio mag maio maja maj",
    "june jun juni juin junio giugno giu junho czerwca czerwiec cze",
    "july jul juli juillet juil julio luglio lug julho lipca lipiec lip",
    "august aug aout aoû augustus agosto ago sierpnia sierpien sie",
    "september sep sept septembre septiembre settembre set setembro wrzesnia wrzesien wrz",
    "october oct oktober okt octobre octubre ottobre ott outubro out pazdziernika pazdziernik paz oktobra",
    "november nov novembre noviembre novembro listopada listopad lis",
    "december dec dezember dez decembre diciembre dic dicembre dezembro grudnia grudzien gru décembre déc",
)


@cache
def _months() -> dict[str, int]:
    return {fold(w): n for n, words in enumerate(_MONTHS, 1) for w in words.split()}


_DATE = re.compile(
    r"(?<![\w.,/-])(?:"
    r"(?P<y1>(?:19|20)\d\d)\s?(?P<s1>[-./])\s?(?P<m1>\d{1,2})\s?(?P=s1)\s?(?P<d1>\d{1,2})(?!\d)"
    r"|(?P<a>\d{1,2})\s?(?P<s2>[-./])\s?(?P<b>\d{1,2})\s?(?P=s2)\s?(?P<y2>(?:19|20)\d\d|\d\d)(?![\d]|[-./,]\d)"
    r"|(?P<d3>\d{1,2})(?:st|nd|rd|th|er|ère|º|ª|°|\.)?(?:\s*[-./,]\s*|\s+(?:de\s+|d'|of\s+)?|(?=[^\W\d_]))(?P<w3>[^\W\d_]{3,12})\.?"
    r"(?:\s*[-./,]\s*|\s+(?:de\s+|del\s+)?|(?=\d))(?P<y3>(?:19|20)\d\d|\d\d|'\d\d)(?!\d|[.,]\d)"
    r"|(?P<w4>[^\W\d_]{3,12})\.?[\s-]*(?P<d4>\d{1,2})(?:st|nd|rd|th)?\s*[,\s-]\s*(?P<y4>(?:19|20)\d\d)(?!\d)"
    r")"
)


class Printed(NamedTuple):
    """A date on a row: characters `start` to `end` of the row's text.

    `readings` holds one date, or two: day first, then month first.
    `certain_order` is the order the date itself proves, if it does.
    """

    start: int
    end: int
    text: str
    readings: tuple[date, ...]
    certain_order: Order | None

    def read(self, order: Order | None) -> date | None:
        """Return the date; None when it stays ambiguous."""
        if len(self.readings) == 1:
            return self.readings[0]
        if order is None:
            return None
        return self.readings[0 if order is Order.DAY else 1]


def dates_in(text: str) -> list[Printed]:
    """Find the dates in a row of text; impossible ones (31.02.) are left out."""
    found = []
    match = _DATE.search(text)
    while match is not None:
        readings, order = _readings(match)
        if readings:
            found.append(Printed(match.start(), match.end(), match.group(), readings, order))
        # `60 Datum 04-12-2025`: what is no date may reach into one.
        match = _DATE.search(text, match.end() if readings else match.start() + 1)
    return found


def _readings(match: re.Match[str]) -> tuple[tuple[date, ...], Order | None]:
    part = match.groupdict()
    if part["y1"]:
        return _one(_date(part["y1"], part["m1"], part["d1"])), None
    if part["a"]:
        by_day = _date(part["y2"], part["b"], part["a"])
        by_month = _date(part["y2"], part["a"], part["b"])
        if by_day == by_month:
            return _one(by_day), None
        # A point between the parts is written day first everywhere.
        if part["s2"] == ".":
            return _one(by_day), None
        if by_day and by_month:
            return (by_day, by_month), None
        if by_day:
            return (by_day,), Order.DAY
        return _one(by_month), Order.MONTH if by_month else None
    word, day, year = (
        (part["w3"], part["d3"], part["y3"]) if part["w3"] else (part["w4"], part["d4"], part["y4"])
    )
    month = _months().get(fold(word))
    if month is None:
        return (), None
    return _one(_date(year.lstrip("'"), str(month), day)), None


def _date(year: str, month: str, day: str) -> date | None:
    full = int(year) + (2000 if len(year) == 2 else 0)
    try:
        return date(full, int(month), int(day))
    except ValueError:
        return None


def _one(value: date | None) -> tuple[date, ...]:
    return () if value is None else (value,)
