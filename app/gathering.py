"""What concerns one invoice: its vendor's slice of the books, its message, its sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection, select

from app.codec import unplain
from app.masterdata import everything, remembered, those_of, vendor_directory
from app.office import Office
from app.tables import documents, invoices, messages, order_allocations
from matching.duplicates import EarlierInvoice
from matching.purchases import PurchaseBooks
from matching.purchases.books import as_earlier
from matching.senders import check_sender, domain_of
from matching.vendors import VendorDirectory
from records.documents import Message
from records.findings import Finding
from records.invoices import Invoice, ReceivedInvoice
from records.matches import InvoiceMatch, OrderAllocation
from records.money import Money
from records.purchasing import Contract, OrderLine, ReceiptLine, UnitConversion, Vendor


def message_of(tx: Connection, key: str | None) -> Message | None:
    """Return the message a document came with; None when it came another way."""
    if key is None:
        return None
    data = tx.execute(select(messages.c.data).where(messages.c.key == key)).scalar()
    return None if data is None else unplain(Message, data)


def books_for(
    tx: Connection, invoice: Invoice, document_id: str, message: Message | None
) -> PurchaseBooks:
    """Gather what concerns this invoice's vendor, and the orders it names."""
    vendors = vendor_directory(tx)
    found = vendors.identify(
        invoice.seller, invoice.ibans, domain_of(message.sender) if message else None
    )
    members = [v.id for v in found.group.members] if found.group else []
    members += [v.id for group in found.candidates for v in group.members]
    lines = list(those_of(tx, OrderLine, members))
    orders = {line.order_id for line in lines}
    billed = tx.execute(
        select(order_allocations).where(
            order_allocations.c.order_id.in_(orders),
            order_allocations.c.document_id != document_id,
        )
    )
    earlier = _earlier(tx, invoice, document_id, members)
    elsewhere = remembered(tx, _booked_elsewhere, Vendor, ReceivedInvoice)
    earlier += [e for vendor_id in members for e in elsewhere.get(vendor_id, ())]
    return PurchaseBooks(
        vendors=vendors,
        order_lines=lines,
        receipts=list(those_of(tx, ReceiptLine, orders)),
        conversions=everything(tx, UnitConversion),
        contracts=everything(tx, Contract),
        billed=[
            OrderAllocation(
                invoice_line=b.invoice_line,
                order_id=b.order_id,
                order_line=b.order_line,
                quantity=Decimal(b.quantity),
                amount=Decimal(b.amount),
            )
            for b in billed
        ],
        earlier=earlier,
    )


def _earlier(
    tx: Connection, invoice: Invoice, document_id: str, members: Sequence[str]
) -> list[EarlierInvoice]:
    """Return what we saw of this vendor, and of anybody for the same amount: doubles hide there."""
    same_gross = invoices.c.gross_minor == minor_of(invoice.gross_total, invoice.currency)
    rows = tx.execute(
        select(invoices.c.earlier, documents.c.state)
        .join(documents, documents.c.id == invoices.c.document_id)
        .where(invoices.c.vendor_id.in_(members) | same_gross)
        .where(invoices.c.document_id != document_id, documents.c.state != "rejected")
    )
    return [
        replace(unplain(EarlierInvoice, row.earlier), held=row.state == "held")
        for row in rows
        if row.earlier
    ]


def _booked_elsewhere(
    vendors: Iterable[Vendor], received: Iterable[ReceivedInvoice]
) -> Mapping[str, Sequence[EarlierInvoice]]:
    """Return what other systems booked, by vendor group: a second posting would be a duplicate."""
    directory = VendorDirectory(vendors)
    found: dict[str, list[EarlierInvoice]] = {}
    for one in received:
        known = directory.identify(one.invoice.seller, one.invoice.ibans)
        if known.group:
            result = InvoiceMatch(invoice_id=one.id, status="matched", vendor_id=known.group.id)
            earlier = as_earlier(one.id, one.invoice, result)
            found.setdefault(known.group.id, []).append(earlier)
    return found


def sender_findings(
    tx: Connection, office: Office, message: Message | None, result: InvoiceMatch
) -> tuple[Finding, ...]:
    """Doubt the sender: against the vendor it claims to be, and every domain we know."""
    if message is None or not message.sender:
        return ()
    vendors = everything(tx, Vendor)
    before = tx.execute(
        select(messages.c.sender)
        .join(documents, documents.c.message_key == messages.c.key)
        .where(documents.c.state == "posted")
        .distinct()
    ).scalars()
    known = {domain for vendor in vendors for domain in vendor.email_domains}
    known |= {domain for sender in before if (domain := domain_of(sender))}
    vendor = next((v for v in vendors if v.id == result.vendor_id), None)
    return check_sender(message, vendor, office.settings.company.trusted_hosts, known)


def minor_of(amount: Decimal | None, currency: str | None) -> int | None:
    """Return an amount in minor units, as the database keeps it; None while anything is unknown."""
    if amount is None or currency is None:
        return None
    return Money(amount, currency).rounded().minor
