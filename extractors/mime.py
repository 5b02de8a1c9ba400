"""What a mail part says of itself, whatever its headers are: names, bytes, charsets."""

from __future__ import annotations

import email.errors
import email.header
import email.message
import unicodedata

#: What the standard library's parser lets escape when headers are nonsense.
_NONSENSE = (ValueError, LookupError, TypeError, AttributeError, email.errors.MessageError)


def clean_name(name: str) -> str:
    """Return a name fit to be shown: its last part, without control characters, at most 150."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in name if c.isprintable()).strip()[:150]


def decoded(value: object) -> str:
    """Return a header as readable text, whatever its encoding claims."""
    try:
        text = str(email.header.make_header(email.header.decode_header(str(value))))
    except _NONSENSE:
        text = str(value)
    return clean_name(text.encode("utf-8", "replace").decode("utf-8"))


def payload(message: email.message.Message) -> bytes:
    """Return a part's bytes, decoded where its transfer encoding can be understood."""
    try:
        content = message.get_payload(decode=True)
    except _NONSENSE:
        # Without the headers that cannot be understood the bytes come as they stand.
        del message["Content-Type"]
        del message["Content-Transfer-Encoding"]
        content = message.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def file_name(message: email.message.Message) -> str:
    """Return the name the sender gave the file; empty where there is none."""
    try:
        return decoded(message.get_filename() or "")
    except _NONSENSE:
        return ""


def charset(message: email.message.Message) -> str | None:
    """Return the charset a part declares."""
    try:
        return message.get_content_charset()
    except _NONSENSE:
        return None


def utf8(data: bytes, declared: str | None) -> bytes:
    """Return text in UTF-8, from the charset the part declares."""
    try:
        return data.decode(declared or "utf-8").encode()
    except (LookupError, ValueError):
        return data.decode("cp1252", "replace").encode()
