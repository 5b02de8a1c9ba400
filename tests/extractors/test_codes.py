"""Payment codes as they are printed, and references by their check digits."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp

from extractors.codes import (
    Code,
    codes_in,
    contradictions,
    is_structured,
    payment_fields,
    references_in,
)
from extractors.images import Picture
from records.documents import Field, Place

EPC = "BCD\n002\n1\nSCT\nBHBLDEHHXXX\nFranz Muster\nDE71110220330123456789\nEUR12.3\n\nRF18539007547034\n\n"
SWISS = "\n".join(
    [
        *("SPC", "0200", "1", "CH4431999123000889012", "S", "Robert Schneider AG"),
        *("Rue du Lac", "1268", "2501", "Biel", "CH", "", "", "", "", "", "", "", "1949.75", "CHF"),
        *("S", "Pia Rutschmann", "Marktgasse", "28", "9400", "Rorschach", "CH"),
        *("QRR", "210000000003139471430009017", "Auftrag", "EPD"),
        "//S1/10/10201409/11/190512/20/1400.000-53/30/106017086",
    ]
)
SPAYD = "SPD*1.0*ACC:CZ5855000000001265098001*AM:480.50*CC:CZK*DT:20261130*X-VS:1234567890"
#: The example of the Finnish bank bar code guide, version 4.
FINNISH = "479440520200360820048831500000000868516259619897100612"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            EPC,
            {
                "iban": "DE71110220330123456789",
                "amount_due": "12.3",
                "currency": "EUR",
                "seller_name": "Franz Muster",
                "bic": "BHBLDEHHXXX",
                "payment_reference": "RF18539007547034",
            },
        ),
        (
            SWISS,
            {
                "iban": "CH4431999123000889012",
                "amount_due": "1949.75",
                "currency": "CHF",
                "buyer_name": "Pia Rutschmann",
                "payment_reference": "210000000003139471430009017",
                "invoice_number": "10201409",
                "issue_date": "2019-05-12",
                "seller_country": "CH",
            },
        ),
        (
            SPAYD,
            {
                "iban": "CZ5855000000001265098001",
                "amount_due": "480.50",
                "currency": "CZK",
                "due_date": "2026-11-30",
                "payment_reference": "1234567890",
            },
        ),
        (
            FINNISH,
            {
                "iban": "FI7944052020036082",
                "amount_due": "4883.15",
                "currency": "EUR",
                "payment_reference": "868516259619897",
                "due_date": "2010-06-12",
            },
        ),
        ("https://example.org/pay", {}),
        ("BCD\n002\n1\nSCT", {}),
    ],
)
def test_what_a_payment_code_says(text: str, expected: dict[str, str]) -> None:
    fields = payment_fields(Code(text, Place(page=1)))
    found = {f.name: f.value for f in fields}
    assert {name: found.get(name) for name in expected} == expected
    assert bool(found) == bool(expected)
    assert all(f.proved for f in fields if f.name == "iban")


def test_a_printed_code_is_found_where_it_stands() -> None:
    barcode = zxingcpp.create_barcode(EPC, zxingcpp.BarcodeFormat.QRCode)
    image = np.asarray(zxingcpp.write_barcode_to_image(barcode, scale=6))
    pixels = np.full((1400, 1000, 3), 255, np.uint8)
    pixels[900 : 900 + image.shape[0], 100 : 100 + image.shape[1]] = image[:, :, None]
    (code,) = codes_in(Picture(3, pixels, 500.0, 700.0))
    assert code.text.splitlines()[6] == "DE71110220330123456789"
    assert code.place.page == 3
    assert code.place.box is not None
    left, top, right, bottom = code.place.box
    assert 50 <= left < right <= 200
    assert 450 <= top < bottom <= 600


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Reference RF18 5390 0754 7034 please", "RF18539007547034"),
        ("Referenz 21 00000 00003 13947 14300 09017", "210000000003139471430009017"),
        ("Mededeling +++090/9337/55493+++", "090/9337/55493"),
        ("Viitenumero: 1234561", "1234561"),
        ("KID: 2345676", "2345676"),
        ("KID: 2345677", None),
        ("Reference RF19 5390 0754 7034", None),
        ("Order 1234561", None),
    ],
)
def test_references_are_proved_by_their_check_digits(text: str, expected: str | None) -> None:
    found = [f.value for f in references_in(text)]
    assert found == ([expected] if expected else [])


def test_structured_means_check_digits() -> None:
    assert is_structured("RF18539007547034")
    assert not is_structured("Invoice 4711")


def read(**values: str) -> list[Field]:
    return [Field(name=name, value=value, by="pdf_text") for name, value in values.items()]


@pytest.mark.parametrize(
    ("values", "text", "problems"),
    [
        ({"iban": "DE71110220330123456789", "gross_total": "12.30"}, "", 0),
        ({"iban": "DE02120300000000202051", "gross_total": "12.30"}, "", 1),
        # The code names one of several accounts that stand on the page.
        ({"iban": "DE02120300000000202051"}, "DE71 1102 2033 0123 4567 89", 0),
        ({"gross_total": "123.00"}, "", 1),
        ({"gross_total": "20.00", "amount_due": "12.30"}, "", 0),
        ({}, "", 0),
    ],
)
def test_a_code_that_asks_for_something_else_is_shown(
    values: dict[str, str], text: str, problems: int
) -> None:
    said = payment_fields(Code(EPC, Place(page=1)))
    found = list(contradictions(said, read(**values), text))
    assert [f.code for f in found] == ["fields_disagree"] * problems
