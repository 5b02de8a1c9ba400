"""ISO 20022 bank-to-customer reports: camt.052, camt.053 and camt.054, every version.

Local names are matched, never namespaces, so a version this code has not seen
reads as far as it keeps the words (Ntry, TxDtls, …). One pass of expat over the
file: a tree of the wanted element paths says for each element which slot its
text goes to; everything else is walked past. DOCTYPE is refused, so there are
no entities to expand.

Sign: CdtDbtInd is the direction of the money as booked, of reversals too
(RvslInd only tells that the entry undoes another one).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from xml.parsers import expat

from connectors.banks import _camt_tree as at
from connectors.banks._camt_entry import entry
from connectors.banks._camt_proof import Balance, Turnover, settle
from connectors.banks._draft import Draft
from connectors.banks._values import text_encoding
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, finding

_CHUNK = 1 << 16
_MAX_TEXT = 1 << 20
_MAX_PARTS = 500_000
_MAX_BALANCES = 10_000
_EMPTY: list[str | None] = [None] * at.SLOTS
_EMPTY_TX: list[str | None] = [None] * (at.SLOTS - at.TX)
_NO_ELEMENT = expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]
_UNCLOSED_TOKEN = expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]
_BUILT_IN = frozenset({"utf-8", "iso-8859-1", "us-ascii"})
_ENCODING = re.compile(rb"\s*<\?xml[^>]*\sencoding\s*=\s*[\"']([A-Za-z][\w.-]*)")
_MESSAGE = re.compile(r"<(?:[\w.-]+:)?(?:BkToCstmr|camt\.05[234])")

_ACCOUNT = ("Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Id/PrtryAcct/Id", "Acct/Id/BBAN")
_PAGE = ("StmtPgntn/PgNb", "RptPgntn/PgNb", "NtfctnPgntn/PgNb")
_LAST_PAGE = ("StmtPgntn/LastPgInd", "RptPgntn/LastPgInd", "NtfctnPgntn/LastPgInd")
_MESSAGE_PAGE = ("GrpHdr/MsgPgntn/PgNb", "GrpHdr/MsgPgntn/LastPgInd")
_SUMMARY = (
    "TxsSummry/TtlCdtNtries/NbOfNtries",
    "TxsSummry/TtlCdtNtries/Sum",
    "TxsSummry/TtlDbtNtries/NbOfNtries",
    "TxsSummry/TtlDbtNtries/Sum",
)
_STATEMENT = (
    *_SUMMARY,
    "Id",
    "ElctrncSeqNb",
    "LglSeqNb",
    "Acct/Ccy",
    *_ACCOUNT,
    *_PAGE,
    *_LAST_PAGE,
)
_BALANCE_CODE = ("Bal/Tp/CdOrPrtry/Cd", "Bal/Tp/CdOrPrtry/Prtry", "Bal/Tp/Cd", "Bal/Cd")
_BALANCE = (
    *_BALANCE_CODE,
    "Bal/Tp/SubTp/Cd",
    "Bal/Amt",
    "Bal/CdtDbtInd",
    "Bal/Dt/Dt",
    "Bal/Dt/DtTm",
)


class Reader:
    """Reads camt.052, .053 and .054 files (records.protocols.StatementReader)."""

    def accepts(self, document: Document) -> bool:
        """Say whether the first bytes are XML with a bank-to-customer message."""
        with document.path.open("rb") as file:
            head = file.read(1 << 14)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = head.decode("utf-16", "replace")
        else:
            text = head.decode("latin-1")
        return bool(_MESSAGE.search(text))

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the file; see records.protocols.StatementReader."""
        parse = _Parse()
        encoding, decoder = _encoding(document)
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler, parser.EndElementHandler = parse.handlers()
        parser.CharacterDataHandler = parse.texts.append
        parser.StartDoctypeDeclHandler = _refuse_doctype
        out = parse.out
        try:
            with document.path.open("rb") as file:
                while True:
                    chunk = file.read(_CHUNK)
                    text = chunk if decoder is None else decoder.decode(chunk).encode()
                    parser.Parse(text, not chunk)
                    yield from out
                    out.clear()
                    if not chunk:
                        break
                    if len(parse.texts) > 1 and sum(map(len, parse.texts)) > _MAX_TEXT:
                        raise at.Refused("too_large", f"a text longer than {_MAX_TEXT} characters")
        except at.Refused as refused:
            # Nothing of a hostile file counts: no Statement proves the entries already streamed.
            yield finding(refused.code, message=refused.reason)
        except expat.ExpatError as error:
            yield from out
            yield from parse.abandon(*_reason(error))
        else:
            if not parse.statements:
                message = "The message holds no statement, report or notification"
                yield finding("statement_malformed", message=message)


