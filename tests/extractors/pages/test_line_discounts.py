"""Discounts in a line's row are its allowance, where they lead to its amount."""

from __future__ import annotations

from decimal import Decimal

import pytest
from typed import lines, page

from extractors.pages import read_pages
from records.documents import Reading

PAGE = """
Kern Bau GmbH                                  Rechnung
38100 Braunschweig                             Rechnungs-Nr. R-2026-031
                                               Datum 12.11.2026

{table}
Netto                                              {net}
"""
CASES = {
    "a percentage under its heading": (
        """Pos  Bezeichnung        Menge   Preis   Rabatt   Gesamt EUR
           1    Ziegel               200    1,20     5%       228,00
           2    Sand                   2   35,00              70,00""",
        "298,00",
        ["12.00", None],
    ),
    "a number under the heading of percentages": (
        """Artigo      Qtd   Preço    Desc.%     Total EUR
           Martelo       3   12,00      10      32,40
           Serrote       1   18,50       0      18,50""",
        "50,90",
        ["3.60", None],
    ),
    "an amount": (
        """Title            Qty    Price   Discount    Total EUR
           Atlas              2    40.00       4.00    76.00
           Novel              5     9.00       0.00    45.00""",
        "121.00",
        ["4.00", None],
    ),
    "two percentages, one after the other": (
        """Articolo         Q.tà   Prezzo   Sc.1   Sc.2    Importo EUR
           Vite M6           100     0,50    10      5       42,75
           Dado M6           100     0,20    10      0       18,00""",
        "60,75",
        ["7.25", "2.00"],
    ),
    "in the description": (
        """Pos  Bezeichnung              Menge   Preis         Gesamt EUR
           1    Ziegel -5%                 200    1,20         228,00
           2    Mörtel                      10    8,90          89,00""",
        "317,00",
        ["12.00", None],
    ),
}


def read(table: str, net: str) -> Reading:
    # Every row begins where the first one does.
    rows = "\n".join(row.removeprefix(" " * 11) for row in table.splitlines())
    (reading,) = read_pages([page(PAGE.format(table=rows, net=net))])
    return reading


@pytest.mark.parametrize("case", CASES)
def test_a_discount_leads_to_the_amount(case: str) -> None:
    table, net, expected = CASES[case]
    found = lines(read(table, net))
    assert [line.get("line_allowance") for line in found] == expected
    for line in found:
        price, amount = Decimal(line["unit_price"]), Decimal(line["net_amount"])
        allowance = Decimal(line.get("line_allowance", "0"))
        assert Decimal(line["quantity"]) * price - allowance == amount


def test_goods_taken_back_take_their_discount_with_them() -> None:
    table = """Pos  Bezeichnung        Menge   Preis   Rabatt   Gesamt EUR
           1    Ziegel               200    1,20     5%       228,00
           2    Ziegel              -100    1,20     5%      -114,00"""
    assert [line["line_allowance"] for line in lines(read(table, "114,00"))] == ["12.00", "-6.00"]


def test_a_rate_of_tax_is_no_discount() -> None:
    table = """Pos  Bezeichnung        Menge   Preis   MwSt   Gesamt EUR
           1    Ziegel               200    1,20    19%      240,00
           2    Sand                   2   35,00    19%       70,00"""
    assert all("line_allowance" not in line for line in lines(read(table, "310,00")))
