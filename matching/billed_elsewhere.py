"""What another system booked of our orders: billed as well, though it never came in here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from matching.policy import Policy
from matching.purchases import PurchaseBooks, match_invoice
from matching.purchases.books import PREPAYMENT
from matching.purchases.references import named_orders
from records.invoices import Invoice
from records.matches import OrderAllocation

#: An allocation with the invoice's currency and date, as price variance wants it.
Billed = tuple[OrderAllocation, str, date | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledElsewhere:
    """What invoices of another system billed of our orders.

    `lines` are those whose lines could be placed. `values` are the others that
    name orders and say how much: (orders, net amount in the orders' currency).
    `unsure` are orders named by an invoice that says nothing to compare.
    """

    lines: tuple[Billed, ...] = ()
    values: tuple[tuple[tuple[str, ...], Decimal], ...] = ()
    unsure: frozenset[str] = frozenset()


def billed_elsewhere(given: Iterable[tuple[str, Invoice]], books: PurchaseBooks) -> BilledElsewhere:
    """Place the invoices of another system, (id, invoice) in order of receipt, on our orders.

    `books` consume what is placed. An invoice they know already, because it
    came in here as well, is left out; credit notes and prepayments bill
    nothing.
    """
    lines: list[Billed] = []
    values: list[tuple[tuple[str, ...], Decimal]] = []
    unsure: set[str] = set()
    policy = Policy()
    for invoice_id, invoice in given:
        if invoice.is_credit_note or invoice.type_code == PREPAYMENT:
            continue
        match = match_invoice(invoice_id, invoice, books, policy)
        if match.duplicate_of is not None:
            continue
        books.consume(invoice_id, invoice, match)
        if match.allocations:
            currency = invoice.currency or ""
            lines += [(one, currency, invoice.issue_date) for one in match.allocations]
            continue
        group = books.vendors.group_of(match.vendor_id or "")
        if group is None:
            unsure.update(invoice.order_refs)
            continue
        orders = named_orders(invoice, group.id, books).exact
        net = _net(invoice, orders, books)
        if net is None:
            unsure.update(orders)
        elif orders:
            values.append((orders, net))
    return BilledElsewhere(lines=tuple(lines), values=tuple(values), unsure=frozenset(unsure))


def _net(invoice: Invoice, orders: Iterable[str], books: PurchaseBooks) -> Decimal | None:
    """Return the net amount; from the gross where all lines ordered bear one VAT rate."""
    ordered = [p.latest for order_id in orders for p in books.positions(order_id)]
    if any(line.currency != invoice.currency for line in ordered):
        return None
    if invoice.net_total is not None or invoice.gross_total is None:
        return invoice.net_total
    rates = {line.vat_rate for line in ordered}
    rate = rates.pop() if len(rates) == 1 else None
    return None if rate is None else invoice.gross_total * 100 / (100 + rate)
