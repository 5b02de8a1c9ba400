"""The progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.terminal import seen

if TYPE_CHECKING:
    from app.flow import Progress as Listener

_WIDTH = 32


@contextmanager
def progress_bar(*, enabled: bool = True) -> Iterator[Listener | None]:
    """Show how far the work is, on standard error; nothing where nobody looks."""
    if not enabled:
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def listen(done: int, total: int, what: str) -> None:
            what = seen(what)
            shown = what if len(what) <= _WIDTH else f"…{what[1 - _WIDTH :]}"
            # `update` would leave the last total where there is none now.
            bar.tasks[0].total = total or None
            bar.update(task, completed=done, description=shown)

        yield listen
