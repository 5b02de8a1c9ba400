"""ZIP archives and workbooks: members damaged in turn, doubled, renamed, mislabelled."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from random import Random

Damage = Callable[[bytes, Random, Sequence[bytes]], bytes]

_NAMES = (
    "../../x.pdf",
    "C:\\x.xml",
    "a" * 300,
    "\u202egnp.pdf",
    "x\x00y",
    "[Content_Types].xml",
    "/",
)
_MOST_BYTES = 20_000_000


def damaged(data: bytes, chance: Random, others: Sequence[bytes], inner: Damage) -> bytes:
    """Unpack, change one to three members, pack again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
            return data
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(members))
        name, content = members[at]
        way = chance.randrange(6)
        if way <= 2:
            members[at] = (name, inner(content, chance, others))
        elif way == 3:
            members[at] = (chance.choice(_NAMES), content)
        elif way == 4 and len(members) > 1:
            members.pop(at)
        else:
            members.append((name, chance.choice(others)))
    out = io.BytesIO()
    method = chance.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    made = out.getvalue()
    return _mislabelled(made, chance) if chance.random() < 0.3 else made


def _mislabelled(data: bytes, chance: Random) -> bytes:
    """Lie in a header: flags, method, sizes or the checksum."""
    made = bytearray(data)
    start = data.rfind(b"PK\x01\x02") if chance.random() < 0.5 else data.find(b"PK\x03\x04")
    field = start + chance.choice((6, 8, 10, 14, 18, 20, 22, 24))
    struct.pack_into("<H", made, field, chance.choice((0, 1, 8, 12, 99, 0xFFFF)))
    return bytes(made)
