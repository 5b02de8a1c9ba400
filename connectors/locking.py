"""Locking: one worker at a time changes a file that several may write to."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from records.failures import Unavailable


@contextmanager
def only_writer(path: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the right to change `path`; the lock ends with the process, however it ends.

    A hidden file beside it carries the lock, because the file itself is
    replaced. Unavailable when another worker keeps it for `wait_seconds`, or
    when the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_name(f".{path.name}.lock").open("a")
    except OSError as error:
        raise Unavailable(f"{path.parent} cannot be written ({error.strerror}).") from error
    with handle:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise Unavailable(f"{path} is being written by another worker.") from error
                time.sleep(0.05)
        yield
