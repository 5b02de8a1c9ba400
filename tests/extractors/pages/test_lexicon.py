"""Wordings are found however they are spaced, and the lexicons are sound."""

from __future__ import annotations

import pytest

from extractors.pages.lexicon import fold, lexicon
from records.documents import Kind

_LANGUAGES = {"en", "de", "fr", "nl", "es", "it", "pt", "pl"}


def found(text: str, name: str = "labels", *, ocr: bool = False) -> set[str]:
    words = text.split()
    keys = [fold(w) for w in words]
    matches = lexicon(name, ocr=ocr).matches(keys, [False] + [True] * (len(words) - 1))
    return {sense.concept for match in matches for sense in match.senses}


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Rechnungs-Nr.:", "invoice_number"),
        ("Rechnungs Nr", "invoice_number"),
        ("Invoice #", "invoice_number"),
        ("N° de facture", "invoice_number"),
        ("Nº factura", "invoice_number"),
        ("Numero fattura", "invoice_number"),
        ("N.º da fatura", "invoice_number"),
        ("Nr faktury", "invoice_number"),
        ("Factuurnummer", "invoice_number"),
        ("Fälligkeitsdatum", "due_date"),
        ("Termin płatności", "due_date"),
        ("Total TTC", "gross_total"),
        ("Totaal inclusief BTW", "gross_total"),
        ("Imponibile", "net_total"),
        ("Reste à payer", "amount_due"),
        ("Übertrag", "carry"),
        ("Suma y sigue", "carry"),
    ],
)
def test_a_label_is_known(text: str, concept: str) -> None:
    assert concept in found(text)


def test_the_longest_wording_wins() -> None:
    assert "purchase_order_ref" in found("Purchase Order Number")
    assert "invoice_number" not in found("Purchase Order Number")


def test_words_far_apart_are_not_one_label() -> None:
    keys = ["invoice", "number"]
    matches = list(lexicon("labels").matches(keys, [False, False]))
    assert all(m.key != "invoicenumber" for m in matches)


@pytest.mark.parametrize("concept", ["invoice_number", "issue_date", "due_date", "net_total",
                                     "tax_total", "gross_total", "amount_due", "seller", "buyer"])  # fmt: skip
def test_every_language_knows_the_core_labels(concept: str) -> None:
    text = (
        __import__("importlib.resources").resources.files("extractors.pages")
        / "lexicons"
        / "labels.txt"
    ).read_text("utf-8")
    languages = {
        line.split()[2].rstrip(":") for line in text.splitlines() if line.startswith(f"{concept} ")
    }
    assert languages >= _LANGUAGES


def test_every_kind_in_the_lexicon_exists() -> None:
    senses = lexicon("kinds")._senses.values()
    assert {s.concept for group in senses for s in group} <= {k.value for k in Kind}


def test_letters_that_ocr_confuses_still_match() -> None:
    from extractors.pages.lexicon import lookalike

    keys = [lookalike(fold(w)) for w in "lnv0ice Numher".replace("h", "b").split()]
    matches = list(lexicon("labels", ocr=True).matches(keys, [False, True]))
    assert any(s.concept == "invoice_number" for m in matches for s in m.senses)
