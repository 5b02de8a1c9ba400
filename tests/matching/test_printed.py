"""Dates and figures that can be read in two ways: every evidence alone, and against another."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.printed import Habits, habits_of, may_be_thousands, reread, settle_date

FEBRUARY, MARCH = date(2026, 2, 3), date(2026, 3, 2)
LATER = date(2026, 4, 30)


@pytest.mark.parametrize(
    ("texts", "country", "habits"),
    [
        ([], None, Habits()),
        ([], "DE", Habits(day_first=True, decimal_comma=True)),
        ([], "US", Habits(day_first=False, decimal_comma=False)),
        ([], "GB", Habits(day_first=True, decimal_comma=False)),
        ([], "CA", Habits()),
        (["20.02.2026", "EUR 1.471,60"], "US", Habits(day_first=True, decimal_comma=True)),
        (["02/20/2026", "1,471.60"], "DE", Habits(day_first=False, decimal_comma=False)),
        (["03/02/26", "16.500"], None, Habits()),
        (["20/02/2026", "02/20/2026", "1,50", "1.50"], "DE", Habits()),
    ],
)
def test_habits(texts: list[str], country: str | None, habits: Habits) -> None:
    assert habits_of(texts, country) == habits


@pytest.mark.parametrize(
    ("day_first", "received", "due", "settled"),
    [
        (True, LATER, None, FEBRUARY),
        (False, LATER, None, MARCH),
        (None, LATER, None, None),
        (None, date(2026, 2, 10), None, FEBRUARY),
        (None, LATER, date(2026, 4, 1), MARCH),
        (False, date(2026, 2, 10), None, None),
        (True, LATER, date(2026, 4, 1), None),
        (True, LATER, date(2026, 12, 1), FEBRUARY),
    ],
)
def test_a_date_is_settled_where_the_evidence_agrees(
    day_first: bool | None, received: date, due: date | None, settled: date | None
) -> None:
    day, why = settle_date(
        "03/02/26",
        (FEBRUARY, MARCH),
        Habits(day_first=day_first),
        received_on=received,
        due_date=due,
        terms_days=30,
    )
    assert (day, bool(why)) == (settled, settled is not None)


@pytest.mark.parametrize(
    ("printed", "comma", "figure"),
    [
        ("EUR 11.900", True, "11900"),
        ("11.900", False, "11.900"),
        ("1.471,60 €", True, "1471.60"),
        ("-1.000", True, "-1000"),
        ("1 234,5", True, "1234.5"),
        ("1\u202f234\u00a0567,89", True, "1234567.89"),
        ("CHF 1\u2019234.50", False, "1234.50"),
        ("1,234,567", True, None),
        ("none", True, None),
        ("11.900", None, None),
    ],
)
def test_a_figure_is_read_by_the_decimal_sign(
    printed: str, comma: bool | None, figure: str | None
) -> None:
    read = reread(printed, Habits(decimal_comma=comma))
    assert read == (None if figure is None else Decimal(figure))


@given(st.integers(0, 999_999_999), st.booleans())
def test_what_a_vendor_prints_is_read_back(cents: int, comma: bool) -> None:
    amount = Decimal(cents).scaleb(-2)
    text = f"{amount:,.2f}"
    printed = text.translate(str.maketrans(",.", ".,")) if comma else text
    assert reread(f"EUR {printed}", Habits(decimal_comma=comma)) == amount
    assert not may_be_thousands(printed, amount)


def test_three_digits_behind_a_sign_are_doubted_only_where_they_were_read_as_a_fraction() -> None:
    assert may_be_thousands("EUR 11.900", Decimal("11.900"))
    assert not may_be_thousands("11.900", Decimal(11900))
    assert not may_be_thousands("11.90", Decimal("11.90"))
