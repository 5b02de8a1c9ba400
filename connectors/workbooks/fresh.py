"""Fresh workbooks: many rows written once, as a stream, to be looked at.

Nothing is kept but the row at hand. What people work in, and what rows are
added to later, is written by `writing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.workbooks.package import Package, blank, serialized, with_sheet
from connectors.workbooks.sheets import LAST_ROW, cell_xml, column_name, new_sheet
from connectors.workbooks.styles import Styles
from connectors.workbooks.values import Look, written
from records.postings import Value

#: How many rows decide how wide the columns are.
_LOOKED_AT = 200
_NARROWEST, _WIDEST, _NUMBER_WIDTH = 9, 58, 12

#: The values of one row by column title; every row of a sheet has the same titles.
Line = Mapping[str, Value]


def write_workbook(path: Path, sheets: Mapping[str, Iterable[Line]]) -> None:
    """Write a workbook of these sheets; an existing file is replaced once all is written.

    A sheet without rows is left out. What a sheet cannot hold goes on in another
    one, `Bank (2)`. OSError when the disk refuses.
    """
    with (
        TemporaryDirectory(dir=path.parent, prefix=".making-") as folder,
        Package(blank()) as package,
    ):
        style_part = package.styles_part()
        assert style_part is not None  # the blank workbook has one
        styles = Styles(package.read(style_part))
        formats = {look: styles.index(look) for look in Look}
        changed: dict[str, bytes | Path] = {style_part: styles.bytes()}
        for name, rows in sheets.items():
            for title, held in _parts(name, rows):
                part = with_sheet(package, title, changed)
                target = Path(folder) / f"{len(changed)}.xml"
                with target.open("wb") as sink:
                    sink.writelines(_sheet(held, formats))
                changed[part] = target
        changed[package.workbook_part] = serialized(package.workbook)
        made = Path(folder) / path.name
        with made.open("wb") as out:
            package.save(out, changed)
        made.replace(path)


def _parts(name: str, rows: Iterable[Line]) -> Iterator[tuple[str, Iterator[Line]]]:
    """Yield the sheets that the rows take, one after the other; each is used up before the next."""
    left = iter(rows)
    number = 1
    while (first := next(left, None)) is not None:
        held = chain([first], islice(left, LAST_ROW - 2))
        yield (name if number == 1 else f"{name} ({number})"), held
        number += 1


def _sheet(rows: Iterator[Line], formats: Mapping[Look, int]) -> Iterable[bytes]:
    first = list(islice(rows, _LOOKED_AT))
    titles = dict(zip(first[0], first[0], strict=True))
    columns = [column_name(at) for at in range(len(titles))]
    widths = {at: _width(title, first) for at, title in enumerate(titles)}
    body = (
        _row(number, columns, line.values(), formats)
        for number, line in enumerate(chain(first, rows), 2)
    )
    header = _row(1, columns, titles.values(), {**formats, Look.TEXT: formats[Look.HEADER]})
    return new_sheet(chain([header], body), widths, len(titles))


def _row(
    number: int, columns: Iterable[str], values: Iterable[Value], formats: Mapping[Look, int]
) -> str:
    cells = [
        cell_xml(column, number, cell, formats[cell.look])
        for column, value in zip(columns, values, strict=True)
        if (cell := written(value)) is not None
    ]
    return f'<row r="{number}">{"".join(cells)}</row>'


def _width(title: str, lines: Iterable[Line]) -> float:
    widest = max(_NARROWEST, len(title) + 2)
    for line in lines:
        value = line[title]
        size = min(len(value), _WIDEST) if isinstance(value, str) else _NUMBER_WIDTH
        widest = max(widest, size)
    return widest + 2.0
