"""A folder where bank files arrive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from connectors.arrivals import arrivals, name_of
from connectors.keeping import chunks_of, keep_bytes
from records.documents import Document
from records.failures import Unavailable
from records.media import HEAD, sniff


class Source:
    """Bank files from a folder; the files stay where they are.

    Each file is copied before it is read, so that what was read can be shown
    later whatever becomes of the original.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which folder and which files.

        path: the folder. Required.
        pattern: file names to take, as the shell writes them. Default: all.
        subfolders: take the files of folders below, too. Default: false.
        quiet_seconds: a file must be unchanged for so long to count as
            complete; programs that write elsewhere and rename need none.
            Default: 0.
        max_bytes: a larger file stops the source with a clear message.
            Default: 2 GB.
        """

        path: Path
        pattern: str = "*"
        subfolders: bool = False
        quiet_seconds: float = 0.0
        max_bytes: int = 2_000_000_000

    def __init__(self, settings: Settings, keep: Path) -> None:
        """Take bank files from a folder; copies are kept under `keep`."""
        self._settings = settings
        self._keep = keep

    def fetch(self, since: str | None) -> Iterator[tuple[Document, str]]:
        """Yield each new file, oldest arrival first. Unavailable when the folder is not there."""
        for arrival in arrivals(self._folders(), since, self._settings.quiet_seconds):
            if not fnmatch(arrival.path.name, self._settings.pattern):
                continue
            if arrival.size > self._settings.max_bytes:
                raise Unavailable(
                    f"{arrival.path} has {arrival.size:,} bytes, more than "
                    f"{self._settings.max_bytes:,}. Raise max_bytes, or move it away."
                )
            with suppress(FileNotFoundError):
                kept = keep_bytes(self._keep, chunks_of(arrival.path))
                with kept.path.open("rb") as stream:
                    media_type = sniff(stream.read(HEAD))
                document = Document(
                    id=kept.sha256,
                    media_type=media_type,
                    path=kept.path,
                    name=name_of(arrival.path.name),
                    size=kept.size,
                    origin=name_of(arrival.path),
                )
                yield document, arrival.since

    def check(self) -> str:
        """Count the files; Unavailable when the folder cannot be read."""
        names = [a.path.name for a in arrivals(self._folders(), None, 0)]
        count = sum(fnmatch(name, self._settings.pattern) for name in names)
        return f"{self._settings.path}: {count} files"

    def _folders(self) -> list[Path]:
        root = self._settings.path
        if not root.is_dir():
            raise Unavailable(f"{root} is no folder. Make it, or correct `path`.")
        if not self._settings.subfolders:
            return [root]
        return [root, *sorted(p for p in root.rglob("*") if p.is_dir() and not p.is_symlink())]
