"""Scanned pages: what OCR does to figures and lines, and what arithmetic mends."""

from __future__ import annotations

import pytest
from typed import blocking, lines, page, values

from extractors.pages import read_pages

PAPER = """
Hurtownia Lasek Sp. z o.o.
ul. Polna 4
60-101 Warka

Faktura                           Numer faktury      FV-2026-118
                                  Data wystawienia    03.02.2026

Opis                           Ilość          Cena       Wartość netto
Rura stalowa                      24        214,94            5.158,56
Olej hydrauliczny              4,5 l         32,79              147,56

                                      Razem netto:            5.306,12
                                      VAT 23%:                1.220,41
                                      Do zapłaty:             6.526,53 zł
"""


def read(*misread: tuple[str, str]) -> tuple[dict[str, str], list[dict[str, str]], list[str]]:
    text = PAPER
    for printed, seen in misread:
        assert printed in text
        text = text.replace(printed, seen)
    (reading,) = read_pages([page(text, by="ocr")])
    return values(reading), lines(reading), blocking(reading)


def test_the_paper_as_printed() -> None:
    header, (pipe, oil), held = read()
    assert (header["gross_total"], header["currency"]) == ("6526.53", "PLN")
    assert (pipe["quantity"], pipe["net_amount"]) == ("24", "5158.56")
    assert (oil["quantity"], oil["net_amount"]) == ("4.5", "147.56")
    assert held == []


@pytest.mark.parametrize(
    "misread",
    [
        # A comma without its tail is a point.
        [("5.158,56", "5.158.56"), ("6.526,53", "6.526.53")],
        # The stroke of a letter is thin.
        [("zł", "zl")],
        # To OCR the `l` of litres is a one: set apart, then run together.
        [("4,5 l ", "4,5 1 ")],
        [("4,5 l ", "4,51  ")],
    ],
)
def test_what_arithmetic_mends(misread: list[tuple[str, str]]) -> None:
    header, found, held = read(*misread)
    assert (header["gross_total"], header["currency"]) == ("6526.53", "PLN")
    assert [(line["quantity"], line["net_amount"]) for line in found] == [
        ("24", "5158.56"),
        ("4.5", "147.56"),
    ]
    assert held == []


def test_a_quantity_is_not_cut_short_where_nothing_multiplies() -> None:
    _, (_, oil), _ = read(("4,5 l ", "4,51  "), ("32,79", "32,19"))
    assert oil["quantity"] == "4.51"


def test_the_equivalent_in_another_currency_names_none() -> None:
    shown = ("6.526,53 zł", "6.526,53\n     Równowartość w EUR 1.526,99")
    header, _, held = read(shown)
    assert "currency" not in header
    assert held == ["missing_field"]


def test_a_row_close_under_the_headings_is_none_of_them() -> None:
    pipe = "Rura stalowa                      24        214,94            5.158,56"
    split = "Rura                              24      214,9400\n" + " " * 61 + "5.158,56"
    _, found, _ = read((pipe, split))
    assert found[0]["description"] == "Rura"
    assert (found[0]["quantity"], found[0]["unit_price"]) == ("24", "214.9400")


def test_two_headings_that_read_as_one_still_head_the_amount() -> None:
    text = PAPER.replace("Cena       Wartość netto", "Price   VAT Amount       ")
    text = text.replace("Opis  ", "Item  ").replace("Ilość", "Qty  ")
    (reading,) = read_pages([page(text, by="ocr")])
    assert [line["net_amount"] for line in lines(reading)] == ["5158.56", "147.56"]


@pytest.mark.parametrize("glued", ["FV-2026-118vom", "FV-2026-118dated", "FV-2026-118dnia"])
def test_a_number_ends_before_the_word_that_leads_to_its_date(glued: str) -> None:
    header, _, held = read(
        ("Numer faktury      FV-2026-118", f"Faktura nr {glued} 03.02.2026"),
        ("Data wystawienia    03.02.2026", ""),
    )
    assert (header["invoice_number"], header["issue_date"]) == ("FV-2026-118", "2026-02-03")
    assert held == []


LETTER = """
WENLO BAUSTOFFE GMBH
Bahnhofstraße 5
35964 Lüttekamp

Veelo Handel B.V.                      Rechnungs-Nr.:  2026-00570
Stationsstraat 164                     Belegdatum:     18.03.2026
8415 YN Kamrawaard
Nederland                              USt-ID:         DE136695976

Text                             Menge      Preis        Gesamt
Kabelkanal                           2      50,00        100,00

                                  Rechnungsbetrag        100,00 EUR

Ihre USt-IdNr. NL537434100B02
"""


@pytest.mark.parametrize("by", ["pdf_text", "ocr"])
@pytest.mark.parametrize("yours", ["Ihre USt-IdNr.", "NIF cliente:"])
def test_what_is_called_yours_is_never_the_sellers(by: str, yours: str) -> None:
    text = LETTER.replace("Ihre USt-IdNr.", yours)
    (reading,) = read_pages([page(text, by=by)])
    assert values(reading)["seller_vat_id"] == "DE136695976"
    (reading,) = read_pages([page(text.replace("USt-ID:         DE136695976", ""), by=by)])
    assert "seller_vat_id" not in values(reading)
