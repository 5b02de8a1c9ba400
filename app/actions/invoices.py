"""An invoice's four steps forward: extract, match, decide, deliver. None back.

A hold ends the run; a person's action starts a fresh revision. Every step
looks at the document's state first, so that repeating it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select, update

from app.approvals import released_by, seal
from app.audit import Entry, record
from app.codec import plain, unplain
from app.coding import propose_coding
from app.filing import filed_with
from app.gathering import books_for, message_of, minor_of, sender_findings
from app.isolation import Limits
from app.ledger import exception_posting, invoice_posting, new_vendor_row
from app.memory import contradict, credit, known_layouts
from app.office import Office
from app.printed import settle_prints
from app.reading import read_isolated
from app.settings import Settings
from app.store import (
    document,
    forget,
    lock,
    note,
    open_findings,
    set_state,
    upsert,
    write_fields,
    write_posting,
)
from app.tables import documents, invoices, order_allocations
from app.vat_ids import registration_findings
from connectors import browser
from connectors.keeping import keep_bytes
from extractors.einvoice.validation import is_installed
from extractors.reading import ReadOptions
from matching.coding import Coding
from matching.duplicates import EarlierInvoice
from matching.obligations import check_form
from matching.policy import Hold, Join, Policy, Post, Verdict, decide
from matching.purchases import match_invoice
from matching.senders import domain_of
from matching.vendors import prepared_vendor
from records.documents import Document, Field, Kind, Reading
from records.failures import Unavailable
from records.findings import Finding, Severity, finding
from records.invoices import Invoice, assemble
from records.matches import InvoiceMatch, OrderAllocation

log = structlog.get_logger(__name__)

#: Kinds that may be posted; everything else is filed, or held when nobody can tell.
POSTABLE = frozenset(
    {Kind.INVOICE, Kind.CREDIT_NOTE, Kind.CORRECTED_INVOICE, Kind.SELF_BILLED_INVOICE}
)
#: How much of a document's text the database keeps, for search.
_TEXT = 20_000


def split_work(work: str) -> tuple[str, int]:
    """Return document id and revision of a work id (`document@revision`)."""
    document_id, _, revision = work.rpartition("@")
    return document_id, int(revision)


def extract(office: Office, work: str) -> list[str]:
    """Read a document in the isolated process; return the work that goes on from here.

    That is the work itself for one invoice, one work per invoice where a file
    holds several, and nothing where there is nothing to post.
    """
    document_id, revision = split_work(work)
    with office.database.begin() as tx:
        row = _row(tx, document_id)
        if row.state != "received" or row.revision != revision:
            return _onward(tx, row, revision)
        given = document(tx, document_id)
    readings = _read(office, given)
    with office.database.begin() as tx:
        if _row(tx, document_id).state == "received":
            _keep(tx, office, given, revision, readings)
        return _onward(tx, _row(tx, document_id), revision)


def _row(tx: Connection, document_id: str) -> Row[Any]:
    return tx.execute(select(documents).where(documents.c.id == document_id)).one()


def _onward(tx: Connection, row: Row[Any], revision: int) -> list[str]:
    if row.state == "split":
        parts = select(documents.c.id, documents.c.revision).where(documents.c.parent_id == row.id)
        return [f"{p.id}@{p.revision}" for p in tx.execute(parts.order_by(documents.c.first_page))]
    if row.revision == revision and row.state in {"read", "matched", "decided"}:
        return [f"{row.id}@{revision}"]
    return []


def read_options(settings: Settings) -> ReadOptions:
    """Return how the office's documents are read."""
    reading = settings.reading
    checks = is_installed() if reading.validate_einvoices == "auto" else reading.validate_einvoices
    return ReadOptions(
        ocr=reading.ocr,
        rules=Severity(reading.broken_rules) if checks else None,
        own_names=tuple(n for n in (settings.company.name, *settings.company.names) if n),
        own_vat_ids=settings.company.vat_ids,
        templates=settings.templates,
    )


def _read(office: Office, given: Document) -> list[Reading]:
    settings = office.settings
    with office.database.begin() as tx:
        options = replace(read_options(settings), layouts=known_layouts(tx))
    limits = Limits(
        timeout_seconds=settings.limits.seconds,
        cpu_seconds=int(settings.limits.seconds) + 1,
        memory_bytes=settings.limits.memory_mb << 20,
    )
    return read_isolated(office.box, given, options, settings.bank_profiles, limits)


