"""Backlog: what waits, works, has failed or is done, as the durable engine remembers it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, EnqueueOptions, WorkflowStatus
from dbos import DBOSPortableJSONSerializer as JSONSerializer
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event, make_url

from app.engine.place import engine_url
from connectors.keeping import make_private
from records.failures import KnownFailure, OutsideFailure, Rejected, Unavailable, Unclear

NAME = "nightclerk"
SCHEMA = "nightclerk_engine"
#: Change it only when a bot's order of steps changes, after draining: work
#: waiting under another version is not touched.
VERSION = "1"
RUNS, DOCUMENTS = "runs", "documents"

_FAILED = ["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_UNFINISHED = ["ENQUEUED", "DELAYED", "PENDING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Work that ended without success and waits for a person.

    `error` is one line: the kind of failure, then its text. `attempts` counts
    how often a worker started on it.
    """

    workflow_id: str
    bot: str
    method: str
    id: str
    error: str
    attempts: int
    since: datetime

    @property
    def passes_by_itself(self) -> bool:
        """Say whether the bot's next run takes it up again: something was only away."""
        return self.error.startswith(Unavailable.__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a bot. `slot` is the time it was due; `ended` None while it waits or works."""

    bot: str
    slot: datetime
    status: str
    ended: datetime | None
    error: str | None


class Backlog:
    """What waits, works, is done or has failed. Looks and hands in; does nothing itself.

    Any process may hold one, beside a running worker too.
    """

    def __init__(self, database_url: str) -> None:
        """Open the engine's tables beside the office's database, creating them if need be.

        For SQLite that is a file of its own (`nightclerk-engine.db` beside
        `nightclerk.db`), for PostgreSQL a schema of the same database.
        """
        _hush()
        self.url = engine_url(database_url)
        self.database = _open(self.url)
        try:
            DBOS.migrate(self.url, schema=SCHEMA)
            self._client = DBOSClient(
                system_database_url=self.url,
                system_database_engine=self.database,
                dbos_system_schema=SCHEMA,
                serializer=JSONSerializer(),
                application_name=NAME,
                retry_connection_errors=False,
            )
        except BaseException:
            self.database.dispose()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._client.destroy()
        self.database.dispose()

    def open_queues(self, at_once: int) -> None:
        """Declare the queues: runs one at a time per bot, `at_once` documents per worker."""
        register, poll = self._client.register_queue, 0.2
        register(RUNS, partition_concurrency=1, polling_interval_sec=poll)
        register(DOCUMENTS, worker_concurrency=at_once, polling_interval_sec=poll)

    def hand_in_run(self, bot: str, slot: datetime) -> str:
        """Have `bot` run for `slot`; a slot handed in before is left as it is. Returns its id."""
        workflow_id = _run_id(bot, slot)
        self._client.enqueue(
            {
                "workflow_name": "run",
                "queue_name": RUNS,
                "queue_partition_key": bot,
                "workflow_id": workflow_id,
                "app_version": VERSION,
            },
            bot,
        )
        return workflow_id

    def hand_in(self, bot: str, method: str, ids: Iterable[str]) -> None:
        """Have `bot.method` work on every id; one handed in before is left as it is."""
        with self.database.begin() as tx:
            for item in ids:
                options: EnqueueOptions = {
                    "workflow_name": "process",
                    "queue_name": DOCUMENTS,
                    "workflow_id": f"bot/{bot}/{method}/{item}",
                    "app_version": VERSION,
                }
                self._client.enqueue_in_transaction(tx, options, bot, method, item)

    def runs(self, bot: str, *, status: str | None = None, limit: int = 50) -> list[Run]:
        """Return the latest runs of a bot, newest slot first."""
        rows = self._list(f"run/{bot}/", [status] if status else None, limit=limit, newest=True)
        runs = [_run(row) for row in rows if row.workflow_id.split("/")[1] == bot]
        return sorted(runs, key=lambda run: run.slot, reverse=True)

    def last_slot(self, bot: str) -> datetime | None:
        """Return the latest slot ever handed in for a bot: the ledger of due slots."""
        return next((run.slot for run in self.runs(bot)), None)

    def has_waiting_run(self, bot: str) -> bool:
        """Say whether a run of the bot has been handed in and not begun."""
        return bool(self._list(f"run/{bot}/", ["ENQUEUED"], limit=1))

    def last_success(self, bot: str) -> datetime | None:
        """Return when a run of the bot last ended well, None if never."""
        ended = (run.ended for run in self.runs(bot, status="SUCCESS"))
        return max((time for time in ended if time), default=None)

    def is_working(self, bot: str, method: str) -> bool:
        """Say whether anything a bot handed in for a method has not ended yet."""
        return bool(self._list(f"bot/{bot}/{method}/", _UNFINISHED, limit=1))

    def unfinished(self, bot: str) -> int:
        """Return how much of a bot's work waits or is going on, runs included."""
        return len(self._list(f"bot/{bot}/", _UNFINISHED)) + len(
            self._list(f"run/{bot}/", _UNFINISHED)
        )

    def holders(self) -> set[str]:
        """Return the workers that have work going on."""
        return {row.executor_id for row in self._list("", ["PENDING"]) if row.executor_id}

    def dead_letters(self, bot: str | None = None) -> list[DeadLetter]:
        """Return what ended without success, the oldest first."""
        prefix = f"bot/{bot}/" if bot else "bot/"
        return [_dead_letter(row) for row in self._list(prefix, _FAILED, load_error=True)]

    def replay(self, bot: str, item: str) -> int:
        """Do everything a bot ever did for an id again from its first step.

        Steps find what they delivered before, so nothing is posted twice.
        Returns how many flows there are; KnownFailure when there is none, or
        one is still going on.
        """
        rows = [
            row for row in self._list(f"bot/{bot}/") if row.workflow_id.split("/", 3)[3] == item
        ]
        if not rows:
            raise KnownFailure(f"bot {bot} has never worked on {item}")
        if any(row.status in _UNFINISHED for row in rows):
            raise KnownFailure(f"bot {bot} is still working on {item}; try again when it is done")
        for row in rows:
            self._client.rewind_workflow(
                row.workflow_id, application_version=VERSION, queue_name=DOCUMENTS
            )
        return len(rows)

    def take_up(self, bot: str) -> int:
        """Go on with the bot's work that was set aside because something was unavailable."""
        letters = [letter for letter in self.dead_letters(bot) if letter.passes_by_itself]
        for letter in letters:
            steps = self._client.list_workflow_steps(letter.workflow_id)
            self._client.rewind_workflow(
                letter.workflow_id,
                start_step=max((step["function_id"] for step in steps), default=1),
                application_version=VERSION,
                queue_name=DOCUMENTS,
            )
        return len(letters)

    def purge(self, before: datetime) -> int:
        """Forget what ended well before a time, except each bot's latest run.

        A forgotten id may be handed in again; then the books' own unique keys
        keep it from being posted twice. Returns how many flows were forgotten.
        """
        moment = before.astimezone(UTC).isoformat()
        rows = self._list("", ["SUCCESS"], completed_before=moment)
        bots = {row.workflow_id.split("/")[1] for row in rows}
        kept = {_run_id(bot, slot) for bot in bots if (slot := self.last_slot(bot))}
        ids = [row.workflow_id for row in rows if row.workflow_id not in kept]
        for start in range(0, len(ids), 500):
            self._client.delete_workflows(ids[start : start + 500])
        return len(ids)

    def wait(self, workflow_id: str) -> None:
        """Wait until a flow has ended; raises the failure it ended with."""
        try:
            self._client.retrieve_workflow(workflow_id).get_result(polling_interval_sec=0.1)
        except Exception as error:
            raise as_failure(error) from error

    def _list(
        self,
        prefix: str,
        status: Sequence[str] | None = None,
        *,
        limit: int | None = None,
        newest: bool = False,
        load_error: bool = False,
        completed_before: str | None = None,
    ) -> list[WorkflowStatus]:
        return self._client.list_workflows(
            workflow_id_prefix=prefix or None,
            status=list(status) if status else None,
            limit=limit,
            sort_desc=newest,
            load_input=False,
            load_output=load_error or limit is not None,
            completed_before=completed_before,
        )


def _hush() -> None:
    """Send the library's own messages through the program's log, and only what matters."""
    theirs = logging.getLogger("dbos")
    theirs.setLevel(logging.WARNING)
    if not theirs.handlers:  # with none it would put up one of its own
        theirs.addHandler(logging.NullHandler())
        theirs.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Drop what the engine itself says better."""
    return not record.getMessage().startswith("Exception encountered in background workflow")


def _open(url: str) -> Database:
    if not url.startswith("sqlite"):
        # Somebody who asks for health must not wait for a server that is gone.
        arguments = {"connect_timeout": 10}
        return create_engine(
            url, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=arguments
        )
    make_private(Path(make_url(url).database or ""))
    database = create_engine(url, pool_size=10, max_overflow=20)

    @event.listens_for(database, "connect")
    def tune(connection: Any, _entry: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return database


def _run_id(bot: str, slot: datetime) -> str:
    return f"run/{bot}/{slot.astimezone(UTC).isoformat()}"


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _run(row: WorkflowStatus) -> Run:
    _, bot, slot = row.workflow_id.split("/", 2)
    return Run(
        bot=bot,
        slot=datetime.fromisoformat(slot),
        status=row.status,
        ended=_time(row.completed_at),
        error=_error(row) if row.status in _FAILED else None,
    )


def _dead_letter(row: WorkflowStatus) -> DeadLetter:
    _, bot, method, item = row.workflow_id.split("/", 3)
    since = _time(row.completed_at or row.updated_at)
    return DeadLetter(
        workflow_id=row.workflow_id,
        bot=bot,
        method=method,
        id=item,
        error=_error(row),
        attempts=_starts(row),
        since=since or datetime.fromtimestamp(0, UTC),
    )


def _starts(row: WorkflowStatus) -> int:
    return row.recovery_attempts or 0


def _error(row: WorkflowStatus) -> str:
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return f"Fatal: the process died every time it worked on this, {_starts(row) - 1} times"
    failure = as_failure(row.error) if row.error else None
    return f"{getattr(failure, 'kind', type(failure).__name__)}: {failure}"


class _Remembered(KnownFailure):
    """A failure of an earlier attempt, of a kind we do not tell apart."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


_KINDS: dict[str, type[OutsideFailure]] = {
    kind.__name__: kind for kind in (Unavailable, Rejected, Unclear)
}


def as_failure(error: Exception) -> Exception:
    """Turn a failure that went through JSON back into what it was."""
    name, message = getattr(error, "name", None), getattr(error, "message", None)
    if not isinstance(name, str) or not isinstance(message, str):
        return error
    return _KINDS[name](message) if name in _KINDS else _Remembered(name, message)
