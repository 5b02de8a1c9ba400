"""Dates as printed, and when they stay ambiguous."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.pages.dates import Order, dates_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-31", "2026-03-31"),
        ("31.03.2026", "2026-03-31"),
        ("7.5.26", "2026-05-07"),
        ("31/03/2026", "2026-03-31"),
        ("03/31/2026", "2026-03-31"),
        ("8-9-2022", None),
        ("03/04/2026", None),
        ("04/04/2026", "2026-04-04"),
        ("7. Mai 2014", "2014-05-07"),
        ("August 3 , 2014", "2014-08-03"),
        ("March 3rd, 2026", "2026-03-03"),
        ("02 Juillet 2015", "2015-07-02"),
        ("1er août 2026", "2026-08-01"),
        ("29 oktober 2015", "2015-10-29"),
        ("3 de marzo de 2026", "2026-03-03"),
        ("17 gennaio 2026", "2026-01-17"),
        ("5 de março de 2026", "2026-03-05"),
        ("25 września 2025", "2025-09-25"),
        ("06-Jul-2025", "2025-07-06"),
        ("15. März 2026", "2026-03-15"),
    ],
)
def test_a_date_is_read_or_left_ambiguous(text: str, expected: str | None) -> None:
    (found,) = dates_in(text)
    value = found.read(None)
    assert (value.isoformat() if value else None) == expected


@pytest.mark.parametrize(
    "text", ["31.02.2026", "4711.12.2026", "1.2.3.4", "3 apples 2026", "12,34"]
)
def test_what_is_no_date(text: str) -> None:
    assert dates_in(text) == []


def test_the_order_settles_an_ambiguous_date() -> None:
    (found,) = dates_in("03/04/26")
    assert found.read(Order.DAY) == date(2026, 4, 3)
    assert found.read(Order.MONTH) == date(2026, 3, 4)


def test_some_dates_prove_the_order_of_their_document() -> None:
    assert dates_in("11/17/2017")[0].certain_order is Order.MONTH
    assert dates_in("17/11/2017")[0].certain_order is Order.DAY
    assert dates_in("17.11.2017")[0].certain_order is None


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_iso_and_pointed_dates_are_certain(day: date) -> None:
    for printed in (day.isoformat(), f"{day:%d.%m.%Y}"):
        (found,) = dates_in(f"vom {printed} an")
        assert found.readings == (day,)


def test_a_date_behind_what_only_looks_like_one() -> None:
    (found,) = dates_in("Kade 60 Datum 04-12-2025")
    assert found.text == "04-12-2025"
