"""Posts rows into an Excel workbook that people work in too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.keeping import sync_folder
from connectors.locking import only_writer
from connectors.workbooks.package import Damaged, Package, blank
from connectors.workbooks.sheets import Index
from connectors.workbooks.writing import as_read, changed_workbook, key_indexes
from records.failures import Rejected, Unavailable
from records.postings import Posting

_MEANWHILE = "was changed by somebody meanwhile; nothing was written."


class Poster:
    """Appends rows to the sheets of a workbook, each once by its key.

    Sheets and columns are made when absent. Columns are found by their titles,
    so people may move them, insert their own, and calculate beside ours. Only
    the changed sheet is rewritten: everything else in the file stays as it is.
    The new file is read back before it takes the place of the old one.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which workbook.

        path: the .xlsx or .xlsm file; made when absent. Required.
        wait_seconds: how long to wait for another worker that is writing to
            the same workbook. Default: 60.
        """

        path: Path
        wait_seconds: float = 60.0

    def __init__(self, settings: Settings) -> None:
        """Post into a workbook."""
        self._settings = settings

    @property
    def _path(self) -> Path:
        """The real file: renaming over a symbolic link would replace the link."""
        return self._settings.path.resolve()

    def find(self, key: str) -> str | None:
        """Return where the delivery with this key stands, or None.

        Unavailable when the file cannot be read, Rejected when it is damaged.
        """
        if not self._path.exists():
            return None
        with _explained(self._path):
            indexes = _looked(self._path)
        for name, index in indexes.items():
            row = index.deliveries.get(as_read(key))
            if row is not None:
                return f"{name}!{row}"
        return None

    def post(self, postings: Iterable[Posting]) -> list[str]:
        """Append the rows of all postings in one save; return each one's place, `Sheet!row`.

        A row whose key stands in its sheet already is not written again.
        Unavailable (nothing was written) when the workbook is open in a
        spreadsheet program or the disk refuses; Rejected when it is damaged.
        """
        wanted = list(postings)
        for posting in wanted:
            if not posting.rows:
                raise Rejected(f"{posting.key} carries no rows, which a workbook could hold.")
        if not wanted:
            return []
        with only_writer(self._path, self._settings.wait_seconds), _explained(self._path):
            _refuse_open(self._path)
            places = _write(self._path, wanted)
        return [places[posting.rows[0].sheet, posting.rows[0].key] for posting in wanted]

    def check(self) -> str:
        """Say what the workbook holds, or that it will be made; raises as `post` does."""
        folder = self._path.parent
        if not self._path.exists():
            nearest = next(p for p in (folder, *folder.parents) if p.exists())
            if not os.access(nearest, os.W_OK):
                raise Unavailable(f"{folder} cannot be written. Choose another folder.")
            return f"{self._settings.path}: will be made by the first posting"
        _refuse_open(self._path)
        with _explained(self._path):
            counts = {name: len(index.keys) for name, index in _looked(self._path).items()}
        rows = ", ".join(f"{name} {count}" for name, count in counts.items())
        return f"{self._settings.path}: workbook with {rows or 'no'} rows of ours"


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a file into the failures the engine knows."""
    try:
        yield
    except Damaged as problem:
        raise Rejected(
            f"{path} cannot be changed safely: {problem}. Open it in your spreadsheet program, "
            "save it as a new .xlsx without protection, and put it in the old one's place."
        ) from problem
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be read or written ({error.strerror or error})."
        ) from error


def _refuse_open(path: Path) -> None:
    """Raise Unavailable while a spreadsheet program has the file open."""
    for lock in (path.with_name(f"~${path.name}"), path.with_name(f".~lock.{path.name}#")):
        if lock.exists():
            raise Unavailable(
                f"{path} is open in a spreadsheet program. Close it there, and the rows are "
                f"written at the next try; delete {lock.name} if nobody has it open."
            )


_Stamp = tuple[int, int, int]
#: What the last looks found, by file. A night posts one document at a time, and
#: reading a large ledger anew for each of them would take most of the night.
_KNOWN: dict[Path, tuple[_Stamp, dict[str, Index]]] = {}
_MOST_KNOWN = 8


def _stamp(path: Path) -> _Stamp:
    """Return what changes with every save: time, size, and the file itself."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _looked(path: Path) -> dict[str, Index]:
    """Return the index of every sheet with our rows, read once for every save."""
    stamp = _stamp(path)
    known = _KNOWN.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    with Package(path) as package:
        indexes = key_indexes(package)
    _remember(path, stamp, indexes)
    return indexes


def _remember(path: Path, stamp: _Stamp, indexes: dict[str, Index]) -> None:
    _KNOWN.pop(path, None)
    while len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.pop(next(iter(_KNOWN)), None)
    _KNOWN[path] = (stamp, indexes)


def _write(path: Path, postings: Sequence[Posting]) -> Mapping[tuple[str, str], str]:
    """Write what is missing of all postings; return the place of every row.

    The caller holds the lock, so the working folder is ours alone, and what
    lies in it was left by a process that was killed.
    """
    before = _stamp(path) if path.exists() else None
    work = path.with_name(f".{path.name}.work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        made = work / "made.xlsx"
        held = _KNOWN.get(path)
        known = held[1] if held is not None and held[0] == before else None
        source = blank() if before is None else path
        changed = changed_workbook(made, source, postings, work, known or {})
        if not made.exists():
            return changed.places
        if before is None:
            known = {}
            made.chmod(0o666 & ~_umask())
        else:
            if _stamp(path) != before:
                raise Unavailable(f"{path} {_MEANWHILE}")
            shutil.copymode(path, made)
            with suppress(PermissionError):
                os.chown(made, path.stat().st_uid, path.stat().st_gid)
            _refuse_open(path)
        stamp = _stamp(made)
        made.replace(path)
        sync_folder(path.parent)
        after = {name: index for name, index in changed.indexes.items() if index is not None}
        if known is not None and len(after) == len(changed.indexes):
            _remember(path, stamp, {**known, **after})
    except Damaged as problem:
        # A program that saves in place pulls the file from under us.
        if before is not None and (not path.exists() or _stamp(path) != before):
            raise Unavailable(f"{path} {_MEANWHILE}") from problem
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return changed.places


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
