"""Mail in: fetch, keep, unpack, remember; then settle in the mailbox.

The order makes loss impossible: bytes are on disk and rows committed before
the mailbox is touched; a crash in between repeats the settling only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from app.actions.opening import mailbox as open_mailbox
from app.audit import Entry, record
from app.codec import plain, unplain
from app.isolation import IsolationFailure, Limits, OutOfMemory, TookTooLong
from app.office import Office
from app.store import advance, cursor, note, upsert
from app.tables import arrivals, documents, messages
from connectors.keeping import keep_bytes
from extractors.containers import Unpacked, unpack
from records.documents import Message
from records.findings import Finding, finding

#: Kinds that hold an e-invoice by itself; they are read before the pages beside them.
XML = "application/xml"


def receive(office: Office, mailbox: str) -> int:
    """Fetch every new message of one mailbox; return how many were new.

    Raises Unavailable when the server goes away; what was fetched until then
    is kept and the next run goes on from there.
    """
    source = open_mailbox(office, mailbox)
    name = f"mail:{mailbox}"
    with office.database.begin() as tx:
        since = cursor(tx, name)
        unsettled = tx.execute(
            select(messages.c.data, messages.c.outcome)
            .where(messages.c.account == mailbox, messages.c.settled.is_(False))
            .order_by(messages.c.received_at)
        ).all()
    for row in unsettled:
        message = unplain(Message, row.data)
        source.settle(message, row.outcome)
        _settled(office, message)
    count = 0
    limits = office.settings.limits
    bounds = Limits(timeout_seconds=limits.seconds, memory_bytes=limits.memory_mb << 20)
    for (message, position), parts in office.box.map(
        unpack_message, source.fetch(since), limits=bounds
    ):
        is_new, outcome = _take(office, message, name, position, *_sorted_out(parts))
        count += is_new
        source.settle(message, outcome)
        _settled(office, message)
    return count


def pending(office: Office, first: bool) -> list[str]:
    """Return the work ids (`document@revision`) still to be read.

    `first` chooses e-invoice XML, which governs; False chooses the rest, so
    that a page finds the XML of the same message already read.
    """
    is_xml = documents.c.media_type == XML
    with office.database.begin() as tx:
        rows = tx.execute(
            select(documents.c.id, documents.c.revision)
            .where(documents.c.state.in_(("received", "read", "matched", "decided")))
            .where(is_xml if first else ~is_xml)
            .order_by(documents.c.seen_at, documents.c.id)
        ).all()
    return [f"{row.id}@{row.revision}" for row in rows]


def take_file(office: Office, path: Path, origin: str) -> list[str]:
    """Take one file from a folder as if it had come by mail; return its document ids."""
    content = path.read_bytes()
    key = f"file:{hashlib.sha256(content).hexdigest()}"
    message = Message(key=key, account="files", subject=path.name, size=len(content), path=path)
    try:
        parts: object = office.box.run(unpack_message, (message, ""))
    except IsolationFailure as failure:
        parts = failure
    unpacked, found = _sorted_out(parts)
    with office.database.begin() as tx:
        if not upsert(tx, messages, [_row(office, message, "", "documents", settled=True)]):
            return []
        return _documents(tx, office, message, unpacked, found, origin)


def _take(
    office: Office,
    message: Message,
    source: str,
    position: str,
    unpacked: Sequence[Unpacked],
    more: Sequence[Finding],
) -> tuple[bool, str]:
    """Commit one message with its documents and the new cursor, all or nothing."""
    found = [*message.findings, *more]
    digest = ""
    if message.path is not None:
        digest = hashlib.sha256(message.path.read_bytes()).hexdigest()
    with office.database.begin() as tx:
        advance(tx, office, source, position)
        twin = None
        if digest:
            twin = tx.execute(
                select(messages.c.key).where(
                    messages.c.sha256 == digest, messages.c.key != message.key
                )
            ).scalar()
        outcome = "seen_before" if twin else "documents" if unpacked else "nothing_to_do"
        if any(f.blocks for f in found) and not unpacked:
            outcome = "held"
        if not upsert(tx, messages, [_row(office, message, digest, outcome, settled=False)]):
            return False, outcome
        if twin:
            _remark(tx, message.key, f"the same message is here already as {twin}")
            note(tx, office, "message", message.key, "receive", ())
        else:
            _documents(tx, office, message, unpacked, found, message.key)
        evidence = {"from": message.sender, "subject": message.subject, "outcome": outcome}
        record(tx, office, [Entry(action="receive", subject=message.key, evidence=evidence)])
    return True, outcome


def _row(
    office: Office, message: Message, digest: str, outcome: str, *, settled: bool
) -> dict[str, Any]:
    return {
        "key": message.key,
        "account": message.account,
        "message_id": message.message_id,
        "sha256": digest or None,
        "sender": message.sender,
        "subject": message.subject,
        "data": plain(message),
        "received_at": office.now(),
        "outcome": outcome,
        "outcome_reason": "",
        "settled": settled,
    }


def _documents(
    tx: Connection,
    office: Office,
    message: Message,
    unpacked: Sequence[Unpacked],
    found: Sequence[Finding],
    origin: str,
) -> list[str]:
    now = office.now()
    made: list[str] = []
    known: list[str] = []
    for item in unpacked:
        kept = keep_bytes(office.files, [item.content])
        row = {
            "id": kept.sha256,
            "media_type": item.media_type,
            "name": item.name,
            "path": str(kept.path),
            "size": kept.size,
            "origin": f"{origin}/{item.origin}" if item.origin else origin,
            "message_key": message.key,
            "revision": 1,
            "state": "received",
            "kind": "unknown",
            "text": "",
            "seen_at": now,
            "changed_at": now,
        }
        (made if upsert(tx, documents, [row]) else known).append(kept.sha256)
        arrival = {
            "document_id": kept.sha256,
            "message_key": message.key,
            "name": item.name,
            "arrived_at": now,
        }
        upsert(tx, arrivals, [arrival])
    note(tx, office, "message", message.key, "receive", found)
    known = [one for one in known if one not in made]
    if known and not made:
        _remark(tx, message.key, f"every document is here already: {', '.join(known)}")
    return made


def _remark(tx: Connection, key: str, reason: str) -> None:
    tx.execute(
        update(messages)
        .where(messages.c.key == key)
        .values(outcome="seen_before", outcome_reason=reason)
    )


def _settled(office: Office, message: Message) -> None:
    with office.database.begin() as tx:
        tx.execute(update(messages).where(messages.c.key == message.key).values(settled=True))


def unpack_message(given: tuple[Message, str]) -> list[Unpacked | Finding]:
    """Unpack a message completely; runs in the isolated process."""
    message, _ = given
    return [] if message.path is None else list(unpack(message.path))


def _sorted_out(parts: object) -> tuple[list[Unpacked], list[Finding]]:
    """Part the documents from the Findings; a failed unpacking is a Finding."""
    if isinstance(parts, BaseException):
        codes: dict[type[object], str] = {
            TookTooLong: "took_too_long",
            OutOfMemory: "out_of_memory",
        }
        code = codes.get(type(parts), "reader_crashed")
        return [], [finding(code, where="message", actual=str(parts))]
    assert isinstance(parts, list)
    return (
        [part for part in parts if isinstance(part, Unpacked)],
        [part for part in parts if isinstance(part, Finding)],
    )
