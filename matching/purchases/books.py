"""The books a purchase invoice is matched against, indexed for the questions matching asks."""

from __future__ import annotations

import re
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from matching.duplicates import EarlierInvoice, InvoiceHistory, lines_mark, signed_gross
from matching.names import code, squeezed, words
from matching.units import Conversions
from matching.vat import tax_of
from matching.vendors import VendorDirectory
from records.invoices import Invoice
from records.matches import InvoiceMatch, OrderAllocation
from records.money import round_half_up
from records.purchasing import Contract, OrderLine, ReceiptLine, UnitConversion

_ZERO = Decimal(0)
_LAST_DIGITS = re.compile(r"\d{3,}(?=\D*$)")

#: UNTDID 1001: asks for money before anything is delivered.
PREPAYMENT = "386"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One order line in all its revisions, oldest first, with what it is compared by.

    `key` is order and line number.
    """

    key: tuple[str, int]
    group_id: str
    article: str
    words: frozenset[str]
    text: str
    revisions: tuple[OrderLine, ...]

    @property
    def order_id(self) -> str:
        """Return the order's number."""
        return self.key[0]

    @property
    def line(self) -> int:
        """Return the line's number within the order."""
        return self.key[1]

    @property
    def latest(self) -> OrderLine:
        """Return the newest revision; its quantity and unit are the ones in force."""
        return self.revisions[-1]

    def in_force(self, day: date | None) -> OrderLine:
        """Return the revision whose price holds on `day`; the newest when the day is unknown."""
        if day is None or len(self.revisions) == 1:
            return self.revisions[-1]
        current = self.revisions[0]
        for revision in self.revisions[1:]:
            if revision.valid_from is None or revision.valid_from <= day:
                current = revision
        return current


