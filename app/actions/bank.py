"""The bank: files in, accounts proven, movements reconciled, matches posted."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select, update

from app.actions.opening import statement_source
from app.audit import Entry, record
from app.codec import dump, load, unplain
from app.isolation import IsolationFailure, Limits
from app.ledger import match_postings
from app.masterdata import every
from app.office import Office
from app.statement_files import INFORMATION, ReadFile, ReadStatement, read_file
from app.store import (
    advance,
    cursor,
    document,
    lock,
    note,
    open_findings,
    set_state,
    upsert,
    write_posting,
)
from app.tables import (
    allocations,
    documents,
    forbidden,
    invoices,
    matches,
    statement_entries,
    statements,
    transactions,
)
from matching.continuity import Span, check_continuity
from matching.payments import Books, reconcile
from records.banking import (
    BankTransaction,
    CardSettlement,
    FxRate,
    OpenItem,
    OwnAccount,
    PaymentRun,
    PaymentRunItem,
    PayrollRun,
)
from records.documents import Document
from records.failures import KnownFailure, Unavailable
from records.findings import Finding, finding
from records.invoices import Invoice
from records.matches import Decision, Match
from records.money import Money
from records.purchasing import Contract, Customer, Vendor


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
    """Return the ids of bank files that are not in the books yet."""
    query = select(documents.c.id).where(documents.c.state == "bank_file")
    with office.database.begin() as tx:
        return list(tx.execute(query.order_by(documents.c.id)).scalars())


def load_statement(office: Office, document_id: str) -> str:
    """Read one bank file into movements; return its new state."""
    with office.database.begin() as tx:
        given = document(tx, document_id)
    try:
        content: ReadFile | IsolationFailure = office.box.run(
            read_file, given, limits=_limits(office)
        )
    except IsolationFailure as failure:
        content = failure
    return keep_statements(office, given, content)


def load_statements(office: Office, given: Iterable[Document]) -> None:
    """Read many bank files in warm processes, as a trial does."""
    for one, content in office.box.map(read_file, given, limits=_limits(office)):
        keep_statements(office, one, content)


def _limits(office: Office) -> Limits:
    limits = office.settings.limits
    return Limits(timeout_seconds=limits.seconds, memory_bytes=limits.memory_mb << 20)


def keep_statements(
    office: Office, given: Document, content: ReadFile | IsolationFailure | KnownFailure
) -> str:
    """Put what a bank file said into the books; return the file's new state."""
    if not isinstance(content, ReadFile):
        problem = finding("reader_crashed", where=given.name, actual=str(content))
        content = ReadFile((), (problem,))
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
            continue
        upsert(
            tx,
            transactions,
            [
                {
                    "id": m.id,
                    "account": m.account,
                    "bank_reference": m.bank_reference,
                    "booking_date": m.booking_date,
                    "amount_minor": m.amount_minor,
                    "currency": m.currency,
                    "data": m.data,
                    "statement_id": identity,
                    "state": "waiting",
                    "seen_at": now,
                }
                for m in one.movements
            ],
        )
        upsert(
            tx,
            statement_entries,
            [{"statement_id": identity, "transaction_id": m.id} for m in one.movements],
        )
    note(tx, office, "document", given.id, "read", found)
    unusable = not content.statements and any(f.blocks for f in found)
    return "held" if unusable else "filed"


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
        accounts = tx.execute(
            select(statements.c.account)
            .where(statements.c.state.in_(("read", "stopped")))
            .distinct()
        ).scalars()
        for account in list(accounts):
            outcome = check_continuity(account, _spans(tx, account))
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


def _spans(tx: Connection, account: str) -> list[Span]:
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


