"""What PDFium reads from printed invoices, compared with a reader of other code: pdfplumber."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pdfplumber
import pytest

from extractors.pdf_text import read_text
from extractors.pdfium import PdfFile
from fixtures.collection import write_invoices


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("printed")
    write_invoices(folder, seed=41, count=8, languages=["de", "en", "fr", "pl"])
    return sorted(folder.rglob("*.pdf"))


def test_both_readers_see_the_same_signs_on_every_page(printed: list[Path]) -> None:
    """Where words part is each reader's own; no sign may be lost, doubled or another."""
    assert len(printed) == 8
    for path in printed:
        with PdfFile(path.read_bytes()) as file, pdfplumber.open(path) as other:
            layer = read_text(file)
            assert len(layer.pages) == len(other.pages)
            for page, twin in zip(layer.pages, other.pages, strict=True):
                ours = Counter("".join(word.text for word in page.words))
                theirs = Counter("".join("".join(c["text"] for c in twin.chars).split()))
                assert ours == theirs, path.name


def test_both_readers_see_words_in_the_same_places(printed: list[Path]) -> None:
    compared = 0
    for path in printed:
        with PdfFile(path.read_bytes()) as file, pdfplumber.open(path) as other:
            layer = read_text(file)
            for page, twin in zip(layer.pages, other.pages, strict=True):
                once = Counter(word.text for word in page.words)
                theirs = twin.extract_words(x_tolerance=1.5)
                places = {word["text"]: word for word in theirs}
                single = Counter(word["text"] for word in theirs)
                for word in page.words:
                    if once[word.text] == single[word.text] == 1 and len(word.text) > 3:
                        found = places[word.text]
                        compared += 1
                        assert word.box[0] == pytest.approx(found["x0"], abs=3), word
                        middle = (found["top"] + found["bottom"]) / 2
                        assert word.box[1] - 3 <= middle <= word.box[3] + 3, word
    assert compared > 100
