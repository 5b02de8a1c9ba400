"""Cron: five fields, as crontab(5) means them, over local wall-clock days.

Weekdays count from Sunday (0 and 7); names are accepted. When both the day of
the month and the weekday are restricted, either one suffices; a field that
begins with `*` does not restrict. Times of day are the office's wall clock;
what daylight saving makes of them is settled in `schedules.schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from records.failures import ConfigurationFault

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A parsed expression: the values each field allows.

    `weekdays` counts from Sunday = 0. `either_day` says that day of month and
    weekday are alternatives. `every_hour` says that the hour is unrestricted.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Parse an expression; ConfigurationFault names the field that is wrong."""
        fields = _SHORTHANDS.get(text.strip().lower(), text).split()
        if len(fields) != 5:
            raise ConfigurationFault(
                f"cron {text!r} must have five fields: minute hour day month weekday, "
                "e.g. 30 6 * * 1-5"
            )
        minute, hour, day, month, weekday = fields
        weekdays = _values(weekday, "weekday", 0, 7, _WEEKDAYS, 0)
        return cls(
            minutes=tuple(sorted(_values(minute, "minute", 0, 59))),
            hours=tuple(sorted(_values(hour, "hour", 0, 23))),
            days=_values(day, "day", 1, 31),
            months=_values(month, "month", 1, 12, _MONTHS, 1),
            weekdays=frozenset(value % 7 for value in weekdays),
            either_day=not day.startswith("*") and not weekday.startswith("*"),
        )

    @property
    def every_hour(self) -> bool:
        """Say whether the job recurs all day rather than at a time of day."""
        return len(self.hours) == 24

    def includes(self, day: date) -> bool:
        """Say whether there are slots on a day."""
        if day.month not in self.months:
            return False
        by_month = day.day in self.days
        by_week = day.isoweekday() % 7 in self.weekdays
        return (by_month or by_week) if self.either_day else (by_month and by_week)


def _values(
    field: str, name: str, low: int, high: int, names: tuple[str, ...] = (), first: int = 0
) -> frozenset[int]:
    """Expand lists, ranges, steps and names of one field."""

    def number(text: str) -> int:
        if text.lower() in names:
            return names.index(text.lower()) + first
        if not (text.isascii() and text.isdigit()):
            raise fault(text)
        return int(text)

    def fault(part: str) -> ConfigurationFault:
        return ConfigurationFault(
            f"cron: {part!r} is no {name}; write {low}-{high}, lists (1,15), ranges (1-5), "
            "steps (*/10)" + (f" or names ({names[1]})" if names else "")
        )

    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        start, dash, end = span.partition("-")
        if start == "*" and not dash:
            bounds = (low, high)
        elif dash:
            bounds = (number(start), number(end))
        else:
            bounds = (number(start), high if slash else number(start))
        every = number(step) if slash else 1
        if not (low <= bounds[0] <= bounds[1] <= high and every > 0):
            raise fault(part)
        found.update(range(bounds[0], bounds[1] + 1, every))
    return frozenset(found)
