"""BAI2, the North American cash management format (BAI, "Cash Management Balance
Reporting Specifications", version 2).

Amounts are in the currency's minor unit. Type codes 100-399 and 920-959 are
credits, 400-699 and 960-999 debits. Control totals and record counts of
account (49), group (98) and file (99) are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connectors.banks._draft import Draft
from connectors.banks._values import compact_date, is_currency
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, Severity, finding
from records.money import Money, digits_of

_MAX_LINE = 1 << 16
_MAX_RECORD = 1 << 20
_RECORDS = frozenset({"01", "02", "03", "16", "49", "88", "98", "99"})
_OPENING, _CLOSING = "010", "015"
# Fields that follow a funds type: S has three amounts, V date and time, D counts its own pairs.
_FUNDS = {"S": 3, "V": 2}


class Reader:
    """Reads BAI2 files (records.protocols.StatementReader)."""

    def accepts(self, document: Document) -> bool:
        """Say whether the file begins with the records 01 and 02."""
        with document.path.open("rb") as file:
            lines = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().splitlines()
        rest = [line for line in lines[1:] if line[:3] != b"88,"]
        return bool(lines) and lines[0][:3] == b"01," and (not rest or rest[0][:3] == b"02,")

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the file; see records.protocols.StatementReader."""
        parse = _Parse()
        for code, content, lines in _records(document):
            yield from parse.record(code, content, lines)
        yield from parse.end()


def _records(document: Document) -> Iterator[tuple[str, str, int]]:
    """Yield code, content and physical lines of each record, its 88 lines joined by `,\\n`."""
    code, parts, size = "", [""], 0
    with document.path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        while line := file.readline(_MAX_LINE):
            line = line.replace("\0", " ").rstrip()
            if not line:
                continue
            body = line[3:].removesuffix("/")
            if line[:3] == "88,":
                if size < _MAX_RECORD:
                    parts.append(body)
                    size += len(body)
                continue
            if code:
                yield code, ",\n".join(parts), len(parts)
            code, parts, size = line[:2], [body], len(body)
            if line[2:3] not in (",", "/", ""):
                code = "??"
    if code:
        yield code, ",\n".join(parts), len(parts)


@dataclass(slots=True)
class _Control:
    """What an account, group or file has added up so far."""

    total: int = 0
    lines: int = 0
    members: int = 0


