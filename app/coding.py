"""Ledger account, cost centre and tax code of invoice lines, by the office's own bookings."""

from __future__ import annotations

import dataclasses
from datetime import date

from sqlalchemy import Connection

from app.masterdata import everything
from matching.coding import Coding, CodingHistory
from matching.vendors import VendorDirectory
from records.bookings import CodedLine
from records.invoices import Invoice
from records.purchasing import Vendor

#: The history made last, with the bookings it was made of: thousands of invoices share it.
_LAST: list[tuple[tuple[CodedLine, ...], CodingHistory]] = []


def propose_coding(tx: Connection, invoice: Invoice, vendor_id: str | None) -> tuple[Coding, ...]:
    """Propose a coding for every line; () where the office gave no bookings to learn from."""
    bookings = everything(tx, CodedLine)
    if not bookings or vendor_id is None:
        return ()
    vendors = VendorDirectory(everything(tx, Vendor))
    kept = next((made for given, made in _LAST if given is bookings), None)
    if kept is None:
        in_time = sorted(bookings, key=lambda b: (b.booked_on or date.min, b.id))
        kept = CodingHistory(
            dataclasses.replace(b, vendor_id=_group(vendors, b.vendor_id)) for b in in_time
        )
        _LAST[:] = [(bookings, kept)]
    return kept.propose(invoice, _group(vendors, vendor_id))


def _group(vendors: VendorDirectory, vendor_id: str) -> str:
    group = vendors.group_of(vendor_id)
    return group.id if group else vendor_id
