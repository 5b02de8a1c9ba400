"""Words from pictures: rapidocr by default, Tesseract where a user prefers it.

Both engines return words in points on the upright page: a picture lying on its
side or standing on its head is turned, a slightly skewed one straightened.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from extractors.images import Picture
from extractors.words import Box, PageWords, Pose, Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: A text line is kept from this mean probability of its characters on.
_KEEP_LINE = 0.5
#: Below this mean the page may be standing on its head; a sample of lines decides.
_DOUBT_PAGE = 0.85
_SAMPLE_LINES = 8
#: A skew below this is not worth straightening, in degrees.
_MIN_SKEW = 0.1
_MAX_SKEW = 20.0
#: Around the slope of the long lines, this much and in such steps, that of the rows is looked for.
_SKEW_REACH = 0.8
_SKEW_STEP = 0.05
#: Corners are whole pixels: shorter lines say nothing of a slope.
_LONG_PIXELS = 80
#: A picture this many times as long as wide holds no line; the detector would enlarge it to gigabytes.
_LONGEST_STRIP = 30
#: PP-OCR swallows spaces; making them this much likelier restores them (measured on receipts).
_SPACE_WEIGHT = 10.0
#: How much a doubtful place is enlarged for its second readings, and the margin around it.
_CLOSER = (1.5, 2.5)
_MARGIN = 0.3
_SYMBOLS = frozenset("€£¥₹₺₽¢§°±²³¹½¼¾×÷µ·•–—‘’‚“”„«»‹›…™®©¡¿№ªº†‡−")


class EngineMissing(Exception):
    """The OCR engine is not installed; the message says how to install it."""


class Engine(Protocol):
    """Reads one picture."""

    def read(self, picture: Picture, *, upright: bool = False) -> PageWords:
        """Return the words of the upright page; whether a picture lies on a side is not asked
        where it is known to be `upright`.

        Never raises on any picture.
        """
        ...

    def look_closer(self, picture: Picture, page: PageWords, box: Box) -> list[str]:
        """Read a place of the page that `read` made of the picture again, each way it can."""
        ...


@cache
def engine(name: str) -> Engine:
    """Return the engine `rapidocr` or `tesseract`, loaded once per process.

    Raises EngineMissing when its packages or programs are not there.
    """
    try:
        return _Tesseract() if name == "tesseract" else _Rapid()
    except ImportError as failure:
        raise EngineMissing(_remedy(failure)) from None


def _remedy(failure: ImportError) -> str:
    if "libGL" in str(failure) or "libgthread" in str(failure):
        # rapidocr asks for the OpenCV that draws windows; a server has none to draw in.
        return (
            "OpenCV needs a display library that is not here. Run: pip uninstall -y opencv-python "
            "&& pip install --force-reinstall --no-deps opencv-python-headless"
        )
    return f"reading scans needs the extra: pip install 'nightclerk[ocr]' ({failure})"


@dataclass(frozen=True, slots=True)
class _Text:
    """One recognised line: its characters, where along the line each stands (0 to 1), how sure."""

    text: str
    at: tuple[float, ...] = ()
    sure: tuple[float, ...] = ()

    @property
    def score(self) -> float:
        return sum(self.sure) / len(self.sure) if self.sure else 0.0


class _Decoder:
    """Turns the recogniser's probabilities into text, in place of the library's own decoder.

    Characters outside Latin script are masked: between them and their Latin
    look-alikes an invoice always means the latter.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        import numpy as np

        # Column 0 is the blank of CTC.
        kept = [n for n, c in enumerate(characters) if n == 0 or _is_latin(c)]
        self._columns = np.asarray(kept)
        self._characters = [characters[n] for n in kept]
        self._space = self._characters.index(" ")

    def __call__(
        self,
        preds: Array,
        return_word_box: bool = False,
        *,
        wh_ratio_list: Sequence[float] = (1.0,),
        max_wh_ratio: float = 1.0,
    ) -> tuple[list[tuple[str, float]], list[_Text]]:
        import numpy as np

        # Some five hundred of twenty thousand columns: this also saves time.
        chances = preds[:, :, self._columns]
        spaces = chances[:, :, self._space].copy()
        chances[:, :, self._space] *= _SPACE_WEIGHT
        best = chances.argmax(axis=2)
        chances[:, :, self._space] = spaces
        chance = np.take_along_axis(chances, best[:, :, None], axis=2)[:, :, 0]
        lines = [
            self._line(best[n], chance[n], min(1.0, wh_ratio_list[n] / max_wh_ratio))
            for n in range(len(best))
        ]
        return [(line.text, line.score) for line in lines], lines

    def _line(self, best: Array, chance: Array, filled: float) -> _Text:
        """Drop repeats and blanks (CTC). `filled` is the part of the width that is not padding."""
        characters: list[str] = []
        at: list[float] = []
        sure: list[float] = []
        before = 0
        for column, code in enumerate(best.tolist()):
            if code and code != before:
                characters.append(self._characters[code])
                at.append(min(1.0, (column + 0.5) / (len(best) * filled)))
                sure.append(float(chance[column]))
            before = code
        return _Text("".join(characters), tuple(at), tuple(sure))


