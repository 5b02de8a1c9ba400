"""What a hostile document may do to the process that reads it; run by test_isolation."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from records.failures import Rejected


def same(item: object) -> object:
    return item


def process_id() -> int:
    return os.getpid()


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
