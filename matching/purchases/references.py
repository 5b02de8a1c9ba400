"""Which orders an invoice names, in whatever disguise it prints their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from matching.names import squeezed, within_one_edit
from matching.purchases.books import PurchaseBooks
from records.invoices import Invoice

_LISTED = re.compile(r"[,;&+|\n]|\b(?:und|and|et|en|e|y)\b", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9/._-]*\d[A-Za-z0-9/._-]*|\d{3,}")
_DIGITS = re.compile(r"\d+")
#: Shorter numbers than this are too common to stand for an order by themselves.
_TELLING = 4
#: Longer texts are searched no further: the pattern's time grows with the square of the length.
_LONGEST = 300
#: More orders than this are on no invoice.
_MOST = 500


class Strength(IntEnum):
    """How surely an order is meant; the value is its weight as evidence, in points."""

    EXACT = 30
    RECEIPT = 25
    PARTIAL = 20
    TYPO = 15
    NONE = 0


@dataclass(frozen=True, slots=True)
class References:
    """The vendor's orders that an invoice names, and orders of others it names.

    `printed` are the references as they stand on the invoice, `exact` the
    orders whose number is printed in full.
    """

    orders: dict[str, Strength]
    exact: tuple[str, ...]
    foreign: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()


def named_orders(invoice: Invoice, group_id: str, books: PurchaseBooks) -> References:
    """Find the orders an invoice names.

    Exact numbers (punctuation and case aside) count first; then delivery notes
    that are receipts of ours; then a number without its prefix or year; then a
    number one edit away from an order of the same vendor. An order of another
    vendor is reported, not used. Where the invoice prints no reference, its
    other texts are searched for exact numbers of the vendor's orders.
    """
    printed = tuple(
        dict.fromkeys(
            ref
            for ref in (*invoice.order_refs, *(line.order_ref for line in invoice.lines))
            if ref and ref.strip()
        )
    )
    orders: dict[str, Strength] = {}
    foreign: list[str] = []
    for ref in printed:
        for part in _parts(ref, books):
            _look_up(part, group_id, books, orders, foreign)
    if invoice.delivery_note_ref:
        for order_id in books.orders_of_receipt(invoice.delivery_note_ref):
            if books.group_of_order(order_id) == group_id:
                orders.setdefault(order_id, Strength.RECEIPT)
    if not orders:
        for order_id in _mentioned(invoice, group_id, books):
            orders[order_id] = Strength.EXACT
    exact = tuple(o for o, strength in orders.items() if strength is Strength.EXACT)
    return References(orders=orders, exact=exact, foreign=tuple(foreign), printed=printed)


def _parts(ref: str, books: PurchaseBooks) -> Iterable[str]:
    """Split a printed reference into numbers, but not one that is an order as it stands."""
    for piece in _LISTED.split(ref, maxsplit=_MOST):
        listed = piece[:_LONGEST]
        if not listed.strip():
            continue
        if books.orders_named(squeezed(listed)):
            yield listed
            continue
        tokens = _TOKEN.findall(listed)
        yield from tokens if len(tokens) > 1 else [listed]


def _look_up(
    part: str,
    group_id: str,
    books: PurchaseBooks,
    orders: dict[str, Strength],
    foreign: list[str],
) -> None:
    # As a whole, then its numbers, then what slashes join: a slash may be part of a number.
    for candidates in ([part], _TOKEN.findall(part), part.split("/")):
        own: list[str] = []
        for candidate in candidates:
            named = books.orders_named(squeezed(candidate))
            own += [o for o in named if books.group_of_order(o) == group_id]
            foreign += [o for o in named if o not in own and o not in foreign]
        orders.update(dict.fromkeys(own, Strength.EXACT))
        if own:
            return
    key = squeezed(part)
    runs = _DIGITS.findall(part)
    tail = runs[-1] if runs else ""
    if len(tail) >= _TELLING:
        for order_id in books.orders_ending(tail):
            if books.group_of_order(order_id) == group_id:
                orders.setdefault(order_id, Strength.PARTIAL)
    if len(key) >= _TELLING:
        for order_id in books.orders_of(group_id):
            if order_id not in orders and within_one_edit(key, squeezed(order_id)):
                orders[order_id] = Strength.TYPO


def _mentioned(invoice: Invoice, group_id: str, books: PurchaseBooks) -> Iterable[str]:
    texts = [invoice.buyer_reference, invoice.contract_ref, invoice.payment_reference]
    texts += [line.description for line in invoice.lines]
    for text in texts:
        if not text:
            continue
        for token in _TOKEN.findall(text[:_LONGEST]):
            key = squeezed(token)
            if len(key) < _TELLING:
                continue
            for order_id in books.orders_named(key):
                if books.group_of_order(order_id) == group_id:
                    yield order_id
