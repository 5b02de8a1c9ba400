"""Bank files: one reader per format, chosen by the bytes of the file.

`read` is the way in. A format is one file with a class `Reader`
(records.protocols.StatementReader), found by being here or by an entry point
of the group `nightclerk.banks`; files whose names begin with an underscore are
shared parts. A reader that has a method `profile` reads tables: it is made
with the confirmed profiles and asked last, because a guess accepts much.
"""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from connectors.banks._container import Member, is_packed, members
from connectors.banks._profile import Columns, Profile
from connectors.banks._values import NO_CURRENCY
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, finding
from records.protocols import StatementReader

__all__ = ["NO_CURRENCY", "Columns", "Profile", "guess_profile", "read", "reader_for"]


@cache
def _classes() -> tuple[tuple[type[Any], ...], tuple[type[Any], ...]]:
    """Return the readers that know their format by its marks, and those of tables."""
    found = [entry.load() for entry in entry_points(group="nightclerk.banks")]
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        if not module.startswith("_"):
            found.append(importlib.import_module(f"{__name__}.{module}").Reader)
    tables = [c for c in found if hasattr(c, "profile")]
    # Workbooks are known by their bytes; delimited text could be anything.
    tables.sort(key=lambda c: c.__module__.endswith("csv_statement"))
    return tuple(c for c in found if c not in tables), tuple(tables)


def reader_for(document: Document, profiles: Sequence[Profile] = ()) -> StatementReader | None:
    """Return the reader whose format the bytes are, or None.

    Of packed files only workbooks are asked for; the others are unpacked first.
    """
    marked, tables = _classes()
    with document.path.open("rb") as file:
        packed = is_packed(file.read(4))
    readers: list[StatementReader] = [] if packed else [c() for c in marked]
    readers += [c(profiles) for c in tables]
    return next((reader for reader in readers if reader.accepts(document)), None)


def read(
    document: Document, profiles: Sequence[Profile] = ()
) -> Iterator[BankTransaction | Statement | Finding]:
    """Stream a bank file of any known format, ZIP and gzip files through all their members.

    Transactions come first, then the Statement that proves them; a Finding on
    its own concerns the file. `profiles` are the confirmed ones for CSV and
    XLSX; without a fitting one a guess is used, and its statement says so.
    Bad bytes never raise; OSError of our own disk does.
    """
    if document.path.stat().st_size == 0:
        yield finding("unknown_format", message="The file is empty", remedy="Fetch it again.")
        return
    reader = reader_for(document, profiles)
    if reader is not None:
        yield from reader.read(document)
        return
    with tempfile.TemporaryDirectory(prefix="statements-") as folder:
        found = False
        for member in members(document, Path(folder)):
            found = True
            if isinstance(member, Member):
                inner = reader_for(member.document, profiles)
                if inner is None:
                    yield finding(
                        "unknown_format",
                        where=member.document.name,
                        remedy="See whether it is a bank file at all.",
                    )
                else:
                    yield from inner.read(member.document)
            else:
                yield member
        if not found:
            yield finding(
                "unknown_format",
                message="No bank format we know",
                remedy="Ask the bank for camt.053, or write a profile for its table.",
            )


def guess_profile(document: Document) -> tuple[Profile | None, tuple[str, ...]]:
    """Guess how a CSV or XLSX file is to be read, with the reasons in words.

    The profile is None where no column of dates or amounts was found. Give it
    a `name` once a person has confirmed it.
    """
    for table in _classes()[1]:
        profile: Profile | None = table().profile(document)
        if profile is not None:
            return profile, profile.reasons
    return None, ("no row with a date and an amount was found",)
