"""What people do with what is held: approve, reject, correct, replay; name and reason with each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select, update

from app.actions.invoices import read_options
from app.approvals import seal
from app.audit import Entry, record
from app.codec import unplain
from app.isolation import IsolationFailure
from app.masterdata import doubles
from app.memory import blame, learn
from app.office import Office
from app.store import brief, forget, note, open_findings, set_state, upsert, write_fields
from app.tables import approvals, documents, findings, invoices, messages, order_allocations
from app.vendor_accounts import changers, is_among
from matching.vat import tax_of
from records.documents import Field
from records.failures import KnownFailure
from records.invoices import Invoice
from records.vocabulary import FIELDS

log = structlog.get_logger(__name__)


class Refused(KnownFailure):
    """The desk cannot do this; the text says why and what to do instead."""


def approve(office: Office, document_id: str, reason: str) -> str:
    """Release a held document; it is decided again with this release; return its work id.

    What needs two persons waits for the second. The same person twice is one.
    """
    with office.database.begin() as tx:
        row = _held(tx, document_id)
        seen = [f for f in open_findings(tx, "document", document_id) if f.blocks]
        codes = sorted({f.code for f in seen})
        has_invoice = row.kind not in {"unknown", "other"}
        if not has_invoice:
            raise Refused(
                f"{brief(document_id)} could not be read, so there is nothing to post. "
                "Enter its values with `nightclerk correct`, or reject it."
            )
        _refuse_unknown_amounts(tx, document_id)
        vendor = select(invoices.c.vendor_id).where(invoices.c.document_id == document_id)
        vendor_id = tx.execute(vendor).scalar()
        if vendor_id and is_among(office.actor, changers(tx, doubles(tx, vendor_id))):
            raise Refused(
                f"{office.actor.removeprefix('person:')} changed the bank details of {vendor_id}, "
                "or put it on file, so somebody else decides about its invoices."
            )
        revision = row.revision + 1
        given = {
            "document_id": document_id,
            "revision": revision,
            "person": office.actor,
            "codes": sorted({seal(f) for f in seen}),
            "reason": reason,
            "at": office.now(),
        }
        upsert(tx, approvals, [given])
        set_state(tx, office, document_id, "read", revision=revision)
        _audit(tx, office, "approve", document_id, {"codes": codes, "reason": reason})
    return f"{document_id}@{revision}"


def _refuse_unknown_amounts(tx: Connection, document_id: str) -> None:
    """Refuse to release what no posting can be made of: an amount nobody knows is not zero."""
    kept = select(invoices.c.data).where(invoices.c.document_id == document_id)
    data = tx.execute(kept).scalar()
    if data is None:
        return
    paper = unplain(Invoice, data)
    needed = {
        "currency": paper.currency,
        "gross_total": paper.gross_total,
        "tax_total": tax_of(paper),
    }
    unknown = [name for name, value in needed.items() if value is None]
    if unknown:
        values = " ".join(f"{name}=…" for name in unknown)
        raise Refused(
            f"nothing can be booked while nobody knows its {' and '.join(unknown)}. "
            f"Enter it (tax_total=0 where none is charged): "
            f"`nightclerk correct {brief(document_id)} {values}`."
        )


def reject(office: Office, document_id: str, reason: str) -> None:
    """Close a held document without posting; what it claimed of orders is free again."""
    with office.database.begin() as tx:
        _held(tx, document_id)
        forget(tx, order_allocations, "document_id", document_id)
        _close_findings(tx, office, "document", document_id)
        set_state(tx, office, document_id, "rejected")
        _audit(tx, office, "reject", document_id, {"reason": reason})


def dismiss(office: Office, key: str, reason: str) -> None:
    """Close what is wrong with a message itself: a person has looked at it.

    Its documents stay what they are, each with its own findings.
    """
    with office.database.begin() as tx:
        if not any(f.blocks for f in open_findings(tx, "message", key)):
            raise Refused(
                "nothing is wrong with this message; its documents are decided one by one."
            )
        _close_findings(tx, office, "message", key)
        held = messages.c.outcome == "held"
        closed = update(messages).where(messages.c.key == key, held)
        tx.execute(closed.values(outcome="rejected", outcome_reason=reason))
        _audit(tx, office, "reject", key, {"reason": reason})


def _close_findings(tx: Connection, office: Office, kind: str, subject: str) -> None:
    tx.execute(
        update(findings)
        .where(findings.c.subject_kind == kind, findings.c.subject == subject)
        .where(findings.c.closed_at.is_(None))
        .values(closed_at=office.now(), closed_by=office.actor)
    )


def correct(office: Office, document_id: str, values: Mapping[str, str], reason: str) -> str:
    """Enter or change values of a held document; it is matched again; return its work id.

    Names are those of the vocabulary; a line's value is `NAME:LINE`. An empty
    value removes what was read. The layout memory learns from it; where the
    page cannot be read again, nothing is learned and the correction stands.
    """
    given = [_field(office, name, value, reason) for name, value in values.items()]
    with office.database.begin() as tx:
        row = _held(tx, document_id)
        revision = row.revision + 1
        blame(tx, office, document_id, given)
        write_fields(tx, office, document_id, revision, given)
        kind = "invoice" if row.kind in {"unknown", "other", "receipt"} else row.kind
        note(tx, office, "document", document_id, "read", ())
        note(tx, office, "document", document_id, "decide", ())
        set_state(tx, office, document_id, "read", revision=revision, kind=kind)
        _audit(tx, office, "correct", document_id, {"values": dict(values), "reason": reason})
    try:
        learn(office, document_id, read_options(office.settings))
    except IsolationFailure as failure:
        log.warning("nothing learned", document=document_id[:12], why=str(failure))
    return f"{document_id}@{revision}"


def _field(office: Office, name: str, value: str, reason: str) -> Field:
    base, _, line = name.partition(":")
    if base not in FIELDS:
        import difflib

        near = difflib.get_close_matches(base, FIELDS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(FIELDS)}."
        raise Refused(f"there is no field {base!r}. {hint}")
    if FIELDS[base].scope == "header" and line:
        raise Refused(f"{base} takes no line number.")
    if FIELDS[base].scope != "header" and not (line.isascii() and line.isdigit()):
        raise Refused(f"{base} needs a line number, e.g. {base}:2.")
    _refuse_unreadable(base, value)
    return Field(
        name=base,
        value=value,
        text=value,
        line=int(line) if line else None,
        by=office.actor,
        why=reason,
    )


def _refuse_unreadable(name: str, value: str) -> None:
    """Refuse what is no number or date: as a person's word it would outrank what was read."""
    if not value.strip():
        return
    try:
        if FIELDS[name].type in {"amount", "quantity", "percent"}:
            wanted = "a number is written as 1234.56"
            if not Decimal(value).is_finite():
                raise ValueError
        elif FIELDS[name].type == "date":
            wanted = "a date is written as 2026-03-31"
            date.fromisoformat(value.strip())
    except (ValueError, InvalidOperation):
        raise Refused(f"{name}={value}: {wanted}.") from None


