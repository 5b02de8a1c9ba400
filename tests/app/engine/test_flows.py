"""Flows on the durable engine: once each, retried, recovered, set aside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.engine.backlog import Backlog
from app.engine.worker import Bot, Engine
from records.failures import KnownFailure
from tests.app.engine import toy_bots
from tests.app.engine.toy_bots import Confused, Numbers, Totals, Toy, marks, until

SLOT = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


class Hall:
    """A folder with a database; engines can be started on it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/office.db"

    def engine(self, **bots: Bot) -> Engine:
        office = toy_bots.office(self.folder)
        return Engine(office, bots, url=self.url, executor_id="w", pauses_seconds=(0.01, 0.02))


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    yield Hall(tmp_path)


def test_each_document_goes_through_every_step_once(hall: Hall) -> None:
    with hall.engine(toy=Toy()) as engine:
        engine.run_and_wait("toy")
        engine.run_and_wait("toy")
        assert engine.backlog.dead_letters() == []
    seen = marks(hall.folder)
    assert seen["receive"] == 2
    for item in "abc":
        assert seen[f"extract {item} bot:toy"] == 1
        assert seen[f"delivered {item} text of {item}"] == 1


def test_a_run_goes_on_when_what_it_handed_in_has_ended(hall: Hall) -> None:
    (hall.folder / "a").write_text("slow")
    (hall.folder / "b").write_text("no")
    with hall.engine(toy=Totals()) as engine:
        engine.run_and_wait("toy")
    seen = marks(hall.folder)
    assert seen["total 1"] == 1
    assert seen["total 3"] == 1


def test_the_same_slot_runs_once(hall: Hall) -> None:
    with hall.engine(toy=Toy()) as engine:
        for _ in range(3):
            engine.backlog.wait(engine.backlog.hand_in_run("toy", SLOT))
        assert engine.backlog.last_slot("toy") == SLOT
        assert engine.backlog.last_success("toy") is not None
        assert engine.backlog.last_slot("other") is None
    assert marks(hall.folder)["receive"] == 1


def test_results_look_the_same_the_first_time_as_after_a_restart(hall: Hall) -> None:
    bot = Numbers()
    with hall.engine(toy=bot) as engine:
        engine.run_and_wait("toy")
    assert bot.seen == [{"rows": [1, 2], "none": None}]


def test_what_is_unavailable_is_tried_again_then_taken_up_by_the_next_run(hall: Hall) -> None:
    (hall.folder / "b").write_text("away")
    with hall.engine(toy=Toy()) as engine:
        engine.run_and_wait("toy")
        (letter,) = engine.backlog.dead_letters("toy")
        assert (letter.bot, letter.method, letter.id) == ("toy", "process", "b")
        assert letter.error == "Unavailable: b could not be delivered"
        assert letter.passes_by_itself
        assert marks(hall.folder)["deliver b"] == 3
        (hall.folder / "b").unlink()
        engine.run_and_wait("toy")
        assert engine.backlog.dead_letters() == []
    seen = marks(hall.folder)
    assert seen["extract b bot:toy"] == 1
    assert seen["delivered b text of b"] == 1


@pytest.mark.parametrize(
    ("obstacle", "error"),
    [
        ("no", "Rejected: b could not be delivered"),
        ("unclear", "Unclear: b could not be delivered"),
        ("bug", "ZeroDivisionError: b could not be delivered"),
    ],
)
def test_other_failures_wait_for_a_person(hall: Hall, obstacle: str, error: str) -> None:
    (hall.folder / "b").write_text(obstacle)
    with hall.engine(toy=Toy()) as engine:
        engine.run_and_wait("toy")
        engine.run_and_wait("toy")
        (letter,) = engine.backlog.dead_letters()
        assert letter.error == error
        assert not letter.passes_by_itself
        assert marks(hall.folder)["deliver b"] == 1
        assert marks(hall.folder)["delivered c text of c"] == 1

        (hall.folder / "b").unlink()
        assert engine.backlog.replay("toy", "b") == 1
        engine.run_and_wait("toy")
        assert engine.backlog.dead_letters() == []
    seen = marks(hall.folder)
    assert seen["delivered b text of b"] == 1
    assert seen["extract b bot:toy"] == 2