def _keep(
    tx: Connection, office: Office, given: Document, revision: int, readings: Sequence[Reading]
) -> None:
    if len(readings) == 1:
        _keep_one(tx, office, given.id, revision, readings[0])
        return
    now = office.now()
    parent = _row(tx, given.id)
    for number, reading in enumerate(readings, 1):
        first, last = reading.pages or (None, None)
        part = f"{given.id}#{first}-{last}" if first else f"{given.id}#{number}"
        row = {
            **{c.name: getattr(parent, c.name) for c in documents.columns},
            "id": part,
            "first_page": first,
            "last_page": last,
            "parent_id": given.id,
            "revision": 1,
            "seen_at": now,
            "changed_at": now,
        }
        upsert(tx, documents, [row])
        _keep_one(tx, office, part, 1, reading)
    note(tx, office, "document", given.id, "read", [finding("several_invoices", where=given.name)])
    set_state(tx, office, given.id, "split")
    _audit(tx, office, "split", given.id, {"parts": len(readings)})


def _keep_one(
    tx: Connection, office: Office, document_id: str, revision: int, reading: Reading
) -> None:
    found = list(reading.findings)
    blocked = any(f.blocks for f in found)
    if reading.kind is Kind.BANK_STATEMENT:
        state = "bank_file"
    elif reading.kind in POSTABLE or (blocked and reading.fields):
        state = "read"
    elif blocked:
        state = "held"
    elif reading.kind in {Kind.RECEIPT, Kind.UNKNOWN} and reading.fields:
        found.append(finding("kind_unclear", where=reading.kind.value))
        state = "held"
    else:
        found.append(finding("not_an_invoice", where=reading.kind.value.replace("_", " ")))
        message = message_of(tx, _row(tx, document_id).message_key)
        if place := filed_with(tx, reading, message):
            found.append(place)
        state = "filed"
    write_fields(tx, office, document_id, revision, reading.fields)
    for recalled in reading.recalled:
        if not recalled.held:
            contradict(tx, office, document_id, recalled.layout, recalled.name)
    note(tx, office, "document", document_id, "read", found)
    set_state(tx, office, document_id, state, kind=reading.kind.value, text=reading.text[:_TEXT])
    evidence = {
        "kind": reading.kind.value,
        "state": state,
        "fields": {f.name: f.value for f in reading.fields if f.line is None},
        "by": sorted({f.by for f in reading.fields}),
        "findings": [str(f) for f in found],
    }
    _audit(tx, office, "read", document_id, evidence)
    if state == "held":
        _write_exceptions(tx, office, document_id, revision)


def archive(office: Office, work: str) -> str:
    """Render an HTML invoice as a PDF for the archive; return its path, "" where it cannot be.

    The original bytes are kept in any case, so a missing browser holds nothing.
    """
    document_id, _ = split_work(work)
    with office.database.begin() as tx:
        row = _row(tx, document_id)
    if row.media_type != "text/html" or not office.settings.reading.archive_html:
        return ""
    if row.archive_path:
        return str(row.archive_path)
    try:
        pdf = browser.pdf_of(Path(row.path).read_bytes().decode("utf-8", "replace"))
    except Unavailable as failure:
        log.info("not archived as PDF", document=document_id[:12], why=str(failure))
        return ""
    kept = keep_bytes(office.files, [pdf])
    with office.database.begin() as tx:
        change = update(documents).where(documents.c.id == document_id)
        tx.execute(change.values(archive_path=str(kept.path)))
        _audit(tx, office, "archive", document_id, {"pdf": kept.sha256})
    return str(kept.path)


