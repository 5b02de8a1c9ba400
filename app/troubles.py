"""Troubles: what is wrong beside the documents, told once for each subject and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from app import next_steps
from app.queries import MessageRow, message_rows
from app.store import as_finding
from app.tables import findings
from records.findings import Finding

_KINDS = ("account", "source", "posting", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What went wrong; `more` findings like it are left out. `commands` mend or close it."""

    subject: str
    finding: Finding
    more: int = 0
    commands: tuple[str, ...] = ()

    def __str__(self) -> str:
        others = f" (and {self.more} more like it)" if self.more else ""
        return f"{self.finding}{others}"


def troubles(
    tx: Connection,
    failed: Sequence[tuple[str, Finding]] = (),
    received: Sequence[MessageRow] | None = None,
) -> list[Trouble]:
    """Return what is wrong with messages, accounts, sources and postings, oldest first.

    `failed` is work the engine gave up on, which the database does not know;
    `received` are the messages where they have been read already.
    """
    rows = tx.execute(
        select(findings)
        .where(findings.c.subject_kind.in_(_KINDS))
        .where(findings.c.closed_at.is_(None), findings.c.severity != "note")
        .order_by(findings.c.id)
    )
    found = [*failed, *((row.subject, as_finding(row)) for row in rows)]
    return list(_told(found, message_rows(tx) if received is None else received))


def _told(
    found: Sequence[tuple[str, Finding]], received: Sequence[MessageRow]
) -> Iterator[Trouble]:
    """Yield one for each subject and code: an archive has a thousand parts, one reason."""
    messages = {message.key: message for message in received}
    counted = Counter((subject, item.code) for subject, item in found)
    told = set()
    for subject, item in found:
        if (subject, item.code) in told:
            continue
        told.add((subject, item.code))
        message = messages.get(subject)
        commands = next_steps.for_message(message) if message else ()
        if item.code == "work_failed":
            commands = (f"nightclerk replay {subject}",)
        yield Trouble(
            subject=f'message "{message.subject}" from {message.sender}' if message else subject,
            finding=item,
            more=counted[subject, item.code] - 1,
            commands=commands,
        )
