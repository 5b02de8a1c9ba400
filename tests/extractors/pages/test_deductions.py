"""Tax withheld and balances of earlier bills: explained by arithmetic, or held."""

from __future__ import annotations

import pytest
from typed import blocking, page, values

from extractors.pages import read_pages

PAGE = """
Estudio Lara Ruiz
Calle Mayor 4
28013 Madrid

Factura

Factura nº        2026-14
Fecha factura     03/02/2026

Descripción               Cantidad    Precio           Importe
Asesoría                       2       500,00          1.000,00

{}
"""
WITHHELD = {
    "net_total": "1000.00",
    "tax_total": "210.00",
    "gross_total": "1210.00",
    "prepaid_total": "150.00",
    "amount_due": "1060.00",
}
CARRIED = {
    "net_total": "1000.00",
    "tax_total": "210.00",
    "gross_total": "1210.00",
    "amount_due": "1210.00",
}

EXPLAINED = {
    "the total lacks what is withheld": (
        """Base imponible      1.000,00
           IVA 21 %              210,00
           Retención IRPF -15 % -150,00
           Total a pagar       1.060,00 €""",
        WITHHELD,
    ),
    "the total is called the invoice's": (
        """Base imponible      1.000,00
           IVA 21 %              210,00
           IRPF 15 %             150,00
           Total factura       1.060,00 €""",
        WITHHELD,
    ),
    "the row names its base": (
        """Base imponible                 1.000,00
           IVA 21 %                         210,00
           IRPF 15 %  s/  1.000,00         -150,00
           Total factura                  1.060,00 €""",
        WITHHELD,
    ),
    "gross is printed too": (
        """Base imponible      1.000,00
           IVA 21 %              210,00
           Total factura       1.210,00
           Retención IRPF 15 %  -150,00
           Total a pagar       1.060,00 €""",
        WITHHELD,
    ),
    "an earlier bill is asked for again": (
        """Base imponible      1.000,00
           IVA 21 %              210,00
           Total factura       1.210,00 €
           Saldo anterior         90,00
           Total a pagar       1.300,00 €""",
        CARRIED,
    ),
    "an earlier bill was partly paid": (
        """Base imponible      1.000,00
           IVA 21 %              210,00
           Total factura       1.210,00 €
           Saldo anterior         90,00
           Pagado                -50,00
           Total a pagar       1.250,00 €""",
        CARRIED,
    ),
}
HELD = {
    "the rate does not explain what is withheld": """Base imponible      1.000,00
           IVA 21 %              210,00
           IRPF 15 %             160,00
           Total factura       1.050,00 €""",
    "the balance does not explain what is asked for": """Base imponible      1.000,00
           IVA 21 %              210,00
           Total factura       1.210,00 €
           Saldo anterior         90,00
           Total a pagar       1.310,00 €""",
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_explained(case: str) -> None:
    totals, expected = EXPLAINED[case]
    (reading,) = read_pages([page(PAGE.format(totals))])
    found = values(reading)
    assert {n: found[n] for n in found if n.endswith(("_total", "_due"))} == expected
    assert not blocking(reading)


@pytest.mark.parametrize("case", HELD)
def test_held(case: str) -> None:
    (reading,) = read_pages([page(PAGE.format(HELD[case]))])
    assert blocking(reading)
