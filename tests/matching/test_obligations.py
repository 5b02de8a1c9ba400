"""E-invoices by law, by country and day; and what the office's policy makes of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from matching.obligations import OBLIGATIONS, check_form
from matching.policy import Policy
from matching.vat_rates import country_of_vat_id
from records.findings import Severity
from records.invoices import Invoice
from tests.matching.casebook import invoice_of

OURS = {
    "BE": "BE0403019261",
    "DE": "DE129273398",
    "FR": "FR40303265045",
    "HR": "HR33392005961",
    "IT": "IT00743110157",
    "PL": "PL5260001246",
    "RO": "RO18547290",
}


def paper(country: str, day: date, net: int = 1000, **more: Any) -> Invoice:
    seller = {"name": "Vendor", "vat_id": OURS[country]}
    return invoice_of(
        {"date": day, "seller": seller, "lines": [{"text": "x", "price": net}], **more}
    )


def policy(country: str, **more: Any) -> Policy:
    return Policy(company_vat_ids=frozenset({OURS[country]}), **more)


def told(country: str, day: date, reader: str = "pdf_text", **more: Any) -> Severity | None:
    found = check_form(paper(country, day), frozenset({reader}), policy(country, **more))
    return found[0].severity if found else None


def test_every_country_is_tried() -> None:
    assert OBLIGATIONS.keys() == OURS.keys()
    assert {country_of_vat_id(vat_id) for vat_id in OURS.values()} == OURS.keys()


@pytest.mark.parametrize(
    ("country", "day", "severity"),
    [
        ("DE", date(2026, 12, 31), None),
        ("DE", date(2027, 1, 1), Severity.NOTE),
        ("DE", date(2027, 12, 31), Severity.NOTE),
        ("DE", date(2028, 1, 1), Severity.BLOCK),
        ("BE", date(2025, 12, 31), None),
        ("BE", date(2026, 1, 1), Severity.BLOCK),
        ("FR", date(2026, 9, 1), Severity.NOTE),
        ("FR", date(2027, 9, 1), Severity.BLOCK),
        ("HR", date(2026, 1, 1), Severity.NOTE),
        ("HR", date(2027, 1, 1), Severity.BLOCK),
        ("IT", date(2023, 12, 31), Severity.NOTE),
        ("IT", date(2024, 1, 1), Severity.BLOCK),
        ("PL", date(2026, 4, 1), Severity.NOTE),
        ("PL", date(2027, 1, 1), Severity.BLOCK),
        ("RO", date(2024, 7, 1), Severity.BLOCK),
    ],
)
def test_a_page_where_the_law_wants_an_e_invoice(
    country: str, day: date, severity: Severity | None
) -> None:
    assert told(country, day, einvoice_missing="hold") is severity
    assert told(country, day) is (severity and Severity.NOTE)
    assert told(country, day, einvoice_missing="ignore") is None


@pytest.mark.parametrize(
    ("country", "reader", "missing"),
    [
        ("BE", "ubl", False),
        ("DE", "zugferd1", False),
        ("IT", "fatturapa", False),
        ("IT", "ubl", True),
        ("DE", "ocr", True),
    ],
)
def test_what_is_an_e_invoice(country: str, reader: str, missing: bool) -> None:
    assert bool(told(country, date(2028, 1, 1), reader)) is missing


def test_small_amounts_and_vendors_from_abroad_are_free() -> None:
    page, day = frozenset({"pdf_text"}), date(2028, 1, 1)
    assert not check_form(paper("DE", day, net=210), page, policy("DE"))
    assert check_form(paper("DE", day, net=211), page, policy("DE"))
    assert not check_form(paper("BE", day), page, policy("DE"))
    assert not check_form(paper("BE", day), page, Policy())


def test_the_office_may_set_its_own_day() -> None:
    since = {"DE": date(2026, 6, 1)}
    own = {"einvoices_since": since, "einvoice_missing": "hold"}
    assert told("DE", date(2026, 5, 31), **own) is None
    assert told("DE", date(2026, 6, 1), **own) is Severity.BLOCK
