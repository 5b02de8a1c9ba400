"""The service as its operator sees it: health, figures, signals, one-line refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine

from app.database import connect
from app.engine.backlog import Backlog
from app.flow import Flow
from app.health import GRACE, Watch
from app.isolation import Isolated
from app.office import Office
from app.service import Service
from app.settings import load
from records.failures import KnownFailure, Rejected
from schedules.schedule import Schedule
from tests.app.engine.toy_bots import Toy, mark, marks, until

CONFIG = """\
database: sqlite:///office.db
mail: [{name: inbox, use: folder, path: mail}]
posters: [{name: ledger, use: workbook, path: out/ledger.xlsx}]
bots:
  invoices: {mail: [inbox], post_to: ledger}
schedules:
  - {bot: invoices, cron: "0 3 * * *"}
service: {port: 0}
"""
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


class Time:
    """A clock to turn by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "mail").mkdir()
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def office(config: Path, time: Time) -> Iterator[Office]:
    settings = load(config)
    database = connect(settings.database)
    yield Office(
        settings=settings, database=database, files=config.parent, box=Isolated(1), clock=time
    )
    database.dispose()


@pytest.fixture
def backlog(office: Office) -> Iterator[Backlog]:
    backlog = Backlog(office.settings.database)
    yield backlog
    backlog.close()


class Refusing(Toy):
    def run(self, flow: Flow) -> None:
        flow.step(refuse)


def refuse(office: Office) -> None:
    mark(office, "refused")
    raise Rejected("the mailbox refuses the password")


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def figures(text: str) -> Mapping[str, float]:
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def test_a_due_bot_runs_and_shows_in_health_and_figures(office: Office, time: Time) -> None:
    schedule = Schedule(bot="invoices", cron="0 3 * * *")
    service = Service(office, {"invoices": Toy("a b")}, [schedule])
    with service.open("127.0.0.1", 0) as address:
        assert get(f"{address}/healthz") == (200, '{"ok": true, "problems": []}')
        time.now += timedelta(hours=16)
        service.tick()
        until(lambda: marks(office.files)["delivered b text of b"] == 1)
        until(lambda: 'success_timestamp_seconds{bot="invoices"}' in get(f"{address}/metrics")[1])
        found = figures(get(f"{address}/metrics")[1])
        assert found["nightclerk_up"] == 1
        assert found['nightclerk_dead_letters{bot="invoices"}'] == 0
        assert found["nightclerk_peak_memory_bytes"] > 10_000_000
        assert get(f"{address}/elsewhere")[0] == 404


def test_the_absence_of_success_is_unhealthy(office: Office, time: Time, backlog: Backlog) -> None:
    schedule = Schedule(bot="invoices", cron="0 3 * * *")
    service = Service(office, {"invoices": Refusing()}, [schedule])
    with service.open("127.0.0.1", 0) as address:
        time.now += timedelta(hours=15, minutes=1)
        service.tick()
        until(lambda: any(run.error for run in backlog.runs("invoices")))
        assert get(f"{address}/healthz")[0] == 200, "not before its time of grace is over"
        time.now += GRACE
        service.tick()
        status, body = get(f"{address}/healthz")
    assert status == 503
    (problem,) = json.loads(body)["problems"]
    assert problem == (
        "bot invoices was due 2026-06-04 03:00 UTC but has not succeeded yet "
        "(Rejected: the mailbox refuses the password)"
    )


@pytest.mark.parametrize(
    ("handed_in_hours_ago", "up_for", "healthy"),
    [
        (None, timedelta(hours=1), True),  # a new schedule has missed nothing
        (9, timedelta(minutes=1), True),  # being caught up
        (9, timedelta(hours=1), False),  # not caught up: last night's run never succeeded
        (33, timedelta(hours=1), True),  # the night before: not this slot
    ],
)
def test_slots_before_the_start(
    office: Office,
    time: Time,
    backlog: Backlog,
    handed_in_hours_ago: int | None,
    up_for: timedelta,
    healthy: bool,
) -> None:
    if handed_in_hours_ago:
        backlog.hand_in_run("invoices", NOON - timedelta(hours=handed_in_hours_ago))
    schedule = Schedule(bot="invoices", cron="0 3 * * *")
    watch = Watch(office, backlog, [schedule], ticked=time)
    time.now += up_for
    assert watch.health().ok is healthy


def test_a_clock_that_stands_still_is_unhealthy(
    office: Office, time: Time, backlog: Backlog
) -> None:
    watch = Watch(office, backlog, [], ticked=lambda: NOON)
    assert watch.health().ok
    time.now += timedelta(minutes=5)
    assert "the clock has not looked" in watch.health().problems[0]


def test_a_database_that_does_not_answer_is_unhealthy(
    office: Office, time: Time, backlog: Backlog, tmp_path: Path
) -> None:
    away: Database = create_engine(f"sqlite:///{tmp_path}/nowhere/office.db")
    broken = Office(settings=office.settings, database=away, files=tmp_path, box=office.box)
    (problem,) = Watch(broken, backlog, [], ticked=time).health().problems
    assert problem.startswith("the database does not answer: ")
    away.dispose()


def test_a_taken_port_is_said_in_one_line(office: Office) -> None:
    first = Service(office, {}, [])
    with first.open("127.0.0.1", 0) as address:
        port = int(address.rsplit(":", 1)[1])
        other = Service(office, {}, [])
        with pytest.raises(KnownFailure, match="another nightclerk"):
            other.start("127.0.0.1", port)
    with first.open("127.0.0.1", port):
        pass


class Process:
    """`nightclerk serve` as a process of its own."""

    def __init__(self, config: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "--config", str(config), "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def line(self, event: str) -> dict[str, object]:
        """Read the log up to an event."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            entry: dict[str, object] = json.loads(text)
            if entry["event"] == event:
                return entry
        raise AssertionError(f"the service never said {event}")

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and what went to standard error."""
        _, complaints = self.process.communicate(timeout=60)
        return self.process.returncode, complaints


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_cleanly(config: Path, number: signal.Signals) -> None:
    service = Process(config)
    ready = service.line("ready")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", str(ready["address"]))
    assert get(f"{ready['address']}/healthz")[0] == 200
    os.killpg(service.process.pid, number)
    assert service.line("stopped")["level"] == "info"
    assert service.end() == (0, "")


def test_a_second_service_on_the_same_database_is_refused_in_one_line(config: Path) -> None:
    first = Process(config)
    first.line("ready")
    code, complaints = Process(config).end()
    first.process.terminate()
    first.end()
    assert code == 1
    assert re.fullmatch(r"nightclerk: another nightclerk \(process \d+\) .*\n", complaints)
