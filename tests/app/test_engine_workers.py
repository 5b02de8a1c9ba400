"""Worker processes that die: recovered in place, or by their peers on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from app.engine import Backlog
from tests.app.toy_bots import marks, until
from tests.servers.postgres import postgres_cluster, postgres_url  # noqa: F401 - fixtures

HERE = Path(__file__).parent


class Workers:
    """Worker processes on one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, name: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "engine_worker.py"), str(self.folder), self.url, name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


@pytest.fixture
def sqlite_workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path, f"sqlite:///{tmp_path}/office.db")
    yield workers
    workers.end()


@pytest.fixture
def postgres_workers(tmp_path: Path, postgres_url: str) -> Iterator[Workers]:  # noqa: F811
    workers = Workers(tmp_path, postgres_url)
    yield workers
    workers.end()


def test_work_of_a_killed_process_goes_on_after_a_restart(sqlite_workers: Workers) -> None:
    folder = sqlite_workers.folder
    (folder / "a").write_text("slow")
    backlog = Backlog(sqlite_workers.url)
    first = sqlite_workers.start("w1")
    backlog.hand_in("toy", "process", ["a", "b"])
    until(lambda: marks(folder)["deliver a"] == 1)
    first.kill()
    first.wait()
    sqlite_workers.start("w1")
    until(lambda: backlog.unfinished("toy") == 0)
    seen = marks(folder)
    assert seen["extract a bot:toy"] == 1
    assert seen["delivered a text of a"] == 1
    assert seen["delivered b text of b"] == 1
    backlog.close()


def _over(process: subprocess.Popen[str], backlog: Backlog) -> bool:
    return process.poll() is not None or not backlog.unfinished("toy")


def test_a_document_that_kills_its_process_is_set_aside(sqlite_workers: Workers) -> None:
    folder = sqlite_workers.folder
    (folder / "a").write_text("die")
    backlog = Backlog(sqlite_workers.url)
    backlog.hand_in("toy", "process", ["a"])
    deaths = 0
    while backlog.unfinished("toy"):
        process = sqlite_workers.start("w1")
        until(partial(_over, process, backlog))
        deaths += process.poll() == 9
        process.kill()
        process.wait()
    (letter,) = backlog.dead_letters()
    assert letter.error.startswith("Fatal: the process died")
    assert deaths == marks(folder)["deliver a"] == 6
    (folder / "a").unlink()
    backlog.replay("toy", "a")
    sqlite_workers.start("w1")
    until(lambda: marks(folder)["delivered a text of a"] == 1)
    backlog.close()


@pytest.mark.servers
def test_two_workers_share_the_work_without_doing_any_twice(postgres_workers: Workers) -> None:
    folder = postgres_workers.folder
    ids = [f"d{n}" for n in range(60)]
    backlog = Backlog(postgres_workers.url)
    for name in ("w1", "w2"):
        postgres_workers.start(name)
    backlog.hand_in("toy", "process", ids)
    until(lambda: backlog.unfinished("toy") == 0)
    seen = marks(folder)
    assert [seen[f"delivered {item} text of {item}"] for item in ids] == [1] * 60
    backlog.close()


@pytest.mark.servers
def test_a_dead_workers_work_is_taken_over_in_seconds(postgres_workers: Workers) -> None:
    folder = postgres_workers.folder
    (folder / "a").write_text("slow")
    backlog = Backlog(postgres_workers.url)
    first = postgres_workers.start("w1")
    backlog.hand_in("toy", "process", ["a"])
    until(lambda: marks(folder)["deliver a"] == 1)
    postgres_workers.start("w2")
    first.kill()
    killed = time.monotonic()
    until(lambda: backlog.unfinished("toy") == 0)
    assert time.monotonic() - killed < 10
    seen = marks(folder)
    assert seen["extract a bot:toy"] == 1
    assert seen["delivered a text of a"] == 1
    backlog.close()


@pytest.mark.servers
def test_workers_of_one_name_tell_themselves_apart(postgres_workers: Workers) -> None:
    (postgres_workers.folder / "a").write_text("slow")
    (postgres_workers.folder / "b").write_text("slow")
    for _ in range(2):
        postgres_workers.start("host")
    backlog = Backlog(postgres_workers.url)
    backlog.hand_in("toy", "process", ["a", "b", *(f"d{n}" for n in range(40))])
    names: set[str] = set()

    def finished() -> bool:
        names.update(backlog.holders())
        return backlog.unfinished("toy") == 0

    until(finished)
    assert names <= {"host", "host-2"}
    assert set(marks(postgres_workers.folder).values()) == {1}
    backlog.close()


@pytest.mark.servers
def test_a_clean_stop_hands_the_rest_to_the_others(postgres_workers: Workers) -> None:
    folder = postgres_workers.folder
    (folder / "a").write_text("away")
    first = postgres_workers.start("w1")
    backlog = Backlog(postgres_workers.url)
    backlog.hand_in("toy", "process", [f"d{n}" for n in range(30)])
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    postgres_workers.start("w2")
    until(lambda: backlog.unfinished("toy") == 0)
    seen = marks(folder)
    assert [seen[f"delivered d{n} text of d{n}"] for n in range(30)] == [1] * 30
    backlog.close()
