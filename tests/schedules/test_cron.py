"""Cron expressions mean what crontab(5) says."""

from __future__ import annotations

from datetime import date

import pytest

from records.failures import ConfigurationFault
from schedules.cron import Cron

MONDAY, TUESDAY, SUNDAY = date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 7)


@pytest.mark.parametrize(
    ("text", "day", "included"),
    [
        # weekdays count from Sunday
        ("0 0 * * 1", MONDAY, True),
        ("0 0 * * 1", TUESDAY, False),
        ("0 0 * * 0", SUNDAY, True),
        ("0 0 * * 7", SUNDAY, True),
        ("0 0 * * 5-7", SUNDAY, True),
        ("0 0 * * 5-7", MONDAY, False),
        ("0 0 * * mon-fri", MONDAY, True),
        ("0 0 * * Sun", SUNDAY, True),
        # both kinds of day restricted: either suffices
        ("0 0 13 * 1", MONDAY, True),
        ("0 0 13 * 1", date(2026, 6, 13), True),
        ("0 0 13 * 1", TUESDAY, False),
        # one of them begins with a star: both must hold
        ("0 0 */2 * 1", MONDAY, True),
        ("0 0 */2 * 1", date(2026, 6, 8), False),
        ("0 0 1-7 * */7", SUNDAY, True),
        ("0 0 1-7 * */7", MONDAY, False),
        # months
        ("0 0 1 jan,jul *", date(2026, 7, 1), True),
        ("0 0 1 jan,jul *", date(2026, 6, 1), False),
        ("0 0 1 */3 *", date(2026, 4, 1), True),
        ("0 0 1 */3 *", date(2026, 3, 1), False),
    ],
)
def test_days(text: str, day: date, included: bool) -> None:
    assert Cron.parse(text).includes(day) is included


@pytest.mark.parametrize(
    ("text", "minutes", "hours"),
    [
        ("30 2 * * *", (30,), (2,)),
        ("*/20 8-10 * * *", (0, 20, 40), (8, 9, 10)),
        ("5/25 0,12 * * *", (5, 30, 55), (0, 12)),
        ("1-9/4,50 * * * *", (1, 5, 9, 50), tuple(range(24))),
        ("@daily", (0,), (0,)),
    ],
)
def test_times(text: str, minutes: tuple[int, ...], hours: tuple[int, ...]) -> None:
    cron = Cron.parse(text)
    assert (cron.minutes, cron.hours) == (minutes, hours)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30 2 * *", "five fields"),
        ("60 2 * * *", "'60' is no minute"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "'0' is no day"),
        ("0 0 1 13 *", "'13' is no month"),
        ("0 0 * * 8", "'8' is no weekday"),
        ("0 0 * * monday", "'monday' is no weekday"),
        ("0 0 10-5 * *", "'10-5' is no day"),
        ("*/0 0 * * *", r"'\*/0' is no minute"),
        ("-1 0 * * *", "'' is no minute"),
        ("1,,2 0 * * *", "'' is no minute"),
        ("*-5 0 * * *", r"'\*' is no minute"),
        ("٣ 0 * * *", "is no minute"),
    ],
)
def test_faults_name_the_field(text: str, says: str) -> None:
    with pytest.raises(ConfigurationFault, match=says):
        Cron.parse(text)
