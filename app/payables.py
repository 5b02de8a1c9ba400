"""What we owe: open payables, what is under way at the bank, what must wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, func, select

from app.bank_books import gather_books, twin_items
from app.codec import load
from app.masterdata import KINDS, every
from app.tables import allocations, documents, invoices, payment_proposals, records
from matching.payment_proposals import KEPT_BACK, PaymentProposal
from records.banking import OpenItem, PaymentRun, PaymentRunItem
from records.failures import KnownFailure
from records.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a payment proposal holds: transfers, and what should be paid and cannot."""

    payments: tuple[PaymentProposal, ...]
    problems: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A payment proposal with its history; persons as `person:NAME`, times UTC ISO."""

    id: str
    state: str
    until: date
    draft: Draft
    proposed_by: str
    checked_by: str | None
    released_by: str | None


def proposals(tx: Connection, *states: str) -> Iterator[Proposal]:
    """Yield proposals, the oldest first; of the given states, or all."""
    query = select(payment_proposals).order_by(payment_proposals.c.id)
    if states:
        query = query.where(payment_proposals.c.state.in_(states))
    for row in tx.execute(query):
        yield _proposal(row)


def proposal(tx: Connection, proposal_id: str) -> Proposal:
    """Return one proposal; KnownFailure when there is none."""
    query = select(payment_proposals).where(payment_proposals.c.id == proposal_id)
    row = tx.execute(query).first()
    if row is None:
        raise KnownFailure(
            f"there is no payment proposal {proposal_id!r}. `nightclerk pay show` lists them."
        )
    return _proposal(row)


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        id=row.id,
        state=row.state,
        until=date.fromisoformat(row.until),
        draft=load(Draft, row.data),
        proposed_by=row.proposed_by,
        checked_by=row.checked_by,
        released_by=row.released_by,
    )


def still_owed(tx: Connection) -> list[OpenItem]:
    """Return our payables, those settled as well, as they stand now.

    An item that its source's newest export no longer lists was closed there:
    whatever became of it, it is not ours to pay.
    """
    newest = (
        select(records.c.source, func.max(records.c.changed_at).label("at"))
        .group_by(records.c.source)
        .subquery()
    )
    gone = set(
        tx.execute(
            select(records.c.id)
            .join(newest, newest.c.source == records.c.source)
            .where(records.c.kind == KINDS[OpenItem].kind, records.c.changed_at < newest.c.at)
        ).scalars()
    )
    items = gather_books(tx).items
    return [item for item in items if item.kind.startswith("ap_") and item.id not in gone]


def own_items(tx: Connection) -> frozenset[str]:
    """Return the ids of all invoices that came in here; as open items they bear the same."""
    ids = list(tx.execute(select(invoices.c.document_id)).scalars())
    return frozenset([*ids, *(f"{one}{KEPT_BACK}" for one in ids)])


def held_numbers(tx: Connection) -> list[tuple[str, str]]:
    """Return (vendor id, invoice number) of every document that waits for a person."""
    query = (
        select(invoices.c.vendor_id, invoices.c.number)
        .join(documents, documents.c.id == invoices.c.document_id)
        .where(documents.c.state.not_in(("posted", "decided", "joined", "filed", "rejected")))
        .where(invoices.c.vendor_id.is_not(None), invoices.c.number.is_not(None))
    )
    return [(row.vendor_id, row.number) for row in tx.execute(query)]


def under_way(tx: Connection) -> frozenset[str]:
    """Return the items that a payment run ordered and the bank has not booked yet.

    Ordered less booked, so that a returned payment opens its item again.
    Collections (pain.008) are not ours to count.
    """
    collected = {run.id for run in every(tx, PaymentRun) if run.kind == "pain.008"}
    ordered: Counter[str] = Counter()
    same = twin_items(tx)
    for row in every(tx, PaymentRunItem):
        if row.run_id not in collected:
            ordered[same.get(row.item_id, row.item_id)] -= row.amount.rounded().minor
    left = Counter(ordered)
    settled = select(allocations.c.item_id, allocations.c.amount_minor)
    for name, minor in tx.execute(settled):
        item_id = same.get(name, name)
        if minor * ordered[item_id] > 0:
            left[item_id] -= minor
    return frozenset(item for item, cash in ordered.items() if left[item] * cash > 0)