def test_replay_of_unknown_work_says_so(hall: Hall) -> None:
    with hall.engine(toy=Toy()) as engine, pytest.raises(KnownFailure, match="never worked on z"):
        engine.backlog.replay("toy", "z")


def test_a_bot_that_is_gone_leaves_dead_letters(hall: Hall) -> None:
    backlog = Backlog(hall.url)
    backlog.hand_in("gone", "process", ["a"])
    backlog.close()
    with hall.engine(toy=Toy()) as engine:
        until(lambda: not engine.backlog.unfinished("gone"))
        (letter,) = engine.backlog.dead_letters()
    assert "there is no bot gone any more" in letter.error


def test_only_methods_of_the_bot_can_be_handed_in(hall: Hall) -> None:
    with hall.engine(toy=Confused()) as engine:
        with pytest.raises(Exception, match="must be a method of the bot toy"):
            engine.run_and_wait("toy")
        (run,) = engine.backlog.runs("toy")
        assert run.error is not None
        assert run.error.startswith("TypeError")


def test_a_second_process_is_refused_in_one_line(hall: Hall) -> None:
    with hall.engine(toy=Toy()):
        other = hall.engine(toy=Toy())
        with pytest.raises(KnownFailure, match=r"another nightclerk \(process \d+\)"):
            other.start()
    with hall.engine(toy=Toy()) as engine:
        engine.run_and_wait("toy")


def test_stopping_lets_the_running_step_finish_and_the_next_start_goes_on(hall: Hall) -> None:
    (hall.folder / "a").write_text("slow")
    engine = hall.engine(toy=Toy("a"))
    engine.start()
    engine.backlog.hand_in("toy", "process", ["a"])
    until(lambda: marks(hall.folder)["deliver a"] == 1)
    assert engine.stop(grace_seconds=10)
    assert marks(hall.folder)["delivered a text of a"] == 1

    with hall.engine(toy=Toy("a")) as engine:
        engine.run_and_wait("toy")
    seen = marks(hall.folder)
    assert seen["delivered a text of a"] == 1
    assert seen["extract a bot:toy"] == 1


def test_stopping_does_not_wait_out_a_retry(hall: Hall) -> None:
    (hall.folder / "a").write_text("away")
    office = toy_bots.office(hall.folder)
    engine = Engine(office, {"toy": Toy("a")}, url=hall.url, pauses_seconds=(600,))
    engine.start()
    engine.backlog.hand_in("toy", "process", ["a"])
    until(lambda: marks(hall.folder)["deliver a"] == 1)
    assert engine.stop(grace_seconds=10)
    (hall.folder / "a").unlink()
    with hall.engine(toy=Toy("a")) as engine:
        engine.run_and_wait("toy")
        assert engine.backlog.dead_letters() == []
    assert marks(hall.folder)["delivered a text of a"] == 1


def test_purging_keeps_the_ledger_and_whatever_needs_a_person(hall: Hall) -> None:
    (hall.folder / "b").write_text("no")
    with hall.engine(toy=Toy()) as engine:
        backlog = engine.backlog
        for day in range(3):
            backlog.wait(backlog.hand_in_run("toy", SLOT + timedelta(days=day)))
        engine.run_and_wait("toy")
        latest = backlog.last_slot("toy")
        assert backlog.purge(SLOT) == 0
        assert backlog.purge(datetime.now(UTC) + timedelta(days=1)) == 3 + 2
        assert backlog.last_slot("toy") == latest
        assert [letter.id for letter in backlog.dead_letters()] == ["b"]
