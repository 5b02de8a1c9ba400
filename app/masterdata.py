"""Which kinds of record the office's systems give us, and how each is keyed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from app.codec import dump, load
from app.office import Office
from app.store import chunks, upsert
from app.tables import record_stamps, records
from app.vendor_accounts import AccountHistory
from matching.vendors import VendorDirectory
from records.banking import (
    CardSettlement,
    FxRate,
    OpenItem,
    OwnAccount,
    PaymentRun,
    PaymentRunItem,
    PayrollRun,
)
from records.bookings import CodedLine
from records.invoices import ReceivedInvoice
from records.purchasing import (
    Contract,
    Customer,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    UnitConversion,
    Vendor,
)

T = TypeVar("T")

#: The source of what people and we ourselves put among the records.
OURS = "nightclerk"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How one kind is kept: its name in the table, its id, and the party it is found by."""

    kind: str
    id: Callable[[Any], str]
    party: Callable[[Any], str | None] = lambda _: None


KINDS: dict[type[Any], Keeping] = {
    Vendor: Keeping("vendor", lambda r: r.id),
    Customer: Keeping("customer", lambda r: r.id),
    OwnAccount: Keeping("own_account", lambda r: r.id),
    OrderLine: Keeping(
        "order_line", lambda r: f"{r.order_id}/{r.line}/{r.revision}", lambda r: r.vendor_id
    ),
    ReceiptLine: Keeping(
        "receipt", lambda r: f"{r.receipt_id}/{r.order_id}/{r.order_line}", lambda r: r.order_id
    ),
    UnitConversion: Keeping(
        "conversion", lambda r: f"{r.article_number or '*'}/{r.from_unit}/{r.to_unit}"
    ),
    Contract: Keeping("contract", lambda r: r.id),
    OpenItem: Keeping("open_item", lambda r: r.id, lambda r: r.party_id),
    PaymentRun: Keeping("payment_run", lambda r: r.id),
    PaymentRunItem: Keeping(
        "payment_run_item", lambda r: f"{r.run_id}/{r.end_to_end_id}/{r.item_id}"
    ),
    CardSettlement: Keeping("card_settlement", lambda r: r.id),
    PayrollRun: Keeping("payroll_run", lambda r: r.id),
    FxRate: Keeping("fx_rate", lambda r: f"{r.date}/{r.currency}"),
    ReceivedInvoice: Keeping("received_invoice", lambda r: r.id),
    CodedLine: Keeping("booking", lambda r: r.id, lambda r: r.vendor_id),
}


def save(tx: Connection, office: Office, source: str, given: Iterable[object]) -> Counter[str]:
    """Insert or update records of a source; return how many of each kind were written.

    Two rows of one batch with the same id (two receipts of one order line on
    one slip) are told apart by their order of appearance. Vendors keep the
    accounts that people verified, and the day their accounts changed.
    """
    now = office.now()
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    seen: Counter[tuple[str, str]] = Counter()
    accounts: AccountHistory | None = None
    for item in _single(given):
        if isinstance(item, Vendor) and source != OURS:
            accounts = accounts or AccountHistory(tx, office.today())
            item = accounts.applied(item)
        keeping = KINDS[type(item)]
        key = (keeping.kind, keeping.id(item))
        seen[key] += 1
        if seen[key] > 1:
            key = (key[0], f"{key[1]}#{seen[key]}")
        rows[key] = {
            "kind": key[0],
            "id": key[1],
            "party": keeping.party(item),
            "data": dump(item),
            "source": source,
            "changed_at": now,
        }
    upsert(tx, records, list(rows.values()), replace=True)
    written = Counter(kind for kind, _ in rows)
    # A number counted up would come again after a rollback, and stand for other records.
    stamps = [{"kind": kind, "stamp": token_hex(8)} for kind in sorted(written)]
    upsert(tx, record_stamps, stamps, replace=True)
    return written


def _single(given: Iterable[object]) -> Iterator[object]:
    """Yield records one row each: an order becomes its lines."""
    for item in given:
        if isinstance(item, PurchaseOrder):
            yield from item.lines
        else:
            yield item


_KEPT: dict[tuple[object, ...], tuple[list[tuple[str, str]], Any]] = {}


def remembered(tx: Connection, make: Callable[..., T], *kinds: type[Any]) -> T:
    """Return what `make` makes of all records of these kinds, an iterable each.

    Made again only when one of the records changed: thousands of documents of a
    night share it, so `make` returns what nobody changes.
    """
    names = [KINDS[kind].kind for kind in kinds]
    query = select(record_stamps.c.kind, record_stamps.c.stamp)
    query = query.where(record_stamps.c.kind.in_(names)).order_by(record_stamps.c.kind)
    stamps = [(row.kind, row.stamp) for row in tx.execute(query)]
    place = (str(tx.engine.url), make, *kinds)
    held = _KEPT.get(place)
    if held is None or held[0] != stamps:
        held = _KEPT[place] = (stamps, make(*(every(tx, kind) for kind in kinds)))
    made: T = held[1]
    return made


def everything(tx: Connection, kind: type[T]) -> tuple[T, ...]:
    """Return all records of a kind that every document needs."""
    found: tuple[T, ...] = remembered(tx, tuple, kind)
    return found


def vendor_directory(tx: Connection) -> VendorDirectory:
    """Return the vendor master, indexed."""
    return remembered(tx, VendorDirectory, Vendor)


def every(tx: Connection, kind: type[T]) -> Iterator[T]:
    """Yield all records of a kind, by id."""
    query = select(records.c.data).where(records.c.kind == KINDS[kind].kind)
    for row in tx.execute(query.order_by(records.c.id)):
        yield load(kind, row.data)


def those_of(tx: Connection, kind: type[T], parties: Iterable[str]) -> Iterator[T]:
    """Yield the records of a kind that concern these parties (vendors, orders), by id."""
    query = select(records.c.data).where(records.c.kind == KINDS[kind].kind)
    for some in chunks(sorted(set(parties))):
        for row in tx.execute(query.where(records.c.party.in_(some)).order_by(records.c.id)):
            yield load(kind, row.data)


def doubles(tx: Connection, vendor_id: str) -> tuple[str, ...]:
    """Return the ids of all records of the master that are the same vendor as this one."""
    group = vendor_directory(tx).group_of(vendor_id)
    return tuple(v.id for v in group.members) if group else (vendor_id,)
