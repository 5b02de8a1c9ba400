"""Whole documents: every value with its evidence, and honesty where it is missing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typed import blocking, lines, page, values

from extractors.pages import read_pages
from extractors.words import PageWords, Word
from records.documents import Kind

GERMAN = """
Hansen Werkzeugbau GmbH - Deichweg 4 - 25813 Husum

Nordlicht Handels AG                              Rechnungs-Nr.   RE-2026-0815
Frau Petersen                                     Rechnungsdatum    03.02.2026
Speicherstraße 12                                 Kundennr.              10442
20457 Hamburg                                     Ihre Bestellung      B-99812


Rechnung

Pos  Artikel-Nr.  Bezeichnung                 Menge  Einh.   Einzelpreis    Gesamt
1    SW-4711      Spiralbohrer HSS               20  Stk           4,25     85,00
                  in Kunststoffbox
2    SW-0815      Schleifscheibe                100  Stk           1,10    110,00
3    SW-3000      Standzeitprüfung             2,50  Std          80,00    200,00

                                              Summe netto                  395,00
                                              zzgl. 19 % MwSt.              75,05
                                              Rechnungsbetrag          EUR 470,05

Zahlbar bis 05.03.2026 ohne Abzug.
IBAN DE89 3704 0044 0532 0130 00   BIC COBADEFFXXX   USt-IdNr. DE136695976
"""

ENGLISH = """
Harbour Supplies Ltd
12 Quay Street
Bristol BS1 4DJ                                   Invoice No:        INV-20931
sales@harboursupplies.co.uk                       Invoice Date:   14 March 2026
VAT Reg No GB980780684                            Due Date:       13 April 2026

Bill to:
Kingfisher Hotels Ltd
1 Mill Road
Bath BA1 1AA

INVOICE

Description                  Qty        Unit Price    VAT          Amount
Rope, 12 mm                    4             25.00    20%          100.00
Shackle, stainless            10              3.20    20%           32.00

                                         Subtotal                  132.00
                                         Delivery                    8.00
                                         Net total                 140.00
                                         VAT 20%                    28.00
                                         Total                    £168.00
                                         Paid                      £68.00
                                         Amount due               £100.00
