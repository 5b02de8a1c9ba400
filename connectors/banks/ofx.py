"""OFX 1 (SGML) and OFX 2 (XML) downloads, also QFX: bank, card and investment cash.

Both are read alike: leaf elements may or may not be closed (OFX 1.6 section
2.3), aggregates are. Elements out of order, comments and missing optional
aggregates do not matter. DOCTYPE and ENTITY are refused. LEDGERBAL is the
closing balance; OFX has no opening one.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from connectors.banks._cells import amount as printed_amount
from connectors.banks._cells import decimal_sign
from connectors.banks._draft import Draft
from connectors.banks._records import new_transaction
from connectors.banks._values import (
    NO_CURRENCY,
    compact_date,
    is_currency,
    plain_decimal,
    text_encoding,
)
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, finding
from records.money import Money

_CHUNK = 1 << 18
_MAX_ELEMENT = 4 << 20

_START = re.compile(rb"OFXHEADER|<OFX[\s>]", re.IGNORECASE)
_REFUSED = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_TAG = re.compile(r"<(/?[A-Za-z][\w.]*)")
_ENTRY = re.compile(r"<(STMTTRNP?)>")
_ENTRY_END = re.compile(r"</(?:STMTTRNP?|BANKTRANLISTP?)>")
_LEAF = re.compile(r"<([A-Z][A-Z0-9.]*)>([^<]+)")
_ELEMENT = re.compile(r"<(/?)([A-Z][A-Z0-9.]*)>([^<]*)")
_STATEMENTS = frozenset({"STMTRS", "CCSTMTRS", "INVSTMTRS"})
_CODES = {
    "ATM": "PMNT-CCRD-CWDL",
    "DIRECTDEBIT": "PMNT-RDDT-PMDD",
    "DIRECTDEP": "PMNT-RCDT-DMCT",
    "FEE": "ACMT-MDOP-CHRG",
    "POS": "PMNT-CCRD-POSD",
    "REPEATPMT": "PMNT-ICDT-STDO",
    "SRVCHG": "ACMT-MDOP-CHRG",
}


class Reader:
    """Reads OFX and QFX files (records.protocols.StatementReader)."""

    def accepts(self, document: Document) -> bool:
        """Say whether an OFX header or root element stands near the beginning."""
        with document.path.open("rb") as file:
            head = file.read(4096)
        return bool(_START.search(head.replace(b"\0", b"")))

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the file; see records.protocols.StatementReader."""
        with document.path.open("rb") as file:
            head = file.read(4096)
            file.seek(0)
            decoder = codecs.getincrementaldecoder(_encoding(head))("replace")
            upper = b"<STMTTRN" in head or b"<OFX" in head.replace(b"\0", b"")
            parse = _Parse()
            rest = ""
            while True:
                chunk = file.read(_CHUNK)
                text = decoder.decode(chunk, not chunk).replace("\0", " ")
                rest += text if upper else _TAG.sub(lambda m: m[0].upper(), text)
                if "<!" in rest:
                    if _REFUSED.search(rest):
                        yield finding("hostile", message="The file has a DOCTYPE or an entity")
                        return
                    rest = _without(rest, "<!--", "-->", keep=False)
                    rest = _without(rest, "<![CDATA[", "]]>", keep=True)
                if not chunk:
                    break
                cut = _cut(rest)
                if cut > 0:
                    yield from parse.text(rest[:cut])
                    rest = rest[cut:]
                elif len(rest) > _MAX_ELEMENT:
                    message = f"An element longer than {_MAX_ELEMENT} characters"
                    yield finding("too_large", message=message)
                    return
        yield from parse.text(rest)
        yield from parse.end()


def _without(text: str, begin: str, end: str, *, keep: bool) -> str:
    """Take out what stands between the marks, or keep it as plain text.

    An unfinished one stays. Searching with `find` keeps this linear, whatever
    the file holds.
    """
    pieces: list[str] = []
    at = 0
    while (start := text.find(begin, at)) >= 0:
        stop = text.find(end, start + len(begin))
        if stop < 0:
            break
        pieces.append(text[at:start])
        if keep:
            pieces.append(html.escape(text[start + len(begin) : stop]))
        at = stop + len(end)
    return "".join([*pieces, text[at:]])


def _cut(text: str) -> int:
    """Return where the last entry begins; before an unfinished comment or CDATA, if there is one."""
    cut = text.rfind("<STMTTRN")
    for opened in ("<!--", "<![CDATA["):
        at = text.find(opened)
        if at >= 0:
            cut = min(cut, text.rfind("<STMTTRN", 0, at))
    return cut


