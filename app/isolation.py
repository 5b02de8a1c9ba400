"""Isolated: work on untrusted bytes in processes that may hang, crash or swell.

A PDF can loop for ever, kill its parser or ask for all memory. Whatever it
does happens in a child process with limits, and comes back as one of three
failures that the caller turns into a Finding:

IsolationFailure
├── TookTooLong   the wall clock or the processor limit
├── OutOfMemory   the memory limit, or the kernel's own memory killer
└── Crashed       a signal, an early exit, or an unexpected exception

This holds faults, not attackers: a child is the same user on the same disk.
Where the kernel allows it, it has no network.

Children stay for the next piece of work, so that models and stylesheets are
loaded once. One is replaced after a failure, after `serves` pieces, when it has
grown, and when it has been idle; work that fails in a child which served
others before is tried once more in a new one, so that no document pays for
another. They come from a fork server that has imported `preload` already.
Every child imports `__main__` again: keep entry points thin. Functions and
arguments travel by pickle and must be importable.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import multiprocessing
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from records.failures import KnownFailure

Item = TypeVar("Item")
Result = TypeVar("Result")
_Item = TypeVar("_Item", contravariant=True)
_Result = TypeVar("_Result", covariant=True)

GIB = 1 << 30
#: An idle child leaves after this time, and is not asked any more a little earlier.
_IDLE_SECONDS = 60.0
_STALE_SECONDS = 40.0
#: A child that holds this share of what it may is not asked again.
_GROWN = 0.25


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


class _Function(Protocol[_Item, _Result]):
    def __call__(self, item: _Item, /) -> _Result: ...


class Isolated:
    """A number of slots for isolated work; threads that find none free wait their turn.

    `preload` names the modules that the fork server imports once for all
    children; the first call of the program to start a child decides. A child
    does `serves` pieces of work.
    """

    def __init__(self, slots: int, *, preload: Sequence[str] = (), serves: int = 200) -> None:
        """Allow `slots` children at a time."""
        self._slots = threading.BoundedSemaphore(slots)
        self._count = slots
        self._serves = serves
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_entry_modules(), *preload])
        self._idle: deque[_Worker] = deque()
        weakref.finalize(self, _end_all, self._idle)

    def warm(self) -> None:
        """Begin to import what children will need, so that the first need not wait for it."""
        _start_server()

    def run(
        self, function: Callable[..., Result], *args: Any, limits: Limits | None = None
    ) -> Result:
        """Call `function(*args)` in a limited process and return its result.

        Raises IsolationFailure, or the KnownFailure that the function raised.
        """
        answer = self._answer((function, args), limits or Limits(), _Crew())
        if answer.failure is not None:
            raise answer.failure
        result: Result = answer.value
        return result

    def map(
        self,
        function: _Function[Item, Result],
        items: Iterable[Item],
        *,
        limits: Limits | None = None,
    ) -> Iterator[tuple[Item, Result | IsolationFailure | KnownFailure]]:
        """Yield each item with its result, or with why there is none, in the items' order.

        At most a few items per slot are read ahead. Who stops listening stops the work.
        """
        limits = limits or Limits()
        crew = _Crew()
        ahead: deque[tuple[Item, Future[_Answer]]] = deque()
        threads = ThreadPoolExecutor(self._count)
        try:
            for item in items:
                work = (function, (item,))
                ahead.append((item, threads.submit(self._answer, work, limits, crew)))
                while ahead and (ahead[0][1].done() or len(ahead) > 3 * self._count):
                    yield _outcome(*ahead.popleft())
            while ahead:
                yield _outcome(*ahead.popleft())
        finally:
            crew.dismiss()
            threads.shutdown(cancel_futures=True)

    def _answer(self, work: _Work, limits: Limits, crew: _Crew) -> _Answer:
        with self._slots:
            worker = self._taken(limits)
            was_used = worker.served > 0
            answer = self._done(worker, work, crew)
            if was_used and answer.is_last and isinstance(answer.failure, Crashed | OutOfMemory):
                # What it served before may be to blame.
                answer = self._done(_Worker(self._context, limits), work, crew)
            return answer

    def _done(self, worker: _Worker, work: _Work, crew: _Crew) -> _Answer:
        if crew.is_dismissed:
            worker.end()
            return _Answer(failure=Crashed("nobody waits for the result"), is_last=True)
        crew.workers.add(worker)
        try:
            answer = worker.do(work)
        finally:
            crew.workers.discard(worker)
        if answer.is_last or worker.served >= self._serves:
            worker.end()
        else:
            self._idle.append(worker)
        return answer

    def _taken(self, limits: Limits) -> _Worker:
        """Return an idle worker with these limits, or a new one."""
        for _ in range(len(self._idle)):
            try:
                worker = self._idle.popleft()
            except IndexError:  # another thread was faster
                break
            if not worker.is_ready:
                worker.end()
            elif worker.limits == limits:
                return worker
            else:
                self._idle.append(worker)
        while len(self._idle) >= self._count:
            self._idle.popleft().end()
        return _Worker(self._context, limits)


# -- the parent's side

_Work = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What comes back from a child: a result, or why there is none."""

    value: Any = None
    failure: IsolationFailure | KnownFailure | None = None
    is_last: bool = False  # the process that gave it must not be used again


