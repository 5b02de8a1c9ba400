"""The tax of an invoice: printed, proved, or missed; never taken for none because nobody read it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from matching.checks import check_invoice
from matching.vat import tax_of
from records.invoices import Invoice, Line, Party, TaxLine

GERMAN = Party(name="Hansa Schrauben GmbH", vat_id="DE811907980", country="DE")
AMERICAN = Party(name="Bolt Works Inc.", country="US")
UNPLACED = Party(name="Bolt Works")


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def invoice(
    *,
    net: str | None = None,
    tax: str | None = None,
    gross: str | None = "119.00",
    seller: Party = GERMAN,
    rows: tuple[tuple[str | None, str | None], ...] = (),
    rates: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
) -> Invoice:
    """`rows` are rate and amount of the breakdown, `categories` those of further rows.

    `rates` are those of lines of 100 each.
    """
    return Invoice(
        number="R-1",
        issue_date=date(2026, 3, 10),
        currency="EUR",
        seller=seller,
        net_total=_money(net),
        tax_total=_money(tax),
        gross_total=_money(gross),
        tax_lines=(
            *(TaxLine(rate=_money(r), amount=_money(a)) for r, a in rows),
            *(TaxLine(category=c) for c in categories),
        ),
        lines=tuple(
            Line(number=n, description=f"part {n}", net_amount=Decimal(100), vat_rate=Decimal(rate))
            for n, rate in enumerate(rates, 1)
        ),
    )


#: What is printed; the tax it comes to; the blocking findings.
CASES: dict[str, tuple[dict[str, Any], str | None, set[str]]] = {
    "printed": ({"net": "100", "tax": "19.00"}, "19.00", set()),
    "printed as nothing": ({"net": "119", "tax": "0"}, "0", set()),
    "printed, and wrong": ({"net": "100", "tax": "7.00"}, "7.00", {"total_mismatch"}),
    "left over at a rate in force": ({"net": "100.00"}, "19.00", set()),
    "left over at no rate in force": ({"net": "107.00"}, "12.00", {"missing_field"}),
    "left over, by nobody's rates": (
        {"net": "100.00", "seller": UNPLACED},
        "19.00",
        {"missing_field"},
    ),
    "left over, by the lines' rates": (
        {"net": "200", "gross": "226", "rates": ("19", "7")},
        "26",
        set(),
    ),
    "left over, against the lines' rates": (
        {"net": "200", "gross": "238", "rates": ("19", "7")},
        "38",
        {"vat_mismatch"},
    ),
    "nothing left over": ({"net": "119.00"}, "0.00", set()),
    "nothing left over, against the lines' rates": (
        {"net": "100", "gross": "100", "rates": ("19",)},
        "0",
        {"vat_mismatch"},
    ),
    "the sum of the breakdown": (
        {"net": "100", "rows": (("19", "15.00"), ("7", "4.00"))},
        "19.00",
        set(),
    ),
    "a breakdown that does not lead to gross": (
        {"net": "100", "rows": (("7", "7.00"),)},
        "7.00",
        {"total_mismatch"},
    ),
    "a breakdown half read": ({"rows": (("19", "15.00"), ("7", None))}, None, {"missing_field"}),
    "only a gross total": ({}, None, {"missing_field"}),
    "only a gross total, nobody knows where": (
        {"seller": UNPLACED},
        None,
        {"missing_field"},
    ),
    "only a gross total, where there is no VAT": ({"seller": AMERICAN}, "0", set()),
    "only a gross total, all lines without": ({"gross": "100", "rates": ("0",)}, "0", set()),
    "only a gross total, outside VAT": ({"categories": ("O",)}, "0", set()),
    "only a gross total, partly outside VAT": (
        {"categories": ("O", "S")},
        None,
        {"missing_field"},
    ),
    "only a gross total, a breakdown of nothing": ({"rows": (("0", None),)}, "0", set()),
}


@pytest.mark.parametrize(("printed", "tax", "held_for"), CASES.values(), ids=CASES)
def test_tax_is_printed_proved_or_missed(
    printed: dict[str, Any], tax: str | None, held_for: set[str]
) -> None:
    given = invoice(**printed)
    assert tax_of(given) == _money(tax)
    assert {f.code for f in check_invoice(given) if f.blocks} == held_for
