"""Pictures of pages: image files and rendered PDF pages, upright by their own word, bounded.

A picture is an array of shape (height, width, 3) in BGR order, as the OCR
engines want it, never larger than asked for: a 600-dpi page is scaled down
while it is decoded or rendered.
"""

from __future__ import annotations

import ctypes
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as raw
from PIL import Image, ImageOps, UnidentifiedImageError

from extractors.pdfium import (
    Handle,
    count_form_objects,
    count_segments,
    form_object,
    handle,
    object_bounds,
    object_kind,
    page_object,
    unquick,
)
from records.media import HEAD, sniff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

#: The engine looks at no more than this along the longer side.
LONGER_SIDE_PIXELS = 2000
#: Images that give no believable resolution are taken for this long, in points (A4).
_LONGER_SIDE_POINTS = 842.0
_BELIEVABLE_DPI = (50, 1300)
#: From this proportion of its two resolutions on, a picture is stretched to square pixels (a fax).
_SQUARE = 1.1


# Pillow warns at sizes that office scanners produce; our own limit is checked before decoding.
Image.MAX_IMAGE_PIXELS = None

#: What Pillow's many decoders let escape on damaged files.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    EOFError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)


class ImageRefused(Exception):
    """The picture cannot be read. `code` is a key of the findings catalogue."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the message."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Picture:
    """One page as pixels, and its size in points."""

    number: int
    pixels: Pixels
    width: float
    height: float


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels without decoding; raises ImageRefused."""
    with _opened(data) as image:
        return image.size


def image_pages(
    data: bytes, *, max_pages: int, max_pixels: int, span: tuple[int, int] | None = None
) -> Iterator[Picture]:
    """Yield every page of an image file (TIFF and GIF may hold several), or those of `span`.

    Raises ImageRefused for damaged files and for more than `max_pixels` a page.
    """
    with _opened(data) as image:
        first, last = span or (1, max_pages)
        for number in range(first - 1, min(getattr(image, "n_frames", 1), last, max_pages)):
            image.seek(number)
            if image.width * image.height > max_pixels:
                size = f"{image.width} x {image.height} pixels"
                raise ImageRefused("too_large", f"the image has {size}")
            yield _picture(number + 1, image)


