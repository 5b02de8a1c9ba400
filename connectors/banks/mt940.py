"""SWIFT MT940 (statement) and MT942 (interim report), in the banks' many dialects.

A file is a stream of fields `:TAG:value`; what stands around them (SWIFT
blocks, `-` lines, sender lines) is passed over. A statement begins at :20:, or
where a new balance or account begins after a closing balance: some banks leave
:20: out. Sources: SWIFT MT940/MT942 usage rules; Deutsche Kreditwirtschaft,
DFÜ agreement annex 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from connectors.banks._draft import Draft
from connectors.banks._mt940_entry import END, MAX_TEXT, entry, read_balance, read_number
from connectors.banks._values import code_page, iban, is_currency
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, finding

_CHUNK = 1 << 18
_MAX_FIELD = 4 << 20

_TAGS = r"13D?|20|21|25P?|28C?|34F|60[FM]|61|62[FM]|64|65|86|90[CD]|NS"
_KNOWN = frozenset(
    [
        "13",
        "13D",
        "20",
        "21",
        "25",
        "25P",
        "28",
        "28C",
        "34F",
        "60F",
        "60M",
        "62F",
        "62M",
        "64",
        "65",
        "90C",
        "90D",
        "NS",
    ]
)
_START = re.compile(rf"(?:^|\n):(?:{_TAGS}):|\{{[12]:[^}}\n]*94[02]")
_TOTAL = re.compile(r"\s*([0-9]{1,5})([A-Z]{3})([0-9.,]+)")


class Reader:
    """Reads MT940 and MT942 files (records.protocols.StatementReader)."""

    def accepts(self, document: Document) -> bool:
        """Say whether a SWIFT field stands at the start of a line near the beginning."""
        with document.path.open("rb") as file:
            head = file.read(4096)
        text = head.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
        return b"\x00" not in head and bool(_START.search(text))

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the file; see records.protocols.StatementReader."""
        parse = _Parse()
        rest = b"\n"
        with document.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if chunk[-1:] == b"\r":
                    chunk += file.read(1)
                if rest == b"\n":
                    chunk = chunk.removeprefix(b"\xef\xbb\xbf")
                rest += chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b" ")
                cut = rest.rfind(b"\n:", 0, -6)
                if cut > 0:
                    # The last field may go on, and a tag may be cut in two: both wait.
                    yield from parse.fields(_decode(rest[:cut]))
                    rest = rest[cut:]
                elif len(rest) > _MAX_FIELD:
                    message = f"A field longer than {_MAX_FIELD} bytes"
                    yield finding("too_large", message=message)
                    return
        yield from parse.fields(_decode(rest))
        yield from parse.end()


