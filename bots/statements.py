"""The statements bot: bank files in, accounts proven, movements reconciled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.actions import bank, delivery, reconciliation
from app.flow import Flow


class Bot:
    """Reconciles the bank."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """sources: where bank files come from. post_to: the poster that gets the matches."""

        refers: ClassVar[Mapping[str, str]] = {"sources": "statements", "post_to": "posters"}

        sources: tuple[str, ...]
        post_to: str

    def __init__(self, settings: Settings) -> None:
        """Work as configured."""
        self.settings = settings

    def run(self, flow: Flow) -> None:
        """Load what is new, prove it, reconcile everything that is open."""
        for source in self.settings.sources:
            flow.step(bank.fetch_statements, source)
        flow.each(self.load, flow.step(bank.unread_statements))
        flow.step(bank.prove_accounts)
        flow.step(reconciliation.reconcile_bank, self.settings.post_to)
        flow.step(delivery.deliver, self.settings.post_to)

    def load(self, flow: Flow, document_id: str) -> None:
        """Load one bank file."""
        flow.step(bank.load_statement, document_id)
