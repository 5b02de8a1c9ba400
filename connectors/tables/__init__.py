"""Tables: the exports of another system, as records.

`read_table` reads one table. A folder of exports has files named after their
kinds (`vendors.csv`, `purchase_orders.xlsx`): `load_tables` keeps everything it
holds, `stream_table` passes one kind by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from connectors.tables.cells import Cell, Style
from connectors.tables.grids import csv_grid, table_bytes, workbook_grid
from connectors.tables.kinds import DETAILS, TABLES, orders_of
from connectors.tables.rows import Parted, read_rows
from records.banking import (
    CardSettlement,
    FxRate,
    OpenItem,
    OwnAccount,
    PaymentRun,
    PaymentRunItem,
    PayrollRun,
)
from records.bookings import CodedLine
from records.failures import ConfigurationFault
from records.findings import Finding, finding
from records.invoices import Line, ReceivedInvoice
from records.purchasing import (
    Contract,
    Customer,
    PurchaseOrder,
    ReceiptLine,
    UnitConversion,
    Vendor,
)

__all__ = [
    "Style",
    "Tables",
    "checked",
    "load_tables",
    "read_table",
    "stream_table",
    "summary",
    "table_file",
]

R = TypeVar("R")

#: A larger export is read through a configured source, which can raise the limit.
_MAX_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """All records of one set of exports, in file order, with what could not be read.

    `open_items` holds receivables and payables; the payables are also in
    `supplier_invoices`, with their lines, in the order of receipt.
    """

    own_accounts: tuple[OwnAccount, ...] = ()
    vendors: tuple[Vendor, ...] = ()
    customers: tuple[Customer, ...] = ()
    purchase_orders: tuple[PurchaseOrder, ...] = ()
    goods_receipts: tuple[ReceiptLine, ...] = ()
    unit_conversions: tuple[UnitConversion, ...] = ()
    supplier_invoices: tuple[ReceivedInvoice, ...] = ()
    open_items: tuple[OpenItem, ...] = ()
    payment_runs: tuple[PaymentRun, ...] = ()
    payment_run_items: tuple[PaymentRunItem, ...] = ()
    card_settlements: tuple[CardSettlement, ...] = ()
    payroll_runs: tuple[PayrollRun, ...] = ()
    contracts: tuple[Contract, ...] = ()
    fx_rates: tuple[FxRate, ...] = ()
    bookings: tuple[CodedLine, ...] = ()
    findings: tuple[Finding, ...] = ()


def load_tables(
    folder: Path,
    style: Style | None = None,
    *,
    kinds: Collection[str] = tuple(TABLES),
    without: Collection[type] = (),
) -> Tables:
    """Read every table of a folder: one file per kind, `<kind>.csv` or `<kind>.xlsx`.

    `kinds` names those to read; a kind's second table (the lines of invoices)
    is only read when it is named as well. A supplier invoice is both a received
    invoice and an open item: records of types `without` are not made. Absent files are empty tables; other files are left alone. Bad data is a
    Finding, never raised. Source of the columns: `connectors.tables.kinds`.
    """
    found: dict[type, list[object]] = {}
    for kind in TABLES:
        if kind not in kinds or kind in DETAILS.values():
            continue
        whole = DETAILS.get(kind) in kinds
        for record in stream_table(folder, kind, style, whole=whole, without=without):
            found.setdefault(type(record), []).append(record)

    def every(record: type[R]) -> tuple[R, ...]:
        return tuple(item for item in found.pop(record, ()) if isinstance(item, record))

    return Tables(
        own_accounts=every(OwnAccount),
        vendors=every(Vendor),
        customers=every(Customer),
        purchase_orders=every(PurchaseOrder),
        goods_receipts=every(ReceiptLine),
        unit_conversions=every(UnitConversion),
        supplier_invoices=every(ReceivedInvoice),
        open_items=every(OpenItem),
        payment_runs=every(PaymentRun),
        payment_run_items=every(PaymentRunItem),
        card_settlements=every(CardSettlement),
        payroll_runs=every(PayrollRun),
        contracts=every(Contract),
        fx_rates=every(FxRate),
        bookings=every(CodedLine),
        findings=every(Finding),
    )


def stream_table(
    folder: Path,
    kind: str,
    style: Style | None = None,
    *,
    whole: bool = True,
    without: Collection[type] = (),
) -> Iterator[object]:
    """Yield the records of one kind in a folder, and Findings, as `load_tables` keeps them.

    `whole` reads the kind's second table as well, if it has one.
    """
    path = table_file(folder, kind)
    if path is None:
        return
    detail = table_file(folder, DETAILS[kind]) if whole and kind in DETAILS else None
    yield from read_table(
        kind,
        _grid(path),
        name=path.name,
        style=_with_currency(style or Style(), folder),
        details=None if detail is None else _grid(detail),
        details_name="" if detail is None else detail.name,
        without=without,
    )


def _with_currency(style: Style, folder: Path) -> Style:
    """Return the style; a blank currency is the main account's, the first, unless it says another."""
    path = table_file(folder, "own_accounts")
    if style.currency is not None or path is None:
        return style
    accounts = read_table("own_accounts", _grid(path), name=path.name, style=style)
    return replace(
        style, currency=next((x.currency for x in accounts if isinstance(x, OwnAccount)), None)
    )


