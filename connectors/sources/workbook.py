"""Records from a sheet of an Excel workbook (.xlsx)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.tables import Style, checked, read_table, summary
from connectors.tables.cells import Cell, Mark, Order
from connectors.tables.grids import table_bytes, workbook_grid


class Source:
    """One kind of record from one sheet, taken in again whenever the workbook changes."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which workbook and sheet, and what it holds.

        path: the .xlsx file. Required.
        kind: what it holds, as in `csv_table`. Default: the file's name without
            its ending.
        sheet: the sheet's name. Default: the first sheet.
        columns: our column name: the sheet's column name, where they differ.
            Default: none.
        details_sheet: the sheet with the second table of a kind that has one:
            the lines of supplier_invoices, the items of card_settlements.
            Default: none.
        decimal_mark: how numbers typed as text are written. Default: `.`.
        dates: how dates typed as text are written: `ymd`, `dmy`, `mdy`. Default: ymd.
        currency: what a blank `currency` means, e.g. `EUR`. Default: such a row
            is a finding.
        max_bytes: a workbook that unpacks to more is refused. Default: 1 GB.
        """

        path: Path
        kind: str = ""
        sheet: str = ""
        columns: Mapping[str, str] = field(default_factory=dict)
        details_sheet: str = ""
        decimal_mark: Mark = "."
        dates: Order = "ymd"
        currency: str | None = None
        max_bytes: int = 1_000_000_000

    def __init__(self, settings: Settings) -> None:
        """Read records from a workbook. ConfigurationFault for an unknown kind or column."""
        self._settings = settings
        self._kind = checked(settings.kind or settings.path.stem, settings.columns)

    def changes(self, since: str | None) -> tuple[Iterable[object], str]:
        """Return all records when the workbook changed since the cursor, else none.

        A row that cannot be a record is a Finding among them. Unavailable when
        the file is not there.
        """
        raw = table_bytes(self._settings.path, self._settings.max_bytes)
        cursor = hashlib.sha256(raw).hexdigest()
        return (() if cursor == since else self._records(raw)), cursor

    def _records(self, raw: bytes) -> Iterator[object]:
        settings = self._settings

        def grid(sheet: str) -> Iterator[Sequence[Cell]]:
            return workbook_grid(raw, sheet=sheet, max_bytes=settings.max_bytes)

        return read_table(
            self._kind,
            grid(settings.sheet),
            name=f"{settings.path.name} {settings.sheet}".strip(),
            style=Style(
                decimal_mark=settings.decimal_mark,
                dates=settings.dates,
                currency=settings.currency,
            ),
            columns=settings.columns,
            details=grid(settings.details_sheet) if settings.details_sheet else None,
            details_name=f"{settings.path.name} {settings.details_sheet}",
        )

    def check(self) -> str:
        """Read the sheet once and say what it holds; Unavailable when it is not there."""
        records, _ = self.changes(None)
        return f"{self._settings.path}: {summary(self._kind, records)}"
