"""Every list anyone can see: read-only, as frozen rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, case, func, select

from app.codec import load
from app.store import as_finding, brief
from app.tables import (
    audit,
    documents,
    findings,
    invoices,
    matches,
    messages,
    transactions,
)
from extractors.containers import BODY_NAMES
from records.banking import BankTransaction
from records.findings import Finding
from records.matches import Match
from records.money import Money

#: What the states of a document mean to the office.
OUTCOMES = {
    "received": "waiting",
    "read": "waiting",
    "matched": "waiting",
    "decided": "waiting for delivery",
    "posted": "posted",
    "held": "held",
    "filed": "filed (no invoice)",
    "joined": "joined to the same invoice",
    "rejected": "rejected by a person",
    "split": "split into its invoices",
    "bank_file": "waiting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """One document as the office sees it. `by_hand`: a person approved, corrected or replayed it."""

    id: str
    state: str
    by_hand: bool
    kind: str
    name: str
    origin: str
    sender: str
    subject: str
    number: str | None
    vendor_id: str | None
    vendor_name: str | None
    issue_date: str | None
    gross: Money | None
    seen_at: datetime
    changed_at: datetime
    confidence: float | None
    findings: tuple[Finding, ...]

    @property
    def short_id(self) -> str:
        """Return the id as people type it."""
        return brief(self.id)

    @property
    def title(self) -> str:
        """Return a short name for people: number and vendor, else the file's name."""
        if self.number:
            return f"{self.number} of {self.vendor_name or self.sender or 'an unknown vendor'}"
        return self.name or self.subject or self.short_id


def document_rows(
    tx: Connection,
    states: tuple[str, ...] | None = None,
    since: str | None = None,
    message: str | None = None,
    only: str | None = None,
) -> list[DocumentRow]:
    """Return documents in these states (None: all), oldest first.

    `since`: only those changed at that time or later. `message`: only those of
    one message. `only`: the one with this id.
    """
    query = (
        select(documents, invoices.c.number, invoices.c.vendor_id, invoices.c.issue_date)
        .add_columns(invoices.c.currency, invoices.c.gross_minor, invoices.c.confidence)
        .add_columns(invoices.c.data.label("invoice"), messages.c.sender, messages.c.subject)
        .outerjoin(invoices, invoices.c.document_id == documents.c.id)
        .outerjoin(messages, messages.c.key == documents.c.message_key)
        .order_by(documents.c.seen_at, documents.c.id)
    )
    if states is not None:
        query = query.where(documents.c.state.in_(states))
    if since is not None:
        query = query.where(documents.c.changed_at >= since)
    if message is not None:
        query = query.where(documents.c.message_key == message)
    if only is not None:
        query = query.where(documents.c.id == only)
    rows = tx.execute(query).all()
    found = _findings(tx, "document")
    return [
        DocumentRow(
            id=row.id,
            state=row.state,
            by_hand=row.revision > 1,
            kind=row.kind,
            name=row.name,
            origin=row.origin,
            sender=row.sender or "",
            subject=row.subject or "",
            number=row.number,
            vendor_id=row.vendor_id,
            vendor_name=((row.invoice or {}).get("seller") or {}).get("name"),
            issue_date=row.issue_date,
            gross=_money(row.gross_minor, row.currency),
            seen_at=datetime.fromisoformat(row.seen_at),
            changed_at=datetime.fromisoformat(row.changed_at),
            confidence=row.confidence,
            findings=tuple(found.get(row.id, ())),
        )
        for row in rows
    ]


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money.of_minor(minor, currency)


def _findings(tx: Connection, subject_kind: str) -> dict[str, list[Finding]]:
    query = (
        select(findings)
        .where(findings.c.subject_kind == subject_kind, findings.c.closed_at.is_(None))
        .order_by(findings.c.id)
    )
    found: dict[str, list[Finding]] = {}
    for row in tx.execute(query):
        found.setdefault(row.subject, []).append(as_finding(row))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """One message and what became of it. `id` is the beginning of its SHA-256, else its key."""

    key: str
    id: str
    sender: str
    subject: str
    received_at: datetime
    outcome: str
    reason: str
    findings: tuple[Finding, ...]


def message_rows(tx: Connection) -> list[MessageRow]:
    """Return every message with its outcome, documents' outcomes included, oldest first."""
    states: dict[str, Counter[str]] = {}
    for row in tx.execute(
        select(documents.c.message_key, documents.c.state, func.count())
        .where(documents.c.message_key.is_not(None), documents.c.state != "split")
        .group_by(documents.c.message_key, documents.c.state)
    ):
        states.setdefault(row[0], Counter())[row[1]] += row[2]
    found = _findings(tx, "message")
    said_nothing = _only_text(tx)
    rows = []
    for row in tx.execute(select(messages).order_by(messages.c.received_at, messages.c.key)):
        outcome, reason = _outcome(
            row, states.get(row.key, Counter()), found.get(row.key, []), row.key in said_nothing
        )
        rows.append(
            MessageRow(
                key=row.key,
                id=row.sha256[:12] if row.sha256 else row.key,
                sender=row.sender,
                subject=row.subject,
                received_at=datetime.fromisoformat(row.received_at),
                outcome=outcome,
                reason=reason,
                findings=tuple(found.get(row.key, ())),
            )
        )
    return rows