"""


def test_a_german_invoice() -> None:
    (reading,) = read_pages([page(GERMAN)])
    found = values(reading)
    expected = {
        "invoice_number": "RE-2026-0815",
        "issue_date": "2026-02-03",
        "due_date": "2026-03-05",
        "type_code": "380",
        "currency": "EUR",
        "purchase_order_ref": "B-99812",
        "customer_number": "10442",
        "seller_name": "Hansen Werkzeugbau GmbH",
        "buyer_name": "Nordlicht Handels AG",
        "seller_vat_id": "DE136695976",
        "net_total": "395.00",
        "tax_total": "75.05",
        "gross_total": "470.05",
        "amount_due": "470.05",
        "iban": "DE89370400440532013000",
        "bic": "COBADEFFXXX",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert blocking(reading) == []


def test_its_lines_and_tax() -> None:
    (reading,) = read_pages([page(GERMAN)])
    first, second, third = lines(reading)
    assert first["quantity"] == "20" and first["unit_price"] == "4.25"
    assert first["net_amount"] == "85.00" and first["article_number"] == "SW-4711"
    assert first["description"] == "Spiralbohrer HSS in Kunststoffbox"
    assert second["unit"] == "Stk"
    assert third["quantity"] == "2.50"
    taxes = {f.name: f.value for f in reading.fields if f.name.startswith("tax_") and f.line == 1}
    assert taxes == {"tax_rate": "19", "tax_basis": "395.00", "tax_amount": "75.05"}


def test_every_field_shows_its_place_and_its_reason() -> None:
    (reading,) = read_pages([page(GERMAN)])
    for field in reading.fields:
        assert field.by == "pdf_text" and field.why and 0 < field.confidence <= 1
        if field.text:
            assert field.place is not None and field.place.page == 1 and field.place.box
    proved = {f.name for f in reading.fields if f.proved}
    assert {"net_total", "tax_total", "gross_total", "iban", "seller_vat_id", "quantity"} <= proved


def test_an_english_invoice_with_delivery_and_a_payment() -> None:
    (reading,) = read_pages([page(ENGLISH)])
    found = values(reading)
    expected = {
        "invoice_number": "INV-20931",
        "issue_date": "2026-03-14",
        "due_date": "2026-04-13",
        "currency": "GBP",
        "seller_name": "Harbour Supplies Ltd",
        "buyer_name": "Kingfisher Hotels Ltd",
        "seller_vat_id": "GB980780684",
        "lines_total": "132.00",
        "charge_total": "8.00",
        "net_total": "140.00",
        "tax_total": "28.00",
        "gross_total": "168.00",
        "prepaid_total": "68.00",
        "amount_due": "100.00",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert blocking(reading) == []


def test_a_credit_note_that_prints_negative_amounts_carries_positive_ones() -> None:
    text = GERMAN.replace("\nRechnung\n", "\nGutschrift\n")
    for amount in ("85,00", "110,00", "200,00", "395,00", "75,05", "470,05"):
        text = text.replace(f" {amount}", f"-{amount}")
    (reading,) = read_pages([page(text)])
    assert reading.kind is Kind.CREDIT_NOTE
    found = values(reading)
    assert (found["type_code"], found["gross_total"]) == ("381", "470.05")
    assert lines(reading)[0]["net_amount"] == "85.00"


def test_thousands_and_fractions_are_settled_by_arithmetic() -> None:
    text = """
    Invoice No: 77001      Invoice Date: 2026-05-04      Currency: JPY
    INVOICE
    Description          Qty      Price       Amount
    Bearings               5      1.200        6.000
    Shafts                 2      4.500        9.000
    Net total                                 15.000
    VAT 10%                                    1.500
    Total                                     16.500
    """
    (reading,) = read_pages([page(text)])
    assert values(reading)["gross_total"] == "16500" or "ambiguous_amount" in blocking(reading)


def test_an_ambiguous_date_is_a_finding_and_no_guess() -> None:
    text = """
    Acme Trading                                Invoice No: A-1002
                                                Invoice Date: 03/04/2026
    INVOICE
    Description                Qty       Price          Amount
    Consulting                   1      100.00          100.00
    Total                                          USD  100.00
    """
    (reading,) = read_pages([page(text)])
    assert "issue_date" not in values(reading)
    assert "ambiguous_date" in blocking(reading)


def test_nothing_is_assumed() -> None:
    text = """
    Acme Trading                                Invoice No: A-1002
                                                Invoice Date: 2026-04-03
    INVOICE
    Description                Qty       Price          Amount
    Consulting                   1      100.00          100.00
    Total                                               100.00
    """
    (reading,) = read_pages([page(text)])
    found = values(reading)
    # No sign and no code on the page: no currency. No tax printed: no tax of zero.
    assert "currency" not in found and "tax_total" not in found
    assert blocking(reading) == ["missing_field"]


def test_sums_that_contradict_each_other_hold_the_document() -> None:
    (reading,) = read_pages([page(GERMAN.replace("470,05", "480,05"))])
    gross = next(f for f in reading.fields if f.name == "gross_total")
    assert not gross.proved
    assert "uncertain_field" in blocking(reading)


def test_a_misread_line_holds_the_document() -> None:
    (reading,) = read_pages([page(GERMAN.replace("110,00", "119,00"))])
    assert "lines_do_not_sum" in blocking(reading)


def test_a_wrong_iban_is_said_to_be_wrong() -> None:
    (reading,) = read_pages([page(GERMAN.replace("0130 00", "0130 01"))])
    assert "bad_checksum" in blocking(reading)


def test_lines_go_on_over_pages_and_carry_overs_are_no_lines() -> None:
    first = """
    Rechnung Nr. 2026-77                 Datum: 04.05.2026
    Pos  Bezeichnung           Menge   Einzelpreis     Gesamt EUR
    1    Kabel                    10          5,00         50,00
    2    Stecker                  20          1,50         30,00
         Übertrag                                          80,00
    """
    second = """
    Rechnung Nr. 2026-77                 Seite 2
    Pos  Bezeichnung           Menge   Einzelpreis     Gesamt EUR
         Übertrag von Seite 1                              80,00
    3    Dosen                     4          5,00         20,00

         Nettobetrag                                      100,00
         19 % MwSt.                                        19,00
         Gesamtbetrag                                     119,00
    """
    (reading,) = read_pages([page(first), page(second, 2)])
    assert [line["net_amount"] for line in lines(reading)] == ["50.00", "30.00", "20.00"]
    assert reading.pages is None and blocking(reading) == []


def test_several_invoices_in_one_file_are_told_apart() -> None:
    def sheet(number: str, at: int) -> PageWords:
        text = GERMAN.replace("RE-2026-0815", number) + "\n\n    Seite 1 von 1"
        return page(text, at)

    readings = read_pages([sheet("RE-1001", 1), sheet("RE-1002", 2), sheet("RE-1003", 3)])
    assert [r.pages for r in readings] == [(1, 1), (2, 2), (3, 3)]
    assert [values(r)["invoice_number"] for r in readings] == ["RE-1001", "RE-1002", "RE-1003"]
    assert {f.place.page for f in readings[2].fields if f.place} == {3}


def test_an_appendix_stays_with_its_invoice() -> None:
    appendix = page("Allgemeine Hinweise\n\nDie Ware bleibt unser Eigentum.", 2)
    (reading,) = read_pages([page(GERMAN), appendix])
    assert values(reading)["invoice_number"] == "RE-2026-0815"


def test_a_page_without_words() -> None:
    (reading,) = read_pages([PageWords(number=1, width=595, height=842, words=())])
    assert reading.kind is Kind.UNKNOWN and blocking(reading) == ["no_text"]


def test_doubtful_words_make_doubtful_fields() -> None:
    clear = page(GERMAN, by="ocr")
    words = tuple(
        Word(w.text, w.box, 0.5 if w.text == "RE-2026-0815" else 1.0) for w in clear.words
    )
    (reading,) = read_pages([PageWords(number=1, width=595, height=842, words=words, by="ocr")])
    number = next(f for f in reading.fields if f.name == "invoice_number")
    assert number.confidence < 0.6 and number.by == "ocr"
    assert "uncertain_field" in blocking(reading)


_TEXT = st.one_of(
    st.sampled_from(
        [
            "Rechnung",
            "Invoice",
            "Total",
            "Summe",
            "netto",
            "MwSt.",
            "19",
            "%",
            "1.234,56",
            "12.00",
            "€",
            "EUR",
            "Pos",
            "Menge",
            "Preis",
            "Betrag",
            "03/04/2026",
            "31.12.2026",
            "IBAN",
            "DE89370400440532013000",
            ":",
            "#",
            "-",
            "Übertrag",
            "Seite",
            "1",
        ]
    ),
    st.text(min_size=1, max_size=12),
)
_BOX = st.tuples(st.floats(-50, 700), st.floats(-50, 900), st.floats(0, 200), st.floats(0, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_TEXT, _BOX), max_size=60), st.sampled_from(["pdf_text", "ocr", "html"]))
def test_no_page_makes_the_reader_fail(words: list[tuple[str, tuple[float, ...]]], by: str) -> None:
    """Contract: any words at any place give Readings; nothing is raised."""
    placed = tuple(Word(text, box) for text, box in words)  # type: ignore[arg-type]
    pages = [PageWords(number=1, width=595, height=842, words=placed, by=by)]
    for reading in read_pages(pages):
        assert all(0 <= f.confidence <= 1 for f in reading.fields)


@pytest.mark.parametrize("title", ["Facture", "Factuur", "Factura", "Fattura", "Fatura", "Faktura"])
def test_the_number_may_follow_the_title(title: str) -> None:
    text = f"""
    {title} 2026/0042                      15.04.2026
    Articulo            Qty      Price         Amount
    Tornillos             2      10,00          20,00
    Total                                   EUR 20,00
    """
    (reading,) = read_pages([page(text)])
    assert values(reading)["invoice_number"] == "2026/0042"
