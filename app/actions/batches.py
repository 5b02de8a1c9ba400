"""Batches: what notices (camt.052, camt.054, MT942) tell of the payments in one booked entry.

A notice never makes a movement. Where a statement books an entry without
saying what is in it, the payments of the notice with the same account, amount,
days and reference are put into it: the bank's reference, or the batch's id,
which some banks print as the end-to-end id. They must prove the entry, and
only one notice may fit. It does not matter which file comes first; an entry
that is posted already stays as it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, select, update

from app.codec import dump, load
from app.statement_files import Movement, has_reference
from app.store import upsert
from app.tables import notices, transactions
from records.banking import BankTransaction, TransactionDetail

#: A notice may be dated some days from the entry (weekends, value dates).
_NEAR = timedelta(days=5)


def keep_notices(tx: Connection, movements: Iterable[Movement]) -> None:
    """Remember the entries of a notice that tell payments."""
    rows = []
    for one in movements:
        told = load(BankTransaction, one.data)
        if _payments(told) and _names(told):
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
    """Put the payments into every entry that is not posted yet; return how many got theirs."""
    query = (
        select(transactions.c.id, transactions.c.data, notices.c.data.label("told"))
        .join(
            notices,
            (notices.c.account == transactions.c.account)
            & (notices.c.amount_minor == transactions.c.amount_minor),
        )
        .where(transactions.c.state.in_(("waiting", "new", "suggested", "open")))
        .order_by(transactions.c.id, notices.c.id)
    )
    entries: dict[str, BankTransaction] = {}
    fitting: dict[str, set[tuple[TransactionDetail, ...]]] = defaultdict(set)
    for row in tx.execute(query):
        entry = entries.get(row.id)
        if entry is None:
            entry = entries[row.id] = load(BankTransaction, row.data)
        if not entry.details:
            told = load(BankTransaction, row.told)
            payments = _payments(told)
            if _fits(told, entry) and (len(payments) > 1 or _is_bare(entry)):
                fitting[row.id].add(payments)
    count = 0
    for name, found in fitting.items():
        if len(found) == 1:
            told = dataclasses.replace(entries[name], details=found.pop())
            change = update(transactions).where(transactions.c.id == name)
            tx.execute(change.values(data=dump(told)))
            count += 1
    return count


def _is_bare(entry: BankTransaction) -> bool:
    """Say whether the statement leaves open who paid what for; else it is the truth itself."""
    return not (entry.counterparty_name or entry.counterparty_account or entry.remittance)


def _fits(told: BankTransaction, entry: BankTransaction) -> bool:
    days = {told.booking_date, told.value_date} - {None}
    mine = {entry.booking_date, entry.value_date} - {None}
    near = not days or not mine or any(abs(a - b) <= _NEAR for a in days for b in mine if a and b)
    same = told.amount == entry.amount and bool(_names(told) & _names(entry))
    return near and same


def _payments(told: BankTransaction) -> tuple[TransactionDetail, ...]:
    """Return the payments that a notice proves; a single one is told by the entry itself."""
    if told.details:
        return told.details if told.fee_of_parts is not None else ()
    if not (told.counterparty_name or told.counterparty_account or told.remittance):
        return ()
    return (
        TransactionDetail(
            amount=told.amount,
            end_to_end_id=told.end_to_end_id,
            mandate_id=told.mandate_id,
            counterparty_name=told.counterparty_name,
            counterparty_account=told.counterparty_account,
            remittance=told.remittance,
            return_reason=told.return_reason,
            original_amount=told.original_amount,
        ),
    )


def _names(told: BankTransaction) -> frozenset[str]:
    """Return what the bank and we call an entry, told apart by who does."""
    names = {f"ours:{name}" for name in (told.batch_id, told.end_to_end_id) if name}
    if has_reference(told):
        names.add(f"bank:{told.bank_reference}")
    return frozenset(names)
