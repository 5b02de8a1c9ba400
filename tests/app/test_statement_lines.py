"""`nightclerk statements`: one JSON line per statement, pages stitched, rejects named."""

from __future__ import annotations

import json
from pathlib import Path

from app.statements import statement_lines, statement_records

PAGES = (
    ":20:A\n:25:123\n:28C:5/1\n:60F:C260301EUR100,00\n:61:260302C5,00NTRFNONREF//R1\n"
    ":62M:C260302EUR105,00\n-\n"
    ":20:B\n:25:123\n:28C:5/2\n:60M:C260302EUR105,00\n:61:260303D15,00NTRFNONREF//R2\n"
    ":86:Miete\n:62F:C260303EUR90,00\n-\n"
)


def lines(*paths: Path) -> list[dict[str, object]]:
    # Through JSON and back: every line must be what a file can hold.
    return [json.loads(json.dumps(line)) for line in statement_lines(paths)]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_pages_are_one_statement(tmp_path: Path) -> None:
    path = write(tmp_path / "pages.sta", PAGES)
    (line,) = lines(path)
    assert line["path"] == str(path)
    assert (line["account"], line["currency"], line["number"]) == ("123", "EUR", "5/1")
    assert (line["opening"], line["closing"], line["sum"]) == ("100.00", "90.00", "-10.00")
    assert (line["balanced"], line["n_entries"], line["findings"]) == (True, 2, [])
    entries = line["entries"]
    assert isinstance(entries, list)
    assert [e["amount"] for e in entries] == ["5.00", "-15.00"]
    assert entries[1]["remittance"] == "Miete"
    assert entries[1]["bank_reference"] == "R2"


def test_pages_that_do_not_follow_stay_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "gap.sta", PAGES.replace(":60M:C260302EUR105", ":60M:C260302EUR106"))
    assert [line["n_entries"] for line in lines(path)] == [1, 1]


def test_a_page_without_its_rest_is_no_whole_statement(tmp_path: Path) -> None:
    path = write(tmp_path / "half.sta", PAGES[: PAGES.index(":20:B")])
    (record,) = statement_records(path)
    assert record.statement is not None
    assert record.statement.intermediate_closing
    assert "page_missing" in {f.code for f in record.findings}


def test_directories_are_walked_and_rejects_are_lines(tmp_path: Path) -> None:
    write(tmp_path / "a" / "one.sta", PAGES)
    write(tmp_path / "b.xml", "<!DOCTYPE x><Document><BkToCstmrStmt/></Document>")
    write(tmp_path / "c.txt", "")
    found = lines(tmp_path, tmp_path / "missing.sta")
    assert [line["account"] for line in found] == ["123", None, None, None]
    for line in found[1:]:
        assert line["sum"] is None
        assert line["n_entries"] == 0
        assert line["findings"]


def test_findings_about_the_file_stay_with_it(tmp_path: Path) -> None:
    text = (
        "01,A,B,260301,0200,1,,,2/\n02,B,A,1,260301,2359,EUR,2/\n03,0123,,010,10,,,015,10,,/\n"
        "49,20,2/\n98,20,1,4/\n99,21,1,6/\n"
    )
    (line,) = lines(write(tmp_path / "x.bai", text))
    assert line["account"] == "0123"
    assert [f["code"] for f in line["findings"]] == ["control_total_wrong"]  # type: ignore[attr-defined]


def test_unknown_currencies_are_null(tmp_path: Path) -> None:
    (line,) = lines(write(tmp_path / "x.qif", "!Type:Bank\nD2026-03-04\nT-5.00\n^\n"))
    assert line["currency"] is None
    assert line["entries"][0]["currency"] is None  # type: ignore[index]
