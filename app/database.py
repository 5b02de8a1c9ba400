"""Opening the database: SQLite as durable as it can be, PostgreSQL for more than one worker."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.tables import meta
from connectors.keeping import make_private


def connect(url: str, *, lasting: bool = True) -> Engine:
    """Open the database at a SQLAlchemy URL and create what is missing.

    SQLite runs in WAL mode with full synchronisation: a committed decision
    survives a power cut, unless the database is not `lasting` and thrown away
    anyway. Every transaction takes the write lock at its start, so that two
    writers wait for each other instead of failing half-way.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            # SQLite gives the files beside it the same mode.
            make_private(Path(parsed.database))
        engine = create_engine(url, connect_args={"timeout": 60, "check_same_thread": False})
        event.listen(engine, "connect", partial(_tune_sqlite, "FULL" if lasting else "OFF"))
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    else:
        engine = create_engine(url, pool_pre_ping=True, pool_size=10)
    with engine.begin() as tx:
        if engine.dialect.name == "postgresql":
            # Workers that start together must not make the same table twice.
            tx.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('nightclerk', 0))")
        meta.create_all(tx)
    return engine


#: What SQLite keeps of a database in memory, in KiB: the indexes that a large night fills.
_CACHE_KIB = 32_768


def _tune_sqlite(
    synchronous: str, connection: DBAPIConnection, _entry: ConnectionPoolEntry
) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(f"PRAGMA synchronous={synchronous}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.close()
