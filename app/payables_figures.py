"""Ageing, accruals, discounts and price variance: read from the books, written as sheet rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, select

from app.codec import load, unplain
from app.masterdata import every, vendor_directory
from app.payables import Proposal, proposals, still_owed
from app.tables import allocations, documents, invoices, matches, order_allocations
from matching.billed_elsewhere import billed_elsewhere
from matching.duplicates import EarlierInvoice
from matching.payables import (
    Accrual,
    AgedPayables,
    Discounts,
    PriceVariance,
    Settling,
    accruals,
    aged_payables,
    discounts,
    price_variances,
)
from matching.purchases import PurchaseBooks
from records.banking import OpenItem, PaymentRunItem
from records.invoices import CREDIT_NOTE_CODES, Invoice, Party, ReceivedInvoice
from records.matches import Match, OrderAllocation
from records.money import Money
from records.postings import Posting, Row, Value
from records.purchasing import OrderLine, ReceiptLine, UnitConversion, Vendor

#: Orders named in a row of accruals; more are counted.
_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything the payables sheets say on one day; `waiting` are proposals nobody released."""

    day: date
    aged: tuple[AgedPayables, ...]
    accruals: tuple[Accrual, ...]
    discounts: tuple[Discounts, ...]
    variances: tuple[PriceVariance, ...]
    waiting: tuple[Proposal, ...]

    @property
    def told(self) -> tuple[tuple[str, list[Money]], ...]:
        """Return the totals by currency, each with its name, as the report tells them."""
        aged, kept = self.aged, self.discounts
        return (
            ("Owed", _by_currency((row.currency, row.total) for row in aged)),
            ("Overdue", _by_currency((row.currency, row.overdue) for row in aged)),
            (
                "Received and not invoiced, net",
                _by_currency((row.currency, row.amount) for row in self.accruals),
            ),
            ("Discounts won", _by_currency((row.currency, row.won) for row in kept)),
            ("Discounts lost", _by_currency((row.currency, row.lost) for row in kept)),
            (
                "Billed above ordered prices",
                _by_currency((row.currency, row.variance) for row in self.variances),
            ),
        )


def _by_currency(amounts: Iterable[tuple[str, Decimal]]) -> list[Money]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        sums[currency] += amount
    return [Money(amount, currency) for currency, amount in sorted(sums.items()) if amount]


def figures(tx: Connection, day: date) -> Figures:
    """Read the payables' figures as they stand on a day."""
    vendors = list(every(tx, Vendor))
    directory = vendor_directory(tx)
    owed = still_owed(tx)
    posted = list(_posted(tx))
    order_lines = list(every(tx, OrderLine))
    books = PurchaseBooks(
        vendors=directory,
        order_lines=order_lines,
        receipts=every(tx, ReceiptLine),
        conversions=every(tx, UnitConversion),
        billed=[allocation for allocation, _, _ in posted],
        earlier=_seen(tx),
    )
    elsewhere = billed_elsewhere(_imported(tx, vendors), books)
    orders = {line.order_id for line in order_lines} - elsewhere.unsure
    return Figures(
        day=day,
        aged=tuple(aged_payables(owed, directory, day)),
        accruals=tuple(accruals(books, sorted(orders), directory, elsewhere.values)),
        discounts=tuple(discounts(_settling(tx, owed), directory, day)),
        variances=tuple(price_variances([*posted, *elsewhere.lines], books, directory)),
        waiting=tuple(p for p in proposals(tx, "proposed") if p.draft.payments),
    )


def _seen(tx: Connection) -> Iterator[EarlierInvoice]:
    """Yield what came in here, so that another system's record of it counts no second time."""
    states = documents.c.state.in_(("posted", "decided"))
    query = select(invoices.c.earlier).join(documents, documents.c.id == invoices.c.document_id)
    for earlier in tx.execute(query.where(states)).scalars():
        if earlier:
            yield unplain(EarlierInvoice, earlier)


def _imported(tx: Connection, vendors: Iterable[Vendor]) -> Iterator[tuple[str, Invoice]]:
    """Yield the invoices another system gave us, in the order it did; items show only totals."""
    told: set[str] = set()
    for received in every(tx, ReceivedInvoice):
        told.add(received.id)
        yield received.id, received.invoice
    by_id = {vendor.id: vendor for vendor in vendors}
    for item in every(tx, OpenItem):
        if item.kind != "ap_invoice" or not item.order_ref or item.id in told:
            continue
        vendor = by_id.get(item.party_id or "")
        yield (
            item.id,
            Invoice(
                number=item.number,
                issue_date=item.issue_date,
                type_code="380",
                currency=item.gross.currency,
                order_refs=(item.order_ref,),
                seller=Party(
                    name=vendor.name if vendor else item.party_name,
                    vat_id=vendor.vat_id if vendor else item.party_vat_id,
                ),
                gross_total=abs(item.gross.amount),
            ),
        )