@cache
def _learn_heic() -> None:
    """Teach Pillow the pictures of phones; raises ImageRefused without the extra."""
    try:
        import pi_heif
    except ImportError:
        message = "photos of iPhones (HEIC) need the extra: pip install 'nightclerk[heic]'"
        raise ImageRefused("not_installed", message) from None
    pi_heif.register_heif_opener(thumbnails=False)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong while it is in use is a refusal."""
    if sniff(data[:HEAD]) == "image/heic":
        _learn_heic()
    try:
        with warnings.catch_warnings():
            # Pillow warns of what it mends by itself.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                yield image
    except UnidentifiedImageError:
        raise ImageRefused("unknown_format", "no reader for this kind of image") from None
    except _DAMAGE as failure:
        raise ImageRefused("damaged", f"the image is damaged: {failure}") from None


def _picture(number: int, image: Image.Image) -> Picture:
    points = _points(image)
    # JPEG decodes at a half, a quarter or an eighth without ever holding the rest.
    image.draft("RGB", (LONGER_SIDE_PIXELS, LONGER_SIDE_PIXELS))
    scaled = _scaled(image, points)
    upright = ImageOps.exif_transpose(scaled) or scaled
    if (upright.width > upright.height) != (scaled.width > scaled.height):
        points = (points[1], points[0])
    return Picture(number, bgr(upright), *points)


def _scaled(image: Image.Image, points: tuple[float, float]) -> Image.Image:
    """Return the image no larger than asked for, its pixels square."""
    if image.mode in {"1", "P"}:
        # Pillow scales these by leaving pixels out: the thin strokes of a fax would go.
        clear = "transparency" in image.info
        image = image.convert("L" if image.mode == "1" else "RGBA" if clear else "RGB")
    across, down = image.width / points[0], image.height / points[1]
    if max(across, down) > _SQUARE * min(across, down):
        finest = min(max(across, down), LONGER_SIDE_PIXELS / max(points))
        size = (round(points[0] * finest) or 1, round(points[1] * finest) or 1)
        return image.resize(size, Image.Resampling.LANCZOS)
    image.thumbnail((LONGER_SIDE_PIXELS, LONGER_SIDE_PIXELS), Image.Resampling.LANCZOS)
    return image


def _points(image: Image.Image) -> tuple[float, float]:
    low, high = _BELIEVABLE_DPI
    try:
        across, down = (float(v) for v in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError):
        across = down = 0.0
    # 72 and 96 are what programs write when they know nothing.
    if low < across < high and low < down < high and across not in {72.0, 96.0}:
        return image.width * 72 / across, image.height * 72 / down
    scale = _LONGER_SIDE_POINTS / max(image.size)
    return image.width * scale, image.height * scale


def bgr(image: Image.Image) -> Pixels:
    """Return the pixels, transparent parts on white, the brightest of deep grey white."""
    import numpy as np

    if image.mode[0] in {"I", "F"}:
        # Pillow would cut off what eight bits cannot hold.
        deep = np.nan_to_num(np.asarray(image, dtype=np.float32)).clip(0)
        image = Image.fromarray((deep * (255 / (deep.max() or 1))).astype(np.uint8))
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(paper, layer)
    pixels: Pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
    return pixels


def pdf_page(page: Any, number: int) -> Picture:
    """Render one page of a pypdfium2 document."""
    width, height = page.get_size()
    scale = LONGER_SIDE_PIXELS / max(width, height, 1)
    bitmap = page.render(scale=scale, rev_byteorder=False)
    pixels = _rendered(bitmap)
    return Picture(number, pixels, float(width), float(height))


def _rendered(bitmap: Any) -> Pixels:
    """Return the pixels of a bitmap of PDFium, which is closed: on paper, nothing is transparent."""
    import numpy as np

    pixels: Pixels = np.array(bitmap.to_numpy()[:, :, :3])
    bitmap.close()
    return pixels


_PATH, _IMAGE, _FORM = raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM
_MAX_FORMS = 4
_MAX_OBJECTS = 6_000
#: Text stands among the first objects of a scan: there is little else.
_FIRST_OBJECTS = 40
#: Sides of a printed QR code, and the height of a bar code, in points.
_SQUARE_POINTS = (45.0, 260.0)
_BAR_POINTS = (15.0, 60.0)
_BAR_WIDTH_POINTS = (180.0, 360.0)
#: A path that is a whole code has at least this many segments; a frame or a table cell has five.
_CODE_SEGMENTS = 100
_MAX_AREAS = 12
_CODE_DPI = 288
#: A code as a picture has some ten pixels a module; what is printed finer is artwork.
_FINEST_DPI = 1000
#: A code drawn as single modules puts at least this many of them in one cell of this size.
_CELL_POINTS = 40.0
_CELL_MODULES = 12

_Bounds = tuple[float, float, float, float]


def is_pictured(page: Any) -> bool:
    """Say whether an image covers most of a PDF page: a scan."""
    width, height = page.get_size()
    return any(
        kind == _IMAGE and (right - left) * (top - bottom) > 0.5 * width * height
        for kind, (left, bottom, right, top), _ in _drawn(page)
    )


def has_unseen_text(page: Any) -> bool:
    """Say whether a PDF page's text is not drawn: a scanner laid its own reading under the picture."""
    for kind, item in islice(objects_on(page, _MAX_FORMS), _FIRST_OBJECTS):
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            mode: int = raw.FPDFTextObj_GetTextRenderMode(unquick(item))
            return mode == int(raw.FPDF_TEXTRENDERMODE_INVISIBLE)
    return False


