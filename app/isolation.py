"""Isolated: work on untrusted bytes in processes that may hang, crash or swell.

A PDF can loop for ever, kill its parser or ask for all memory. Whatever it
does happens in a child process with limits, and comes back as one of three
failures that the caller turns into a Finding:

IsolationFailure
├── TookTooLong   the wall clock or the processor limit
├── OutOfMemory   the address space limit, or the kernel's own memory killer
└── Crashed       a signal, an early exit, or an unexpected exception

This holds faults, not attackers: a child is the same user on the same disk.
Where the kernel allows it, it has no network.

Children come from a fork server that has imported `preload` already, so that
starting one takes milliseconds. Every child imports `__main__` again: keep
entry points thin. Functions and arguments travel by pickle
and must be importable.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import resource
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any, Generic, Protocol, TypeVar

from records.failures import KnownFailure

Item = TypeVar("Item")
Result = TypeVar("Result")
_Item = TypeVar("_Item", contravariant=True)
_Result = TypeVar("_Result", covariant=True)

GIB = 1 << 30


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
    threads. `memory_bytes` is address space beyond what the process has when
    it starts; it counts reservations, so threads and mapped models need far
    more than they touch (an A4 page at 300 dpi through the OCR engine reserves
    1.3 GiB and touches 0.8). `file_bytes` is the largest file that may be written.
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
    children; the first call of the program to start a child decides.
    """

    def __init__(self, slots: int, *, preload: Sequence[str] = ()) -> None:
        """Allow `slots` children at a time."""
        self._slots = threading.BoundedSemaphore(slots)
        self._count = slots
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_entry_modules(), *preload])

    def warm(self) -> None:
        """Begin to import what children will need, so that the first need not wait for it."""
        _start_server()

    def run(
        self, function: Callable[..., Result], *args: Any, limits: Limits | None = None
    ) -> Result:
        """Call `function(*args)` in a process of its own and return its result.

        Raises IsolationFailure, or the KnownFailure that the function raised.
        """
        limits = limits or Limits()
        with self._slots:
            worker = _Worker(self._context, _call, limits)
            try:
                worker.give((function, args))
                result: Result = _value(worker.answer())
                return result
            finally:
                worker.end()

    def map(
        self,
        function: _Function[Item, Result],
        items: Iterable[Item],
        *,
        limits: Limits | None = None,
        items_per_worker: int = 200,
    ) -> Iterator[tuple[Item, Result | IsolationFailure | KnownFailure]]:
        """Yield each item with its result, or with why there is none, in the items' order.

        Workers stay warm from item to item and are replaced after a failure or
        after `items_per_worker`. At most a few items per slot are read ahead.
        """
        batch = _Batch(self._context, function, limits or Limits(), items_per_worker)
        self._slots.acquire()
        held = 1
        while held < self._count and self._slots.acquire(blocking=False):
            held += 1
        try:
            yield from batch.run(iter(items), held)
        finally:
            batch.end()
            self._slots.release(held)


# -- the parent's side


@dataclass(frozen=True, slots=True)
class _Answer:
    """What comes back from a child: a result, or why there is none."""

    value: Any = None
    failure: IsolationFailure | KnownFailure | None = None
    spent: bool = False  # the process that gave it must not be used again


def _value(answer: _Answer) -> Any:
    if answer.failure is not None:
        raise answer.failure
    return answer.value


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

    def __init__(self, context: Any, function: Callable[[Any], Any], limits: Limits) -> None:
        self._limits = limits
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - end() closes it
        self.pipe, theirs = context.Pipe()
        self.waiting: deque[Any] = deque()
        self.given = 0
        self.deadline = 0.0
        self._process = context.Process(
            target=_child,
            args=(theirs, _Inherited(self._complaints.fileno()), os.getpid(), function, limits),
            daemon=True,
        )
        _start_server()
        self._process.start()
        theirs.close()

    @property
    def handles(self) -> tuple[Connection, int]:
        """Return what becomes ready when there is an answer or the process has died."""
        return self.pipe, self._process.sentinel

    def give(self, item: Any) -> None:
        """Hand over one item; the clock of the first one starts now."""
        if not self.waiting:
            self.deadline = time.monotonic() + self._limits.timeout_seconds
        self.waiting.append(item)
        self.given += 1
        try:
            self.pipe.send(item)
        except OSError:
            return  # it has died; answer() finds out why

    def answer(self) -> _Answer:
        """Wait for the first waiting item's answer, within its time."""
        wait(self.handles, max(0.0, self.deadline - time.monotonic()))
        try:
            if self.pipe.poll():
                answer: _Answer = self.pipe.recv()
            elif self._process.is_alive():
                answer = _Answer(failure=self._too_long(), spent=True)
            else:
                answer = _Answer(failure=self._death(), spent=True)
        except (EOFError, OSError):
            answer = _Answer(failure=self._death(), spent=True)
        except Exception as error:  # an answer that cannot be unpickled
            answer = _Answer(failure=Crashed(f"gave an unreadable answer: {error!r}"), spent=True)
        self.waiting.popleft()
        self.deadline = time.monotonic() + self._limits.timeout_seconds
        return answer

    def _too_long(self) -> TookTooLong:
        return TookTooLong(f"no result after {self._limits.timeout_seconds:g} s")

    def _death(self) -> IsolationFailure:
        self._process.join(5)
        code = self._process.exitcode
        self._complaints.seek(0)
        detail = self._complaints.read()[-8000:].decode(errors="replace").strip()
        if code == -signal.SIGXCPU:
            return TookTooLong(f"more than {self._limits.cpu_seconds} s of processor time", detail)
        if code == -signal.SIGKILL:
            return OutOfMemory("ended by the system, which was short of memory", detail)
        if "bad_alloc" in detail or "MemoryError" in detail:
            return OutOfMemory(self._memory_limit(), detail)
        if code is not None and code < 0:
            return Crashed(f"ended by {signal.Signals(-code).name}", detail)
        return Crashed(f"ended early with exit code {code}", detail)

    def _memory_limit(self) -> str:
        return f"needed more than {self._limits.memory_bytes >> 20} MiB"

    def end(self) -> None:
        """Stop the process and whatever it started."""
        self.pipe.close()
        pid = self._process.pid
        if pid is not None and self._process.is_alive():
            _kill_group(pid)
        self._process.join(5)
        self._process.close()
        self._complaints.close()


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