def gather_books(tx: Connection) -> Books:
    """Return everything a bank movement can be about, with what is still open of it."""
    settled: dict[str, int] = {}
    rows = tx.execute(
        select(
            allocations.c.item_id,
            func.sum(allocations.c.amount_minor + allocations.c.writeoff_minor),
        ).group_by(allocations.c.item_id)
    )
    for item_id, total in rows:
        settled[item_id] = int(total)
    items = [*every(tx, OpenItem), *_own_payables(tx)]
    return Books(
        own_accounts=tuple(every(tx, OwnAccount)),
        vendors=tuple(every(tx, Vendor)),
        customers=tuple(every(tx, Customer)),
        items=tuple(_still_open(item, settled.get(item.id)) for item in items),
        payment_runs=tuple(every(tx, PaymentRun)),
        payment_run_items=tuple(every(tx, PaymentRunItem)),
        card_settlements=tuple(every(tx, CardSettlement)),
        payroll_runs=tuple(every(tx, PayrollRun)),
        contracts=tuple(every(tx, Contract)),
        fx_rates=tuple(every(tx, FxRate)),
        forbidden=frozenset(
            (row.transaction_id, row.item_id) for row in tx.execute(select(forbidden))
        ),
    )


def _still_open(item: OpenItem, settled: int | None) -> OpenItem:
    """Return the item with what is left of it: by its source and by our own postings."""
    if settled is None:
        return item
    left = item.gross.rounded().minor - settled
    if item.open is not None and abs(item.open.minor) < abs(left):
        return item
    return dataclasses.replace(item, open=Money.of_minor(left, item.gross.currency))


def _own_payables(tx: Connection) -> Iterable[OpenItem]:
    """Yield what we posted ourselves and the office's own list does not hold yet."""
    listed = {
        (item.party_id, item.number) for item in every(tx, OpenItem) if item.kind.startswith("ap_")
    }
    query = select(invoices, documents.c.state).join(
        documents, documents.c.id == invoices.c.document_id
    )
    for row in tx.execute(query.where(documents.c.state == "posted")):
        invoice = unplain(Invoice, row.data)
        if (row.vendor_id, invoice.number) in listed:
            continue
        due = invoice.amount_due if invoice.amount_due is not None else invoice.gross_total
        if due is None or invoice.currency is None:
            continue
        yield OpenItem(
            id=row.document_id,
            kind="ap_credit_note" if invoice.is_credit_note else "ap_invoice",
            party_id=row.vendor_id,
            party_name=invoice.seller.name or "",
            party_iban=invoice.ibans[0] if invoice.ibans else None,
            party_vat_id=invoice.seller.vat_id,
            number=invoice.number,
            issue_date=invoice.issue_date,
            due_date=invoice.due_date,
            gross=Money(-invoice.sign * due, invoice.currency),
            skonto_percent=invoice.skonto_percent,
            skonto_until=invoice.skonto_until,
        )


def reconcile_bank(office: Office, target: str | None) -> dict[str, int]:
    """Match every movement that is not settled yet; return counts by decision.

    What is within the error budget is posted (allocations, outbox, audit), the
    rest is shown with its rivals. The whole set is solved together.
    """
    with office.database.begin() as tx:
        rows = tx.execute(
            select(transactions.c.id, transactions.c.data)
            .where(transactions.c.state.in_(("new", "suggested", "open")))
            .order_by(transactions.c.id)
        ).all()
        if not rows:
            return {}
        books = gather_books(tx)
        stamp = _stamp(tx)
    given = [(row.id, load(BankTransaction, row.data)) for row in rows]
    made = reconcile(given, books, office.settings.payments)
    with office.database.begin() as tx:
        lock(tx, "reconcile")
        if _stamp(tx) != stamp:
            raise Unavailable("The books changed while matching; it is done again.")
        return keep_matches(tx, office, target, dict(given), made)


def _stamp(tx: Connection) -> tuple[int, int]:
    """Return what changes whenever anyone else posts or undoes a match."""
    return (
        tx.execute(select(func.count()).select_from(allocations)).scalar_one(),
        tx.execute(select(func.count()).select_from(forbidden)).scalar_one(),
    )


