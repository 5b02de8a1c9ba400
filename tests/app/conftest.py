"""Small offices: the sample office's records with a few of its messages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.office import Office
from app.settings import load

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "fixtures/office"

MakeOffice = Callable[..., Office]


def write_config(folder: Path, *cases: str, extra: str = "") -> Path:
    """Write a configuration whose mailbox holds the named sample cases."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for case in cases:
        found = next(SAMPLE.glob(f"cases/{case}-*/message.eml"))
        shutil.copy(found, inbox / f"{case}.eml")
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    text = text.replace("fixtures/office/cases", str(inbox))
    text = text.replace("fixtures/office", str(SAMPLE))
    path = folder / "config.yaml"
    path.write_text(text + extra, encoding="utf-8")
    return path


@pytest.fixture
def make_office(tmp_path: Path) -> Iterator[MakeOffice]:
    """Return a maker of offices with some sample cases in their mailbox."""
    made: list[Office] = []

    def make(*cases: str) -> Office:
        made.append(Office.open(load(write_config(tmp_path, *cases))))
        return made[-1]

    yield make
    for office in made:
        office.database.dispose()
