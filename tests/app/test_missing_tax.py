"""An invoice whose tax nobody knows is booked by nobody, not as if none were charged."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from app import next_steps, night, queries
from app.actions import desk
from app.codec import load_posting
from app.flow import Direct
from app.office import Office
from app.settings import load as load_settings
from app.tables import postings
from records.failures import KnownFailure
from records.invoices import Invoice
from tests.app.paper_mail import WERK_NORD, Letter, write_mailbox, write_table

PAGE = """
Hansa Schrauben GmbH                   Invoice No: T-20001
DE811907980                            Invoice Date: 2026-03-10

INVOICE

Total due                                     EUR    119,00
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office that got a page with a total and nothing of its tax."""
    (tmp_path / "config.yaml").write_text(WERK_NORD, encoding="utf-8")
    sender = "Hansa Schrauben GmbH <rechnung@hansa-schrauben.example>"
    passed = {"Authentication-Results": "mx.werk-nord.example; dmarc=pass"}
    letter = Letter(invoice=Invoice(), sender=sender, form="page", text=PAGE, headers=passed)
    write_mailbox(tmp_path / "inbox", [letter])
    vendor = {"vendor_id": "V1", "name": "Hansa Schrauben GmbH", "vat_id": "DE811907980"}
    vendor |= {"country": "DE", "email_domains": "hansa-schrauben.example"}
    write_table(tmp_path / "records/vendors.csv", [vendor])
    made = Office.open(load_settings(tmp_path / "config.yaml"))
    assert not night.run(made, ("records", "invoices")).failures
    yield made
    made.database.dispose()


def _row(office: Office) -> queries.DocumentRow:
    with office.database.begin() as tx:
        (row,) = queries.document_rows(tx)
    return row


def _go_on(office: Office, work: str) -> None:
    flow = Direct(office)
    flow.each(night.bot(office, "invoices").process, [work])
    assert not flow.failures


def test_an_unknown_tax_is_asked_for_and_cannot_be_waved_through(office: Office) -> None:
    held = _row(office)
    assert held.state == "held"
    assert ("missing_field", "Tax total") in {(f.code, f.expected) for f in held.findings}
    assert [command.split()[1] for command in next_steps.for_document(held)] == [
        "correct",
        "reject",
    ]
    anna = office.acting("person:anna")
    with pytest.raises(KnownFailure, match=r"nobody knows its tax_total.*correct"):
        desk.approve(anna, held.id, "looks right")
    _go_on(anna, desk.correct(anna, held.id, {"tax_total": "19.00"}, "as the vendor says"))
    if _row(office).state == "held":
        _go_on(anna, desk.approve(anna, held.id, "no order needed"))
    assert _row(office).state == "posted"
    with office.database.begin() as tx:
        kept = tx.execute(select(postings.c.data).where(postings.c.kind == "invoice")).scalar_one()
    lines = {line.account: line.amount for line in load_posting(kept).lines}
    ledger = office.settings.ledger
    assert lines[ledger.input_tax] == Decimal("19.00")
    assert lines[ledger.payables] == Decimal("-119.00")
