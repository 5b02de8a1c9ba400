"""What a file is, from its bytes: labels and names are never trusted."""

from __future__ import annotations

import re

#: How many bytes `sniff` wants to see; more do no harm.
HEAD = 4096

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"MZ", "application/x-dosexec"),
    (b"\x7fELF", "application/x-executable"),
    (b"{\\rtf", "application/rtf"),
)
_HEADER_LINE = re.compile(
    rb"\A(?:From |(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?"
    rb"(?:From|To|Subject|Received|MIME-Version|Return-Path|Message-ID|Date):)",
    re.IGNORECASE,
)


def sniff(head: bytes) -> str:
    """Return the media type of a file that starts with `head`.

    XML is `application/xml` (UTF-8, UTF-16 or with a byte-order mark), HTML
    `text/html`, a mail `message/rfc822`, other readable text `text/plain`,
    Office Open XML the type of its kind where the first entries tell, an
    Outlook message `application/vnd.ms-outlook` only after `is_outlook`;
    everything else `application/octet-stream`.
    """
    if not head:
        return "application/x-empty"
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return _office(head) if media_type == "application/zip" else media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in {b"heic", b"heix", b"mif1", b"hevc"}:
        return "image/heic"
    # Scanners and mail gateways put junk in front; readers accept it in the first 1024 bytes.
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    return _text(head)


def _office(head: bytes) -> str:
    for mark, kind in ((b"xl/", "spreadsheetml.sheet"), (b"word/", "wordprocessingml.document")):
        if mark in head:
            return f"application/vnd.openxmlformats-officedocument.{kind}"
    return "application/zip"


def _text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "replace").encode("utf-8", "replace")
    else:
        text = head.removeprefix(b"\xef\xbb\xbf")
        if b"\x00" in text:
            return "application/octet-stream"
    start = text.lstrip()[:512].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith((b"<?xml", b"<")) and re.match(rb"<[?!a-z_]", start):
        return "text/html" if b"<html" in start and b"<?xml" not in start else "application/xml"
    if _HEADER_LINE.match(text):
        return "message/rfc822"
    control = sum(c < 9 or 13 < c < 32 for c in text)
    return "text/plain" if control <= len(text) // 50 else "application/octet-stream"
