"""Pictures of pages: image files and rendered PDF pages, upright by their own word, bounded.

A picture is an array of shape (height, width, 3) in BGR order, as the OCR
engines want it, never larger than asked for: a 600-dpi page is scaled down
while it is decoded or rendered.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

#: The engine looks at no more than this along the longer side.
LONGER_SIDE_PIXELS = 2000
#: Images that give no believable resolution are taken for this long, in points (A4).
_LONGER_SIDE_POINTS = 842.0
_BELIEVABLE_DPI = (50, 1300)


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


def image_pages(data: bytes, *, max_pages: int, max_pixels: int) -> Iterator[Picture]:
    """Yield every page of an image file (TIFF and GIF may hold several).

    Raises ImageRefused for damaged files and for more than `max_pixels` a page.
    """
    limit = Image.MAX_IMAGE_PIXELS
    # Our own limit is checked before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(io.BytesIO(data)) as image:
            for number in range(min(getattr(image, "n_frames", 1), max_pages)):
                image.seek(number)
                if image.width * image.height > max_pixels:
                    size = f"{image.width} x {image.height} pixels"
                    raise ImageRefused("too_large", f"the image has {size}")
                yield _picture(number + 1, image)
    except UnidentifiedImageError:
        raise ImageRefused("unknown_format", "no reader for this kind of image") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as failure:
        raise ImageRefused("damaged", f"the image is damaged: {failure}") from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _picture(number: int, image: Image.Image) -> Picture:
    width, height = image.size
    points = _points(image)
    # JPEG decodes at a half, a quarter or an eighth without ever holding the rest.
    image.draft("RGB", (LONGER_SIDE_PIXELS, LONGER_SIDE_PIXELS))
    image.thumbnail((LONGER_SIDE_PIXELS, LONGER_SIDE_PIXELS), Image.Resampling.LANCZOS)
    upright = ImageOps.exif_transpose(image) or image
    if (upright.width > upright.height) != (width > height):
        points = (points[1], points[0])
    return Picture(number, bgr(upright), *points)


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
    """Return the pixels, transparent parts on white."""
    import numpy as np

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
    image = bitmap.to_pil()
    bitmap.close()
    return Picture(number, bgr(image), float(width), float(height))