def _outcome(item: Item, future: Future[_Answer]) -> tuple[Item, Any]:
    answer = future.result()
    return item, answer.value if answer.failure is None else answer.failure


class _Crew:
    """The workers busy for one caller, who may lose interest."""

    def __init__(self) -> None:
        self.workers: set[_Worker] = set()
        self.is_dismissed = False

    def dismiss(self) -> None:
        """Stop all of them, and let no more begin."""
        self.is_dismissed = True
        for worker in tuple(self.workers):
            worker.kill()


class _Inherited:
    """A file descriptor on its way to a child, where it arrives as a number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _arrive, (DupFd(self._number),)


def _arrive(duplicate: Any) -> int:
    number: int = duplicate.detach()
    return number


class _Worker:
    """One child process, the pipe to it, and the file that takes its complaints."""

    def __init__(self, context: Any, limits: Limits) -> None:
        self.limits = limits
        self.served = 0
        self._idle_since = 0.0
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - end() closes it
        fcntl.fcntl(self._complaints, fcntl.F_SETFL, os.O_APPEND)
        self._pipe, theirs = context.Pipe()
        _never_block(self._pipe, limits.timeout_seconds)
        self._process = context.Process(
            target=_child,
            args=(theirs, _Inherited(self._complaints.fileno()), os.getpid(), limits),
            daemon=True,
        )
        _start_server()
        self._process.start()
        theirs.close()

    @property
    def is_ready(self) -> bool:
        """Say whether it can be asked: alive, and not about to leave."""
        fresh = time.monotonic() - self._idle_since < _STALE_SECONDS
        return fresh and self._process.is_alive()

    def do(self, work: _Work) -> _Answer:
        """Have one piece of work done, within its time."""
        self.served += 1
        self._complaints.truncate(0)
        try:
            self._pipe.send(work)
            wait((self._pipe, self._process.sentinel), self.limits.timeout_seconds)
            if self._pipe.poll():
                answer: _Answer = self._pipe.recv()
                self._idle_since = time.monotonic()
                return answer
            failure = self._too_long() if self._process.is_alive() else self._death()
        except BlockingIOError:  # it neither takes what it is given nor goes on speaking
            failure = self._too_long()
        except (EOFError, OSError):
            failure = self._death()
        except Exception as error:  # an answer that cannot be unpickled
            failure = Crashed(f"gave an unreadable answer: {error!r}")
        return _Answer(failure=failure, is_last=True)

    def _too_long(self) -> IsolationFailure:
        return TookTooLong(f"no result after {self.limits.timeout_seconds:g} s")

    def _death(self) -> IsolationFailure:
        self._process.join(5)
        code = self._process.exitcode
        self._complaints.seek(0)
        detail = self._complaints.read()[-8000:].decode(errors="replace").strip()
        if code == -signal.SIGXCPU:
            return TookTooLong(f"more than {self.limits.cpu_seconds} s of processor time", detail)
        if code == -signal.SIGKILL:
            return OutOfMemory("ended by the system, which was short of memory", detail)
        if _wanted_memory(detail):
            return OutOfMemory(f"needed more than {self.limits.memory_bytes >> 20} MiB", detail)
        if code is not None and code < 0:
            return Crashed(f"ended by {signal.Signals(-code).name}", detail)
        return Crashed(f"ended early with exit code {code}", detail)

    def kill(self) -> None:
        """Stop the process and whatever it started."""
        pid = self._process.pid
        if pid is not None and self._process.is_alive():
            _kill_group(pid)

    def end(self) -> None:
        """Stop the process and forget it."""
        self._pipe.close()
        self.kill()
        self._process.join(5)
        self._process.close()
        self._complaints.close()


def _end_all(workers: deque[_Worker]) -> None:
    while workers:
        workers.popleft().end()


def _never_block(pipe: Connection, seconds: float) -> None:
    """Let sending and receiving give up: a child may stop in the middle of either."""
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    with socket.socket(fileno=os.dup(pipe.fileno())) as same:
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            same.setsockopt(socket.SOL_SOCKET, option, limit)


def _wanted_memory(text: str) -> bool:
    """Say whether a message is about memory that could not be had, in any library's words."""
    return any(words in text for words in ("bad_alloc", "bad allocation", "MemoryError"))


