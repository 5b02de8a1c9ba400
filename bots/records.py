"""The records bot: orders, receipts, vendors and open items, as they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.actions import imports
from app.flow import Flow


class Bot:
    """Keeps our copy of the office's records up to date."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """sources: the record sources to read, in order."""

        refers: ClassVar[Mapping[str, str]] = {"sources": "records"}

        sources: tuple[str, ...]

    def __init__(self, settings: Settings) -> None:
        """Work as configured."""
        self.settings = settings

    def run(self, flow: Flow) -> None:
        """Import what changed."""
        for source in self.settings.sources:
            flow.step(imports.import_records, source)
