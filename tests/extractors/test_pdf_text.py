"""Text layers: words with places, garbage told from text, bad files told from good."""

from __future__ import annotations

import io

import pikepdf
import pytest
from reportlab.pdfgen import canvas

from extractors.pdf_text import TextLayer, is_garbage, read_text
from extractors.pdfium import PdfFile


def pdf(*pages: list[tuple[float, float, str]]) -> bytes:
    """Print pages of (x, y from the top, text) on A4."""
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=(595, 842))
    for page in pages:
        sheet.setFont("Helvetica", 10)
        for x, y, text in page:
            sheet.drawString(x, 842 - y, text)
        sheet.showPage()
    sheet.save()
    return out.getvalue()


def layer_of(content: bytes, pages: tuple[int, int] | None = None) -> TextLayer:
    with PdfFile(content) as file:
        return read_text(file, pages)


def test_words_have_boxes_from_the_top_left() -> None:
    layer = layer_of(pdf([(100, 50, "Invoice 4711"), (300, 800, "foot")]))
    (page,) = layer.pages
    assert [w.text for w in page.words] == ["Invoice", "4711", "foot"]
    left, top, right, bottom = page.words[0].box
    assert left == pytest.approx(100, abs=1.5) and 35 < top < 50 <= bottom < 56
    assert right < page.words[1].box[0]
    assert layer.needs_ocr == () and layer.findings == ()


def test_pages_can_be_chosen() -> None:
    layer = layer_of(pdf([(9, 9, "one")], [(9, 9, "two")], [(9, 9, "three")]), (2, 3))
    assert [(p.number, p.words[0].text) for p in layer.pages] == [(2, "two"), (3, "three")]


def test_a_moved_crop_box_moves_the_words() -> None:
    with pikepdf.open(io.BytesIO(pdf([(100, 50, "Invoice")]))) as document:
        document.pages[0].cropbox = [50, 42, 545, 842]
        out = io.BytesIO()
        document.save(out)
    (page,) = layer_of(out.getvalue()).pages
    assert page.width == pytest.approx(495)
    assert page.words[0].box[0] == pytest.approx(50, abs=1.5)
    assert page.words[0].box[1] == pytest.approx(41, abs=4)


def test_a_locked_file_is_a_finding() -> None:
    with pikepdf.open(io.BytesIO(pdf([(9, 9, "secret")]))) as document:
        out = io.BytesIO()
        document.save(out, encryption=pikepdf.Encryption(owner="o", user="u"))
    layer = layer_of(out.getvalue())
    assert [f.code for f in layer.findings] == ["encrypted"] and layer.pages == ()


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"%PDF-1.4 \xff\x00 garbage" * 40])
def test_a_damaged_file_is_a_finding(content: bytes) -> None:
    layer = layer_of(content)
    assert [f.code for f in layer.findings] == ["damaged"]


@pytest.mark.parametrize(
    ("text", "garbage"),
    [
        ("Rechnung Nr. 4711 über 12,00 €", False),
        ("", False),
        ("\x01\x02\x03\x04 \x05\x06", True),
        ("\ue001\ue002\ue003 Total", True),
        ("Tail of\x02 a line", False),
        ("\ufffd\ufffd\ufffd\ufffd a", True),
    ],
)
def test_garbage_is_told_from_text(text: str, garbage: bool) -> None:
    assert is_garbage(text) is garbage


def test_a_page_of_drawings_needs_ocr() -> None:
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=(595, 842))
    sheet.rect(100, 100, 300, 300, fill=1)
    sheet.showPage()
    sheet.drawString(100, 700, "text")
    sheet.showPage()
    sheet.showPage()
    sheet.save()
    layer = layer_of(out.getvalue())
    assert layer.needs_ocr == (1,)
    assert [bool(p.words) for p in layer.pages] == [False, True, False]
    assert [f.code for f in layer.findings] == ["no_text"]


def test_words_at_no_place_are_no_words() -> None:
    with pikepdf.open(io.BytesIO(pdf([(100, 50, "Invoice 4711")]))) as document:
        page = document.pages[0]
        page.contents_add(b"BT /F1 1e38 Tf 1e38 0 0 1e38 1e38 1e38 Tm (far away) Tj ET")
        out = io.BytesIO()
        document.save(out)
    for seen in layer_of(out.getvalue()).pages:
        assert all(abs(side) < 1e6 for word in seen.words for side in word.box)