def _entry_modules() -> list[str]:
    """Return what the entry script imports from: every child runs that script's imports again."""
    entry = vars(sys.modules["__main__"])
    if entry.get("__spec__") is not None or "__file__" not in entry:
        return []
    names = {getattr(value, "__module__", None) for value in entry.values()}
    return sorted(name for name in names if isinstance(name, str) and name in sys.modules)


def _start_server() -> None:
    """Start the fork server, unless it runs, deaf to stop signals, and so are its children.

    Who stops the service often tells every process of it to end; a child that
    obeyed would make its document look like one that crashes its reader.
    """
    resource_tracker.ensure_running()  # would unblock them on its way
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:  # killed before it could found its group, or gone
        try:
            os.kill(leader, signal.SIGKILL)
        except ProcessLookupError:
            return


# -- the child's side

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_M_ARENA_MAX = -8


def _child(pipe: Connection, complaints: int, parent: int, limits: Limits) -> None:
    """Do one piece of work after the other until the pipe closes, or nothing comes any more."""
    _settle_in(complaints, parent, limits)
    while True:
        try:
            if not pipe.poll(_IDLE_SECONDS):
                os._exit(0)
            # Idle, it may be told to stop; at work it is deaf (see _start_server).
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
            answer = _Answer(failure=Crashed(f"result cannot be returned: {error!r}"), is_last=True)
            pipe.send(answer)
        if answer.is_last:
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _attempt(function: Callable[..., Any], args: tuple[Any, ...], limits: Limits) -> _Answer:
    try:
        return _Answer(function(*args), is_last=_has_grown(limits))
    except KnownFailure as failure:
        return _Answer(failure=failure)
    except MemoryError:
        text = f"needed more than {limits.memory_bytes >> 20} MiB"
        return _Answer(failure=OutOfMemory(text), is_last=True)
    except Exception as error:
        # Some libraries report a failed allocation as an error of their own.
        kind = OutOfMemory if _wanted_memory(str(error)) else Crashed
        summary = traceback.format_exception_only(error)[-1].strip()
        return _Answer(failure=kind(summary, traceback.format_exc()), is_last=kind is OutOfMemory)
    except BaseException as error:  # SystemExit and its like: the process wants to end
        return _Answer(failure=Crashed(repr(error), traceback.format_exc()), is_last=True)


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
