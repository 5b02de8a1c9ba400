"""One label over several values: each value goes to what it is named."""

from __future__ import annotations

import pytest
from typed import blocking, page, values

from extractors.pages import read_pages

PAGE = """
Hansen Werkzeugbau GmbH - Deichweg 4 - 25813 Husum

Nordlicht Handels AG
Speicherstraße 12
20457 Hamburg

Rechnung

{}

Bezeichnung                 Menge     Einzelpreis    Gesamt
Spiralbohrer HSS               20            4,25     85,00

                               Netto                  85,00
                               MwSt. 19 %             16,15
                               Rechnungsbetrag    EUR 101,15
"""
NUMBERED = {"invoice_number": "RE-4711", "issue_date": "2026-03-01"}
ORDERED = {"customer_number": "10442", "purchase_order_ref": "B-99812"}
CASES = {
    "number and date": ("Rechnungsnr. / Datum:   RE-4711 / 01.03.2026", NUMBERED),
    "date and number": ("Datum / Rechnungsnr.:   01.03.2026 / RE-4711", NUMBERED),
    "in one word": ("Rechnungsnr./Datum:  RE-4711 / 01.03.2026", NUMBERED),
    "a word between the values": ("Rechnung Nr. und Datum:  RE-4711 vom 1. März 2026", NUMBERED),
    "English": ("Invoice No. & Date      RE-4711 & 1 March 2026", NUMBERED),
    "French": ("N° de facture et date : RE-4711 du 01/03/2026", NUMBERED),
    "Polish": ("Numer faktury / data wystawienia: RE-4711 / 2026-03-01", NUMBERED),
    "bare words": ("Numéro / Date:      RE-4711 / 1 mars 2026", NUMBERED),
    "under the label": ("Nr. / Datum\nRE-4711 / 01.03.2026", NUMBERED),
    "in two rows under the label": ("Invoice No. & Date\nRE-4711\n1 March 2026", NUMBERED),
    "two codes": (
        "Rechnungsnr. / Datum:       RE-4711 / 01.03.2026\n"
        "Kunden-Nr. / Ihre Bestellung: 10442 / B-99812",
        NUMBERED | ORDERED,
    ),
    "two languages": ("Rechnungsnr. / Invoice no.:  RE-4711\nDatum:  01.03.2026", NUMBERED),
}


@pytest.mark.parametrize("case", CASES)
def test_each_value_goes_to_what_it_is_named(case: str) -> None:
    text, expected = CASES[case]
    (reading,) = read_pages([page(PAGE.format(text))])
    found = values(reading)
    assert {name: found.get(name) for name in expected} == expected
    assert not blocking(reading)


def test_as_many_values_as_names_or_none() -> None:
    text = "Rechnungsnr. / Kunden-Nr. / Datum:   4711 / 01.03.2026"
    (reading,) = read_pages([page(PAGE.format(text))])
    assert values(reading).get("customer_number") is None
