"""SWIFT MT940 (statement) and MT942 (interim report), in the banks' many dialects.

A file is a stream of fields `:TAG:value`; what stands around them (SWIFT
blocks, `-` lines, sender lines) is passed over. A statement begins at :20:, or
where a new balance or account begins after a closing balance: some banks leave
:20: out. Sources: SWIFT MT940/MT942 usage rules; Deutsche Kreditwirtschaft,
DFÜ agreement annex 3.

Sign table of :61: (subfield 3), money in is positive:
C and EC +, D and ED -, RC (a credit taken back) -, RD (a debit taken back) +.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache

from connectors.banks._details86 import Details, details, iso_reason
from connectors.banks._draft import Draft
from connectors.banks._gvc import BATCHES, RETURNS, transaction_code
from connectors.banks._values import NO_CURRENCY, compact_date, iban, is_currency
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, finding
from records.money import Money

_CHUNK = 1 << 18
_MAX_FIELD = 4 << 20
_MAX_ENTRY_TEXT = 1 << 16

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
_ENTRY = re.compile(
    r"([0-9]{6}(?:[0-9]{4}|    )?)"  # value date, entry date
    r"(R?[CD]|E[CD])[A-Z]?"  # mark, funds code
    r"\s*([0-9.,]+)"
    r"([A-Z][A-Z0-9]{3})?"  # type: N, F or S and three characters
    r"([^\n]*)"  # reference // bank reference
    r"(?:\n([\s\S]*))?"  # supplementary details
)
_BALANCE = re.compile(r"\s*([CD])\s*([0-9]{6})([A-Z]{3})\s*([0-9.,]+)")
_TOTAL = re.compile(r"\s*([0-9]{1,5})([A-Z]{3})([0-9.,]+)")
_CODED_AMOUNT = re.compile(r"/(OCMT|CHGS)/([A-Z]{3})([0-9.,]+)")
_END = re.compile(r"\n-(?:[}\x03][\s\S]*|\s*\n[\s\S]*|\s*)\Z|\n\{1:[\s\S]*\Z")
_LOOKS_LIKE_86 = re.compile(r"\d{3}[?><~^]\d\d")
_NO_REFERENCE = frozenset({"NONREF", "EREF", "PREF", "MARF", "KREF", "NOTPROVIDED", "NONREF.", ""})
_SIGNS = {"C": 1, "EC": 1, "D": -1, "ED": -1, "RC": -1, "RD": 1}


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
                rest += chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
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
    """UTF-8 where it is, else the Western code page: no format field says which."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


class _Parse:
    """The state between fields: the open statement and the entry still collecting its :86:."""

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
        pieces = text.split("\n:")
        if pieces[0].strip():
            self._continue(pieces[0])
        for piece in pieces[1:]:
            tag, colon, value = piece.partition(":")
            if tag == "61":
                if self._entry is not None:
                    yield self._finish_entry()
                if self._draft is None:
                    self._draft = Draft("mt940")
                self._entry = value
            elif tag == "86":
                if self._draft is None:
                    self._draft = Draft("mt940")
                if self._entry is not None:
                    # Old dialects print one :86: per line.
                    self._info = value if self._info is None else f"{self._info}\n{value}"
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
        account = value.split("\n")[0].strip()
        bare = account.replace(" ", "")
        if is_currency(bare[-3:]) and (proved := iban(bare[:-3])):
            account, draft.currency = proved, draft.currency or bare[-3:]
        draft.account = iban(account) or account

    def _opening(self, draft: Draft, tag: str, value: str) -> None:
        self._seen_balance = True
        balance = _balance(value)
        if balance is None:
            draft.problem("statement_malformed", f":{tag}: is no balance", actual=value[:40])
            return
        draft.opening, draft.opening_date = balance
        draft.currency = balance[0].currency
        draft.intermediate_opening = tag == "60M"

    def _closing(self, draft: Draft, tag: str, value: str) -> None:
        self._closed = True
        balance = _balance(value)
        if balance is None:
            draft.problem("statement_malformed", f":{tag}: is no balance", actual=value[:40])
            return
        draft.closing, draft.closing_date = balance
        draft.currency = draft.currency or balance[0].currency
        draft.intermediate_closing = tag == "62M"

    def _total(self, draft: Draft, tag: str, value: str) -> None:
        """:90D: and :90C: count and add the debits and credits of an MT942."""
        match = _TOTAL.match(value)
        read = None if match is None else _number(match[3])
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
            if len(self._info) < _MAX_ENTRY_TEXT:
                self._info += text
        elif self._entry is not None and len(self._entry) < _MAX_ENTRY_TEXT:
            self._entry += text

    def _finish_entry(self) -> BankTransaction:
        draft, value, info = self._draft, self._entry or "", self._info
        assert draft is not None  # an entry opens a draft
        self._entry = self._info = None
        if "\n-" in value or "\n{" in value:
            value = _END.sub("", value)
        transaction = _transaction(draft, value, info)
        draft.add(transaction)
        if draft.kind == "mt942":
            money = transaction.amount.amount
            direction = "D" if money < 0 else "C"
            count, total = self._turnover[direction]
            self._turnover[direction] = count + 1, total + abs(money)
        return transaction


