"""The audit trail: append-only, hash-chained, verifiable without trusting us.

Each entry's hash is SHA-256 over the previous hash and the entry's own
canonical JSON. Changing, removing or inserting any entry breaks every hash
after it; `verify` finds the first break.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.office import Office
from app.tables import audit, audit_head

#: What stands before the first entry.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One decision: who did what to which subject, on what evidence."""

    action: str
    subject: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry as it stands in the trail. `at` is UTC ISO time."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    evidence: Mapping[str, Any]
    configuration: str
    hash: str


def link(previous: str, at: str, actor: str, entry: Entry, evidence: str, version: str) -> str:
    """Return the hash of an entry that follows `previous`; `evidence` is its JSON text."""
    text = json.dumps(
        [previous, at, actor, entry.action, entry.subject, evidence, version],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()


def record(tx: Connection, office: Office, entries: Iterable[Entry]) -> None:
    """Append entries in the caller's transaction; they stand or fall with it."""
    rows = []
    head = _locked_head(tx)
    seq, previous = head
    at = office.clock().isoformat()
    for entry in entries:
        evidence = json.dumps(entry.evidence, ensure_ascii=False, sort_keys=True, default=str)
        version = office.settings.version
        digest = link(previous, at, office.actor, entry, evidence, version)
        seq += 1
        rows.append(
            {
                "seq": seq,
                "at": at,
                "actor": office.actor,
                "action": entry.action,
                "subject": entry.subject,
                "evidence": evidence,
                "configuration": version,
                "previous": previous,
                "hash": digest,
            }
        )
        previous = digest
    if rows:
        tx.execute(insert(audit), rows)
        tx.execute(update(audit_head).values(seq=seq, hash=previous))


def _locked_head(tx: Connection) -> tuple[int, str]:
    query = select(audit_head.c.seq, audit_head.c.hash).with_for_update()
    row = tx.execute(query).first()
    if row is None:
        dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
        first = dialect.insert(audit_head).values(id=1, seq=0, hash=GENESIS)
        tx.execute(first.on_conflict_do_nothing())
        row = tx.execute(query).one()
    return int(row.seq), str(row.hash)


def story(tx: Connection, subject: str) -> Iterator[Recorded]:
    """Yield the entries about one subject, oldest first."""
    query = select(audit).where(audit.c.subject == subject).order_by(audit.c.seq)
    for row in tx.execute(query):
        yield Recorded(
            seq=row.seq,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            evidence=json.loads(row.evidence),
            configuration=row.configuration,
            hash=row.hash,
        )


def verify(tx: Connection) -> tuple[int, str | None]:
    """Return how many entries hold, and what is wrong with the next one (None: all hold)."""
    previous, count = GENESIS, 0
    for row in tx.execute(select(audit).order_by(audit.c.seq)):
        entry = Entry(action=row.action, subject=row.subject, evidence={})
        if row.seq != count + 1 or row.previous != previous:
            return count, f"entry {count + 1} is missing or out of order"
        if row.hash != link(previous, row.at, row.actor, entry, row.evidence, row.configuration):
            return count, f"entry {row.seq} ({row.action} {row.subject}) was changed"
        previous, count = row.hash, count + 1
    head = tx.execute(select(audit_head.c.seq, audit_head.c.hash)).first()
    if head is not None and (head.seq != count or head.hash != previous):
        return count, f"the last entries are missing: {count} of {head.seq} are there"
    return count, None
