"""Engine: does the work of a backlog, step by step, each step remembered."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from dbos import DBOS, DBOSConfig
from dbos import DBOSPortableJSONSerializer as JSONSerializer
from sqlalchemy import make_url

from app.engine.backlog import (
    NAME,
    SCHEMA,
    VERSION,
    Backlog,
    as_failure,
)
from app.engine.filelock import FileLock
from app.engine.liveness import Liveness
from app.engine.place import engine_url
from app.flow import Flow, Progress
from app.office import Office
from records.failures import KnownFailure, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Bot(Protocol):
    """The order of a bot's actions."""

    def run(self, flow: Flow) -> None:
        """Run once."""
        ...


class Engine:
    """Does the work of a backlog: one per process.

    On SQLite there is one engine per database; a second one is refused. On
    PostgreSQL any number share the work, each under its own stable
    `executor_id` (default: the host's name), and take over from the dead.
    """

    def __init__(
        self,
        office: Office,
        bots: Mapping[str, Bot],
        *,
        url: str | None = None,
        executor_id: str | None = None,
        at_once: int | None = None,
        pauses_seconds: Sequence[float] = (1, 3, 9, 27),
        deaths: int = 20,
    ) -> None:
        """Prepare; nothing runs before `start`.

        `url` is the office's database (default: from its settings); `at_once`
        bounds the documents in work (default: four per processor); an
        unavailable system is tried again after each of `pauses_seconds`; a
        flow whose process died more than `deaths` times is given up. That is
        many, because a process mostly dies for reasons of its own: what could
        kill it in a document is kept in isolated processes.
        """
        self._office, self._bots = office, bots
        self._url = url or office.settings.database
        self._name = executor_id or socket.gethostname()
        self._at_once = at_once or 4 * (os.cpu_count() or 2)
        self._pauses = tuple(pauses_seconds)
        self._deaths = deaths
        self._activity = _Activity()
        self._lock: FileLock | None = None
        self._liveness: Liveness | None = None
        self._backlog: Backlog | None = None

    @property
    def backlog(self) -> Backlog:
        """The backlog this engine works on; only while it is started."""
        if self._backlog is None:
            raise RuntimeError("the engine is not started")
        return self._backlog

    def start(self) -> None:
        """Recover what an earlier process left unfinished, and begin to work.

        KnownFailure when another process works on the same SQLite database.
        """
        url = engine_url(self._url)
        if url.startswith("sqlite"):
            self._name = "only"  # whoever comes next on this file recovers what we leave
            self._lock = FileLock(Path(make_url(url).database or "").with_suffix(".lock"))
        try:
            self._launch()
        except BaseException:
            self.stop(grace_seconds=0)
            raise

    def _launch(self) -> None:
        self._backlog = backlog = Backlog(self._url)
        if self._lock is None:
            self._liveness = Liveness(
                self._url, self._name, holders=backlog.holders, take_over=_take_over
            )
            self._name = self._liveness.name
        DBOS.workflow(name="run", max_recovery_attempts=self._deaths)(self._run_workflow())
        DBOS.workflow(name="process", max_recovery_attempts=self._deaths)(self._process_workflow())
        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": backlog.url,
            "system_database_engine": backlog.database,
            "dbos_system_schema": SCHEMA,
            "application_version": VERSION,
            "executor_id": self._name,
            "serializer": JSONSerializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
        }
        DBOS(config=config)
        backlog.open_queues(self._at_once)
        DBOS.launch()
        if self._liveness:
            self._liveness.start()

    def stop(self, *, grace_seconds: float = 20.0) -> bool:
        """Start no more steps, let the running ones finish, and let go of everything.

        Returns whether all steps finished in time; those that did not run
        again after the next start.
        """
        finished = self._activity.close(grace_seconds)
        if self._backlog:
            DBOS.destroy(destroy_registry=True)
        if self._liveness:
            self._liveness.stop()
        if self._backlog:
            self._backlog.close()
        if self._lock:
            self._lock.release()
        self._liveness = self._backlog = self._lock = None
        return finished

    def __enter__(self) -> Engine:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def run_and_wait(self, bot: str, progress: Progress | None = None) -> None:
        """Run a bot now and wait until all work it handed in has ended.

        Raises the failure of the run itself; documents that failed are dead letters.
        """
        backlog = self.backlog
        backlog.wait(backlog.hand_in_run(bot, self._office.clock()))
        most = waiting = backlog.unfinished(bot)
        while waiting:
            if progress:
                progress(most - waiting, most, bot)
            time.sleep(0.2)
            waiting = backlog.unfinished(bot)
            most = max(most, waiting)
        if progress:
            progress(most, most, bot)

    def _run_workflow(self) -> Callable[[str], None]:
        def run(bot: str) -> None:
            with _reported():
                flow = self._flow(bot, waits=True)
                log.info("%s begins", DBOS.workflow_id)
                flow.checkpoint("take_up", lambda: self.backlog.take_up(bot))
                flow.bot.run(flow)
                log.info("%s is done", DBOS.workflow_id)

        return run

    def _process_workflow(self) -> Callable[[str, str, str], None]:
        def process(bot: str, method: str, item: str) -> None:
            with _reported():
                flow = self._flow(bot, waits=False)
                getattr(flow.bot, method)(flow, item)

        return process

    def _flow(self, bot: str, *, waits: bool) -> _Durable:
        if bot not in self._bots:
            raise KnownFailure(
                f"there is no bot {bot} any more; put it back into the configuration"
            )
        office = self._office.acting(f"bot:{bot}")
        made, backlog = self._bots[bot], self.backlog
        return _Durable(office, bot, made, backlog, self._activity, self._pauses, waits=waits)


