"""Writing: postings become rows of a workbook's sheets, below those that are there."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import IO

from connectors.workbooks.package import Damaged, Package, recalculated, serialized, with_sheet
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
    rows_from,
    shared_strings,
)
from connectors.workbooks.styles import Styles
from connectors.workbooks.values import Look, Written, written
from records.failures import Rejected
from records.postings import Posting, Row, Value

#: Titles of our two own columns: what makes a row, and a delivery, happen once.
KEY = "Key"
DELIVERY = "Delivery"
#: How many new rows are compared cell by cell when they are read back.
_COMPARED = 2000
_OURS = frozenset({KEY, DELIVERY})


def changed_workbook(
    made: Path,
    source: Path | IO[bytes],
    postings: Sequence[Posting],
    work: Path,
    known: Mapping[str, Index],
) -> Changed:
    """Write the changed workbook to `made`, unless nothing is missing.

    `work` is a folder for what is on its way; `known` are sheets that were
    indexed before and have not changed. Damaged when the workbook cannot be
    changed safely, or when the new one does not read back.
    """
    indexed = {name.casefold(): index for name, index in known.items()}
    indexes: dict[str, Index | None] = {}
    places: dict[tuple[str, str], str] = {}
    with Package(source) as package:
        styles_part = package.styles_part()
        if styles_part is None:
            raise Damaged("it has no style sheet")
        styles = Styles(package.read(styles_part))
        changed: dict[str, bytes | Path] = {}
        sheets = {name.casefold(): part for name, part in package.sheets().items()}
        planned: list[_Planned] = []
        for name, rows in _by_sheet(postings).items():
            part = sheets.get(name.casefold())
            target = work / f"{len(planned)}.xml"
            if part is None:
                plan = _plan_new(package, name, rows, styles, changed, target)
            else:
                held = indexed.get(name.casefold())
                titles = {title.casefold() for values in rows.values() for title in values}
                if held is None or not titles <= held.ours:
                    held = _index(package, part, _strings(package), titles)
                plan = _plan_more(package, name, part, rows, styles, held, changed, target)
            indexes[name] = plan.index
            places |= {(name, key): f"{name}!{row}" for key, row in plan.keys.items()}
            if plan.compared:
                planned.append(plan)
        if not planned:
            return Changed(places=places, indexes=indexes)
        if styles.changed:
            changed[styles_part] = styles.bytes()
        recalculated(package.workbook)
        changed[package.workbook_part] = serialized(package.workbook)
        with made.open("wb") as sink:
            package.save(sink, changed)
            sink.flush()
            os.fsync(sink.fileno())
    _read_back(made, planned)
    return Changed(places=places, indexes=indexes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Where every row stands now, and what is known of the sheets that were looked at."""

    places: Mapping[tuple[str, str], str]
    indexes: Mapping[str, Index | None]


def key_indexes(package: Package) -> dict[str, Index]:
    """Index every sheet that has our key column."""
    strings = _strings(package)
    found = {}
    for name, part in package.sheets().items():
        index = _index(package, part, strings, ())
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
    """What one sheet got: the row of every key, and the last rows as they must read back.

    `index` is the sheet's index afterwards, None when it must be read anew.
    `is_tail` says that the compared rows are all that is new, in one piece.
    """

    part: str
    keys: Mapping[str, int]
    compared: Sequence[tuple[int, list[Put]]] = ()
    index: Index | None = None
    is_tail: bool = False


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
    titles = [t for t in dict.fromkeys(t for v in rows.values() for t in v) if t not in _OURS]
    columns = {title: at for at, title in enumerate([*titles, DELIVERY, KEY])}
    if 1 + len(rows) > LAST_ROW:
        raise Rejected(f"{len(rows)} rows are more than a sheet can hold.")
    header = [
        Put(at, Written(title, "t", Look.HEADER), styles.index(Look.HEADER))
        for title, at in columns.items()
    ]
    tail: deque[tuple[int, list[Put]]] = deque(maxlen=_COMPARED)
    placed = _placed(package, rows, columns, styles, 2, {}, tail)
    first = list(islice(placed, 200))
    widths = {put.column: max(9.0, len(put.value.text) + 4.0) for put in header}
    for put in chain.from_iterable(puts for _, puts in first):
        size = 12 if put.value.look in {Look.DATE, Look.AMOUNT} else len(put.value.text)
        widths[put.column] = max(widths[put.column], min(size, 58) + 2.0)
    part = with_sheet(package, name, changed)
    lines = (row_xml(number, puts) for number, puts in chain([(1, header)], first, placed))
    with target.open("wb") as sink:
        for piece in new_sheet(lines, widths, len(columns), 1 + len(rows)):
            sink.write(piece)
    changed[part] = target
    keys = dict(zip(rows, range(2, 2 + len(rows)), strict=True))
    known = {title.casefold(): at for title, at in columns.items()}
    index = Index(header=1, columns=known, width=len(columns), ours=frozenset(known))
    return _Planned(part=part, keys=keys, compared=tail, index=_grown(index, rows, keys))


