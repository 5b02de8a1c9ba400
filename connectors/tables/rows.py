"""Rows: a table's header mapped to our columns, and every row made a record or a Finding."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.tables.cells import BadCell, Cell, Cells, Style
from connectors.tables.grids import BadTable
from records.findings import Finding, finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """A row of a second table, on its way to the record it belongs to."""

    owner: str
    part: object


#: Makes records of one type, and Findings, of a row.
Builder = Callable[[Cells], Iterable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What is known of one kind of table: its columns, and each record that a row becomes."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    builds: Mapping[type, Builder]


def read_rows(
    table: Table,
    grid: Iterable[Sequence[Cell]],
    *,
    name: str,
    columns: Mapping[str, str],
    style: Style,
    without: Collection[type] = (),
) -> Iterator[object]:
    """Yield what each row becomes; a row that cannot is a Finding with its number.

    `columns` maps our column names to those of the file, where they differ.
    Header names are compared without case and surrounding blanks. Row 1 is the
    header. Bad data never raises. Records of the types `without` are not made.
    """
    rows = iter(grid)
    builds = [build for record, build in table.builds.items() if record not in without]
    try:
        header = next((row for row in rows if any(_filled(c) for c in row)), None)
        cells, width = _mapped(table, header, columns, style)
        for number, row in enumerate(rows, 2):
            if len(row) < width or len(row) > width:
                if not any(_filled(c) for c in row):
                    continue
                if any(_filled(c) for c in row[width:]) or len(row) < width - 1:
                    yield _bad_row(name, number, f"it has {len(row)} cells, the header {width}")
                    continue
            cells.row = row if len(row) >= width else [*row, *[None] * (width - len(row))]
            try:
                for build in builds:
                    for item in build(cells):
                        if isinstance(item, Finding):
                            yield replace(item, where=f"{name}, row {number}")
                        else:
                            yield item
            except BadCell as problem:
                if any(_filled(c) for c in row):
                    yield _bad_row(name, number, str(problem))
    except BadTable as problem:
        yield finding("bad_table", where=name, message=f"The table could not be read: {problem}")


def _filled(cell: Cell) -> bool:
    return cell is not None and cell != "" and not (isinstance(cell, str) and cell.isspace())


def _bad_row(name: str, number: int, problem: str) -> Finding:
    return finding(
        "bad_row", where=f"{name}, row {number}", message=f"The row could not be read: {problem}"
    )


def _mapped(
    table: Table, header: Sequence[Cell] | None, columns: Mapping[str, str], style: Style
) -> tuple[Cells, int]:
    if header is None:
        raise BadTable("it is empty, not even a header row")
    titles = [str(cell).strip().casefold() if cell is not None else "" for cell in header]
    while titles and not titles[-1]:
        titles.pop()
    places: dict[str, int] = {}
    absent = []
    for column in (*table.needed, *table.optional):
        title = columns.get(column, column)
        wanted = title.strip().casefold()
        if titles.count(wanted) > 1:
            raise BadTable(f"the column {title!r} stands twice in the header")
        if wanted in titles:
            places[column] = titles.index(wanted)
        elif column in table.needed or column in columns:
            absent.append(title)
    if absent:
        found = ", ".join(title for title in titles if title) or "nothing"
        raise BadTable(f"no column {', '.join(map(repr, absent))}; the header has {found}")
    return Cells(places, style), len(titles)