class _Durable:
    """The Flow of one workflow."""

    def __init__(
        self,
        office: Office,
        name: str,
        bot: Bot,
        backlog: Backlog,
        activity: _Activity,
        pauses: tuple[float, ...],
        *,
        waits: bool,
    ) -> None:
        self._office, self._name, self.bot = office, name, bot
        self._backlog, self._activity, self._pauses = backlog, activity, pauses
        self._waits = waits

    def step(
        self,
        action: Callable[Concatenate[Office, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run one action as a checkpoint, trying again while something is unavailable."""
        return self.checkpoint(action.__name__, lambda: action(self._office, *args, **kwargs))

    def each(self, process: Callable[[Any, str], None], ids: Sequence[str]) -> None:
        """Hand in every id. A run waits until they have ended, a process does not.

        Bots order their phases by that (files before reconciling); a process
        that waited would hold a place that those it waits for need.
        """
        if getattr(process, "__self__", None) is not self.bot:
            raise TypeError(f"{process} must be a method of the bot {self._name}")
        method = process.__name__
        self.checkpoint(
            f"each {method}", lambda: self._backlog.hand_in(self._name, method, list(ids))
        )
        while self._waits and ids and self._backlog.is_working(self._name, method):
            self._activity.pause(0.2)

    def checkpoint(self, name: str, work: Callable[[], T]) -> T:
        """Do `work` once, remember its result as JSON; after a crash return what was remembered."""

        def attempt() -> T:
            with self._activity.step():
                # Through JSON at once, so that the first time looks like every other.
                result: T = json.loads(json.dumps(self._insist(work)))
                return result

        try:
            return DBOS.run_step({"name": name}, attempt)
        except Exception as error:
            failure = as_failure(error)
            if failure is error:
                raise
            raise failure from error

    def _insist(self, work: Callable[[], T]) -> T:
        for pause in self._pauses:
            try:
                return work()
            except Unavailable as failure:
                log.warning("%s: %s; trying again in %g s", DBOS.workflow_id, failure, pause)
                self._activity.pause(pause)
        return work()


class _Stopping(BaseException):
    """The process is about to end: leave the flow as it is, unrecorded, for the next start."""


class _Activity:
    """The steps that are running, so that stopping can wait for them."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._closed = threading.Event()
        self._running = 0

    @contextmanager
    def step(self) -> Iterator[None]:
        with self._condition:
            if self._closed.is_set():
                raise _Stopping
            self._running += 1
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    def pause(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise _Stopping

    def close(self, grace_seconds: float) -> bool:
        self._closed.set()
        with self._condition:
            return self._condition.wait_for(lambda: self._running == 0, grace_seconds)


def _take_over(worker: str) -> int:
    return len(DBOS._recover_pending_workflows([worker]))


@contextmanager
def _reported() -> Iterator[None]:
    """Log how a flow failed: one line for what we can explain, a traceback for a bug."""
    try:
        yield
    except KnownFailure as failure:
        log.warning("%s: %s: %s", DBOS.workflow_id, type(failure).__name__, failure)
        raise
    except Exception:
        log.exception("%s failed", DBOS.workflow_id)
        raise
