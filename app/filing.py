"""Where a paper that is no invoice belongs: its vendor, and the invoices and orders it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from app.masterdata import those_of, vendor_directory
from app.tables import documents, invoices
from matching.names import squeezed
from matching.senders import domain_of
from matching.vendors import VendorGroup
from records.documents import Kind, Message, Reading
from records.findings import Finding, finding
from records.invoices import assemble
from records.purchasing import OrderLine

#: Shorter numbers stand in a text by chance.
_TELLING = 4


def filed_with(tx: Connection, reading: Reading, message: Message | None) -> Finding | None:
    """Say where a filed document belongs; None when nobody can tell.

    A sender's domain is enough for filing, where it would not be for paying.
    """
    paper, _ = assemble(reading.fields)
    domain = domain_of(message.sender) if message else None
    directory = vendor_directory(tx)
    found = directory.identify(paper.seller, paper.ibans, domain)
    group = found.group or (found.candidates[0] if len(found.candidates) == 1 else None)
    if group is None:
        return None
    said = [f"vendor {group.id} {group.main.name}", *_named(tx, group, squeezed(reading.text))]
    if reading.kind is Kind.REMINDER and not any(part.startswith("invoice") for part in said):
        said.append("no invoice that came in here")
    return finding("filed_with", where=reading.kind.value.replace("_", " "), actual="; ".join(said))


def _named(tx: Connection, group: VendorGroup, text: str) -> Iterator[str]:
    members = [member.id for member in group.members]
    query = select(invoices.c.number, documents.c.state).join(
        documents, documents.c.id == invoices.c.document_id
    )
    rows = tx.execute(query.where(invoices.c.vendor_id.in_(members)).order_by(invoices.c.number))
    for number, state in rows:
        if _stands_in(number or "", text):
            yield f"invoice {number} ({state})"
    yield from (f"order {one}" for one in _orders(tx, members) if _stands_in(one, text))


def _orders(tx: Connection, members: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(x.order_id for x in those_of(tx, OrderLine, members)))


def _stands_in(number: str, text: str) -> bool:
    key = squeezed(number)
    return len(key) >= _TELLING and key in text