def match(office: Office, work: str) -> str:
    """Match one invoice against vendor, orders, receipts and earlier invoices.

    One transaction, and one at a time over all workers: the quantities it
    claims cannot be claimed twice.
    """
    document_id, revision = split_work(work)
    registered = registration_findings(office, document_id)
    with office.database.begin() as tx:
        lock(tx, "purchases")
        row = _row(tx, document_id)
        if row.state != "read" or row.revision != revision:
            return str(row.state)
        message = message_of(tx, row.message_key)
        sender = domain_of(message.sender) if message else None
        fields, unsettled = settle_prints(tx, office, document_id, sender)
        invoice, problems = assemble(fields)
        books = books_for(tx, invoice, document_id, message)
        result = match_invoice(
            document_id,
            invoice,
            books,
            _policy(office),
            message_key=row.message_key,
            sender_domain=sender,
            received_on=office.today(),
        )
        found = [
            *result.findings,
            *problems,
            *unsettled,
            *registered,
            *_form(tx, office, row, invoice, fields),
            *sender_findings(tx, office, message, result),
        ]
        earlier = books.consume(document_id, invoice, result, message_key=row.message_key)
        _save(tx, office, document_id, invoice, result, earlier)
        note(tx, office, "document", document_id, "match", found)
        set_state(tx, office, document_id, "matched")
        _audit(tx, office, "match", document_id, _evidence(result))
    return "matched"


def _form(
    tx: Connection, office: Office, row: Row[Any], invoice: Invoice, fields: Sequence[Field]
) -> tuple[Finding, ...]:
    """Look whether the law wants an e-invoice; the page of one that came beside it is none."""
    beside = select(documents.c.id).where(
        documents.c.message_key == row.message_key, documents.c.media_type.like("%/xml")
    )
    if row.message_key is not None and tx.execute(beside.limit(1)).first():
        return ()
    readers = frozenset(f.by.partition(":")[0] for f in fields)
    return check_form(invoice, readers, _policy(office))


def _policy(office: Office) -> Policy:
    """Return the office's policy, with who we are: an invoice to or from ourselves is held."""
    company = office.settings.company
    return replace(
        office.settings.matching,
        company_vat_ids=frozenset(company.vat_ids),
        company_names=frozenset(n for n in (company.name, *company.names) if n),
    )


def _save(
    tx: Connection,
    office: Office,
    document_id: str,
    invoice: Invoice,
    result: InvoiceMatch,
    earlier: EarlierInvoice | None,
) -> None:
    gross = invoice.gross_total
    row = {
        "document_id": document_id,
        "number": invoice.number,
        "vendor_id": result.vendor_id,
        "issue_date": invoice.issue_date.isoformat() if invoice.issue_date else None,
        "received_on": office.today().isoformat(),
        "type_code": invoice.type_code,
        "currency": invoice.currency,
        "gross_minor": minor_of(gross, invoice.currency),
        "data": plain(invoice),
        "match": plain(result),
        "earlier": plain(earlier) if earlier else None,
        "confidence": result.confidence,
    }
    upsert(tx, invoices, [row], replace=True)
    forget(tx, order_allocations, "document_id", document_id)
    merged: dict[tuple[int, str, int], OrderAllocation] = {}
    for one in result.allocations:
        merged[(one.invoice_line, one.order_id, one.order_line)] = one
    upsert(
        tx,
        order_allocations,
        [
            {
                "document_id": document_id,
                "invoice_line": one.invoice_line,
                "order_id": one.order_id,
                "order_line": one.order_line,
                "quantity": str(one.quantity),
                "amount": str(one.amount),
            }
            for one in merged.values()
        ],
    )


def settle(office: Office, work: str, target: str) -> str:
    """Decide one matched invoice: `post`, `hold` or `join`; write the outbox beside it."""
    document_id, revision = split_work(work)
    with office.database.begin() as tx:
        lock(tx, "purchases")
        row = _row(tx, document_id)
        if row.revision != revision or row.state != "matched":
            return "post" if row.state == "decided" else str(row.state)
        kept = tx.execute(select(invoices).where(invoices.c.document_id == document_id)).one()
        invoice = unplain(Invoice, kept.data)
        result = unplain(InvoiceMatch, kept.match)
        # Every decision is made anew: what an earlier one found is no reason for this one.
        note(tx, office, "document", document_id, "decide", ())
        matched = {(f.code, f.where) for f in result.findings}
        open_ = open_findings(tx, "document", document_id)
        others = [f for f in open_ if (f.code, f.where) not in matched]
        verdict: Verdict = decide(invoice, result, others, _policy(office))
        if isinstance(verdict, Hold):
            verdict = _released(tx, document_id, revision, verdict, invoice)
        return _carry_out(tx, office, row, invoice, result, verdict, target)


