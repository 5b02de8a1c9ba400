"""Confinement: what a process lays on itself before it touches untrusted bytes, and how it works.

It gives up the network where the kernel allows it, ties itself to its parent,
lowers its limits, and then does one piece of work after the other. Started by
`app.isolation`, which asks for the work and hears of the failures:

IsolationFailure
├── TookTooLong   the wall clock or the processor limit
├── OutOfMemory   the memory limit, or the kernel's own memory killer
└── Crashed       a signal, an early exit, or an unexpected exception
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import select
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from records.failures import KnownFailure

GIB = 1 << 30
#: An idle process leaves after this time.
IDLE_SECONDS = 60.0
#: One that holds this share of what it may is not asked again.
_GROWN = 0.5


class IsolationFailure(Exception):
    """The isolated work gave no result; `detail` is evidence for whoever looks into it."""

    def __init__(self, message: str, detail: str = "") -> None:
        """Say what happened in one line, and what the process left behind."""
        super().__init__(message)
        self.detail = detail


class TookTooLong(IsolationFailure):
    """The limit of seconds, by the wall clock or on the processor, was reached."""


class OutOfMemory(IsolationFailure):
    """The limit of memory was reached."""


class Crashed(IsolationFailure):
    """The process died, or the function raised something unexpected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one piece of work may use.

    `timeout_seconds` is wall-clock time, `cpu_seconds` processor time over all
    threads. `memory_bytes` is private, writable memory beyond what the process
    has when it starts (RLIMIT_DATA): engines that reserve far more address
    space than they touch need no more than that. `file_bytes` is the largest
    file that may be written.
    """

    timeout_seconds: float = 120.0
    cpu_seconds: int = 120
    memory_bytes: int = 3 * GIB
    file_bytes: int = GIB
    open_files: int = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back from a child: a result, or why there is none."""

    value: Any = None
    failure: IsolationFailure | KnownFailure | None = None
    is_last: bool = False  # the process that gave it must not be used again


def wanted_memory(text: str) -> bool:
    """Say whether a message is about memory that could not be had, in any library's words."""
    return any(words in text for words in ("bad_alloc", "bad allocation", "MemoryError"))


_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_M_ARENA_MAX = -8


def serve(pipe: Connection, complaints: int, parent: int, limits: Limits) -> None:
    """Do one piece of work after the other until the pipe closes, or nothing comes any more."""
    _settle_in(complaints, parent, limits)
    while True:
        try:
            if not pipe.poll(IDLE_SECONDS):
                os._exit(0)
            # Idle, it may be told to stop; at work it is deaf (see app.isolation).
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            function, args = pipe.recv()
        except (EOFError, ConnectionResetError):
            os._exit(0)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + limits.cpu_seconds
        _limit(resource.RLIMIT_CPU, seconds, soft_only=True)
        answer = _attempt(function, args, limits)
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)
        except Exception as error:  # a result that cannot be pickled, or is too big for the limit
            answer = Answer(failure=Crashed(f"result cannot be returned: {error!r}"), is_last=True)
            pipe.send(answer)
        if answer.is_last:
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _attempt(function: Callable[..., Any], args: tuple[Any, ...], limits: Limits) -> Answer:
    try:
        return Answer(function(*args), is_last=_has_grown(limits))
    except KnownFailure as failure:
        return Answer(failure=failure)
    except MemoryError:
        text = f"needed more than {limits.memory_bytes >> 20} MiB"
        return Answer(failure=OutOfMemory(text), is_last=True)
    except Exception as error:
        # Some libraries report a failed allocation as an error of their own.
        kind = OutOfMemory if wanted_memory(str(error)) else Crashed
        summary = traceback.format_exception_only(error)[-1].strip()
        return Answer(failure=kind(summary, traceback.format_exc()), is_last=kind is OutOfMemory)
    except BaseException as error:  # SystemExit and its like: the process wants to end
        return Answer(failure=Crashed(repr(error), traceback.format_exc()), is_last=True)


def _has_grown(limits: Limits) -> bool:
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (resident - shared) * resource.getpagesize() > limits.memory_bytes * _GROWN


def _settle_in(complaints: int, parent: int, limits: Limits) -> None:
    """Cut the child off from terminal and network, tie it to its parent, set its limits."""
    os.setpgrp()  # a group to end as a whole, and out of reach of the terminal's Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for descriptor in (1, 2):
        os.dup2(complaints, descriptor)
    faulthandler.enable(file=complaints)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:  # needs a capability; else by way of a user namespace
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    # The watching thread takes what the child started with it, but needs the
    # interpreter, which a stuck C library may hold; the kernel's signal does not.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    # Arenas keep what threads give back: two are enough.
    libc.mallopt(_M_ARENA_MAX, 2)
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    _limit(resource.RLIMIT_DATA, pages * resource.getpagesize() + limits.memory_bytes)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(what: int, value: int, *, soft_only: bool = False) -> None:
    """Lower a limit; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, hard if soft_only else value))


def _die_with(parent: int) -> None:
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        descriptor = -1
    if descriptor >= 0:
        select.select([descriptor], [], [])
    os.killpg(0, signal.SIGKILL)