def _refuse_doctype(*_: object) -> None:
    raise at.Refused("hostile", "The XML has a DOCTYPE; bank files have none")


def _reason(error: expat.ExpatError) -> tuple[str, str]:
    text = expat.ErrorString(error.code)
    truncated = error.code in (_NO_ELEMENT, _UNCLOSED_TOKEN)
    return (
        "statement_truncated" if truncated else "statement_malformed",
        f"Not well-formed XML: {text} (line {error.lineno}, column {error.offset})",
    )


def _encoding(document: Document) -> tuple[str, codecs.IncrementalDecoder | None]:
    """Return the encoding expat is told, and a decoder for one it does not know itself.

    A byte-order mark outranks the declaration; an unknown name is read as UTF-8.
    """
    with document.path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", None
    match = _ENCODING.match(head)
    name = "utf-8"
    if match is not None and not head.startswith(b"\xef\xbb\xbf"):
        name = match[1].decode("ascii").lower()
    if name in _BUILT_IN:
        return name, None
    known = text_encoding(name)
    decoder = None if known is None else codecs.getincrementaldecoder(known)("replace")
    return "utf-8", decoder


class _Parse:
    """The state of reading one file. `out` fills with finished records."""

    def __init__(self) -> None:
        """Build the tree of wanted paths."""
        self.out: list[BankTransaction | Statement | Finding] = []
        self.texts: list[str] = []
        self.statements = 0
        self._values: list[str | None] = _EMPTY.copy()
        self._parts: list[list[str | None]] = []
        self._currency = ""
        self._header: dict[str, str] = {}
        self._balances: list[Balance] = []
        self._draft: Draft | None = None
        self._turnover: Turnover | None = None
        self._root = at.Node(None)
        self._root.populate = self._message

    def _message(self, node: at.Node, kind: str) -> None:
        """Grow the wanted paths below a bank-to-customer message."""
        for path in _MESSAGE_PAGE:
            self._remember(node.grow(path), path)
        for container in at.CONTAINERS:
            self._statement(node.grow(container), kind)

    def _statement(self, node: at.Node, kind: str) -> None:
        node.finish = lambda: self._finish_statement(kind)
        for path in _STATEMENT:
            self._remember(node.grow(path), path)
        balance = node.grow("Bal")
        balance.finish = self._finish_balance
        for path in _BALANCE:
            self._remember(node.grow(path), path)
        ntry = node.grow("Ntry")
        ntry.finish = lambda: self._finish_entry(kind)
        for path, slot in at.ENTRY_PATHS.items():
            leaf = ntry.grow(path)
            leaf.take(slot)
        for path in ("Btch", "NtryDtls/Btch"):
            ntry.grow(path).finish = self._finish_batch
        for path in ("TxDtls", "NtryDtls/TxDtls"):
            part = ntry.grow(path)
            part.finish = self._finish_part
            for below, slot in at.TX_PATHS.items():
                leaf = part.grow(below)
                leaf.take(slot)

    def _remember(self, node: at.Node, name: str) -> None:
        def finish() -> None:
            text = "".join(self.texts).strip()
            if text and name not in self._header:
                self._header[name] = text
                if name == "Bal/Amt":
                    self._header["Bal/Ccy"] = self._currency

        node.finish = finish

    def handlers(self) -> tuple[Callable[[str, list[str]], None], Callable[[str], None]]:
        """Return expat's start and end handlers, closed over local names for speed."""
        node = self._root
        texts, clear = self.texts, self.texts.clear
        values = self._values

        def start(name: str, attributes: list[str]) -> None:
            nonlocal node
            node = node[name]
            if texts:
                clear()
            if attributes and attributes[0] == "Ccy":
                self._currency = attributes[1]
                if node.is_amount and values[node.slot] is None:
                    values[node.slot + 1] = attributes[1]

        def end(_name: str) -> None:
            nonlocal node
            slot = node.slot
            if slot >= 0:
                if texts:
                    text = texts[0] if len(texts) == 1 else "".join(texts)
                    known = values[slot]
                    if known is None:
                        values[slot] = text
                    elif node.repeated:
                        values[slot] = f"{known}\n{text}"
            elif node.finish is not None:
                node.finish()
            node = node.parent  # type: ignore[assignment]  # the root's end is the file's
            if texts:
                clear()

        return start, end

    def _finish_batch(self) -> None:
        self._values[at.BATCH] = "true"  # Btch may be empty

    def _finish_part(self) -> None:
        if len(self._parts) >= _MAX_PARTS:
            raise at.Refused("too_large", f"An entry with more than {_MAX_PARTS} parts")
        self._parts.append(self._values[at.TX :])
        self._values[at.TX :] = _EMPTY_TX

    def _finish_entry(self, kind: str) -> None:
        draft = self._draft or self._begin(kind)
        transaction = entry(draft, self._values, self._parts)
        draft.add(transaction)
        if self._turnover is not None:
            self._turnover.add(transaction)
        self.out.append(transaction)
        self._values[:] = _EMPTY
        if self._parts:
            self._parts = []

    def _finish_balance(self) -> None:
        if len(self._balances) >= _MAX_BALANCES:
            raise at.Refused("hostile", f"A statement with more than {_MAX_BALANCES} balances")
        header = self._header
        get = header.get
        self._balances.append(
            Balance(
                code=next((header[c] for c in _BALANCE_CODE if c in header), ""),
                interim=get("Bal/Tp/SubTp/Cd") == "INTM",
                amount=get("Bal/Amt", ""),
                currency=get("Bal/Ccy", ""),
                direction=get("Bal/CdtDbtInd", ""),
                day=get("Bal/Dt/Dt") or get("Bal/Dt/DtTm", ""),
            )
        )
        self._header = {k: v for k, v in header.items() if not k.startswith("Bal/")}

    def _finish_statement(self, kind: str) -> None:
        draft = self._draft or self._begin(kind)
        self._settle(draft)
        if self._turnover is not None:
            self._turnover.check(draft, [self._header.get(path) for path in _SUMMARY])
            self._turnover = None
        self.out.append(draft.close())
        self.statements += 1
        self._draft = None
        self._header = {k: v for k, v in self._header.items() if k in _MESSAGE_PAGE}
        self._balances = []

    def _begin(self, kind: str) -> Draft:
        """Start the draft; the schema puts account and numbers before the first entry."""
        self._draft = draft = Draft(kind)
        get = self._header.get
        draft.account = next((self._header[n] for n in _ACCOUNT if n in self._header), "")
        draft.account = draft.account.replace(" ", "")
        draft.number = get("LglSeqNb") or get("ElctrncSeqNb") or get("Id")
        draft.currency = get("Acct/Ccy")
        if any(path in self._header for path in _SUMMARY):
            self._turnover = Turnover()
        page = next((self._header[n] for n in _PAGE if n in self._header), "")
        if page.isascii() and page.isdigit() and len(page) < 10:
            draft.page = int(page)
        return draft

    def _settle(self, draft: Draft) -> None:
        number, last = _MESSAGE_PAGE
        more = next((self._header[n] for n in _LAST_PAGE if n in self._header), "")
        settle(
            draft,
            self._balances,
            more_pages=more.lower() in {"false", "0"},
            message_begins=self._header.get(number, "1").strip("0") == "1",
            message_ends=self._header.get(last, "true").lower() not in {"false", "0"},
        )

    def abandon(self, code: str, reason: str) -> Iterator[Statement | Finding]:
        """After a failure: close the statement that has begun, or refuse the file."""
        if self._draft is None and "Id" not in self._header and not self._balances:
            yield finding(code, message=reason)
            return
        draft = self._draft or self._begin("camt.053")
        self._settle(draft)
        draft.problem(code, reason)
        yield draft.close()
