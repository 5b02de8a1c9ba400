"""Keeping bytes: content-addressed files that are whole or absent, never half."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

#: How files begin that are not whole yet.
_PREFIX = ".incoming-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Bytes we keep: their SHA-256 in hex, where they lie, and how many they are."""

    sha256: str
    path: Path
    size: int


def keep_bytes(folder: Path, chunks: Iterable[bytes]) -> Kept:
    """Keep the concatenated chunks under `folder/ab/abcd…`, named by SHA-256.

    The file is flushed to disk before it gets its name, so a crash leaves
    either nothing or all of it. Bytes kept before are not written again.
    Memory is bounded by the largest chunk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    with NamedTemporaryFile(dir=folder, prefix=_PREFIX, delete=False) as incoming:
        try:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                incoming.write(chunk)
            name = digest.hexdigest()
            target = folder / name[:2] / name
            if not (target.exists() and target.stat().st_size == size):
                incoming.flush()
                os.fsync(incoming.fileno())
                target.parent.mkdir(exist_ok=True)
                Path(incoming.name).replace(target)
                sync_folder(target.parent)
        finally:
            with suppress(FileNotFoundError):
                Path(incoming.name).unlink()
    return Kept(sha256=name, path=target, size=size)


def write_whole(target: Path, raw: bytes) -> None:
    """Write a file so that readers see the old bytes or the new, also after a crash."""
    with NamedTemporaryFile(dir=target.parent, prefix=_PREFIX, delete=False) as incoming:
        try:
            incoming.write(raw)
            incoming.flush()
            os.fsync(incoming.fileno())
            Path(incoming.name).replace(target)
        finally:
            with suppress(FileNotFoundError):
                Path(incoming.name).unlink()
    sync_folder(target.parent)


def make_private(path: Path) -> None:
    """Make an empty file, with its folders, that only its owner and group may open.

    The group as the umask allows. A file that is there stays as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o660)


def sweep(folder: Path, older_than_seconds: float = 24 * 3600.0) -> int:
    """Delete what processes that died left half-written in `folder`; return how many files.

    Younger files may belong to somebody who is still writing.
    """
    count = 0
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > older_than_seconds:
                path.unlink()
                count += 1
    return count


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def chunks_of(path: Path, size: int = 1 << 20) -> Iterable[bytes]:
    """Yield a file in pieces of at most `size` bytes."""
    with path.open("rb") as stream:
        while chunk := stream.read(size):
            yield chunk
