"""Records from a CSV file: orders, receipts, vendors, open items and so on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.tables import Style, checked, read_table, summary
from connectors.tables.cells import Cell, Mark, Order
from connectors.tables.grids import csv_grid, table_bytes


class Source:
    """One kind of record from one CSV file, taken in again whenever its content changes."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which file, what it holds, and how it is written.

        path: the file. Required.
        kind: what it holds: own_accounts, vendors, customers, purchase_orders,
            goods_receipts, uom_conversions, supplier_invoices,
            customer_invoices, open_items, payment_runs, payment_run_items,
            card_settlements, payroll_runs, recurring_contracts, fx_rates,
            bookings.
            Default: the file's name without its ending.
        columns: our column name: the file's column name, where they differ,
            e.g. `{po_id: Bestellnummer}`. Default: none.
        details: the second file of a kind that has one: the lines of
            supplier_invoices, the items of card_settlements. Default: none.
        decimal_mark: `.` or `,`; the other one groups thousands. Default: `.`.
        dates: `ymd`, `dmy` or `mdy`; ISO dates are read in any case. Default: ymd.
        currency: what a blank `currency` means, e.g. `EUR`. Default: such a row
            is a finding.
        encoding: e.g. `cp1252`. Default: UTF-8 or UTF-16 where the bytes are
            that, else Windows-1252.
        delimiter: Default: the one of `;`, tab, `|`, `,` that the header uses most.
        max_bytes: a larger file is refused. Default: 500 MB.
        """

        path: Path
        kind: str = ""
        columns: Mapping[str, str] = field(default_factory=dict)
        details: Path | None = None
        decimal_mark: Mark = "."
        dates: Order = "ymd"
        currency: str | None = None
        encoding: str = ""
        delimiter: str = ""
        max_bytes: int = 500_000_000

    def __init__(self, settings: Settings) -> None:
        """Read records from a CSV file. ConfigurationFault for an unknown kind or column."""
        self._settings = settings
        self._kind = checked(settings.kind or settings.path.stem, settings.columns)

    def changes(self, since: str | None) -> tuple[Iterable[object], str]:
        """Return all records when the content changed since the cursor, else none.

        A row that cannot be a record is a Finding among them. Unavailable when
        the file is not there.
        """
        settings = self._settings
        raws = [table_bytes(p, settings.max_bytes) for p in (settings.path, settings.details) if p]
        cursor = hashlib.sha256(b"".join(hashlib.sha256(raw).digest() for raw in raws)).hexdigest()
        if cursor == since:
            return (), cursor
        return self._records(raws), cursor

    def _records(self, raws: Sequence[bytes]) -> Iterator[object]:
        settings = self._settings
        return read_table(
            self._kind,
            self._grid(raws[0]),
            name=settings.path.name,
            style=Style(
                decimal_mark=settings.decimal_mark,
                dates=settings.dates,
                currency=settings.currency,
            ),
            columns=settings.columns,
            details=self._grid(raws[1]) if settings.details else None,
            details_name=settings.details.name if settings.details else "",
        )

    def _grid(self, raw: bytes) -> Iterator[Sequence[Cell]]:
        return csv_grid(raw, encoding=self._settings.encoding, delimiter=self._settings.delimiter)

    def check(self) -> str:
        """Read the file once and say what it holds; Unavailable when it is not there."""
        records, _ = self.changes(None)
        return f"{self._settings.path}: {summary(self._kind, records)}"
