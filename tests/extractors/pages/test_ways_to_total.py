"""How papers come to what is to be paid: by steps nobody names, in parts, over or under it."""

from __future__ import annotations

import pytest
from typed import blocking, page, values

from extractors.pages import read_pages

PAGE = """
Kern Bau GmbH                                  Rechnung
Ringstr. 88                                    Rechnungs-Nr.    R-2026-031
38100 Braunschweig                             Rechnungsdatum   12.11.2026

{}
"""
EXPLAINED = {
    "nothing but the tax is named": (
        """Arbeitszeit 14 Std. à 48,00 €        672,00 €
           Material                             118,50 €
           Anfahrt                               25,00 €
                                                815,50 €
           + 19 % MwSt.                         154,95 €
                                                970,45 €""",
        {"net_total": "815.50", "tax_total": "154.95", "gross_total": "970.45"},
    ),
    "shipping after the tax": (
        """SUBTOTAL             731.97
           SALES TAX 5.5%        40.26
           SHIPPING              15.00
           TOTAL               $787.23""",
        {"net_total": "746.97", "tax_total": "40.26", "gross_total": "787.23"},
    ),
    "a discount before the tax": (
        """Subtotal             200.00
           Discount             -20.00
           Sales tax 10%         18.00
           Total               $198.00""",
        {"net_total": "180.00", "allowance_total": "20.00", "gross_total": "198.00"},
    ),
    "several instalments were paid": (
        """Summe netto                                  18.000,00
           zzgl. 19 % MwSt.                              3.420,00
           Gesamtsumme brutto                           21.420,00
           abzgl. 1. Abschlagsrechnung vom 01.08.2026   -7.140,00
           abzgl. 2. Abschlagsrechnung vom 01.09.2026   -5.950,00
           Restforderung                                 8.330,00 EUR""",
        {"gross_total": "21420.00", "prepaid_total": "13090.00", "amount_due": "8330.00"},
    ),
    "more was paid than is owed": (
        """Nettobetrag                                888,57
           19 % Umsatzsteuer                          168,83
           Bruttobetrag                             1.057,40 EUR
           abzüglich geleisteter Abschläge         -1.100,00
           Guthaben                                   -42,60""",
        {"gross_total": "1057.40", "prepaid_total": "1100.00", "amount_due": "-42.60"},
    ),
    "what is rounded is to be paid, and is no total": (
        """Total netto           68.37
           MWST 8.1 %             5.54
           Endbetrag CHF         73.91
           Rundung               -0.01
           Zu zahlen             73.90""",
        {"gross_total": "73.91", "rounding_amount": "-0.01", "amount_due": "73.90"},
    ),
    "freight is no tax": (
        """Warenwert           1.857,93
           Transportkosten        45,00
           Rechnungssumme      1.902,93 EUR
           darin 19 % USt.       303,83""",
        {"tax_total": "303.83", "net_total": "1599.10", "gross_total": "1902.93"},
    ),
}
HELD = {
    "less is asked for than anything explains": """Imponibile                   5.000,00
           IVA 22%                      1.100,00
           Totale documento             6.100,00 EUR
           Netto a pagare               5.000,00""",
    "something was paid, whatever it is called": """Nettobetrag     1.000,00
           19 % MwSt.        190,00
           Gesamtbetrag    1.190,00 EUR
           Gutschein X       500,00
           Zwischenstand     690,00""",
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_explained(case: str) -> None:
    totals, expected = EXPLAINED[case]
    (reading,) = read_pages([page(PAGE.format(totals))])
    found = values(reading)
    assert {name: found.get(name) for name in expected} == expected
    assert not blocking(reading)


@pytest.mark.parametrize("case", HELD)
def test_held(case: str) -> None:
    (reading,) = read_pages([page(PAGE.format(HELD[case]))])
    assert blocking(reading) == ["due_does_not_sum"]


def test_the_label_of_its_number_says_what_a_credit_note_is() -> None:
    text = """
    Librairie du Port SARL                           AVOIR N° AV-26-031
    3 quai Victor Hugo                               Date : 10/11/2026
    13002 Marseille                                  Facture d'origine : F-26-877

    Total HT                                            48,00
    TVA 5,5 %                                            2,64
    Total TTC à votre crédit                            50,64 €
    """
    (reading,) = read_pages([page(text)])
    found = values(reading)
    assert (found["type_code"], found["invoice_number"]) == ("381", "AV-26-031")
    assert found["preceding_invoice_ref"] == "F-26-877"
