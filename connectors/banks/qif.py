"""QIF, the Quicken interchange format: no currency, no balances, no order of day and month.

The order of dates and the decimal sign are taken from proofs in the file;
where the file holds none, the dates stay unknown and a finding says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from connectors.banks._cells import Order, amount, date_order, day, days, decimal_sign
from connectors.banks._draft import Draft
from connectors.banks._values import NO_CURRENCY, code_page
from records.banking import BankTransaction, Statement, TransactionDetail
from records.documents import Document
from records.findings import Finding, Severity, finding
from records.money import Money

_MAX_LINE = 1 << 16
_SAMPLE = 5_000
_MAX_SPLITS = 10_000
_START = re.compile(rb"(?:\A|[\r\n])!(?:Type|Account|Option)", re.IGNORECASE)
_MONEY_TYPES = frozenset({"bank", "cash", "ccard", "oth a", "oth l"})


class Reader:
    """Reads QIF files (records.protocols.StatementReader)."""

    def accepts(self, document: Document) -> bool:
        """Say whether a `!Type` or `!Account` line stands near the beginning."""
        with document.path.open("rb") as file:
            return bool(_START.search(file.read(4096)))

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the file; see records.protocols.StatementReader."""
        order, sign = _proofs(document)
        draft: Draft | None = None
        account = ""
        section = ""
        fields: list[tuple[str, str]] = []
        ambiguous = found = False
        for line in _lines(document):
            key, value = line[:1], line[1:].strip()
            if key == "!":
                kind, _, name = value.partition(":")
                section = (name if kind.lower() == "type" else kind).strip().lower()
                fields = []
                if section in _MONEY_TYPES:
                    if draft is not None:
                        yield draft.close()
                    draft, found = Draft("qif"), True
                    draft.account = account
                elif section.startswith("inv") and section != "account":
                    message = f"The section {value[:40]} holds no bank entries; it is not read"
                    yield finding("unusual_notation", message=message)
            elif key == "^":
                if section == "account":
                    account = next((v for k, v in fields if k == "N"), account)
                elif draft is not None and section in _MONEY_TYPES and fields:
                    entry = _entry(draft, fields, order, sign)
                    if entry is not None:
                        ambiguous |= entry.booking_date is None
                        draft.add(entry)
                        yield entry
                fields = []
            elif len(fields) < _MAX_SPLITS:
                fields.append((key, value))
        if draft is None:
            if not found:
                yield finding("statement_malformed", message="The QIF file holds no bank entries")
            return
        if fields:
            draft.problem("statement_truncated", "The last entry is not finished by ^")
        if ambiguous:
            draft.problem("ambiguous_date", "Some dates can be read day first or month first")
        yield draft.close()


def _lines(document: Document) -> Iterator[str]:
    with document.path.open(encoding="utf-8-sig", errors="surrogateescape", newline=None) as file:
        while line := file.readline(_MAX_LINE):
            line = line.rstrip("\n").replace("\0", " ")
            if any("\udc80" <= c <= "\udcff" for c in line):
                raw = line.encode("utf-8", "surrogateescape")
                line = raw.decode(code_page(raw), "replace")
            if line.strip():
                yield line


def _proofs(document: Document) -> tuple[Order | None, str]:
    """Return the order of dates and the decimal sign the first entries prove."""
    dates: list[str] = []
    amounts: list[str] = []
    for line in _lines(document):
        if line[0] == "D":
            dates.append(line[1:])
        elif line[0] in "TU$":
            amounts.append(line[1:])
        if len(dates) >= _SAMPLE:
            break
    return date_order(dates), decimal_sign(amounts) or "."


def _entry(
    draft: Draft, fields: list[tuple[str, str]], order: Order | None, sign: str
) -> BankTransaction | None:
    first = dict(reversed(fields))
    printed = first.get("T") or first.get("U") or ""
    number = amount(printed, sign)
    if number is None:
        draft.problem("entry_malformed", "An entry without a readable amount", actual=printed)
        return None
    printed_day = first.get("D", "")
    booked = day(printed_day, order)
    if booked is None and not days(printed_day):
        draft.problem("impossible_date", actual=printed_day)
    details = _splits(fields, sign)
    if details and sum((d.amount.amount for d in details), Decimal(0)) != number:
        draft.problem("parts_do_not_sum", severity=Severity.NOTE)
    return BankTransaction(
        account=draft.account,
        booking_date=booked,
        amount=Money(number, NO_CURRENCY),
        counterparty_name=first.get("P") or None,
        remittance=first.get("M", ""),
        end_to_end_id=first.get("N") or None,
        details=details,
    )


def _splits(fields: list[tuple[str, str]], sign: str) -> tuple[TransactionDetail, ...]:
    """Read S (category), E (memo), $ (amount) groups."""
    details = []
    memo = ""
    for key, value in fields:
        if key == "S":
            memo = ""
        elif key == "E":
            memo = value
        elif key == "$" and (number := amount(value, sign)) is not None:
            details.append(TransactionDetail(amount=Money(number, NO_CURRENCY), remittance=memo))
    return tuple(details)
