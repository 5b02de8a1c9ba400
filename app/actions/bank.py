"""The bank's files: taken in, read, and every account proven before anything is matched."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import Connection, select, update

from app.actions.batches import explode_batches, keep_notices
from app.actions.opening import statement_source
from app.audit import Entry, record
from app.isolation import IsolationFailure, Limits
from app.office import Office
from app.statement_files import INFORMATION, Movement, ReadFile, ReadStatement, read_file
from app.store import (
    advance,
    chunks,
    cursor,
    document,
    note,
    set_state,
    upsert,
)
from app.tables import (
    documents,
    findings,
    statement_entries,
    statements,
    transactions,
)
from matching.continuity import Span, check_continuity
from records.documents import Document
from records.failures import KnownFailure
from records.findings import Severity, finding
from records.money import Money


def fetch_statements(office: Office, source: str) -> int:
    """Take every new bank file of one source into the store; return how many were new."""
    name = f"statements:{source}"
    connector = statement_source(office, source)
    with office.database.begin() as tx:
        since = cursor(tx, name)
    count = 0
    for given, position in connector.fetch(since):
        with office.database.begin() as tx:
            count += add_file(tx, office, given)
            advance(tx, office, name, position)
    return count


def add_file(tx: Connection, office: Office, given: Document) -> int:
    """Remember one bank file; return 1 when it is new."""
    now = office.now()
    row = {
        "id": given.id,
        "media_type": given.media_type,
        "name": given.name,
        "path": str(given.path),
        "size": given.size,
        "origin": given.origin,
        "revision": 1,
        "state": "bank_file",
        "kind": "bank_statement",
        "text": "",
        "seen_at": now,
        "changed_at": now,
    }
    return upsert(tx, documents, [row])


def unread_statements(office: Office) -> list[str]:
    """Return the bank files to read (`document` or `document@profiles`).

    These are the new ones, and those whose profile was only guessed when there
    are other confirmed profiles now.
    """
    query = select(documents.c.id).where(documents.c.state == "bank_file")
    guessed = (
        select(documents.c.id)
        .join(findings, findings.c.subject == documents.c.id)
        .where(documents.c.state == "held", documents.c.kind == "bank_statement")
        .where(findings.c.code == "profile_guessed", findings.c.closed_at.is_(None))
        .distinct()
    )
    profiles = office.settings.bank_profiles
    known = hashlib.blake2b(repr(profiles).encode(), digest_size=8).hexdigest()
    with office.database.begin() as tx:
        new = list(tx.execute(query.order_by(documents.c.id)).scalars())
        waiting = tx.execute(guessed.order_by(documents.c.id)).scalars() if profiles else ()
        return [*new, *(f"{document_id}@{known}" for document_id in waiting)]


def load_statement(office: Office, work: str) -> str:
    """Read one bank file into movements; return its new state."""
    document_id = work.partition("@")[0]
    with office.database.begin() as tx:
        given = document(tx, document_id)
    try:
        content: ReadFile | IsolationFailure = office.box.run(
            read_file, given, office.settings.bank_profiles, limits=_limits(office)
        )
    except IsolationFailure as failure:
        content = failure
    return keep_statements(office, given, content)


def load_statements(office: Office, given: Iterable[Document]) -> None:
    """Read many bank files in warm processes, as a trial does: guessed profiles are believed."""
    for one, content in office.box.map(read_file, given, limits=_limits(office)):
        keep_statements(office, one, content, believe_guesses=True)


def _limits(office: Office) -> Limits:
    limits = office.settings.limits
    return Limits(timeout_seconds=limits.seconds, memory_bytes=limits.memory_mb << 20)


def keep_statements(
    office: Office,
    given: Document,
    content: ReadFile | IsolationFailure | KnownFailure,
    *,
    believe_guesses: bool = False,
) -> str:
    """Put what a bank file said into the books; return the file's new state.

    A table that was read by a guess waits until a person confirms its profile.
    """
    if not isinstance(content, ReadFile):
        problem = finding("reader_crashed", where=given.name, actual=str(content))
        content = ReadFile((), (problem,))
    elif not believe_guesses:
        content = _confirmed_only(content, given)
    document_id = given.id
    with office.database.begin() as tx:
        state = _keep(tx, office, given, content)
        set_state(tx, office, document_id, state)
        said = [s.statement for s in content.statements]
        evidence = {
            "file": given.name,
            "statements": len(said),
            "entries": sum(s.entry_count for s in said),
            "state": state,
        }
        record(tx, office, [Entry(action="read", subject=document_id, evidence=evidence)])
    return state


def _confirmed_only(content: ReadFile, given: Document) -> ReadFile:
    """Return the content without the statements whose profile nobody confirmed."""
    guesses = [
        one
        for one in content.statements
        if any(f.code == "profile_guessed" for f in one.statement.findings)
    ]
    if not guesses:
        return content
    problem = finding(
        "profile_guessed",
        where=given.name,
        message="Nobody has confirmed how the file's columns are to be read; nothing is booked",
        severity=Severity.BLOCK,
        remedy=f"Print the guess with `nightclerk profile {given.path}`, check it, and save it "
        "as a file in the folder that `bank_profiles` names; the next run reads the file.",
    )
    kept = tuple(one for one in content.statements if one not in guesses)
    said = tuple(f for one in guesses for f in one.statement.findings if f.code != problem.code)
    return ReadFile(kept, (*content.findings, *said, problem))


def _keep(tx: Connection, office: Office, given: Document, content: ReadFile) -> str:
    found = list(content.findings)
    now = office.now()
    for number, one in enumerate(content.statements):
        said = one.statement
        found += said.findings
        identity = f"{given.id[:16]}/{number}"
        information = said.kind in INFORMATION
        row = {
            "id": identity,
            "document_id": given.id,
            "account": said.account,
            "currency": said.currency,
            "kind": said.kind,
            "number": said.number,
            "opening_minor": _minor(said.opening),
            "closing_minor": _minor(said.closing),
            "opening_date": _first(one),
            "closing_date": _last(one),
            "entry_count": len(one.movements),
            "state": "information" if information else "read",
            "read_at": now,
        }
        upsert(tx, statements, [row])
        if information:
            keep_notices(tx, one.movements)
            continue
        _keep_movements(tx, one.movements, identity, now)
        upsert(
            tx,
            statement_entries,
            [{"statement_id": identity, "transaction_id": m.id} for m in one.movements],
        )
    note(tx, office, "document", given.id, "read", found)
    unusable = not content.statements and any(f.blocks for f in found)
    return "held" if unusable else "filed"


def _keep_movements(
    tx: Connection, movements: Sequence[Movement], statement_id: str, now: str
) -> None:
    """Add what is new; of a movement that two files tell, the fuller telling is kept."""
    rows = [
        {
            "id": m.id,
            "account": m.account,
            "bank_reference": m.bank_reference,
            "booking_date": m.booking_date,
            "amount_minor": m.amount_minor,
            "currency": m.currency,
            "data": m.data,
            "statement_id": statement_id,
            "state": "waiting",
            "seen_at": now,
        }
        for m in movements
    ]
    if upsert(tx, transactions, rows) == len(rows):
        return
    told = {m.id: m.data for m in movements}
    for ids in chunks(list(told)):
        query = select(transactions.c.id, transactions.c.data).where(transactions.c.id.in_(ids))
        for row in tx.execute(query).all():
            if _fullness(told[row.id]) > _fullness(row.data):
                change = update(transactions).where(transactions.c.id == row.id)
                tx.execute(change.values(data=told[row.id]))


def _fullness(data: str) -> tuple[int, str]:
    """Order tellings of one movement, so that the files' order does not matter."""
    return len(data), data


