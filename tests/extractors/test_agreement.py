"""Page against XML: contradictions are shown, other notations and silence are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extractors.agreement import disagreements
from extractors.reading import read
from records.documents import Document, Field

XML = {
    "invoice_number": "RE-2026/118",
    "issue_date": "2026-03-05",
    "due_date": "2026-04-04",
    "currency": "EUR",
    "net_total": "1234.50",
    "tax_total": "234.56",
    "gross_total": "1469.06",
    "amount_due": "1469.06",
    "iban": "DE02120300000000202051",
}
PAGE = (
    "Muster GmbH Hauptstraße 5 10115 Berlin Rechnung Nr. RE-2026/118 vom 5. März 2026 zahlbar bis "
    "04.04.26 Pos Menge Text Preis 1 Stuhl Netto 1.234,50 USt 234,56 Gesamt 1.469,06 € "
    "IBAN DE02 1203 0000 0000 2020 51 BIC BYLADEM1001 Vielen Dank für Ihren Auftrag"
)


def fields(values: dict[str, str]) -> list[Field]:
    return [Field(name=name, value=value, text=value) for name, value in values.items()]


def found(page: str, read_from_page: dict[str, str] | None = None) -> dict[str, str | None]:
    problems = disagreements(fields(XML), page, lambda: fields(read_from_page or {}))
    return {p.where: p.actual for p in problems}


def test_every_notation_of_the_same_values_agrees() -> None:
    assert found(PAGE) == {}
    assert (
        found(PAGE.replace("1.469,06", "1,469.06").replace("5. März 2026", "March 5, 2026")) == {}
    )
    assert found(PAGE.replace("1.469,06", "1 469,06").replace("5. März 2026", "2026-03-05")) == {}


@pytest.mark.parametrize(
    ("old", "new", "said", "where"),
    [
        (
            "1.469,06",
            "1.649,06",
            {"gross_total": "1649.06", "amount_due": "1649.06"},
            "Gross total",
        ),
        ("5. März 2026", "5. April 2026", {"issue_date": "2026-04-05"}, "Issue date"),
        ("RE-2026/118", "RE-2026/119", {"invoice_number": "RE-2026/119"}, "Invoice number"),
        ("€", "CHF", {"currency": "CHF"}, "Currency"),
    ],
)
def test_a_value_the_page_names_differently_is_shown(
    old: str, new: str, said: dict[str, str], where: str
) -> None:
    assert where in found(PAGE.replace(old, new), said)


def test_what_is_merely_not_printed_is_no_contradiction() -> None:
    assert found(PAGE.replace("USt 234,56", "inkl. USt")) == {}
    assert found(PAGE.replace("RE-2026/118", "")) == {}
    assert found(PAGE.replace("RE-2026/118", ""), {"invoice_number": "118"}) == {}


def test_two_values_every_invoice_prints_are_missed() -> None:
    page = PAGE.replace("RE-2026/118", "").replace("1.234,50", "")
    assert found(page) == {"Invoice number": "not on the page", "Net total": "not on the page"}


def test_another_account_on_the_page_is_shown() -> None:
    page = PAGE.replace("DE02 1203 0000 0000 2020 51", "DE71 1102 2033 0123 4567 89")
    assert found(page) == {"IBAN": "DE71110220330123456789"}


def test_a_page_with_hardly_any_text_says_nothing() -> None:
    assert found("Rechnung siehe Anlage") == {}


def test_the_public_hybrids(corpus: Path) -> None:
    folder = corpus / "invoices"
    records = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    told = {
        record["path"]
        for record in records
        if record["xml"]
        for finding in _read(folder / record["path"])
        if finding == "page_contradicts_xml"
    }
    assert {r["path"] for r in records if r["mismatch"] and r["has_text_layer"]} <= told
    # What else is told has a value that is on the page differently, not merely absent.
    assert all(r["page_mismatch"] for r in records if r["path"] in told)
    assert len(told) <= 7


def _read(path: Path) -> list[str]:
    document = Document(id="0", media_type="application/pdf", path=path)
    return [f.code for f in read(document)[0].findings]