class _Batch(Generic[Item, Result]):
    """Many items over a few warm workers, answers in order.

    Each worker holds one item in work and one in its pipe, so that it need not
    wait while the consumer is busy with a result.
    """

    _DEPTH = 2

    def __init__(
        self,
        context: Any,
        function: _Function[Item, Result],
        limits: Limits,
        items_per_worker: int,
    ) -> None:
        self._make: Callable[[], _Worker] = partial(_Worker, context, function, limits)
        self._per_worker = items_per_worker
        self._workers: list[_Worker] = []
        self._done: dict[int, _Answer] = {}
        self._items: dict[int, Item] = {}
        self._order: dict[int, deque[int]] = {}  # per worker (by id): positions in its pipe
        self._again: deque[int] = deque()  # positions whose worker died before their turn

    def run(
        self, items: Iterator[Item], slots: int
    ) -> Iterator[tuple[Item, Result | IsolationFailure | KnownFailure]]:
        """Feed and listen until everything has an answer."""
        numbered = enumerate(items)
        next_out = 0
        ahead = slots * self._DEPTH * 4
        exhausted = False
        while True:
            while not exhausted or self._again:
                worker = self._free(slots)
                if worker is None:
                    break
                if self._again:
                    position = self._again.popleft()
                elif len(self._items) >= ahead:
                    break
                else:
                    try:
                        position, item = next(numbered)
                    except StopIteration:
                        exhausted = True
                        continue
                    self._items[position] = item
                self._order[id(worker)].append(position)
                worker.give(self._items[position])
            while next_out in self._done:
                answer = self._done.pop(next_out)
                item = self._items.pop(next_out)
                next_out += 1
                yield item, answer.value if answer.failure is None else answer.failure
            if not self._items and exhausted:
                return
            if next_out not in self._done and any(w.waiting for w in self._workers):
                self._listen()

    def _free(self, slots: int) -> _Worker | None:
        """Return the least busy worker with room, starting one where there is a slot."""
        open_ones = [
            w for w in self._workers if len(w.waiting) < self._DEPTH and w.given < self._per_worker
        ]
        best = min(open_ones, key=lambda w: len(w.waiting), default=None)
        if (best is None or best.waiting) and len(self._workers) < slots:
            best = self._make()
            self._workers.append(best)
            self._order[id(best)] = deque()
        return best

    def _listen(self) -> None:
        busy = [w for w in self._workers if w.waiting]
        deadline = min(w.deadline for w in busy)
        ready = set(
            wait([h for w in busy for h in w.handles], max(0.0, deadline - time.monotonic()))
        )
        now = time.monotonic()
        for worker in busy:
            if not ready.intersection(worker.handles) and worker.deadline > now:
                continue
            answer = worker.answer()
            self._done[self._order[id(worker)].popleft()] = answer
            if answer.spent or (worker.given >= self._per_worker and not worker.waiting):
                self._retire(worker)

    def _retire(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._again.extend(self._order.pop(id(worker)))
        worker.end()

    def end(self) -> None:
        """Stop all workers."""
        while self._workers:
            self._workers.pop().end()


# -- the child's side

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_M_ARENA_MAX = -8


def _call(work: tuple[Callable[..., Any], tuple[Any, ...]]) -> Any:
    function, args = work
    return function(*args)


def _child(
    pipe: Connection, complaints: int, parent: int, function: Callable[[Any], Any], limits: Limits
) -> None:
    """Answer items until the pipe closes."""
    _settle_in(complaints, parent, limits)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, ConnectionResetError):
            os._exit(0)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + limits.cpu_seconds
        _limit(resource.RLIMIT_CPU, seconds, soft_only=True)
        answer = _attempt(function, item, limits)
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)
        except Exception as error:  # a result that cannot be pickled, or is too big for the limit
            pipe.send(_Answer(failure=Crashed(f"result cannot be returned: {error!r}"), spent=True))
        if answer.spent:
            os._exit(0)


def _attempt(function: Callable[[Any], Any], item: Any, limits: Limits) -> _Answer:
    try:
        return _Answer(value=function(item))
    except KnownFailure as failure:
        return _Answer(failure=failure)
    except MemoryError:
        text = f"needed more than {limits.memory_bytes >> 20} MiB"
        return _Answer(failure=OutOfMemory(text), spent=True)
    except Exception as error:
        # Some libraries report a failed allocation as an error of their own.
        kind = (
            OutOfMemory if "bad_alloc" in str(error) or "bad allocation" in str(error) else Crashed
        )
        summary = traceback.format_exception_only(error)[-1].strip()
        return _Answer(failure=kind(summary, traceback.format_exc()), spent=kind is OutOfMemory)
    except BaseException as error:  # SystemExit and its like: the process wants to end
        return _Answer(failure=Crashed(repr(error), traceback.format_exc()), spent=True)


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
    # Each malloc arena reserves 64 MiB of address space per thread: two are enough.
    libc.mallopt(_M_ARENA_MAX, 2)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + limits.memory_bytes)
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