class PurchaseBooks:
    """Vendors, orders, receipts and what was billed of them.

    Built once, from everything or from the slice that concerns one vendor.
    `billed` are the allocations of all earlier invoices that were not
    rejected: held ones keep their claim until a person lets go of it.
    `earlier` are all invoices seen before, for duplicates and prepayments.
    `consume` is the only way the books change.
    """

    def __init__(
        self,
        *,
        vendors: VendorDirectory,
        order_lines: Iterable[OrderLine] = (),
        receipts: Iterable[ReceiptLine] = (),
        conversions: Iterable[UnitConversion] = (),
        contracts: Iterable[Contract] = (),
        billed: Iterable[OrderAllocation] = (),
        earlier: Iterable[EarlierInvoice] = (),
    ) -> None:
        """Index the records; order lines of unknown vendors are kept under their own id."""
        self.vendors = vendors
        self.conversions = Conversions(conversions)
        self.history = InvoiceHistory()
        self._positions: dict[tuple[str, int], Position] = {}
        self._orders: dict[str, list[Position]] = defaultdict(list)
        self._orders_by_key: dict[str, list[str]] = defaultdict(list)
        self._orders_by_tail: dict[str, list[str]] = defaultdict(list)
        self._orders_of_group: dict[str, list[str]] = defaultdict(list)
        self._by_article: _Index = {}
        self._by_word: _Index = {}
        self._received: dict[tuple[str, int], Decimal] = {}
        self._billed: dict[tuple[str, int], Decimal] = {}
        self._orders_of_receipt: dict[str, list[str]] = defaultdict(list)
        self._contracts: dict[str, list[Contract]] = defaultdict(list)
        self._index_orders(order_lines)
        self._index_receipts(receipts)
        self._index_contracts(contracts)
        for allocation in billed:
            self._bill(allocation)
        for invoice in earlier:
            self._remember(invoice)

    # -- questions

    def position(self, key: tuple[str, int]) -> Position:
        """Return the order line with this order and line number; KeyError when there is none."""
        return self._positions[key]

    def positions(self, order_id: str) -> list[Position]:
        """Return the lines of an order."""
        return self._orders.get(order_id, [])

    def orders_named(self, key: str) -> list[str]:
        """Return the orders whose number equals `key` (as `names.squeezed` gives it)."""
        return self._orders_by_key.get(key, [])

    def orders_ending(self, digits: str) -> list[str]:
        """Return the orders whose last run of digits is `digits`, leading zeros aside."""
        return self._orders_by_tail.get(digits.lstrip("0"), [])

    def orders_of(self, group_id: str) -> list[str]:
        """Return all orders placed with a vendor group."""
        return self._orders_of_group.get(group_id, [])

    def orders_of_receipt(self, receipt_id: str) -> list[str]:
        """Return the orders a goods receipt or delivery note belongs to."""
        return self._orders_of_receipt.get(squeezed(receipt_id), [])

    def group_of_order(self, order_id: str) -> str | None:
        """Return the vendor group an order was placed with."""
        found = self._orders.get(order_id)
        return found[0].group_id if found else None

    def with_article(self, group_id: str, article: str) -> Iterable[Position]:
        """Return the vendor's order lines still open for an article number (squeezed)."""
        return self._by_article.get((group_id, article), {}).values()

    def with_word(self, group_id: str, word: str) -> Iterable[Position]:
        """Return the vendor's order lines still open whose description has this word."""
        return self._by_word.get((group_id, word), {}).values()

    def received(self, position: Position) -> Decimal:
        """Return what was received, in the order line's unit, over all receipts on file."""
        return self._received.get(position.key, _ZERO)

    def billed(self, position: Position) -> Decimal:
        """Return what earlier invoices billed, in the order line's unit."""
        return self._billed.get(position.key, _ZERO)

    def contracts_of(self, group_id: str, ibans: Iterable[str]) -> list[Contract]:
        """Return the contracts with a vendor group, or with the owner of an account."""
        found = list(self._contracts.get(group_id, ()))
        for iban in ibans:
            found += [c for c in self._contracts.get(code(iban), ()) if c not in found]
        return found

    # -- the one change

    def consume(
        self,
        invoice_id: str,
        invoice: Invoice,
        match: InvoiceMatch,
        *,
        message_key: str | None = None,
    ) -> EarlierInvoice | None:
        """Record what a matched invoice used; return how it will be remembered.

        A duplicate or second view uses nothing and is not remembered: None.
        """
        if match.duplicate_of is not None or not invoice.number or invoice.gross_total is None:
            return None
        earlier = as_earlier(invoice_id, invoice, match, message_key=message_key)
        self._remember(earlier)
        for allocation in match.allocations:
            self._bill(allocation)
        return earlier

    # -- building

    def _remember(self, invoice: EarlierInvoice) -> None:
        group = self.vendors.group_of(invoice.vendor_id)
        self.history.add(invoice, group.id if group else invoice.vendor_id)

    def _index_orders(self, order_lines: Iterable[OrderLine]) -> None:
        revisions: dict[tuple[str, int], list[OrderLine]] = {}
        for line in order_lines:
            held = revisions.setdefault((line.order_id, line.line), [])
            insort(held, line, key=lambda x: x.revision)
        for (order_id, number), lines in revisions.items():
            latest = lines[-1]
            group = self.vendors.group_of(latest.vendor_id)
            position = Position(
                key=(order_id, number),
                group_id=group.id if group else latest.vendor_id,
                article=squeezed(latest.article_number) if latest.article_number else "",
                words=words(latest.description),
                text=squeezed(latest.description),
                revisions=tuple(lines),
            )
            self._positions[position.key] = position
            if order_id not in self._orders:
                self._orders_by_key[squeezed(order_id)].append(order_id)
                tail = _LAST_DIGITS.search(order_id)
                if tail:
                    self._orders_by_tail[tail.group().lstrip("0")].append(order_id)
                self._orders_of_group[position.group_id].append(order_id)
            self._orders[order_id].append(position)
            for index, name in _names(position, self._by_article, self._by_word):
                index.setdefault((position.group_id, name), {})[position.key] = position

    def _index_receipts(self, receipts: Iterable[ReceiptLine]) -> None:
        for receipt in receipts:
            position = self._positions.get((receipt.order_id, receipt.order_line))
            if position is None:
                continue
            factor = self.conversions.factor(position.article, receipt.unit, position.latest.unit)
            # A receipt in a unit nobody can convert proves that something came, not how much.
            quantity = receipt.quantity * factor if factor is not None else _ZERO
            self._received[position.key] = self._received.get(position.key, _ZERO) + quantity
            orders = self._orders_of_receipt[squeezed(receipt.receipt_id)]
            if receipt.order_id not in orders:
                orders.append(receipt.order_id)

    def _index_contracts(self, contracts: Iterable[Contract]) -> None:
        for contract in contracts:
            if contract.vendor_id:
                group = self.vendors.group_of(contract.vendor_id)
                self._contracts[group.id if group else contract.vendor_id].append(contract)
            if contract.iban:
                self._contracts[code(contract.iban)].append(contract)

    def _bill(self, allocation: OrderAllocation) -> None:
        key = (allocation.order_id, allocation.order_line)
        position = self._positions.get(key)
        if position is not None:
            key = position.key  # one of equal ones is kept
        self._billed[key] = self._billed.get(key, _ZERO) + allocation.quantity
        if position is None or self._billed[key] < position.latest.quantity:
            return
        # Wholly billed: never again a candidate for an invoice that names no order.
        for index, name in _names(position, self._by_article, self._by_word):
            index[position.group_id, name].pop(key, None)


def as_earlier(
    invoice_id: str, invoice: Invoice, match: InvoiceMatch, *, message_key: str | None = None
) -> EarlierInvoice:
    """Return what to remember of an invoice once it is matched."""
    prepaid = signed_gross(invoice) if match.prepayment else _ZERO
    netted = match.netted
    deducted = netted.net + netted.tax if netted else _ZERO
    if netted and netted.lines and invoice.net_total:
        deducted = round_half_up(netted.net * (invoice.gross_total or _ZERO) / invoice.net_total)
    return EarlierInvoice(
        id=invoice_id,
        vendor_id=match.vendor_id or "",
        number=invoice.number or "",
        gross=signed_gross(invoice),
        currency=invoice.currency,
        issue_date=invoice.issue_date,
        message_key=message_key,
        order_ids=tuple(dict.fromkeys(a.order_id for a in match.allocations))
        or tuple(invoice.order_refs),
        lines=lines_mark(invoice),
        prepaid=prepaid,
        prepaid_tax=(tax_of(invoice) or _ZERO) if match.prepayment else _ZERO,
        deducted=deducted,
        held=match.status == "exception",
    )


_Index = dict[tuple[str, str], dict[tuple[str, int], Position]]


def _names(position: Position, by_article: _Index, by_word: _Index) -> Iterable[tuple[_Index, str]]:
    if position.article:
        yield by_article, position.article
    for word in position.words:
        yield by_word, word
