"""ZIP and gzip files around bank files, unpacked one member at a time and within bounds."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from records.documents import Document
from records.findings import Finding, finding
from records.media import HEAD, sniff

_BLOCK = 1 << 18
_MAX_MEMBERS = 10_000
#: All members together, unpacked. A year of a large company's camt files is below 1 GB.
_MAX_BYTES = 4 << 30
#: Statements pack 10 to 40 times; a thousandfold is a bomb.
_MAX_RATIO = 400
_RATIO_FROM = 16 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One unpacked file. `document.name` is the container's name and the member's."""

    document: Document


def is_packed(head: bytes) -> bool:
    """Say whether a file that begins so is a ZIP or gzip file; stored text in it is not its own."""
    return head.startswith((b"PK\x03\x04", b"\x1f\x8b"))


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Bomb(Exception):
    """Unpacking exceeded a bound."""


def members(document: Document, folder: Path) -> Iterator[Member | Finding]:
    """Unpack each member in turn into `folder`; nothing for a file that is no container.

    A member's file is removed before the next one is unpacked, so the disk
    holds one at a time.
    """
    with document.path.open("rb") as file:
        media_type = sniff(file.read(HEAD))
    if media_type == "application/gzip":
        with gzip.open(document.path) as packed:
            yield from _one(document, document.name.removesuffix(".gz"), packed, folder, 0)
    elif media_type.endswith("/zip") or "openxml" in media_type:
        yield from _zip(document, folder)


def _zip(document: Document, folder: Path) -> Iterator[Member | Finding]:
    try:
        archive = zipfile.ZipFile(document.path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        yield finding("damaged", where=document.name, message=f"Not a readable ZIP file: {error}")
        return
    with archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if len(files) > _MAX_MEMBERS:
            message = f"A ZIP file with {len(files)} members (at most {_MAX_MEMBERS})"
            yield finding("too_large", where=document.name, message=message)
            return
        used = 0
        for info in files:
            name = f"{document.name}/{info.filename}"
            if info.flag_bits & 1:
                yield finding("encrypted", where=name)
                continue
            try:
                with archive.open(info) as packed:
                    for member in _one(document, name, packed, folder, used):
                        if isinstance(member, Member):
                            used += member.document.size
                        yield member
            except (
                zipfile.BadZipFile,
                NotImplementedError,
                zlib.error,
                lzma.LZMAError,
                EOFError,
                OSError,
            ) as error:
                yield finding("damaged", where=name, message=f"Cannot be unpacked: {error}")


def _one(
    container: Document, name: str, packed: _Readable, folder: Path, used: int
) -> Iterator[Member | Finding]:
    target = folder / "member"
    try:
        size = _unpack(packed, target, container.size or container.path.stat().st_size, used)
    except _Bomb:
        yield finding("too_large", where=name, message="Unpacks to far more than it may")
    except (zipfile.BadZipFile, OSError, zlib.error, lzma.LZMAError, EOFError) as error:
        yield finding("damaged", where=name, message=f"Cannot be unpacked: {error}")
    else:
        with target.open("rb") as file:
            media_type = sniff(file.read(HEAD))
        if media_type in ("application/zip", "application/gzip"):
            message = "A container inside a container is not opened"
            yield finding("unknown_format", where=name, message=message, remedy="Unpack it.")
        else:
            inner = Document(
                id=f"{container.id}/{name}",
                media_type=media_type,
                path=target,
                name=name,
                size=size,
                origin=container.origin,
            )
            yield Member(inner)
    target.unlink(missing_ok=True)


def _unpack(packed: _Readable, target: Path, packed_size: int, used: int) -> int:
    size = 0
    with target.open("wb") as file:
        while block := packed.read(_BLOCK):
            size += len(block)
            if used + size > _MAX_BYTES or (size > _RATIO_FROM and size > packed_size * _MAX_RATIO):
                raise _Bomb
            file.write(block)
    return size
