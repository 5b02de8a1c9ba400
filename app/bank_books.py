"""The books as bank movements need them: what is open, ours and listed, and who paid for whom."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, select

from app.codec import unplain
from app.masterdata import every, everything, vendor_directory
from app.payers import known_names, known_payers
from app.tables import allocations, documents, forbidden, invoices
from matching.payment_proposals import paid_by, retained
from matching.payments import Books
from matching.payments.twins import twins
from records.banking import (
    CardSettlement,
    FxRate,
    OpenItem,
    OwnAccount,
    PaymentRun,
    PaymentRunItem,
    PayrollRun,
)
from records.invoices import Invoice
from records.matches import Retention
from records.money import Money
from records.purchasing import Contract, Customer, Vendor

#: Minor units by item: cash and what is written off.
Settled = dict[str, tuple[int, int]]


def gather_books(tx: Connection) -> Books:
    """Return everything a bank movement can be about, with what is still open of it."""
    return gather_again(tx, ())[0]


def gather_again(tx: Connection, movements: Iterable[str]) -> tuple[Books, dict[str, Settled]]:
    """Return the books as if these movements had settled nothing, and what each did settle."""
    vendors = everything(tx, Vendor)
    listed = list(every(tx, OpenItem))
    ours = list(_own_payables(tx))
    # What was settled before the office's list held an item counts for the listed one.
    same = twins(listed, ours, vendor_directory(tx)) if ours else {}
    paid_as = {same[o.id]: o.pays_by for o in ours if o.id in same and o.pays_by}
    listed = [
        dataclasses.replace(item, pays_by=paid_as[item.id])
        if item.id in paid_as and item.pays_by is None
        else item
        for item in listed
    ]
    stored: dict[str, Settled] = {name: {} for name in movements}
    settled: dict[str, int] = defaultdict(int)
    reopened: dict[str, int] = defaultdict(int)
    for row in tx.execute(select(allocations)):
        item_id = same.get(row.item_id, row.item_id)
        total = row.amount_minor + row.writeoff_minor
        of_line = stored.get(row.transaction_id)
        if of_line is None:
            settled[item_id] += total
        else:
            cash, written_off = of_line.get(item_id, (0, 0))
            of_line[item_id] = (cash + row.amount_minor, written_off + row.writeoff_minor)
            reopened[item_id] += total
    books = Books(
        own_accounts=tuple(every(tx, OwnAccount)),
        vendors=vendors,
        customers=tuple(every(tx, Customer)),
        items=tuple(
            _still_open(item, settled[item.id], reopened[item.id])
            if item.id in settled or item.id in reopened
            else item
            for item in (*listed, *(one for one in ours if one.id not in same))
        ),
        payment_runs=tuple(every(tx, PaymentRun)),
        payment_run_items=tuple(
            dataclasses.replace(row, item_id=same[row.item_id]) if row.item_id in same else row
            for row in every(tx, PaymentRunItem)
        ),
        card_settlements=tuple(every(tx, CardSettlement)),
        payroll_runs=tuple(every(tx, PayrollRun)),
        contracts=tuple(every(tx, Contract)),
        fx_rates=tuple(every(tx, FxRate)),
        known_payers=tuple(known_payers(tx)),
        known_names=tuple(known_names(tx)),
        forbidden=frozenset(
            (row.transaction_id, same.get(row.item_id, row.item_id))
            for row in tx.execute(select(forbidden))
        ),
    )
    return books, stored


def twin_items(tx: Connection) -> dict[str, str]:
    """Return which of our own payables the office's list holds too, with the id there."""
    ours = list(_own_payables(tx))
    return twins(every(tx, OpenItem), ours, vendor_directory(tx)) if ours else {}


def _still_open(item: OpenItem, settled: int, reopened: int) -> OpenItem:
    """Return the item with what is left of it: by its source and by our own postings.

    The source may know of our postings or not yet: the smaller rest is believed.
    """
    left = item.gross.rounded().minor - settled
    if item.open is not None and abs(item.open.minor + reopened) < abs(left):
        left = item.open.minor + reopened
    return dataclasses.replace(item, open=Money.of_minor(left, item.gross.currency))


def _own_payables(tx: Connection) -> Iterable[OpenItem]:
    """Yield what we posted ourselves, whether or not the office's own list holds it by now."""
    query = select(invoices, documents.c.state).join(
        documents, documents.c.id == invoices.c.document_id
    )
    for row in tx.execute(query.where(documents.c.state == "posted")):
        invoice = unplain(Invoice, row.data)
        kept = (row.match or {}).get("retention")
        retention = unplain(Retention, kept) if kept else None
        due = invoice.amount_due if invoice.amount_due is not None else invoice.payable
        if retention is not None:
            due = invoice.payable  # whether or not the vendor took off what is kept back
        if due is None or invoice.currency is None:
            continue
        item = OpenItem(
            id=row.document_id,
            kind="ap_credit_note" if invoice.is_credit_note else "ap_invoice",
            party_id=row.vendor_id,
            party_name=invoice.seller.name or "",
            party_iban=invoice.ibans[0] if invoice.ibans else None,
            party_vat_id=invoice.seller.vat_id,
            number=invoice.number,
            issue_date=invoice.issue_date,
            due_date=invoice.due_date,
            gross=Money(-invoice.sign * due, invoice.currency),
            skonto_percent=invoice.skonto_percent,
            skonto_until=invoice.skonto_until,
            pays_by=paid_by(invoice.payment_means_code),
        )
        if retention is None or retention.amount >= due:
            yield item
        else:
            yield from retained(item, retention.amount, retention.until)
