"""`nightclerk check`: every fault of the configuration at once, then every connection."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.actions import opening
from app.office import Office
from app.settings import examine
from app.timetable import timetable
from records.failures import ConfigurationFault, KnownFailure

_OPENERS: dict[str, Callable[[Office, str], object]] = {
    "mail": opening.mailbox,
    "senders": opening.sender,
    "records": opening.record_source,
    "statements": opening.statement_source,
    "posters": opening.poster,
}


def check(path: Path) -> int:
    """Print what is right and wrong; return 0 when a night can run, 1 when not."""
    settings, faults = examine(path)
    for fault in faults:
        print(f"FAULT {fault}")
    if settings is None:
        print(f"\n{len(faults)} to mend in {path}. Nothing was started.")
        return 1
    print(f"ok    {path}: understood, version {settings.version}")
    broken = 0
    try:
        office = Office.open(settings)
        with office.database.begin() as tx:
            tx.execute(text("SELECT 1"))
        print(f"ok    database {office.database.url.render_as_string(hide_password=True)}")
    except (SQLAlchemyError, OSError) as error:
        print(f"FAULT database: {_first_line(error)} Check its URL and that it is running.")
        return 1
    for section, opener in _OPENERS.items():
        for name in settings.plugins[section]:
            broken += not _tried(f"{section} {name}", lambda o=opener, n=name: o(office, n))  # type: ignore[misc]
    try:
        timetable(settings)
    except ConfigurationFault as fault:
        print(f"FAULT schedules: {fault}")
        broken += 1
    for name in settings.bots:
        when = [s.cron for s in settings.schedules if s.bot == name]
        print(f"ok    bot {name}: " + (f"runs at {', '.join(when)}" if when else "no schedule"))
    office.database.dispose()
    if broken:
        print(f"\n{broken} to mend. The rest of the night would run.")
        return 1
    print("\nAll is well. Next: `nightclerk run all --dry-run`.")
    return 0


def _tried(label: str, open_it: Callable[[], object]) -> bool:
    try:
        found = open_it().check()  # type: ignore[attr-defined]
    except KnownFailure as failure:
        print(f"FAULT {label}: {failure}")
        return False
    except Exception:
        # A plugin's own bug: only its traceback helps its author.
        print(f"FAULT {label}: its connector failed:\n{traceback.format_exc()}")
        return False
    print(f"ok    {label}: {found}")
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