#: What one person alone may not release (four eyes).
TWO_PERSONS = frozenset({"needs_second_person", "bank_details_changed", "bank_details_cooling"})


def _released(
    tx: Connection, document_id: str, revision: int, verdict: Hold, invoice: Invoice
) -> Verdict:
    """Return the verdict after what people released; codes that need two wait for two."""
    released = released_by(tx, document_id)
    left = tuple(
        f
        for f in verdict.findings
        if len(released.get(seal(f), ())) < (2 if f.code in TWO_PERSONS else 1)
    )
    if left or not released:
        return Hold(findings=left or verdict.findings, reasons=verdict.reasons)
    if invoice.gross_total is None or invoice.currency is None or invoice.number is None:
        gap = finding("missing_field", message="Number, currency and gross are needed to post")
        return Hold(findings=(gap,), reasons=(str(gap),))
    people = sorted({person for persons in released.values() for person in persons})
    return Post(reasons=(f"released by {', '.join(people)}",))


def _carry_out(
    tx: Connection,
    office: Office,
    row: Row[Any],
    invoice: Invoice,
    result: InvoiceMatch,
    verdict: Verdict,
    target: str,
) -> str:
    document_id, revision, origin = row.id, row.revision, row.origin
    states = {Post: ("post", "decided"), Hold: ("hold", "held"), Join: ("join", "joined")}
    outcome, state = states[type(verdict)]
    codings: Sequence[Coding] = ()
    if isinstance(verdict, Post):
        accounts = office.settings.ledger
        codings = propose_coding(tx, invoice, result.vendor_id)
        posting = invoice_posting(
            target,
            document_id,
            revision,
            invoice,
            result,
            accounts,
            origin,
            codings,
            office.settings.matching.min_confidence,
        )
        write_posting(tx, office, [posting])
        credit(tx, office, document_id)
    elif isinstance(verdict, Hold):
        # What only the decision holds for (limits, confidence) is kept beside the others.
        open_ = open_findings(tx, "document", document_id)
        known = {(f.code, f.where) for f in open_ if f.blocks}
        late = [f for f in verdict.findings if (f.code, f.where) not in known]
        note(tx, office, "document", document_id, "decide", late)
        _write_exceptions(tx, office, document_id, revision, target)
    set_state(tx, office, document_id, state)
    tx.execute(
        update(invoices)
        .where(invoices.c.document_id == document_id)
        .values(decision=outcome, decided_at=office.now())
    )
    evidence: dict[str, Any] = {"reasons": list(verdict.reasons)}
    if codings:
        evidence["coding"] = [f"line {c.line}: {c}" for c in codings]
    _audit(tx, office, outcome, document_id, evidence)
    return outcome


def _write_exceptions(
    tx: Connection, office: Office, document_id: str, revision: int, target: str | None = None
) -> None:
    target = target or _target(office)
    if target is None:
        return
    row = _row(tx, document_id)
    kept = tx.execute(select(invoices.c.data).where(invoices.c.document_id == document_id)).scalar()
    invoice = unplain(Invoice, kept) if kept else Invoice()
    subject = f"{row.kind.replace('_', ' ')} {invoice.number or row.name or document_id[:12]}"
    found = open_findings(tx, "document", document_id)
    if not any(f.blocks for f in found):
        return
    further = []
    if any(f.code == "unknown_vendor" for f in found):
        prepared = prepared_vendor(invoice)
        further.append(new_vendor_row(document_id, revision, invoice, prepared))
    posting = exception_posting(target, document_id, revision, subject, found, row.origin, further)
    write_posting(tx, office, [posting])


def _target(office: Office) -> str | None:
    bot = office.settings.bots.get("invoices")
    return None if bot is None else str(bot.post_to)


def _evidence(result: InvoiceMatch) -> dict[str, Any]:
    return {
        "status": result.status,
        "vendor": result.vendor_id,
        "orders": sorted({f"{a.order_id}/{a.order_line}" for a in result.allocations}),
        "confidence": round(result.confidence, 6),
        "reasons": list(result.reasons),
        "findings": [str(f) for f in result.findings],
        "duplicate_of": result.duplicate_of,
    }


def _audit(
    tx: Connection, office: Office, action: str, subject: str, evidence: dict[str, Any]
) -> None:
    record(tx, office, [Entry(action=action, subject=subject, evidence=evidence)])