def _plan_more(
    package: Package,
    name: str,
    part: str,
    rows: Mapping[str, Mapping[str, Value]],
    styles: Styles,
    index: Index,
    changed: dict[str, bytes | Path],
    target: Path,
) -> _Planned:
    """Write the missing rows below those that a sheet has."""
    titles = list(dict.fromkeys(title for values in rows.values() for title in values))
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
    missing = {key: values for key, values in rows.items() if as_read(key) not in index.keys}
    if first + len(missing) - 1 > LAST_ROW:
        raise Rejected(f"The sheet {name} is full. Rename it, and a new one is made.")
    keys = {key: index.keys[as_read(key)] for key in rows if key not in missing}
    if not missing:
        return _Planned(part=part, keys=keys, index=index)
    new_keys = dict(zip(missing, range(first, first + len(missing)), strict=True))
    keys |= new_keys
    last = first + len(missing) - 1
    tail: deque[tuple[int, list[Put]]] = deque(maxlen=_COMPARED)
    placed = _placed(package, missing, columns, styles, first, index.styles, tail)
    is_merged = bool(absent) or index.last_row >= first
    if is_merged:
        header = [
            Put(columns[t], Written(t, "t", Look.HEADER), styles.index(Look.HEADER)) for t in absent
        ]
        changed[part] = merge_rows(
            package.read(part), chain([(header_row, header)] if header else [], placed)
        )
    else:
        width = max(index.width, *(at + 1 for at in columns.values()))
        with package.open(part) as source, target.open("wb") as sink:
            append_rows(source, sink, placed, width=width, last_row=last)
        changed[part] = target
    for table in package.tables_of(part):
        grown = extended_table(package.read(table), columns[KEY], first - 1, last)
        if grown is not None:
            changed[table] = grown
    return _Planned(
        part=part,
        keys=keys,
        compared=tail,
        index=None if is_merged else _grown(index, missing, new_keys),
        is_tail=not is_merged and len(missing) <= _COMPARED,
    )


def _grown(index: Index, rows: Mapping[str, Mapping[str, Value]], keys: Mapping[str, int]) -> Index:
    """Return a sheet's index after these rows were appended."""
    deliveries = dict(index.deliveries)
    for key, row in keys.items():
        deliveries.setdefault(as_read(str(rows[key][DELIVERY])), row)
    last = max(keys.values(), default=1)
    return replace(
        index,
        keys={**index.keys, **{as_read(key): row for key, row in keys.items()}},
        deliveries=deliveries,
        last_value=last,
        last_ours=last,
        last_row=last,
    )


def _placed(
    package: Package,
    rows: Mapping[str, Mapping[str, Value]],
    columns: Mapping[str, int],
    styles: Styles,
    first: int,
    usual: Mapping[int, int],
    tail: deque[tuple[int, list[Put]]],
) -> Iterator[tuple[int, list[Put]]]:
    """Yield every row with its number and cells; the last ones also go into `tail`.

    `usual` are the formats of the rows above, by column.
    """
    from_1904 = package.counts_from_1904
    chosen: dict[tuple[int, Look], int] = {}
    for number, values in enumerate(rows.values(), first):
        puts = []
        for title, value in values.items():
            cell = written(value, from_1904)
            if cell is None:
                continue
            at = columns[title]
            look = Look.OURS if title in _OURS else cell.look
            style = chosen.get((at, look))
            if style is None:
                above = usual.get(at, 0)
                style = above if styles.fits(above, look) else styles.index(look)
                chosen[at, look] = style
            puts.append(Put(at, cell, style))
        tail.append((number, puts))
        yield number, puts


def as_read(key: str) -> str:
    """Return a key as it reads back: a cell cannot hold every character."""
    cell = written(key)
    return "" if cell is None else cell.text


def _read_back(made: Path, planned: Iterable[_Planned]) -> None:
    """Open the new file and look at what was written; Damaged when anything differs.

    Every key must stand in its row, and the last rows are compared cell by
    cell: all of them after a usual night, a sample after a first large one.
    """
    with Package(made) as package:
        strings: list[str] | None = None
        for plan in planned:
            if plan.is_tail:
                with package.open(plan.part) as stream:
                    _compare(plan, dict(rows_from(stream, plan.compared[0][0])))
                continue
            strings = _strings(package) if strings is None else strings
            index = _index(package, plan.part, strings, (), cells_from=plan.compared[0][0])
            for key, row in plan.keys.items():
                if index.keys.get(as_read(key)) != row:
                    raise Damaged(f"the row {key!r} does not read back")
            found: dict[int, dict[int, str]] = {}
            for (number, column), text in index.cells.items():
                found.setdefault(number, {})[column] = text
            _compare(plan, found)


def _compare(plan: _Planned, found: Mapping[int, Mapping[int, str]]) -> None:
    for number, puts in plan.compared:
        for put in puts:
            text = found.get(number, {}).get(put.column)
            if text != put.value.text:
                raise Damaged(f"row {number} reads back as {text!r} instead of {put.value.text!r}")
