"""Batches: what notices (camt.052, camt.054, MT942) tell of the parts of one booked entry.

A notice never makes a movement. Where a statement books a batch as one entry
without its parts, the parts of the notice with the same account, amount and
reference are put into it: the bank's reference, or the batch's id. They must
add up to the entry, and only one notice may fit. It does not matter which
file comes first; an entry that is posted already stays as it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, select, update

from app.codec import dump, load
from app.statement_files import Movement, has_reference
from app.store import upsert
from app.tables import notices, transactions
from records.banking import BankTransaction, TransactionDetail


def keep_notices(tx: Connection, movements: Iterable[Movement]) -> None:
    """Remember the entries of a notice that tell the parts of a batch."""
    rows = []
    for one in movements:
        told = load(BankTransaction, one.data)
        if _adds_up(told) and _names(told):
            digest = hashlib.blake2b(one.data.encode(), digest_size=8).hexdigest()
            rows.append(
                {
                    "id": f"{one.id}#{digest}",
                    "account": one.account,
                    "amount_minor": one.amount_minor,
                    "data": one.data,
                }
            )
    upsert(tx, notices, rows)


def explode_batches(tx: Connection) -> int:
    """Put the parts into every entry that is not posted yet; return how many got theirs."""
    known: dict[tuple[str, int], list[BankTransaction]] = defaultdict(list)
    for row in tx.execute(select(notices).order_by(notices.c.id)):
        known[row.account, row.amount_minor].append(load(BankTransaction, row.data))
    if not known:
        return 0
    count = 0
    query = select(transactions.c.id, transactions.c.account, transactions.c.data).add_columns(
        transactions.c.amount_minor
    )
    amounts = {amount for _, amount in known}
    unsettled = transactions.c.state.in_(("waiting", "new", "suggested", "open"))
    accounts = {account for account, _ in known}
    query = query.where(unsettled, transactions.c.account.in_(accounts))
    for row in tx.execute(query.order_by(transactions.c.id)).all():
        if row.amount_minor not in amounts:
            continue
        entry = load(BankTransaction, row.data)
        parts = _parts(entry, known[row.account, row.amount_minor])
        if parts:
            told = dataclasses.replace(entry, details=parts)
            change = update(transactions).where(transactions.c.id == row.id)
            tx.execute(change.values(data=dump(told)))
            count += 1
    return count


def _parts(
    entry: BankTransaction, told: Iterable[BankTransaction]
) -> tuple[TransactionDetail, ...]:
    """Return the parts that notices tell of an entry without any; () where they disagree."""
    if entry.details:
        return ()
    fitting = {
        one.details
        for one in told
        if _names(one) & _names(entry) and one.amount.currency == entry.amount.currency
    }
    return fitting.pop() if len(fitting) == 1 else ()


def _adds_up(told: BankTransaction) -> bool:
    parts = [d.amount for d in told.details]
    return (
        bool(parts)
        and all(p.currency == told.amount.currency for p in parts)
        and sum(p.amount for p in parts) == told.amount.amount
    )


def _names(told: BankTransaction) -> frozenset[str]:
    """Return what the bank and we call an entry, told apart by who does."""
    names = set()
    if has_reference(told):
        names.add(f"bank:{told.bank_reference}")
    if told.batch_id:
        names.add(f"batch:{told.batch_id}")
    return frozenset(names)
