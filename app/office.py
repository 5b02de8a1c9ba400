"""Office: everything an action needs from the world, passed in, never imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine as Database

from app.database import connect
from app.isolation import Isolated
from app.settings import Settings
from app.tables import meta

#: What isolated processes need, imported once by the fork server they come from.
PRELOADED = ("extractors.reading", "extractors.containers", "app.statement_files")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """One configured nightclerk: its settings, its database, its files, its clock.

    `actor` is who acts (`bot:invoices`, `person:anna`); it goes into the audit
    trail with every change. `files` is the folder that keeps every document's
    bytes, named by SHA-256. `box` runs what reads untrusted bytes. `clock`
    returns aware UTC times. `rehearses` (--dry-run) leaves the world as it is:
    no mail is settled or sent, no target written.
    """

    settings: Settings
    database: Database
    files: Path
    box: Isolated
    actor: str = "bot:nightclerk"
    clock: Callable[[], datetime] = _now
    rehearses: bool = False

    @classmethod
    def open(
        cls, settings: Settings, actor: str = "bot:nightclerk", *, lasting: bool = True
    ) -> Office:
        """Connect to everything the settings name; creates folders and tables.

        A database that is not `lasting` need not survive a power cut.
        """
        settings.files.mkdir(parents=True, exist_ok=True)
        return cls(
            settings=settings,
            database=connect(settings.database, lasting=lasting),
            files=settings.files,
            box=Isolated(settings.limits.processes, preload=PRELOADED),
            actor=actor,
        )

    def acting(self, actor: str) -> Office:
        """Return the same office with another actor."""
        return dataclasses.replace(self, actor=actor)

    def now(self) -> str:
        """Return the time as the database keeps it: UTC, ISO 8601."""
        return self.clock().isoformat(timespec="milliseconds")

    @property
    def zone(self) -> ZoneInfo:
        """Return the office's own time zone."""
        return ZoneInfo(self.settings.company.timezone)

    def today(self) -> date:
        """Return the date in the office's own time zone."""
        return self.clock().astimezone(self.zone).date()

    def rehearsal(self, folder: Path) -> Office:
        """Return this office on a copy of its database in `folder`, touching nothing outside."""
        copy = connect(f"sqlite:///{folder / 'rehearsal.db'}")
        with self.database.begin() as source, copy.begin() as target:
            for table in meta.sorted_tables:
                rows = [dict(row._mapping) for row in source.execute(table.select())]
                if rows:
                    target.execute(table.insert(), rows)
        return dataclasses.replace(self, database=copy, rehearses=True)
