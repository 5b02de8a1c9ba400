"""No tax printed: zero only where the page says that none is charged."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typed import page, values

from extractors.pages import read_pages
from extractors.pages.exemptions import _CATEGORIES, _STEMS

PAGE = """
Hartwell Tools Ltd
12 Mill Lane
LS1 4DY Leeds

Invoice

Invoice number    INV-2041
Invoice date      3 February 2026

Description               Quantity    Price            Amount
Clamp                            4    50.00            200.00
Hinge                           10    10.00            100.00

{totals}
Total                                              EUR 300.00

{said}
"""
SAID = {
    "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge)": "AE",
    "Autoliquidation de la TVA, art. 283-2 du CGI": "AE",
    "BTW verlegd": "AE",
    "Steuerfreie innergemeinschaftliche Lieferung": "K",
    "VAT exempt: Article 138 of Directive 2006/112/EC": "K",
    "Steuerfreie Ausfuhrlieferung": "G",
    "Gemäß § 19 UStG wird keine Umsatzsteuer berechnet.": "E",
    "TVA non applicable, art. 293 B du CGI": "E",
    "Zwolnienie z VAT na podstawie art. 113 ustawy": "E",
}
NOT_SAID = [
    "Thank you for your order.",
    "Please note article 138 of our terms.",
    # Two reasons: each holds for a part of the goods, and none for the rest.
    "Reverse charge applies to services.\nIntra-community supply of goods.",
]


@pytest.mark.parametrize("said", SAID)
def test_said_to_be_exempt(said: str) -> None:
    (reading,) = read_pages([page(PAGE.format(totals="", said=said))])
    found = values(reading)
    assert (found["net_total"], found["tax_total"]) == ("300.00", "0")
    rows = {f.name: f.value for f in reading.fields if f.line == 1}
    assert (rows["tax_category"], rows["tax_exemption_reason"]) == (SAID[said], said)


@pytest.mark.parametrize("said", NOT_SAID)
def test_not_said(said: str) -> None:
    (reading,) = read_pages([page(PAGE.format(totals="", said=said))])
    assert "tax_total" not in values(reading)


def test_a_tax_that_is_printed_is_charged() -> None:
    totals = "Net                                                240.00\nVAT 25 %   60.00"
    (reading,) = read_pages([page(PAGE.format(totals=totals, said="BTW verlegd"))])
    assert values(reading).get("tax_total") != "0"


@pytest.mark.parametrize(("code", "words"), _CATEGORIES)
@given(data=st.data())
def test_every_wording_holds_a_stem(data: st.DataObject, code: str, words: str) -> None:
    """What holds none is not looked at closely."""
    said = data.draw(st.from_regex(re.compile(words, re.ASCII), fullmatch=True))
    assert any(stem in said.casefold() for stem in _STEMS), code
