"""Records from a folder of exports, each file named after what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from connectors.tables import Style, Tables, load_tables
from connectors.tables.cells import Mark, Order
from connectors.tables.kinds import TABLES
from records.failures import Unavailable


class Source:
    """Every table of a folder, taken in again whenever one of them changes."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which folder, and how its files are written.

        path: the folder; its files are called vendors.csv, purchase_orders.xlsx
            and so on, with the documented columns. Required.
        decimal_mark: `.` or `,`; the other one groups thousands. Default: `.`.
        dates: `ymd`, `dmy` or `mdy`; ISO dates are read in any case. Default: ymd.
        currency: what a blank `currency` means, e.g. `EUR`. Default: the one of
            the first own account.
        """

        path: Path
        decimal_mark: Mark = "."
        dates: Order = "ymd"
        currency: str | None = None

    def __init__(self, settings: Settings) -> None:
        """Read records from a folder of exports."""
        self._settings = settings

    def changes(self, since: str | None) -> tuple[Iterable[object], str]:
        """Return all records when any file changed since the cursor, else none.

        Unavailable when the folder is not there.
        """
        digest = hashlib.sha256()
        for path in self._files():
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        cursor = digest.hexdigest()
        if cursor == since:
            return (), cursor
        settings = self._settings
        style = Style(
            decimal_mark=settings.decimal_mark, dates=settings.dates, currency=settings.currency
        )
        tables = load_tables(settings.path, style)
        return [item for f in fields(Tables) for item in getattr(tables, f.name)], cursor

    def check(self) -> str:
        """Name the tables found; Unavailable when the folder is not there."""
        names = ", ".join(path.name for path in self._files())
        return f"{self._settings.path}: {names or 'no tables'}"

    def _files(self) -> list[Path]:
        root = self._settings.path
        if not root.is_dir():
            raise Unavailable(f"{root} is no folder. Make it, or correct `path`.")
        return sorted(
            p for p in root.iterdir() if p.suffix in {".csv", ".xlsx"} and p.stem in TABLES
        )
