"""Keeping bytes: whole or absent, and nothing half-written for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.keeping import keep_bytes, sweep, write_whole


def test_bytes_are_kept_once_under_their_digest(tmp_path: Path) -> None:
    first, again = keep_bytes(tmp_path, [b"ab", b"c"]), keep_bytes(tmp_path, [b"abc"])
    assert first == again and first.size == 3
    assert first.path.read_bytes() == b"abc" and first.path.name == first.sha256
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [first.path]


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        keep_bytes(tmp_path, broken())
    assert list(tmp_path.rglob("*")) == []


def test_only_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    kept = keep_bytes(tmp_path, [b"abc"]).path
    write_whole(tmp_path / "named.txt", b"whole")
    left, young = tmp_path / ".incoming-left", tmp_path / ".incoming-young"
    for path in (left, young, tmp_path / ".other"):
        path.write_bytes(b"half")
    long_ago = time.time() - 2 * 24 * 3600
    for path in (left, kept, tmp_path / "named.txt", tmp_path / ".other"):
        os.utime(path, (long_ago, long_ago))
    assert sweep(tmp_path) == 1
    assert not left.exists()
    assert all(p.exists() for p in (young, kept, tmp_path / "named.txt", tmp_path / ".other"))
    assert sweep(tmp_path / "absent") == 0
