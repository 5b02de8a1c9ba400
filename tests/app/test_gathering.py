"""What concerns one invoice is gathered without reading all records for every document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, event

from app.gathering import books_for
from app.masterdata import everything, save
from app.office import Office
from records.invoices import Invoice, Party, ReceivedInvoice
from records.purchasing import Vendor
from tests.app.conftest import MakeOffice

IMPORTED = 300


def _vendor(number: int) -> Vendor:
    return Vendor(
        id=f"V{number}", name=f"Lieferant {number} GmbH", vat_id=f"DE{100000000 + number}"
    )


def _invoice(vendor: Vendor, number: int) -> Invoice:
    return Invoice(
        number=f"RE-{number:05d}",
        issue_date=date(2026, 3, 1),
        currency="EUR",
        seller=Party(name=vendor.name, vat_id=vendor.vat_id),
        gross_total=Decimal(100 + number),
    )


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    """Return an office whose other system booked hundreds of invoices."""
    made = make_office()
    vendors = [_vendor(number) for number in range(10)]
    booked = [
        ReceivedInvoice(id=f"R{n}", invoice=_invoice(vendors[n % 10], n)) for n in range(IMPORTED)
    ]
    with made.database.begin() as tx:
        save(tx, made, "test", [*vendors, *booked])
    return made


@contextmanager
def _kinds_read(tx: Connection) -> Iterator[list[str]]:
    """List each kind of record whose rows are read in full meanwhile."""
    read: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "records.data" in statement and "records.party" not in statement:
            read.append(parameters[0])

    event.listen(tx, "before_cursor_execute", note)
    yield read
    event.remove(tx, "before_cursor_execute", note)


def test_what_others_booked_is_read_once_a_night_not_once_a_document(office: Office) -> None:
    with office.database.begin() as tx, _kinds_read(tx) as read:
        for number in (3, 13, 23, 4):
            invoice = _invoice(_vendor(number % 10), number)
            seen = books_for(tx, invoice, "new", None).history.check(
                "new", invoice, f"V{number % 10}"
            )
            assert seen.duplicate_of is not None and seen.duplicate_of.id == f"R{number}"
    assert read.count("received_invoice") == 1
    assert max(read.count(kind) for kind in read) <= 2  # vendors: as a list, and with the imports


def test_what_is_imported_meanwhile_counts_from_the_next_document_on(office: Office) -> None:
    late = _invoice(_vendor(3), IMPORTED + 3)
    with office.database.begin() as tx:
        assert not books_for(tx, late, "new", None).history.by_number("V3", late.number or "")
        save(tx, office, "test", [ReceivedInvoice(id="late", invoice=late)])
        (known,) = books_for(tx, late, "new", None).history.by_number("V3", late.number or "")
    assert known.id == "late"


def test_what_was_read_and_undone_is_not_remembered(office: Office) -> None:
    """Another save follows the one rolled back, at the same moment and of as many records."""

    def known(tx: Connection) -> set[str]:
        return {vendor.id for vendor in everything(tx, Vendor)}

    with pytest.raises(ZeroDivisionError), office.database.begin() as tx:
        save(tx, office, "test", [_vendor(50)])
        assert "V50" in known(tx)
        raise ZeroDivisionError
    with office.database.begin() as tx:
        save(tx, office, "test", [_vendor(51)])
        assert "V51" in known(tx) and "V50" not in known(tx)
