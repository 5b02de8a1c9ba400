"""The timetable: the configured schedules, understood."""

from __future__ import annotations

from app.settings import Settings
from schedules.schedule import Schedule


def timetable(settings: Settings) -> list[Schedule]:
    """Return every schedule, in the company's time zone unless it names its own.

    Raises ConfigurationFault for one that cannot be understood or never comes.
    """
    return [
        Schedule(
            bot=entry.bot,
            cron=entry.cron,
            timezone=entry.timezone or settings.company.timezone,
            calendar=entry.calendar,
            jitter_seconds=entry.jitter_seconds,
            catch_up=entry.catch_up,
        )
        for entry in settings.schedules
    ]