def _encoding(head: bytes) -> str:
    """Return the file's encoding; OFX 1 declares code pages that its writers often ignore."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    match = re.search(rb"encoding\s*=\s*[\"']([A-Za-z][\w.-]*)", head)
    declared = match[1].decode().lower() if match else ""
    if not declared and b"ENCODING:UTF-8" in head.upper().replace(b" ", b""):
        declared = "utf-8"
    if not declared:
        try:
            head.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            declared = "utf-8" if error.start > len(head) - 4 else "cp1252"
    found = text_encoding(declared or "utf-8") or "utf-8"
    return {"utf-8": "utf-8-sig", "ascii": "utf-8-sig", "iso8859-1": "cp1252"}.get(found, found)


class _Parse:
    """The statement being read; entries carry all they need, so the state is small."""

    def __init__(self) -> None:
        """Begin before the first statement."""
        self._draft: Draft | None = None
        self._inside = ""
        self._statements = 0

    def text(self, text: str) -> Iterator[BankTransaction | Statement]:
        """Take a stretch of the file that ends before an entry."""
        pieces = _ENTRY.split(text)
        yield from self._around(pieces[0])
        for kind, piece in zip(pieces[1::2], pieces[2::2], strict=True):
            end = _ENTRY_END.search(piece)
            inner, after = (
                (piece, "") if end is None else (piece[: end.start()], piece[end.end() :])
            )
            if self._draft is None:
                self._draft = Draft("ofx")
            entry = _entry(self._draft, inner, pending=kind == "STMTTRNP")
            if entry is not None:
                self._draft.add(entry)
                yield entry
            if after.strip():
                yield from self._around(after)

    def end(self) -> Iterator[Statement | Finding]:
        """Take the end of the file."""
        if self._draft is not None:
            self._draft.problem("statement_truncated", "The statement is not closed")
            yield self._close()
        elif not self._statements:
            yield finding("statement_malformed", message="The OFX file holds no statement")

    def _around(self, text: str) -> Iterator[Statement]:
        """Take what stands between entries: account, currency, balances, begin and end."""
        for closing, name, raw in _ELEMENT.findall(text):
            if name in _STATEMENTS:
                if self._draft is not None:
                    yield self._close()
                if not closing:
                    self._draft = Draft("ofx")
                continue
            draft = self._draft
            if draft is None:
                continue
            value = html.unescape(raw).strip()
            if name in ("LEDGERBAL", "AVAILBAL", "BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"):
                self._inside = "" if closing else name
            elif not value:
                continue
            elif name == "CURDEF" and is_currency(value.upper()):
                draft.currency = value.upper()
            elif name == "ACCTID" and self._inside.endswith("ACCTFROM"):
                draft.account = draft.account or value
            elif self._inside == "LEDGERBAL" and name == "BALAMT":
                number = _amount(value)
                if number is None:
                    draft.problem("statement_malformed", "LEDGERBAL is no amount", actual=value)
                else:
                    draft.closing = Money(number, draft.currency or NO_CURRENCY)
            elif self._inside == "LEDGERBAL" and name == "DTASOF":
                draft.closing_date = _date(value)
            elif name == "DTSTART":
                draft.opening_date = draft.opening_date or _date(value)

    def _close(self) -> Statement:
        draft = self._draft
        assert draft is not None  # callers check
        self._draft, self._inside = None, ""
        self._statements += 1
        return draft.close()


def _entry(draft: Draft, text: str, *, pending: bool) -> BankTransaction | None:
    """Build one transaction from the text of a STMTTRN (OFX 2.2 section 11.4.4.1)."""
    leaves = dict(_LEAF.findall(text))
    get = leaves.get
    printed = get("TRNAMT", "").strip()
    number = plain_decimal(printed)
    if number is None:
        number = _amount(printed)
        if number is None:
            draft.problem("entry_malformed", "STMTTRN without a readable TRNAMT", actual=printed)
            return None
    currency = draft.currency or NO_CURRENCY
    if "CURSYM" in leaves and "<CURRENCY>" in text:
        currency = leaves["CURSYM"].strip().upper()
    posted, available = get("DTPOSTED"), get("DTAVAIL")
    booked = None if posted is None else _date(posted)
    if booked is None and posted is not None:
        draft.problem("impossible_date", actual=posted.strip())
    kind = get("TRNTYPE", "").strip().upper()
    code = _CODES.get(kind, kind or None)
    if kind == "INT":
        code = "ACMT-MCOP-INTR" if number > 0 else "ACMT-MDOP-INTR"
    return new_transaction(
        account=draft.account,
        booking_date=booked,
        value_date=None if available is None else _date(available),
        amount=Money(number, currency),
        status="PDNG" if pending else "BOOK",
        counterparty_name=_text(get("NAME")),
        counterparty_account=_text(get("ACCTID")),
        remittance=_text(get("MEMO")) or "",
        end_to_end_id=_text(get("REFNUM") or get("CHECKNUM")),
        bank_reference=_text(get("FITID")),
        transaction_code=code,
    )


def _text(value: str | None) -> str | None:
    if value is None:
        return None
    return (html.unescape(value) if "&" in value else value).strip() or None


def _amount(text: str) -> Decimal | None:
    """Read an amount; OFX 1.6 section 3.2.9.1 allows a comma as the decimal sign."""
    number = plain_decimal(text)
    if number is not None:
        return number
    return printed_amount(text, decimal_sign([text]) or ".")


def _date(text: str) -> date | None:
    """Read `YYYYMMDD[HHMMSS[.XXX][offset]]`; the bank's own day, the offset is not applied."""
    return compact_date(text.strip()[:8])
