"""Unpacking: a mail or an archive into the files that may be documents.

Every part is recognised by its bytes; names and declared types are labels for
people. Nothing disappears without a word: what is left out (a logo, a
signature) is a note, what cannot be opened a blocking Finding. A part's name
never becomes a path.
"""

from __future__ import annotations

import email
import email.message
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from extractors import mime
from extractors.einvoice import envelope
from extractors.images import ImageRefused, image_size
from extractors.outlook import TNEF_MAGIC, OutlookMessage, OutlookRefused, read_msg, read_tnef
from records.findings import Finding, finding
from records.media import HEAD, sniff


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackLimits:
    """How much one mail or archive may unfold to; bytes count at every level of nesting."""

    max_bytes: int = 300_000_000
    max_files: int = 500
    max_depth: int = 8
    max_parts: int = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """One file found inside. `origin` says where: `mail "Subject" > archive.zip > a.pdf`."""

    name: str
    media_type: str
    content: bytes
    origin: str


_HTML_BODY, _TEXT_BODY = "body.html", "body.txt"
#: What a message's own text is called as a document.
BODY_NAMES = (_HTML_BODY, _TEXT_BODY)

#: Media types that are never documents and whose absence nobody misses.
_SIGNATURES = re.compile(
    rb"\A\s*-----BEGIN PGP (?:SIGNATURE|PUBLIC KEY)|\A\s*BEGIN:V(?:CARD|CALENDAR)", re.IGNORECASE
)
_CONTAINERS = {
    "message/rfc822",
    "application/zip",
    "application/gzip",
    "application/x-ole-storage",
}
_PROGRAMS = {"application/x-dosexec", "application/x-executable"}
#: An image smaller than this is a logo or a tracking pixel, not a photographed document.
_MIN_SIDE_PIXELS = 200
_MIN_AREA_PIXELS = 120_000
_CHUNK = 1 << 20
#: What the parser remarks when a multipart's parts cannot all be told apart.
_LOST_PARTS = (
    email.errors.StartBoundaryNotFoundDefect,
    email.errors.NoBoundaryInMultipartDefect,
    email.errors.MultipartInvariantViolationDefect,
)
_MAIL_HEAD = 1 << 16


def unpack(path: Path, limits: UnpackLimits | None = None) -> Iterator[Unpacked | Finding]:
    """Yield every file inside the mail or archive at `path`, and what had to be left out.

    A file that is no container yields itself. A message without any document
    inside yields its own body, HTML before plain text.
    """
    limits = limits or UnpackLimits()
    if path.stat().st_size > limits.max_bytes:
        yield finding("too_large", where=path.name, message="the file is too large to unpack")
        return
    unpacking = _Unpacking(limits)
    yield from unpacking.open("", path.read_bytes(), "", 0)
    yield from unpacking.refused()


def recognise(data: bytes) -> str:
    """Return the media type of a whole file; finds mails that `sniff` cannot tell by their start.

    Gateways put long signature headers in front of the ones that tell a mail,
    and a mail's body may hold anything.
    """
    media_type = sniff(data[:HEAD])
    if media_type in {"application/octet-stream", "text/plain"}:
        headers = re.split(rb"\r?\n\r?\n", data[:_MAIL_HEAD], maxsplit=1)[0]
        if sniff(headers + b"\n") == "message/rfc822":
            return "message/rfc822"
    return media_type


def is_container(media_type: str) -> bool:
    """Say whether `unpack` opens files of this type."""
    return media_type in _CONTAINERS


@dataclass(slots=True)
class _Body:
    """What a message says by itself, kept until it is known whether it holds documents."""

    html: bytes | None = None
    text: bytes | None = None


