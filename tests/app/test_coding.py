"""Coding: booked when the office's own bookings make it sure, shown when they do not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from app import night
from app.audit import story
from app.codec import load_posting
from app.ledger import invoice_posting
from app.masterdata import every, save
from app.office import Office
from app.sections import Ledger
from app.tables import documents, invoices, postings
from matching.coding import Coding, Suggestion
from records.bookings import CodedLine
from records.invoices import Invoice, Line
from records.matches import InvoiceMatch
from records.purchasing import Vendor
from tests.app.conftest import MakeOffice


def _bookings(vendor_id: str, times: int) -> list[CodedLine]:
    return [
        CodedLine(
            id=f"{vendor_id}-{number}",
            vendor_id=vendor_id,
            account="3400",
            cost_centre="K1",
            tax_code="VSt19",
            vat_rate=Decimal(19),
            booked_on=date(2026, 1, 1),
        )
        for number in range(times)
    ]


def _posted(office: Office, times: int) -> tuple[list[str], dict[str, object], list[str]]:
    """Return accounts of the ledger lines, the first Lines row, and the audited coding."""
    night.run(office, ("records",))
    with office.database.begin() as tx:
        for vendor in list(every(tx, Vendor)):
            save(tx, office, "test", _bookings(vendor.id, times))
    night.run(office, ("invoices",))
    with office.database.begin() as tx:
        kept = tx.execute(select(postings.c.data, postings.c.subject)).one()
        assert tx.execute(select(documents.c.state)).scalar_one() == "posted"
        assert tx.execute(select(invoices.c.vendor_id)).scalar_one()
        posting = load_posting(kept.data)
        (decided,) = [e for e in story(tx, kept.subject) if e.action == "post"]
    assert posting.balance == 0
    book = load_workbook(office.settings.plugin("posters", "ledger").settings.path)
    head, first, *_ = book["Lines"].iter_rows(values_only=True)
    row = dict(zip(map(str, head), first, strict=True))
    return [line.account for line in posting.lines], row, decided.evidence.get("coding", [])


def test_a_sure_coding_is_booked(make_office: MakeOffice) -> None:
    accounts, row, told = _posted(make_office("02"), 60)
    assert accounts == ["3400", "1570", "1600"]
    assert (row["Account"], row["Cost centre"], row["Tax code"]) == ("3400", "K1", "VSt19")
    assert "60 of the last 60 bookings of this vendor" in told[0]


def test_an_unsure_coding_is_shown_and_not_booked(make_office: MakeOffice) -> None:
    # Twenty-two vendors with two bookings each: too few trials to be sure of the next.
    accounts, row, _ = _posted(make_office("02"), 2)
    assert accounts == ["4900", "1570", "1600"]
    assert (row["Account"], row["Cost centre"], row["Tax code"]) == ("4900", None, None)
    assert str(row["Coding"]).startswith("proposed only: account 3400 (95.7%")


def test_without_bookings_nothing_is_said_of_coding(make_office: MakeOffice) -> None:
    accounts, row, told = _posted(make_office("02"), 0)
    assert accounts == ["4900", "1570", "1600"]
    assert "Coding" not in row
    assert told == []


def _coding(line: int, account: str, confidence: float) -> Coding:
    said = Suggestion(value=account, confidence=confidence, evidence="")
    return Coding(line=line, account=said, tax_code=said)


@pytest.mark.parametrize(
    ("nets", "charge", "expected"),
    [
        (["60", "40"], None, {"3400": 60, "4900": 40}),
        (["60", "30"], "10", {"3400": 60, "4900": 40}),
        (["71.40", "47.60"], None, {"4900": 100}),  # lines with tax
    ],
)
@pytest.mark.parametrize("type_code", ["380", "381"])
def test_lines_are_coded_apart_and_balance(
    nets: list[str], charge: str | None, expected: dict[str, int], type_code: str
) -> None:
    invoice = Invoice(
        number="R-1",
        type_code=type_code,
        currency="EUR",
        lines=tuple(Line(number=n, net_amount=Decimal(net)) for n, net in enumerate(nets, 1)),
        charge_total=Decimal(charge) if charge else None,
        net_total=Decimal(100),
        tax_total=Decimal(19),
        gross_total=Decimal(119),
    )
    codings = [_coding(1, "3400", 0.99), _coding(2, "3500", 0.97)]
    match = InvoiceMatch(invoice_id="D", status="matched", vendor_id="V1")
    posting = invoice_posting("ledger", "D", 1, invoice, match, Ledger(), "", codings, 0.98)
    assert posting.balance == 0
    sign = invoice.sign
    booked = {line.account: sign * line.amount for line in posting.lines}
    assert booked == {**expected, "1570": 19, "1600": -119}
