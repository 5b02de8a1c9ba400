"""Aside: a function of our own in a second process, beside what goes on here."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from records.failures import KnownFailure

T = TypeVar("T")

#: Yielding work gets two thirds of what others get who want the same processor.
_STEP_BACK = 2


class Aside(Generic[T]):
    """One call in a process of its own. No thread may be running that could hold a lock.

    A fork shares what is read already. `yielding` work steps back for what
    this process and the other children do, and takes the processors they leave.
    `listening` work is called with an iterator first, of what it is told.
    """

    def __init__(
        self,
        function: Callable[..., T],
        *arguments: object,
        yielding: bool = False,
        listening: bool = False,
    ) -> None:
        """Start it."""
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(theirs, function, arguments, yielding, listening), daemon=True
        )
        self._process.start()
        theirs.close()

    def tell(self, value: object) -> None:
        """Tell listening work something; None is the last."""
        with suppress(BrokenPipeError):  # `result` says why it is gone
            self._pipe.send(value)

    def result(self) -> T:
        """Wait for the result; whatever the function raised is raised here."""
        try:
            made = self._pipe.recv()
        except EOFError:
            raise KnownFailure("A part of the work died; there may be too little memory.") from None
        self._process.join()
        if isinstance(made, Exception):
            raise made
        result: T = made
        return result


def _run(
    pipe: Any,
    function: Callable[..., object],
    arguments: Sequence[object],
    yielding: bool,
    listening: bool,
) -> None:
    if yielding:
        os.nice(_STEP_BACK)
    if listening:
        arguments = (iter(pipe.recv, None), *arguments)
    try:
        made: object = function(*arguments)
    except Exception as error:
        made = error
    pipe.send(made)
