"""Where the seller is: what an address or a number says of it, and what only looks like that."""

from __future__ import annotations

import pytest
from typed import page, values

from extractors.pages import read_pages

PAGE = """
Bolt Works Inc.
120 Foundry Yard
{town}
{id}

INVOICE

Invoice No: 4711
Invoice Date: 2026-03-14

Description                  Qty        Unit Price                 Amount
Rope, 12 mm                    4             25.00                 100.00

                                         Total              {total}
"""


@pytest.mark.parametrize(
    ("town", "number", "total", "country", "vat_id"),
    [
        ("Springfield, IL 62704", "", "$100.00", "US", None),
        ("Springfield, IL 62704-1234", "Tax ID No. 90-6889617", "USD 100.00", "US", None),
        ("Springfield, IL 62704", "", "EUR 100.00", None, None),
        ("10115 Berlin", "VAT ID DE811907980", "$100.00", None, "DE811907980"),
        ("0150 Oslo", "Org. NO 906889617 MVA", "NOK 100.00", None, "NO906889617MVA"),
        ("0150 Oslo", "Org. NO906889617", "NOK 100.00", None, "NO906889617"),
    ],
)
def test_the_seller_is_where_the_page_says(
    town: str, number: str, total: str, country: str | None, vat_id: str | None
) -> None:
    (reading,) = read_pages([page(PAGE.format(town=town, id=number, total=total))])
    found = values(reading)
    assert found.get("seller_country") == country
    assert found.get("seller_vat_id") == vat_id
