"""What every poster promises: each row once, exact, and never a formula."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.posters import csv as csv_poster
from connectors.posters import workbook
from connectors.workbooks.values import written
from records.failures import Rejected, Unavailable
from records.postings import Posting, Row, Value
from records.protocols import Poster

ROOT = Path(__file__).resolve().parents[2]


def posting(number: int, **values: Value) -> Posting:
    """Return a posting with one row in each of two sheets."""
    usual: dict[str, Value] = {"Number": f"R-{number}", "Gross": Decimal("119.00")}
    invoice = Row(sheet="Invoices", key=f"invoice {number}", values={**usual, **values})
    line = Row(sheet="Lines", key=f"invoice {number}/1", values={"Net": Decimal("100.00")})
    return Posting(
        key=f"ledger:{number}:1",
        target="ledger",
        kind="invoice",
        subject=str(number),
        rows=(invoice, line),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A poster and a way to see what it wrote, as text."""

    make: Callable[[], Poster]
    read: Callable[[str], list[dict[str, str]]]


def _read_workbook(path: Path, sheet: str) -> list[dict[str, str]]:
    rows = list(openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True))
    return [
        {str(t): "" if v is None else str(v) for t, v in zip(rows[0], row, strict=True)}
        for row in rows[1:]
    ]


def _read_csv(path: Path, sheet: str) -> list[dict[str, str]]:
    with (path / f"{sheet}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(params=["workbook", "csv"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "csv":
        folder = csv_poster.Poster.Settings(path=tmp_path / "out")
        return Target(
            lambda: csv_poster.Poster(folder), lambda sheet: _read_csv(tmp_path / "out", sheet)
        )
    book = workbook.Poster.Settings(path=tmp_path / "out" / "ledger.xlsx")
    return Target(lambda: workbook.Poster(book), lambda sheet: _read_workbook(book.path, sheet))


def test_each_posting_is_written_once_and_found(target: Target) -> None:
    poster = target.make()
    assert poster.find("ledger:1:1") is None
    references = poster.post([posting(1), posting(2)])
    assert len(set(references)) == 2
    assert target.make().find("ledger:1:1") == references[0]
    assert target.make().post([posting(2), posting(3)])[0] == references[1]
    assert [row["Number"] for row in target.read("Invoices")] == ["R-1", "R-2", "R-3"]
    assert [row["Key"] for row in target.read("Lines")] == [f"invoice {n}/1" for n in (1, 2, 3)]
    assert target.make().find("ledger:4:1") is None
    assert "3" in target.make().check()


def test_posting_nothing_writes_nothing(target: Target) -> None:
    assert target.make().post([]) == []
    assert target.make().find("ledger:1:1") is None


def test_a_posting_without_rows_is_refused(target: Target) -> None:
    empty = Posting(key="k", target="ledger", kind="invoice", subject="1")
    with pytest.raises(Rejected, match="carries no rows"):
        target.make().post([posting(1), empty])
    assert target.make().find("ledger:1:1") is None, "all or nothing"


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1", "-5 %", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_never_becomes_a_formula(target: Target, text: str) -> None:
    target.make().post([posting(1, Number=text)])
    (row,) = target.read("Invoices")
    assert row["Number"].lstrip("'").strip() == text.strip()
    assert not row["Number"].startswith("=") or _is_text(target)


def _is_text(target: Target) -> bool:
    """Say whether the workbook marks the cell as text, so that the sign is only a sign."""
    poster = target.make()
    assert isinstance(poster, workbook.Poster)
    cell = openpyxl.load_workbook(poster._settings.path)["Invoices"]["A2"]
    return cell.data_type == "s" and cell.quotePrefix is True


@pytest.mark.parametrize("key", ["=1+1", "a\x00b", " padded ", "ключ ✓", "x" * 40_000])
def test_odd_keys_are_still_keys(target: Target, key: str) -> None:
    rows = (Row(sheet="Invoices", key=key, values={"Number": "1"}),)
    odd = Posting(key=f"ledger {key}", target="ledger", kind="invoice", subject="1", rows=rows)
    for _ in range(2):
        target.make().post([odd])
    assert len(target.read("Invoices")) == 1
    if len(key) < 30_000:
        assert target.make().find(odd.key) is not None


def test_values_arrive_exactly(target: Target) -> None:
    values: dict[str, Value] = {
        "Issued": date(2026, 2, 28),
        "Price": Decimal("0.00012345"),
        "Huge": Decimal("12345678901234567.8901"),
        "Count": 42,
        "Checked": True,
        "Iban": "0012300456",
        "Text": 'Müller & "Söhne" <GmbH>\nsecond line',
        "Nothing": None,
    }
    target.make().post([posting(1, **values)])
    (row,) = target.read("Invoices")
    assert row["Issued"].startswith("2026-02-28")
    assert Decimal(row["Price"]) == Decimal("0.00012345")
    assert row["Huge"] == "12345678901234567.8901"
    assert (row["Count"], row["Iban"], row["Nothing"]) == ("42", "0012300456", "")
    assert row["Text"] == values["Text"]


def test_new_columns_are_added_and_old_rows_stay(target: Target) -> None:
    target.make().post([posting(1)])
    target.make().post([posting(2, Owner="anna")])
    rows = target.read("Invoices")
    assert [row["Owner"] for row in rows] == ["", "anna"]
    assert [row["Number"] for row in rows] == ["R-1", "R-2"]


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3
    )
)
def test_every_amount_reads_back_exactly(amount: Decimal) -> None:
    cell = written(amount)
    assert cell is not None and Decimal(cell.text) == amount
    if cell.type == "n":
        assert Decimal(repr(float(cell.text))) == amount, "a spreadsheet keeps it in a float"


