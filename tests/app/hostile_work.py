"""What a hostile document may do to the process that reads it; run by test_isolation."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from records.failures import Rejected

#: What earlier work left behind in this process.
_kept: list[object] = []


def same(item: object) -> object:
    if "poison" in _kept:
        crash()
    return item


def process_id() -> int:
    return os.getpid()


def process_of(item: object) -> int:
    return os.getpid()


def keep_megabytes(count: int) -> int:
    """Hold on to memory, as a library with a cache does."""
    _kept.append(b"x" * (count << 20))
    return os.getpid()


def reserve_gigabytes(count: int) -> int:
    """Reserve address space without using it, as engines with their own heap do."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    nothing, private_anonymous_noreserve = 0, 0x2 | 0x20 | 0x4000
    size = ctypes.c_size_t(count << 30)
    place = libc.mmap(None, size, nothing, private_anonymous_noreserve, -1, ctypes.c_long(0))
    assert place != ctypes.c_void_p(-1).value, ctypes.get_errno()
    return count


def poison() -> None:
    """Leave the process so that it dies of whatever comes next."""
    _kept.append("poison")


def stop_while_answering() -> None:
    """Write the beginning of an answer, and stop."""
    for number in range(3, 64):
        try:
            kind = str(Path(f"/proc/self/fd/{number}").readlink())
        except OSError:
            continue
        if kind.startswith("socket:"):
            with contextlib.suppress(OSError):
                os.write(number, b"\x00\x00\x10\x00half")
    os.kill(os.getpid(), signal.SIGSTOP)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def spin() -> None:
    while True:
        pass


def crash() -> None:
    ctypes.string_at(0)


def swell() -> None:
    kept = []
    while True:
        kept.append(bytearray(10 << 20))


def abort_for_want_of_memory() -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def leave() -> None:
    os._exit(7)


def fail() -> None:
    raise LookupError("no such table")


def refuse() -> None:
    raise Rejected("the target refuses")


def unpicklable() -> object:
    return lambda: None


def fill_disk(folder: str) -> None:
    (Path(folder) / "big").write_bytes(bytes(2 << 20))


def signal_everyone() -> str:
    """Do to this process and the fork server what a service manager does on stop."""
    for process in (os.getpid(), os.getppid()):
        os.kill(process, signal.SIGTERM)
    return "still here"


def call_home(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), 2).close()


def start_helper(folder: str) -> None:
    """Start a program, as an OCR engine does, note its process id, and hang."""
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (Path(folder) / "pid").write_text(str(helper.pid))
    time.sleep(600)


def chatter() -> None:
    print("to the terminal" * 100_000, flush=True)


def one_of_many(item: int) -> tuple[int, int]:
    if item % 20 == 3:
        crash()
    if item % 20 == 7:
        swell()
    if item % 20 == 11:
        time.sleep(60)
    if item % 20 == 13:
        fail()
    return item, os.getpid()
