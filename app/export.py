"""Results as JSON lines, in record shapes that other programs and scorers read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from app.codec import unplain
from app.queries import bank_rows
from app.tables import documents, invoices
from records.banking import BankTransaction
from records.invoices import Invoice
from records.matches import Decision, InvoiceMatch, Match


def match_record(transaction: BankTransaction, match: Match) -> dict[str, Any]:
    """Return one bank line's result; amounts as text, signed like the line.

    `bank_line_id` is the bank's own reference, or our id where it has none.
    """
    booked, valued = transaction.booking_date, transaction.value_date
    return {
        "bank_line_id": transaction.bank_reference or match.transaction_id,
        "transaction_id": match.transaction_id,
        "account": transaction.account,
        "booking_date": booked.isoformat() if booked else None,
        "value_date": valued.isoformat() if valued else None,
        "amount": str(transaction.amount.amount),
        "currency": transaction.amount.currency,
        "counterparty": transaction.counterparty_name,
        "remittance": " ".join(transaction.remittance.split()),
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


def invoice_record(
    invoice_id: str, invoice: Invoice, match: InvoiceMatch, decision: str
) -> dict[str, Any]:
    """Return one invoice's result; `exceptions` are the blocking codes."""
    gross = invoice.gross_total
    return {
        "invoice_id": invoice_id,
        "vendor_id": match.vendor_id,
        "vendor_name": invoice.seller.name,
        "number": invoice.number,
        "issue_date": invoice.issue_date.isoformat() if invoice.issue_date else None,
        "currency": invoice.currency,
        "gross": None if gross is None else str(gross),
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
        "reasons": [*match.reasons, *(str(f) for f in match.findings if f.blocks)],
    }


def match_lines(tx: Connection) -> Iterator[dict[str, Any]]:
    """Yield every bank line's newest result, under the bank's own reference."""
    for row in bank_rows(tx):
        if row.match is not None:
            yield match_record(row.transaction, row.match)


def invoice_lines(tx: Connection) -> Iterator[dict[str, Any]]:
    """Yield every invoice's result, under its document id, with what was read of it."""
    query = select(invoices, documents.c.state, documents.c.origin).join(
        documents, documents.c.id == invoices.c.document_id
    )
    for row in tx.execute(query.order_by(documents.c.seen_at, documents.c.id)):
        if row.match is None:
            continue
        match = unplain(InvoiceMatch, row.match)
        decision = "post" if row.state in {"posted", "decided"} else "suggest"
        yield {
            **invoice_record(row.document_id, unplain(Invoice, row.data), match, decision),
            "state": row.state,
            "invoice": row.data,
            "origin": row.origin,
        }
