"""Office: everything an action needs from the world, passed in, never imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine as Database

    from app.settings import Settings


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """One configured nightclerk: its settings, its database, its files, its clock.

    `actor` is who acts (`bot:invoices`, `person:anna`); it goes into the audit
    trail with every change. `files` is the folder that keeps every document's
    bytes, named by SHA-256. `clock` returns aware UTC times.
    """

    settings: Settings
    database: Database
    files: Path
    actor: str = "bot:nightclerk"
    clock: Callable[[], datetime] = _now
