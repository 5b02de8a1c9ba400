"""The ledger: open items indexed for matching, with what is left of each.

Money is integer minor units here, signed like the cash that settles the item
(receivables positive, payables negative, credit notes the other way round).
Days are `date.toordinal()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Generic, TypeVar

from matching.payments.books import Books
from matching.payments.names import NameIndex
from matching.payments.references import digits, identifier, loose
from matching.payments.text import compact
from records.banking import OpenItem
from records.money import Money

_Key = TypeVar("_Key")

PAYABLE, RECEIVABLE, OTHER = 0, 1, 2
#: Payers round a discount their own way, a few minor units off ours.
ROUNDING_SLACK = 2
#: A discount is granted a few days after its term: weekends, booking delays.
SKONTO_GRACE_DAYS = 3


class Item:
    """One open item. `left` shrinks as transactions settle it; `paid` is what they paid."""

    __slots__ = (
        "currency",
        "discount",
        "discount_until",
        "due",
        "duplicate_of",
        "gross",
        "id",
        "index",
        "issue",
        "left",
        "number",
        "party",
        "side",
        "unlimited",
    )

    def __init__(self, index: int, item: OpenItem, party: int, side: int) -> None:
        """Take over what matching needs of an OpenItem."""
        self.index = index
        self.id = item.id
        self.party = party
        self.side = side
        self.currency = item.gross.currency
        self.gross = item.gross.rounded().minor
        untouched = item.open is None or item.open == item.gross
        self.left = self.gross if untouched or item.open is None else item.open.rounded().minor
        self.unlimited = item.kind == "contract"
        self.issue = _ordinal(item.issue_date) if item.issue_date else 0
        self.due = _ordinal(item.due_date) if item.due_date else self.issue + 30
        self.number = compact(item.number) if item.number else ""
        self.discount = 0
        self.discount_until = 0
        if item.skonto_percent and item.skonto_until and self.gross:
            self.discount = int(
                (Decimal(self.gross) * item.skonto_percent / 100).quantize(
                    Decimal(1), rounding=ROUND_HALF_UP
                )
            )
            self.discount_until = _ordinal(item.skonto_until)
        self.duplicate_of = -1

    @property
    def is_credit_note(self) -> bool:
        """Say whether the item runs against its side's usual direction."""
        return (self.gross > 0) != (self.side == RECEIVABLE)

    def reduced(self) -> int:
        """Return what is left after the early-payment discount."""
        return self.left - self.discount

    def is_reduced(self, cash: int) -> bool:
        """Say whether this cash is the discounted amount, give or take the rounding."""
        return self.discount != 0 and abs(cash - self.reduced()) <= ROUNDING_SLACK

    def in_term(self, day: int) -> bool:
        """Say whether the discount may still be taken on that day."""
        return self.discount != 0 and day <= self.discount_until + SKONTO_GRACE_DAYS


