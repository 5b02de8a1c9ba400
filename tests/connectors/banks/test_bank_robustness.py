"""No bytes raise, no cut goes unnoticed, no container unpacks beyond its bounds."""

from __future__ import annotations

import gzip
import io
import random
import tempfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from bank_files import balance, camt, entry, mt940, read_bytes, read_file
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_bank_formats import BAI2, OFX1, QIF
from test_bank_tables import TABLES

WHOLE = {
    "camt": camt(balance("OPBD", "0") + balance("CLBD", "30.00") + entry("10.00") * 3),
    "mt940": mt940(":61:260302C5,00NTRFNONREF", ":86:166?20SVWZ+x", closing="C260302EUR105,00"),
    "ofx": OFX1,
    "bai2": BAI2,
    "qif": QIF,
    "csv": TABLES["preamble"],
}
_INSERTS = [
    b"\n:61:",
    b"\n:86:",
    b"\n-\n",
    b"<Ntry>",
    b"</Stmt>",
    b"9" * 40,
    b"NaN",
    b"1e999",
    b"\0",
]
_INSERTS += [
    "１２³".encode(),
    b'"',
    b"<!--",
    b"<![CDATA[",
    b"&amp;",
    b"\r",
    b",/,",
    b"--",
    b"\xff\xfe",
]

mutations = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 80), st.sampled_from([*_INSERTS, b""])),
    max_size=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(WHOLE)), edits=mutations)
