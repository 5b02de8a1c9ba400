"""Letters: what the header of a raw mail says, however malformed it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message as Parsed
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses
from pathlib import Path

from records.documents import Message
from records.findings import Finding, finding

#: Headers that decide later whether a mail is what it claims to be.
KEPT_HEADERS = (
    "authentication-results",
    "received-spf",
    "dkim-signature",
    "reply-to",
    "return-path",
    "received",
    "in-reply-to",
    "references",
    "auto-submitted",
    "precedence",
    "list-id",
    "x-spam-flag",
)
#: More header than this is an attack or an accident; the rest is not looked at.
HEAD_BYTES = 256 * 1024


def message_of(
    head: bytes,
    *,
    key: str,
    account: str,
    size: int,
    path: Path | None,
    received_at: datetime | None = None,
    findings: tuple[Finding, ...] = (),
) -> Message:
    """Make a Message from the first bytes of a raw mail.

    `head` needs to hold the header only, body bytes behind it do no harm. A
    header that cannot be decoded stays as it was sent; a mail without any
    header we can read gets a note, its bytes are kept all the same. Never raises.
    """
    parsed = BytesHeaderParser(policy=compat32).parsebytes(_header_part(head))
    if not parsed.keys():
        note = finding(
            "mail_without_header",
            where=key,
            message="The mail has no readable header; its bytes are kept as they came",
        )
        findings = (*findings, note)
    return Message(
        key=key,
        account=account,
        message_id=_first(parsed, "message-id"),
        sender=", ".join(_addresses(parsed, "from")),
        recipients=tuple(dict.fromkeys([*_addresses(parsed, "to"), *_addresses(parsed, "cc")])),
        subject=_first(parsed, "subject") or "",
        received_at=received_at,
        size=size,
        path=path,
        headers={
            name: "\n".join(values) for name in KEPT_HEADERS if (values := list(_all(parsed, name)))
        },
        findings=findings,
    )


def recipients_of(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the envelope of a mail we wrote: sender address and all recipient addresses."""
    parsed = BytesHeaderParser(policy=compat32).parsebytes(_header_part(raw))
    everyone = [
        address
        for name in ("to", "cc", "bcc")
        for _, address in getaddresses(list(_all(parsed, name)))
        if address
    ]
    senders = [address for _, address in getaddresses(list(_all(parsed, "from"))) if address]
    return (senders[0] if senders else ""), tuple(dict.fromkeys(everyone))


def _header_part(head: bytes) -> bytes:
    head = head[:HEAD_BYTES]
    ends = [at for mark in (b"\r\n\r\n", b"\n\n") if (at := head.find(mark)) >= 0]
    return head[: min(ends)] + b"\n\n" if ends else head


def _all(parsed: Parsed, name: str) -> Iterator[str]:
    for value in parsed.get_all(name, []):
        yield _decoded(value)


def _first(parsed: Parsed, name: str) -> str | None:
    return next((value for value in _all(parsed, name) if value), None)


def _decoded(value: object) -> str:
    """Decode RFC 2047 words; bytes outside ASCII are read as UTF-8, else Windows-1252."""
    unfolded = " ".join(str(value).split())
    try:
        pieces = decode_header(value if isinstance(value, Header) else unfolded)
    except (HeaderParseError, ValueError):
        return unfolded
    text = ""
    for piece, charset in pieces:
        text += piece if isinstance(piece, str) else _text(piece, charset)
    return " ".join(text.replace("\x00", "").split())


def _text(piece: bytes, charset: str | None) -> str:
    usual = [] if charset in {None, "unknown-8bit"} else [str(charset)]
    for name in (*usual, "utf-8", "cp1252"):
        try:
            return piece.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return piece.decode("latin-1")


def _addresses(parsed: Parsed, name: str) -> list[str]:
    values: Sequence[Header | str] = parsed.get_all(name) or []
    # Raw bytes come as a Header and must be decoded before they can be taken apart.
    pairs = getaddresses(
        [_decoded(v) if isinstance(v, Header) else " ".join(str(v).split()) for v in values]
    )
    found = []
    for label, address in pairs:
        shown = _decoded(label)
        found.append(f"{shown} <{address}>" if shown and address else address or shown)
    return [item for item in found if item]