def _decode(raw: bytes) -> str:
    """UTF-8 where it is, else the likeliest code page: no format field says which."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(code_page(raw), "replace")


class _Parse:
    """The state between fields: the open statement and the entry still collecting its :86:."""

    __slots__ = (
        "_closed",
        "_draft",
        "_entry",
        "_info",
        "_seen_balance",
        "_statements",
        "_totals",
        "_turnover",
    )

    def __init__(self) -> None:
        """Begin before the first field."""
        self._draft: Draft | None = None
        self._entry: str | None = None
        self._info: str | None = None
        self._closed = False
        self._seen_balance = False
        self._statements = 0
        # Count and sum of entries, and what :90D: and :90C: say of them, by direction.
        self._turnover = {"D": (0, Decimal(0)), "C": (0, Decimal(0))}
        self._totals: dict[str, tuple[int, Decimal]] = {}

    def fields(self, text: str) -> Iterator[BankTransaction | Statement]:
        """Take the next stretch of the file, cut at a field's beginning."""
        if "\n:\n" in text:
            text = re.sub(rf"\n:\n(?=(?:{_TAGS}):)", "\n:", text)
        if "{4::" in text:
            text = text.replace("{4::", "{4:\n:")
        first, *pieces = text.split("\n:")
        if first.strip():
            self._continue(first)
        for piece in pieces:
            tag, colon, value = piece.partition(":")
            if tag == "61" and colon:
                if self._entry is not None:
                    yield self._finish_entry()
                elif self._draft is None:
                    self._draft = Draft("mt940")
                self._entry = value
            elif tag == "86" and colon:
                if self._entry is not None:
                    # Old dialects print one :86: per line.
                    self._info = value if self._info is None else f"{self._info}\n{value}"
                elif self._draft is None:
                    self._draft = Draft("mt940")
            elif tag in _KNOWN and colon and not self._is_clock_time(tag, value):
                if self._entry is not None:
                    yield self._finish_entry()
                yield from self._other(tag, value)
            else:
                self._continue(f"\n:{piece}")

    def end(self) -> Iterator[BankTransaction | Statement | Finding]:
        """Take the end of the file."""
        if self._entry is not None:
            yield self._finish_entry()
        if self._draft is not None:
            yield self._close()
        elif not self._statements:
            yield finding("statement_malformed", message="No field of an MT940 or MT942 was found")

    # -- fields other than :61: and :86:

    def _other(self, tag: str, value: str) -> Iterator[Statement]:
        draft = self._draft
        if draft is not None and (
            tag == "20" or (self._closed and tag in ("25", "25P", "28", "28C", "60F", "60M"))
        ):
            yield self._close()
            account, currency = draft.account, draft.currency
            draft = None
            if tag in ("28", "28C", "60F", "60M"):
                # No :25: of its own: the header before covers several statements.
                draft = Draft("mt940")
                draft.account, draft.currency = account, currency
        if draft is None:
            draft = Draft("mt940")
        self._draft = draft
        if tag in ("25", "25P"):
            self._account(draft, value)
        elif tag in ("28", "28C"):
            draft.number = value.split("\n")[0].strip() or None
            page = (draft.number or "").rpartition("/")[2]
            if "/" in value and page.isascii() and page.isdigit() and len(page) < 8:
                draft.page = int(page) or None
        elif tag in ("60F", "60M"):
            self._opening(draft, tag, value)
        elif tag in ("62F", "62M"):
            self._closing(draft, tag, value)
        elif tag == "34F":
            draft.kind = "mt942"
            if draft.currency is None and is_currency(value[:3]):
                draft.currency = value[:3]
        elif tag in ("13", "13D"):
            draft.kind = "mt942"
        elif tag in ("90C", "90D"):
            draft.kind = "mt942"
            self._total(draft, tag, value)

    def _account(self, draft: Draft, value: str) -> None:
        if draft.account or self._seen_balance:
            # A second account inside a statement: a mistyped :86:, as far as it looks like one.
            draft.problem(
                "statement_malformed", "A second :25: inside a statement", actual=value[:40]
            )
            return
        account = value.split("\n")[0].strip().removeprefix("/")
        number, last = account[:-3], account[-3:]
        if is_currency(last) and (number[-1:] == " " or iban(number)):
            account, draft.currency = number.strip(), draft.currency or last
        draft.account = iban(account) or account

    def _opening(self, draft: Draft, tag: str, value: str) -> None:
        self._seen_balance = True
        balance = read_balance(value)
        if balance is None:
            draft.problem("statement_malformed", f":{tag}: is no balance", actual=value[:40])
            return
        draft.opening, draft.opening_date = balance
        draft.currency = balance[0].currency
        draft.intermediate_opening = tag == "60M"

    def _closing(self, draft: Draft, tag: str, value: str) -> None:
        self._closed = True
        balance = read_balance(value)
        if balance is None:
            draft.problem("statement_malformed", f":{tag}: is no balance", actual=value[:40])
            return
        draft.closing, draft.closing_date = balance
        draft.currency = draft.currency or balance[0].currency
        draft.intermediate_closing = tag == "62M"

    def _total(self, draft: Draft, tag: str, value: str) -> None:
        """:90D: and :90C: count and add the debits and credits of an MT942."""
        match = _TOTAL.match(value)
        read = None if match is None else read_number(match[3])
        if match is None or read is None:
            draft.problem("statement_malformed", f":{tag}: is no total", actual=value[:40])
            return
        draft.currency = draft.currency or match[2]
        self._totals[tag[-1]] = int(match[1]), read[0]

    def _close(self) -> Statement:
        draft = self._draft
        assert draft is not None  # callers check
        if draft.kind == "mt940" and draft.closing is None:
            draft.problem("statement_truncated", "The statement has no closing balance")
        for direction, printed in self._totals.items():
            if printed != self._turnover[direction]:
                draft.problem(
                    "control_total_wrong",
                    f"Number and sum of the entries are not those of :90{direction}:",
                    expected=f"{printed[0]} entries, {printed[1]}",
                    actual="{} entries, {}".format(*self._turnover[direction]),
                )
        self._draft = None
        self._totals = {}
        self._turnover = {"D": (0, Decimal(0)), "C": (0, Decimal(0))}
        self._closed = self._seen_balance = False
        self._statements += 1
        return draft.close()

    # -- entries

    def _is_clock_time(self, tag: str, value: str) -> bool:
        """Say whether `T10` at a line's end went on as `:13:05` or `:25:59` in an :86:."""
        return (
            self._entry is not None
            and self._info is not None
            and tag in ("13", "20", "21", "25", "28")
            and self._info[-2:].isdigit()
            and re.match(r"\d\d(?!\d)", value) is not None
        )

    def _continue(self, text: str) -> None:
        """More text of the field before."""
        if self._info is not None:
            if len(self._info) < MAX_TEXT:
                self._info += text
        elif self._entry is not None and len(self._entry) < MAX_TEXT:
            self._entry += text

    def _finish_entry(self) -> BankTransaction:
        draft, value, info = self._draft, self._entry or "", self._info
        assert draft is not None  # an entry opens a draft
        self._entry = self._info = None
        # Most are one line, and a search for one sign is the quickest there is.
        if "\n" in value and ("\n-" in value or "\n{" in value):
            value = END.sub("", value)
        transaction = entry(draft, value, info)
        draft.add(transaction)
        if draft.kind == "mt942":
            money = transaction.amount.amount
            direction = "D" if money < 0 else "C"
            count, total = self._turnover[direction]
            self._turnover[direction] = count + 1, total + abs(money)
        return transaction
