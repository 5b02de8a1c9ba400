"""The workbook poster in a file that people and spreadsheet programs have been at."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl.styles import Font

from connectors.posters.workbook import Poster
from records.failures import Rejected, Unavailable
from records.postings import Posting, Row, Value
from tests.connectors.test_posters import posting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.xlsx"


def poster(path: Path) -> Poster:
    return Poster(Poster.Settings(path=path, wait_seconds=0.2))


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def test_a_new_sheet_is_pleasant_to_work_in(path: Path) -> None:
    poster(path).post([posting(1, Issued=date(2026, 3, 1), Lines=3)])
    sheet = openpyxl.load_workbook(path)["Invoices"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref.startswith("A1:")
    assert sheet["A1"].font.b and sheet["A1"].fill.fill_type == "solid"
    formats = {sheet.cell(1, c).value: sheet.cell(2, c).number_format for c in range(1, 7)}
    assert formats["Gross"] == "#,##0.00" and formats["Issued"] == "yyyy-mm-dd"
    assert sheet.column_dimensions["A"].width > 8


def test_people_may_move_insert_and_calculate(path: Path) -> None:
    poster(path).post([posting(1), posting(2)])
    book = openpyxl.load_workbook(path)
    sheet = book["Invoices"]
    sheet.insert_cols(1, 2)
    sheet["A1"], sheet["A2"], sheet["B1"] = "Remark", "ask Ben", "Check"
    for row in range(2, 8):
        sheet[f"B{row}"] = f"=D{row}*2"
    sheet["D2"].font = Font(color="FFFF0000", bold=True)
    sheet["D3"] = 120.5
    sheet.insert_rows(1, 2)
    sheet["A1"] = "Our ledger"
    book.save(path)

    poster(path).post([posting(2), posting(3, Owner="anna")])

    sheet = openpyxl.load_workbook(path)["Invoices"]
    titles = [cell.value for cell in sheet[3]]
    assert titles == ["Remark", "Check", "Number", "Gross", "Delivery", "Key", "Owner"]
    assert [cell.value for cell in sheet[6]][1:] == [
        "=D4*2",
        "R-3",
        119,
        "ledger:3:1",
        "invoice 3",
        "anna",
    ], "the prefilled formula stays where the new row is"
    assert sheet["A4"].value == "ask Ben" and sheet["D5"].value == 120.5
    assert sheet["B8"].value == "=D6*2" and sheet["A1"].value == "Our ledger"
    assert sheet["D6"].font.color.rgb == "FFFF0000", "new rows look like those above"


def test_a_total_below_the_data_stays_and_rows_go_below_it(path: Path) -> None:
    poster(path).post([posting(1)])
    book = openpyxl.load_workbook(path)
    book["Invoices"]["B3"] = "=SUM(B2:B2)"
    book.save(path)
    poster(path).post([posting(2)])
    sheet = openpyxl.load_workbook(path)["Invoices"]
    assert sheet["B3"].value == "=SUM(B2:B2)" and sheet["A4"].value == "R-2"


def _rich_workbook(path: Path, *, macros: bytes | None = None) -> None:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Invoices")
    rows = [["R-1", 119.0, "ledger:1:1", "invoice 1"]]
    columns = [{"header": h} for h in ("Number", "Gross", "Delivery", "Key")]
    sheet.add_table(0, 0, 1, 3, {"name": "Ledger", "data": rows, "columns": columns})
    sheet.insert_textbox("H8", "Approve below 500 only")
    sheet.add_sparkline("H3", {"range": "Invoices!B2:B9"})
    sheet.conditional_format("B2:B99", {"type": "data_bar", "bar_solid": True})
    sheet.write_comment("A1", "checked by Ann")
    sheet.write_formula("H2", "=SUM(Ledger[Gross])", None, 119)
    sheet.write_rich_string("H4", "nor", book.add_format({"bold": True}), "BOLD", "mal")
    sheet.data_validation("E2:E99", {"validate": "list", "source": ["open", "paid"]})
    summary = book.add_worksheet("Summary")
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Invoices!$B$2:$B$9"})
    summary.insert_chart("B2", chart)
    if macros is not None:
        vba = path.parent / "vba.bin"
        vba.write_bytes(macros)
        book.add_vba_project(str(vba))
    book.close()


@pytest.mark.parametrize("name", ["ledger.xlsx", "ledger.xlsm"])
def test_nothing_a_spreadsheet_program_made_is_lost(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    _rich_workbook(path, macros=bytes(512) if name.endswith("m") else None)
    before = parts(path)
    poster(path).post([posting(2)])
    after = parts(path)

    changed = {part for part in before if before[part] != after[part]}
    # The sheet's rows, its table's range, the new sheet's registration and the cell formats.
    assert changed == {
        "xl/worksheets/sheet1.xml",
        "xl/tables/table1.xml",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "[Content_Types].xml",
        "xl/styles.xml",
    }
    assert set(after) - set(before) == {"xl/worksheets/sheet3.xml"}
    rows, old = after["xl/worksheets/sheet1.xml"], before["xl/worksheets/sheet1.xml"]
    assert rows.partition(b"</sheetData>")[2] == old.partition(b"</sheetData>")[2]
    assert b'ref="A1:D3"' in after["xl/tables/table1.xml"], "the table grows with its rows"
    assert b'fullCalcOnLoad="1"' in after["xl/workbook.xml"]
    assert poster(path).find("ledger:1:1") == "Invoices!2"


def test_keys_are_known_again_after_another_program_saved(path: Path) -> None:
    poster(path).post([posting(n) for n in range(5)])
    rows = list(openpyxl.load_workbook(path)["Invoices"].iter_rows(values_only=True))
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Invoices")
    for at, row in enumerate(rows):
        sheet.write_row(at, 0, row)
    book.close()
    assert "xl/sharedStrings.xml" in parts(path)
    poster(path).post([posting(n) for n in range(6)])
    sheet = openpyxl.load_workbook(path)["Invoices"]
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == [f"R-{n}" for n in range(6)]


def test_text_that_looks_like_the_file_s_own_marks(path: Path) -> None:
    text = '</sheetData><row r="3"> _x0041_ &lt; ]]> <dimension ref="A1"/>'
    for number in (1, 2, 3):
        poster(path).post([posting(number, Number=text)])
    assert poster(path).find("ledger:3:1") == "Invoices!4"
    cells = [row[0].value for row in openpyxl.load_workbook(path)["Invoices"].iter_rows(min_row=2)]
    # openpyxl shows the escape of the escape; spreadsheet programs resolve it.
    assert cells == [text.replace("_x0041_", "_x005F_x0041_")] * 3


def test_repeated_postings_do_not_pile_up_formats(path: Path) -> None:
    poster(path).post([posting(1, Issued=date(2026, 1, 1), Text="=x")])
    first = parts(path)["xl/styles.xml"]
    for number in (2, 3, 4):
        poster(path).post([posting(number, Issued=date(2026, 1, number), Text="=x")])
    assert parts(path)["xl/styles.xml"] == first


def test_dates_of_an_old_macintosh_workbook(path: Path) -> None:
    book = xlsxwriter.Workbook(str(path), {"date_1904": True})
    book.add_worksheet("Notes")
    book.close()
    poster(path).post([posting(1, Issued=date(2026, 3, 1))])
    rows = list(openpyxl.load_workbook(path)["Invoices"].iter_rows(values_only=True))
    assert datetime(2026, 3, 1) in rows[1]  # noqa: DTZ001 - spreadsheets know no time zones


@pytest.mark.parametrize("lock", ["~$ledger.xlsx", ".~lock.ledger.xlsx#"])
def test_an_open_workbook_is_waited_for(path: Path, lock: str) -> None:
    poster(path).post([posting(1)])
    before = path.read_bytes()
    (path.parent / lock).write_bytes(b"anna")
    with pytest.raises(Unavailable, match="is open in a spreadsheet program"):
        poster(path).post([posting(2)])
    assert path.read_bytes() == before
    (path.parent / lock).unlink()
    assert poster(path).post([posting(2)]) == ["Invoices!3"]


def _damaged(path: Path, what: str) -> None:
    raw = path.read_bytes()
    if what == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    elif what == "no zip":
        path.write_bytes(b"this is not a workbook")
    elif what == "encrypted":
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096))
    elif what == "empty":
        path.write_bytes(b"")
    else:
        held = parts(path)
        sheet = "xl/worksheets/sheet1.xml"
        if what == "doctype":
            bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet'
            held[sheet] = held[sheet].replace(b"<worksheet", bomb, 1)
        elif what == "late doctype":
            bomb = b"<!--" + b" " * 100_000 + b'--><!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet'
            held[sheet] = held[sheet].replace(b"<worksheet", bomb, 1)
        elif what == "wide doctype":
            _, _, body = held[sheet].decode().partition("?>")
            bomb_text = f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x []>{body}'
            held[sheet] = bomb_text.encode("utf-16")
        elif what == "endless prolog":
            bomb = b"<!--" + b" " * 2_000_000 + b"--><worksheet"
            held[sheet] = held[sheet].replace(b"<worksheet", bomb, 1)
        elif what == "signed":
            held["_xmlsignatures/sig1.xml"] = b"<Signature/>"
        elif what == "cut sheet":
            held[sheet] = held[sheet][: len(held[sheet]) // 2]
        with zipfile.ZipFile(path, "w") as package:
            for name, content in held.items():
                package.writestr(name, content)


@pytest.mark.parametrize(
    "what",
    [
        *("cut", "no zip", "encrypted", "empty", "signed", "cut sheet"),
        *("doctype", "late doctype", "wide doctype", "endless prolog"),
    ],
)
def test_a_workbook_we_cannot_trust_stays_as_it_is(path: Path, what: str) -> None:
    poster(path).post([posting(1)])
    _damaged(path, what)
    before = path.read_bytes()
    with pytest.raises(Rejected, match=r"ledger\.xlsx"):
        poster(path).post([posting(2)])
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")] == [path.name]


def test_a_sheet_without_its_key_column_is_refused(path: Path) -> None:
    poster(path).post([posting(1)])
    book = openpyxl.load_workbook(path)
    for cell in book["Invoices"][1]:
        if cell.value == "Key":
            cell.value = "Schlüssel"
    book.save(path)
    with pytest.raises(Rejected, match="no column 'Key'"):
        poster(path).post([posting(2)])


class Meddling(Mapping[str, Value]):
    """Values that are looked at in the middle of a save, when somebody else saves, too."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        self._meddle = meddle

    def __getitem__(self, title: str) -> Value:
        return {"Number": "R-2"}[title]

    def __iter__(self) -> Iterator[str]:
        self._meddle()
        return iter(["Number"])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("in_place", [True, False])
