"""A small office for engine tests: a bot whose actions leave marks in a file."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import create_engine

from app.flow import Flow
from app.isolation import Isolated
from app.office import Office
from app.settings import Settings
from records.failures import Rejected, Unavailable, Unclear


def office(folder: Path) -> Office:
    """Return an office whose `files` folder takes the marks."""
    return Office(
        settings=cast(Settings, None),
        database=create_engine("sqlite://"),
        files=folder,
        box=Isolated(1),
    )


def mark(office: Office, *words: object) -> None:
    """Append one line; a single write, so that marks of a killed process are whole."""
    line = " ".join(str(word) for word in words) + "\n"
    descriptor = os.open(office.files / "marks", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def marks(folder: Path) -> Counter[str]:
    path = folder / "marks"
    return Counter(path.read_text().splitlines() if path.exists() else [])


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something another thread or process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.02)


def receive(office: Office, ids: str) -> list[str]:
    mark(office, "receive")
    return ids.split()


def extract(office: Office, item: str) -> str:
    mark(office, "extract", item, office.actor)
    return f"text of {item}"


def deliver(office: Office, item: str, text: str) -> str:
    """Do what the item's name asks for, once for each mark that is still in the way."""
    mark(office, "deliver", item)
    obstacle = office.files / item
    if obstacle.exists():
        what = obstacle.read_text()
        if what == "die":
            os._exit(9)
        if what == "slow":
            time.sleep(1)
        elif what == "stuck":
            until(lambda: not obstacle.exists())
        else:
            failures: dict[str, Callable[[str], Exception]] = {
                "away": Unavailable,
                "no": Rejected,
                "unclear": Unclear,
                "bug": ZeroDivisionError,
            }
            raise failures[what](f"{item} could not be delivered")
    mark(office, "delivered", item, text)
    return item


def number(office: Office) -> dict[str, Any]:
    return {"rows": (1, 2), "none": None}


class Toy:
    """Receive, then extract and deliver each."""

    def __init__(self, ids: str = "a b c") -> None:
        self.ids = ids
        self.seen: list[object] = []

    def run(self, flow: Flow) -> None:
        flow.each(self.process, flow.step(receive, self.ids))

    def process(self, flow: Flow, item: str) -> None:
        text = flow.step(extract, item)
        flow.step(deliver, item, text=text)


def total(office: Office) -> None:
    """Note how much had been delivered when the run came to its end."""
    done = [line for line in marks(office.files) if line.startswith("delivered")]
    mark(office, "total", len(done))


class Totals(Toy):
    """Two rounds, the second handing in more by itself, a closing step after each."""

    def run(self, flow: Flow) -> None:
        flow.each(self.process, ["a", "b"])
        flow.step(total)
        flow.each(self.process, ["c+d"])
        flow.step(total)

    def process(self, flow: Flow, item: str) -> None:
        if "+" in item:
            flow.each(self.process, item.split("+"))
        else:
            super().process(flow, item)


class Numbers(Toy):
    """Keeps what its step returned."""

    def run(self, flow: Flow) -> None:
        self.seen.append(flow.step(number))


def foreign(flow: Flow, item: str) -> None:
    """A function that is no method of a bot."""


class Confused(Toy):
    """Hands in work that nobody could find again after a restart."""

    def run(self, flow: Flow) -> None:
        flow.each(foreign, ["a"])
