"""What people do with held documents, through the same flow as the bots."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook

from app import next_steps, night, queries
from app.actions import desk, reconciliation
from app.audit import story
from app.flow import Direct
from app.office import Office
from records.failures import KnownFailure
from records.findings import CATALOGUE, Severity, finding
from records.vocabulary import FIELDS
from tests.app.conftest import MakeOffice


def _only(office: Office) -> queries.DocumentRow:
    with office.database.begin() as tx:
        rows = [r for r in queries.document_rows(tx) if r.kind != "bank_statement"]
    assert len(rows) == 1
    return rows[0]


def _go_on(office: Office, work: str) -> queries.DocumentRow:
    flow = Direct(office)
    flow.each(night.bot(office, "invoices").process, [work])
    assert not flow.failures
    return _only(office)


def _posted(office: Office) -> list[str]:
    path = office.settings.plugin("posters", "ledger").settings.path
    if not path.exists():
        return []
    book = load_workbook(path)
    if "Invoices" not in book.sheetnames:
        return []
    rows = [list(row) for row in book["Invoices"].iter_rows(values_only=True)]
    column = rows[0].index("Invoice number")
    return [str(row[column]) for row in rows[1:]]


def test_an_approved_invoice_is_posted_once(make_office: MakeOffice) -> None:
    office = make_office("38")  # a price variance
    night.run(office, ("records", "invoices"))
    held = _only(office)
    assert held.state == "held"
    anna = office.acting("person:anna")
    row = _go_on(anna, desk.approve(anna, held.id, "agreed by telephone"))
    assert row.state == "posted"
    night.run(office, ("records", "invoices"))
    assert _posted(office).count(held.number or "") == 1
    with office.database.begin() as tx:
        actions = [(e.actor, e.action) for e in story(tx, held.id)]
    assert ("person:anna", "approve") in actions


def test_changed_bank_details_need_two_different_persons(make_office: MakeOffice) -> None:
    office = make_office("36")
    night.run(office, ("records", "invoices"))
    held = _only(office)
    anna, ben = office.acting("person:anna"), office.acting("person:ben")
    row = _go_on(anna, desk.approve(anna, held.id, "called back"))
    assert row.state == "held"
    row = _go_on(anna, desk.approve(anna, held.id, "again"))
    assert row.state == "held"
    row = _go_on(ben, desk.approve(ben, held.id, "checked with the vendor"))
    assert row.state == "posted"


def test_a_correction_takes_back_what_was_approved_before(make_office: MakeOffice) -> None:
    office = make_office("36")
    night.run(office, ("records", "invoices"))
    held = _only(office)
    anna, ben = office.acting("person:anna"), office.acting("person:ben")
    assert _go_on(anna, desk.approve(anna, held.id, "called back")).state == "held"
    iban = "DE02120300000000202051"
    assert _go_on(anna, desk.correct(anna, held.id, {"iban": iban}, "misread")).state == "held"
    row = _go_on(ben, desk.approve(ben, held.id, "checked"))
    assert row.state == "held", "anna never saw this account"


def test_a_rejected_document_posts_nothing_and_stays_rejected(make_office: MakeOffice) -> None:
    office = make_office("38")
    night.run(office, ("records", "invoices"))
    held = _only(office)
    desk.reject(office.acting("person:anna"), held.id, "not ours")
    night.run(office, ("records", "invoices"))
    assert _only(office).state == "rejected"
    assert _posted(office) == []
    with pytest.raises(KnownFailure, match="not held"):
        desk.approve(office.acting("person:anna"), held.id, "")


def test_a_correction_outranks_what_was_read(make_office: MakeOffice) -> None:
    office = make_office("42")  # an unknown vendor
    night.run(office, ("records", "invoices"))
    held = _only(office)
    anna = office.acting("person:anna")
    row = _go_on(anna, desk.correct(anna, held.id, {"invoice_number": "X-1"}, "misread"))
    assert row.number == "X-1"
    assert row.state == "held"
    with pytest.raises(KnownFailure, match="Did you mean gross_total"):
        desk.correct(anna, held.id, {"gros_total": "1"}, "")
    with pytest.raises(KnownFailure, match="needs a line number"):
        desk.correct(anna, held.id, {"quantity": "1"}, "")
    for name, value, told in (
        ("quantity:two", "1", "line number, e.g. quantity:2"),
        ("gross_total", "1.471,60", "written as 1234.56"),
        ("gross_total", "NaN", "written as 1234.56"),
        ("issue_date", "31.03.2026", "written as 2026-03-31"),
    ):
        with pytest.raises(KnownFailure, match=told):
            desk.correct(anna, held.id, {name: value}, "")


def test_a_posted_document_is_not_read_again(make_office: MakeOffice) -> None:
    office = make_office("02")
    night.run(office, ("records", "invoices"))
    row = _only(office)
    assert row.state == "posted"
    with pytest.raises(KnownFailure, match="is posted"):
        desk.replay(office.acting("person:anna"), row.id, "")


def test_an_undone_match_is_never_made_again(make_office: MakeOffice) -> None:
    office = make_office("32")
    night.run(office, ("records", "statements"))
    with office.database.begin() as tx:
        lines = [b for b in queries.bank_rows(tx, ("posted",)) if b.match and b.match.allocations]
    line = lines[0]
    assert line.match is not None
    items = {a.item_id for a in line.match.allocations}
    reconciliation.undo_match(office.acting("person:anna"), line.id, "wrong customer")
    night.run(office, ("statements",))
    with office.database.begin() as tx:
        after = next(b for b in queries.bank_rows(tx) if b.id == line.id)
    assert after.match is not None
    assert not items & {a.item_id for a in after.match.allocations}
    assert after.state != "posted"


@pytest.mark.parametrize("kind", ["invoice", "receipt", "unknown"])
def test_what_is_advised_can_be_typed(kind: str) -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    held = queries.DocumentRow(
        id="ab" * 32,
        state="held",
        by_hand=False,
        kind=kind,
        name="paper.pdf",
        origin="",
        sender="",
        subject="",
        number=None,
        vendor_id=None,
        vendor_name=None,
        issue_date=None,
        gross=None,
        seen_at=now,
        changed_at=now,
        confidence=None,
        findings=(),
    )
    for code in CATALOGUE:
        blocking = finding(code, severity=Severity.BLOCK)
        for command in next_steps.for_document(dataclasses.replace(held, findings=(blocking,))):
            names = set(re.findall(r" ([a-z_]+)=", command))
            assert names <= FIELDS.keys(), f"{code}: {command}"
