"""What people assign is learned: suggested at once, posted after three without contradiction."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import queries
from app.actions import reconciliation
from app.office import Office
from records.failures import KnownFailure
from tests.app.conftest import MakeOffice
from tests.app.test_bank_nights import Booked, mt940
from tests.app.test_closing import bring

#: The same subscription every few days; the last one is another service of the same firm.
FIRM = ("Stadtwerke", "DE75512108001245126199")
LINES = (
    *(Booked(day, -59_50 - day, f"Abo Wartung Nr {day}77", *FIRM) for day in (5, 8, 13, 20, 27)),
    Booked(29, -8_00, "Parkausweis Tiefgarage", *FIRM),
)


@pytest.fixture
def office(make_office: MakeOffice, tmp_path: Path) -> Office:
    """Return an office with the lines of the subscription, all open."""
    made = make_office()
    bring(made, tmp_path, mt940(1, 31, LINES))
    assert [b.state for b in lines(made)] == ["open"] * len(LINES)
    return made


def lines(office: Office) -> list[queries.BankRow]:
    with office.database.begin() as tx:
        return queries.bank_rows(tx)


def assign(office: Office, number: int, category: str, person: str = "anna") -> None:
    line = lines(office)[number].id
    reconciliation.assign_line(office.acting(f"person:{person}"), line, category, "as agreed")
    reconciliation.reconcile_bank(office, "ledger")


def states(office: Office) -> list[str]:
    return [b.state for b in lines(office)]


def test_one_example_is_suggested_and_named(office: Office) -> None:
    assign(office, 0, "recurring")
    assert states(office) == ["posted", *["suggested"] * 4, "open"]
    match = lines(office)[1].match
    assert match is not None
    assert match.category == "recurring"
    assert match.reasons[0].startswith("booked as recurring once before, by anna: 2026-10-05")


def test_three_examples_are_enough(office: Office) -> None:
    for number in range(2):
        assign(office, number, "4970")
    assert states(office).count("posted") == 2
    assign(office, 2, "4970", "ben")
    assert states(office) == ["posted"] * 5 + ["open"]
    match = lines(office)[4].match
    assert match is not None
    assert (match.category, match.rule) == ("4970", "habit")
    assert "3 times before, by anna, ben" in match.reasons[0]


def test_a_contradiction_asks_a_person(office: Office) -> None:
    for number, category in enumerate(("recurring", "recurring", "fee", "fee")):
        assign(office, number, category)
    assert states(office)[4] == "suggested"
    match = lines(office)[4].match
    assert match is not None
    assert any(reason.startswith("against it") for reason in match.reasons)


def test_what_was_posted_by_habit_and_undone_is_not_posted_again(office: Office) -> None:
    for number in range(3):
        assign(office, number, "recurring")
    line = lines(office)[4].id
    reconciliation.undo_match(office.acting("person:anna"), line, "wrong")
    reconciliation.reconcile_bank(office, "ledger")
    assert states(office)[4] == "suggested"


@pytest.mark.parametrize("category", ["", "unknown things", "settlement"])
def test_only_known_categories_and_accounts(office: Office, category: str) -> None:
    with pytest.raises(KnownFailure, match="is no category"):
        assign(office, 0, category)


def test_a_posted_line_is_not_assigned_again(office: Office) -> None:
    assign(office, 0, "fee")
    with pytest.raises(KnownFailure, match="only open lines"):
        assign(office, 0, "tax")