def replay(office: Office, document_id: str, reason: str) -> str:
    """Read a document again from its bytes, as if it came in tonight; return its work id.

    A posted document is refused: what is in the books is corrected there.
    """
    with office.database.begin() as tx:
        row = _row(tx, document_id)
        if row.state in {"posted", "decided"}:
            raise Refused(
                f"{brief(document_id)} is posted. Cancel it in the books; it is not read again."
            )
        forget(tx, order_allocations, "document_id", document_id)
        revision = row.revision + 1
        set_state(tx, office, document_id, "received", revision=revision)
        _audit(tx, office, "replay", document_id, {"reason": reason})
    return f"{document_id}@{revision}"


def take_up(tx: Connection, office: Office, document_id: str) -> str:
    """Let a held document be matched again as it was read; return its work id."""
    revision = _held(tx, document_id).revision + 1
    set_state(tx, office, document_id, "read", revision=revision)
    return f"{document_id}@{revision}"


def _row(tx: Connection, document_id: str) -> Row[Any]:
    row = tx.execute(select(documents).where(documents.c.id == document_id)).first()
    if row is None:
        raise Refused(f"there is no document {document_id}. `nightclerk show` lists them.")
    return row


def _held(tx: Connection, document_id: str) -> Row[Any]:
    row = _row(tx, document_id)
    if row.state != "held":
        raise Refused(f"{brief(document_id)} is {row.state}, not held; there is nothing to decide.")
    return row


def _audit(
    tx: Connection, office: Office, action: str, subject: str, evidence: dict[str, Any]
) -> None:
    record(tx, office, [Entry(action=action, subject=subject, evidence=evidence)])
