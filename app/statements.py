"""`nightclerk statements`: bank files as JSON lines, without a database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from connectors.banks import NO_CURRENCY, Profile, read
from records.banking import BankTransaction, Statement, TransactionDetail
from records.documents import Document
from records.findings import Finding, Severity, finding
from records.media import HEAD, sniff
from records.money import Money

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRecord:
    """One statement of a file with its entries, its pages stitched together.

    `statement` is None for a file that was rejected as a whole; then there are
    no entries and `findings` say why.
    """

    path: str
    statement: Statement | None
    entries: tuple[BankTransaction, ...] = ()
    findings: tuple[Finding, ...] = ()

    def line(self) -> dict[str, object]:
        """Return what `json.dumps` writes: amounts as decimal strings, credit positive.

        `sum` and `n_entries` count every entry, `balanced` only booked ones;
        null is unknown.
        """
        known = self.statement
        total = sum((e.amount.amount for e in self.entries), Decimal(0))
        return {
            "path": self.path,
            "account": known.account or None if known else None,
            "currency": known.currency if known else None,
            "number": known.number if known else None,
            "kind": known.kind if known else None,
            "opening": _amount(known.opening) if known else None,
            "closing": _amount(known.closing) if known else None,
            "opening_date": _date(known.opening_date) if known else None,
            "closing_date": _date(known.closing_date) if known else None,
            "balanced": known.balanced if known else None,
            "n_entries": len(self.entries),
            "sum": format(total, "f") if known else None,
            "entries": [_entry(e) for e in self.entries],
            "findings": [_finding(f) for f in self.findings],
        }


def statement_lines(
    paths: Iterable[Path], profiles: Sequence[Profile] = ()
) -> Iterator[dict[str, object]]:
    """Yield one JSON-ready line per statement of every file; directories are walked.

    A file that is rejected as a whole gives one line whose account is null. A
    file that cannot be opened gives one too: the others are still read.
    """
    for path in files(paths):
        for record in statement_records(path, profiles):
            yield record.line()


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, those below a directory in the order of their names."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file())
        else:
            yield path


def statement_records(path: Path, profiles: Sequence[Profile] = ()) -> Iterator[StatementRecord]:
    """Read one file; pages that follow each other become one statement.

    Findings about the file itself go with its last statement. Holds the
    entries of one statement at a time.
    """
    try:
        document = document_at(path)
    except OSError as error:
        yield _rejected(path, [_unreadable(path, error)])
        return
    held: StatementRecord | None = None
    entries: list[BankTransaction] = []
    about_file: list[Finding] = []
    for item in read(document, profiles):
        if isinstance(item, BankTransaction):
            entries.append(item)
        elif isinstance(item, Finding):
            about_file.append(item)
            # Entries that no Statement proves count for nothing.
            entries.clear()
        else:
            record = StatementRecord(
                path=str(path), statement=item, entries=tuple(entries), findings=item.findings
            )
            entries.clear()
            if held is not None and held.statement is not None and follows(held.statement, item):
                held = stitch(held, record)
            else:
                if held is not None:
                    yield _whole(held)
                held = record
    if held is not None:
        held = _whole(held)
        yield replace(held, findings=(*held.findings, *about_file))
    elif about_file:
        yield _rejected(path, about_file)


def _whole(record: StatementRecord) -> StatementRecord:
    """Say when a page before or after this statement is not in the file."""
    statement = record.statement
    missing = []
    if statement is not None and statement.intermediate_opening:
        missing.append("The page before this one is not in the file")
    if statement is not None and statement.intermediate_closing:
        missing.append("The page after this one is not in the file")
    found = [
        finding("page_missing", where=record.path, message=m, severity=Severity.WARN)
        for m in missing
    ]
    return replace(record, findings=(*record.findings, *found)) if found else record


def follows(page: Statement, following: Statement) -> bool:
    """Say whether the second is the next page of the first (60M/62M, PgNb)."""
    return (
        page.intermediate_closing
        and following.intermediate_opening
        and page.account == following.account
        and page.kind == following.kind
        and _sequence(page) == _sequence(following)
        and (page.closing is None or page.closing == following.opening)
    )


def stitch(first: StatementRecord, following: StatementRecord) -> StatementRecord:
    """Make one statement of two pages; its balance is proved anew.

    A page that did not balance keeps its finding.
    """
    a, b = first.statement, following.statement
    assert a is not None and b is not None  # only statements have pages
    return StatementRecord(
        path=first.path,
        statement=replace(
            a,
            closing=b.closing,
            closing_date=b.closing_date,
            intermediate_closing=b.intermediate_closing,
            entry_count=a.entry_count + b.entry_count,
            entry_sum=a.entry_sum + b.entry_sum,
            findings=(*a.findings, *b.findings),
        ),
        entries=(*first.entries, *following.entries),
        findings=(*first.findings, *following.findings),
    )


def _sequence(statement: Statement) -> str:
    return (statement.number or "").partition("/")[0]


def document_at(path: Path) -> Document:
    """Return a file as a Document that lies where it is; OSError when it cannot be opened."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        head = file.read(HEAD)
        digest.update(head)
        while block := file.read(_BLOCK):
            digest.update(block)
    return Document(
        id=digest.hexdigest(),
        media_type=sniff(head),
        path=path,
        name=path.name,
        size=path.stat().st_size,
        origin=str(path),
    )


def _unreadable(path: Path, error: OSError) -> Finding:
    return finding(
        "damaged",
        where=str(path),
        message=f"The file cannot be opened: {error.strerror or error}",
        remedy="Check the path and its permissions.",
    )


def _rejected(path: Path, findings: list[Finding]) -> StatementRecord:
    return StatementRecord(path=str(path), statement=None, findings=tuple(findings))


def _amount(money: Money | None) -> str | None:
    return None if money is None else format(money.amount, "f")


def _date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _money(money: Money | None) -> dict[str, str | None] | None:
    if money is None:
        return None
    return {"amount": format(money.amount, "f"), "currency": _currency(money)}


def _currency(money: Money) -> str | None:
    return None if money.currency == NO_CURRENCY else money.currency


def _entry(entry: BankTransaction) -> dict[str, object]:
    return {
        "booking_date": _date(entry.booking_date),
        "value_date": _date(entry.value_date),
        "amount": format(entry.amount.amount, "f"),
        "currency": _currency(entry.amount),
        "status": entry.status,
        "reversal": entry.reversal,
        "counterparty_name": entry.counterparty_name,
        "counterparty_account": entry.counterparty_account,
        "remittance": entry.remittance,
        "end_to_end_id": entry.end_to_end_id,
        "mandate_id": entry.mandate_id,
        "batch_id": entry.batch_id,
        "bank_reference": entry.bank_reference,
        "transaction_code": entry.transaction_code,
        "return_reason": entry.return_reason,
        "original_amount": _money(entry.original_amount),
        "charges": _money(entry.charges),
        "details": [_detail(d) for d in entry.details],
    }


def _detail(detail: TransactionDetail) -> dict[str, object]:
    return {
        "amount": format(detail.amount.amount, "f"),
        "currency": _currency(detail.amount),
        "end_to_end_id": detail.end_to_end_id,
        "counterparty_name": detail.counterparty_name,
        "counterparty_account": detail.counterparty_account,
        "remittance": detail.remittance,
        "bank_reference": detail.bank_reference,
        "return_reason": detail.return_reason,
    }


def _finding(observed: Finding) -> dict[str, str | None]:
    return {
        "code": observed.code,
        "severity": str(observed.severity),
        "where": observed.where,
        "message": observed.message,
        "expected": observed.expected,
        "actual": observed.actual,
    }
