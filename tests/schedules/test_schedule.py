"""Slots: exact moments, right on the days when clocks change, missed ones by setting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.failures import ConfigurationFault
from schedules.cron import Cron
from schedules.schedule import Schedule


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    return takewhile(lambda slot: slot < end, schedule.slots(start - timedelta(microseconds=1)))


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        # Berlin, spring: 02:00 -> 03:00 at 01:00 UTC on 29 March 2026
        ("30 2 * * *", "Europe/Berlin", "2026-03-29", ["01:30"]),
        ("0 2 * * *", "Europe/Berlin", "2026-03-29", ["01:00"]),
        ("30 3 * * *", "Europe/Berlin", "2026-03-29", ["01:30"]),
        ("30 2,3 * * *", "Europe/Berlin", "2026-03-29", ["01:30"]),
        # Berlin, autumn: 03:00 -> 02:00 at 01:00 UTC on 25 October 2026
        ("30 2 * * *", "Europe/Berlin", "2026-10-25", ["00:30"]),
        ("30 1,2,3 * * *", "Europe/Berlin", "2026-10-25", ["2026-10-24 23:30", "00:30", "02:30"]),
        # every hour, in the hours there are
        ("30 * * * *", "Europe/Berlin", "2026-10-25", None),
        # New York
        ("30 2 * * *", "America/New_York", "2026-03-08", ["07:30"]),
        ("30 1 * * *", "America/New_York", "2026-11-01", ["05:30"]),
        # Lord Howe shifts by half an hour
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["2026-10-03 15:45"]),
    ],
)
def test_the_days_when_clocks_change(
    cron: str, zone: str, day: str, expected: list[str] | None
) -> None:
    schedule = Schedule(bot="b", cron=cron, timezone=zone)
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = (start + timedelta(days=1)).astimezone(UTC)
    found = list(slots(schedule, start.astimezone(UTC), end))
    if expected is None:
        assert len(found) == 25
    else:
        assert found == [utc(text if " " in text else f"{day} {text}") for text in expected]


@pytest.mark.parametrize(
    "zone",
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"],
)
@pytest.mark.parametrize("year", [2024, 2026])
def test_a_daily_job_runs_once_on_every_day_of_the_year(zone: str, year: int) -> None:
    schedule = Schedule(bot="b", cron="30 2 * * *", timezone=zone)
    start, end = (datetime(y, 1, 1, tzinfo=ZoneInfo(zone)) for y in (year, year + 1))
    found = list(slots(schedule, start.astimezone(UTC), end.astimezone(UTC)))
    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in found]
    assert days == [date(year, 1, 1) + timedelta(days=n) for n in range((end - start).days)]


@settings(max_examples=60, deadline=None)
@given(
    minute=st.sampled_from(["*", "*/15", "7,52", "0"]),
    hour=st.sampled_from(["*", "*/6", "1-3", "2"]),
    day=st.sampled_from(["*", "*/2", "25-29"]),
    weekday=st.sampled_from(["*", "0", "6-7"]),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    start=st.sampled_from(["2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-06-29"]),
)
def test_slots_are_what_a_clock_on_the_wall_shows(
    minute: str, hour: str, day: str, weekday: str, zone: str, start: str
) -> None:
    """Against the simplest oracle: look at the wall clock every minute."""
    text = f"{minute} {hour} {day} * {weekday}"
    schedule, cron = Schedule(bot="b", cron=text, timezone=zone), Cron.parse(text)
    begin = utc(start)
    seen: set[datetime] = set()
    expected: list[datetime] = []
    for n in range(-180, 2 * 1440):
        moment = begin + timedelta(minutes=n)
        wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        if wall.minute in cron.minutes and wall.hour in cron.hours and cron.includes(wall.date()):
            if n >= 0 and (cron.every_hour or wall not in seen):
                expected.append(moment)
            seen.add(wall)
    found = list(slots(schedule, begin, begin + timedelta(days=2)))
    assert [slot for slot in found if slot in expected] == expected
    # What the wall clock never shows runs all the same, unless it recurs every hour.
    for slot in set(found) - set(expected):
        wall = slot.astimezone(ZoneInfo(zone))
        assert not cron.every_hour
        assert wall.hour - 1 in cron.hours


@pytest.mark.parametrize(
    ("calendar", "day", "open_"),
    [
        ("TARGET", "2026-04-03", False),  # Good Friday
        ("TARGET", "2026-05-01", False),
        ("TARGET", "2026-05-14", True),  # Ascension Day is a banking day
        ("DE", "2026-05-14", False),
        ("DE", "2026-01-06", True),
        ("DE-BY", "2026-01-06", False),  # Epiphany, in Bavaria
        ("US", "2026-07-03", False),  # Independence Day, observed
        ("DE", "2026-05-16", False),  # a Saturday
    ],
)
def test_business_days(calendar: str, day: str, open_: bool) -> None:
    schedule = Schedule(bot="b", cron="0 6 * * *", calendar=calendar)
    start = utc(day)
    assert bool(list(slots(schedule, start, start + timedelta(days=1)))) is open_


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"cron": "0 0 * *"}, "schedule of b: cron"),
        ({"cron": "0 0 30 2 *"}, "never comes"),
        ({"cron": "@daily", "timezone": "Mars/Olympus"}, "no IANA time zone"),
        ({"cron": "@daily", "calendar": "XX"}, "calendar 'XX' is not known"),
        ({"cron": "@daily", "catch_up": "perhaps"}, "once, each or none"),
    ],
)
def test_faults(entries: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationFault, match=says):
        Schedule(bot="b", **entries)


@pytest.mark.parametrize(
    ("catch_up", "after", "now", "expected"),
    [
        # on time
        ("once", "03-01 02:30", "03-02 02:30", ["03-02 02:30"]),
        ("once", "03-01 02:30", "03-02 02:29", []),
        ("none", "03-01 02:30", "03-02 02:31", ["03-02 02:30"]),
        # after three nights without power
        ("once", "03-01 02:30", "03-04 09:00", ["03-04 02:30"]),
        ("each", "03-01 02:30", "03-04 09:00", ["03-02 02:30", "03-03 02:30", "03-04 02:30"]),
        ("none", "03-01 02:30", "03-04 09:00", []),
    ],
)
def test_missed_slots(catch_up: str, after: str, now: str, expected: list[str]) -> None:
    schedule = Schedule(bot="b", cron="30 2 * * *", catch_up=catch_up)
    due = schedule.due(utc(f"2026-{after}"), utc(f"2026-{now}"))
    assert list(due) == [utc(f"2026-{text}") for text in expected]


@given(slot=st.integers(1_600_000_000, 2_200_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)))
def test_jitter_is_bounded_and_the_same_everywhere(slot: datetime) -> None:
    one = Schedule(bot="b", cron="@hourly", jitter_seconds=300)
    other = Schedule(bot="b", cron="@hourly", jitter_seconds=300)
    assert one.fires(slot) == other.fires(slot)
    assert timedelta(0) <= one.fires(slot) - slot <= timedelta(seconds=300)


def test_jitter_spreads() -> None:
    schedule = Schedule(bot="b", cron="@hourly", jitter_seconds=300)
    start = utc("2026-01-01")
    shares = {
        (schedule.fires(slot) - slot).total_seconds()
        for slot in slots(schedule, start, start + timedelta(days=7))
    }
    assert len(shares) > 100


def test_a_slot_is_not_due_before_its_jitter_has_passed() -> None:
    schedule = Schedule(bot="b", cron="30 2 * * *", jitter_seconds=3600)
    slot, after = utc("2026-03-02 02:30"), utc("2026-03-01 02:30")
    fires = schedule.fires(slot)
    assert fires > slot
    assert list(schedule.due(after, fires - timedelta(seconds=1))) == []
    assert list(schedule.due(after, fires)) == [slot]
