"""What is written into the books: postings and sheet rows, made from decisions.

Five sheets: Invoices, Lines, Matches, Bank, Exceptions. Every row has a key
that is unique for ever within its sheet, so writing twice changes nothing.
Ledger lines balance to zero: debit positive, credit negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from app.settings import Ledger
from records.banking import BankTransaction
from records.findings import Finding
from records.invoices import Invoice
from records.matches import InvoiceMatch, Match
from records.postings import Posting, PostingLine, Row, Value


def invoice_posting(
    target: str,
    document_id: str,
    revision: int,
    invoice: Invoice,
    match: InvoiceMatch,
    accounts: Ledger,
    origin: str,
) -> Posting:
    """Return what posting one invoice writes: ledger lines, a row, and one row per line."""
    sign = invoice.sign
    key = f"{target}/{document_id}/{revision}"
    orders = sorted({a.order_id for a in match.allocations})
    head: dict[str, Value] = {
        "Vendor": match.vendor_id,
        "Vendor name": invoice.seller.name,
        "Invoice number": invoice.number,
        "Type": "credit note" if invoice.is_credit_note else "invoice",
        "Invoice date": invoice.issue_date,
        "Due date": invoice.due_date,
        "Currency": invoice.currency,
        "Net": _signed(sign, invoice.net_total),
        "Tax": _signed(sign, invoice.tax_total),
        "Gross": _signed(sign, invoice.gross_total),
        "Amount due": _signed(sign, invoice.amount_due),
        "Orders": ", ".join(orders) or None,
        "Status": match.status,
        "Confidence": Decimal(str(round(match.confidence, 4))),
        "Origin": origin,
    }
    placed = {a.invoice_line: a for a in match.allocations}
    rows = [Row(sheet="Invoices", key=document_id, values=head)]
    for line in invoice.lines:
        place = placed.get(line.number)
        values: dict[str, Value] = {
            "Vendor": match.vendor_id,
            "Invoice number": invoice.number,
            "Line": line.number,
            "Article": line.article_number,
            "Description": line.description,
            "Quantity": line.quantity,
            "Unit": line.unit,
            "Unit price": line.unit_price,
            "Net": _signed(sign, line.net_amount),
            "VAT rate": line.vat_rate,
            "Order": place.order_id if place else None,
            "Order line": place.order_line if place else None,
        }
        rows.append(Row(sheet="Lines", key=f"{document_id}/{line.number}", values=values))
    return Posting(
        key=key,
        target=target,
        kind="invoice",
        subject=document_id,
        currency=invoice.currency,
        date=invoice.issue_date,
        lines=_ledger_lines(invoice, accounts),
        rows=tuple(rows),
    )


def _signed(sign: int, amount: Decimal | None) -> Decimal | None:
    return None if amount is None else sign * amount


def _ledger_lines(invoice: Invoice, accounts: Ledger) -> tuple[PostingLine, ...]:
    gross, tax = invoice.gross_total, invoice.tax_total
    if gross is None:
        return ()
    sign = invoice.sign
    text = f"{invoice.seller.name or ''} {invoice.number or ''}".strip()
    net = gross - (tax or Decimal(0))
    lines = [PostingLine(account=accounts.expenses, amount=sign * net, text=text)]
    if tax:
        lines.append(PostingLine(account=accounts.input_tax, amount=sign * tax, text=text))
    lines.append(PostingLine(account=accounts.payables, amount=-sign * gross, text=text))
    return tuple(lines)


def exception_posting(
    target: str,
    document_id: str,
    revision: int,
    subject: str,
    findings: Sequence[Finding],
    origin: str,
) -> Posting:
    """Return the Exceptions rows of a held document: one row per blocking Finding."""
    rows = [
        Row(
            sheet="Exceptions",
            key=f"{document_id}/{revision}/{number}",
            values={
                "Subject": subject,
                "Reason": item.code,
                "Where": item.where,
                "What": item.message,
                "Expected": item.expected,
                "Found": item.actual,
                "What to do": item.remedy,
                "Document": document_id,
                "Origin": origin,
            },
        )
        for number, item in enumerate((f for f in findings if f.blocks), 1)
    ]
    return Posting(
        key=f"{target}/{document_id}/{revision}/held",
        target=target,
        kind="exception",
        subject=document_id,
        rows=tuple(rows),
    )


def match_postings(
    target: str, match: Match, transaction: BankTransaction, revision: int
) -> list[Posting]:
    """Return what posting one bank match writes: a Bank row and a row per item."""
    rows = match_rows(match, transaction, revision)
    return [
        Posting(
            key=f"{target}/{match.transaction_id}/{revision}",
            target=target,
            kind="match",
            subject=match.transaction_id,
            currency=transaction.amount.currency,
            date=transaction.booking_date,
            rows=tuple(rows),
        )
    ]


def match_rows(match: Match, transaction: BankTransaction, revision: int) -> list[Row]:
    """Return the Bank row of a movement and the Matches rows of what it settles."""
    key = match.transaction_id if revision == 1 else f"{match.transaction_id}@{revision}"
    reference = transaction.bank_reference or match.transaction_id
    bank: dict[str, Value] = {
        "Account": transaction.account,
        "Booking date": transaction.booking_date,
        "Value date": transaction.value_date,
        "Amount": transaction.amount.amount,
        "Currency": transaction.amount.currency,
        "Counterparty": transaction.counterparty_name,
        "Remittance": " ".join(transaction.remittance.split()),
        "Bank reference": reference,
        "Category": match.category,
        "Decision": match.decision.value,
        "Confidence": Decimal(str(round(match.confidence, 4))),
        "Why": "; ".join(match.reasons),
    }
    rows = [Row(sheet="Bank", key=key, values=bank)]
    for number, one in enumerate(match.allocations, 1):
        rows.append(
            Row(
                sheet="Matches",
                key=f"{key}/{number}",
                values={
                    "Bank reference": reference,
                    "Booking date": transaction.booking_date,
                    "Item": one.item_id,
                    "Applied": one.amount.amount,
                    "Currency": one.amount.currency,
                    "Kind": "settles",
                    "Decision": match.decision.value,
                },
            )
        )
    for number, other in enumerate(match.adjustments, 1):
        rows.append(
            Row(
                sheet="Matches",
                key=f"{key}/a{number}",
                values={
                    "Bank reference": reference,
                    "Booking date": transaction.booking_date,
                    "Item": other.item_id,
                    "Applied": other.amount.amount,
                    "Currency": other.amount.currency,
                    "Kind": other.kind,
                    "Decision": match.decision.value,
                },
            )
        )
    return rows
