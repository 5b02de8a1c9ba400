"""Second opinions: agreement makes surer, a different reading holds, silence says nothing."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from extractors.ocr import engine
from extractors.opinions import with_closer_look, with_scan_opinion
from extractors.reading import ReadOptions, read
from extractors.words import PageWords, Word
from records.documents import Document, Field, Kind, Place, Reading
from records.findings import finding

BOX = (300.0, 100.0, 360.0, 112.0)
needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="needs Tesseract: apt install tesseract-ocr"
)


def _page(text: str, box: tuple[float, float, float, float] = BOX) -> PageWords:
    return PageWords(number=1, width=595, height=842, words=(Word(text, box, 0.8),), by="ocr")


def _reading(**changes: object) -> Reading:
    field = Field(
        name="gross_total",
        value="1469.06",
        text="1,469.06",
        confidence=0.8,
        place=Place(page=1, box=BOX),
        by="ocr",
    )
    field = Field(**{name: getattr(field, name) for name in field.__slots__} | changes)  # type: ignore[arg-type]
    doubt = finding("uncertain_field", where="Gross total")
    return Reading(kind=Kind.INVOICE, fields=(field,), findings=(doubt,))


def _codes(reading: Reading) -> list[str]:
    return [f.code for f in reading.findings]


def test_agreement_makes_surer_and_lifts_the_hold() -> None:
    read_again = with_scan_opinion(_reading(), lambda _: _page("EUR 1.469,06"))
    assert read_again.fields[0].confidence == pytest.approx(0.9)
    assert _codes(read_again) == []


@pytest.mark.parametrize("other", ["1,469.08", "1,489.06", "7,469.06"])
def test_another_digit_holds(other: str) -> None:
    read_again = with_scan_opinion(_reading(), lambda _: _page(other))
    assert read_again.fields[0].confidence <= 0.5
    assert "readers_disagree" in _codes(read_again)


@pytest.mark.parametrize(
    ("other", "box"),
    [("Total", BOX), ("146,906.55", (300.0, 500.0, 360.0, 512.0)), ("22.10", BOX)],
)
def test_what_the_other_does_not_see_says_nothing(
    other: str, box: tuple[float, float, float, float]
) -> None:
    reading = _reading()
    assert with_scan_opinion(reading, lambda _: _page(other, box=box)) == reading


@pytest.mark.parametrize(
    "changes", [{"proved": True}, {"name": "currency"}, {"text": "9"}, {"by": "pdf_text"}]
)
def test_nobody_is_asked_about_what_is_sure(changes: dict[str, object]) -> None:
    def ask(place: object) -> None:
        raise AssertionError("asked")

    with_scan_opinion(_reading(**changes), ask)
    with_closer_look(_reading(**changes), ask)  # type: ignore[arg-type]


def test_nobody_is_asked_where_nothing_is_held() -> None:
    def ask(number: int) -> None:
        raise AssertionError("asked")

    with_scan_opinion(replace(_reading(), findings=()), ask)


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        (("1,469.06", "1,469.06"), False),
        (("1,469.06", "1,489.06"), True),
        (("Total 1,469.06 of 1,489.06",), False),
        (("l,4b9", ""), False),
    ],
)
def test_what_reads_differently_enlarged_is_held(lines: tuple[str, ...], holds: bool) -> None:
    read_again = with_closer_look(_reading(confidence=0.97), lambda _: lines)
    assert ("readers_disagree" in _codes(read_again)) == holds


def test_no_other_engine_leaves_the_reading_as_it_is() -> None:
    reading = _reading()
    assert with_scan_opinion(reading, lambda _: None) == reading


# -- with the real program


def _scan(folder: Path) -> Path:
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=30)
    for number, line in enumerate(
        ["INVOICE", "Invoice number 2026-0815", "Invoice date 05.11.2026", "Total 1,469.06 EUR"]
    ):
        draw.text((110, 160 + 80 * number), line, fill=0, font=font)
    path = folder / "scan.png"
    image.save(path, dpi=(150, 150))
    return path


@needs_tesseract
@pytest.mark.parametrize("ocr", ["tesseract", "rapidocr"])
def test_tesseract_reads_scans_alone_where_it_is_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ocr: str
) -> None:
    engine.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    document = Document(id="0" * 64, media_type="image/png", path=_scan(tmp_path))
    (reading,) = read(document, ReadOptions(ocr=ocr))
    engine.cache_clear()
    found = {f.name: f.value for f in reading.fields if f.line is None}
    assert found["invoice_number"] == "2026-0815"
    assert found["issue_date"] == "2026-11-05"
    assert found["gross_total"] == "1469.06"
    assert "not_installed" not in _codes(reading)


@needs_tesseract
def test_tesseract_is_asked_about_a_total_that_no_sum_proves(tmp_path: Path) -> None:
    document = Document(id="0" * 64, media_type="image/png", path=_scan(tmp_path))
    (reading,) = read(document, ReadOptions(calibrate=False))
    total = next(f for f in reading.fields if f.name == "gross_total")
    assert not total.proved
    assert "two readers agree" in total.why