@example(name="mt940", edits=[(60, 2, b"9,9,")])
def test_damaged_files_never_raise(name: str, edits: list[tuple[int, int, bytes]]) -> None:
    data = WHOLE[name].encode()
    for at, length, insert in edits:
        at %= len(data) + 1
        data = data[:at] + insert + data[at + length :]
    with tempfile.TemporaryDirectory() as folder:
        result = read_bytes(Path(folder), data)
    assert result.statements or result.findings


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_noise_never_raises(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = read_bytes(Path(folder), data)
    assert result.statements or result.findings


@pytest.mark.parametrize("name", ["camt", "mt940", "bai2", "ofx"])
def test_a_cut_file_never_looks_whole(tmp_path: Path, name: str) -> None:
    data = WHOLE[name].encode().rstrip(b"\r\n-")
    whole = read_bytes(tmp_path, data)
    assert not whole.blocked
    for end in range(0, len(data) - 8, 5):
        cut = read_bytes(tmp_path, data[:end])
        # What was cut off must be missed by somebody: a finding, or nothing was lost.
        assert cut.blocked or cut.amounts == whole.amounts, data[:end]


def zipped(how: int = zipfile.ZIP_DEFLATED, /, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_containers_are_read_member_by_member(tmp_path: Path) -> None:
    data = zipped(a=WHOLE["camt"].encode(), b=WHOLE["mt940"].encode(), notes=b"hello there")
    result = read_bytes(tmp_path, data)
    assert [s.kind for s in result.statements] == ["camt.053", "mt940"]
    assert [f.code for f in result.findings] == ["unknown_format"]
    assert "notes" in result.findings[0].where
    assert read_bytes(tmp_path, gzip.compress(WHOLE["bai2"].encode())).statements[0].balanced


@pytest.mark.parametrize("kind", WHOLE)
def test_text_that_is_only_stored_in_a_container_is_unpacked_too(tmp_path: Path, kind: str) -> None:
    """Its bytes stand in the container as they are, and look like the format."""
    whole = WHOLE[kind].encode()
    result = read_bytes(tmp_path, zipped(zipfile.ZIP_STORED, **{"a.txt": whole}))
    assert result.amounts == read_bytes(tmp_path, whole, "a.txt").amounts != []
    assert len(result.statements) == 1


def test_a_member_named_like_a_path_stays_inside(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    result = read_bytes(inside, zipped(**{"../../escape.xml": WHOLE["camt"].encode()}))
    assert result.statements
    assert {p.name for p in tmp_path.rglob("*")} == {"in", "file"}


@pytest.mark.parametrize("pack", [lambda d: zipped(a=d), gzip.compress], ids=["zip", "gzip"])
def test_bombs_are_refused(tmp_path: Path, pack: object) -> None:
    packed = pack(b"0" * 60_000_000)  # type: ignore[operator]
    assert "too_large" in read_bytes(tmp_path, packed).codes


def test_a_container_inside_a_container_is_named_not_opened(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, zipped(inner=zipped(a=WHOLE["camt"].encode())))
    assert result.codes == {"unknown_format"}


@pytest.mark.parametrize("sheet", [b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet/>', b"<a>" * 99_999])
def test_a_hostile_workbook_is_refused(tmp_path: Path, sheet: bytes) -> None:
    result = read_bytes(tmp_path, zipped(**{"xl/worksheets/sheet1.xml": sheet}))
    assert result.codes == {"hostile"}


@pytest.mark.parametrize("kind", ["camt", "mt940", "csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, kind: str) -> None:
    source = random.Random(7)

    def write(count: int) -> Path:
        path = tmp_path / f"{kind}-{count}"
        amounts = [source.randint(100, 999) for _ in range(count)]
        if kind == "camt":
            text = camt("".join(entry(f"{a / 100:.2f}") for a in amounts))
        elif kind == "mt940":
            rows = (f":61:260302C{a},00NTRFNONREF\r\n:86:Rechnung {a}" for a in amounts)
            text = mt940(*rows, closing=f"C260302EUR{100 + sum(amounts)},00")
        else:
            text = "Datum;Text;Betrag\n" + "".join(f"30.09.2026;x;{a},00\n" for a in amounts)
        path.write_text(text, newline="")
        return path

    def peak(path: Path) -> int:
        from bank_files import document

        from connectors.banks import read

        tracemalloc.start()
        for _ in read(document(path)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = write(1_500), write(6_000)
    peak(small)
    assert peak(large) < peak(small) + 1_500_000
    assert read_file(large).statements[0].entry_count == 6_000


@pytest.mark.parametrize("size", [2, 7, 100])
@pytest.mark.parametrize("name", ["camt", "mt940", "ofx"])
def test_where_the_file_is_cut_into_blocks_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int
) -> None:
    whole = read_bytes(tmp_path, WHOLE[name])
    monkeypatch.setattr(f"connectors.banks.{name}._CHUNK", size)
    assert read_bytes(tmp_path, WHOLE[name]) == whole


@pytest.mark.parametrize(
    "data",
    [
        b"OFXHEADER:100\n<OFX><STMTRS>" + b"<!--" * 500_000,
        b"OFXHEADER:100\n<OFX><STMTRS>" + b"<STMTTRN>" * 50_000,
        b":20:A\n:61:260302C5,00NTRF\n:86:" + b"\n- " * 500_000,
        b":20:A\n" + b":61:\n" * 30_000,
        b":20:A\n:61:260302C5,00NTRF\n:86:" + b"/EREF/" * 300_000,
        (b":61:260302C5,00NTRF\n:86:166?20" + b"+x" * 8_000 + b"?32" * 4_000 + b"\n") * 30,
        b"Date,Amount\n" + b"Account: " * 200_000,
        b"Date,Text,Amount\n" + b"x" * 3_000_000,
        b"01,a,b/\n02,a/\n03,1/\n16,195," + b"88,\n88," * 300_000,
        b"!Type:Bank\n" + b"Sx\n" * 100_000,
        b"<Document><BkToCstmrStmt><Stmt>" + b"<Bal></Bal>" * 50_000,
    ],
    ids=[
        "comments",
        "entries",
        "dashes",
        "empty",
        "tags",
        "subfields",
        "account",
        "line",
        "continued",
        "splits",
        "balances",
    ],
)
def test_no_pattern_makes_reading_slow(tmp_path: Path, data: bytes) -> None:
    began = time.process_time()
    read_bytes(tmp_path, data)
    # A quadratic pattern would take minutes for these megabytes.
    assert time.process_time() - began < 15


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_no_text_holds_a_zero_character(name: str, tmp_path: Path) -> None:
    raw = WHOLE[name].encode()
    for at in range(40, len(raw), 7):
        said = repr(read_bytes(tmp_path, raw[:at] + b"\0" + raw[at:]))
        assert "\\x00" not in said, (at, said)


@pytest.mark.parametrize("encoding", ["cp037", "utf-7", "gb18030", "no-such"])
def test_a_workbook_part_in_an_encoding_nobody_reads_is_damaged(
    encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "statement.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("xl/styles.xml", f'<?xml version="1.0" encoding="{encoding}"?><a/>')
        package.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    assert "damaged" in read_file(path).codes


def test_a_broken_lzma_member_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "statements.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as package:
        package.writestr("a.sta", WHOLE["mt940"] * 50)
    raw = bytearray(path.read_bytes())
    raw[60:90] = bytes(30)
    path.write_bytes(raw)
    assert "damaged" in read_file(path).codes
