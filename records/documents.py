"""Message, Document, Field, Place, Reading: what came in and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from records.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail as the mailbox holds it.

    `key` is unique for ever: account, folder, UIDVALIDITY and UID for IMAP
    (`imap:inbox/INBOX/1700000000/42`), account and file name for a folder.
    `path` holds the raw RFC 5322 bytes, kept by us; None when the source left
    the body unfetched, and then `findings` say why. `headers` keeps the ones
    that matter later, lower-case names, in received order joined by newlines
    (authentication-results, reply-to, received, in-reply-to).
    """

    key: str
    account: str
    message_id: str | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()
    subject: str = ""
    received_at: datetime | None = None
    size: int = 0
    path: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file to be read.

    `id` is the SHA-256 of its bytes in hex, followed by `#FIRST-LAST` when it
    stands for some pages of a file only (several invoices in one PDF).
    `media_type` is recognised from the bytes, never taken from the sender.
    `name` is the sender's file name: shown to people, never used as a path.
    `path` is where we keep the bytes. `pages` counts from 1, both ends
    included; None is the whole file.
    """

    id: str
    media_type: str
    path: Path
    name: str = ""
    size: int = 0
    origin: str = ""
    pages: tuple[int, int] | None = None

    def read(self) -> bytes:
        """Return all bytes of the file."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: a page (from 1) with a box, or an XPath.

    `box` is (left, top, right, bottom) in points from the page's top left.
    """

    page: int | None = None
    box: tuple[float, float, float, float] | None = None
    xpath: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value somebody read.

    `name` is a key of `records.vocabulary.FIELDS`. `value` is canonical text:
    decimals with a point, ISO dates, ISO codes. `text` is what stood on the
    page. `line` counts invoice lines from 1, or tax breakdown rows for `tax_*`
    names; None for the header. `confidence` runs from 0 to 1; `proved` says
    that arithmetic or a checksum confirms it. `by` names the reader (`ubl`,
    `cii`, `pdf_text`, `ocr`, `layout`, `person:anna`); `why` is one sentence.
    """

    name: str
    value: str
    text: str = ""
    line: int | None = None
    confidence: float = 1.0
    proved: bool = False
    place: Place | None = None
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What became of one value that the memory of a layout proposed.

    `layout` is the memory's key, `name` the field's, or `lines`. `held` is
    False where the document itself contradicts it.
    """

    layout: str
    name: str
    held: bool
    value: str = ""


class Kind(StrEnum):
    """What a document is. Only the first four can be posted."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    CORRECTED_INVOICE = "corrected_invoice"
    SELF_BILLED_INVOICE = "self_billed_invoice"
    PRO_FORMA = "pro_forma"
    REMINDER = "reminder"
    ACCOUNT_STATEMENT = "account_statement"
    ORDER = "order"
    ORDER_CONFIRMATION = "order_confirmation"
    DELIVERY_NOTE = "delivery_note"
    RECEIPT = "receipt"
    BANK_STATEMENT = "bank_statement"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the extractors say of one document, or of one invoice inside it.

    A file that holds several invoices gives one Reading each, told apart by
    `pages` (from 1, both ends included; None is the whole file). `text` is the
    page text for search, duplicate checks and the layout memory, in reading
    order and capped in length. `recalled` is what the layout memory proposed.
    """

    kind: Kind
    fields: tuple[Field, ...] = ()
    findings: tuple[Finding, ...] = ()
    pages: tuple[int, int] | None = None
    text: str = ""
    recalled: tuple[Recalled, ...] = ()