class _Unpacking:
    """One call of `unpack`: what is left of its limits."""

    def __init__(self, limits: UnpackLimits) -> None:
        self._limits = limits
        self._bytes_left = limits.max_bytes
        self._files_left = limits.max_files
        self._parts_left = limits.max_parts
        self._exhausted = False
        #: What the limit on bytes left packed: a bomb may have a thousand such parts.
        self._packed: list[str] = []

    def open(self, name: str, data: bytes, origin: str, depth: int) -> Iterator[Unpacked | Finding]:
        """Yield the files in `data`, or `data` itself where it is no container."""
        media_type = recognise(data)
        label = _joined(origin, name)
        if depth > self._limits.max_depth:
            yield finding("hostile", where=label, message="containers are nested too deeply")
        elif media_type == "message/rfc822":
            yield from self._mail(data, label, depth)
        elif media_type == "application/zip":
            yield from self._zip(data, label, name, depth)
        elif media_type == "application/gzip":
            yield from self._gzip(data, label, name, depth)
        elif media_type == "application/x-ole-storage":
            yield from self._ole(name, data, label, depth)
        elif data.startswith(TNEF_MAGIC):
            yield from self._tnef(data, label, depth)
        elif envelope.is_envelope(data):
            yield from self._envelope(name, data, origin, depth)
        else:
            yield from self._file(name, data, media_type, origin)

    def refused(self) -> Iterator[Finding]:
        """Yield what the limit on bytes left packed: one Finding, naming the first of them."""
        if self._packed:
            others = len(self._packed) - 1
            message = f"unpacks to more than {self._limits.max_bytes:,} bytes and was not opened"
            if others:
                message += f", like {others} more beside it"
            yield finding("too_large", where=self._packed[0], message=message)

    # -- leaves

    def _file(
        self, name: str, data: bytes, media_type: str, origin: str
    ) -> Iterator[Unpacked | Finding]:
        label = _joined(origin, name)
        if not data:
            yield _left_out(label, "an empty attachment")
        elif media_type in _PROGRAMS:
            yield finding("hostile", where=label, message="the attachment is a program")
        elif _SIGNATURES.match(data[:HEAD]):
            yield _left_out(label, "a signature, key, calendar entry or business card")
        elif media_type.startswith("image/") and _is_ornament(data):
            yield _left_out(label, "a small image (logo, signature)")
        else:
            yield from self._count(name, data, media_type, origin)

    def _count(
        self, name: str, data: bytes, media_type: str, origin: str
    ) -> Iterator[Unpacked | Finding]:
        self._files_left -= 1
        if self._files_left >= 0:
            yield Unpacked(
                name=mime.clean_name(name), media_type=media_type, content=data, origin=origin
            )
        elif not self._exhausted:
            self._exhausted = True
            message = f"more than {self._limits.max_files} files inside; the rest was not opened"
            yield finding("too_large", where=origin, message=message)

    # -- containers

    def _mail(self, data: bytes, label: str, depth: int) -> Iterator[Unpacked | Finding]:
        try:
            message = email.message_from_bytes(data)
            yield from self._message(message, label, depth)
        except RecursionError:
            yield finding("hostile", where=label, message="the mail is nested too deeply")

    def _message(
        self, message: email.message.Message, label: str, depth: int
    ) -> Iterator[Unpacked | Finding]:
        origin = _joined(label, f'mail "{mime.decoded(message.get("Subject", ""))}"')
        body = _Body()
        found = False
        for item in self._parts(message, body, origin, depth):
            found = found or isinstance(item, Unpacked)
            yield item
        if not found:
            yield from self._body(body, origin)

    def _body(self, body: _Body, origin: str) -> Iterator[Unpacked | Finding]:
        if body.html is not None and body.html.strip():
            yield from self._count(_HTML_BODY, body.html, "text/html", origin)
        elif body.text is not None and body.text.strip():
            yield from self._count(_TEXT_BODY, body.text, "text/plain", origin)

    def _parts(
        self, message: email.message.Message, body: _Body, origin: str, depth: int
    ) -> Iterator[Unpacked | Finding]:
        self._parts_left -= 1
        if self._parts_left < 0:
            if self._parts_left == -1:
                yield finding("hostile", where=origin, message="the mail has too many parts")
            return
        if depth > self._limits.max_depth + 16:
            yield finding("hostile", where=origin, message="the mail is nested too deeply")
            return
        declared = message.get_content_type()
        if any(isinstance(defect, _LOST_PARTS) for defect in message.defects):
            text = "the mail's boundaries are broken: an attachment may be lost in it"
            yield finding("damaged", where=origin, message=text)
        if message.is_multipart():
            if declared == "message/rfc822" and depth > self._limits.max_depth:
                yield finding("hostile", where=origin, message="mails are nested too deeply")
                return
            for part in message.get_payload():
                if not isinstance(part, email.message.Message):
                    continue
                if declared == "message/rfc822":
                    yield from self._message(part, origin, depth + 1)
                else:
                    yield from self._parts(part, body, origin, depth + 1)
            return
        data = mime.payload(message)
        name = mime.file_name(message)
        attached = (message.get_content_disposition() or "") == "attachment" or bool(name)
        if declared == "text/html" and not attached:
            if body.html is None:
                body.html = mime.utf8(data, mime.charset(message))
            return
        # A document may hide behind the wrong type; only readable text is the body.
        readable = sniff(data[:HEAD]) in {"text/plain", "application/x-empty", "message/rfc822"}
        if declared in {"text/plain", "text/rfc822-headers"} and readable and not attached:
            if body.text is None:
                body.text = mime.utf8(data, mime.charset(message))
            return
        if declared in {"message/delivery-status", "message/disposition-notification"}:
            yield _left_out(_joined(origin, name or declared), "a delivery report")
            return
        if declared == "text/html" and sniff(data[:HEAD]) == "text/plain":
            html = mime.utf8(data, mime.charset(message))
            yield from self._file(name, html, "text/html", origin)
            return
        yield from self.open(name, data, origin, depth + 1)

    def _zip(self, data: bytes, label: str, name: str, depth: int) -> Iterator[Unpacked | Finding]:
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as failure:
            yield finding("damaged", where=label, message=f"the archive is damaged: {failure}")
            return
        with archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            if "[Content_Types].xml" in names or "mimetype" in names:
                # An office document: its parts are not documents of their own.
                kind = "application/vnd.openxmlformats-officedocument"
                yield from self._file(name, data, kind, label.rpartition(" > ")[0])
                return
            if len(entries) > self._limits.max_parts:
                yield finding("too_large", where=label, message=f"{len(entries)} files inside")
                return
            for entry in entries:
                if not entry.is_dir():
                    yield from self._zip_entry(archive, entry, label, depth)

    def _zip_entry(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, label: str, depth: int
    ) -> Iterator[Unpacked | Finding]:
        where = _joined(label, entry.filename)
        if entry.filename.startswith("__MACOSX/") or entry.filename.endswith(".DS_Store"):
            yield _left_out(where, "a system file")
            return
        if entry.flag_bits & 0x1:
            yield finding("encrypted", where=where, message="the archive needs a password")
            return
        try:
            with archive.open(entry) as stream:
                content = self._read(stream)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as failure:
            yield finding("damaged", where=where, message=f"cannot be unpacked: {failure}")
            return
        except (NotImplementedError, RuntimeError, ValueError) as failure:
            yield finding("unknown_format", where=where, message=f"cannot be unpacked: {failure}")
            return
        if content is None:
            self._packed.append(where)
            return
        yield from self.open(entry.filename, content, label, depth + 1)

    def _gzip(self, data: bytes, label: str, name: str, depth: int) -> Iterator[Unpacked | Finding]:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            content = unpacker.decompress(data, max(1, self._bytes_left + 1))
        except zlib.error as failure:
            yield finding("damaged", where=label, message=f"cannot be unpacked: {failure}")
            return
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            self._packed.append(label)
        elif not unpacker.eof:
            yield finding("damaged", where=label, message="the archive is cut off")
        else:
            inner = name[:-3] if name.lower().endswith(".gz") else name
            yield from self.open(inner, content, label, depth + 1)

    def _ole(self, name: str, data: bytes, label: str, depth: int) -> Iterator[Unpacked | Finding]:
        try:
            message = read_msg(data, max_depth=self._limits.max_depth - depth)
        except OutlookRefused as refusal:
            yield finding("damaged", where=label, message=f"the Outlook file is damaged: {refusal}")
            return
        if message is None:
            origin = label.rpartition(" > ")[0]
            yield from self._file(name, data, "application/x-ole-storage", origin)
        else:
            yield from self._outlook(message, label, depth)

    def _outlook(
        self, message: OutlookMessage, label: str, depth: int
    ) -> Iterator[Unpacked | Finding]:
        origin = _joined(label, f'mail "{mime.clean_name(message.subject)}"')
        found = False
        for enclosure in message.enclosures:
            for item in self.open(enclosure.name, enclosure.data, origin, depth + 1):
                found = found or isinstance(item, Unpacked)
                yield item
        for inner in message.messages:
            for item in self._outlook(inner, origin, depth + 1):
                found = found or isinstance(item, Unpacked)
                yield item
        if not found:
            text = None if message.text is None else message.text.encode()
            yield from self._body(_Body(html=message.html, text=text), origin)

    def _tnef(self, data: bytes, label: str, depth: int) -> Iterator[Unpacked | Finding]:
        try:
            enclosures = read_tnef(data)
        except OutlookRefused as refusal:
            yield finding("damaged", where=label, message=f"winmail.dat is damaged: {refusal}")
            return
        if not enclosures:
            yield _left_out(label, "a winmail.dat without attachments")
        for enclosure in enclosures:
            yield from self.open(enclosure.name, enclosure.data, label, depth + 1)

    def _envelope(
        self, name: str, data: bytes, origin: str, depth: int
    ) -> Iterator[Unpacked | Finding]:
        label = _joined(origin, name)
        content = envelope.content(data)
        if content is None:
            yield _left_out(label, "a detached signature")
            return
        inner = name[:-4] if name.lower().endswith((".p7m", ".p7s")) else name
        if re.match(rb"(?i)(?:content-[a-z-]+|mime-version):", content):
            # An opaquely signed mail: the content is a MIME part of its own.
            message = email.message_from_bytes(content)
            yield from self._message(message, label, depth + 1)
        else:
            yield from self.open(inner, content, label, depth + 1)

    def _read(self, stream: IO[bytes]) -> bytes | None:
        """Read to the end, or return None as soon as the limit is passed."""
        pieces: list[bytes] = []
        while piece := stream.read(_CHUNK):
            self._bytes_left -= len(piece)
            if self._bytes_left < 0:
                return None
            pieces.append(piece)
        return b"".join(pieces)


def _left_out(where: str, what: str) -> Finding:
    return finding("left_out", where=where, message=f"not read: {what}")


def _joined(origin: str, name: str) -> str:
    shown = mime.clean_name(name)
    return " > ".join(part for part in (origin, shown) if part)


def _is_ornament(data: bytes) -> bool:
    """Say whether an image is too small to be a document; an unreadable one is kept."""
    try:
        width, height = image_size(data)
    except ImageRefused:
        return False
    return min(width, height) < _MIN_SIDE_PIXELS or width * height < _MIN_AREA_PIXELS
