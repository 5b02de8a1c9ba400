"""Figures of what is owed: ageing, goods received and not invoiced, discounts, price variance.

One row per vendor and currency, vendors' doubles taken together. Amounts are
positive as the vendor sees them: what we owe. What cannot be known (no due
date, another currency than the order's) is counted apart or left out, and said
so where it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from matching.purchases import PurchaseBooks
from matching.vendors import VendorDirectory
from records.banking import OpenItem
from records.invoices import Party
from records.matches import OrderAllocation
from records.money import digits_of, round_half_up

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgedPayables:
    """What one vendor is owed, by days overdue; credit notes reduce what is not due.

    `unknown` is what has no due date.
    """

    vendor_id: str
    vendor: str
    currency: str
    not_due: Decimal = _ZERO
    to_30: Decimal = _ZERO
    to_60: Decimal = _ZERO
    to_90: Decimal = _ZERO
    older: Decimal = _ZERO
    unknown: Decimal = _ZERO

    @property
    def overdue(self) -> Decimal:
        """Return what should have been paid."""
        return self.to_30 + self.to_60 + self.to_90 + self.older

    @property
    def total(self) -> Decimal:
        """Return everything owed."""
        return self.not_due + self.overdue + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """Goods received of one vendor and not invoiced, net at the order's latest price."""

    vendor_id: str
    vendor: str
    currency: str
    amount: Decimal
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounts:
    """Early-payment discounts of one vendor: taken, let go, and still to be had."""

    vendor_id: str
    vendor: str
    currency: str
    won: Decimal = _ZERO
    lost: Decimal = _ZERO
    open: Decimal = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What became of an item with a discount: `kept` back of it, None while nothing was paid."""

    item: OpenItem
    kept: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceVariance:
    """What one vendor billed of its orders, net, beside the same quantities at ordered prices."""

    vendor_id: str
    vendor: str
    currency: str
    ordered: Decimal
    billed: Decimal

    @property
    def variance(self) -> Decimal:
        """Return what was billed above (positive) or below the order."""
        return self.billed - self.ordered

    @property
    def percent(self) -> Decimal | None:
        """Return the variance in per cent of the ordered value."""
        return None if not self.ordered else round_half_up(self.variance / self.ordered * 100)


_Key = tuple[str, str]


def aged_payables(
    items: Iterable[OpenItem], vendors: VendorDirectory, on: date
) -> list[AgedPayables]:
    """Age what stands open on a day by its due date."""
    sums: dict[_Key, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    names: dict[_Key, str] = {}
    for item in items:
        owed = -(item.gross.amount if item.open is None else item.open.amount)
        if owed == 0 or not item.kind.startswith("ap_"):
            continue
        vendor_id, name = _vendor(item, vendors)
        key = (vendor_id, item.gross.currency)
        names[key] = name
        sums[key][_bucket(item, owed, on)] += owed
    return [
        AgedPayables(vendor_id=key[0], vendor=names[key], currency=key[1], **buckets)
        for key, buckets in sorted(sums.items())
    ]


def _bucket(item: OpenItem, owed: Decimal, on: date) -> str:
    if owed < 0:
        return "not_due"
    if item.due_date is None:
        return "unknown"
    days = (on - item.due_date).days
    limits = ((0, "not_due"), (30, "to_30"), (60, "to_60"), (90, "to_90"))
    return next((name for limit, name in limits if days <= limit), "older")


def _vendor(item: OpenItem, vendors: VendorDirectory) -> tuple[str, str]:
    group = vendors.group_of(item.party_id) if item.party_id else None
    if group is None and not item.party_id:
        group = vendors.identify(Party(name=item.party_name, vat_id=item.party_vat_id)).group
    if group is None:
        return item.party_id or item.party_name, item.party_name
    return group.id, group.main.name


def accruals(
    books: PurchaseBooks,
    orders: Iterable[str],
    vendors: VendorDirectory,
    values: Iterable[tuple[tuple[str, ...], Decimal]] = (),
) -> list[Accrual]:
    """Value what was received of these orders and is not billed in the books.

    `values` are (orders, net) of invoices known by their total only: they
    reduce what is open on the orders they name, one after the other.
    """
    open_ = {order_id: _unbilled(books, order_id) for order_id in orders}
    for named, net in values:
        for order_id in named:
            taken = min(net, open_.get(order_id, _ZERO))
            net -= taken
            if taken:
                open_[order_id] -= taken
    sums: dict[_Key, Decimal] = defaultdict(Decimal)
    by_vendor: dict[_Key, list[str]] = defaultdict(list)
    for order_id, amount in open_.items():
        if amount > 0:
            first = books.positions(order_id)[0]
            key = (first.group_id, first.latest.currency)
            sums[key] += amount
            by_vendor[key].append(order_id)
    return [
        Accrual(
            vendor_id=key[0],
            vendor=_name(key[0], vendors),
            currency=key[1],
            amount=round_half_up(amount, digits_of(key[1])),
            orders=tuple(sorted(by_vendor[key])),
        )
        for key, amount in sorted(sums.items())
    ]


def _unbilled(books: PurchaseBooks, order_id: str) -> Decimal:
    """Return what is received of an order and not billed, net at its latest prices."""
    return sum(
        (
            max(books.received(p) - books.billed(p), _ZERO) * p.latest.unit_price
            for p in books.positions(order_id)
        ),
        _ZERO,
    )


def discounts(given: Iterable[Settling], vendors: VendorDirectory, on: date) -> list[Discounts]:
    """Say what early payment earned and what paying late cost, of discounts offered."""
    sums: dict[_Key, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    names: dict[_Key, str] = {}
    for one in given:
        item = one.item
        if not item.skonto_percent or item.skonto_until is None or item.gross.amount >= 0:
            continue
        currency = item.gross.currency
        offered = round_half_up(-item.gross.amount * item.skonto_percent / 100, digits_of(currency))
        vendor_id, name = _vendor(item, vendors)
        names[vendor_id, currency] = name
        won = min(max(one.kept or _ZERO, _ZERO), offered)
        over = one.kept is not None or on > item.skonto_until
        row = sums[vendor_id, currency]
        row["won"] += won
        row["lost" if over else "open"] += offered - won
    return [
        Discounts(vendor_id=key[0], vendor=names[key], currency=key[1], **row)
        for key, row in sorted(sums.items())
    ]


def price_variances(
    billed: Iterable[tuple[OrderAllocation, str, date | None]],
    books: PurchaseBooks,
    vendors: VendorDirectory,
) -> list[PriceVariance]:
    """Compare what was billed with the prices in force on the invoice's day.

    `billed` are (allocation, invoice currency, invoice date). What was billed
    in another currency than ordered is left out.
    """
    sums: Mapping[_Key, list[Decimal]] = defaultdict(lambda: [_ZERO, _ZERO])
    for one, currency, day in billed:
        for position in books.positions(one.order_id):
            line = position.in_force(day)
            if position.line == one.order_line and line.currency == currency:
                row = sums[position.group_id, currency]
                row[0] += one.quantity * line.unit_price
                row[1] += one.amount
    return [
        PriceVariance(
            vendor_id=key[0],
            vendor=_name(key[0], vendors),
            currency=key[1],
            ordered=round_half_up(ordered, digits_of(key[1])),
            billed=amount,
        )
        for key, (ordered, amount) in sorted(sums.items())
    ]


def _name(vendor_id: str, vendors: VendorDirectory) -> str:
    group = vendors.group_of(vendor_id)
    return group.main.name if group else vendor_id
