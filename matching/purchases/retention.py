"""Retention: what the order says is kept back of every invoice, owed on a later day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from matching.purchases.books import PurchaseBooks
from records.findings import Finding, finding
from records.invoices import Invoice
from records.matches import OrderAllocation, Retention
from records.money import digits_of, round_half_up

_ZERO = Decimal(0)


def agreed_retention(
    invoice: Invoice, allocations: Iterable[OrderAllocation], books: PurchaseBooks
) -> tuple[Retention | None, tuple[Finding, ...]]:
    """Return what is kept back of an invoice as its orders agree, and a note that says so.

    The percentage is of the gross; lines without one keep nothing back. It is
    a residual of the same invoice, not a short payment. Source: the order,
    never the invoice: what a vendor or a paper claims changes nothing.
    """
    gross, net, issued = invoice.gross_total, invoice.net_total, invoice.issue_date
    if not gross or not net or issued is None:
        return None, ()
    kept, days, percents = _ZERO, 0, set()
    for one in allocations:
        line = books.position((one.order_id, one.order_line)).latest
        if line.retention_percent:
            kept += one.amount * line.retention_percent / 100
            days = max(days, line.retention_days)
            percents.add(line.retention_percent)
    amount = round_half_up(kept * gross / net, digits_of(invoice.currency or ""))
    if amount <= 0:
        return None, ()
    retention = Retention(amount=amount, until=issued + timedelta(days=days))
    shown = " and ".join(f"{p.normalize():f} %" for p in sorted(percents))
    note = finding(
        "retention_kept",
        where=f"invoice {invoice.number}",
        expected=f"{shown} until {retention.until.isoformat()}",
        actual=amount,
    )
    return retention, (note,)


def without_retained(
    findings: Iterable[Finding], invoice: Invoice, retention: Retention | None
) -> tuple[Finding, ...]:
    """Leave out the complaint about an amount due that is lower by just what is retained."""
    full, due = invoice.payable, invoice.amount_due
    agreed = retention is not None and full is not None and due == full - retention.amount
    return tuple(f for f in findings if not (agreed and f.code == "amount_due_mismatch"))
