"""Work the durable engine gave up on, as Findings for the report and the terminal."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from app.engine import Backlog
from app.engine.backlog import engine_url
from app.office import Office
from records.findings import Finding, finding


def failed_work(office: Office) -> list[tuple[str, Finding]]:
    """Return what waits for a person, each with its subject; nothing where no engine ever ran."""
    url = make_url(engine_url(office.settings.database))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return []
    backlog = Backlog(office.settings.database)
    try:
        return [
            (
                letter.id.partition("@")[0],
                finding(
                    "work_failed",
                    where=f"bot {letter.bot}, since {letter.since:%Y-%m-%d %H:%M}",
                    actual=letter.error,
                ),
            )
            for letter in backlog.dead_letters()
        ]
    finally:
        backlog.close()
