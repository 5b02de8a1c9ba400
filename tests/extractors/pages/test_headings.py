"""Headings of lines in several rows and languages, and what only looks like them."""

from __future__ import annotations

import pytest
from typed import lines, page

from extractors.pages import read_pages

LINES = [("20", "4.25", "85.00"), ("100", "1.10", "110.00")]
CASES = {
    "two languages parted by a slash": """
Nazwa towaru / Description          Il. / Qty     Cena / Price    Kwota / Amount
Wiertło                                    20             4.25             85.00
Ściernica                                 100             1.10            110.00
Razem netto                                                              195.00
""",
    "what the amounts include, in a second row": """
Omschrijving                 Aantal     Stukprijs         Bedrag
                                        incl. BTW      incl. BTW
Boor                             20          4,25          85,00
Slijpschijf                     100          1,10         110,00
Totaal incl. BTW                                          195,00
""",
    "totals under headings of their own": """
Description                 Qty     Price each        Net amount
Drill                        20           4.25             85.00
Disc                        100           1.10            110.00

Goods value       Rate        Tax      Gross total
195.00            0%         0.00           195.00
""",
}


@pytest.mark.parametrize("case", CASES)
def test_lines_under(case: str) -> None:
    (reading,) = read_pages([page("\nInvoice no. 4711\n" + CASES[case])])
    found = [(x.get("quantity"), x.get("unit_price"), x["net_amount"]) for x in lines(reading)]
    assert found == LINES
