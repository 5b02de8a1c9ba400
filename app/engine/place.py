"""Where the durable engine keeps its tables; for those who only ask whether it ever ran."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from records.failures import KnownFailure


def engine_url(database_url: str) -> str:
    """Return the engine's database: a file beside the office's on SQLite, else the same.

    Raises KnownFailure where the office's database is no file.
    """
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if not url.database or url.database == ":memory:":
        raise KnownFailure(
            "the durable engine needs a database file; give database: sqlite:///FILE"
        )
    path = Path(url.database)
    return f"sqlite:///{path.with_name(f'{path.stem}-engine.db')}"


def engine_ran(database_url: str) -> bool:
    """Say whether an engine may have left work; on PostgreSQL only its tables can tell."""
    url = make_url(engine_url(database_url))
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()
