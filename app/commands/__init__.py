"""What the commands do, a module for each kind of work; `app.cli` says how they are called.

A command takes what was typed and returns the exit code. Modules are imported
when one of their commands is called, so that `--help` is there at once; what
opens the office is imported with it, since some commands need no database.
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from records.failures import KnownFailure

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.office import Office
    from app.queries import Subject


@contextmanager
def office_of(given: argparse.Namespace) -> Iterator[Office]:
    """Open the configured office for one command, in the person's name where one acts."""
    from app.office import Office
    from app.settings import load

    acts = hasattr(given, "person")
    office = Office.open(load(given.config), person(given) if acts else "bot:nightclerk")
    try:
        yield office
    finally:
        office.database.dispose()


def person(given: argparse.Namespace) -> str:
    """Return who acts: `--as`, else the login name."""
    # One spelling each: "Anna" and "anna" are not four eyes.
    return f"person:{(given.person or getpass.getuser()).strip().casefold()}"


def subject_of(tx: Connection, text: str) -> Subject:
    """Return the one thing that was named; KnownFailure when it is nothing, or several."""
    from app.queries import find_subject

    found = find_subject(tx, text)
    if not found:
        raise KnownFailure(
            f"nothing is known as {text!r}. `nightclerk show --all` lists everything."
        )
    if len(found) > 1:
        raise KnownFailure(f"{text!r} may mean {', '.join(map(str, found))}. Name one of them.")
    return found[0]


def must_exist(paths: Sequence[Path]) -> None:
    """Raise KnownFailure for the first path that is not there."""
    for path in paths:
        if not path.exists():
            raise KnownFailure(f"{path} does not exist. Name a file or a folder.")
