"""`nightclerk check`: every fault of the configuration at once, then every connection."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from app.actions import opening
from app.office import Office
from app.settings import Settings, examine
from records.failures import KnownFailure

_OPENERS: dict[str, Callable[[Office, str], object]] = {
    "mail": opening.mailbox,
    "senders": opening.sender,
    "records": opening.record_source,
    "statements": opening.statement_source,
    "posters": opening.poster,
}


def check(path: Path) -> int:
    """Print what is right and wrong; return 0 when a night can run, 1 when not.

    What could be understood of a configuration with faults is tried all the
    same: a wrong host shows beside a wrong key.
    """
    settings, faults = examine(path)
    for fault in faults:
        print(f"FAULT {fault}")
    if settings is None:
        print(f"\n{len(faults)} to mend in {path}. Nothing was started.")
        return 1
    if not faults:
        print(f"ok    {path}: understood, version {settings.version}")
    broken = len(faults) + _tried_all(settings, is_sound=not faults)
    for name in settings.bots:
        when = [s.cron for s in settings.schedules if s.bot == name]
        print(f"ok    bot {name}: " + (f"runs at {', '.join(when)}" if when else "no schedule"))
    if broken:
        rest = "Nothing starts before" if faults else "The rest of the night would run"
        print(f"\n{broken} to mend. {rest}.")
        return 1
    print("\nAll is well. Next: `nightclerk run all --dry-run`.")
    return 0


def _tried_all(settings: Settings, *, is_sound: bool) -> int:
    """Try the database and every plugin; return how many do not work.

    Of a configuration with faults nothing is made, neither database nor folder.
    """
    shown = make_url(settings.database).render_as_string(hide_password=True)
    with tempfile.TemporaryDirectory(prefix="nightclerk-check-") as folder:
        try:
            if is_sound:
                office = Office.open(settings)
            else:
                if not settings.database.startswith("sqlite"):
                    _reach(settings.database)
                scratch = f"sqlite:///{folder}/check.db"
                office = Office.open(replace(settings, database=scratch, files=Path(folder)))
        except (SQLAlchemyError, ImportError, OSError) as error:
            print(f"FAULT database: {_first_line(error)} Check its URL and that it is running.")
            return 1
        try:
            print(f"ok    database {shown}")
            return sum(
                not _tried(f"{section} {name}", lambda o=opener, n=name: o(office, n))  # type: ignore[misc]
                for section, opener in _OPENERS.items()
                for name in settings.plugins[section]
            )
        finally:
            office.database.dispose()


def _reach(url: str) -> None:
    database = create_engine(url)
    try:
        database.connect().close()
    finally:
        database.dispose()


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
