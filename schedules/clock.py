"""Clock: hands every due slot to the engine, exactly once over all workers.

APScheduler wakes it; the schedules say what is due; the engine's own history of
runs is the ledger of slots handed in. A run is named by bot and slot, so any
number of workers may hand in the same slot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from schedules.schedule import Schedule

log = logging.getLogger(__name__)

#: However the alarm went, look at least this often: the machine may have slept.
_HEARTBEAT = timedelta(seconds=30)


class Ledger(Protocol):
    """What the clock needs of the engine's backlog."""

    def last_slot(self, bot: str) -> datetime | None:
        """Return the latest slot handed in for a bot."""
        ...

    def has_waiting_run(self, bot: str) -> bool:
        """Say whether a run of the bot has been handed in and not begun."""
        ...

    def hand_in_run(self, bot: str, slot: datetime) -> str:
        """Have the bot run for a slot; again is nothing."""
        ...


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Fires schedules while it is started; `tick` alone does the same by hand."""

    def __init__(
        self,
        schedules: Sequence[Schedule],
        ledger: Ledger,
        *,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Take up each schedule behind the last slot in the ledger, a new one from now on."""
        self._ledger, self._clock = ledger, clock
        self._lock = threading.Lock()
        now = clock()
        self._done = {schedule: ledger.last_slot(schedule.bot) or now for schedule in schedules}
        #: When the schedules were last looked at.
        self.ticked = now
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        self._alarm = BackgroundScheduler(
            timezone=UTC, executors={"default": ThreadPoolExecutor(1)}
        )
        for schedule in schedules:
            self._alarm.add_job(self.tick, _Alarm(schedule), misfire_grace_time=None)
        self._alarm.add_job(
            self.tick,
            "interval",
            seconds=_HEARTBEAT.total_seconds(),
            next_run_time=_now(),
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """Begin to fire, with what was missed first."""
        self._alarm.start()

    def stop(self) -> None:
        """Fire no more."""
        if self._alarm.running:
            self._alarm.shutdown(wait=True)

    def tick(self) -> None:
        """Hand in whatever is due now. What fails is still due at the next tick."""
        now = self._clock()
        with self._lock:
            for schedule in self._done:
                try:
                    self._fire(schedule, now)
                except Exception:
                    log.exception("could not start %s; trying again", schedule.bot)
            self.ticked = now

    def _fire(self, schedule: Schedule, now: datetime) -> None:
        for slot in schedule.due(self._done[schedule], now):
            # A run that has not begun yet will see all that this one would.
            if schedule.catch_up == "each" or not self._ledger.has_waiting_run(schedule.bot):
                self._ledger.hand_in_run(schedule.bot, slot)
            self._done[schedule] = slot


class _Alarm(BaseTrigger):  # type: ignore[misc]
    """Wakes the clock when the next slot of a schedule fires."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        """Return the first firing after now."""
        jitter = timedelta(seconds=self._schedule.jitter_seconds)
        firings = map(self._schedule.fires, self._schedule.slots(now - jitter))
        return next((moment for moment in firings if moment > now), None)
