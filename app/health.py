"""Health: whether the service does its work, and the figures to watch.

The absence of success is what matters: a service that answers but whose mail
bot has not finished a run since its last slot is not healthy.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from app.engine.backlog import Backlog
from app.night import counts
from app.office import Office
from schedules.schedule import Schedule

#: A run must have succeeded this long after its slot, or the bot is overdue.
GRACE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is wrong, in words; nothing when all is well."""

    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.problems


class Watch:
    """Looks at a running service from the outside of its threads."""

    def __init__(
        self,
        office: Office,
        backlog: Backlog,
        schedules: Sequence[Schedule],
        *,
        ticked: Callable[[], datetime],
    ) -> None:
        """Watch from now on; `ticked` says when the clock last looked at the schedules."""
        self._office, self._backlog, self._schedules = office, backlog, schedules
        self._ticked = ticked
        self._started = office.clock()

    def health(self) -> Health:
        """Look at everything; problems are ordered from the ground up."""
        for name, ask in (("database", self._ask_database), ("engine", self._ask_engine)):
            try:
                ask()
            except Exception as error:
                line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
                return Health(problems=(f"the {name} does not answer: {line}",))
        return Health(problems=tuple(self._problems()))

    def _ask_database(self) -> None:
        with self._office.database.connect() as connection:
            connection.execute(text("SELECT 1"))

    def _ask_engine(self) -> None:
        self._backlog.holders()

    def _problems(self) -> Iterator[str]:
        now = self._office.clock()
        if now - self._ticked() > timedelta(minutes=2):
            yield f"the clock has not looked at the schedules since {self._ticked():%H:%M:%S} UTC"
        for schedule in self._schedules:
            slot = self._expected(schedule, now)
            if slot is None:
                continue
            success = self._backlog.last_success(schedule.bot)
            if success is None or success < slot:
                since = f"since {success:%Y-%m-%d %H:%M} UTC" if success else "yet"
                yield (
                    f"bot {schedule.bot} was due {slot:%Y-%m-%d %H:%M} UTC "
                    f"but has not succeeded {since}{self._why(schedule.bot)}"
                )

    def _expected(self, schedule: Schedule, now: datetime) -> datetime | None:
        """Return the latest slot that must have succeeded by now, None when there is none."""
        ripe = now - GRACE - timedelta(seconds=schedule.jitter_seconds)
        slot = schedule.last_slot(ripe, now - timedelta(days=400))
        if slot is None or slot > self._started:
            return slot
        # Before we were here: it counts when it was the last handed in and has had its time.
        rested = now - self._started > GRACE
        return slot if rested and self._backlog.last_slot(schedule.bot) == slot else None

    def _why(self, bot: str) -> str:
        latest = next((run for run in self._backlog.runs(bot) if run.error), None)
        return f" ({latest.error})" if latest else ""

    def metrics(self) -> str:
        """Return the figures in Prometheus' text format."""
        lines = list(self._figures())
        return "\n".join(lines) + "\n"

    def _figures(self) -> Iterator[str]:
        yield from _metric("up", "Whether the service is healthy.", [("", int(self.health().ok))])
        bots = sorted(self._office.settings.bots)
        successes = {bot: self._backlog.last_success(bot) for bot in bots}
        yield from _metric(
            "last_success_timestamp_seconds",
            "When a run of the bot last succeeded.",
            [(_label(bot=bot), time.timestamp()) for bot, time in successes.items() if time],
        )
        yield from _metric(
            "unfinished_flows",
            "Runs and documents that wait or are in work.",
            [(_label(bot=bot), self._backlog.unfinished(bot)) for bot in bots],
        )
        letters = self._backlog.dead_letters()
        yield from _metric(
            "dead_letters",
            "Work that ended without success and waits.",
            [(_label(bot=bot), sum(one.bot == bot for one in letters)) for bot in bots],
        )
        stand = counts(self._office)
        for name, help_text, states in (
            ("documents", "Documents by state.", stand.documents),
            ("bank_lines", "Bank lines by state.", stand.bank_lines),
        ):
            yield from _metric(
                name, help_text, [(_label(state=s), n) for s, n in sorted(states.items())]
            )
        yield from _metric("postings_delivered", "Postings delivered.", [("", stand.delivered)])
        usage = resource.getrusage(resource.RUSAGE_SELF)
        kibibytes = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
        yield from _metric(
            "peak_memory_bytes", "Most memory the service has had.", [("", kibibytes * 1024)]
        )
        yield from _metric(
            "cpu_seconds", "Processor time of the service.", [("", time.process_time())]
        )
        yield from _metric(
            "start_time_seconds", "When it started.", [("", self._started.timestamp())]
        )


def _metric(name: str, help_text: str, values: Sequence[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP nightclerk_{name} {help_text}"
    yield f"# TYPE nightclerk_{name} gauge"
    for labels, value in values:
        yield f"nightclerk_{name}{labels} {value:.15g}"


def _label(**labels: str) -> str:
    escaped = {
        key: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for key, value in labels.items()
    }
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped.items()) + "}"