def _is_latin(character: str) -> bool:
    if len(character) != 1:
        return character == "blank"
    if character.isascii() or character in _SYMBOLS:
        return True
    return unicodedata.name(character, "").startswith("LATIN ") and ord(character) < 0x2C00


class _Rapid:
    """PP-OCR through rapidocr on onnxruntime: one thread, no download, no system package."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        self._recogniser: Any = self._engine._load_rec_model()  # type: ignore[no-untyped-call]
        decoder = _Decoder(self._recogniser.postprocess_op.character)
        self._recogniser.postprocess_op = decoder

    def read(self, picture: Picture, *, upright: bool = False) -> PageWords:
        import numpy as np

        pixels = picture.pixels
        width, height = picture.width, picture.height
        crops, boxes = self._detect(pixels)
        quarter, half = not upright and _lies_on_its_side(boxes), False
        if quarter:
            pixels = np.ascontiguousarray(np.rot90(pixels))
            width, height = height, width
            crops, boxes = self._detect(pixels)
        lines = self._recognise(crops)
        doubtful = bool(lines) and not upright and _page_score(lines) < _DOUBT_PAGE
        if doubtful and self._stands_on_its_head(crops, lines):
            half = True
            lines = self._recognise([np.ascontiguousarray(np.rot90(c, 2)) for c in crops])[::-1]
            boxes = _turned(boxes, pixels.shape[1], pixels.shape[0])
        boxes, degrees, centre = _straightened(boxes)
        scale_x, scale_y = width / pixels.shape[1], height / pixels.shape[0]
        words = [
            Word(text, (box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y), c)
            for line, quad in zip(lines, boxes, strict=True)
            if line.score >= _KEEP_LINE
            for text, box, c in _words(line, quad)
        ]
        return PageWords(
            number=picture.number,
            width=width,
            height=height,
            words=tuple(words),
            by="ocr",
            pose=Pose(quarter, half, degrees, centre),
        )

    def look_closer(self, picture: Picture, page: PageWords, box: Box) -> list[str]:
        """Read a place of a page again, enlarged in two ways; what is clear reads the same.

        `page` is what `read` made of the picture, `box` in its points.
        """
        import numpy as np
        from PIL import Image

        cut = _cut_out(picture, page, box)
        crops = []
        for scale in _CLOSER:
            size = (int(cut.shape[1] * scale), int(cut.shape[0] * scale))
            if min(size) < 8:
                return []
            larger = Image.fromarray(cut).resize(size, Image.Resampling.LANCZOS)
            crops.append(np.ascontiguousarray(np.asarray(larger)))
        return [line.text for line in self._recognise(crops)]

    def _detect(self, pixels: Array) -> tuple[list[Array], Array]:
        """Return the cut-out lines and their corners in pixels of `pixels`."""
        import numpy as np
        from rapidocr.main import RapidOCRError
        from rapidocr.utils.process_img import map_boxes_to_original

        if max(pixels.shape[:2]) > _LONGEST_STRIP * min(pixels.shape[:2]):
            return [], np.zeros((0, 4, 2))
        image, record = self._engine.preprocess_img(pixels)
        try:
            crops, found = self._engine.detect_and_crop(image, record)
        except RapidOCRError:  # its way of saying that there is no text
            return [], np.zeros((0, 4, 2))
        boxes: Any = found.boxes
        return crops, map_boxes_to_original(boxes, record, *pixels.shape[:2])

    def _recognise(self, crops: list[Array]) -> list[_Text]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not crops:
            return []
        result = self._recogniser(TextRecInput(img=crops, return_word_box=True))
        return list(result.word_results)

    def _stands_on_its_head(self, crops: list[Array], lines: list[_Text]) -> bool:
        """Read the longest lines turned by 180 degrees; much surer reading decides."""
        import numpy as np

        longest = sorted(range(len(crops)), key=lambda n: -crops[n].shape[1])[:_SAMPLE_LINES]
        turned = self._recognise([np.ascontiguousarray(np.rot90(crops[n], 2)) for n in longest])
        return _page_score(turned) > _page_score([lines[n] for n in longest]) + 0.05


def turned_upright(picture: Picture, pose: Pose) -> Picture:
    """Return a picture as a reader found it to stand, but for its skew."""
    import numpy as np

    pixels = np.ascontiguousarray(np.rot90(picture.pixels, pose.quarter + 2 * pose.half))
    width, height = picture.width, picture.height
    return Picture(picture.number, pixels, *((height, width) if pose.quarter else (width, height)))


def _page_score(lines: Sequence[_Text]) -> float:
    """Return the mean probability over all characters."""
    sure = [s for line in lines for s in line.sure]
    return sum(sure) / len(sure) if sure else 0.0


def _lies_on_its_side(boxes: Array) -> bool:
    """Say whether most of the text runs from top to bottom."""
    tall = wide = 0.0
    for quad in boxes:
        across = math.dist(quad[0], quad[1])
        down = math.dist(quad[0], quad[3])
        if max(across, down) > 1.5 * min(across, down):
            if down > across:
                tall += down
            else:
                wide += across
    return tall > wide


def _turned(boxes: Array, width: int, height: int) -> Array:
    """Return the corners after a half turn of the page, from the top left, in reading order."""
    import numpy as np

    turned: Array = (np.array([width, height]) - boxes)[::-1, [2, 3, 0, 1]]
    return turned


def _straightened(boxes: Array) -> tuple[Array, float, tuple[float, float]]:
    """Turn the corners by the page's skew, so that lines of text are level.

    Returns them with the skew in degrees and the point they were turned about.
    """
    angle = _skew(boxes)
    if not _MIN_SKEW < abs(angle) < _MAX_SKEW:
        return boxes, 0.0, (0.0, 0.0)
    centre = boxes.reshape(-1, 2).mean(axis=0)
    level: Array = (boxes - centre) @ _rotation(-angle).T + centre
    return level, angle, (float(centre[0]), float(centre[1]))


def _skew(boxes: Array) -> float:
    """Measure the slope of the page's rows, in degrees.

    A line's own corners tell it to a degree; that lines far apart stand level
    tells it to a tenth.
    """
    import numpy as np

    runs = np.array([quad[1] - quad[0] for quad in boxes], dtype=float).reshape(-1, 2)
    runs = runs[np.abs(runs[:, 0]) > _LONG_PIXELS]
    if len(runs) < 3:
        return 0.0
    slopes = np.degrees(np.arctan2(runs[:, 1], runs[:, 0]))
    order = np.argsort(slopes)
    # What a corner is off counts the less, the longer the line.
    weights = np.cumsum(runs[order, 0] ** 2)
    start = float(slopes[order][np.searchsorted(weights, weights[-1] / 2)])
    if abs(start) > _MAX_SKEW:
        return start
    height = float(np.median(np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1)))
    middles = boxes.mean(axis=1)
    one, other = np.triu_indices(len(middles), 1)
    across, down = (middles[other] - middles[one]).T
    steepest = math.tan(math.radians(abs(start) + _SKEW_REACH))
    near = (np.abs(across) > 2 * height) & (np.abs(down) < np.abs(across) * steepest + height)
    across, down = across[near], down[near]
    best, most = start, 0.0
    for angle in np.arange(start - _SKEW_REACH, start + _SKEW_REACH, _SKEW_STEP):
        off = down - across * math.tan(math.radians(angle))
        level = float(np.exp(-((off / (0.15 * height)) ** 2)).sum())
        if level > most:
            best, most = float(angle), level
    return best


def _rotation(degrees: float) -> Array:
    import numpy as np

    turn = math.radians(degrees)
    return np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])


def _cut_out(picture: Picture, page: PageWords, box: Box) -> Array:
    """Cut a box of the upright page out of the picture, with a margin, upright."""
    import numpy as np

    pose = page.pose or Pose()
    pixels = np.rot90(picture.pixels) if pose.quarter else picture.pixels
    high, wide = pixels.shape[:2]
    x0, y0, x1, y1 = box
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    corners = corners * (wide / page.width, high / page.height)
    corners = (corners - pose.centre) @ _rotation(-pose.degrees) + pose.centre
    if pose.half:
        corners = (wide, high) - corners
    margin = _MARGIN * (y1 - y0) * high / page.height
    around = np.array([2 * margin, margin])
    left, top = np.maximum(corners.min(axis=0) - around, 0).astype(int)
    right, bottom = (corners.max(axis=0) + around).astype(int)
    part: Array = np.ascontiguousarray(pixels[top:bottom, left:right])
    return np.ascontiguousarray(np.rot90(part, 2)) if pose.half else part


def _words(line: _Text, quad: Array) -> list[tuple[str, Box, float]]:
    """Cut a line at its spaces; each word's box is its share of the line's."""
    upright = math.dist(quad[0], quad[3]) >= 1.5 * math.dist(quad[0], quad[1])
    found: list[tuple[str, Box, float]] = []
    half = 0.5 / max(1, len(line.text))
    start = 0
    for end in range(len(line.text) + 1):
        if end < len(line.text) and line.text[end] != " ":
            continue
        if end > start:
            # Vertical text in the margin keeps the box of its whole line.
            left = 0.0 if upright else max(0.0, line.at[start] - half)
            right = 1.0 if upright else min(1.0, line.at[end - 1] + half)
            sure = sum(line.sure[start:end]) / (end - start)
            found.append((line.text[start:end], _share(quad, left, right), sure))
        start = end + 1
    return found


def _share(quad: Array, left: float, right: float) -> Box:
    top = quad[1] - quad[0]
    bottom = quad[2] - quad[3]
    corners = [
        quad[0] + top * left,
        quad[0] + top * right,
        quad[3] + bottom * left,
        quad[3] + bottom * right,
    ]
    xs, ys = [float(c[0]) for c in corners], [float(c[1]) for c in corners]
    return min(xs), min(ys), max(xs), max(ys)


class _Tesseract:
    """Tesseract through pytesseract, for scripts PP-OCR lacks; all languages it has installed."""

    #: One column of text of variable sizes: measured best on receipts and invoices.
    _PSM = 4

    def __init__(self) -> None:
        import pytesseract

        try:
            languages = [name for name in pytesseract.get_languages() if name != "osd"]
        except (pytesseract.TesseractNotFoundError, OSError):
            raise EngineMissing(
                "the tesseract program is not installed: apt install tesseract-ocr, "
                "or set ocr to rapidocr"
            ) from None
        # Its threads wait for each other; documents are read side by side instead.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        self._tesseract = pytesseract
        self._languages = "+".join(languages) or "eng"

    def read(self, picture: Picture, *, upright: bool = False) -> PageWords:
        import numpy as np
        from PIL import Image

        turns = 0 if upright else self._quarter_turns(picture)
        pixels = np.rot90(picture.pixels, turns)
        sideways = turns % 2 == 1
        width = picture.height if sideways else picture.width
        height = picture.width if sideways else picture.height
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
        image.format = "BMP"  # as the program gets it: packing takes a tenth of its time
        data = self._tesseract.image_to_data(
            image,
            lang=self._languages,
            config=f"--psm {self._PSM}",
            output_type=self._tesseract.Output.DICT,
        )
        x, y = width / image.width, height / image.height
        words = tuple(
            Word(text, (a * x, b * y, (a + w) * x, (b + h) * y), float(sure) / 100)
            for text, sure, a, b, w, h in zip(
                data["text"],
                data["conf"],
                data["left"],
                data["top"],
                data["width"],
                data["height"],
                strict=True,
            )
            if text.strip() and float(sure) >= 0
        )
        return PageWords(number=picture.number, width=width, height=height, words=words, by="ocr")

    def look_closer(self, picture: Picture, page: PageWords, box: Box) -> list[str]:
        """Tesseract sees an enlarged place no differently."""
        return []

    def _quarter_turns(self, picture: Picture) -> int:
        """Ask for the orientation; too little text to tell means upright."""
        from PIL import Image

        image = Image.fromarray(picture.pixels[:, :, ::-1].copy())
        image.format = "BMP"
        try:
            found = self._tesseract.image_to_osd(image, output_type=self._tesseract.Output.DICT)
        except self._tesseract.TesseractError:
            return 0
        # `rotate` is clockwise, numpy turns the other way.
        return (4 - int(found["rotate"]) // 90) % 4
