"""Killed again and again at random moments: nothing lost, nothing done twice.

The long version, on the real service, is `python -m benchmarks.kill`.
"""

from __future__ import annotations

import random
import time

import pytest

from app.engine.backlog import Backlog
from tests.app.engine.conftest import Workers
from tests.app.engine.toy_bots import marks, until

KILLS, EACH = 12, 8


def check(workers: Workers, ids: list[str]) -> None:
    """Every step of every id once, but for those that a kill may have cut short."""
    seen = marks(workers.folder)
    assert [item for item in ids if not seen[f"delivered {item} text of {item}"]] == []
    repeated = sum(count - 1 for line, count in seen.items() if line.startswith("delivered"))
    assert repeated <= KILLS, "only a step that was going on may run again"


@pytest.mark.slow
def test_one_worker_on_sqlite(sqlite_workers: Workers) -> None:
    dice = random.Random(1)
    backlog = Backlog(sqlite_workers.url)
    ids: list[str] = []
    worker = sqlite_workers.start("w")
    for number in range(KILLS):
        fresh = [f"d{number}-{n}" for n in range(EACH)]
        ids += fresh
        backlog.hand_in("toy", "process", fresh)
        time.sleep(dice.uniform(0, 0.6))  # the moment is what is being tested
        worker.kill()
        worker.wait()
        worker = sqlite_workers.start("w")
    until(lambda: backlog.unfinished("toy") == 0, 120)
    assert backlog.dead_letters() == []
    backlog.close()
    check(sqlite_workers, ids)


@pytest.mark.slow
@pytest.mark.servers
def test_two_workers_on_postgres_the_dead_never_come_back(
    postgres_workers: Workers,
) -> None:
    dice = random.Random(2)
    backlog = Backlog(postgres_workers.url)
    ids: list[str] = []
    alive = [postgres_workers.start(f"w{n}") for n in range(2)]
    for number in range(KILLS):
        fresh = [f"d{number}-{n}" for n in range(EACH)]
        ids += fresh
        backlog.hand_in("toy", "process", fresh)
        time.sleep(dice.uniform(0, 0.6))  # the moment is what is being tested
        dead = alive.pop(dice.randrange(2))
        dead.kill()
        dead.wait()
        alive.append(postgres_workers.start(f"w{number + 2}"))
    until(lambda: backlog.unfinished("toy") == 0, 120)
    assert backlog.dead_letters() == []
    backlog.close()
    check(postgres_workers, ids)