def table_file(folder: Path, kind: str) -> Path | None:
    """Return the file that holds a kind's table, or None."""
    return next((p for s in (".csv", ".xlsx") if (p := folder / f"{kind}{s}").is_file()), None)


def _grid(path: Path) -> Iterator[Sequence[Cell]]:
    raw = table_bytes(path, _MAX_BYTES)
    return workbook_grid(raw) if raw.startswith(b"PK") else csv_grid(raw)


def read_table(
    kind: str,
    grid: Iterable[Sequence[Cell]],
    *,
    name: str,
    style: Style,
    columns: Mapping[str, str] | None = None,
    details: Iterable[Sequence[Cell]] | None = None,
    details_name: str = "",
    without: Collection[type] = (),
) -> Iterator[object]:
    """Yield the records of one kind, and a Finding for each row that cannot be one.

    `details` are the rows of the second table of a kind that has one: lines of
    supplier invoices, items of card settlements. A record that stands twice
    under one id is a Finding as well, and only the first is taken. Records of
    the types `without` are not made.
    """
    columns = columns or {}
    rows = read_rows(TABLES[kind], grid, name=name, columns=columns, style=style, without=without)
    if kind == "purchase_orders":
        rows = orders_of(rows)
    if kind not in DETAILS:
        yield from _once(rows, name)
        return
    parts: dict[str, list[object]] = {}
    if details is not None:
        table = TABLES[DETAILS[kind]]
        for item in read_rows(table, details, name=details_name, columns=columns, style=style):
            if isinstance(item, Parted):
                parts.setdefault(item.owner, []).append(item.part)
            else:
                yield item
    for record in _once(rows, name):
        yield _completed(record, parts)
    for owner, orphans in parts.items():
        yield finding(
            "bad_row",
            where=f"{details_name}, {owner}",
            message=f"{len(orphans)} rows belong to {owner}, which is not in {name}",
        )


def _once(rows: Iterable[object], name: str) -> Iterator[object]:
    seen: set[tuple[type, str]] = set()
    twice: Counter[str] = Counter()
    for record in rows:
        own = getattr(record, "id", None)
        if isinstance(own, str):
            if (type(record), own) in seen:
                twice[own] += 1
                continue
            seen.add((type(record), own))
        yield record
    for own in twice:
        yield finding(
            "bad_row", where=f"{name}, {own}", message=f"{own} stands twice; the first is taken"
        )


def _completed(record: object, parts: dict[str, list[object]]) -> object:
    if isinstance(record, ReceivedInvoice):
        lines = [part for part in parts.pop(record.id, ()) if isinstance(part, Line)]
        if record.invoice.is_credit_note:
            lines = [_turned(line) for line in lines]
        return (
            replace(record, invoice=replace(record.invoice, lines=tuple(lines)))
            if lines
            else record
        )
    if isinstance(record, CardSettlement):
        items = [part for part in parts.pop(record.id, ()) if isinstance(part, tuple)]
        return replace(record, items=tuple(items))
    return record


def _turned(line: Line) -> Line:
    """Return a credit note's line with the positive amounts of EN 16931.

    The minus stands at the price or at the quantity, depending on the system;
    tables that write credit notes without minus are left as they are.
    """
    if line.net_amount is None or line.net_amount >= 0:
        return line
    price, quantity = line.unit_price, line.quantity
    if price is not None and price < 0:
        price = -price
    elif quantity is not None and quantity < 0:
        quantity = -quantity
    return replace(line, net_amount=-line.net_amount, unit_price=price, quantity=quantity)


def checked(kind: str, columns: Mapping[str, str]) -> str:
    """Return `kind`; ConfigurationFault when it or a mapped column is not known."""
    if kind not in TABLES or kind in DETAILS.values():
        known = ", ".join(name for name in TABLES if name not in DETAILS.values())
        raise ConfigurationFault(f"kind: {kind!r} is not known. Choose one of {known}.")
    tables = [TABLES[kind]] + ([TABLES[DETAILS[kind]]] if kind in DETAILS else [])
    usable = [column for table in tables for column in (*table.needed, *table.optional)]
    for column in columns:
        if column not in usable:
            raise ConfigurationFault(
                f"columns: {column!r} is no column of {kind}. It has {', '.join(usable)}."
            )
    return kind


def summary(kind: str, records: Iterable[object]) -> str:
    """Count records and unreadable rows in one line; names the first problem."""
    problems: list[Finding] = []
    count = 0
    for record in records:
        if isinstance(record, Finding):
            problems.append(record)
        else:
            count += 1
    line = f"{count} records of {kind}"
    return f"{line}, {len(problems)} problems, first: {problems[0]}" if problems else line