def _posted(tx: Connection) -> Iterator[tuple[OrderAllocation, str, date | None]]:
    """Yield what posted invoices billed of orders; credit notes have no price of their own."""
    query = (
        select(order_allocations, invoices.c.currency, invoices.c.issue_date, invoices.c.type_code)
        .join(invoices, invoices.c.document_id == order_allocations.c.document_id)
        .join(documents, documents.c.id == order_allocations.c.document_id)
        .where(documents.c.state.in_(("posted", "decided")), invoices.c.currency.is_not(None))
    )
    for row in tx.execute(query):
        if row.type_code not in CREDIT_NOTE_CODES:
            allocation = OrderAllocation(
                invoice_line=row.invoice_line,
                order_id=row.order_id,
                order_line=row.order_line,
                quantity=Decimal(row.quantity),
                amount=Decimal(row.amount),
            )
            day = date.fromisoformat(row.issue_date) if row.issue_date else None
            yield allocation, row.currency, day


def _settling(tx: Connection, owed: Iterable[OpenItem]) -> Iterator[Settling]:
    """Yield items with a discount, with what the bank or an order kept back of them.

    A bank's charge or a short payment is no discount, though the item is settled.
    """
    offered = {item.id: item for item in owed if item.skonto_percent}
    kept = _kept_back(tx, offered)
    ordered = {row.item_id: row.amount.amount for row in every(tx, PaymentRunItem)}
    for item in offered.values():
        if item.id in kept:
            amount: Decimal | None = kept[item.id]
        elif item.id in ordered:
            amount = -item.gross.amount - ordered[item.id]
        elif item.open is not None and not item.open.amount:
            continue  # paid before our time: nobody knows how much
        else:
            amount = None
        yield Settling(item=item, kept=amount)


def _kept_back(tx: Connection, items: Container[str]) -> dict[str, Decimal]:
    """Return what the bank's movements kept back as discount of each of the items they settled."""
    query = select(allocations.c.item_id, matches.c.data).join(
        matches,
        (matches.c.transaction_id == allocations.c.transaction_id)
        & (matches.c.revision == allocations.c.revision),
    )
    kept: dict[str, Decimal] = {}
    for row in tx.execute(query):
        if row.item_id in items:
            found = kept.setdefault(row.item_id, Decimal(0))
            for one in load(Match, row.data).adjustments:
                if one.kind == "skonto_writeoff" and one.item_id == row.item_id:
                    found -= one.amount.amount
            kept[row.item_id] = found
    return kept


def figures_posting(target: str, given: Figures) -> Posting | None:
    """Return the rows of the four sheets for one day; None where there is nothing to say."""
    rows = [*_aged(given), *_accruals(given), *_discounts(given), *_variances(given)]
    if not rows:
        return None
    day = given.day.isoformat()
    return Posting(
        key=f"{target}/payables/{day}",
        target=target,
        kind="payables",
        subject=f"payables {day}",
        date=given.day,
        rows=tuple(rows),
    )


def _row(sheet: str, given: Figures, vendor: _PerVendor, values: dict[str, Value]) -> Row:
    lead: dict[str, Value] = {
        "Date": given.day,
        "Vendor": vendor.vendor_id,
        "Vendor name": vendor.vendor,
        "Currency": vendor.currency,
    }
    key = f"{given.day}/{vendor.vendor_id}/{vendor.currency}"
    return Row(sheet=sheet, key=key, values={**lead, **values})


_PerVendor = AgedPayables | Accrual | Discounts | PriceVariance


def _aged(given: Figures) -> Iterator[Row]:
    for one in given.aged:
        values: dict[str, Value] = {
            "Total": one.total,
            "Not due": one.not_due,
            "1-30 days": one.to_30,
            "31-60 days": one.to_60,
            "61-90 days": one.to_90,
            "Over 90 days": one.older,
            "No due date": one.unknown,
        }
        yield _row("Aged payables", given, one, values)


def _accruals(given: Figures) -> Iterator[Row]:
    for one in given.accruals:
        more = len(one.orders) - _NAMED
        orders = ", ".join(one.orders[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield _row("Accruals", given, one, {"Not invoiced, net": one.amount, "Orders": orders})


def _discounts(given: Figures) -> Iterator[Row]:
    for one in given.discounts:
        values: dict[str, Value] = {"Won": one.won, "Lost": one.lost, "Still open": one.open}
        yield _row("Discounts", given, one, values)


def _variances(given: Figures) -> Iterator[Row]:
    for one in given.variances:
        values: dict[str, Value] = {
            "At ordered prices": one.ordered,
            "Billed": one.billed,
            "Variance": one.variance,
            "Variance, %": one.percent,
        }
        yield _row("Price variance", given, one, values)
