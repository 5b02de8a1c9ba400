"""Word and PageWords: what any engine saw on a page, before anyone reads meaning into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Box = tuple[float, float, float, float]


class Word(NamedTuple):
    """One word as the engine gave it.

    `box` is (left, top, right, bottom) in points from the page's top left,
    after the page was turned upright. `confidence` is 1 for a text layer and
    the engine's own estimate (0 to 1) for OCR.
    """

    text: str
    box: Box
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Pose:
    """How a picture was made upright: a quarter turn to the left, half a turn, then straightened.

    `degrees` is the skew taken out, about `centre` in pixels of the turned picture.
    """

    quarter: bool = False
    half: bool = False
    degrees: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """All words of one page, in the engine's order.

    `number` counts from 1 in the file; `width` and `height` in points;
    `by` is the reader the fields will name: `pdf_text`, `ocr` or `html`; `pose`
    leads from the words of OCR back to the picture.
    """

    number: int
    width: float
    height: float
    words: tuple[Word, ...]
    by: str = "pdf_text"
    pose: Pose | None = None
