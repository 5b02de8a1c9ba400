"""Photos of iPhones: read like any picture where the extra is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from extractors import images
from extractors.images import ImageRefused, image_pages, image_size
from extractors.reading import ReadOptions, read
from records.documents import Document

PHOTO = Path(__file__).parent / "data" / "invoice.heic"


def _read(path: Path, options: ReadOptions | None = None):
    (reading,) = read(Document(id="0" * 64, media_type="image/heic", path=path), options)
    return reading


def test_an_invoice_is_read_from_a_heic_photo() -> None:
    reading = _read(PHOTO)
    found = {f.name: f.value for f in reading.fields if f.line is None}
    assert found["invoice_number"] == "R2025/118"
    assert found["issue_date"] == "2025-06-01"
    assert found["gross_total"] == "524.40"


def test_the_limit_on_pixels_comes_before_decoding() -> None:
    assert image_size(PHOTO.read_bytes()) == (1075, 1521)
    (problem,) = _read(PHOTO, ReadOptions(max_pixels=1_000_000)).findings
    assert problem.code == "too_large"


@pytest.mark.parametrize("length", [16, 200, 3000, 20_000])
def test_a_torn_photo_is_a_finding(tmp_path: Path, length: int) -> None:
    torn = tmp_path / "torn.heic"
    torn.write_bytes(PHOTO.read_bytes()[:length])
    assert {f.code for f in _read(torn).findings} & {"damaged", "unknown_format", "no_text"}


def test_without_the_extra_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    images._learn_heic.cache_clear()
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(ImageRefused, match=r"nightclerk\[heic\]") as refused:
        next(image_pages(PHOTO.read_bytes(), max_pages=1, max_pixels=10**8))
    assert refused.value.code == "not_installed"
