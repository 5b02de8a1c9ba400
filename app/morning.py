"""A morning: everything the report says of a night, read from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from app import next_steps
from app.completeness import Completeness, completeness
from app.payables_figures import Figures, figures
from app.queries import (
    LOOKED_AT,
    BankRow,
    DocumentRow,
    MessageRow,
    age_days,
    bank_rows,
    document_rows,
    message_rows,
    percent,
)
from app.troubles import Trouble, troubles
from records.findings import Finding
from records.money import Money

#: Bank lines told in the workbook one by one, the newest of them.
_LINES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """Everything one report says. `since` is the time of the report before, None the first."""

    company: str
    at: datetime
    since: datetime | None
    posted: tuple[DocumentRow, ...]
    held: tuple[DocumentRow, ...]
    filed: tuple[DocumentRow, ...]
    messages: tuple[MessageRow, ...]
    bank_open: tuple[BankRow, ...]
    bank_lines: tuple[BankRow, ...]
    bank_posted: int
    troubles: tuple[Trouble, ...]
    payables: Figures
    complete: Completeness
    owners: Mapping[str, str]

    @property
    def straight_through(self) -> Decimal | None:
        """Return what was posted without a person, in per cent of the invoices decided since then.

        None when none was: what is held from earlier days counts no more.
        """
        alone = sum(not row.by_hand for row in self.posted)
        new = sum(self.since is None or row.changed_at >= self.since for row in self.held)
        return percent(alone, len(self.posted) + new)

    @property
    def posted_amounts(self) -> list[Money]:
        """Return what was posted, gross, by currency."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.posted:
            if row.gross:
                sums[row.gross.currency] += row.gross.amount
        return [Money(amount, currency) for currency, amount in sorted(sums.items())]

    @property
    def today(self) -> date:
        """Return the report's date in the office's zone."""
        return self.at.date()

    def owner(self, row: DocumentRow) -> str:
        """Return who looks after a held document: by its first reason, else the default."""
        for item in row.findings:
            if item.blocks and item.code in self.owners:
                return self.owners[item.code]
        return self.owners.get("default", "unassigned")

    def held_by_owner(self, most: int) -> Iterator[tuple[str, list[DocumentRow]]]:
        """Yield each owner with what waits for them, at most so many documents in all."""
        groups: dict[str, list[DocumentRow]] = {}
        for row in self.held:
            groups.setdefault(self.owner(row), []).append(row)
        for owner, rows in sorted(groups.items()):
            if most > 0:
                yield owner, rows[:most]
            most -= len(rows)

    def commands(self, row: DocumentRow | BankRow) -> tuple[str, ...]:
        """Return what is typed to decide it."""
        if isinstance(row, BankRow):
            return next_steps.for_line(row)
        return next_steps.for_document(row)

    def age(self, row: DocumentRow) -> int:
        """Return how many days a document has been here."""
        return age_days(row.seen_at.astimezone(self.at.tzinfo), self.today)

    @property
    def headline(self) -> str:
        """Return the report in one line: the subject of the mail."""
        parts = [f"{len(self.posted)} posted", f"{len(self.held)} held"]
        if self.bank_open:
            parts.append(f"{_count(len(self.bank_open), 'bank line')} to look at")
        if self.troubles:
            parts.append(_count(len(self.troubles), "trouble"))
        return ", ".join(parts)


def gather(
    tx: Connection,
    *,
    company: str,
    at: datetime,
    since: datetime | None,
    owners: Mapping[str, str],
    failed: Sequence[tuple[str, Finding]] = (),
) -> Morning:
    """Read what the report says from the database. `at` is in the office's zone.

    `failed` is work the engine gave up on, which the database does not know.
    """
    after = since.astimezone(UTC).isoformat() if since else None
    filed = ("filed", "joined", "rejected")
    complete = completeness(tx)
    received = message_rows(tx)
    return Morning(
        company=company,
        at=at,
        since=since,
        posted=tuple(document_rows(tx, ("posted",), after)),
        held=tuple(document_rows(tx, ("held",))),
        filed=tuple(r for r in document_rows(tx, filed, after) if r.kind != "bank_statement"),
        messages=tuple(received),
        bank_open=tuple(bank_rows(tx, LOOKED_AT)),
        bank_lines=tuple(bank_rows(tx, newest=_LINES)),
        bank_posted=complete.bank_lines_by_outcome.get("posted", 0),
        troubles=tuple(troubles(tx, failed, received)),
        payables=figures(tx, at.date()),
        complete=complete,
        owners=owners,
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