def keep_matches(
    tx: Connection,
    office: Office,
    target: str | None,
    given: dict[str, BankTransaction],
    made: Sequence[Match],
) -> dict[str, int]:
    """Write what the matcher found; return counts by what became of the lines."""
    now = office.now()
    earlier = _newest_matches(tx)
    rows, applied, entries, postings = [], [], [], []
    states: dict[str, list[str]] = defaultdict(list)
    for match in made:
        before = earlier.get(match.transaction_id, (0, ""))
        data = dump(match)
        if data == before[1]:
            continue  # nothing new is known of this line: last night's suggestion stands
        revision = before[0] + 1
        state = _state(match)
        states[state].append(match.transaction_id)
        rows.append(
            {
                "transaction_id": match.transaction_id,
                "revision": revision,
                "category": match.category,
                "decision": match.decision.value,
                "confidence": match.confidence,
                "data": data,
                "made_at": now,
                "actor": office.actor,
            }
        )
        if match.decision is Decision.POST:
            applied += _applied(match, revision)
            entries.append(
                Entry(action="match", subject=match.transaction_id, evidence=_evidence(match))
            )
            if target:
                postings += match_postings(target, match, given[match.transaction_id], revision)
    upsert(tx, matches, rows)
    upsert(tx, allocations, applied)
    for state, ids in states.items():
        for start in range(0, len(ids), 500):
            tx.execute(
                update(transactions)
                .where(transactions.c.id.in_(ids[start : start + 500]))
                .values(state=state)
            )
    write_posting(tx, office, postings)
    record(tx, office, entries)
    return {state: len(ids) for state, ids in states.items()}


def _newest_matches(tx: Connection) -> dict[str, tuple[int, str]]:
    """Return revision and data of the newest match of every line that is not settled."""
    rows = tx.execute(
        select(matches.c.transaction_id, matches.c.revision, matches.c.data, matches.c.undone_at)
        .join(transactions, transactions.c.id == matches.c.transaction_id)
        .where(transactions.c.state.in_(("new", "suggested", "open")))
        .order_by(matches.c.revision)
    )
    return {r.transaction_id: (r.revision, "" if r.undone_at else r.data) for r in rows}


def _state(match: Match) -> str:
    if match.decision is Decision.POST:
        return "posted"
    return "suggested" if match.allocations else "open"


def _applied(match: Match, revision: int) -> list[dict[str, Any]]:
    written_off: dict[str, Decimal] = defaultdict(Decimal)
    for adjustment in match.adjustments:
        if not adjustment.is_cash and adjustment.item_id:
            written_off[adjustment.item_id] += adjustment.amount.amount
    merged: dict[str, Money] = {}
    for one in match.allocations:
        held = merged.get(one.item_id)
        merged[one.item_id] = one.amount if held is None else held + one.amount
    return [
        {
            "transaction_id": match.transaction_id,
            "item_id": item_id,
            "revision": revision,
            "amount_minor": amount.minor,
            "writeoff_minor": Money(written_off[item_id], amount.currency).minor,
            "currency": amount.currency,
        }
        for item_id, amount in merged.items()
    ]


def _evidence(match: Match) -> dict[str, Any]:
    return {
        "category": match.category,
        "items": {a.item_id: str(a.amount) for a in match.allocations},
        "confidence": round(match.confidence, 6),
        "rule": match.rule,
        "reasons": list(match.reasons),
    }


def undo_match(office: Office, transaction_id: str, reason: str) -> None:
    """Take a posted match back: items reopen, and the same match is never made again."""
    now = office.now()
    with office.database.begin() as tx:
        rows = tx.execute(
            select(allocations.c.item_id).where(allocations.c.transaction_id == transaction_id)
        ).scalars()
        items = list(rows)
        upsert(
            tx,
            forbidden,
            [
                {
                    "transaction_id": transaction_id,
                    "item_id": item,
                    "reason": reason,
                    "by": office.actor,
                    "at": now,
                }
                for item in items
            ],
        )
        tx.execute(allocations.delete().where(allocations.c.transaction_id == transaction_id))
        tx.execute(
            update(matches)
            .where(matches.c.transaction_id == transaction_id, matches.c.undone_at.is_(None))
            .values(undone_at=now)
        )
        tx.execute(
            update(transactions).where(transactions.c.id == transaction_id).values(state="new")
        )
        evidence = {"items": items, "reason": reason}
        record(tx, office, [Entry(action="undo", subject=transaction_id, evidence=evidence)])


def stopped_accounts(tx: Connection) -> dict[str, list[Finding]]:
    """Return the accounts that wait for a file, each with what is wrong."""
    rows = tx.execute(
        select(statements.c.account).where(statements.c.state == "stopped").distinct()
    ).scalars()
    return {account: open_findings(tx, "account", account) for account in rows}
