"""Outlook's own containers: .msg files (MS-OXMSG) and winmail.dat (MS-OXTNEF)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from olefile import OleFileIO

TNEF_MAGIC = b"\x78\x9f\x3e\x22"

# Property tags of MS-OXPROPS, as they stand in stream names.
_SUBJECT = "0037"
_BODY = "1000"
_HTML = "1013"
_FILE_NAME = "3704"
_LONG_FILE_NAME = "3707"
_DATA = "3701"
_UNICODE, _STRING8, _BINARY, _OBJECT = "001F", "001E", "0102", "000D"

_MAX_ENTRIES = 20_000


class OutlookRefused(Exception):
    """The bytes are not a readable Outlook container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """One attachment."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookMessage:
    """A message as Outlook keeps it: subject, bodies, attachments, attached messages."""

    subject: str = ""
    text: str | None = None
    html: bytes | None = None
    enclosures: tuple[Enclosure, ...] = ()
    messages: tuple[OutlookMessage, ...] = ()


def read_msg(data: bytes, *, max_depth: int) -> OutlookMessage | None:
    """Read a .msg file; None when the OLE file is something else (an old Word document, say).

    Raises OutlookRefused for damaged files and for messages nested deeper than `max_depth`.
    """
    try:
        with OleFileIO(io.BytesIO(data)) as ole:
            names = ole.listdir(streams=True, storages=True)
            if len(names) > _MAX_ENTRIES:
                raise OutlookRefused(f"more than {_MAX_ENTRIES} entries")
            if ["__properties_version1.0"] not in names:
                return None
            return _message(ole, [tuple(n) for n in names], (), max_depth)
    except (OSError, ValueError, IndexError, TypeError, struct.error) as failure:
        raise OutlookRefused(str(failure)) from None
    except RecursionError:
        raise OutlookRefused("its directory contains itself") from None


def _message(
    ole: OleFileIO, names: list[tuple[str, ...]], at: tuple[str, ...], depth: int
) -> OutlookMessage:
    if depth < 0:
        raise OutlookRefused("messages nested too deeply")
    here = {n[len(at)] for n in names if len(n) > len(at) and n[: len(at)] == at}
    enclosures: list[Enclosure] = []
    messages: list[OutlookMessage] = []
    for folder in sorted(n for n in here if n.startswith("__attach_version1.0_")):
        inside = (*at, folder)
        embedded = (*inside, f"__substg1.0_{_DATA}{_OBJECT}")
        if (*embedded, "__properties_version1.0") in names:
            messages.append(_message(ole, names, embedded, depth - 1))
            continue
        name = _text(ole, names, inside, _LONG_FILE_NAME) or _text(ole, names, inside, _FILE_NAME)
        content = _stream(ole, names, inside, _DATA + _BINARY)
        enclosures.append(Enclosure(name=name or "", data=content or b""))
    html = _stream(ole, names, at, _HTML + _BINARY)
    if html is None and (written := _text(ole, names, at, _HTML)):
        html = written.encode()
    return OutlookMessage(
        subject=_text(ole, names, at, _SUBJECT) or "",
        text=_text(ole, names, at, _BODY),
        html=html,
        enclosures=tuple(enclosures),
        messages=tuple(messages),
    )


def _stream(
    ole: OleFileIO, names: list[tuple[str, ...]], at: tuple[str, ...], tag: str
) -> bytes | None:
    path = (*at, f"__substg1.0_{tag}")
    if path not in names:
        return None
    content: bytes = ole.openstream(list(path)).read()
    return content


def _text(
    ole: OleFileIO, names: list[tuple[str, ...]], at: tuple[str, ...], tag: str
) -> str | None:
    wide = _stream(ole, names, at, tag + _UNICODE)
    if wide is not None:
        return wide.decode("utf-16-le", "replace").rstrip("\x00")
    narrow = _stream(ole, names, at, tag + _STRING8)
    return None if narrow is None else narrow.decode("cp1252", "replace").rstrip("\x00")


# -- TNEF: a flat list of attributes; each attachment begins with attAttachRendData

_ATTACHMENT_LEVEL = 2
_REND_DATA, _TITLE, _ATTACH_DATA, _ATTACHMENT = 0x9002, 0x8010, 0x800F, 0x9005
_MAPI_LONG_NAME_WIDE = struct.pack("<HH", 0x001F, 0x3707)


def read_tnef(data: bytes) -> tuple[Enclosure, ...]:
    """Read the attachments of a winmail.dat. Raises OutlookRefused when it is cut off."""
    if not data.startswith(TNEF_MAGIC):
        raise OutlookRefused("not a TNEF stream")
    found: list[list[bytes | str]] = []
    for level, attribute, content in _attributes(data):
        if level != _ATTACHMENT_LEVEL:
            continue
        if attribute == _REND_DATA:
            found.append(["", b""])
        elif found and attribute == _TITLE and not found[-1][0]:
            found[-1][0] = content.split(b"\x00")[0].decode("cp1252", "replace")
        elif found and attribute == _ATTACH_DATA:
            found[-1][1] = content
        elif found and attribute == _ATTACHMENT:
            found[-1][0] = _long_name(content) or found[-1][0]
    return tuple(
        Enclosure(name=name, data=body)
        for name, body in found
        if isinstance(name, str) and isinstance(body, bytes)
    )


def _attributes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 6  # the magic and a key
    while at < len(data):
        if at + 9 > len(data):
            raise OutlookRefused("cut off inside an attribute")
        level, attribute, _, length = struct.unpack_from("<BHHI", data, at)
        body = at + 9
        if body + length + 2 > len(data):
            raise OutlookRefused("cut off inside an attribute")
        yield level, attribute, data[body : body + length]
        at = body + length + 2  # a checksum follows


def _long_name(properties: bytes) -> str:
    """Return PR_ATTACH_LONG_FILENAME of a MAPI property list."""
    at = properties.find(_MAPI_LONG_NAME_WIDE)
    if at < 0 or at + 12 > len(properties):
        return ""
    count, length = struct.unpack_from("<II", properties, at + 4)
    if count != 1 or at + 12 + length > len(properties):
        return ""
    return properties[at + 12 : at + 12 + length].decode("utf-16-le", "replace").rstrip("\x00")
