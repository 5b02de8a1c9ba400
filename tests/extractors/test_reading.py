"""The pipeline over whole documents: what is read by whom, and what is refused."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2
import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from extractors.reading import ReadOptions, read
from records.documents import Document, Kind, Reading
from tests.extractors.samples import UBL_INVOICE, page_lines

NO_OCR = ReadOptions(ocr="none")


def pdf(lines: list[str], *, password: str | None = None, pages: int = 1) -> bytes:
    target = io.BytesIO()
    locked = StandardEncryption(password) if password else None
    canvas = Canvas(target, pagesize=(595, 842), encrypt=locked, invariant=True)
    for _ in range(pages):
        for number, line in enumerate(lines):
            canvas.drawString(60, 780 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def with_files(data: bytes, **files: bytes) -> bytes:
    with pikepdf.open(io.BytesIO(data)) as document:
        for name, content in files.items():
            file_name = name.replace("_", "-") + ".xml"
            document.attachments[file_name] = pikepdf.AttachedFileSpec(document, content)
        target = io.BytesIO()
        document.save(target)
    return target.getvalue()


def read_bytes(tmp_path: Path, data: bytes, options: ReadOptions = NO_OCR) -> list[Reading]:
    path = tmp_path / "file"
    path.write_bytes(data)
    return read(Document(id="0" * 64, media_type="", path=path), options)


def header(reading: Reading) -> dict[str, str]:
    return {f.name: f.value for f in reading.fields if f.line is None}


def codes(reading: Reading) -> list[str]:
    return [f.code for f in reading.findings]


def test_the_xml_governs_and_its_page_agrees(tmp_path: Path) -> None:
    (reading,) = read_bytes(tmp_path, with_files(pdf(page_lines()), factur_x=UBL_INVOICE))
    assert {f.by for f in reading.fields} == {"ubl"}
    assert header(reading)["invoice_number"] == "R-77"
    assert codes(reading) == []
    assert "R-77" in reading.text


def test_a_page_that_says_otherwise_is_shown(tmp_path: Path) -> None:
    lines = page_lines(gross="129.00", number="R-78")
    (reading,) = read_bytes(tmp_path, with_files(pdf(lines), xrechnung=UBL_INVOICE))
    assert header(reading)["gross_total"] == "119.00"
    assert set(codes(reading)) == {"page_contradicts_xml"}


def test_without_the_xml_the_page_is_read(tmp_path: Path) -> None:
    data = with_files(pdf(page_lines()), factur_x=UBL_INVOICE)
    options = ReadOptions(ocr="none", use_einvoice=False)
    reading = read_bytes(tmp_path, data, options)[0]
    assert {f.by for f in reading.fields} == {"pdf_text"}
    assert header(reading)["gross_total"] == "119.00"


def test_two_embedded_invoices_must_say_the_same(tmp_path: Path) -> None:
    same = with_files(pdf(page_lines()), factur_x=UBL_INVOICE, zugferd_invoice=UBL_INVOICE)
    assert codes(read_bytes(tmp_path, same)[0]) == []
    other = UBL_INVOICE.replace(b"119.00", b"219.00")
    differ = with_files(pdf(page_lines()), zugferd_invoice=other, factur_x=UBL_INVOICE)
    (reading,) = read_bytes(tmp_path, differ)
    assert header(reading)["gross_total"] == "119.00"
    assert set(codes(reading)) == {"fields_disagree"}


def test_an_embedded_order_is_no_invoice(tmp_path: Path) -> None:
    order = b"<SCRDMCCBDACIOMessageStructure><ExchangedDocument/></SCRDMCCBDACIOMessageStructure>"
    reading = read_bytes(tmp_path, with_files(pdf(page_lines()), order_x=order))[0]
    assert {f.by for f in reading.fields} == {"pdf_text"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (pdf(page_lines(), password="secret"), "encrypted"),
        (pdf(page_lines())[:200], "damaged"),
        (b"%PDF-1.7 nothing else", "damaged"),
        (b"\x00\x01\x02" * 50, "unknown_format"),
        (b"PK\x03\x04" + bytes(40), "unknown_format"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "unknown_format"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Invoice/>', "hostile"),
    ],
)
def test_bytes_that_cannot_be_read(tmp_path: Path, data: bytes, code: str) -> None:
    (reading,) = read_bytes(tmp_path, data)
    assert reading.kind is Kind.UNKNOWN
    assert codes(reading) == [code]
    assert not reading.fields


def test_limits_are_findings(tmp_path: Path) -> None:
    endless = pdf(page_lines()).replace(b"0 0 595 842", b"0 0 2147483648 842")
    assert codes(read_bytes(tmp_path, endless)[0]) == ["too_large"]
    small = ReadOptions(ocr="none", max_bytes=100)
    assert codes(read_bytes(tmp_path, pdf(page_lines()), small)[0]) == ["too_large"]
    picture = io.BytesIO()
    Image.new("L", (3000, 2000)).save(picture, "PNG")
    limited = ReadOptions(ocr="none", max_pixels=1_000_000)
    assert codes(read_bytes(tmp_path, picture.getvalue(), limited)[0]) == ["too_large"]


def test_a_picture_without_ocr_is_held(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("L", (800, 1000), 255).save(picture, "TIFF")
    (reading,) = read_bytes(tmp_path, picture.getvalue())
    assert codes(reading) == ["no_text"]


def test_a_mail_body_in_html_is_read(tmp_path: Path) -> None:
    rows = "".join(f"<p>{line}</p>" for line in page_lines())
    (reading,) = read_bytes(tmp_path, f"<html><body>{rows}</body></html>".encode())
    assert {f.by for f in reading.fields} == {"html"}
    assert header(reading)["gross_total"] == "119.00"


def payment_slip(account: str, amount: str, drawn: str = "image") -> bytes:
    """Return a text PDF with an EPC code for the same invoice: an image, squares, or one path."""
    said = f"BCD\n002\n1\nSCT\n\nRegistered GmbH\n{account}\nEUR{amount}\n\n\nR-77\n"
    barcode = zxingcpp.create_barcode(said, zxingcpp.BarcodeFormat.QRCode)
    scale = 4 if drawn == "image" else 1
    modules = np.asarray(zxingcpp.write_barcode_to_image(barcode, scale=scale))
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(595, 842), invariant=True)
    for number, line in enumerate([*page_lines(), "IBAN DE02 1203 0000 0000 2020 51"]):
        canvas.drawString(60, 780 - 16 * number, line)
    side = 110 / modules.shape[0]
    path = canvas.beginPath()
    for row, column in zip(*np.nonzero(modules < 128), strict=True):
        corner = 60 + float(column) * side, 210 - float(row + 1) * side
        if drawn == "squares":
            canvas.rect(*corner, side, side, stroke=0, fill=1)
        elif drawn == "path":
            path.rect(*corner, side, side)
    if drawn == "path":
        canvas.drawPath(path, stroke=0, fill=1)
    elif drawn == "image":
        image = ImageReader(Image.fromarray(modules))
        canvas.drawImage(image, 60, 100, 110, 110)
    canvas.save()
    return target.getvalue()


@pytest.mark.parametrize("drawn", ["image", "squares", "path"])
def test_the_payment_code_is_read_beside_the_text(tmp_path: Path, drawn: str) -> None:
    data = payment_slip("DE02120300000000202051", "119.00", drawn)
    (reading,) = read_bytes(tmp_path, data)
    said = {f.name: f for f in reading.fields if f.by == "code"}
    assert said["iban"].value == "DE02120300000000202051"
    assert said["iban"].proved
    assert said["amount_due"].value == "119.00"
    place = said["iban"].place
    assert place is not None
    assert place.box is not None
    left, top, right, bottom = place.box
    assert 60 <= left < right <= 170
    assert 842 - 210 <= top < bottom <= 842 - 100
    assert "fields_disagree" not in codes(reading)


@pytest.mark.parametrize(
    ("account", "amount"),
    [("DE71110220330123456789", "119.00"), ("DE02120300000000202051", "191.00")],
)
def test_a_code_that_asks_for_something_else_holds(
    tmp_path: Path, account: str, amount: str
) -> None:
    (reading,) = read_bytes(tmp_path, payment_slip(account, amount))
    problem = next(f for f in reading.findings if f.code == "fields_disagree")
    assert problem.blocks
    assert problem.where == "payment code"


def test_readings_travel_between_processes(tmp_path: Path) -> None:
    readings = read_bytes(tmp_path, pdf(page_lines()))
    assert pickle.loads(pickle.dumps(readings)) == readings


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"]))
def test_damaged_pictures_never_raise(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    target = io.BytesIO()
    Image.new("RGB", (60, 80), "white").save(target, kind)
    raw = bytearray(target.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw) - 1))
        if data.draw(st.booleans()):
            raw[at] = data.draw(st.sampled_from([0, 1, 2, 4, 16, 127, 128, 255]))
        else:
            del raw[at : at + data.draw(st.integers(1, len(raw)))]
            raw = raw or bytearray(b"x")
    assert read_bytes(tmp_path, bytes(raw))


def test_a_page_that_shows_nothing_is_said(tmp_path: Path) -> None:
    with pikepdf.open(io.BytesIO(pdf(page_lines()))) as document:
        document.pages[0].CropBox = pikepdf.Array([0, 14_400, -1, 200_000])
        out = io.BytesIO()
        document.save(out)
    (reading,) = read_bytes(tmp_path, out.getvalue())
    assert codes(reading) == ["damaged"]
    assert reading.findings[0].where == "page 1"


def searchable(drawn: list[str], laid_under: list[str]) -> bytes:
    """Make what scanners call a searchable PDF: a picture, and what they read, invisibly."""
    shown = pypdfium2.PdfDocument(pdf(drawn))[0].render(scale=200 / 72).to_pil()
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(595, 842), invariant=True)
    canvas.drawImage(ImageReader(shown), 0, 0, 595, 842)
    text = canvas.beginText(60, 780)
    text.setTextRenderMode(3)
    for line in laid_under:
        text.textLine(line)
    canvas.drawText(text)
    canvas.save()
    return target.getvalue()


@pytest.mark.slow
def test_what_a_scanner_read_is_read_again(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    data = searchable(page_lines(), page_lines(number="R-11", gross="779.00"))
    (reading,) = read_bytes(tmp_path, data, ReadOptions())
    assert {f.by for f in reading.fields} == {"ocr"}
    assert header(reading)["invoice_number"] == "R-77"
    assert header(reading)["gross_total"] == "119.00"


def test_without_ocr_what_the_scanner_read_serves(tmp_path: Path) -> None:
    (reading,) = read_bytes(tmp_path, searchable(page_lines(), page_lines(number="R-11")))
    assert header(reading)["invoice_number"] == "R-11"
