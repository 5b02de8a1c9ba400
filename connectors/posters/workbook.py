"""Posts rows into an Excel workbook that people work in too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from connectors.keeping import sync_folder
from connectors.locking import only_writer
from connectors.workbooks.package import (
    Damaged,
    Package,
    blank,
    recalculated,
    serialized,
    with_sheet,
)
from connectors.workbooks.sheets import (
    LAST_ROW,
    Index,
    Put,
    append_rows,
    extended_table,
    index_of,
    merge_rows,
    new_sheet,
    row_xml,
    shared_strings,
)
from connectors.workbooks.styles import Styles
from connectors.workbooks.values import Look, Written, written
from records.failures import Rejected, Unavailable
from records.postings import Posting, Row, Value

#: Titles of our two own columns: what makes a row, and a delivery, happen once.
KEY = "Key"
DELIVERY = "Delivery"
#: How many new rows are compared cell by cell when they are read back.
_COMPARED = 2000
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
                for name, index in _indexes(package, ()).items():
                    for delivery, row in index.deliveries.items():
                        found.setdefault(delivery, f"{name}!{row}")
            self._seen = (stamp, found)
        return self._seen[1].get(_as_read(key))

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
            counts = {name: len(index.keys) for name, index in _indexes(package, ()).items()}
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


def _indexes(package: Package, titles: Iterable[str]) -> dict[str, Index]:
    strings = _strings(package)
    found = {}
    for name, part in package.sheets().items():
        index = _index(package, part, strings, titles)
        if index.header is not None:
            found[name] = index
    return found


def _strings(package: Package) -> list[str]:
    part = package.strings_part()
    if part is None:
        return []
    with package.open(part) as stream:
        return shared_strings(stream)


def _index(
    package: Package,
    part: str,
    strings: Sequence[str],
    titles: Iterable[str],
    cells_from: int | None = None,
) -> Index:
    with package.open(part) as stream:
        return index_of(
            stream,
            strings,
            key_title=KEY,
            delivery_title=DELIVERY,
            ours=titles,
            cells_from=cells_from,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """What one sheet gets: numbered rows of cells, and what must be read back."""

    part: str
    first: int
    rows: list[tuple[int, list[Put]]]
    keys: Mapping[str, int]


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
        places = _made(made, blank() if before is None else path, postings, work)
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


def _made(
    made: Path, source: Path | IO[bytes], postings: Sequence[Posting], work: Path
) -> dict[tuple[str, str], str]:
    """Write the changed workbook to `made`, unless there is nothing to change."""
    places: dict[tuple[str, str], str] = {}
    with Package(source) as package:
        styles_part = package.styles_part()
        if styles_part is None:
            raise Damaged("it has no style sheet")
        styles = Styles(package.read(styles_part))
        strings = _strings(package)
        changed: dict[str, bytes | Path] = {}
        sheets = {name.casefold(): part for name, part in package.sheets().items()}
        planned: list[_Planned] = []
        for name, rows in _by_sheet(postings).items():
            part = sheets.get(name.casefold())
            target = work / f"{len(planned)}.xml"
            if part is None:
                plan = _plan_new(package, name, rows, styles, changed, target)
            else:
                plan = _plan_more(package, name, part, rows, styles, strings, changed, target)
            places |= {(name, key): f"{name}!{row}" for key, row in plan.keys.items()}
            if plan.rows:
                planned.append(plan)
        if not planned:
            return places
        if styles.changed:
            changed[styles_part] = styles.bytes()
        recalculated(package.workbook)
        changed[package.workbook_part] = serialized(package.workbook)
        with made.open("wb") as sink:
            package.save(sink, changed)
            sink.flush()
            os.fsync(sink.fileno())
    _read_back(made, planned)
    return places


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _by_sheet(postings: Iterable[Posting]) -> dict[str, dict[str, dict[str, Value]]]:
    """Group rows by sheet and key, with the delivery they belong to; the first of a key counts."""
    grouped: dict[str, dict[str, dict[str, Value]]] = {}
    for posting in postings:
        for row in posting.rows:
            held = grouped.setdefault(row.sheet, {})
            held.setdefault(row.key, _values(row, posting.key))
    return grouped


def _values(row: Row, delivery: str) -> dict[str, Value]:
    return {**row.values, DELIVERY: delivery, KEY: row.key}


def _plan_new(
    package: Package,
    name: str,
    rows: Mapping[str, Mapping[str, Value]],
    styles: Styles,
    changed: dict[str, bytes | Path],
    target: Path,
) -> _Planned:
    """Write a new sheet: header, then the rows; our two own columns stand last."""
    if not 0 < len(name) <= 31 or any(sign in name for sign in r"[]:*?/\\"):
        raise Rejected(f"{name!r} cannot be the name of a sheet. Use up to 31 plain characters.")
    titles = [
        t for t in dict.fromkeys(t for v in rows.values() for t in v) if t not in {KEY, DELIVERY}
    ]
    columns = {title: at for at, title in enumerate([*titles, DELIVERY, KEY])}
    if 1 + len(rows) > LAST_ROW:
        raise Rejected(f"{len(rows)} rows are more than a sheet can hold.")
    placed, keys = _placed(package, rows, columns, styles, 2, {})
    header = [
        Put(at, Written(title, "t", Look.HEADER), styles.index(Look.HEADER))
        for title, at in columns.items()
    ]
    widths = {put.column: max(9.0, len(put.value.text) + 4.0) for put in header}
    for _, puts in placed[:200]:
        for put in puts:
            size = 12 if put.value.look in {Look.DATE, Look.AMOUNT} else len(put.value.text)
            widths[put.column] = max(widths[put.column], min(size, 58) + 2.0)
    part = with_sheet(package, name, changed)
    lines = (row_xml(number, puts) for number, puts in [(1, header), *placed])
    with target.open("wb") as sink:
        for piece in new_sheet(lines, widths, len(columns), 1 + len(placed)):
            sink.write(piece)
    changed[part] = target
    return _Planned(part=part, first=2, rows=placed, keys=keys)


def _plan_more(
    package: Package,
    name: str,
    part: str,
    rows: Mapping[str, Mapping[str, Value]],
    styles: Styles,
    strings: Sequence[str],
    changed: dict[str, bytes | Path],
    target: Path,
) -> _Planned:
    """Write the missing rows below those that a sheet has."""
    titles = list(dict.fromkeys(title for values in rows.values() for title in values))
    index = _index(package, part, strings, titles)
    if index.header is None and index.last_value:
        raise Rejected(
            f"The sheet {name} of the workbook has no column {KEY!r}, by which rows are known. "
            f"Give the column its title back, or rename the sheet so that a new one is made."
        )
    absent = [title for title in titles if title.casefold() not in index.columns]
    columns = {title: index.columns[title.casefold()] for title in titles if title not in absent}
    columns |= {title: index.width + at for at, title in enumerate(absent)}
    header_row = index.header or 1
    first = max(index.last_ours, header_row) + 1
    missing = {key: values for key, values in rows.items() if _as_read(key) not in index.keys}
    if first + len(missing) - 1 > LAST_ROW:
        raise Rejected(f"The sheet {name} is full. Rename it, and a new one is made.")
    placed, keys = _placed(package, missing, columns, styles, first, index.styles)
    keys = {**{key: index.keys[_as_read(key)] for key in rows if key not in missing}, **keys}
    if not placed:
        return _Planned(part=part, first=first, rows=[], keys=keys)
    width = max(index.width, *(at + 1 for at in columns.values()))
    if absent or index.last_row >= first:
        header = [
            Put(columns[t], Written(t, "t", Look.HEADER), styles.index(Look.HEADER)) for t in absent
        ]
        more = [(header_row, header)] if header else []
        changed[part] = merge_rows(package.read(part), [*more, *placed])
    else:
        last = placed[-1][0]
        with package.open(part) as source, target.open("wb") as sink:
            append_rows(source, sink, placed, width=width, last_row=last)
        changed[part] = target
    for table in package.tables_of(part):
        grown = extended_table(package.read(table), columns[KEY], first - 1, placed[-1][0])
        if grown is not None:
            changed[table] = grown
    return _Planned(part=part, first=first, rows=placed, keys=keys)


def _placed(
    package: Package,
    rows: Mapping[str, Mapping[str, Value]],
    columns: Mapping[str, int],
    styles: Styles,
    first: int,
    usual: Mapping[int, int],
) -> tuple[list[tuple[int, list[Put]]], dict[str, int]]:
    """Give every row its number and every value its cell; `usual` are the formats above."""
    from_1904 = package.counts_from_1904
    chosen: dict[tuple[int, Look], int] = {}
    placed = []
    keys = {}
    for number, (key, values) in enumerate(rows.items(), first):
        puts = []
        for title, value in values.items():
            cell = written(value, from_1904)
            if cell is None:
                continue
            at = columns[title]
            look = Look.OURS if title in {KEY, DELIVERY} else cell.look
            style = chosen.get((at, look))
            if style is None:
                above = usual.get(at, 0)
                style = above if styles.fits(above, look) else styles.index(look)
                chosen[at, look] = style
            puts.append(Put(at, cell, style))
        placed.append((number, puts))
        keys[key] = number
    return placed, keys


def _as_read(key: str) -> str:
    """Return a key as it reads back: a cell cannot hold every character."""
    cell = written(key)
    return "" if cell is None else cell.text


def _read_back(made: Path, planned: Iterable[_Planned]) -> None:
    """Open the new file and look at what was written; Damaged when anything differs.

    Every key must stand in its row, and the last rows are compared cell by
    cell: all of them after a usual night, a sample after a first large one.
    """
    with Package(made) as package:
        strings = _strings(package)
        for plan in planned:
            compared = plan.rows[-_COMPARED:]
            index = _index(package, plan.part, strings, (), cells_from=compared[0][0])
            for key, row in plan.keys.items():
                if index.keys.get(_as_read(key)) != row:
                    raise Damaged(f"the row {key!r} does not read back")
            for number, puts in compared:
                for put in puts:
                    found = index.cells.get((number, put.column))
                    if found != put.value.text:
                        raise Damaged(
                            f"row {number} reads back as {found!r} instead of {put.value.text!r}"
                        )
