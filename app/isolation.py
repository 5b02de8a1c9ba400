"""Isolated: work on untrusted bytes in processes that may hang, crash or swell.

A PDF can loop for ever, kill its parser or ask for all memory. Whatever it
does happens in a child process with limits (`app.confinement`), and comes back as
an IsolationFailure that the caller turns into a Finding.

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

import fcntl
import multiprocessing
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import DupFd
from typing import IO, Any, Protocol, TypeVar

from app.confinement import (
    IDLE_SECONDS,
    Answer,
    Crashed,
    IsolationFailure,
    Limits,
    OutOfMemory,
    TookTooLong,
    serve,
    wanted_memory,
)
from records.failures import KnownFailure

Item = TypeVar("Item")
Result = TypeVar("Result")
_Item = TypeVar("_Item", contravariant=True)
_Result = TypeVar("_Result", covariant=True)

__all__ = ["Crashed", "Isolated", "IsolationFailure", "Limits", "OutOfMemory", "TookTooLong"]

#: An idle worker is not asked any more a little before it leaves.
_STALE_SECONDS = IDLE_SECONDS * 2 / 3


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
        self._context.set_forkserver_preload([*_entry_modules(), "app.confinement", *preload])
        self._idle: deque[_Worker] = deque()
        weakref.finalize(self, _end_all, self._idle)

    def warm(self) -> None:
        """Begin to import what children will need, so that the first need not wait for it."""
        _start_server()

    def rest(self) -> None:
        """End the children that have nothing to do; the next need starts another."""
        _end_all(self._idle)

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
        ahead: deque[tuple[Item, Future[Answer]]] = deque()
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

    def _answer(self, work: _Work, limits: Limits, crew: _Crew) -> Answer:
        with self._slots:
            worker = self._taken(limits)
            was_used = worker.served > 0
            answer = self._done(worker, work, crew)
            if was_used and answer.is_last and isinstance(answer.failure, Crashed | OutOfMemory):
                # What it served before may be to blame.
                answer = self._done(_Worker(self._context, limits), work, crew)
            return answer

    def _done(self, worker: _Worker, work: _Work, crew: _Crew) -> Answer:
        if crew.is_dismissed:
            worker.end()
            return Answer(failure=Crashed("nobody waits for the result"), is_last=True)
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


def _outcome(item: Item, future: Future[Answer]) -> tuple[Item, Any]:
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
            target=serve,
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

    def do(self, work: _Work) -> Answer:
        """Have one piece of work done, within its time."""
        self.served += 1
        self._complaints.truncate(0)
        try:
            self._pipe.send(work)
            wait((self._pipe, self._process.sentinel), self.limits.timeout_seconds)
            if self._pipe.poll():
                answer: Answer = self._pipe.recv()
                self._idle_since = time.monotonic()
                return answer
            failure = self._too_long() if self._process.is_alive() else self._death()
        except BlockingIOError:  # it neither takes what it is given nor goes on speaking
            failure = self._too_long()
        except (EOFError, OSError):
            failure = self._death()
        except Exception as error:  # an answer that cannot be unpickled
            failure = Crashed(f"gave an unreadable answer: {error!r}")
        return Answer(failure=failure, is_last=True)

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
        if wanted_memory(detail):
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
