"""Liveness: workers on one PostgreSQL notice each other's death.

Every worker holds a session-level advisory lock for as long as it lives; the
server lets go of it when the process dies or its connection is cut. A worker
that finds unfinished work of a worker whose lock is free, twice running, takes
that work over. SQLite needs none of this: one process works on it.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable

import psycopg
from sqlalchemy import make_url

from records.failures import KnownFailure

log = logging.getLogger(__name__)

#: First key of all our advisory locks; the second is the worker's name, hashed.
_NAMESPACE = 0x6E69

Holders = Callable[[], Iterable[str]]
TakeOver = Callable[[str], int]


class Liveness:
    """One worker's sign of life, and its watch over the others.

    `holders` names the workers that have unfinished work; `take_over` moves
    the work of a dead one and says how much it was.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        holders: Holders,
        take_over: TakeOver,
        period_seconds: float = 1.5,
    ) -> None:
        """Claim `name` (or `name-2`, `name-3`, ... when it is taken) on the server at `url`."""
        self._address = make_url(url).set(drivername="postgresql")
        self._holders, self._take_over = holders, take_over
        self._period = period_seconds
        self._missed: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="liveness", daemon=True)
        self._connection: psycopg.Connection | None = self._connect()
        self.name = self._claim_first_free(self._connection, name)

    def start(self) -> None:
        """Begin to watch; the engine must be able to take work over from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of the lock: what is unfinished is taken over by the others."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> psycopg.Connection:
        # Both ends probe a silent connection, so that a vanished machine's lock falls free.
        probes = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
        return psycopg.connect(
            self._address.render_as_string(hide_password=False),
            autocommit=True,
            connect_timeout=5,
            application_name="nightclerk-liveness",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            options=probes,
        )

    @staticmethod
    def _claim_first_free(connection: psycopg.Connection, name: str) -> str:
        for number in range(1, 100):
            candidate = name if number == 1 else f"{name}-{number}"
            if _try_lock(connection, candidate):
                return candidate
        raise KnownFailure(f"a hundred workers named {name} are alive; give this one its own name")

    def _watch(self) -> None:
        while not self._stop.wait(self._period):
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    if not _try_lock(self._connection, self.name):
                        raise KnownFailure(f"another worker took the name {self.name} meanwhile")
                self._sweep(self._connection)
            except Exception as error:  # the server is away: keep knocking
                log.warning("liveness: %s", error)
                if self._connection is not None:
                    self._connection.close()
                self._connection = None

    def _sweep(self, connection: psycopg.Connection) -> None:
        others = {holder for holder in self._holders() if holder != self.name}
        self._missed = {name: n for name, n in self._missed.items() if name in others}
        for other in sorted(others):
            if not _try_lock(connection, other):
                self._missed.pop(other, None)
                continue
            try:
                # Once may be a worker that is just reconnecting.
                self._missed[other] = self._missed.get(other, 0) + 1
                if self._missed[other] >= 2:
                    log.warning("worker %s is dead; took over %d", other, self._take_over(other))
                    del self._missed[other]
            finally:
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", _keys(other))


def _try_lock(connection: psycopg.Connection, name: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _keys(name)).fetchone()
    return row is not None and bool(row[0])


def _keys(name: str) -> tuple[int, int]:
    digest = hashlib.blake2b(name.encode(), digest_size=4).digest()
    return _NAMESPACE, int.from_bytes(digest, "big", signed=True)