class _Parse:
    """The open account, group and file."""

    def __init__(self) -> None:
        """Begin before record 01."""
        self._draft: Draft | None = None
        self._currency = "USD"  # the specification's default
        self._day: date | None = None
        self._test = ""
        self._account = _Control()
        self._group = _Control()
        self._file = _Control()
        self._ended = False
        self._statements = 0
        self._unknown = 0

    def record(
        self, code: str, content: str, lines: int
    ) -> Iterator[BankTransaction | Statement | Finding]:
        """Take one logical record."""
        for control in (self._account, self._group, self._file):
            control.lines += lines
        fields = content.split(",")
        if code == "16":
            if self._draft is None:
                yield finding("statement_malformed", message="An entry (16) outside an account")
                return
            entry = self._entry(self._draft, content)
            if entry is not None:
                self._draft.add(entry)
                yield entry
        elif code == "03":
            yield from self._close("The account has no trailer (49)")
            self._account = _Control(lines=lines)
            self._open(fields)
        elif code == "49":
            if self._draft is not None:
                self._check(self._draft, fields)
            yield from self._close("")
        elif code == "02":
            yield from self._close("The account has no trailer (49)")
            self._group = _Control(lines=lines)
            self._day = compact_date(_at(fields, 3).strip())
            self._currency = _at(fields, 5).strip().upper() or "USD"
            self._test = {"2": "a deletion", "4": "a test"}.get(_at(fields, 2).strip(), "")
        elif code == "98":
            yield from self._close("The account has no trailer (49)")
            yield from self._trailer("group (98)", self._group, fields)
            self._file.total += _integer(_at(fields, 0)) or 0
            self._file.members += 1
        elif code == "99":
            yield from self._trailer("file (99)", self._file, fields)
            self._ended = True
        elif code != "01":
            self._unknown += 1

    def end(self) -> Iterator[Statement | Finding]:
        """Take the end of the file."""
        yield from self._close("The file ends inside the account")
        if self._unknown:
            message = f"{self._unknown} records of unknown kind were not read"
            yield finding("statement_malformed", message=message)
        if not self._ended:
            yield finding("statement_truncated", message="The file trailer (99) is missing")
        elif not self._statements:
            yield finding("statement_malformed", message="The file holds no account")

    def _open(self, fields: list[str]) -> None:
        self._draft = draft = Draft("bai2")
        draft.account = _at(fields, 0).strip()
        currency = _at(fields, 1).strip().upper()
        draft.currency = currency if is_currency(currency) else self._currency
        draft.opening_date = draft.closing_date = self._day
        if self._test:
            draft.problem(
                "statement_malformed", f"The group is {self._test}", severity=Severity.BLOCK
            )
        at = 2
        while at < len(fields):
            code, text = fields[at].strip(), _at(fields, at + 1).strip()
            at = _after_funds(fields, at + 3)
            if not code:
                continue
            number = _integer(text)
            if number is None:
                if text:
                    draft.problem(
                        "statement_malformed", f"Summary {code} is no amount", actual=text
                    )
                continue
            self._account.total += number
            money = Money.of_minor(number, draft.currency)
            if code == _OPENING:
                draft.opening = money
            elif code == _CLOSING:
                draft.closing = money

    def _entry(self, draft: Draft, content: str) -> BankTransaction | None:
        fields = content.split(",")
        code = fields[0].strip()
        number = _integer(_at(fields, 1))
        credit = _is_credit(int(code)) if code.isascii() and code.isdigit() else None
        if code == "890" or (number is None and not _at(fields, 1).strip()):
            # 890 is a message; an amount that is left out is zero (specification, record 16).
            draft.problem(
                "unusual_notation",
                f"Record 16 without money: {content[:80]}",
                severity=Severity.NOTE,
            )
            return None
        if number is None or credit is None:
            draft.problem("entry_malformed", "A record 16 that is no entry", actual=content[:80])
            return None
        self._account.total += number
        after = _after_funds(fields, 2)
        value_date = compact_date(_at(fields, 3).strip()) if _at(fields, 2).strip() == "V" else None
        text = ",".join(fields[after + 2 :]).replace(",\n", "\n").strip()
        amount = Decimal(number).scaleb(-digits_of(draft.currency or "USD"))
        return BankTransaction(
            account=draft.account,
            booking_date=self._day,
            value_date=value_date,
            amount=Money(amount if credit else -amount, draft.currency or "USD"),
            remittance=text,
            bank_reference=_at(fields, after).strip() or None,
            end_to_end_id=_at(fields, after + 1).strip() or None,
            transaction_code=code,
        )

    def _check(self, draft: Draft, fields: list[str]) -> None:
        printed, lines = _integer(_at(fields, 0)), _integer(_at(fields, 1))
        account = self._account
        if printed != account.total:
            draft.problem("control_total_wrong", expected=_at(fields, 0), actual=account.total)
        if lines is not None and lines != account.lines:
            message = "The number of records of the account is wrong"
            draft.problem("control_total_wrong", message, expected=lines, actual=account.lines)
        self._group.total += printed or 0
        self._group.members += 1

    def _trailer(self, name: str, control: _Control, fields: list[str]) -> Iterator[Finding]:
        for what, printed, counted in (
            ("total", _integer(_at(fields, 0)), control.total),
            ("number of members", _integer(_at(fields, 1)), control.members),
            ("number of records", _integer(_at(fields, 2)), control.lines),
        ):
            if printed is not None and printed != counted:
                yield finding(
                    "control_total_wrong",
                    message=f"The {what} of the {name} is wrong",
                    expected=printed,
                    actual=counted,
                )

    def _close(self, missing: str) -> Iterator[Statement]:
        if self._draft is not None:
            if missing:
                self._draft.problem("statement_truncated", missing)
            self._statements += 1
            yield self._draft.close()
            self._draft = None


def _at(fields: list[str], index: int) -> str:
    return fields[index] if index < len(fields) else ""


def _integer(text: str) -> int | None:
    bare = text.strip()
    digits = bare.removeprefix("+") if bare[:1] == "+" else bare.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 24:
        return None
    return -int(digits) if bare[0] == "-" else int(digits)


def _after_funds(fields: list[str], at: int) -> int:
    """Return the index behind the funds type at `at` and what belongs to it."""
    kind = _at(fields, at).strip().upper()
    if kind == "D":
        return at + 2 + 2 * min(_integer(_at(fields, at + 1)) or 0, len(fields))
    return at + 1 + _FUNDS.get(kind, 0)


def _is_credit(code: int) -> bool | None:
    """Return the direction of a type code; None for one that is no movement."""
    if 100 <= code <= 399 or 920 <= code <= 959:
        return True
    if 400 <= code <= 699 or 960 <= code <= 999:
        return False
    return None
