"""FileLock: one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from records.failures import KnownFailure


class FileLock:
    """One process at a time; the kernel lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise KnownFailure(
                f"another nightclerk (process {holder}) is working on this database; stop it "
                "first, or use PostgreSQL to have several workers"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()
