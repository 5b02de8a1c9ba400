"""Flow: how a bot's steps are run. In line here; durably in `app.engine`.

A bot names its actions in order and knows nothing of queues, retries or
checkpoints. Only JSON values (strings, in practice) pass through a flow, so
that classes may change while work waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    def each(self, process: Callable[[Flow, str], None], ids: Sequence[str]) -> None:
        """Run `process` for every id, each in its own flow, each id once for ever."""
        ...


class Progress(Protocol):
    """Someone who wants to know how far the work is (a progress bar)."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Hear that `done` of `total` are finished; `what` was the last one."""
        ...


class Direct:
    """Runs everything in line, in this process: tests, and `nightclerk run`.

    A failure of one id does not stop the others: its `OutsideFailure` is kept
    in `failures` and the id stays unfinished, so the next run takes it up.
    """

    def __init__(self, office: Office, progress: Progress | None = None) -> None:
        """Run actions against `office`."""
        self._office = office
        self._progress = progress
        self.failures: list[tuple[str, OutsideFailure]] = []

    def step(
        self,
        action: Callable[Concatenate[Office, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call the action."""
        return action(self._office, *args, **kwargs)

    def each(self, process: Callable[[Any, str], None], ids: Sequence[str]) -> None:
        """Process every id, in order."""
        for done, item in enumerate(ids, 1):
            try:
                process(self, item)
            except OutsideFailure as failure:
                self.failures.append((item, failure))
            if self._progress:
                self._progress(done, len(ids), item)