def _only_text(tx: Connection) -> set[str]:
    """Return the messages whose only document is their own text, and that text is no invoice."""
    own_text = documents.c.name.in_(BODY_NAMES) & (documents.c.state == "filed")
    rows = tx.execute(
        select(documents.c.message_key)
        .where(documents.c.message_key.is_not(None))
        .group_by(documents.c.message_key)
        .having(func.sum(case((own_text, 0), else_=1)) == 0)
    )
    return set(rows.scalars())


#: The outcome of a message is the most urgent among its documents'.
_URGENCY = ("held", "received", "read", "matched", "decided", "posted", "rejected", "joined")


def _outcome(
    row: Any, states: Counter[str], found: list[Finding], said_nothing: bool
) -> tuple[str, str]:
    if any(f.blocks for f in found):
        return "held", "; ".join(str(f) for f in found if f.blocks)
    if row.outcome == "rejected":
        return OUTCOMES["rejected"], row.outcome_reason
    if said_nothing:
        return "nothing to do", "only its own text, which is no invoice"
    if row.outcome != "documents":
        return row.outcome.replace("_", " "), row.outcome_reason
    detail = ", ".join(f"{n} {OUTCOMES.get(s, s)}" for s, n in sorted(states.items()))
    for state in _URGENCY:
        if states[state]:
            return OUTCOMES[state], detail
    return "filed", detail


#: The states of a bank line that somebody should look at.
LOOKED_AT = ("suggested", "open", "partly", "waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class BankRow:
    """One bank movement with its latest match."""

    id: str
    transaction: BankTransaction
    state: str
    match: Match | None
    revision: int


def bank_rows(
    tx: Connection,
    states: tuple[str, ...] | None = None,
    newest: int | None = None,
    only: str | None = None,
) -> list[BankRow]:
    """Return bank movements in these states (None: all) with their last match, oldest first.

    `newest` returns only so many of those booked last, `only` the one with this id.
    """
    last = (
        select(matches.c.transaction_id, func.max(matches.c.revision).label("revision"))
        .group_by(matches.c.transaction_id)
        .subquery()
    )
    query = (
        select(transactions.c.id, transactions.c.data, transactions.c.state)
        .add_columns(matches.c.data.label("match"), matches.c.revision, matches.c.undone_at)
        .outerjoin(last, last.c.transaction_id == transactions.c.id)
        .outerjoin(
            matches,
            (matches.c.transaction_id == last.c.transaction_id)
            & (matches.c.revision == last.c.revision),
        )
    )
    if states is not None:
        query = query.where(transactions.c.state.in_(states))
    if only is not None:
        query = query.where(transactions.c.id == only)
    order = (transactions.c.booking_date, transactions.c.id)
    if newest is None:
        rows = tx.execute(query.order_by(*order)).all()
    else:
        rows = tx.execute(query.order_by(*(c.desc() for c in order)).limit(newest)).all()[::-1]
    return [
        BankRow(
            id=row.id,
            transaction=load(BankTransaction, row.data),
            state=row.state,
            match=None if row.match is None or row.undone_at else load(Match, row.match),
            revision=row.revision or 0,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a person named. `kind`: document, line (of the bank), message, or other."""

    kind: str
    id: str

    def __str__(self) -> str:
        return brief(self.id)


def find_subject(tx: Connection, text: str) -> list[Subject]:
    """Return what `text` may mean: exact matches first, at most ten of a kind.

    A full id, the beginning of a document's or a message's id (its SHA-256), an
    invoice number, or a bank reference. Else whatever the audit trail tells of
    under this name: a payment proposal, a vendor, an account.
    """
    for kind, column in (
        ("document", documents.c.id),
        ("line", transactions.c.id),
        ("message", messages.c.key),
    ):
        if tx.execute(select(column).where(column == text)).first():
            return [Subject(kind, text)]
    found = [Subject("document", one) for one in _documents_named(tx, text)]
    by_reference = select(transactions.c.id).where(transactions.c.bank_reference == text)
    found += [Subject("line", one) for one in tx.execute(by_reference.limit(10)).scalars()]
    if not found and len(text) >= _TELLING:
        begins = messages.c.sha256.startswith(text, autoescape=True)
        query = select(messages.c.key).where(begins).order_by(messages.c.received_at)
        found = [Subject("message", one) for one in tx.execute(query.limit(10)).scalars()]
    told = select(audit.c.subject).where(audit.c.subject == text).limit(1)
    return found or [Subject("other", one) for one in tx.execute(told).scalars()]


#: The beginning of an id tells something from this length on.
_TELLING = 4


def _documents_named(tx: Connection, text: str) -> list[str]:
    """Return documents by invoice number or the beginning of their id (`0de2169c847d#1-2`)."""
    begin, _, pages = text.partition("#")
    named = invoices.c.number == text
    if len(begin) >= _TELLING:
        starts = documents.c.id.startswith(begin, autoescape=True)
        if pages:
            starts &= documents.c.id.endswith(f"#{pages}", autoescape=True)
        named |= starts
    query = select(documents.c.id, documents.c.state)
    query = query.outerjoin(invoices, invoices.c.document_id == documents.c.id).where(named)
    rows = tx.execute(query.order_by(documents.c.id).limit(10)).all()
    # Of a file that was split, its invoices are meant.
    parts = [row.id for row in rows if row.state != "split"]
    return parts or [row.id for row in rows]


def age_days(since: datetime, today: date) -> int:
    """Return whole days between a time and a date, both in the same zone."""
    return (today - since.date()).days


def percent(part: int, whole: int) -> Decimal | None:
    """Return part of whole in per cent with one decimal; None of nothing."""
    return None if whole == 0 else (Decimal(part) * 100 / whole).quantize(Decimal("0.1"))
