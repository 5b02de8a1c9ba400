"""Tables whose rules say what words alone do not: tall cells, columns that touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pdfplumber
import pytest

from extractors import ruled
from extractors.pages import read_pages
from extractors.pdf_text import read_text
from extractors.pdfium import PdfFile
from extractors.reading import ReadOptions, read
from extractors.words import PageWords
from fixtures.collection import Specimen, invent_specimens
from fixtures.press.printing import print_bill
from fixtures.wording import LANGUAGES
from records.documents import Document, Reading

SPECIMENS = [
    s
    for s in invent_specimens(611, 64, LANGUAGES, 64)
    if s.genre in {"goods", "service"}
    and not s.bill.gross_priced
    and not any(item.discount for item in s.bill.items)
]


def _printed(specimen: Specimen) -> bytes:
    return print_bill(specimen.bill, replace(specimen.house, layout="ruled")).pdf


def _pages(pdf: bytes) -> Sequence[PageWords]:
    with PdfFile(pdf) as file:
        return read_text(file).pages


def _read(pdf: bytes, folder: Path) -> Reading:
    path = folder / "ruled.pdf"
    path.write_bytes(pdf)
    (reading,) = read(
        Document(id="0" * 64, media_type="application/pdf", path=path), ReadOptions(ocr="none")
    )
    return reading


def _right(reading: Reading, specimen: Specimen) -> int:
    """Count the lines read with quantity, unit price and amount."""
    rows: dict[int, dict[str, str]] = {}
    for field in reading.fields:
        if field.line is not None:
            rows.setdefault(field.line, {})[field.name] = field.value
    read_lines = [
        tuple(float(row.get(n, "nan")) for n in ("quantity", "unit_price", "net_amount"))
        for row in rows.values()
    ]
    wanted = [
        (float(i.quantity), float(i.unit_price), float(i.amount)) for i in specimen.bill.items
    ]
    return sum(line in read_lines for line in wanted)


def test_rules_place_what_words_alone_do_not(tmp_path: Path) -> None:
    lines = words = cells = 0
    for specimen in SPECIMENS:
        pdf = _printed(specimen)
        lines += len(specimen.bill.items)
        words += _right(read_pages(_pages(pdf))[0], specimen)
        cells += _right(_read(pdf, tmp_path), specimen)
    assert lines > 40
    assert words < 0.8 * lines
    assert cells >= 0.9 * lines


def test_a_value_stands_where_it_is_printed_not_where_it_was_set(tmp_path: Path) -> None:
    specimen = next(
        s for s in SPECIMENS if _right(read_pages(_pages(_printed(s)))[0], s) < len(s.bill.items)
    )
    pdf = _printed(specimen)
    amounts = [f for f in _read(pdf, tmp_path).fields if f.name == "net_amount"]
    assert len(amounts) == len(specimen.bill.items)
    with pdfplumber.open(tmp_path / "ruled.pdf") as document:
        for amount in amounts:
            assert amount.place is not None and amount.place.box is not None
            x0, top, x1, bottom = amount.place.box
            page = document.pages[(amount.place.page or 1) - 1]
            there = page.crop((x0 - 1, top - 1, x1 + 1, bottom + 1)).extract_text()
            assert "".join(there.split()) == "".join(amount.text.split())


def test_pages_without_rules_are_left_to_their_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specimen = next(s for s in SPECIMENS if s.house.rules == "none")
    monkeypatch.setattr(ruled, "extract_words", None)
    assert _read(print_bill(specimen.bill, specimen.house).pdf, tmp_path).fields