def test_a_change_during_the_save_is_never_overwritten(path: Path, in_place: bool) -> None:
    poster(path).post([posting(1)])

    def somebody_saves() -> None:
        book = openpyxl.load_workbook(path)
        book["Invoices"]["A2"] = "corrected by Anna"
        target = path if in_place else path.with_suffix(".new")
        book.save(target)
        target.rename(path)

    row = Row(sheet="Invoices", key="invoice 2", values=Meddling(somebody_saves))
    late = Posting(key="ledger:2:1", target="ledger", kind="invoice", subject="2", rows=(row,))
    with pytest.raises(Unavailable, match="changed by somebody meanwhile"):
        poster(path).post([late])
    assert openpyxl.load_workbook(path)["Invoices"]["A2"].value == "corrected by Anna"


def test_a_link_to_the_workbook_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "share" / "ledger.xlsx"
    real.parent.mkdir()
    poster(real).post([posting(1)])
    real.chmod(0o664)
    link = tmp_path / "ledger.xlsx"
    link.symlink_to(real)
    poster(link).post([posting(2)])
    assert link.is_symlink() and openpyxl.load_workbook(real)["Invoices"]["A3"].value == "R-2"
    assert real.stat().st_mode & 0o777 == 0o664, "permissions stay as people set them"


def test_a_bad_sheet_name_is_refused(path: Path) -> None:
    row = Row(sheet="a/b", key="1", values={"x": Decimal(1)})
    with pytest.raises(Rejected, match="name of a sheet"):
        poster(path).post([Posting(key="k", target="t", kind="i", subject="s", rows=(row,))])
    assert not path.exists()


@pytest.mark.slow
def test_a_large_ledger_is_written_and_appended_to(path: Path) -> None:
    def row(number: int) -> Posting:
        values = {f"Column {at}": f"text {number}" for at in range(10)}
        amounts = {f"Amount {at}": Decimal(number) / 100 for at in range(3)}
        made = Row(sheet="Bank", key=f"line {number}", values={**values, **amounts})
        return Posting(key=f"b:{number}", target="t", kind="bank", subject="s", rows=(made,))

    poster(path).post(row(n) for n in range(12_000))
    assert poster(path).post([row(12_001), row(7)]) == ["Bank!12002", "Bank!9"]
    book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True)
    assert sum(1 for _ in book["Bank"].iter_rows()) == 12_002
    book.close()
