"""Names of parties: what of a line is the name, and what the page says beside it."""

from __future__ import annotations

import pytest
from typed import page, values

from extractors.pages import read_pages

PAGE = """
Moulin des Aulnes {form} - 12 rue du Pont - 84340 Malaucène - France
TVA : FR40303265045{stated}

FACTURE N° F-2026-0117
Date de facture : 14/03/2026

Facturé à
Ma jolie boutique
35 rue de la République
69001 Lyon

Désignation                  Qté        Prix unitaire              Montant
Huile d'olive                  4             25,00                 100,00

                                         Total HT                  100,00
                                         TVA 20 %                   20,00
                                         Total TTC                 120,00 €
"""


@pytest.mark.parametrize(
    ("form", "stated", "name"),
    [
        ("SARL", " - SARL au capital de 12 000,00 €", "Moulin des Aulnes"),
        ("SAS", " - SAS au capital de 50 000 €", "Moulin des Aulnes"),
        ("SARL", "", "Moulin des Aulnes SARL"),
        ("SAS", " - Moulin des Aulnes SAS au capital de 50 000 €", "Moulin des Aulnes SAS"),
        ("SAS", " - Banque Rhône SA au capital de 900 000 €", "Moulin des Aulnes SAS"),
    ],
)
def test_a_form_that_is_stated_with_the_capital_is_not_part_of_the_name(
    form: str, stated: str, name: str
) -> None:
    (reading,) = read_pages([page(PAGE.format(form=form, stated=stated))])
    assert values(reading)["seller_name"] == name
