"""What people decide beside invoices: a suggested match, a message that is wrong, failed work."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import select

from app import next_steps, night, queries
from app.actions import desk, reconciliation
from app.actions.delivery import deliver
from app.audit import story
from app.completeness import completeness
from app.masterdata import save
from app.morning import gather
from app.office import Office
from app.store import upsert
from app.tables import allocations, documents
from app.troubles import troubles
from records.failures import KnownFailure
from records.money import Money
from tests.app.conftest import MakeOffice
from tests.app.test_bank_nights import ACCOUNT, MASTER, mt940
from tests.app.test_cli import call
from tests.app.test_closing import at, bring


@pytest.fixture
def office(make_office: MakeOffice, tmp_path: Path) -> Office:
    """Return an office that tolerates hardly an error: what is nearly sure is only suggested."""
    made = make_office()
    payments = dataclasses.replace(made.settings.payments, tolerated_false_rate=0.0001)
    made = dataclasses.replace(made, settings=dataclasses.replace(made.settings, payments=payments))
    with made.database.begin() as tx:
        save(tx, made, "test", MASTER)
    made = at(made, 2026, 11, 5).acting("person:anna")
    bring(made, tmp_path, mt940(1, 31, ACCOUNT))
    return made


def suggested(office: Office) -> queries.BankRow:
    with office.database.begin() as tx:
        rows = queries.bank_rows(tx, ("suggested",))
    return next(r for r in rows if r.match and r.match.allocations)


def test_what_is_suggested_is_posted_when_a_person_says_so(office: Office) -> None:
    line = suggested(office)
    assert line.match is not None
    assert next_steps.for_line(line)[0].startswith("nightclerk approve ")
    made = reconciliation.accept_match(office, line.id, "asked the customer")
    assert made.allocations == line.match.allocations
    with office.database.begin() as tx:
        after = next(r for r in queries.bank_rows(tx) if r.id == line.id)
        settled = select(allocations.c.item_id).where(allocations.c.transaction_id == line.id)
        items = set(tx.execute(settled).scalars())
        actors = [(e.actor, e.action) for e in story(tx, line.id)]
    assert after.state == "posted" and after.match is not None
    assert items == {a.item_id for a in line.match.allocations}
    assert after.match.reasons[-1] == "anna accepts it: asked the customer"
    assert actors[-1] == ("person:anna", "match")
    assert deliver(office, "ledger") > 0
    with pytest.raises(KnownFailure, match="only open lines"):
        reconciliation.accept_match(office, line.id, "again")


def test_what_is_no_longer_open_is_not_posted(office: Office) -> None:
    line = suggested(office)
    assert line.match is not None
    (item,) = [i for i in MASTER if getattr(i, "id", "") == line.match.allocations[0].item_id]
    closed = dataclasses.replace(item, open=Money.of_minor(0, "EUR"))  # type: ignore[type-var]
    with office.database.begin() as tx:
        save(tx, office, "test", [closed])
    with pytest.raises(KnownFailure, match="no longer open"):
        reconciliation.accept_match(office, line.id, "")
    assert suggested(office).id == line.id


def test_a_line_without_a_suggestion_cannot_be_accepted(office: Office) -> None:
    with office.database.begin() as tx:
        line = next(r for r in queries.bank_rows(tx, ("open",)))
    with pytest.raises(KnownFailure, match="nothing is suggested"):
        reconciliation.accept_match(office, line.id, "")


def test_a_message_that_is_wrong_is_closed_once_somebody_looked(make_office: MakeOffice) -> None:
    office = make_office("46")
    assert not night.run(office, ("invoices",)).failures
    with office.database.begin() as tx:
        (trouble,) = troubles(tx)
        (message,) = queries.message_rows(tx)
        (found,) = queries.find_subject(tx, message.id)
    assert (message.outcome, found) == ("held", queries.Subject("message", message.key))
    assert trouble.commands == next_steps.for_message(message) != ()
    config = office.settings.folder / "config.yaml"
    for said in (call(config, "show"), call(config, "show", message.id)):
        assert "unpacks to more than" in said.out and trouble.commands[0] in said.out
    closed = call(config, "reject", message.id, "--as", "anna", "--reason", "spam")
    assert (closed.code, closed.err) == (0, "")
    assert "person:anna  reject" in call(config, "explain", message.id).out
    with office.database.begin() as tx:
        assert troubles(tx) == []
        (message,) = queries.message_rows(tx)
        # One part of the archive was unpacked; that document is decided by itself.
        assert (message.findings, message.reason) == ((), "1 held")
        assert completeness(tx).is_complete
        morning = gather(tx, company="x", at=office.clock(), since=None, owners={})
    assert morning.troubles == ()
    with pytest.raises(desk.Refused, match="nothing is wrong"):
        desk.dismiss(office, message.key, "again")


def test_an_invoice_within_a_file_is_named_by_its_pages(make_office: MakeOffice) -> None:
    office = make_office("02")
    assert not night.run(office, ("invoices",)).failures
    with office.database.begin() as tx:
        row = dict(tx.execute(select(documents)).one()._mapping)
        whole = row["id"]
        parts = [f"{whole}#1-1", f"{whole}#2-3"]
        upsert(tx, documents, [{**row, "id": part, "parent_id": whole} for part in parts])
        tx.execute(documents.update().where(documents.c.id == whole).values(state="split"))
        both = queries.find_subject(tx, whole[:12])
        assert [str(one) for one in both] == [f"{whole[:12]}#1-1", f"{whole[:12]}#2-3"]
        for one in both:
            assert queries.find_subject(tx, str(one)) == [one]
