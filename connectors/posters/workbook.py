"""Posts rows into an Excel workbook that people work in too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.keeping import sync_folder
from connectors.locking import only_writer
from connectors.workbooks.package import Damaged, Package, blank
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
        self._seen: tuple[tuple[int, int, int], dict[str, str]] | None = None

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
        stamp = _stamp(self._path)
        if self._seen is None or self._seen[0] != stamp:
            found: dict[str, str] = {}
            with _explained(self._path), Package(self._path) as package:
                for name, index in key_indexes(package, ()).items():
                    for delivery, row in index.deliveries.items():
                        found.setdefault(delivery, f"{name}!{row}")
            self._seen = (stamp, found)
        return self._seen[1].get(as_read(key))

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
        with _explained(self._path), Package(self._path) as package:
            counts = {name: len(index.keys) for name, index in key_indexes(package, ()).items()}
        rows = ", ".join(f"{name} {count}" for name, count in counts.items())
        return f"{self._settings.path}: workbook with {rows or 'no'} rows of ours"


def write_new(path: Path, postings: Iterable[Posting]) -> None:
    """Write a fresh workbook with the rows of all postings; an existing file is replaced."""
    with only_writer(path, 60), _explained(path):
        _write(path, list(postings), fresh=True)


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


def _stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _write(
    path: Path, postings: Sequence[Posting], *, fresh: bool = False
) -> dict[tuple[str, str], str]:
    """Write what is missing of all postings; return the place of every row.

    The caller holds the lock, so the working folder is ours alone, and what
    lies in it was left by a process that was killed.
    """
    before = None if fresh or not path.exists() else _stamp(path)
    work = path.with_name(f".{path.name}.work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        made = work / "made.xlsx"
        places = changed_workbook(made, blank() if before is None else path, postings, work)
        if made.exists() and before is None:
            made.chmod(0o666 & ~_umask())
            made.replace(path)
        elif made.exists():
            if _stamp(path) != before:
                raise Unavailable(f"{path} {_MEANWHILE}")
            shutil.copymode(path, made)
            with suppress(PermissionError):
                os.chown(made, path.stat().st_uid, path.stat().st_gid)
            _refuse_open(path)
            made.replace(path)
        sync_folder(path.parent)
    except Damaged as problem:
        # A program that saves in place pulls the file from under us.
        if before is not None and (not path.exists() or _stamp(path) != before):
            raise Unavailable(f"{path} {_MEANWHILE}") from problem
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return places


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
