"""Pictures: other modes, sizes, formats, turns and frames; lying headers; cut files."""

from __future__ import annotations

import io
import struct
import warnings
from random import Random
from typing import Any

from PIL import Image

_SIZES = ((1, 1), (1, 3000), (3000, 1), (7, 900), (400, 566), (5000, 200))
_MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "TIFF": ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16"),
    "GIF": ("L", "P"),
    "BMP": ("1", "L", "P", "RGB"),
    "WEBP": ("RGB", "RGBA"),
}


def damaged(data: bytes, chance: Random) -> bytes:
    """Draw it anew in another way, then perhaps lie about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            image.thumbnail((1200, 1200))
            made = _drawn(image, chance)
    return _lied(made, chance) if chance.random() < 0.5 else made


def _drawn(image: Image.Image, chance: Random) -> bytes:
    if chance.random() < 0.3:
        image = image.resize(chance.choice(_SIZES))
    kind = chance.choice(list(_MODES))
    mode = chance.choice(_MODES[kind])
    image = image.convert("L").convert("I").convert(mode) if mode == "I;16" else _in(image, mode)
    options: dict[str, Any] = {"dpi": chance.choice(((72, 72), (0, 0), (300, 1), (1e6, 1e6)))}
    if chance.random() < 0.4 and kind in {"JPEG", "TIFF", "PNG", "WEBP"}:
        exif = Image.Exif()
        exif[0x0112] = chance.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65_535))
        options["exif"] = exif
    if kind in {"TIFF", "GIF", "WEBP", "PNG"} and chance.random() < 0.3:
        extra = [
            image.rotate(90, expand=chance.random() < 0.5) for _ in range(chance.choice((1, 60)))
        ]
        options |= {"save_all": True, "append_images": extra}
    if kind == "TIFF" and mode not in {"F", "I", "LAB"}:
        kinds = ("tiff_lzw", "tiff_deflate", "packbits", None)
        options["compression"] = "group4" if mode == "1" else chance.choice(kinds)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _in(image: Image.Image, mode: str) -> Image.Image:
    return image.convert("RGB").convert(mode)


def _lied(data: bytes, chance: Random) -> bytes:
    size = struct.pack(">II", *chance.choice(((0, 0), (60_000, 60_000), (2**31 - 1, 1), (1, 5))))
    if data.startswith(b"\x89PNG") and chance.random() < 0.5:
        return data[:16] + size + data[24:]
    if chance.random() < 0.5:
        return data[: chance.randrange(len(data))]
    made = bytearray(data)
    # The first bytes of a picture describe the rest.
    for _ in range(chance.choice((1, 3, 10))):
        made[chance.randrange(min(len(made), 400))] = chance.randrange(256)
    return bytes(made)
