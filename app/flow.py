"""Flow: how a bot's steps are run. In line here; durably in `app.engine`.

A bot names its actions in order and knows nothing of queues, retries or
checkpoints. Only JSON values (strings, in practice) pass through a flow, so
that classes may change while work waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from app.office import Office
from records.failures import OutsideFailure

P = ParamSpec("P")
T = TypeVar("T")


class Flow(Protocol):
    """What a bot sees of the engine."""

    def step(
        self,
        action: Callable[Concatenate[Office, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run one action as a checkpoint; its JSON result is remembered."""
        ...

    def each(self, process: Callable[[Any, str], None], ids: Sequence[str]) -> None:
        """Run `process` for every id, each in its own flow, each id once for ever.

        From a bot's `run` it returns when every one has ended; from within a
        process it may return before. One that failed stops no other.
        """
        ...


class Progress(Protocol):
    """Someone who wants to know how far the work is (a progress bar)."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Hear that `done` of `total` (0: nobody knows) are finished of `what` is being done."""
        ...


class Direct:
    """Runs everything in this process: tests, and `nightclerk run`.

    Several ids go side by side, because most of their time is spent in
    isolated reading processes. A failure of one id does not stop the others:
    its `OutsideFailure` is kept in `failures` and the id stays unfinished, so
    the next run takes it up.
    """

    def __init__(self, office: Office, progress: Progress | None = None) -> None:
        """Run actions against `office`."""
        self._office = office
        self._progress = progress
        self._within_each = False
        self.failures: list[tuple[str, OutsideFailure]] = []

    def step(
        self,
        action: Callable[Concatenate[Office, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call the action."""
        if self._progress and not self._within_each:
            self._progress(0, 0, f"{self._who}: {action.__name__.replace('_', ' ')}")
        return action(self._office, *args, **kwargs)

    @property
    def _who(self) -> str:
        return self._office.actor.partition(":")[2]

    def each(self, process: Callable[[Any, str], None], ids: Sequence[str]) -> None:
        """Process every id, as many at a time as there are reading processes."""
        if len(ids) == 1:
            self._one(process, ids[0])
            return
        # A process may hand in more of its own; only the outermost is told of.
        progress = None if self._within_each else self._progress
        self._within_each, within = True, self._within_each
        try:
            with ThreadPoolExecutor(self._office.settings.limits.processes + 1) as pool:
                waiting = [pool.submit(self._one, process, item) for item in ids]
                for done, future in enumerate(as_completed(waiting), 1):
                    future.result()
                    if progress:
                        progress(done, len(ids), f"{self._who}: {process.__name__}")
        finally:
            self._within_each = within

    def _one(self, process: Callable[[Any, str], None], item: str) -> None:
        try:
            process(self, item)
        except OutsideFailure as failure:
            self.failures.append((item, failure))
