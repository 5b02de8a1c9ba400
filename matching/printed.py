"""Prints that can be read in two ways, settled by what else is known of the vendor.

03/04/26 is a day in April or in March, 16.500 is sixteen or sixteen thousand.
The page itself was asked already, and its arithmetic. What is left: when it
arrived and is due, how this vendor printed before, and its country. Evidence
that disagrees settles nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from matching.names import word_set

_EUROPE = word_set("at be bg cy cz de dk ee es fi fr gr hr it lu lv nl no pl pt ro se si sk tr")
#: Countries by how they write; those that write both ways (CA, IN, PH …) are in none.
_DAY_FIRST = _EUROPE | word_set("au br ch gb ie mt mx nz")
_MONTH_FIRST = word_set("us")
_DECIMAL_COMMA = _EUROPE | word_set("br hu lt")
_DECIMAL_POINT = word_set("au cn gb ie jp mt nz sg us")
_NUMBERS = re.compile(r"(?<!\d)(\d{1,2})[./-](\d{1,2})[./-](?:\d{4}|\d{2})(?!\d)")
_SPACES = "'\u2019 \u00a0\u202f"
_FIGURE = re.compile(rf"\d[\d.,{_SPACES}]*")
#: Evidence of one sign: two decimals behind it, or thousands before it.
_COMMA = re.compile(r"\d,\d{2}$|\.\d{3},")
_POINT = re.compile(r"\d\.\d{2}$|,\d{3}\.")


@dataclass(frozen=True, slots=True)
class Habits:
    """How a vendor prints dates and amounts; None where nobody knows, or it does both."""

    day_first: bool | None = None
    decimal_comma: bool | None = None


def habits_of(texts: Iterable[str], country: str | None) -> Habits:
    """Return a vendor's habits from what it printed before, else those of its country."""
    days: set[bool] = set()
    commas: set[bool] = set()
    for text in texts:
        if found := _NUMBERS.search(text):
            first, second = int(found[1]), int(found[2])
            if (first > 12) != (second > 12):
                days.add(first > 12)
        elif found := _FIGURE.search(text):
            comma, point = _COMMA.search(found[0].strip()), _POINT.search(found[0].strip())
            if bool(comma) != bool(point):
                commas.add(bool(comma))
    return Habits(
        day_first=_only(days, country, _DAY_FIRST, _MONTH_FIRST),
        decimal_comma=_only(commas, country, _DECIMAL_COMMA, _DECIMAL_POINT),
    )


def _only(
    seen: set[bool], country: str | None, yes: frozenset[str], no: frozenset[str]
) -> bool | None:
    if seen:
        return seen.copy().pop() if len(seen) == 1 else None
    known = (country or "").lower()
    return known in yes if known in yes | no else None


def settle_date(
    printed: str,
    readings: Sequence[date],
    habits: Habits,
    *,
    received_on: date,
    due_date: date | None = None,
    terms_days: int | None = None,
) -> tuple[date | None, str]:
    """Choose the reading of an invoice's date that the evidence agrees on, and say why.

    Nobody sends an invoice that is dated later than the day after it came;
    due date and agreed terms, where both are known, name the day.
    """
    votes: dict[date, list[str]] = {}
    past = [day for day in readings if day <= received_on + timedelta(days=1)]
    if len(past) == 1:
        votes.setdefault(past[0], []).append("the other day is still to come")
    if due_date is not None and terms_days is not None:
        agreed = [day for day in readings if day + timedelta(days=terms_days) == due_date]
        if len(agreed) == 1:
            votes.setdefault(agreed[0], []).append(f"due {terms_days} days later, as agreed")
    numbers = _NUMBERS.search(printed)
    if numbers and habits.day_first is not None:
        day, month = (1, 2) if habits.day_first else (2, 1)
        usual = [
            r for r in readings if (r.day, r.month) == (int(numbers[day]), int(numbers[month]))
        ]
        if len(usual) == 1:
            which = "day" if habits.day_first else "month"
            votes.setdefault(usual[0], []).append(f"the vendor writes the {which} first")
    if len(votes) != 1:
        return None, ""
    ((settled, why),) = votes.items()
    return settled, "; ".join(why)


def may_be_thousands(printed: str, read: Decimal) -> bool:
    """Say whether three digits behind the only sign of an amount were taken for a fraction.

    Totals of most currencies have two decimals: 11.900 is more likely a
    German's 11,900 than eleven and nine tenths.
    """
    found = _FIGURE.search(printed)
    figure = found[0].strip() if found else ""
    parts = re.fullmatch(r"(\d{1,3})[.,](\d{3})", figure)
    return parts is not None and abs(read) == Decimal(f"{parts[1]}.{parts[2]}")


def reread(printed: str, habits: Habits) -> Decimal | None:
    """Read a printed figure by the vendor's decimal sign; None where there is none, or no habit."""
    found = _FIGURE.search(printed)
    if found is None or habits.decimal_comma is None:
        return None
    decimal, thousands = (",", ".") if habits.decimal_comma else (".", ",")
    figure = re.sub(f"[{re.escape(thousands)}{_SPACES}]", "", found[0]).replace(decimal, ".")
    if figure.count(".") > 1:
        return None
    sign = -1 if re.search(r"[-−]\s*$", printed[: found.start()]) else 1
    return sign * Decimal(figure.rstrip("."))
