"""Mails: parts dropped, doubled, nested, relabelled, re-encoded; their content damaged in turn."""

from __future__ import annotations

import email
from collections.abc import Callable, Sequence
from email.message import Message
from random import Random

_TYPES = (
    "application/pdf",
    "application/octet-stream",
    "text/html",
    "text/plain",
    "message/rfc822",
    "multipart/mixed",
    "image/png",
    "nonsense",
    "",
)
_ENCODINGS = ("base64", "quoted-printable", "7bit", "8bit", "x-uuencode", "nonsense")
_NAMES = (
    "../../etc/passwd",
    "=?utf-8?B?4oCuZ25wLmV4ZQ==?=",
    "=?no-such?Q?a=FF?=",
    "a" * 5000,
    "\x00.pdf",
    "",
)

Damage = Callable[[bytes, Random, Sequence[bytes]], bytes]


def damaged(data: bytes, chance: Random, others: Sequence[bytes], inner: Damage) -> bytes:
    """Change the tree of parts; `inner` damages what a part holds."""
    message = email.message_from_bytes(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        parts = list(message.walk())
        part = chance.choice(parts)
        way = chance.randrange(7)
        if way in (0, 1) and not part.is_multipart():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                _fill(part, inner(content, chance, others))
        elif way == 2 and part.is_multipart():
            _rearrange(part, chance)
        elif way == 3:
            part.set_type(chance.choice(_TYPES) or "a/b")
        elif way == 4:
            del part["Content-Transfer-Encoding"]
            part["Content-Transfer-Encoding"] = chance.choice(_ENCODINGS)
        elif way == 5:
            part.add_header("Content-Disposition", "attachment", filename=chance.choice(_NAMES))
            part.set_param("charset", chance.choice(("utf-7", "no-such", "utf-16", "cp1252")))
        else:
            part.set_boundary(chance.choice(("x", "-" * 200, "--", "=_?")))
    raw = message.as_bytes()
    if chance.random() < 0.2:
        raw = raw.replace(b"\n--", b"\n-", chance.choice((1, -1)))
    return raw


def _fill(part: Message, content: bytes) -> None:
    import base64

    del part["Content-Transfer-Encoding"]
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(base64.encodebytes(content).decode())


def _rearrange(part: Message, chance: Random) -> None:
    inside = part.get_payload()
    if not isinstance(inside, list) or not inside:
        return
    way = chance.randrange(4)
    if way == 0:
        inside.pop(chance.randrange(len(inside)))
    elif way == 1:
        inside.extend(inside[: chance.choice((1, 3))] * chance.choice((1, 20)))
    elif way == 2:
        chance.shuffle(inside)
    else:
        for _ in range(chance.choice((1, 5, 30))):
            box = Message()
            box.set_type("multipart/mixed")
            box.set_payload(list(inside))
            inside = [box]
        part.set_payload(inside)
