"""Prices with tax: the tax rows printed under a gross total prove it, in every language."""

from __future__ import annotations

import pytest
from typed import blocking, page, values

from extractors.pages import read_pages
from records.documents import Reading

PAGE = """
Laden Nord GmbH
Hafenweg 3
20457 Hamburg

{title}
{number}  77120
{date}    14.09.2026

{headings}
Chair                            2     {rate1} %      189,90      379,80
Manual                           1     {rate2} %       49,90       49,90

                                        {total}              429,70 EUR
                                        {tax1}      {first}
                                        {tax2}      {second}
"""

# Title, number, date, headings, total, tax label ({} is the rate), the two rates, their taxes.
LANGUAGES = {
    "de": ("Rechnung", "Rechnungsnummer", "Rechnungsdatum",
           "Bezeichnung                  Menge  MwSt.   Einzelpreis    Gesamtpreis",
           "Gesamtbetrag", "darin {} % MwSt.", (19, 7), ("60,64", "3,26")),
    "en": ("Invoice", "Invoice number", "Invoice date",
           "Description                    Qty    VAT    Unit price         Amount",
           "Total incl. VAT", "of which VAT {} %", (20, 5), ("63,30", "2,38")),
    "fr": ("Facture", "Facture n°", "Date de facture",
           "Désignation              Quantité     TVA    Prix TTC       Montant TTC",
           "Total TTC", "incl. TVA {} %", (20, 10), ("63,30", "4,54")),
    "nl": ("Factuur", "Factuurnummer", "Factuurdatum",
           "Omschrijving                 Aantal   Btw    Prijs             Bedrag",
           "Totaal incl. btw", "waarvan btw {} %", (21, 9), ("65,92", "4,12")),
    "es": ("Factura", "Factura nº", "Fecha factura",
           "Descripción               Cantidad    IVA    Precio           Importe",
           "Total factura", "IVA incluido {} %", (21, 10), ("65,92", "4,54")),
    "it": ("Fattura", "Fattura n.", "Data fattura",
           "Descrizione               Quantità    IVA    Prezzo           Importo",
           "Totale fattura", "di cui IVA {} %", (22, 10), ("68,49", "4,54")),
    "pt": ("Fatura", "Fatura n.º", "Data da fatura",
           "Descrição               Quantidade    IVA    Preço              Total",
           "Total com IVA", "IVA incluído {} %", (23, 6), ("71,02", "2,82")),
    "pl": ("Faktura", "Numer faktury", "Data wystawienia",
           "Nazwa                        Ilość    VAT    Cena brutto   Wartość brutto",
           "Razem brutto", "w tym VAT {} %", (23, 8), ("71,02", "3,70")),
}  # fmt: skip


def _page(language: str, first: str | None = None, plain_lines: bool = False) -> Reading:
    title, number, day, headings, total, tax, rates, taxes = LANGUAGES[language]
    text = PAGE.format(
        title=title, number=number, date=day, headings=headings, total=total,
        tax1=tax.format(rates[0]), tax2=tax.format(rates[1]), rate1=rates[0], rate2=rates[1],
        first=first or taxes[0], second=taxes[1],
    )  # fmt: skip
    if plain_lines:
        text = text.replace(f"   {rates[0]} %   ", " " * 10).replace(f"   {rates[1]} %   ", " " * 9)
    (reading,) = read_pages([page(text)])
    return reading


def _tax_rows(reading: Reading) -> list[dict[str, str]]:
    rows: dict[int, dict[str, str]] = {}
    for field in reading.fields:
        if field.line is not None and field.name.startswith("tax_"):
            rows.setdefault(field.line, {})[field.name] = field.value
    return [rows[n] for n in sorted(rows)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_tax_included_at_two_rates(language: str) -> None:
    reading = _page(language)
    first, second = (t.replace(",", ".") for t in LANGUAGES[language][7])
    tax = f"{float(first) + float(second):.2f}"
    found = values(reading)
    assert (found["gross_total"], found["tax_total"]) == ("429.70", tax)
    assert found["net_total"] == f"{429.70 - float(tax):.2f}"
    assert _tax_rows(reading) == [
        {
            "tax_rate": str(rate),
            "tax_amount": amount,
            "tax_basis": f"{gross - float(amount):.2f}",
        }
        for rate, amount, gross in zip(
            LANGUAGES[language][6], (first, second), (379.80, 49.90), strict=True
        )
    ]
    assert not blocking(reading)


def test_the_taxes_alone_imply_the_total_where_lines_name_no_rate() -> None:
    reading = _page("de", plain_lines=True)
    found = values(reading)
    assert (found["net_total"], found["tax_total"]) == ("365.80", "63.90")
    assert [row.get("tax_amount") for row in _tax_rows(reading)] == ["60.64", "3.26"]
    assert not blocking(reading)


def test_a_tax_that_its_rate_does_not_explain_holds_the_invoice() -> None:
    reading = _page("de", first="61,64")
    assert "net_total" not in values(reading)
    assert "uncertain_field" in blocking(reading)
