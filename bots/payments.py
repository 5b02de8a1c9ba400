"""The payments bot: proposes what to pay, and keeps the sheets of what is owed. It never pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.actions import delivery, payables
from app.flow import Flow


class Bot:
    """Prepares payments for people to release."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """post_to: the poster that gets the sheets. propose: also propose payments.

        What the bot proposes needs two persons (`nightclerk pay release`).
        """

        refers: ClassVar[Mapping[str, str]] = {"post_to": "posters"}

        post_to: str
        propose: bool = True

    def __init__(self, settings: Settings) -> None:
        """Work as configured."""
        self.settings = settings

    def run(self, flow: Flow) -> None:
        """Propose, then write today's figures."""
        if self.settings.propose:
            flow.step(payables.propose)
        flow.step(payables.write_figures, self.settings.post_to)
        flow.step(delivery.deliver, self.settings.post_to)
