"""What a correction teaches: the vendor's next document, through the office's own steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from app import night
from app.actions import desk
from app.actions.intake import take_file
from app.audit import story
from app.cli import main
from app.flow import Direct
from app.memory import forget, known_layouts
from app.office import Office
from app.store import read_fields, state_of
from app.tables import layouts
from fixtures import truth
from fixtures.collection import Specimen, invent_specimens
from fixtures.press.printing import print_bill
from records.documents import Field
from records.failures import KnownFailure
from records.invoices import chosen
from tests.app.conftest import MakeOffice

#: A vendor whose labels no lexicon knows, with four invoices.
VENDORS = list(invent_specimens(5, 4, ["de"], 1, strange=True))
NAMES = ("invoice_number", "issue_date", "gross_total", "net_total", "buyer_name")


def _take(office: Office, folder: Path, specimen: Specimen) -> str:
    path = folder / f"{specimen.name}.pdf"
    path.write_bytes(print_bill(specimen.bill, specimen.house).pdf)
    (document_id,) = take_file(office, path, "test")
    _go_on(office, f"{document_id}@1")
    return document_id


def _go_on(office: Office, work: str) -> None:
    flow = Direct(office)
    flow.each(night.bot(office, "invoices").process, [work])
    assert not flow.failures


def _read(office: Office, document_id: str) -> Mapping[str, Field]:
    with office.database.begin() as tx:
        best = chosen(read_fields(tx, document_id))
    return {name: field for (name, line), field in best.items() if line is None}


def _true(specimen: Specimen) -> dict[str, str]:
    known = truth.fields(specimen.bill)
    return {name: str(known[name]) for name in NAMES}


@pytest.fixture
def taught(make_office: MakeOffice, tmp_path: Path) -> Iterator[tuple[Office, str]]:
    """Return an office that corrected the vendor's first invoice, and that document."""
    office = make_office()
    first = _take(office, tmp_path, VENDORS[0])
    anna = office.acting("person:anna")
    read = _read(office, first)
    wrong = {n: v for n, v in _true(VENDORS[0]).items() if n not in read or read[n].value != v}
    assert "invoice_number" in wrong, "the reader alone must not know this vendor's words"
    _go_on(anna, desk.correct(anna, first, wrong, "read from the page"))
    yield office, first


def test_the_next_document_is_read_as_taught(taught: tuple[Office, str], tmp_path: Path) -> None:
    office, first = taught
    second = _take(office, tmp_path, VENDORS[1])
    read = _read(office, second)
    number = read["invoice_number"]
    assert number.value == VENDORS[1].bill.number
    assert number.by.startswith("layout:")
    assert f"learned from correction of {first[:12]} by anna" in number.why
    assert number.place is not None, "printed on the page, with its box"
    for name, value in _true(VENDORS[1]).items():
        assert read[name].value in {value, f"{value}.00", f"{value}0"}, name
    with office.database.begin() as tx:
        assert "learn" in [entry.action for entry in story(tx, first)]


def test_the_account_is_never_remembered(taught: tuple[Office, str], tmp_path: Path) -> None:
    office, _ = taught
    with office.database.begin() as tx:
        names = {lesson.name for one in known_layouts(tx) for lesson in one.lessons}
    assert not names & {"iban", "bic", "payment_reference"}


def test_a_lesson_that_fails_twice_is_dropped(taught: tuple[Office, str], tmp_path: Path) -> None:
    office, _ = taught
    ben = office.acting("person:ben")
    for specimen in VENDORS[1:3]:
        document_id = _take(office, tmp_path, specimen)
        assert _read(office, document_id)["invoice_number"].by.startswith("layout:")
        # Whatever number is entered stands nowhere on the page, so that nothing new is learned.
        _go_on(ben, desk.correct(ben, document_id, {"invoice_number": "WRONG-99"}, ""))
    with office.database.begin() as tx:
        names = {lesson.name for one in known_layouts(tx) for lesson in one.lessons}
        told = [entry for entry in story(tx, document_id) if entry.action == "forget"]
    assert "invoice_number" not in names
    assert told and "wrong 2 times" in str(told[0].evidence)


def test_what_stands_is_counted_when_it_is_posted(
    taught: tuple[Office, str], tmp_path: Path
) -> None:
    office, _ = taught
    anna = office.acting("person:anna")
    second = _take(office, tmp_path, VENDORS[1])
    with office.database.begin() as tx:
        assert tx.execute(select(layouts.c.hits)).scalar_one() == 0
    for person in (anna, office.acting("person:ben")):
        with office.database.begin() as tx:
            if state_of(tx, second) != "held":
                break
        _go_on(person, desk.approve(person, second, "compared with the page"))
    with office.database.begin() as tx:
        assert state_of(tx, second) in {"decided", "posted"}
        assert tx.execute(select(layouts.c.hits)).scalar_one() > 0


def test_a_memory_can_be_seen_and_dropped(
    taught: tuple[Office, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office, _ = taught
    config = str(tmp_path / "config.yaml")
    assert main(["--config", config, "layouts"]) == 0
    key = capsys.readouterr().out.split()[0]
    assert main(["--config", config, "layouts", key]) == 0
    assert "invoice_number: 0 right, 0 wrong; learned from correction" in capsys.readouterr().out
    assert main(["--config", config, "layouts", key, "--forget", "--reason", "test"]) == 0
    with office.database.begin() as tx:
        assert known_layouts(tx) == ()
    with pytest.raises(KnownFailure, match="no layout"):
        forget(office, key, "")
