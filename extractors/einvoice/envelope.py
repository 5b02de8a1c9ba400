"""Signed envelopes (.p7m): the invoice inside a CAdES signature.

A CMS SignedData (RFC 5652) in DER, BER or base64 carries the signed file as
an OCTET STRING, whole or in pieces. Only that content is taken out; the
signature itself is not verified here, and nothing is decided by it.
"""

from __future__ import annotations

import base64
import binascii
import re

#: ContentInfo starts with the object identifier of SignedData, 1.2.840.113549.1.7.2.
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
#: The signed content is typed `data`, 1.2.840.113549.1.7.1.
_DATA = bytes.fromhex("06092a864886f70d010701")
_BASE64 = re.compile(rb"\A(?:-----BEGIN [A-Z0-9 ]+-----)?([A-Za-z0-9+/=\s]+)(?:-----END|\Z)")
_MAX_DEPTH = 16


def is_envelope(head: bytes) -> bool:
    """Say whether a file that starts with `head` is a signed envelope."""
    return _SIGNED_DATA in _binary(head[:4096])[:64]


def content(data: bytes) -> bytes | None:
    """Return the signed file, or None when the envelope is broken or empty."""
    raw = _binary(data)
    start = raw.find(_DATA)
    if start < 0 or _SIGNED_DATA not in raw[:64]:
        return None
    at = start + len(_DATA)
    try:
        tag, body, length, _ = _element(raw, at)
        if tag != 0xA0:
            return None
        pieces: list[bytes] = []
        _octets(raw, body, None if length is None else body + length, 0, pieces)
    except (IndexError, ValueError):
        return None
    return b"".join(pieces) or None


def _binary(data: bytes) -> bytes:
    if data[:1] == b"\x30":
        return data
    match = _BASE64.match(data.strip())
    if match is None:
        return data
    body = re.sub(rb"\s", b"", match[1])
    try:
        return base64.b64decode(body[: len(body) // 4 * 4])
    except binascii.Error:
        return data


def _element(raw: bytes, at: int) -> tuple[int, int, int | None, bool]:
    """Return (tag, start of content, length or None when indefinite, constructed)."""
    tag, first = raw[at], raw[at + 1]
    at += 2
    if first < 0x80:
        return tag, at, first, bool(tag & 0x20)
    if first == 0x80:
        return tag, at, None, bool(tag & 0x20)
    count = first & 0x7F
    if count > 8:
        raise ValueError("length of length")
    return tag, at + count, int.from_bytes(raw[at : at + count]), bool(tag & 0x20)


def _octets(raw: bytes, at: int, end: int | None, depth: int, pieces: list[bytes]) -> int:
    """Collect the OCTET STRINGs up to `end` (None: up to end-of-contents); return where it ends."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    while end is None or at < end:
        if end is None and raw[at : at + 2] == b"\x00\x00":
            return at + 2
        tag, body, length, constructed = _element(raw, at)
        if constructed:
            stop = None if length is None else body + length
            at = _octets(raw, body, stop, depth + 1, pieces)
        elif length is None:
            raise ValueError("a primitive of indefinite length")
        else:
            if tag == 0x04:
                pieces.append(raw[body : body + length])
            at = body + length
    return at
