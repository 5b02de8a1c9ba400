"""Arrivals: which files of a folder are new since a cursor, and complete."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from records.failures import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One new file. `since` is the cursor to keep once everything about it is committed."""

    path: Path
    size: int
    modified_ns: int
    since: str


def name_of(path: str | Path) -> str:
    """Return a file's name, or a path, as text that travels anywhere, on one line.

    What is no UTF-8 and what cannot be printed (a line break, a terminal's
    command, a mark that turns the writing round) is shown as `\\xNN`.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def arrivals(folders: Iterable[Path], since: str | None, quiet_seconds: float) -> Iterator[Arrival]:
    """Yield the regular files that arrived or changed since the cursor, oldest first.

    Arrival is the inode's change time, which a sender cannot set and a rename
    into the folder renews. Names that share the cursor's tick are remembered in
    it, so two files of one tick are both taken. Hidden files and symbolic links
    are left alone. A file modified less than `quiet_seconds` ago is waited for
    once; one that is still growing then is left for the next run.
    """
    at, names = _read(since)
    found = sorted(_new(folders, at, names))
    youngest = max((modified for _, _, _, modified, _ in found), default=0)
    wait = quiet_seconds - (time.time() - youngest / 1e9)
    if found and 0 < wait <= quiet_seconds:
        time.sleep(wait)
        again = {path: (changed, size) for changed, _, path, _, size in _new(folders, at, names)}
        found = [item for item in found if again.get(item[2]) == (item[0], item[4])]
    for changed, name, path, modified, size in found:
        names = frozenset({name}) if changed != at else names | {name}
        at = changed
        yield Arrival(path=path, size=size, modified_ns=modified, since=_write(at, names))


def _new(
    folders: Iterable[Path], at: int, names: frozenset[str]
) -> Iterator[tuple[int, str, Path, int, int]]:
    for folder in folders:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise Unavailable(f"{folder} cannot be read ({error.strerror}).") from error
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                continue
            try:
                stat = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            name = f"{folder.name}/{entry.name}"
            if stat.st_ctime_ns > at or (stat.st_ctime_ns == at and name not in names):
                yield stat.st_ctime_ns, name, Path(entry.path), stat.st_mtime_ns, stat.st_size


def _read(since: str | None) -> tuple[int, frozenset[str]]:
    if not since:
        return 0, frozenset()
    held = json.loads(since)
    return int(held["at"]), frozenset(held["names"])


def _write(at: int, names: frozenset[str]) -> str:
    # Escaped, because a name may hold bytes that are no text.
    return json.dumps({"at": at, "names": sorted(names)})
