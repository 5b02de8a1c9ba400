"""Work the durable engine gave up on, as Findings for the report and the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.engine.place import engine_ran
from app.office import Office
from app.store import brief
from records.findings import Finding, finding

if TYPE_CHECKING:
    from app.engine.backlog import Backlog


def failed_work(office: Office) -> list[tuple[str, Finding]]:
    """Return what waits for a person, each with its subject; nothing where no engine ever ran."""
    with _backlog(office) as backlog:
        letters = backlog.dead_letters() if backlog else []
    return [
        (
            letter.id.partition("@")[0],
            finding(
                "work_failed",
                where=f"bot {letter.bot}, since {letter.since.astimezone(office.zone):%Y-%m-%d %H:%M}",
                actual=letter.error,
            ),
        )
        for letter in letters
    ]


def replay_failed(office: Office, text: str) -> str | None:
    """Hand in again the failed work whose subject begins with `text`; return the subject.

    None when there is none, or more than one subject begins so.
    """
    with _backlog(office) as backlog:
        letters = backlog.dead_letters() if backlog else []
        found = {(one.bot, one.id) for one in letters if text and one.id.startswith(text)}
        if not backlog or len({item for _, item in found}) != 1:
            return None
        for bot, item in found:
            backlog.replay(bot, item)
    return brief(item.partition("@")[0])


@contextmanager
def _backlog(office: Office) -> Iterator[Backlog | None]:
    if not engine_ran(office.settings.database):
        yield None
        return
    # Loading the engine takes half a second, which only an office that runs it pays.
    from app.engine.backlog import Backlog

    backlog = Backlog(office.settings.database)
    try:
        yield backlog
    finally:
        backlog.close()
