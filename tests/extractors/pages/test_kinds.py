"""What a document is, by where its title stands."""

from __future__ import annotations

import pytest
from typed import page, values

from extractors.pages import read_pages
from records.documents import Kind

_BODY = """
Muster Handel GmbH


{title}


Datum: 03.02.2026

{text}

Pos  Beschreibung              Menge     Preis     Betrag
1    Schrauben                    10      1,00      10,00

Summe netto                                         10,00
MwSt. 19 %                                           1,90
Gesamtbetrag EUR                                    11,90
"""


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Rechnung", Kind.INVOICE),
        ("INVOICE", Kind.INVOICE),
        ("Faktura VAT", Kind.INVOICE),
        ("Rechnung Nr. 4711 vom 03.02.2026", Kind.INVOICE),
        ("Gutschrift", Kind.CREDIT_NOTE),
        ("Credit Note", Kind.CREDIT_NOTE),
        ("Avoir", Kind.CREDIT_NOTE),
        ("Nota di credito", Kind.CREDIT_NOTE),
        ("Rechnungskorrektur", Kind.CORRECTED_INVOICE),
        ("Factura rectificativa", Kind.CORRECTED_INVOICE),
        ("Faktura korygująca", Kind.CORRECTED_INVOICE),
        ("Self-billing invoice", Kind.SELF_BILLED_INVOICE),
        ("Autofacturation", Kind.SELF_BILLED_INVOICE),
        ("Pro-forma-Rechnung", Kind.PRO_FORMA),
        ("Proforma Invoice", Kind.PRO_FORMA),
        ("Mahnung", Kind.REMINDER),
        ("Payment reminder", Kind.REMINDER),
        ("Mise en demeure", Kind.REMINDER),
        ("Sollecito di pagamento", Kind.REMINDER),
        ("Wezwanie do zapłaty", Kind.REMINDER),
        ("Kontoauszug", Kind.ACCOUNT_STATEMENT),
        ("Statement of account", Kind.ACCOUNT_STATEMENT),
        ("Relevé de compte", Kind.ACCOUNT_STATEMENT),
        ("Auftragsbestätigung", Kind.ORDER_CONFIRMATION),
        ("Orderbevestiging", Kind.ORDER_CONFIRMATION),
        ("Confirmación de pedido", Kind.ORDER_CONFIRMATION),
        ("Lieferschein", Kind.DELIVERY_NOTE),
        ("Delivery note", Kind.DELIVERY_NOTE),
        ("Documento di trasporto", Kind.DELIVERY_NOTE),
        ("Purchase order", Kind.ORDER),
        ("Bestellung", Kind.ORDER),
        ("Quittung", Kind.RECEIPT),
        ("Angebot", Kind.OTHER),
        ("Quotation", Kind.OTHER),
    ],
)
def test_the_title_decides(title: str, kind: Kind) -> None:
    (reading,) = read_pages([page(_BODY.format(title=title, text=""))])
    assert reading.kind is kind


@pytest.mark.parametrize(
    "text",
    [
        "Lieferschein-Nr.: 8812",
        "Ihre Bestellung: B-77",
        "Bei Zahlungsverzug erhalten Sie eine Mahnung mit Gebühren.",
        "Zu dieser Rechnung erhalten Sie keine gesonderte Auftragsbestätigung.",
    ],
)
def test_a_word_in_the_text_is_no_title(text: str) -> None:
    (reading,) = read_pages([page(_BODY.format(title="Rechnung Nr. 4711", text=text))])
    assert reading.kind is Kind.INVOICE


def test_what_is_no_invoice_says_so_and_is_not_asked_for_fields() -> None:
    (reading,) = read_pages(
        [page(_BODY.format(title="2. Mahnung", text="Rechnung 4711 ist offen."))]
    )
    assert [f.code for f in reading.findings] == ["not_an_invoice"]
    assert "type_code" not in values(reading)
