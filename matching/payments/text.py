"""Folding of printed text: one spelling for what banks write in many.

Banks transliterate, upper-case, wrap and cut. Everything is compared in upper
case ASCII: umlauts written out (AE), accents dropped.
"""

from __future__ import annotations

import re
import unicodedata


def _folding() -> dict[int, str]:
    table: dict[int, str] = {}
    for code in range(0x80, 0x250):
        character = chr(code)
        base = unicodedata.normalize("NFKD", character)
        ascii_base = "".join(c for c in base if ord(c) < 0x80)
        if ascii_base:
            table[code] = ascii_base.upper()
    for source, target in {
        "ä": "AE",
        "ö": "OE",
        "ü": "UE",
        "Ä": "AE",
        "Ö": "OE",
        "Ü": "UE",
        "ß": "SS",
        "ẞ": "SS",
        "æ": "AE",
        "Æ": "AE",
        "ø": "OE",
        "Ø": "OE",
        "œ": "OE",
        "Œ": "OE",
        "ł": "L",
        "Ł": "L",
        "đ": "D",
        "Đ": "D",
        "ı": "I",
        "å": "A",
        "Å": "A",
    }.items():
        table[ord(source)] = target
    return table


_FOLDING = _folding()
_WORDS = re.compile(r"[A-Z0-9]+")


def fold(text: str) -> str:
    """Upper-case ASCII; umlauts written out."""
    return (text if text.isascii() else text.translate(_FOLDING)).upper()


def words(folded: str) -> list[str]:
    """Return the runs of letters and digits of folded text."""
    return _WORDS.findall(folded)


def compact(text: str) -> str:
    """Return letters and digits only, folded: `RE-2026/01` -> `RE202601`."""
    folded = fold(text)
    return folded if folded.isalnum() else "".join(_WORDS.findall(folded))