_WORKER = """
import sys
from pathlib import Path
from tests.connectors.test_posters import posting, csv_poster, workbook
family, path, start, count = sys.argv[1:]
kind = csv_poster.Poster if family == "csv" else workbook.Poster
poster = kind(kind.Settings(path=Path(path)))
print("ready", flush=True)
for number in range(int(start), int(start) + int(count)):
    poster.post([posting(number)])
    print(number, flush=True)
"""


def _worker(family: str, path: Path, start: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WORKER, family, str(path), str(start), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _path(target: Target) -> tuple[str, Path]:
    poster = target.make()
    assert isinstance(poster, workbook.Poster | csv_poster.Poster)
    return ("csv" if isinstance(poster, csv_poster.Poster) else "workbook"), poster._settings.path


@pytest.mark.slow
def test_killed_while_writing_nothing_is_lost_or_doubled(target: Target) -> None:
    family, path = _path(target)
    choice = random.Random(7)
    confirmed = 0
    for _ in range(12):
        worker = _worker(family, path, 0, 1000)
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        deadline = time.monotonic() + choice.uniform(0.02, 0.4)
        while time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(worker.pid, signal.SIGKILL)
        said = worker.communicate()[0].split()
        confirmed = max([confirmed, *map(int, said)])
        if path.exists():
            numbers = [row["Number"] for row in target.read("Invoices")]
            assert numbers == [f"R-{n}" for n in range(len(numbers))]
            assert len(numbers) > confirmed
    target.make().post([posting(n) for n in range(confirmed + 2)])
    assert len(target.read("Lines")) >= confirmed + 2


def test_two_workers_write_into_one_place(target: Target) -> None:
    family, path = _path(target)
    workers = [_worker(family, path, start, 8) for start in (0, 100)]
    for worker in workers:
        worker.communicate(timeout=120)
    assert [worker.returncode for worker in workers] == [0, 0]
    numbers = sorted(row["Number"] for row in target.read("Invoices"))
    assert numbers == sorted(f"R-{n}" for n in (*range(8), *range(100, 108)))


def test_a_target_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(Unavailable):
        workbook.Poster(workbook.Poster.Settings(path=blocked / "l.xlsx")).post([posting(1)])
    with pytest.raises(Unavailable):
        csv_poster.Poster(csv_poster.Poster.Settings(path=blocked / "out")).post([posting(1)])
