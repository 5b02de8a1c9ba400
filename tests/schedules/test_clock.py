"""The clock hands in each slot once, whatever happened to the machine meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schedules.clock import Clock
from schedules.schedule import Schedule

START = datetime(2026, 3, 28, 12, tzinfo=UTC)
NIGHTLY = Schedule(bot="invoices", cron="30 2 * * *", timezone="Europe/Berlin")


class Runs:
    """A ledger in memory that several clocks share, as workers share a database."""

    def __init__(self, waiting: bool = False) -> None:
        self.handed_in: list[tuple[str, datetime]] = []
        self.waiting = waiting
        self.away = False

    def last_slot(self, bot: str) -> datetime | None:
        return max((slot for name, slot in self.handed_in if name == bot), default=None)

    def has_waiting_run(self, bot: str) -> bool:
        return self.waiting

    def hand_in_run(self, bot: str, slot: datetime) -> str:
        if self.away:
            raise OSError("the database is away")
        if (bot, slot) not in self.handed_in:
            self.handed_in.append((bot, slot))
        return f"run/{bot}/{slot.isoformat()}"


class Time:
    """A clock to turn by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


# Days pass in it: on a busy machine that is slow, not wrong.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.integers(1, 60 * 30), min_size=1, max_size=60), workers=st.integers(1, 3))
def test_every_slot_once_over_all_workers_and_both_changes(
    steps: Sequence[int], workers: int
) -> None:
    """Looked at irregularly by several workers, with `each`: no slot lost, none twice."""
    schedule = Schedule(bot="b", cron="30 2 * * *", timezone="Europe/Berlin", catch_up="each")
    time, runs = Time(), Runs()
    clocks = [Clock([schedule], runs, clock=time) for _ in range(workers)]
    for number, minutes in enumerate(steps):
        time.now += timedelta(minutes=minutes)
        clocks[number % workers].tick()
    for clock in clocks:
        clock.tick()
    due = takewhile(lambda slot: slot <= time.now, schedule.slots(START))
    assert sorted(runs.handed_in) == [("b", slot) for slot in due]


def test_a_new_schedule_starts_with_its_next_slot() -> None:
    time, runs = Time(), Runs()
    clock = Clock([NIGHTLY], runs, clock=time)
    clock.tick()
    assert runs.handed_in == []
    time.now += timedelta(days=1)
    clock.tick()
    assert [slot.isoformat() for _, slot in runs.handed_in] == ["2026-03-29T01:30:00+00:00"]


def test_downtime_is_caught_up_from_the_ledger() -> None:
    time, runs = Time(), Runs()
    runs.hand_in_run("invoices", datetime(2026, 3, 25, 1, 30, tzinfo=UTC))
    Clock([NIGHTLY], runs, clock=time).tick()
    assert runs.handed_in[1:] == [("invoices", datetime(2026, 3, 28, 1, 30, tzinfo=UTC))]


def test_a_waiting_run_stands_for_the_slots_after_it() -> None:
    time, runs = Time(), Runs(waiting=True)
    schedules = [
        Schedule(bot="often", cron="* * * * *"),
        Schedule(bot="ledger", cron="* * * * *", catch_up="each"),
    ]
    clock = Clock(schedules, runs, clock=time)
    for _ in range(3):
        time.now += timedelta(minutes=1)
        clock.tick()
    assert [bot for bot, _ in runs.handed_in] == ["ledger"] * 3


def test_what_could_not_be_handed_in_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    time, runs = Time(), Runs()
    clock = Clock([NIGHTLY], runs, clock=time)
    time.now += timedelta(days=1)
    runs.away = True
    clock.tick()
    assert "could not start invoices" in caplog.text
    runs.away = False
    time.now += timedelta(seconds=30)
    clock.tick()
    assert len(runs.handed_in) == 1


def test_the_alarm_goes_off_by_itself() -> None:
    class Bell(Runs):
        rung = threading.Event()

        def hand_in_run(self, bot: str, slot: datetime) -> str:
            self.rung.set()
            return super().hand_in_run(bot, slot)

    runs = Bell()
    runs.handed_in.append(("b", datetime.now(UTC) - timedelta(minutes=5)))
    clock = Clock([Schedule(bot="b", cron="* * * * *")], runs)
    clock.start()
    try:
        assert runs.rung.wait(20)
    finally:
        clock.stop()
