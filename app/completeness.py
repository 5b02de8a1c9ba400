"""The nightly proof: what came in equals what was accounted for, and what was decided is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, func, select

from app.queries import OUTCOMES, message_rows
from app.tables import (
    documents,
    messages,
    postings,
    statement_entries,
    statements,
    transactions,
)


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence of the proof, and whether it holds."""

    text: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Totals counted apart from their outcomes.

    `entries` is what the statements say they hold, `entries_kept` what was
    linked to a bank line, `bank_lines` the lines: overlapping files tell a
    line more than once. `decided` counts posted invoices and bank lines,
    `unwritten` those of them without a row in the outbox.
    """

    messages: int
    messages_by_outcome: dict[str, int]
    documents: int
    documents_by_outcome: dict[str, int]
    bank_lines: int
    bank_lines_by_outcome: dict[str, int]
    entries: int
    entries_kept: int
    decided: int
    unwritten: int
    postings_by_state: dict[str, int]

    @property
    def groups(self) -> tuple[tuple[str, int, dict[str, int]], ...]:
        """Return what came in, how much, and how much of it by outcome."""
        return (
            ("messages", self.messages, self.messages_by_outcome),
            ("documents", self.documents, self.documents_by_outcome),
            ("bank lines", self.bank_lines, self.bank_lines_by_outcome),
        )

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return the proof in sentences."""
        twice = self.entries_kept - self.bank_lines
        again = f", {twice} of them told again by another file" if twice else ""
        waiting = sum(self.postings_by_state.values()) - self.postings_by_state.get("delivered", 0)
        later = f", {waiting} of them not confirmed yet" if waiting else ", all of them confirmed"
        return (
            Check(
                "Every message, document and bank line has exactly one outcome.",
                all(sum(by.values()) == total for _, total, by in self.groups),
            ),
            Check(
                f"Bank files hold {self.entries} entries: {self.bank_lines} lines{again}.",
                self.entries == self.entries_kept and twice >= 0,
            ),
            Check(
                f"{self.decided - self.unwritten} of {self.decided} posted invoices and bank lines "
                f"were handed to their targets ({sum(self.postings_by_state.values())} postings"
                f"{later}).",
                self.unwritten == 0,
            ),
        )

    @property
    def is_complete(self) -> bool:
        """Say whether the whole proof holds."""
        return all(check.holds for check in self.checks)


def completeness(tx: Connection) -> Completeness:
    """Count everything that ever came in, and every outcome, independently of each other."""
    states: Counter[str] = Counter()
    for state, n in _by(tx, documents.c.state).items():
        states[OUTCOMES.get(state, state)] += n
    by_kind = _by(tx, postings.c.kind)
    decided, unwritten = 0, 0
    # A trial decides without writing anywhere.
    for kind, column, found in (
        ("invoice", documents.c.id, documents.c.state.in_(("decided", "posted"))),
        ("match", transactions.c.id, transactions.c.state.in_(("posted", "partly"))),
    ):
        if kind in by_kind:
            written = exists().where(postings.c.subject == column, postings.c.kind == kind)
            decided += _count(tx, column, found)
            unwritten += _count(tx, column, found, ~written)
    told = statements.c.state != "information"
    return Completeness(
        messages=_count(tx, messages.c.key),
        messages_by_outcome=dict(Counter(row.outcome for row in message_rows(tx))),
        documents=_count(tx, documents.c.id),
        documents_by_outcome=dict(states),
        bank_lines=_count(tx, transactions.c.id),
        bank_lines_by_outcome=_by(tx, transactions.c.state),
        entries=int(
            tx.execute(
                select(func.coalesce(func.sum(statements.c.entry_count), 0)).where(told)
            ).scalar_one()
        ),
        entries_kept=_count(tx, statement_entries.c.transaction_id),
        decided=decided,
        unwritten=unwritten,
        postings_by_state=_by(tx, postings.c.state),
    )


def _count(tx: Connection, column: Any, *where: Any) -> int:
    return int(tx.execute(select(func.count(column)).where(*where)).scalar_one())


def _by(tx: Connection, column: Any) -> dict[str, int]:
    rows = tx.execute(select(column, func.count()).group_by(column))
    return {str(key): int(n) for key, n in rows}
