"""OCR: words in points on the upright page, with the spaces the model swallows."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from extractors.images import Picture, bgr
from extractors.ocr import EngineMissing, engine
from extractors.words import PageWords

LINES = [
    "Invoice number 2026-0815",
    "Invoice date 05.11.2026",
    "Delivery of 12 office chairs",
    "Net total 1,234.50 EUR",
    "VAT 19% 234.56 EUR",
    "Total amount 1,469.06 EUR",
]


def drawn(turn: float = 0) -> Picture:
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=30)
    for number, line in enumerate(LINES):
        draw.text((120, 200 + 90 * number), line, font=font, fill=0)
    image = image.rotate(turn, expand=True, fillcolor=255)
    return Picture(1, bgr(image), image.width * 0.48, image.height * 0.48)


@pytest.fixture(scope="module")
def read() -> object:
    try:
        return engine("rapidocr").read
    except EngineMissing as missing:
        pytest.skip(str(missing))


def text(page: PageWords) -> str:
    return " ".join(word.text for word in page.words)


@pytest.mark.slow
@pytest.mark.parametrize("turn", [0, 90, 180, 270, 3])
def test_every_orientation_reads_the_same(read, turn: int) -> None:
    page = read(drawn(turn))
    assert page.by == "ocr"
    assert page.height > page.width
    seen = text(page)
    # Words keep their spaces, amounts their digits, lines their order.
    for expected in ("1,469.06", "05.11.2026", "2026-0815", "office", "chairs"):
        assert expected in seen.split(), seen
    assert seen.index("2026-0815") < seen.index("office") < seen.index("1,469.06")
    first = next(word for word in page.words if word.text == "Invoice")
    last = next(word for word in page.words if word.text == "1,469.06")
    assert first.box[1] < last.box[1]
    assert first.box[0] < last.box[0]
    assert first.confidence > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("turn", [0, 0.4, -0.7, 2])
def test_what_stands_in_one_row_is_level(read, turn: float) -> None:
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=24)
    goods = ["Rope", "Shackle", "Anchor chain", "Winch handle", "Fender", "Boat hook"]
    for number, name in enumerate(goods):
        for x, text in ((120, name), (700, f"{number + 2} pcs"), (1000, f"{number + 3}40.00")):
            draw.text((x, 300 + 55 * number), text, font=font, fill=0)
    picture = bgr(image.rotate(turn, fillcolor=255))
    page = read(Picture(1, picture, 595, 842))
    middles = {w.text: (w.box[1] + w.box[3]) / 2 for w in page.words}
    for number, name in enumerate(goods):
        # The rows lie 26 points apart.
        assert abs(middles[name.split()[0]] - middles[f"{number + 3}40.00"]) < 2


@pytest.mark.slow
def test_a_word_stands_where_it_was_drawn(read) -> None:
    page = read(drawn())
    word = next(word for word in page.words if word.text == "1,234.50")
    left, top, right, bottom = (value / 0.48 for value in word.box)
    assert abs((top + bottom) / 2 - (200 + 90 * 3 + 18)) < 15
    # "Net total " goes before it, " EUR" after.
    assert 120 < left < right < 120 + 30 * len("Net total 1,234.50 EUR")


@pytest.mark.slow
def test_nothing_to_read(read) -> None:
    blank = Picture(1, np.full((600, 400, 3), 255, np.uint8), 200, 300)
    assert read(blank).words == ()
    dot = Picture(1, np.zeros((1, 1, 3), np.uint8), 1, 1)
    assert read(dot).words == ()


@pytest.mark.parametrize(
    ("module", "said"),
    [("rapidocr", "nightclerk"), ("onnxruntime", "nightclerk")],
)
def test_a_missing_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, said: str
) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "rapidocr"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    engine.cache_clear()
    with pytest.raises(EngineMissing, match=said):
        engine("rapidocr")
    engine.cache_clear()


def test_a_missing_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path("/nowhere")))
    engine.cache_clear()
    with pytest.raises(EngineMissing, match="tesseract"):
        engine("tesseract")
    engine.cache_clear()


@pytest.mark.parametrize("shape", [(1, 3000, 3), (3000, 1, 3), (8, 900, 3)])
def test_a_strip_holds_no_words_and_costs_nothing(read, shape: tuple[int, int, int]) -> None:
    picture = Picture(1, np.zeros(shape, np.uint8), shape[1] * 0.48, shape[0] * 0.48)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read(picture).words == ()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
