"""What a trial writes: JSON lines for other programs, a workbook for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from app.export import invoice_record
from connectors.tables import stream_table
from connectors.workbooks.fresh import write_workbook
from matching.policy import Policy, Post, decide
from matching.purchases import PurchaseBooks, match_invoice
from matching.vendors import VendorDirectory
from records.banking import OpenItem
from records.findings import Finding
from records.invoices import ReceivedInvoice
from records.matches import InvoiceMatch
from records.postings import Value
from records.purchasing import Contract, PurchaseOrder, ReceiptLine, UnitConversion, Vendor

R = TypeVar("R")

#: Made once: there are hundreds of thousands of lines.
_JSON = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Purchases:
    """What became of the invoices in the tables, and which rows could not be read."""

    counts: Counter[str]
    findings: tuple[Finding, ...]


def match_purchases(folder: Path, policy: Policy, path: Path) -> Purchases:
    """Match the invoices of the tables, and write a JSON line for each.

    The invoices pass by; only what later ones are compared with is kept.
    """
    counts: Counter[str] = Counter()
    findings: list[Finding] = []

    def lines() -> Iterator[Mapping[str, Any]]:
        for received, match, decision in _matched(folder, policy, findings):
            counts[match.status] += 1
            yield invoice_record(received.id, received.invoice, match, decision)

    write_lines(path, lines())
    return Purchases(counts, tuple(findings))


def _matched(
    folder: Path, policy: Policy, findings: list[Finding]
) -> Iterator[tuple[ReceivedInvoice, InvoiceMatch, str]]:
    """Match every invoice in the order of receipt; yield `post` or `suggest` with it.

    What could not be read is added to the findings.
    """

    def every(kind: str, record: type[R]) -> Iterator[R]:
        for one in stream_table(folder, kind, without=(OpenItem,)):
            if isinstance(one, record):
                yield one
            elif isinstance(one, Finding):
                findings.append(one)

    books = PurchaseBooks(
        vendors=VendorDirectory(every("vendors", Vendor)),
        order_lines=(o for order in every("purchase_orders", PurchaseOrder) for o in order.lines),
        receipts=every("goods_receipts", ReceiptLine),
        conversions=every("uom_conversions", UnitConversion),
        contracts=every("recurring_contracts", Contract),
    )
    for received in every("supplier_invoices", ReceivedInvoice):
        match = match_invoice(received.id, received.invoice, books, policy)
        books.consume(received.id, received.invoice, match)
        verdict = decide(received.invoice, match, (), policy)
        yield received, match, "post" if isinstance(verdict, Post) else "suggest"


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]], *, more: bool = False) -> int:
    """Write JSON lines, or `more` behind those that are there; return the file's size."""
    with path.open("a" if more else "w", encoding="utf-8") as out:
        for line in lines:
            out.write(_JSON.encode(line) + "\n")
        return out.tell()


def write_ledger(told: Iterator[int], path: Path, invoices: Path, matches: Path) -> None:
    """Write the workbook from the JSON lines, those of matches while they are written.

    `told` is first the size of the complete file of invoices, then the sizes up
    to which that of matches is whole, until it is complete.
    """
    write_workbook(
        path,
        {
            "Invoices": (_invoice_line(row) for row in _rows(invoices, islice(told, 1))),
            "Bank": (_bank_line(row) for row in _rows(matches, told)),
            "Matches": (line for row in _rows(matches) for line in _match_lines(row)),
        },
    )


def _rows(path: Path, sizes: Iterable[int] | None = None) -> Iterator[Any]:
    """Yield the rows of a file that is complete, or of one that grows to these sizes."""
    read = 0
    for size in (path.stat().st_size,) if sizes is None else sizes:
        with path.open("rb") as lines:
            lines.seek(read)
            while lines.tell() < size:
                yield json.loads(lines.readline())
        read = size


def _invoice_line(row: Mapping[str, Any]) -> dict[str, Value]:
    return {
        "Vendor": row["vendor_id"],
        "Vendor name": row["vendor_name"],
        "Invoice number": row["number"],
        "Invoice date": _day(row["issue_date"]),
        "Currency": row["currency"],
        "Gross": Decimal(row["gross"]) if row["gross"] else None,
        "Orders": ", ".join(sorted({part["po_id"] for part in row["po_lines"]})) or None,
        "Status": row["status"],
        "Exceptions": ", ".join(row["exceptions"]) or None,
        "Decision": row["decision"],
        "Confidence": _rounded(row["confidence"]),
        "Why": "; ".join(row["reasons"]) or None,
        "Id": row["invoice_id"],
    }


def _bank_line(row: Mapping[str, Any]) -> dict[str, Value]:
    """Return the row that `app.ledger.bank_values` makes every night."""
    return {
        "Account": row["account"],
        "Booking date": _day(row["booking_date"]),
        "Value date": _day(row["value_date"]),
        "Amount": Decimal(row["amount"]),
        "Currency": row["currency"],
        "Counterparty": row["counterparty"],
        "Remittance": row["remittance"],
        "Bank reference": row["bank_line_id"],
        "Category": row["category"],
        "Decision": row["decision"],
        "Confidence": _rounded(row["confidence"]),
        "Why": "; ".join(row["reasons"]),
    }


def _match_lines(row: Mapping[str, Any]) -> Iterator[dict[str, Value]]:
    """Yield the rows that `app.ledger.item_values` makes every night."""
    settled = [(one, "settles") for one in row["allocations"]]
    settled += [(one, one["kind"]) for one in row["adjustments"]]
    for one, kind in settled:
        yield {
            "Bank reference": row["bank_line_id"],
            "Booking date": _day(row["booking_date"]),
            "Item": one["item_id"],
            "Applied": Decimal(one["amount"]),
            "Currency": row["currency"],
            "Kind": kind,
            "Decision": row["decision"],
        }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _rounded(confidence: float) -> Decimal:
    return Decimal(str(round(confidence, 4)))
