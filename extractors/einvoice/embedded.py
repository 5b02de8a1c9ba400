"""E-invoices inside PDFs: every embedded XML, whatever the attachment is called."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pikepdf

from extractors.einvoice import is_invoice, read_xml
from records.documents import Reading
from records.findings import Finding, finding
from records.media import HEAD, sniff

#: An embedded XML larger than this, unpacked, is not read.
MAX_XML_BYTES = 50_000_000
_MAX_ATTACHMENTS = 100
#: Attachment names that the standards give to the governing invoice, best first.
_STANDARD_NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml", "invoice.xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What the XML files inside one PDF say.

    `readings` are those of the governing XML, empty when none is an invoice,
    and `xml` is its bytes; `others` are the kinds of XML that are not (an Order-X order, say).
    """

    name: str = ""
    xml: bytes = b""
    readings: tuple[Reading, ...] = ()
    others: tuple[Reading, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_embedded(source: Path | BinaryIO) -> Embedded:
    """Read the e-invoice embedded in a PDF.

    Raises pikepdf.PasswordError for a PDF that needs a password and
    pikepdf.PdfError for one that qpdf cannot open; the page text may still be
    readable by other means.
    """
    invoices: list[tuple[int, str, bytes, list[Reading]]] = []
    others: list[Reading] = []
    findings: list[Finding] = []
    with pikepdf.open(source) as pdf:
        for name, data in _xml_files(pdf, findings):
            readings = read_xml(data)
            if is_invoice(readings):
                invoices.append((_standing(name), name, data, readings))
            else:
                others += readings
    if not invoices:
        return Embedded(others=tuple(others), findings=tuple(findings))
    invoices.sort(key=lambda found: found[0])
    _, governing, xml, readings = invoices[0]
    for _, name, _, rival in invoices[1:]:
        findings += _disagreements(governing, readings, name, rival)
    return Embedded(
        name=governing,
        xml=xml,
        readings=tuple(readings),
        others=tuple(others),
        findings=tuple(findings),
    )


def _standing(name: str) -> int:
    lowered = name.lower()
    return _STANDARD_NAMES.index(lowered) if lowered in _STANDARD_NAMES else len(_STANDARD_NAMES)


def _disagreements(
    governing: str, readings: list[Reading], name: str, rival: list[Reading]
) -> Iterator[Finding]:
    """Two embedded invoices must say the same; otherwise a person decides."""
    ours = {(f.name, f.line): f.value for f in readings[0].fields}
    theirs = {(f.name, f.line): f.value for f in rival[0].fields}
    for core in ("invoice_number", "issue_date", "currency", "gross_total", "amount_due"):
        one, two = ours.get((core, None)), theirs.get((core, None))
        if one is not None and two is not None and one != two:
            yield finding(
                "fields_disagree",
                where=core,
                message=f"{governing} and {name} in the same PDF disagree",
                expected=one,
                actual=two,
            )


def _xml_files(pdf: pikepdf.Pdf, findings: list[Finding]) -> Iterator[tuple[str, bytes]]:
    for count, (name, stream) in enumerate(_streams(pdf)):
        if count == _MAX_ATTACHMENTS:
            findings.append(
                finding("too_large", message=f"more than {_MAX_ATTACHMENTS} attachments in the PDF")
            )
            return
        data = _content(stream)
        if data is None:
            findings.append(
                finding("too_large", where=name, message="an embedded file is too large to read")
            )
        elif sniff(data[:HEAD]) == "application/xml":
            yield name, data


def _streams(pdf: pikepdf.Pdf) -> Iterator[tuple[str, pikepdf.Stream]]:
    """Yield embedded files from the name tree and, for PDFs without one, from /AF."""
    seen: set[tuple[int, int]] = set()
    for name, spec in pdf.attachments.items():
        yield from _files(name, spec.obj, seen)
    associated = pdf.Root.get("/AF")
    if isinstance(associated, pikepdf.Array):
        for item in associated:
            if isinstance(item, pikepdf.Dictionary):
                name = str(item.get("/UF") or item.get("/F") or "")
                yield from _files(name, item, seen)


def _files(
    name: str, spec: pikepdf.Object, seen: set[tuple[int, int]]
) -> Iterator[tuple[str, pikepdf.Stream]]:
    files = spec.get("/EF")
    if not isinstance(files, pikepdf.Dictionary):
        return
    for key in ("/UF", "/F"):
        stream = files.get(key)
        if isinstance(stream, pikepdf.Stream):
            if stream.objgen not in seen:
                seen.add(stream.objgen)
                yield str(spec.get("/UF") or spec.get("/F") or name), stream
            return


def _content(stream: pikepdf.Stream) -> bytes | None:
    """Return the unpacked bytes, or None beyond the limit: a small stream can unpack to anything."""
    filters = stream.get("/Filter")
    if filters == pikepdf.Name.FlateDecode and "/DecodeParms" not in stream:
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(stream.read_raw_bytes(), MAX_XML_BYTES)
        except zlib.error:
            return stream.read_bytes()
        return None if unpacker.unconsumed_tail else data
    data = stream.read_bytes()
    return data if len(data) <= MAX_XML_BYTES else None
