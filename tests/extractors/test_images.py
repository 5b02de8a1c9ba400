"""Pictures: whatever way a scanner, a fax or a phone stores a page, the same pixels come out."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from extractors.images import LONGER_SIDE_PIXELS, Picture, image_pages

WIDE, HIGH = 300, 420


def page(wide: int = WIDE, high: int = HIGH) -> Image.Image:
    """Draw a page: strokes one pixel thin at the upper left, a black block at the lower right."""
    pixels = np.full((high, wide), 255, np.uint8)
    pixels[: high // 2 : 8, : wide // 2] = 0
    pixels[-high // 4 :, -wide // 4 :] = 0
    return Image.fromarray(pixels)


def stored(image: Image.Image, kind: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def deep(image: Image.Image, brightest: int) -> Image.Image:
    return Image.fromarray((np.asarray(image) / 255 * brightest).astype(np.uint16))


def turned(degrees: int, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return stored(page().rotate(degrees, expand=True), "JPEG", exif=exif)


def pictures(data: bytes) -> list[Picture]:
    return list(image_pages(data, max_pages=9, max_pixels=100_000_000))


@pytest.mark.parametrize(
    "data",
    [
        stored(page().convert("1"), "TIFF", compression="group4"),
        stored(page().convert("1"), "TIFF", compression="group3"),
        stored(page(), "TIFF", compression="tiff_lzw"),
        stored(page().convert("RGB"), "TIFF", compression="jpeg"),
        stored(page().convert("CMYK"), "JPEG"),
        stored(page().convert("P"), "PNG"),
        stored(page().convert("1"), "PNG", transparency=1),
        stored(deep(page(), 65_535), "PNG"),
        # A scanner of twelve bits fills sixteen only so far.
        stored(deep(page(), 4_095), "TIFF"),
        stored(Image.fromarray(np.asarray(page(), np.float32) / 255), "TIFF"),
        stored(page(), "WEBP"),
        turned(180, 3),
        turned(90, 6),
        turned(270, 8),
    ],
)
def test_every_way_to_store_a_page(data: bytes) -> None:
    (picture,) = pictures(data)
    assert picture.pixels.shape == (HIGH, WIDE, 3)
    assert picture.width < picture.height
    light = picture.pixels[:, :, 0]
    assert light[-HIGH // 8, -WIDE // 8] < 40
    assert light[-HIGH // 8, WIDE // 8] > 215
    assert 150 < light[: HIGH // 2, : WIDE // 2].mean() < 250


@pytest.mark.parametrize("mode", ["1", "P", "L", "RGB"])
def test_thin_strokes_outlive_scaling(mode: str) -> None:
    large = page(3 * LONGER_SIDE_PIXELS // 2, 2 * LONGER_SIDE_PIXELS).convert(mode)
    (picture,) = pictures(stored(large, "PNG"))
    assert max(picture.pixels.shape) == LONGER_SIDE_PIXELS
    striped = picture.pixels[: LONGER_SIDE_PIXELS // 4, :200, 0]
    # One row in eight was black: every stroke left its grey.
    assert striped.mean() == pytest.approx(255 * 7 / 8, abs=8)
    assert np.unique(striped).size > 2


def test_a_fax_has_square_pixels() -> None:
    squeezed = page(1_728, 2_292).resize((1_728, 1_146)).convert("1")
    data = stored(squeezed, "TIFF", compression="group3", dpi=(204, 98))
    (picture,) = pictures(data)
    high, wide, _ = picture.pixels.shape
    assert picture.width == pytest.approx(610, abs=1)
    assert high / wide == pytest.approx(picture.height / picture.width, rel=0.01)


def test_every_page_of_a_file_is_seen() -> None:
    first = page().convert("1")
    data = stored(
        first, "TIFF", compression="group4", save_all=True, append_images=[first.rotate(180)]
    )
    one, two = pictures(data)
    assert (one.number, two.number) == (1, 2)
    assert np.array_equal(one.pixels, two.pixels[::-1, ::-1])
    (again,) = image_pages(data, max_pages=9, max_pixels=100_000_000, span=(2, 2))
    assert again.number == 2 and np.array_equal(again.pixels, two.pixels)
