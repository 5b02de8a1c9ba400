"""Who pays for whom: what posted payments proved about accounts and names that are not on file.

A payment proves its payer when its text names the item it settles, or when a
person posted it. Every proof is kept with its bank line; undoing the match
takes the proof back, and speaks against the payer until there is a newer one.
A name without an account proves less: two payments must agree on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select, update

from app.codec import load
from app.office import Office
from app.store import chunks, upsert
from app.tables import payers, records
from matching.payments.evidence import proves_payer
from matching.payments.text import compact
from records.banking import BankTransaction
from records.matches import Decision, Match
from records.purchasing import Customer

#: So many payments under one name, for one customer and nobody else, make it known.
ENOUGH_BY_NAME = 2


def remember_payers(
    tx: Connection, office: Office, posted: Iterable[tuple[BankTransaction, Match]]
) -> None:
    """Keep what these posted matches prove of payers that are not on file."""
    by_person = office.actor.startswith("person:")
    proofs = [
        (moved, match)
        for moved, match in posted
        if match.decision is Decision.POST
        and match.category == "settlement"
        and moved.amount.amount > 0
        and (moved.counterparty_account or moved.counterparty_name)
        and match.allocations
        and (by_person or proves_payer(match.rule))
    ]
    owners = _owners(tx, {a.item_id for _, match in proofs for a in match.allocations})
    on_file = _on_file(tx, set(owners.values()))
    now = office.now()
    rows = []
    for moved, match in proofs:
        account = compact(moved.counterparty_account or "")
        for party in sorted({owners[a.item_id] for a in match.allocations if a.item_id in owners}):
            if account and account == on_file.get(party):
                continue
            rows.append(
                {
                    "transaction_id": match.transaction_id,
                    "party_id": party,
                    "account": account,
                    "name": "" if account else moved.counterparty_name,
                    "at": now,
                    "undone_at": None,
                }
            )
    upsert(tx, payers, rows, replace=True)


def doubt_payer(tx: Connection, transaction_id: str, now: str) -> None:
    """Take back what a line proved: a person undid its match."""
    of_line = update(payers).where(payers.c.transaction_id == transaction_id)
    tx.execute(of_line.values(undone_at=now))


def known_payers(tx: Connection) -> Iterator[tuple[str, str]]:
    """Yield (account, customer) pairs that stand."""
    for (account, _, party), times in _standing(tx, named=False):
        if times:
            yield account, party


def known_names(tx: Connection) -> Iterator[tuple[str, str]]:
    """Yield (name, customer) pairs of payers without an account that stand."""
    for (_, name, party), times in _standing(tx, named=True):
        if times >= ENOUGH_BY_NAME:
            yield name, party


def _standing(tx: Connection, *, named: bool) -> list[tuple[tuple[str, str, str], int]]:
    """Return how many proofs each pair has; none where the newest word is against it."""
    proofs: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    against: defaultdict[tuple[str, str, str], str] = defaultdict(str)
    for row in tx.execute(select(payers).where((payers.c.account == "") == named)):
        key = (row.account, row.name, row.party_id)
        if row.undone_at:
            against[key] = max(against[key], row.undone_at)
        else:
            proofs[key].append(row.at)
    return [(key, sum(at > against[key] for at in found)) for key, found in sorted(proofs.items())]


def _owners(tx: Connection, items: set[str]) -> dict[str, str]:
    """Return the customers of these items."""
    found = {}
    for ids in chunks(sorted(items)):
        query = select(records.c.id, records.c.party)
        query = query.where(records.c.kind == "open_item", records.c.id.in_(ids))
        found.update({row.id: row.party for row in tx.execute(query) if row.party})
    return found


def _on_file(tx: Connection, parties: set[str]) -> dict[str, str]:
    """Return the accounts on file of these customers; only customers have one."""
    found = {}
    for ids in chunks(sorted(parties)):
        query = select(records.c.id, records.c.data)
        query = query.where(records.c.kind == "customer", records.c.id.in_(ids))
        for row in tx.execute(query):
            found[row.id] = compact(load(Customer, row.data).iban or "")
    return found
