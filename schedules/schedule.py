"""Schedule: when one bot is due, as exact UTC slots.

A slot is a moment in UTC, made from a time of day in the office's zone. On the
two days a year when clocks change:

- a job at a time of day runs exactly once. A time that clocks skip (02:30 in
  spring) runs as long after midnight as on any other day (03:30 summer time);
  a time that comes twice (02:30 in autumn) runs the first time only.
- a job of every hour runs in every hour that there is, 23 or 25 of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from records.failures import ConfigurationFault
from schedules.calendars import business_days
from schedules.cron import Cron

#: 29 February on a weekday recurs after 28 years at the latest, but for 2100.
_SEARCH_DAYS = 366 * 41
#: A slot this old when it is noticed was missed, not just noticed late.
_LATE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a bot runs by itself.

    `cron` has five fields over the wall clock of `timezone` (IANA). With a
    `calendar`, days that are no business days have no slots. Each slot is
    delayed by its own share of `jitter_seconds`, the same on every worker.
    `catch_up` says what becomes of slots missed in downtime: `once` runs the
    latest, `each` all of them, `none` skips them.
    """

    bot: str
    cron: str
    timezone: str = "UTC"
    calendar: str | None = None
    jitter_seconds: int = 0
    catch_up: str = "once"
    _cron: Cron = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _open: Callable[[date], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Parse; ConfigurationFault says what is wrong with which bot's schedule."""
        try:
            object.__setattr__(self, "_cron", Cron.parse(self.cron))
            opens = business_days(self.calendar) if self.calendar else _always
            object.__setattr__(self, "_open", opens)
        except ConfigurationFault as fault:
            raise ConfigurationFault(f"schedule of {self.bot}: {fault}") from None
        try:
            object.__setattr__(self, "_zone", ZoneInfo(self.timezone))
        except (KeyError, ValueError, OSError):
            raise ConfigurationFault(
                f"schedule of {self.bot}: {self.timezone!r} is no IANA time zone, "
                "e.g. Europe/Berlin"
            ) from None
        if self.catch_up not in {"once", "each", "none"}:
            raise ConfigurationFault(f"schedule of {self.bot}: catch_up must be once, each or none")
        if self.next_slot(datetime(2024, 1, 1, tzinfo=UTC)) is None:
            raise ConfigurationFault(f"schedule of {self.bot}: {self.cron!r} never comes")

    def slots(self, after: datetime) -> Iterator[datetime]:
        """Yield all slots after a moment; ends only where there is never another one."""
        day = after.astimezone(self._zone).date() - timedelta(days=1)
        last, barren = after, 0
        while barren < _SEARCH_DAYS:
            barren += 1
            for slot in self._slots_of(day):
                if slot > last:
                    yield slot
                    last, barren = slot, 0
            day += timedelta(days=1)

    def next_slot(self, after: datetime) -> datetime | None:
        """Return the first slot after a moment, None when there is never one."""
        return next(self.slots(after), None)

    def last_slot(self, until: datetime, after: datetime) -> datetime | None:
        """Return the latest slot up to and including `until` but after `after`, or None."""
        day = until.astimezone(self._zone).date() + timedelta(days=1)
        first = after.astimezone(self._zone).date() - timedelta(days=1)
        while day >= first:
            for slot in reversed(self._slots_of(day)):
                if after < slot <= until:
                    return slot
            day -= timedelta(days=1)
        return None

    def fires(self, slot: datetime) -> datetime:
        """Return when a slot's run is handed in: the slot and its jitter."""
        digest = hashlib.blake2b(f"{self.bot} {slot.timestamp():.0f}".encode(), digest_size=8)
        share = int.from_bytes(digest.digest(), "big") % (self.jitter_seconds + 1)
        return slot + timedelta(seconds=share)

    def due(self, after: datetime, now: datetime) -> Iterator[datetime]:
        """Yield the slots after `after` that are to run by `now`, oldest first.

        More than one, or one long past, was missed: `catch_up` decides.
        """
        if self.catch_up == "each":
            yield from takewhile(lambda slot: self.fires(slot) <= now, self.slots(after))
            return
        # Behind the newest slots there may be one whose jitter has not passed yet.
        until = now
        while slot := self.last_slot(until, after):
            if self.fires(slot) <= now:
                if self.catch_up == "once" or now - self.fires(slot) <= _LATE:
                    yield slot
                return
            until = slot - timedelta(microseconds=1)

    def _slots_of(self, day: date) -> list[datetime]:
        """Return a local day's slots in UTC, ascending."""
        if not (self._cron.includes(day) and self._open(day)):
            return []
        found: set[datetime] = set()
        for hour in self._cron.hours:
            for minute in self._cron.minutes:
                found.update(self._moments(datetime.combine(day, time(hour, minute))))
        return sorted(found)

    def _moments(self, wall: datetime) -> list[datetime]:
        """Return the moments that a wall-clock time stands for: one, or as clocks change."""
        first, second = (
            wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        if not self._cron.every_hour or first == second:
            return [first]
        skipped = first.astimezone(self._zone).replace(tzinfo=None) != wall
        return [] if skipped else [first, second]


def _always(_day: date) -> bool:
    return True
