"""The report bot: what the accountant reads at eight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from app.actions import reports
from app.flow import Flow


class Bot:
    """Sends the morning report."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Who gets it.

        to: addresses. send_by: the sender to use. sender: the From address.
        owners: who looks after which reason (a finding code, or `default`).
        """

        refers: ClassVar[Mapping[str, str]] = {"send_by": "senders"}

        to: tuple[str, ...]
        send_by: str
        sender: str = "nightclerk@localhost"
        owners: Mapping[str, str] = field(default_factory=dict)

    def __init__(self, settings: Settings) -> None:
        """Work as configured."""
        self.settings = settings

    def run(self, flow: Flow) -> None:
        """Write tonight's report and send it."""
        wanted = self.settings
        slot = flow.step(reports.slot)
        key = flow.step(
            reports.write_report,
            wanted.send_by,
            wanted.sender,
            list(wanted.to),
            dict(wanted.owners),
            slot,
        )
        flow.step(reports.send_report, key)
