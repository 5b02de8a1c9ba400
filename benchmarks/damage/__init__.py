"""Damage to documents that knows what it damages: elements, objects, parts, tags, rows.

Random bytes mostly break what is checked first (a header, a checksum, a
length). These changes keep the outside whole, so that they reach the readers
behind it. `damaged` chooses by the bytes' kind; what cannot be taken apart is
damaged byte by byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from benchmarks.damage import archives, mails, pdf, pictures, plain, text, xml
from records.media import HEAD, sniff

_BY_TYPE = {
    "application/pdf": pdf.damaged,
    "application/xml": xml.damaged,
    "text/plain": text.damaged,
    "text/html": text.damaged,
}


def damaged(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """Return a damaged copy; `others` lend pieces. Deterministic for a given `chance`."""
    kind = sniff(data[:HEAD])
    if not data or chance.random() < 0.2:
        return plain.damaged(data, chance, others)
    try:
        if kind.startswith("image/"):
            made = pictures.damaged(data, chance)
        elif kind == "message/rfc822":
            made = mails.damaged(data, chance, others, damaged)
        elif data.startswith(b"PK"):
            made = archives.damaged(data, chance, others, damaged)
        elif kind in _BY_TYPE:
            made = _BY_TYPE[kind](data, chance)
        else:
            return plain.damaged(data, chance, others)
    except Exception:
        # The tools that take it apart may refuse what is broken already: any other damage serves.
        return plain.damaged(data, chance, others)
    return plain.damaged(made, chance, others) if chance.random() < 0.15 else made
