"""Which total is the gross total where little is printed: sums on the way, charges, rounding."""

from __future__ import annotations

import pytest
from typed import blocking, page, values

from extractors.pages import read_pages

PAGE = """
Hartwell Tools Ltd
12 Mill Lane
LS1 4DY Leeds

Invoice

Invoice number    INV-2041
Invoice date      3 February 2026
{currency}

Description               Quantity    Price            Amount
Clamp                            4    50.00            200.00
Hinge                           10    10.00            100.00

{totals}
"""
CASES = {
    "a charge leads to the total, and no tax is printed": (
        "Sum 300.00|Shipping 12.00|Grand total EUR 312.00",
        {"gross_total": "312.00"},
    ),
    "without tax every sum equals itself, and the last is the total": (
        "Sum 300.00|Shipping 12.00|Net amount 312.00|VAT 0% 0.00|TOTAL EUR 312.00",
        {"gross_total": "312.00", "net_total": "312.00", "tax_total": "0.00"},
    ),
    "what is due is rounded, the total is not": (
        "Invoice total EUR 300.00|Rounding -0.02|Amount due EUR 299.98",
        {"gross_total": "300.00", "amount_due": "299.98"},
    ),
    "two steps without known names lead from lines to net": (
        "Subtotal 300.00|Loyalty -30.00|Pallets 6.00|Net amount 276.00|VAT 20% 55.20"
        "|Grand total EUR 331.20",
        {"net_total": "276.00", "gross_total": "331.20", "allowance_total": "30.00"},
    ),
    "a tax is no larger than rates allow": (
        "Grand total EUR 300.00||VAT exempt 300.00",
        {"gross_total": "300.00"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_total_that_sums_lead_to(name: str) -> None:
    totals, expected = CASES[name]
    text = PAGE.format(totals=totals.replace("|", "\n"), currency="All amounts in EUR")
    (reading,) = read_pages([page(text)])
    found = values(reading)
    assert {key: found.get(key) for key in expected} == expected
    assert blocking(reading) == []
