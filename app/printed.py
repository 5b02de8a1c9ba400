"""What a page prints in two ways, settled by the vendor's earlier papers, terms and country."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from app.codec import unplain
from app.masterdata import vendor_directory
from app.office import Office
from app.store import read_fields, write_fields
from app.tables import documents, fields, findings, invoices
from matching.printed import Habits, habits_of, may_be_thousands, reread, settle_date
from matching.vendors import VendorGroup
from records.documents import Field
from records.findings import Finding, finding
from records.invoices import Invoice, assemble, chosen
from records.money import digits_of
from records.vocabulary import FIELDS

#: How many of the vendor's latest papers are looked at.
_LATEST = 20
_AMBIGUOUS = ("ambiguous_date", "ambiguous_amount")
#: Readers of pages; what XML says is written one way only.
_PAGES = ("pdf_text", "html", "ocr")


def settle_prints(
    tx: Connection, office: Office, document_id: str, sender_domain: str | None
) -> tuple[list[Field], list[Finding]]:
    """Return a document's Fields, with those that the vendor's habits settle; they are kept.

    What they cannot settle stays as it is, with the reader's Finding, or with
    the one returned where the reader had no doubt.
    """
    given = read_fields(tx, document_id)
    query = select(findings).where(
        findings.c.subject_kind == "document",
        findings.c.subject == document_id,
        findings.c.code.in_(_AMBIGUOUS),
        findings.c.closed_at.is_(None),
    )
    unsettled = {row.code: row for row in tx.execute(query)}
    doubt = None if "ambiguous_amount" in unsettled else _doubtful(given)
    if not unsettled and doubt is None:
        return given, []
    invoice, _ = assemble(given)
    found = vendor_directory(tx).identify(invoice.seller, invoice.ibans, sender_domain)
    habits = Habits()
    if found.group is not None:
        texts = _earlier_prints(tx, found.group, document_id)
        habits = habits_of(texts, found.group.main.country)
    terms = found.group.main.terms_days if found.group else None
    made: list[Field] = []
    if row := unsettled.get("ambiguous_date"):
        made += _dated(row, invoice, habits, terms, office.today())
        _close(tx, office, row, made)
    amounts = []
    if doubt or "ambiguous_amount" in unsettled:
        amounts = _amounts(given, habits)
        _close(tx, office, unsettled.get("ambiguous_amount"), amounts)
    _keep(tx, office, document_id, [*made, *amounts])
    return [*given, *made, *amounts], [doubt] if doubt and not amounts else []


def _doubtful(given: Sequence[Field]) -> Finding | None:
    best = chosen(given)
    currency = best.get(("currency", None))
    for (name, _), one in best.items():
        is_total = FIELDS[name].type == "amount" and FIELDS[name].scope == "header"
        if not is_total or not one.by.startswith(_PAGES):
            continue
        if digits_of(currency.value if currency else "") == 2 and may_be_thousands(
            one.text, Decimal(one.value)
        ):
            return finding("ambiguous_amount", where=FIELDS[name].label, actual=one.text)
    return None


def _close(tx: Connection, office: Office, row: Row[Any] | None, settled: Sequence[Field]) -> None:
    if row is not None and settled:
        change = update(findings).where(findings.c.id == row.id)
        tx.execute(change.values(closed_at=office.now(), closed_by=office.actor))


def _keep(tx: Connection, office: Office, document_id: str, made: Sequence[Field]) -> None:
    """Keep what was settled beside the reading it is about."""
    newest = select(func.max(fields.c.revision)).where(
        fields.c.document_id == document_id, ~fields.c.by.startswith("person:")
    )
    write_fields(tx, office, document_id, tx.execute(newest).scalar() or 1, made)


def _dated(
    row: Row[Any], invoice: Invoice, habits: Habits, terms_days: int | None, today: date
) -> list[Field]:
    readings = [date.fromisoformat(text) for text in (row.expected or "").split(" or ") if text]
    day, why = settle_date(
        row.actual or "",
        readings,
        habits,
        received_on=today,
        due_date=invoice.due_date,
        terms_days=terms_days,
    )
    if day is None or row.where != FIELDS["issue_date"].label:
        return []
    value = day.isoformat()
    return [Field(name="issue_date", value=value, text=row.actual or "", by="habit", why=why)]


def _amounts(given: Sequence[Field], habits: Habits) -> list[Field]:
    """Read every figure of the page anew; what was worked out from them follows in proportion."""
    why = "read by the vendor's decimal sign"
    figures = [
        one
        for one in given
        if FIELDS[one.name].type in {"amount", "quantity"} and one.by.startswith(_PAGES)
    ]
    made: list[Field] = []
    ratios: set[Decimal] = set()
    for one in figures:
        value, before = reread(one.text, habits), Decimal(one.value)
        if value is not None:
            made.append(replace(one, value=f"{value:f}", by="habit", why=why, proved=False))
            if FIELDS[one.name].scope == "header" and before:
                ratios.add(value / before)
    if len(ratios) != 1:
        return []
    ratio = ratios.pop()
    for one in figures:
        if not one.text:
            value = Decimal(one.value) * ratio
            made.append(replace(one, value=f"{value:f}", by="habit", why=why, proved=False))
    return made


def _earlier_prints(tx: Connection, group: VendorGroup, document_id: str) -> Iterator[str]:
    members = [member.id for member in group.members]
    latest = (
        select(invoices.c.document_id)
        .join(documents, documents.c.id == invoices.c.document_id)
        .where(invoices.c.vendor_id.in_(members), documents.c.state == "posted")
        .where(invoices.c.document_id != document_id)
        .order_by(documents.c.seen_at.desc())
        .limit(_LATEST)
    )
    query = select(fields.c.data).where(fields.c.document_id.in_(latest))
    for data in tx.execute(query).scalars():
        field = unplain(Field, data)
        if field.by.startswith(_PAGES) and FIELDS[field.name].type in {"date", "amount"}:
            yield field.text
