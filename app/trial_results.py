"""What a trial writes: JSON lines for other programs, a workbook for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.export import invoice_record, match_record
from app.exports import PURCHASE_TABLES
from app.ledger import bank_values, item_values
from connectors.tables import Tables, load_tables
from connectors.workbooks.fresh import write_workbook
from matching.policy import Policy, Post, decide
from matching.purchases import PurchaseBooks, match_invoice
from matching.vendors import VendorDirectory
from records.banking import BankTransaction, OpenItem
from records.findings import Finding
from records.invoices import ReceivedInvoice
from records.matches import InvoiceMatch, Match
from records.postings import Value

#: Made once: there are hundreds of thousands of lines.
_JSON = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Purchases:
    """What became of the invoices in the tables, and which rows could not be read."""

    counts: Counter[str]
    findings: tuple[Finding, ...]


def match_purchases(folder: Path, policy: Policy, path: Path) -> Purchases:
    """Match the invoices of the tables, and write a JSON line for each."""
    tables = load_tables(folder, kinds=PURCHASE_TABLES, without=(OpenItem,))
    counts: Counter[str] = Counter()

    def lines() -> Iterator[Mapping[str, Any]]:
        for received, match, decision in _matched(tables, policy):
            counts[match.status] += 1
            yield invoice_record(received.id, received.invoice, match, decision)

    write_lines(path, lines())
    return Purchases(counts, tables.findings)


def _matched(tables: Tables, policy: Policy) -> Iterator[tuple[ReceivedInvoice, InvoiceMatch, str]]:
    """Match every invoice in the order of receipt; yield `post` or `suggest` with it."""
    books = PurchaseBooks(
        vendors=VendorDirectory(tables.vendors),
        order_lines=(line for order in tables.purchase_orders for line in order.lines),
        receipts=tables.goods_receipts,
        conversions=tables.unit_conversions,
        contracts=tables.contracts,
    )
    for received in tables.supplier_invoices:
        match = match_invoice(received.id, received.invoice, books, policy)
        books.consume(received.id, received.invoice, match)
        verdict = decide(received.invoice, match, (), policy)
        yield received, match, "post" if isinstance(verdict, Post) else "suggest"


def write_matches(path: Path, given: Mapping[str, BankTransaction], made: Iterable[Match]) -> None:
    """Write a JSON line for each bank line."""
    write_lines(path, (match_record(given[match.transaction_id], match) for match in made))


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]], *, more: bool = False) -> None:
    """Write JSON lines, or `more` behind those that are there."""
    with path.open("a" if more else "w", encoding="utf-8") as out:
        for line in lines:
            out.write(_JSON.encode(line) + "\n")


def write_ledger(
    path: Path, invoices: Path, given: Mapping[str, BankTransaction], made: Sequence[Match]
) -> None:
    """Write the workbook; the invoices are read from their JSON lines."""
    write_workbook(
        path,
        {
            "Invoices": _invoice_lines(invoices),
            "Bank": (bank_values(m, given[m.transaction_id]) for m in made),
            "Matches": (
                values for m in made for _, values in item_values(m, given[m.transaction_id])
            ),
        },
    )


def _invoice_lines(path: Path) -> Iterator[dict[str, Value]]:
    with path.open(encoding="utf-8") as lines:
        for text in lines:
            row = json.loads(text)
            day, gross = row["issue_date"], row["gross"]
            yield {
                "Vendor": row["vendor_id"],
                "Vendor name": row["vendor_name"],
                "Invoice number": row["number"],
                "Invoice date": date.fromisoformat(day) if day else None,
                "Currency": row["currency"],
                "Gross": Decimal(gross) if gross else None,
                "Orders": ", ".join(sorted({part["po_id"] for part in row["po_lines"]})) or None,
                "Status": row["status"],
                "Exceptions": ", ".join(row["exceptions"]) or None,
                "Decision": row["decision"],
                "Confidence": Decimal(str(round(row["confidence"], 4))),
                "Why": "; ".join(row["reasons"]) or None,
                "Id": row["invoice_id"],
            }
