"""Bank profiles: proposed from a file, confirmed as YAML, then fixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bank_profiles import load_profiles, parse_profile, propose
from connectors.banks import guess_profile
from records.documents import Document
from records.failures import ConfigurationFault

TABLES = [
    'Datum;Zweck;Betrag;Währung;Währung\n30.09.2026;"Strom; 9";-84,50;EUR;\n',
    '"09/30/2026","Power","EUR","-84.50"\n',
    "Date,Memo,Paid out,Paid in\n03/04/2026,x,5.00,\n",
]


def document(path: Path) -> Document:
    return Document(id="1", media_type="text/plain", path=path, name=path.name)


@pytest.mark.parametrize("table", TABLES)
def test_a_confirmed_proposal_is_the_guess(tmp_path: Path, table: str) -> None:
    path = tmp_path / "bank.csv"
    path.write_text(table, encoding="utf-8")
    guessed, _ = guess_profile(document(path))
    text = propose(document(path))
    assert guessed is not None
    assert text is not None
    with pytest.raises(ValueError, match="name"):
        parse_profile(text)
    confirmed = parse_profile(text.replace("name-me", "house bank"))
    assert confirmed.name == "house bank"
    assert confirmed.columns == guessed.columns
    assert confirmed.header == guessed.header
    assert (confirmed.decimal, confirmed.delimiter) == (guessed.decimal, guessed.delimiter)
    assert (confirmed.date_order, confirmed.sign) == (guessed.date_order, guessed.sign)


def test_nothing_to_propose(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all,\nsee you.\n")
    assert propose(document(path)) is None


GOOD = "name: x\nheader: [Date, Amount, Amount]\ncolumns: {booking_date: Date, amount: 2}\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name: x", "nmae: x"), "unknown key 'nmae'"),
        (("booking_date: Date", "booked: Date"), "unknown column 'booked'"),
        (("booking_date: Date, ", ""), "booking_date is missing"),
        (("amount: 2", "currency: 2"), "neither amount"),
        (("amount: 2", "amount: Amount"), "stands twice"),
        (("amount: 2", "amount: Sum"), "no title of the header"),
        (("amount: 2", "amount: 0"), "no number from 1"),
        (("name: x", "name: x\nsign: minus"), "as_printed or inverted"),
        (("name: x", "name: [x"), "not valid YAML"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    assert [p.name for p in load_profiles(tmp_path)] == ["x"]
    (tmp_path / "bad.yaml").write_text(GOOD.replace(*change))
    with pytest.raises(ConfigurationFault, match=message) as failure:
        load_profiles(tmp_path)
    assert "bad.yaml" in str(failure.value)
