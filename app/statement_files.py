"""One bank file as rows: read in the isolated process, ready for the database.

Ids make repeated and overlapping files harmless. A movement is known by its
account, bank reference, booking date and amount; where the bank gives no
reference, by a fingerprint of everything it says. Equal movements of one
statement are counted, so two equal real payments on one day stay two.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from app.codec import dump, prepare
from connectors.banks import Profile, read
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding
from records.money import Money

prepare(BankTransaction)

#: References that banks print where they have none.
_NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NONE", "UNKNOWN"})

#: Kinds that repeat or announce what a statement will say; they never count by themselves.
INFORMATION = frozenset({"camt.052", "camt.054", "mt942"})


@dataclass(frozen=True, slots=True)
class Movement:
    """One booked transaction: id, and the columns the database searches by."""

    id: str
    account: str
    bank_reference: str | None
    booking_date: str | None
    amount_minor: int
    currency: str
    data: str


@dataclass(slots=True)
class ReadStatement:
    """One whole statement with its movements, pages stitched. `pending` were not booked."""

    statement: Statement
    movements: list[Movement] = field(default_factory=list)
    pending: int = 0


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Everything one file said."""

    statements: tuple[ReadStatement, ...]
    findings: tuple[Finding, ...]


def read_file(document: Document, profiles: Sequence[Profile] = ()) -> ReadFile:
    """Read a bank file completely. Never raises on bad bytes: they become Findings.

    `profiles` are the confirmed ones for tables; the statement of a table that
    was read by a guess says so (`profile_guessed`).
    """
    found: list[Finding] = []
    whole: list[ReadStatement] = []
    buffer: list[BankTransaction] = []
    for item in read(document, profiles):
        if isinstance(item, BankTransaction):
            buffer.append(item)
        elif isinstance(item, Finding):
            found.append(item)
        else:
            _add_page(whole, item, buffer)
            buffer = []
    return ReadFile(tuple(whole), tuple(found))


def _add_page(whole: list[ReadStatement], page: Statement, entries: list[BankTransaction]) -> None:
    booked = [e for e in entries if e.status == "BOOK"]
    last = whole[-1] if whole else None
    continues = (
        last is not None
        and page.intermediate_opening
        and last.statement.intermediate_closing
        and last.statement.account == page.account
    )
    if not continues or last is None:
        last = ReadStatement(page)
        whole.append(last)
    else:
        before = last.statement
        last.statement = replace(
            before,
            closing=page.closing,
            closing_date=page.closing_date,
            intermediate_closing=page.intermediate_closing,
            entry_count=before.entry_count + page.entry_count,
            entry_sum=before.entry_sum + page.entry_sum,
            findings=before.findings + page.findings,
        )
    last.pending += len(entries) - len(booked)
    counts: Counter[str] = Counter(_stem(m.id) for m in last.movements)
    last.movements.extend(_movements(booked, counts))


def _movements(booked: list[BankTransaction], counts: Counter[str]) -> Iterator[Movement]:
    for entry in booked:
        amount = _minor(entry.amount)
        day = entry.booking_date or entry.value_date
        reference = (entry.bank_reference or "").strip()
        known_by = reference if has_reference(entry) else _fingerprint(entry)
        stem = f"{entry.account}/{known_by}/{day or ''}/{amount}"
        counts[stem] += 1
        yield Movement(
            id=stem if counts[stem] == 1 else f"{stem}~{counts[stem]}",
            account=entry.account,
            bank_reference=entry.bank_reference,
            booking_date=day.isoformat() if day else None,
            amount_minor=amount,
            currency=entry.amount.currency,
            data=dump(entry),
        )


def has_reference(entry: BankTransaction) -> bool:
    """Say whether the bank gave the entry a reference of its own."""
    return (entry.bank_reference or "").strip().upper() not in _NO_REFERENCE


def _stem(movement_id: str) -> str:
    return movement_id.rsplit("~", 1)[0] if "~" in movement_id.rsplit("/", 1)[-1] else movement_id


def _minor(amount: Money) -> int:
    return amount.rounded().minor


def _fingerprint(entry: BankTransaction) -> str:
    said = (
        str(entry.value_date),
        entry.counterparty_name or "",
        entry.counterparty_account or "",
        entry.end_to_end_id or "",
        "".join(entry.remittance.split()),
        entry.transaction_code or "",
    )
    return "=" + hashlib.blake2b("|".join(said).encode(), digest_size=10).hexdigest()
