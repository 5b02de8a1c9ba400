"""XML: elements doubled, dropped, moved, renamed, renumbered; other encodings and wrappings."""

from __future__ import annotations

import base64
import copy
import re
from random import Random

from lxml import etree

from benchmarks.damage.plain import EVIL_DATES, EVIL_NUMBERS, EVIL_TEXTS

_SPACES = (
    "",
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2",
    "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08",
    "http://www.w3.org/1999/xhtml",
)
_ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "ascii", "utf-7", "cp037")


def damaged(data: bytes, chance: Random) -> bytes:
    """Change the tree in one to six places, then write it in some encoding."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(data, parser)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        nodes = [n for n in root.iter() if isinstance(n.tag, str)]
        chance.choice(_CHANGES)(chance.choice(nodes), chance, nodes)
    text = etree.tostring(root, encoding="unicode")
    return _written(text, chance)


def _written(text: str, chance: Random) -> bytes:
    if chance.random() < 0.6:
        return b"<?xml version='1.0' encoding='UTF-8'?>\n" + text.encode()
    said, used = chance.choice(_ENCODINGS), chance.choice(_ENCODINGS)
    head = chance.choice(
        (f'<?xml version="1.0" encoding="{said}"?>', "", '<?xml version="1.1"?>', "\ufeff")
    )
    tail = chance.choice(("", "", "<!-- end -->", "\x00", "<Second/>", " " * 10_000))
    doctype = chance.choice(("", "", "", "<!DOCTYPE a>", '<!DOCTYPE a [<!ENTITY b "c">]>'))
    return (head + doctype + text + tail).encode(used, "replace")


def _drop(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    parent = node.getparent()
    if parent is not None:
        parent.remove(node)


def _double(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    parent = node.getparent()
    if parent is not None:
        for _ in range(chance.choice((1, 1, 2, 50, 500 if len(node) < 8 else 5))):
            parent.append(copy.deepcopy(node))


def _move(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    target = chance.choice(nodes)
    if target is not node and node not in target.iterancestors() and node.getparent() is not None:
        target.insert(chance.randint(0, len(target)), copy.deepcopy(node))


def _shuffle(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    node[:] = chance.sample(list(node), len(node))


def _rename(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    name = etree.QName(chance.choice(nodes)).localname
    node.tag = etree.QName(chance.choice(_SPACES) or None, name).text


def _respace(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    space = chance.choice(_SPACES) or None
    for each in node.iter():
        if isinstance(each.tag, str):
            each.tag = etree.QName(space, etree.QName(each).localname).text


def _value(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    leaves = [n for n in nodes if len(n) == 0 and (n.text or "").strip()] or [node]
    leaf = chance.choice(leaves)
    text = leaf.text or ""
    if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text.strip()):
        leaf.text = chance.choice(EVIL_DATES)
    elif re.fullmatch(r"[-\d.]+", text.strip()):
        leaf.text = chance.choice(EVIL_NUMBERS)
    else:
        leaf.text = chance.choice((*EVIL_TEXTS, *EVIL_NUMBERS)).replace("\ufffe\uffff", "?")


def _interrupt(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    """Put a comment or an instruction into the middle of a text."""
    leaf = chance.choice([n for n in nodes if len(n) == 0 and n.text] or [node])
    text = leaf.text or ""
    at = chance.randint(0, len(text))
    leaf.text = text[:at]
    middle: etree._Element = chance.choice((etree.Comment("x"), etree.ProcessingInstruction("x")))
    middle.tail = text[at:]
    leaf.append(middle)


def _attribute(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    bearers = [n for n in nodes if n.attrib] or [node]
    bearer = chance.choice(bearers)
    for key in list(bearer.attrib):
        bearer.set(key, chance.choice((*EVIL_TEXTS[:5], *EVIL_NUMBERS[:8], "USD", "VA", "FC")))
    bearer.set("schemeID", chance.choice(("VA", "FC", "", "0088")))


def _deepen(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    inner = node
    for _ in range(chance.choice((3, 30, 70, 250))):
        inner = etree.SubElement(inner, node.tag)


def _attach(node: etree._Element, chance: Random, nodes: list[etree._Element]) -> None:
    size = chance.choice((10, 200_000, 3_000_000))
    node.text = base64.b64encode(chance.randbytes(size)).decode()


_CHANGES = (
    _drop,
    _drop,
    _double,
    _double,
    _move,
    _shuffle,
    _rename,
    _respace,
    _value,
    _value,
    _value,
    _interrupt,
    _attribute,
    _deepen,
    _attach,
)