def code_pictures(page: Any, number: int) -> Iterator[tuple[Picture, float, float]]:
    """Render those parts of a PDF page that could be a payment code, and nothing else.

    Yields each with the point of the page that its top left corner shows.
    """
    left, bottom, right, top = page.get_cropbox()
    _, height = page.get_size()
    if page.get_rotation():
        # Coordinates would have to be turned, too: rare enough to look at the whole page.
        if _areas(page):
            yield pdf_page(page, number), 0.0, 0.0
        return
    for x0, y0, x1, y1 in _areas(page):
        # A code needs its quiet zone.
        x0, x1 = max(left, x0 - 12), min(right, x1 + 12)
        y0, y1 = max(bottom, y0 - 12), min(top, y1 + 12)
        if x1 - x0 < 20 or y1 - y0 < 10:
            continue
        bitmap = page.render(
            scale=_CODE_DPI / 72, crop=(x0 - left, y0 - bottom, right - x1, top - y1)
        )
        yield (
            Picture(number, _rendered(bitmap), x1 - x0, y1 - y0),
            x0 - left,
            height - (y1 - bottom),
        )


def _is_artwork(image: Handle, across: float) -> bool:
    """Say whether an image is a JPEG finer than any printed code: a logo, slow to decode."""
    item = unquick(image)
    found = raw.FPDF_IMAGEOBJ_METADATA()
    name = ctypes.create_string_buffer(16)
    raw.FPDFImageObj_GetImageFilter(item, 0, name, len(name))
    raw.FPDFImageObj_GetImageMetadata(item, None, found)
    return name.value == b"DCTDecode" and found.width * 72 > _FINEST_DPI * across


def _areas(page: Any) -> list[_Bounds]:
    found: list[_Bounds] = []
    cells: dict[tuple[int, int], int] = {}
    for kind, bounds, item in _drawn(page):
        across, up = bounds[2] - bounds[0], bounds[3] - bounds[1]
        if across <= 0 or up <= 0:
            continue
        if _has_code_shape(across, up, kind):
            if kind == _PATH or not _is_artwork(item, across):
                found.append(bounds)
        elif kind == _PATH and across < 8 and up < _BAR_POINTS[1]:
            cell = int(bounds[0] // _CELL_POINTS), int(bounds[1] // _CELL_POINTS)
            cells[cell] = cells.get(cell, 0) + 1
    dense = [cell for cell, count in cells.items() if count >= _CELL_MODULES]
    if dense:
        found.append(
            (
                min(x for x, _ in dense) * _CELL_POINTS,
                min(y for _, y in dense) * _CELL_POINTS,
                (max(x for x, _ in dense) + 1) * _CELL_POINTS,
                (max(y for _, y in dense) + 1) * _CELL_POINTS,
            )
        )
    return found[:_MAX_AREAS]


def _has_code_shape(across: float, up: float, kind: int) -> bool:
    low, high = _SQUARE_POINTS
    if low < across < high and 0.85 < across / up < 1.18:
        return True
    narrow, wide = _BAR_WIDTH_POINTS
    flat, tall = _BAR_POINTS
    return kind == _IMAGE and narrow < across < wide and flat < up < tall


def _drawn(page: Any) -> Iterator[tuple[int, _Bounds, Handle]]:
    """Yield kind, (left, bottom, right, top) and object of what a page draws, also inside forms.

    A form's own transformation is not applied: most have none, and these are hints.
    """
    sides = (ctypes.c_float * 4)()
    pointers = [ctypes.byref(ctypes.c_float.from_buffer(sides, 4 * n)) for n in range(4)]
    numbers: Any = memoryview(sides).cast("B").cast("f")
    for kind, item in islice(objects_on(page, _MAX_FORMS), _MAX_OBJECTS):
        if kind in {_PATH, _IMAGE} and object_bounds(item, *pointers):
            bounds = left, _, right, _ = tuple(numbers)
            large = right - left > _SQUARE_POINTS[0]
            if kind == _PATH and large and count_segments(item) < _CODE_SEGMENTS:
                continue
            yield kind, bounds, item


def objects_on(page: Any, forms: int) -> Iterator[tuple[int, Handle]]:
    """Yield kind and object of all that a page draws, also inside so many forms within forms."""
    return _objects(handle(page), raw.FPDFPage_CountObjects(page), page_object, forms)


def _objects(
    holder: Handle, count: int, get: Callable[[Handle, int], Handle], forms: int
) -> Iterator[tuple[int, Handle]]:
    for index in range(count):
        item = get(holder, index)
        kind = object_kind(item)
        yield kind, item
        if kind == _FORM and forms:
            yield from _objects(item, count_form_objects(item), form_object, forms - 1)