class Index(Generic[_Key]):
    """Numbers of items by a key. Most keys have a single one, which is kept bare."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        """Start empty."""
        self._found: dict[_Key, int | tuple[int, ...]] = {}

    def add(self, key: _Key, number: int) -> None:
        """Put a number behind the others under its key."""
        known = self._found.setdefault(key, number)
        if known != number:
            before = known if isinstance(known, tuple) else (known,)
            self._found[key] = (*before, number)

    def get(self, key: _Key) -> tuple[int, ...]:
        """Return the numbers under a key, first come first."""
        found = self._found.get(key)
        if found is None:
            return ()
        return found if isinstance(found, tuple) else (found,)

    def __contains__(self, key: _Key) -> bool:
        """Say whether anything is under the key."""
        return key in self._found


class Ledger:
    """All items, found by id, reference, party and amount; the other books beside them."""

    def __init__(self, books: Books) -> None:
        """Index the books; the order of their records does not matter.

        The items' own records are not held any longer.
        """
        self.books = replace(books, items=())
        self.items: list[Item] = []
        self.by_id: dict[str, int] = {}
        #: compact reference -> items that bear it; ~index where it is the order's number
        self.by_reference: Index[str] = Index()
        self.by_party: dict[int, list[int]] = {}
        self.by_amount: Index[tuple[int, int]] = Index()
        self.by_reduced: Index[tuple[int, int]] = Index()
        self.party_ibans: dict[str, set[int]] = {}
        self.party_names: list[str] = []
        self.party_sides: list[int] = []
        self._parties: dict[tuple[int, str], int] = {}
        self._on_file: set[int] = set()
        self._vendors: dict[str, set[int]] = {}
        self._seen: dict[tuple[int, str | None, str | None, str | None, str], int] = {}
        named = set(self._masters(books))
        ordered = sorted(
            (i for i in books.items if i.kind[:3] in ("ap_", "ar_")),
            key=lambda i: (i.issue_date.toordinal() if i.issue_date else 0, i.id),
        )
        for record in ordered:
            self._add(record, named)
        self.receivable_names = NameIndex(
            (n, p) for n, p in sorted(named) if self.party_sides[p] == RECEIVABLE
        )
        self.payable_names = NameIndex(
            (n, p) for n, p in sorted(named) if self.party_sides[p] == PAYABLE
        )
        self._mark_duplicates(ordered)
        self._add_others(books)

    # -- parties

    def _masters(self, books: Books) -> Iterator[tuple[str, int]]:
        """Add vendors and customers; yield their names."""
        for vendor in sorted(books.vendors, key=lambda v: v.id):
            ibans = tuple(compact(i) for i in vendor.ibans)
            party = self._party_of(PAYABLE, vendor.id, vendor.vat_id, ibans, vendor.name)
            self._put_on_file(party, ibans)
            self._vendors.setdefault(compact(vendor.name), set()).add(party)
            yield vendor.name, party
        for customer in sorted(books.customers, key=lambda c: c.id):
            ibans = (compact(customer.iban),) if customer.iban else ()
            party = self._party_of(RECEIVABLE, customer.id, None, ibans, customer.name)
            self._put_on_file(party, ibans)
            yield customer.name, party

    def _put_on_file(self, party: int, ibans: Iterable[str]) -> None:
        for iban in ibans:
            self.party_ibans.setdefault(iban, set()).add(party)
            self._on_file.add(party)

    def _party_of(
        self, side: int, party_id: str | None, vat_id: str | None, ibans: Iterable[str], name: str
    ) -> int:
        """Return the party these marks belong to; master records that share one are one party."""
        keys = []
        if party_id:
            keys.append((side, "id:" + party_id))
        if vat_id:
            keys.append((side, "vat:" + compact(vat_id)))
        if side == PAYABLE:
            keys.extend((side, "iban:" + iban) for iban in ibans)
        if not keys:
            keys.append((side, "name:" + compact(name)))
        party = next((self._parties[k] for k in keys if k in self._parties), -1)
        if party < 0 and side == PAYABLE and not party_id and not vat_id:
            # A strange account printed on an invoice makes no new vendor of a known one.
            namesakes = self._vendors.get(compact(name), ())
            party = min(namesakes) if len(namesakes) == 1 else -1
        if party < 0:
            party = len(self.party_names)
            self.party_names.append(name)
            self.party_sides.append(side)
        for key in keys:
            self._parties.setdefault(key, party)
        return party

    def _party_of_item(self, side: int, record: OpenItem) -> int:
        """Return an item's party; the account printed on it counts where none is on file."""
        marks = (side, record.party_id, record.party_vat_id, record.party_iban, record.party_name)
        party = self._seen.get(marks)
        if party is None:
            ibans = (compact(record.party_iban),) if record.party_iban else ()
            vat_id = record.party_vat_id if side == PAYABLE else None
            party = self._party_of(side, record.party_id, vat_id, ibans, record.party_name)
            if party not in self._on_file:
                for iban in ibans:
                    self.party_ibans.setdefault(iban, set()).add(party)
            self._seen[marks] = party
        return party

    def is_strange(self, party: int, iban: str) -> bool:
        """Say whether the party has accounts on file, and this is none of them."""
        return party in self._on_file and party not in self.party_ibans.get(iban, ())

    def customer(self, party_id: str) -> int | None:
        """Return the party of a customer id, if the books know it."""
        return self._parties.get((RECEIVABLE, "id:" + party_id))

    # -- items

    def _add(self, record: OpenItem, named: set[tuple[str, int]]) -> None:
        side = PAYABLE if record.kind.startswith("ap_") else RECEIVABLE
        party = self._party_of_item(side, record)
        index = len(self.items)
        item = Item(index, record, party, side)
        self.items.append(item)
        self.by_id[item.id] = index
        self.by_party.setdefault(party, []).append(index)
        self.by_amount.add((party, item.left), index)
        if item.discount:
            self.by_reduced.add((party, item.reduced()), index)
        if item.number:
            self.by_reference.add(item.number, index)
            plain = digits(item.number)
            if plain != item.number and len(plain) >= 5:
                self.by_reference.add(plain, index)
        structured = identifier(record.structured_ref)
        if structured:
            self.by_reference.add(structured, index)
        order = identifier(record.order_ref)
        if order and side == RECEIVABLE:
            self.by_reference.add(order, ~index)
        if record.party_name:
            named.add((record.party_name, party))

    def _add_others(self, books: Books) -> None:
        """Add payroll runs and contracts, which belong to no party of the two ledgers."""
        others = {i.id: i for i in books.items if i.id not in self.by_id}
        for run in books.payroll_runs:
            total = Money(-abs(run.total), run.currency)
            made = OpenItem(id=run.id, kind="payroll", gross=total, issue_date=run.date)
            others.setdefault(run.id, made)
        for contract in books.contracts:
            amount = Money(-abs(contract.amount), contract.currency)
            others.setdefault(contract.id, OpenItem(id=contract.id, kind="contract", gross=amount))
        for item_id in sorted(others):
            index = len(self.items)
            self.items.append(Item(index, others[item_id], -1, OTHER))
            self.by_id[item_id] = index

    def _mark_duplicates(self, ordered: list[OpenItem]) -> None:
        """Mark payables that repeat an earlier one: same party and gross, alike numbers."""
        first: dict[tuple[int, int, str], int] = {}
        for index, record in enumerate(ordered):
            item = self.items[index]
            if item.side != PAYABLE or not record.number:
                continue
            key = (item.party, item.gross, loose(record.number))
            earlier = first.setdefault(key, index)
            if earlier != index:
                item.duplicate_of = earlier

    def settle(self, index: int, take: int) -> None:
        """Take an amount off what is left of an item; against its sign it reopens."""
        item = self.items[index]
        if not item.left and index not in self.by_party.get(item.party, ()):
            self.by_party.setdefault(item.party, []).append(index)
        item.left -= take
        if item.left:
            self.by_amount.add((item.party, item.left), index)

    def forget_settled(self) -> None:
        """Drop settled items from the parties' lists, which are scanned often."""
        items = self.items
        for party, indices in self.by_party.items():
            self.by_party[party] = [i for i in indices if items[i].left]

    def with_amount(self, party: int, amount: int, day: int, currency: str) -> list[Item]:
        """Return the party's open items of exactly this amount, issued by that day."""
        found: list[Item] = []
        for index in self.by_amount.get((party, amount)):
            item = self.items[index]
            if item.left != amount or item.currency != currency or item.issue > day:
                continue
            if not self.is_shadow(item) and item not in found:
                found.append(item)
        return found

    def with_reduced(
        self, party: int, amount: int, day: int, currency: str, late: bool = False
    ) -> list[Item]:
        """Return the party's untouched items that come to this amount after their discount.

        The term must not have passed, unless `late`; a payer's rounding may
        be a few minor units off ours.
        """
        found: list[Item] = []
        for off in range(-ROUNDING_SLACK, ROUNDING_SLACK + 1):
            for index in self.by_reduced.get((party, amount + off)):
                item = self.items[index]
                if item.left != item.gross or item.currency != currency or item.issue > day:
                    continue
                in_term = day <= item.discount_until + SKONTO_GRACE_DAYS
                if (in_term or late) and not self.is_shadow(item) and item not in found:
                    found.append(item)
        return found

    def is_shadow(self, item: Item) -> bool:
        """Say whether an item is a suspected duplicate whose original is still open."""
        return item.duplicate_of >= 0 and self.items[item.duplicate_of].left != 0

    def open_items(self, party: int, day: int, currency: str) -> list[Item]:
        """Return the party's open items of that currency, issued by that day, oldest first."""
        items = self.items
        result = []
        for index in sorted(self.by_party.get(party, ())):
            item = items[index]
            if not item.left or item.issue > day or item.currency != currency:
                continue
            if not self.is_shadow(item):
                result.append(item)
        return result


#: Many items share their days; each is one number then.
_ordinal = lru_cache(maxsize=4096)(date.toordinal)
