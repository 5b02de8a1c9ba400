"""Results as JSON lines, in record shapes that other programs and scorers read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from app.codec import unplain
from app.queries import BankRow, bank_rows
from app.tables import documents, invoices
from records.matches import Decision, InvoiceMatch, Match


def match_record(bank_line_id: str, match: Match) -> dict[str, Any]:
    """Return one bank line's result; amounts as text, signed like the line."""
    return {
        "bank_line_id": bank_line_id,
        "category": match.category,
        "allocations": [
            {"item_id": a.item_id, "amount": str(a.amount.amount)} for a in match.allocations
        ],
        "adjustments": [
            {"kind": a.kind, "amount": str(a.amount.amount), "item_id": a.item_id}
            for a in match.adjustments
        ],
        "confidence": round(match.confidence, 6),
        "decision": "post" if match.decision is Decision.POST else "suggest",
        "rule": match.rule,
        "reasons": list(match.reasons),
    }


def invoice_record(invoice_id: str, match: InvoiceMatch, decision: str) -> dict[str, Any]:
    """Return one invoice's result; `exceptions` are the blocking codes."""
    return {
        "invoice_id": invoice_id,
        "status": match.status,
        "exceptions": list(match.exceptions),
        "po_lines": [
            {
                "invoice_line": a.invoice_line,
                "po_id": a.order_id,
                "po_line": a.order_line,
                "qty": str(a.quantity),
            }
            for a in match.allocations
        ],
        "duplicate_of": match.duplicate_of,
        "confidence": round(match.confidence, 6),
        "decision": decision,
    }


def match_lines(tx: Connection) -> Iterator[dict[str, Any]]:
    """Yield every bank line's newest result, under the bank's own reference."""
    for row in bank_rows(tx):
        if row.match is not None:
            yield match_record(reference_of(row), row.match)


def reference_of(row: BankRow) -> str:
    """Return the bank's reference of a line, or our own id where it has none."""
    return row.transaction.bank_reference or row.id


def invoice_lines(tx: Connection) -> Iterator[dict[str, Any]]:
    """Yield every invoice's result, under its document id, with what was read of it."""
    query = select(invoices, documents.c.state, documents.c.origin).join(
        documents, documents.c.id == invoices.c.document_id
    )
    for row in tx.execute(query.order_by(documents.c.seen_at, documents.c.id)):
        if row.match is None:
            continue
        decision = "post" if row.state in {"posted", "decided"} else "suggest"
        yield {
            **invoice_record(row.document_id, unplain(InvoiceMatch, row.match), decision),
            "state": row.state,
            "invoice": row.data,
            "origin": row.origin,
        }