def _first(one: ReadStatement) -> str | None:
    days = [m.booking_date for m in one.movements if m.booking_date]
    if one.statement.opening_date:
        days.append(one.statement.opening_date.isoformat())
    return min(days, default=None)


def _last(one: ReadStatement) -> str | None:
    days = [m.booking_date for m in one.movements if m.booking_date]
    if one.statement.closing_date:
        days.append(one.statement.closing_date.isoformat())
    return max(days, default=None)


def _minor(money: Money | None) -> int | None:
    return None if money is None else money.rounded().minor


def prove_accounts(office: Office) -> list[str]:
    """Check every account with new files for gaps; return the accounts that are stopped.

    Movements of accepted statements are released for matching; those after a
    gap wait. A missing file that arrives later releases them by itself.
    """
    stopped: list[str] = []
    with office.database.begin() as tx:
        explode_batches(tx)
        accounts = tx.execute(
            select(statements.c.account)
            .where(statements.c.state.in_(("read", "stopped")))
            .distinct()
        ).scalars()
        for account in list(accounts):
            outcome = check_continuity(account, account_spans(tx, account))
            for state, ids in (("accepted", outcome.accepted), ("stopped", outcome.stopped)):
                if ids:
                    tx.execute(
                        update(statements).where(statements.c.id.in_(ids)).values(state=state)
                    )
            released = (
                select(statement_entries.c.transaction_id)
                .join(statements, statements.c.id == statement_entries.c.statement_id)
                .where(statements.c.account == account, statements.c.state == "accepted")
            )
            tx.execute(
                update(transactions)
                .where(transactions.c.account == account, transactions.c.state == "waiting")
                .where(transactions.c.id.in_(released))
                .values(state="new")
            )
            note(tx, office, "account", account, "continuity", outcome.findings)
            if outcome.stopped:
                stopped.append(account)
                evidence = {"finding": str(outcome.findings[-1])}
                record(tx, office, [Entry(action="stop", subject=account, evidence=evidence)])
    return stopped


def account_spans(tx: Connection, account: str) -> list[Span]:
    """Return the account's statements as continuity sees them."""
    movements: dict[str, dict[str, int]] = defaultdict(dict)
    rows = tx.execute(
        select(statement_entries.c.statement_id, transactions.c.id, transactions.c.amount_minor)
        .join(transactions, transactions.c.id == statement_entries.c.transaction_id)
        .where(transactions.c.account == account)
    )
    for statement_id, transaction_id, amount in rows:
        movements[statement_id][transaction_id] = amount
    query = select(statements, documents.c.name).join(
        documents, documents.c.id == statements.c.document_id
    )
    return [
        Span(
            id=row.id,
            label=f"{row.name}" + (f" no. {row.number}" if row.number else ""),
            first=_day(row.opening_date),
            last=_day(row.closing_date),
            number=row.number,
            opening=row.opening_minor,
            closing=row.closing_minor,
            movements=movements.get(row.id, {}),
        )
        for row in tx.execute(
            query.where(statements.c.account == account, statements.c.state != "information")
        )
    ]


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
