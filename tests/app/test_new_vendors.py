"""An invoice of a stranger: held with a prepared record, which a person adopts after a check."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import load_workbook
from ruamel.yaml import YAML

from app import night, queries
from app.actions import desk, vendors
from app.audit import story
from app.flow import Direct
from app.masterdata import every
from app.office import Office
from app.show import show_one
from records.failures import KnownFailure
from records.purchasing import Vendor
from tests.app.conftest import SAMPLE, MakeOffice


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    """An office with the sample's invoice of an unknown vendor, after its night."""
    given = make_office("42")
    assert not night.run(given, ("records", "invoices")).failures
    return given


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    path = next(Path(SAMPLE).glob("cases/42-*/expected.yaml"))
    (document,) = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["documents"]
    return dict(document)


def _held(office: Office) -> queries.DocumentRow:
    with office.database.begin() as tx:
        return next(r for r in queries.document_rows(tx) if r.state == "held")


def _vendors(office: Office) -> list[Vendor]:
    with office.database.begin() as tx:
        return list(every(tx, Vendor))


def _adopted(office: Office, person: str = "person:anna", **values: str) -> queries.DocumentRow:
    acting = office.acting(person)
    work = vendors.adopt_vendor(acting, _held(office).id, "V777", values, "called them")
    flow = Direct(acting)
    flow.each(night.bot(acting, "invoices").process, [work])
    assert not flow.failures
    return _held(office)


def test_the_prepared_record_is_shown_and_written(office: Office, expected: dict[str, str]) -> None:
    before, held = _vendors(office), _held(office).id
    out = io.StringIO()
    with office.database.begin() as tx:
        show_one(tx, office, queries.Subject("document", held), out)
    assert "Prepared vendor record" in out.getvalue()
    assert expected["vendor_name"] in out.getvalue()
    book = load_workbook(office.settings.plugin("posters", "ledger").settings.path)
    head, row = book["New vendors"].iter_rows(values_only=True)
    told = dict(zip(head, row, strict=True))
    assert (told["Name"], told["Invoice number"]) == (expected["vendor_name"], expected["number"])
    assert (told["Country"], told["Terms, days"]) == ("DE", 14)
    # No mail, and no night, puts anybody on file.
    assert _vendors(office) == before


def test_a_person_adopts_it_and_the_account_is_still_to_be_verified(office: Office) -> None:
    printed = _held(office).findings
    assert [f.code for f in printed if f.blocks] == ["unknown_vendor"]
    row = _adopted(office, terms_days="30", category="marketing")
    assert row.vendor_id == "V777"
    (made,) = [v for v in _vendors(office) if v.id == "V777"]
    assert (made.ibans, made.terms_days, made.category) == ((), 30, "marketing")
    assert [f.code for f in row.findings if f.blocks] == ["bank_details_changed"]
    with office.database.begin() as tx:
        (entry,) = story(tx, "V777")
    assert (entry.actor, entry.evidence["reason"]) == ("person:anna", "called them")
    with pytest.raises(KnownFailure, match="put it on file"):
        desk.approve(office.acting("person:Anna"), row.id, "")


def test_who_adopted_a_vendor_stays_out_when_two_others_enter_its_account(office: Office) -> None:
    row = _adopted(office)
    for person in ("person:ben", "person:carl"):
        vendors.set_iban(office.acting(person), "V777", "DE02200505501015871393", "called")
    for person in ("person:anna", "person:ben", "person:carl"):
        with pytest.raises(KnownFailure):
            desk.approve(office.acting(person), row.id, "")
    assert desk.approve(office.acting("person:dora"), row.id, "")


@pytest.mark.parametrize(
    ("actor", "number", "values", "reason", "told"),
    [
        ("bot:invoices", "V777", {}, "called", "only persons"),
        ("person:anna", "V777", {}, " ", "how the vendor was checked"),
        ("person:anna", " ", {}, "called", "needs its number"),
        ("person:anna", "V777", {"name": ""}, "called", "name"),
        ("person:anna", "V777", {"ibans": "DE02200505501015871393"}, "called", "nothing to say"),
        ("person:anna", "V777", {"terms_days": "soon"}, "called", "terms_days"),
        ("person:anna", "V00001", {}, "called", "another vendor's number"),
    ],
)
def test_what_is_refused(
    office: Office, actor: str, number: str, values: dict[str, str], reason: str, told: str
) -> None:
    before = _vendors(office)
    with pytest.raises(KnownFailure, match=told):
        vendors.adopt_vendor(office.acting(actor), _held(office).id, number, values, reason)
    assert _vendors(office) == before


def test_a_vendor_on_file_is_not_adopted_under_a_second_number(office: Office) -> None:
    known = _vendors(office)[0]
    values = {"name": known.name, "vat_id": known.vat_id or ""}
    with pytest.raises(KnownFailure, match=f"this is {known.id}"):
        vendors.adopt_vendor(
            office.acting("person:anna"), _held(office).id, "V777", values, "called"
        )