def _transaction(draft: Draft, value: str, info: str | None) -> BankTransaction:
    match = _ENTRY.match(value) or _ENTRY.match(value.replace("\n", "", 1))
    read = None if match is None else _number(match[3])
    if match is None or read is None:
        draft.problem("entry_malformed", "An unreadable :61:", actual=value[:60])
        return BankTransaction(
            account=draft.account,
            amount=Money(Decimal(0), draft.currency or NO_CURRENCY),
            status="INFO",
            remittance=value[:_MAX_ENTRY_TEXT],
        )
    dates, mark, digits, swift, rest, more = match.groups()
    number, usual = read
    if not usual:
        draft.problem("unusual_notation", "An amount without its decimal comma", actual=digits)
    signed = number if _SIGNS[mark] > 0 else -number
    incoming = signed > 0
    value_date, booking_date, possible = _dates(dates)
    if not possible:
        draft.problem("impossible_date", actual=dates)
    reference, double, bank_reference = rest.partition("//")
    found = _NO_DETAILS
    if info is not None:
        if "\n-" in info or "\n{" in info:
            info = _END.sub("", info)
        if len(info) > _MAX_ENTRY_TEXT:
            draft.problem("unusual_notation", f"Text cut after {_MAX_ENTRY_TEXT} characters")
            info = info[:_MAX_ENTRY_TEXT]
        found = details(info.rstrip("\n"), draft.account)
    name, account, remittance = found.name, found.account, found.text
    if not double and len(reference) > 16:
        # An older layout: 16 characters of reference, then the counterparty's name.
        if (whole := iban(reference)) is not None:
            account, reference = account or whole, ""
        else:
            name = name or reference[16:].strip() or None
            reference = reference[:16]
    reference = reference.strip()
    original = charges = None
    if more is not None and more.strip():
        more = more.strip()
        if "/OCMT/" in more or "/CHGS/" in more:
            original, charges = _coded_amounts(more, signed)
        elif account is None and iban(more) is not None:
            account = iban(more)
        elif remittance.startswith(f"{reference} {more}") and reference:
            # The counterparty's account and name, printed again before the text.
            account, name = account or reference, name or more
            remittance = remittance[len(reference) + len(more) + 1 :].strip()
            reference = ""
        elif not remittance and more[0] != "/":
            remittance = more
    if info is not None and ("/OCMT/" in info or "/CHGS/" in info):
        coded = _coded_amounts(info, signed)
        original, charges = original or coded[0], charges or coded[1]
    end_to_end = found.end_to_end
    batch = None
    if found.customer_reference is not None:
        if found.gvc in BATCHES or (found.end_to_end is None and found.name is None):
            batch = found.customer_reference
        elif end_to_end is None:
            end_to_end = found.customer_reference
    elif (
        end_to_end is None
        and len(reference) > 1
        and reference not in _NO_REFERENCE
        and reference[-1] != "+"
    ):
        end_to_end = reference
    returned = found.return_reason
    if returned is None and found.gvc in RETURNS:
        returned = iso_reason(remittance)
    currency = draft.currency or NO_CURRENCY
    return BankTransaction(
        account=draft.account,
        booking_date=booking_date,
        value_date=value_date,
        amount=Money(signed, currency),
        status="PDNG" if mark[0] == "E" else "BOOK",
        reversal=mark[0] == "R",
        counterparty_name=name,
        counterparty_account=account,
        remittance=remittance,
        end_to_end_id=end_to_end if end_to_end not in _NO_REFERENCE else None,
        mandate_id=found.mandate or None,
        batch_id=batch,
        bank_reference=bank_reference.strip() or None,
        transaction_code=transaction_code(found.gvc, swift or "", incoming != (mark[0] == "R")),
        return_reason=returned,
        original_amount=original,
        charges=charges,
    )


_NO_DETAILS = Details()


@lru_cache(maxsize=4096)
def _dates(text: str) -> tuple[date | None, date | None, bool]:
    """Return value date, booking date and whether what is printed exists.

    The entry date has no year: the one nearest to the value date. Without an
    entry date the value date is the booking date (SWIFT usage rules).
    """
    value = compact_date(text[:6])
    entry = text[6:].strip()
    if not entry:
        return value, value, value is not None
    year = 2000 + int(text[:2])
    # In a year with a 29th the nearest one still wins; an impossible value date lends its year.
    near = value or compact_date(text[:4] + "15") or date(year, 7, 1)
    days = [compact_date(f"{y}{entry}") for y in (year - 1, year, year + 1)]
    booked = min((d for d in days if d), key=lambda d: abs((d - near).days), default=None)
    return value, booked, value is not None and booked is not None


def _number(digits: str) -> tuple[Decimal, bool] | None:
    """Read an amount; the flag says whether it has SWIFT's decimal comma.

    None where it is no amount or could be two: `1.234` without a comma.
    """
    whole, comma, fraction = digits.partition(",")
    if len(digits) > 24:
        return None
    if comma and whole.isdigit() and (not fraction or fraction.isdigit()):
        return Decimal(f"{whole}.{fraction}"), True
    groups = whole.split(".")
    if not all(groups):
        return None
    if comma:
        grouped = all(len(g) == 3 for g in groups[1:]) and (not fraction or fraction.isdigit())
        return (Decimal(f"{''.join(groups)}.{fraction}"), False) if grouped else None
    if len(groups) == 1:
        return Decimal(whole), False
    if len(groups) == 2 and len(groups[1]) != 3:
        return Decimal(whole), False
    return None


def _balance(value: str) -> tuple[Money, date | None] | None:
    match = _BALANCE.match(value)
    read = None if match is None else _number(match[4])
    if match is None or read is None:
        return None
    return Money(-read[0] if match[1] == "D" else read[0], match[3]), compact_date(match[2])


def _coded_amounts(text: str, signed: Decimal) -> tuple[Money | None, Money | None]:
    """Read /OCMT/ (original amount, signed like the entry) and /CHGS/ (money out)."""
    original = charges = None
    for code, currency, digits in _CODED_AMOUNT.findall(text):
        read = _number(digits)
        if read is None:
            continue
        number, _ = read
        if code == "OCMT":
            original = Money(-number if signed < 0 else number, currency)
        elif number:
            charges = Money(-number, currency)
    return original, charges
