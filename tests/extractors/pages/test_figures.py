"""Numbers as printed, and what they can mean."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.pages.figures import Figure, Style, currency_codes, figures_in, style_of


def read_row(text: str) -> list[Figure]:
    """Set words in a fixed pitch of 5 points; rows are 10 points high."""
    words = [(m[0], m.start() * 5.0, m.end() * 5.0 + 1.5) for m in re.finditer("[^ ]+", text)]
    texts, lefts, rights = zip(*words, strict=True)
    return figures_in(texts, lefts, rights, 10)


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("1.471,60", Style.POINT, "1471.60"),
        ("1,471.60", Style.COMMA, "1471.60"),
        ("1.471", Style.COMMA, "1471"),
        ("1.471", Style.POINT, "1.471"),
        ("1'234.50", Style.POINT, "1234.50"),
        ("12,5", Style.POINT, "12.5"),
        ("0,7934", Style.COMMA, "0.7934"),
        ("1.234.567", Style.POINT, "1234567"),
        ("156,20-", Style.COMMA, "-156.20"),
        ("-14,73", Style.COMMA, "-14.73"),
        ("−14,73", Style.COMMA, "-14.73"),
        ("(14.73)", Style.POINT, "-14.73"),
        ("€2.321,00", Style.COMMA, "2321.00"),
        ("$4.11", Style.POINT, "4.11"),
        ("1.000,00€", Style.COMMA, "1000.00"),
        ("1 234,56", Style.COMMA, "1234.56"),
        ("3 996,92 €", Style.COMMA, "3996.92"),
        ("EUR 12.00", Style.POINT, "12.00"),
        ("- 5,00", Style.COMMA, "-5.00"),
        ("€ -9,32", Style.COMMA, "-9.32"),
        ("189,00 -", Style.COMMA, "-189.00"),
    ],
)
def test_a_figure_is_read_whole(text: str, style: Style, value: str) -> None:
    (figure,) = read_row(text)
    assert figure.read(style) == Decimal(value)


@pytest.mark.parametrize("text", ["A4", "M8x40", "0049", "12/2026", "4711-A", "3.3.4", "DE12"])
def test_codes_are_no_figures(text: str) -> None:
    assert read_row(text) == []


def test_a_quantity_does_not_swallow_the_price_beside_it() -> None:
    figures = read_row("5      234,56      1.172,80")
    assert [f.digits for f in figures] == ["5", "234,56", "1.172,80"]


def test_a_sign_belongs_to_the_nearer_number() -> None:
    figures = read_row("1   EUR 73.58   EUR 73.58")
    assert [(f.digits, f.sign) for f in figures] == [("1", ""), ("73.58", "EUR"), ("73.58", "EUR")]


def test_percent_signs_may_stand_apart() -> None:
    figures = read_row("19 % 12,00")
    assert [(f.digits, f.percent) for f in figures] == [("19", True), ("12,00", False)]


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("1.234,56 12,00", Style.COMMA),
        ("1,234.56 12.00", Style.POINT),
        ("1.234 5.678", None),
        ("12,00 12.00", None),
        ("100 200", None),
    ],
)
def test_the_style_is_what_unambiguous_figures_agree_on(text: str, style: Style | None) -> None:
    figures = [f for word in text.split() for f in read_row(word)]
    assert style_of(figures) is style


@given(st.integers(0, 10**9), st.sampled_from([Style.COMMA, Style.POINT]))
def test_every_amount_survives_printing(minor: int, style: Style) -> None:
    printed = f"{minor // 100:,}.{minor % 100:02d}"
    if style is Style.COMMA:
        printed = printed.translate(str.maketrans(",.", ".,"))
    (figure,) = read_row(printed)
    assert figure.read(style) == Decimal(minor) / 100
    # Two decimals settle the reading, whatever the page's style.
    assert {figure.read(s) for s in Style} == {Decimal(minor) / 100}


def test_a_sign_with_several_meanings_keeps_them() -> None:
    assert currency_codes("€") == ("EUR",)
    assert currency_codes("kr")[0] == "SEK" and len(currency_codes("kr")) == 3
    assert currency_codes("tax") == ()
