"""Aside: a function of our own in a second process, beside what goes on here."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from records.failures import KnownFailure

T = TypeVar("T")


class Aside(Generic[T]):
    """One call in a process of its own. No thread may be running that could hold a lock.

    A fork shares what is read already. `yielding` work steps back for what
    this process and the other children do, and takes the processors they leave.
    """

    def __init__(
        self, function: Callable[..., T], *arguments: object, yielding: bool = False
    ) -> None:
        """Start it."""
        context = multiprocessing.get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_run, args=(sender, function, arguments, yielding), daemon=True
        )
        self._process.start()
        sender.close()

    def result(self) -> T:
        """Wait for the result; whatever the function raised is raised here."""
        try:
            made = self._receiver.recv()
        except EOFError:
            raise KnownFailure("A part of the work died; there may be too little memory.") from None
        self._process.join()
        if isinstance(made, Exception):
            raise made
        result: T = made
        return result


def _run(
    sender: Any, function: Callable[..., object], arguments: Sequence[object], yielding: bool
) -> None:
    if yielding:
        os.nice(2)
    try:
        made: object = function(*arguments)
    except Exception as error:
        made = error
    sender.send(made)
