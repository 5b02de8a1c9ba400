"""The invoices bot: receive, extract, match, decide, deliver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.actions import delivery, intake, invoices
from app.flow import Flow


class Bot:
    """Takes invoices from mailboxes to posted rows."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """mail: the mailboxes to read. post_to: the poster that gets the results."""

        refers: ClassVar[Mapping[str, str]] = {"mail": "mail", "post_to": "posters"}

        mail: tuple[str, ...]
        post_to: str

    def __init__(self, settings: Settings) -> None:
        """Work as configured."""
        self.settings = settings

    def run(self, flow: Flow) -> None:
        """Do everything that is there to do."""
        for mailbox in self.settings.mail:
            flow.step(intake.receive, mailbox)
        flow.each(self.process, flow.step(intake.pending, True))
        flow.each(self.process, flow.step(intake.pending, False))
        flow.step(delivery.deliver, self.settings.post_to)

    def process(self, flow: Flow, work: str) -> None:
        """Take one document as far as it goes without a person."""
        parts = flow.step(invoices.extract, work)
        if parts not in ([work], []):
            flow.each(self.process, parts)
            return
        if not parts:
            return
        flow.step(invoices.archive, work)
        flow.step(invoices.match, work)
        if flow.step(invoices.settle, work, self.settings.post_to) == "post":
            flow.step(delivery.deliver, self.settings.post_to)
