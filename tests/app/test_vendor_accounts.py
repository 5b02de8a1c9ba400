"""Bank details: two persons after a check, a cool-off, and no help from those two."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from app import night, queries
from app.actions import desk, payables, vendors
from app.audit import story, verify
from app.masterdata import every
from app.office import Office
from app.payables import proposal
from records.failures import KnownFailure
from records.purchasing import Vendor
from tests.app.conftest import MakeOffice
from tests.app.test_payables import MONDAY, VENDORS, office

__all__ = ["office"]

NEW = "DE02200505501015871393"
OLD = "DE02120300000000202051"


def _vendor(given: Office, vendor_id: str = "V1") -> Vendor:
    with given.database.begin() as tx:
        return next(v for v in every(tx, Vendor) if v.id == vendor_id)


def _changed(given: Office, vendor_id: str = "V1", iban: str = NEW) -> None:
    for person in ("person:anna", "person:ben"):
        vendors.set_iban(given.acting(person), vendor_id, iban, "called their switchboard")


def _payees(given: Office, days: int = 0, actor: str = "person:dora") -> dict[str, str]:
    later = dataclasses.replace(given, clock=lambda: MONDAY + timedelta(days=days))
    made = payables.propose(later.acting(actor))
    with given.database.begin() as tx:
        return {p.vendor_id: p.iban for p in proposal(tx, made).draft.payments}


def test_the_second_person_confirms_by_entering_it_again(office: Office) -> None:
    anna, ben = office.acting("person:anna"), office.acting("person:ben")
    assert vendors.set_iban(anna, "V1", NEW, "called") == "proposed"
    assert _vendor(office).ibans == (OLD,)
    assert vendors.set_iban(office.acting("person:Anna"), "V1", NEW, "again") == "proposed"
    assert _vendor(office).ibans == (OLD,)
    with pytest.raises(KnownFailure, match="entered another account"):
        vendors.set_iban(ben, "V1", "DE02500105170137075030", "called")
    assert vendors.set_iban(ben, "V1", "de02 2005 0550 1015 8713 93", "called") == "confirmed"
    after = _vendor(office)
    assert (after.ibans, after.bic, after.ibans_changed_on) == ((NEW,), None, MONDAY.date())
    with office.database.begin() as tx:
        told = [(e.actor, e.action, e.evidence["reason"]) for e in story(tx, "V1")]
        assert verify(tx)[1] is None
    assert told == [
        ("person:anna", "propose account", "called"),
        ("person:Anna", "propose account", "again"),
        ("person:ben", "confirm account", "called"),
    ]


@pytest.mark.parametrize(
    ("actor", "vendor", "iban", "reason", "told"),
    [
        ("person:anna", "V1", "DE02200505501015871394", "called", "no IBAN"),
        ("person:anna", "V1", NEW, " ", "how it was verified"),
        ("person:anna", "V1", OLD, "called", "on file"),
        ("person:anna", "V0", NEW, "called", "no vendor"),
        ("bot:invoices", "V1", NEW, "called", "only persons"),
    ],
)
def test_what_is_refused(
    office: Office, actor: str, vendor: str, iban: str, reason: str, told: str
) -> None:
    with pytest.raises(KnownFailure, match=told):
        vendors.set_iban(office.acting(actor), vendor, iban, reason)
    assert _vendor(office).ibans == (OLD,)


def test_nothing_is_paid_before_the_cool_off_has_passed(office: Office) -> None:
    _changed(office)
    assert "V1" not in _payees(office)
    assert "V1" not in _payees(office, days=6)
    assert _payees(office, days=7)["V1"] == NEW


def test_who_changed_the_account_cannot_release_its_payments(office: Office) -> None:
    _changed(office)
    later = dataclasses.replace(office, clock=lambda: MONDAY + timedelta(days=8))
    made = payables.propose(later.acting("person:dora"))
    for person in ("person:anna", "person:ben", "person:Ben"):
        with pytest.raises(KnownFailure, match="changed the bank details of Hansa"):
            payables.release(later.acting(person), made, "")
    assert payables.release(later.acting("person:carl"), made, "")


def test_an_import_does_not_undo_what_was_verified(office: Office) -> None:
    _changed(office)
    tables = office.settings.folder / "tables"

    def imported(text: str) -> Vendor:
        (tables / "vendors.csv").write_text(text, encoding="utf-8")
        assert not night.run(office, ("records",)).failures
        return _vendor(office)

    assert imported(VENDORS + "\n").ibans == (NEW,)
    assert imported(VENDORS.replace(OLD, NEW)).ibans == (NEW,)
    # The office's system has caught up and is the master again.
    assert imported(VENDORS.replace(OLD, "DE88100900001234567892")).ibans != (NEW,)


def test_an_account_changed_in_the_offices_own_system_cools_off_as_well(office: Office) -> None:
    assert "V1" in _payees(office)
    tables = office.settings.folder / "tables"
    (tables / "vendors.csv").write_text(VENDORS.replace(OLD, NEW), encoding="utf-8")
    night.run(office, ("records",))
    assert _vendor(office).ibans_changed_on == MONDAY.date()
    assert "V1" not in _payees(office)


def test_a_mail_changes_no_account_and_its_helpers_cannot_approve(make_office: MakeOffice) -> None:
    given = make_office("36")
    night.run(given, ("records",))
    with given.database.begin() as tx:
        before = list(every(tx, Vendor))
    night.run(given, ("invoices",))
    with given.database.begin() as tx:
        assert list(every(tx, Vendor)) == before
        held = next(r for r in queries.document_rows(tx) if r.state == "held")
    assert held.vendor_id
    _changed(given, held.vendor_id)
    for person in ("person:anna", "person:ben"):
        with pytest.raises(KnownFailure, match="changed the bank details"):
            desk.approve(given.acting(person), held.id, "")
    assert desk.approve(given.acting("person:carl"), held.id, "")
