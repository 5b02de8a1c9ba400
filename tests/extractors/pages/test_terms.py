"""Payment terms: the last day of an early-payment discount is not the due date."""

from __future__ import annotations

import pytest
from typed import page, values

from extractors.pages import read_pages

PAGE = """
Rechnung

Rechnungs-Nr.      RE-2026-0815
Rechnungsdatum     03.02.2026

                                              Summe netto            100.00
                                              MwSt. 19 %              19.00
                                              Rechnungsbetrag    EUR 119.00

{}
"""
BOTH = ("2026-03-05", "2", "2026-02-13")
ONLY_DISCOUNT = (None, "2", "2026-02-13")
NOTHING = (None, None, None)
ONLY_DUE = ("2026-03-05", None, None)

CASES = [
    ("Zahlung bis 13.02.2026 abzüglich 2 % Skonto.", ONLY_DISCOUNT),
    ("Bei Zahlung bis zum 13.02.2026 gewähren wir 2 % Skonto.", ONLY_DISCOUNT),
    ("Bei Zahlung bis zum 13.02.2026, gewähren wir 2 % Skonto.", ONLY_DISCOUNT),
    ("Zahlbar bis 05.03.2026 ohne Abzug, bis 13.02.2026 mit 2 % Skonto.", BOTH),
    ("Zahlbar innerhalb von 10 Tagen mit 2 % Skonto, 30 Tage netto.", BOTH),
    ("2 % Skonto bei Zahlung bis 13.02.2026\nFällig am 05.03.2026", BOTH),
    ("Payable within 10 days 2 %, within 30 days net", BOTH),
    ("Pay by 13 February 2026 and deduct 2 %. Net due 5 March 2026", BOTH),
    ("Early payment discount of 2 % if payment by 13/02/2026.", ONLY_DISCOUNT),
    ("Escompte de 2 % pour paiement avant le 13/02/2026. Échéance le 05/03/2026", BOTH),
    ("2 % korting bij betaling voor 13-02-2026. Vervaldatum 05-03-2026", BOTH),
    ("Descuento del 2 % pagando antes del 13/02/2026. Vencimiento 05/03/2026", BOTH),
    ("Sconto 2 % per pagamento entro il 13/02/2026. Scadenza 05/03/2026", BOTH),
    ("Desconto de 2 % para pagamento até 13/02/2026. Vencimento 05/03/2026", BOTH),
    ("Skonto 2 % przy płatności do 13.02.2026. Termin płatności 05.03.2026", BOTH),
    ("Paiement avant le 05/03/2026. Pas d'escompte pour paiement anticipé.", ONLY_DUE),
    ("Zahlbar bis 05.03.2026, kein Skonto.", ONLY_DUE),
    ("Payment by 05/03/2026. Interest on late payments: 8 %", ONLY_DUE),
    ("Zahlbar bis 05.03.2026. Im Betrag sind 7 % Versicherungsteuer enthalten.", ONLY_DUE),
    ("2 % Skonto innerhalb von 10 Tagen. Bei Zahlung bis 13.02.2026: 116,62 EUR", ONLY_DISCOUNT),
    ("Sconto 2 % entro 10 giorni.\nImporto se pagato entro il 13/02/2026: 116,62", ONLY_DISCOUNT),
    ("Sconto 2 % entro 10 giorni. Da pagare entro il 05/03/2026", BOTH),
    ("Zahlbar innerhalb von 30 Tagen. Reklamationen innerhalb von 8 Tagen.", ONLY_DUE),
    ("Claims must be made within 8 days of receipt.", NOTHING),
    ("Reklamacje w ciągu 14 dni.", NOTHING),
    # Two offers: which of them is taken is not ours to say.
    ("3 % Skonto bis 08.02.2026, 2 % Skonto bis 13.02.2026, fällig am 05.03.2026", ONLY_DUE),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "expected"), CASES, ids=[c[0][:40] for c in CASES])
def test_payment_terms(terms: str, expected: tuple[str | None, ...]) -> None:
    found = values(read_pages([page(PAGE.format(terms))])[0])
    assert tuple(map(found.get, ("due_date", "skonto_percent", "skonto_until"))) == expected
