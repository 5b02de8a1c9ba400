"""Ledger account, cost centre and tax code of invoice lines, by the office's own bookings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection

from app.masterdata import remembered, vendor_directory
from matching.coding import Coding, CodingHistory
from matching.vendors import VendorDirectory
from records.bookings import CodedLine
from records.invoices import Invoice
from records.purchasing import Vendor


def propose_coding(tx: Connection, invoice: Invoice, vendor_id: str | None) -> tuple[Coding, ...]:
    """Propose a coding for every line; () where the office gave no bookings to learn from."""
    if vendor_id is None:
        return ()
    history = remembered(tx, _history, Vendor, CodedLine)
    return history.propose(invoice, _group(vendor_directory(tx), vendor_id)) if history else ()


def _history(vendors: Iterable[Vendor], bookings: Iterable[CodedLine]) -> CodingHistory | None:
    in_time = sorted(bookings, key=lambda b: (b.booked_on or date.min, b.id))
    if not in_time:
        return None
    directory = VendorDirectory(vendors)
    return CodingHistory(
        dataclasses.replace(b, vendor_id=_group(directory, b.vendor_id)) for b in in_time
    )


def _group(vendors: VendorDirectory, vendor_id: str) -> str:
    group = vendors.group_of(vendor_id)
    return group.id if group else vendor_id
