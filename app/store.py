"""Reading and writing rows: what several actions share, one function per fact.

Every function takes the caller's transaction; none opens or commits one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.codec import dump_posting, plain, unplain
from app.office import Office
from app.tables import cursors, documents, fields, findings, postings
from records.documents import Document, Field
from records.findings import Finding, Severity
from records.postings import Posting

#: SQLite allows 32766 variables in one statement; stay well below.
_CHUNK = 500


def upsert(
    tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, replace: bool = False
) -> int:
    """Insert rows; one whose primary key exists is left alone, or replaced.

    Returns how many rows were written.
    """
    if not rows:
        return 0
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    if replace:
        values = {c: statement.excluded[c] for c in rows[0] if c not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=values)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    return tx.execute(statement, list(rows)).rowcount


def chunks(items: Sequence[Any], size: int = _CHUNK) -> Iterator[Sequence[Any]]:
    """Yield slices of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def cursor(tx: Connection, source: str) -> str | None:
    """Return how far a source was read, None before the first time."""
    return tx.execute(select(cursors.c.cursor).where(cursors.c.source == source)).scalar()


def advance(tx: Connection, office: Office, source: str, value: str) -> None:
    """Remember how far a source was read."""
    row = {"source": source, "cursor": value, "changed_at": office.now()}
    upsert(tx, cursors, [row], replace=True)


def note(
    tx: Connection,
    office: Office,
    subject_kind: str,
    subject: str,
    stage: str,
    found: Iterable[Finding],
) -> None:
    """Set the open Findings of one stage about one subject; earlier ones of it are closed.

    Running a stage again therefore never doubles its Findings.
    """
    now = office.now()
    tx.execute(
        update(findings)
        .where(findings.c.subject_kind == subject_kind, findings.c.subject == subject)
        .where(findings.c.stage == stage, findings.c.closed_at.is_(None))
        .values(closed_at=now, closed_by=office.actor)
    )
    rows = [
        {
            "subject_kind": subject_kind,
            "subject": subject,
            "stage": stage,
            "code": item.code,
            "severity": item.severity.value,
            "where": item.where,
            "message": item.message,
            "expected": item.expected,
            "actual": item.actual,
            "remedy": item.remedy,
            "found_at": now,
        }
        for item in found
    ]
    if rows:
        tx.execute(insert(findings), rows)


def open_findings(tx: Connection, subject_kind: str, subject: str) -> list[Finding]:
    """Return what is still open about a subject, in the order it was found."""
    query = (
        select(findings)
        .where(findings.c.subject_kind == subject_kind, findings.c.subject == subject)
        .where(findings.c.closed_at.is_(None))
        .order_by(findings.c.id)
    )
    return [as_finding(row) for row in tx.execute(query)]


def as_finding(row: Any) -> Finding:
    """Return the Finding of a row of the findings table, other documents' ids made brief."""
    return Finding(
        code=row.code,
        severity=Severity(row.severity),
        where=brief(row.where),
        message=brief(row.message),
        expected=None if row.expected is None else brief(row.expected),
        actual=None if row.actual is None else brief(row.actual),
        remedy=row.remedy,
    )


_DOCUMENT_ID = re.compile(r"\b[0-9a-f]{64}\b")


def brief(text: str) -> str:
    """Return a text for people with every document's id cut to what they type."""
    return _DOCUMENT_ID.sub(lambda found: found[0][:12], text)


def document(tx: Connection, document_id: str) -> Document:
    """Return a document by id; KeyError when there is none."""
    row = tx.execute(select(documents).where(documents.c.id == document_id)).first()
    if row is None:
        raise KeyError(document_id)
    return Document(
        id=row.id,
        media_type=row.media_type,
        path=Path(row.path),
        name=row.name,
        size=row.size,
        origin=row.origin,
        pages=None if row.first_page is None else (row.first_page, row.last_page),
    )


def write_fields(
    tx: Connection, office: Office, document_id: str, revision: int, read: Sequence[Field]
) -> None:
    """Append what one reader saw; nothing is ever overwritten."""
    now = office.now()
    rows = [
        {
            "document_id": document_id,
            "revision": revision,
            "data": plain(item),
            "by": item.by,
            "written_at": now,
        }
        for item in read
    ]
    if rows:
        tx.execute(insert(fields), rows)


def read_fields(tx: Connection, document_id: str) -> list[Field]:
    """Return a document's Fields in the order of time: the newest reading's, and every person's."""
    query = select(fields).where(fields.c.document_id == document_id).order_by(fields.c.id)
    rows = tx.execute(query).all()
    newest = max((r.revision for r in rows if not r.by.startswith("person:")), default=0)
    return [
        unplain(Field, row.data)
        for row in rows
        if row.revision == newest or row.by.startswith("person:")
    ]


def write_posting(tx: Connection, office: Office, wanted: Iterable[Posting]) -> int:
    """Put postings into the outbox, each key once; return how many were new."""
    now = office.now()
    rows = [
        {
            "key": item.key,
            "target": item.target,
            "kind": item.kind,
            "subject": item.subject,
            "data": dump_posting(item),
            "written_at": now,
            "state": "waiting",
        }
        for item in wanted
    ]
    return upsert(tx, postings, rows)


def set_state(tx: Connection, office: Office, document_id: str, state: str, **values: Any) -> None:
    """Move a document to another state."""
    tx.execute(
        update(documents)
        .where(documents.c.id == document_id)
        .values(state=state, changed_at=office.now(), **values)
    )


def lock(tx: Connection, name: str) -> None:
    """Let only one transaction at a time pass with this name.

    SQLite's write transactions exclude each other already; PostgreSQL needs
    an advisory lock, which ends with the transaction.
    """
    if tx.dialect.name == "postgresql":
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        tx.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (number,))


def forget(tx: Connection, table: Table, column: str, value: str) -> None:
    """Delete a subject's derived rows before they are written anew."""
    tx.execute(delete(table).where(table.c[column] == value))


def state_of(tx: Connection, document_id: str) -> str:
    """Return a document's state."""
    return str(
        tx.execute(select(documents.c.state).where(documents.c.id == document_id)).scalar_one()
    )
