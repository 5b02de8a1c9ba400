"""The same e-invoice in other clothes: prefixes, comments, CDATA, encodings, order of attributes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from lxml import etree

from extractors.einvoice import read_xml
from fixtures.collection import invent_specimens
from fixtures.einvoices import cii, ubl
from fixtures.wording import LANGUAGES

Dress = Callable[[bytes], bytes]


def _specimens() -> dict[str, bytes]:
    made = {}
    for specimen in invent_specimens(11, 16, list(LANGUAGES), None):
        if not specimen.bill.gross_priced:
            made[f"{specimen.bill.seller.language}-ubl"] = ubl(specimen.bill)
            made[f"{specimen.bill.seller.language}-cii"] = cii(specimen.bill)
    return made


SPECIMENS = _specimens()


def _in(encoding: str, *, said: str | None = None, mark: bytes = b"") -> Dress:
    def dress(xml: bytes) -> bytes:
        body = xml.decode().split("?>", 1)[1]
        head = f'<?xml version="1.0" encoding="{said}"?>' if said else ""
        # Every encoding can say every character, if not as itself.
        return mark + (head + body).encode(encoding, "xmlcharrefreplace")

    return dress


def _prefixed(xml: bytes) -> bytes:
    """Give every namespace a prefix nobody uses, and declare it where it is needed."""
    root = etree.fromstring(xml)
    spaces = {str(etree.QName(node).namespace) for node in root.iter(etree.Element)}
    names = {space: f"n{number}" for number, space in enumerate(sorted(spaces))}

    def write(node: etree._Element) -> str:
        name = etree.QName(node)
        full = f"{names[str(name.namespace)]}:{name.localname}"
        said = "".join(f' {key}="{value}"' for key, value in node.attrib.items())
        inside = (node.text or "").replace("&", "&amp;").replace("<", "&lt;")
        inside += "".join(write(child) for child in node)
        return (
            f'<{full} xmlns:{names[str(name.namespace)]}="{name.namespace}"{said}>{inside}</{full}>'
        )

    return write(root).encode()


def _each_text(change: Callable[[str], str]) -> Dress:
    def dress(xml: bytes) -> bytes:
        return re.sub(r">([^<>\s][^<>]*)<", lambda m: f">{change(m[1])}<", xml.decode()).encode()

    return dress


def _as_cdata(text: str) -> str:
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return f"<![CDATA[{plain}]]>"


CLOTHES: dict[str, Dress] = {
    "other prefixes": _prefixed,
    "no line breaks": lambda xml: re.sub(rb">\s+<", b"><", xml),
    "indented texts": _each_text(lambda text: f"\n\t  {text}\r\n  "),
    "comments inside": _each_text(lambda text: f"{text[:1]}<!-- {len(text)} -->{text[1:]}"),
    "instructions inside": _each_text(lambda text: f"{text[:2]}<?page break?>{text[2:]}"),
    "CDATA": _each_text(_as_cdata),
    "character references": _each_text(
        lambda text: text if "&" in text else "".join(f"&#{ord(c)};" for c in text)
    ),
    "single quotes": lambda xml: xml.replace(b'"', b"'"),
    "UTF-8 with a mark": _in("utf-8", said="UTF-8", mark=b"\xef\xbb\xbf"),
    "UTF-8 unsaid": _in("utf-8"),
    "UTF-16": _in("utf-16", said="UTF-16"),
    "UTF-16 big-endian": _in("utf-16-be", said="utf-16", mark=b"\xfe\xff"),
    "UTF-16 unsaid": _in("utf-16"),
    "Latin-1": _in("latin-1", said="ISO-8859-1"),
    "Latin-9": _in("iso8859-15", said="iso-8859-15"),
    "Windows-1252": _in("cp1252", said="windows-1252"),
    "Windows-1250": _in("cp1250", said="windows-1250"),
    "ASCII": _in("ascii", said="US-ASCII"),
    "blank lines in front": lambda xml: b"\r\n\n" + xml.split(b"?>", 1)[1],
}


@pytest.mark.parametrize("clothes", CLOTHES)
def test_an_invoice_reads_the_same_in_any_clothes(clothes: str) -> None:
    for name, xml in SPECIMENS.items():
        (plain,), (dressed,) = read_xml(xml), read_xml(CLOTHES[clothes](xml))
        assert dressed.kind is plain.kind, name
        assert not dressed.findings, name
        assert _said(dressed.fields) == _said(plain.fields), name


def _said(fields: tuple[object, ...]) -> list[tuple[object, ...]]:
    return [(f.name, f.line, f.value, f.proved) for f in fields]  # type: ignore[attr-defined]
