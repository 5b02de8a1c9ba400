"""Worker processes that die: recovered in place, or by their peers on PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from app.engine.backlog import Backlog
from tests.app.engine.conftest import Workers
from tests.app.engine.toy_bots import marks, until
from tests.servers.postgres import running_cluster


def test_work_of_a_killed_process_goes_on_after_a_restart(sqlite_workers: Workers) -> None:
    folder = sqlite_workers.folder
    (folder / "a").write_text("stuck")
    backlog = Backlog(sqlite_workers.url)
    first = sqlite_workers.start("w1")
    backlog.hand_in("toy", "process", ["a"])
    until(lambda: marks(folder)["deliver a"] == 1)
    first.kill()
    first.wait()
    (folder / "a").unlink()
    backlog.hand_in("toy", "process", ["b"])
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
        process = sqlite_workers.start("w1", deaths=2)
        until(partial(_over, process, backlog))
        deaths += process.poll() == 9
        process.kill()
        process.wait()
    (letter,) = backlog.dead_letters()
    assert letter.error == "Fatal: the process died every time it worked on this, 3 times"
    assert deaths == marks(folder)["deliver a"] == 3
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
    (folder / "a").write_text("stuck")
    backlog = Backlog(postgres_workers.url)
    first = postgres_workers.start("w1")
    backlog.hand_in("toy", "process", ["a"])
    until(lambda: marks(folder)["deliver a"] == 1)
    postgres_workers.start("w2")
    first.kill()
    first.wait()
    (folder / "a").unlink()
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


@pytest.mark.servers
def test_a_database_that_was_away_is_taken_up_again(tmp_path: Path) -> None:
    with running_cluster() as cluster:
        workers = Workers(tmp_path, cluster.new_database())
        worker = workers.start("w1")
        backlog = Backlog(workers.url)
        backlog.hand_in("toy", "process", ["a"])
        until(lambda: marks(tmp_path)["delivered a text of a"] == 1)
        cluster.stop()
        cluster.start()
        backlog.hand_in("toy", "process", ["b"])
        until(lambda: marks(tmp_path)["delivered b text of b"] >= 1)
        assert worker.poll() is None
        until(lambda: backlog.holders() == set())
        backlog.close()
        workers.end()
