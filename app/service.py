"""The service: bots on schedule, unattended, until told to stop.

Engine, clock and a small HTTP server for health and figures live in one
process. SIGTERM and SIGINT stop it cleanly; any other death loses nothing.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from app.engine.worker import Bot, Engine
from app.health import Watch
from app.night import bot as make_bot
from app.office import Office
from connectors.keeping import sweep
from records.failures import KnownFailure
from schedules.clock import Clock
from schedules.schedule import Schedule

log = structlog.get_logger(__name__)

#: How long the engine's own history is kept; the audit trail is kept for ever.
_HISTORY = timedelta(days=90)
_GRACE_SECONDS = 20.0


def serve(office: Office, *, host: str, port: int) -> int:
    """Run the configured schedules until a signal says stop; return the exit code.

    Port 0 picks a free one; the log says which. Raises KnownFailure when the
    schedules cannot be understood, the address is taken, or another process
    already works on the same SQLite database.
    """
    office.box.warm()
    bots = {name: make_bot(office, name) for name in office.settings.bots}
    service = Service(office, bots, office.settings.schedules)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with service.open(host, port) as address:
        log.info("ready", address=address, bots=sorted(bots), process=os.getpid())
        while not told.wait(timeout=24 * 3600):
            service.tidy()
        log.info("stopping")
    if not service.finished:
        log.warning("stopped in the middle of a step; it runs again after the next start")
        # The threads of those steps would keep the process alive.
        os._exit(0)
    log.info("stopped")
    return 0


class Service:
    """Engine, clock and HTTP server, started and stopped together."""

    def __init__(
        self,
        office: Office,
        bots: Mapping[str, Bot],
        schedules: Sequence[Schedule],
        *,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        """Prepare; nothing runs before `open`."""
        self._office, self._schedules = office, schedules
        self._engine = Engine(office, bots, executor_id=office.settings.service.worker or None)
        self._grace = grace_seconds
        self._clock: Clock | None = None
        self._server: _Server | None = None
        #: Whether all steps had ended when the service stopped.
        self.finished = True

    @contextmanager
    def open(self, host: str, port: int) -> Iterator[str]:
        """Start everything, give the address, and stop it again."""
        try:
            yield self.start(host, port)
        finally:
            self.stop()

    def start(self, host: str, port: int) -> str:
        """Start everything; return the URL that health and figures are found under."""
        self._engine.start()
        backlog = self._engine.backlog
        self._clock = clock = Clock(self._schedules, backlog, clock=self._office.clock)
        watch = Watch(self._office, backlog, self._schedules, ticked=lambda: clock.ticked)
        self._server = _Server(host, port, watch)
        self.tidy()
        clock.start()
        self._server.start()
        return f"http://{host}:{self._server.server_port}"

    def stop(self) -> None:
        """Fire no more, let running steps end within the grace time, close."""
        if self._clock:
            self._clock.stop()
        self.finished = self._engine.stop(grace_seconds=self._grace)
        if self._server:
            self._server.close()
        self._clock = self._server = None

    def tick(self) -> None:
        """Look at the schedules now; the clock does so by itself in time."""
        if self._clock:
            self._clock.tick()

    def tidy(self) -> None:
        """Forget history that nobody needs any more, and sweep up after those who died."""
        sweep(self._office.files)
        forgotten = self._engine.backlog.purge(self._office.clock() - _HISTORY)
        if forgotten:
            log.info("forgot old history", flows=forgotten)


class _Server(ThreadingHTTPServer):
    """Answers GET /healthz and GET /metrics, nothing else."""

    daemon_threads = True

    def __init__(self, host: str, port: int, watch: Watch) -> None:
        self.watch = watch
        self._thread: threading.Thread | None = None
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise KnownFailure(
                f"cannot listen on {host}:{port}: {error.strerror}. Choose another service.port, "
                "0 for any free one"
            ) from error

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._thread:
            self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        try:
            if self.path == "/healthz":
                health = self.server.watch.health()
                body = json.dumps({"ok": health.ok, "problems": health.problems})
                self._answer(200 if health.ok else 503, "application/json", body)
            elif self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4", self.server.watch.metrics())
            else:
                self._answer(404, "text/plain", "there are /healthz and /metrics\n")
        except ConnectionError:
            return
        except Exception:
            log.exception("could not answer", path=self.path)
            self._answer(500, "text/plain", "see the log\n")

    def _answer(self, status: int, kind: str, body: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep quiet: probes come every few seconds."""
