"""Giant pages cost no more memory than others: pictures are scaled as they are decoded."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from reportlab.pdfgen import canvas

from app.extraction import Outcome, read_file
from app.isolation import Isolated, Limits
from extractors.reading import ReadOptions

#: Decoded at once, any of the pictures here needs more.
LIMITS = Limits(memory_bytes=250 << 20)
A0 = (2384, 3370)


def scan(path: Path, width: int, height: int, bits: int) -> None:
    """Write a PDF of one white picture, so many pixels wide and high, on A0."""
    rows = 1000
    squeeze, row = zlib.compressobj(1), b"\xff" * ((width * bits + 7) // 8)
    parts = [squeeze.compress(row * min(rows, height - y)) for y in range(0, height, rows)]
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=A0)
        image = pikepdf.Stream(
            pdf,
            b"",
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Image,
            Width=width,
            Height=height,
            BitsPerComponent=bits,
            ColorSpace=pikepdf.Name.DeviceGray,
        )
        image.write(b"".join(parts) + squeeze.flush(), filter=pikepdf.Name.FlateDecode)
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=image))
        page.Contents = pikepdf.Stream(pdf, b"q %d 0 0 %d 0 0 cm /I Do Q" % A0)
        pdf.save(path)


def words(path: Path) -> None:
    """Write a page of 100,000 words."""
    sheet = canvas.Canvas(str(path), pagesize=A0)
    sheet.setFont("Helvetica", 3)
    for row in range(1000):
        sheet.drawString(5, 3365 - 3 * row, " ".join(f"w{row}x{n}" for n in range(100)))
    sheet.save()


def photo(path: Path) -> None:
    Image.new("RGB", (12_000, 12_000), "white").save(path, quality=30)


def flat(path: Path) -> None:
    Image.new("1", (20_000, 20_000), 1).save(path)


@pytest.fixture(scope="module")
def isolated() -> Isolated:
    return Isolated(1, preload=("app.extraction",))


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        # 1200 dots an inch: 2 gigapixels, 280 MB as one bit each.
        ("a0.pdf", lambda path: scan(path, 39_732, 56_173, 1), {"no_text"}),
        ("grey.pdf", lambda path: scan(path, 20_000, 28_000, 8), {"no_text"}),
        ("photo.jpg", photo, {"no_text"}),
        ("flat.png", flat, {"too_large"}),
        ("words.pdf", words, set()),
    ],
)
def test_a_giant_page_needs_little_memory(
    isolated: Isolated, tmp_path: Path, name: str, make: Callable[[Path], None], told: set[str]
) -> None:
    make(tmp_path / name)
    options = ReadOptions(ocr="none")
    outcome: Outcome = isolated.run(read_file, tmp_path / name, options, limits=LIMITS)
    (reading,) = outcome.readings
    assert {f.code for f in reading.findings} == told
    assert bool(reading.text) == (not told)
