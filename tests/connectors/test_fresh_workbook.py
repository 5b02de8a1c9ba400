"""Workbooks written in one stream, as openpyxl reads them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from connectors.workbooks import fresh
from connectors.workbooks.fresh import write_workbook
from records.postings import Value

LINES: list[dict[str, Value]] = [
    {"Name": "Müller & Söhne <GmbH>", "Day": date(2026, 3, 1), "Amount": Decimal("-12.50")},
    {"Name": "=SUM(A1)", "Day": None, "Amount": Decimal("12345678901234567.8901")},
    {"Name": " two\nlines ", "Day": date(1066, 10, 14), "Amount": None},
]


def read(path: Path, sheet: str) -> list[tuple[object, ...]]:
    rows = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [tuple(v.date() if isinstance(v, datetime) else v for v in row) for row in rows]


def test_every_value_reads_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "trial.xlsx"
    write_workbook(path, {"Bank": iter(LINES), "None": [], "Notes": [{"Text": "1"}]})
    assert openpyxl.load_workbook(path).sheetnames == ["Bank", "Notes"]
    assert read(path, "Bank") == [
        ("Name", "Day", "Amount"),
        ("Müller & Söhne <GmbH>", date(2026, 3, 1), -12.5),
        ("=SUM(A1)", None, "12345678901234567.8901"),
        (" two\nlines ", "1066-10-14", None),
    ]
    assert read(path, "Notes") == [("Text",), ("1",)]
    book = openpyxl.load_workbook(path)["Bank"]
    assert book["A3"].data_type == "s" and book["A3"].quotePrefix
    assert book.freeze_panes == "A2" and book["A1"].font.b
    assert (book["B2"].number_format, book["C2"].number_format) == ("yyyy-mm-dd", "#,##0.00")


def test_it_replaces_an_old_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "trial.xlsx"
    for name in ("before", "after"):
        write_workbook(path, {"Bank": [{"Name": name}]})
    assert read(path, "Bank") == [("Name",), ("after",)]
    assert [p.name for p in tmp_path.iterdir()] == ["trial.xlsx"]


def test_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "trial.xlsx"
    write_workbook(path, {"Bank": [{"Name": "before"}]})
    with pytest.raises(ValueError, match="longer"):
        write_workbook(path, {"Bank": [{"Name": "a"}, {"Name": "b", "More": "c"}]})
    assert read(path, "Bank") == [("Name",), ("before",)]
    assert [p.name for p in tmp_path.iterdir()] == ["trial.xlsx"]


def test_what_a_sheet_cannot_hold_goes_on_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "LAST_ROW", 3)
    path = tmp_path / "trial.xlsx"
    write_workbook(path, {"Bank": ({"Number": n} for n in range(5))})
    held = {name: read(path, name) for name in ("Bank", "Bank (2)", "Bank (3)")}
    assert held == {
        "Bank": [("Number",), (0,), (1,)],
        "Bank (2)": [("Number",), (2,), (3,)],
        "Bank (3)": [("Number",), (4,)],
    }
