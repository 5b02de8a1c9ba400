"""Structured e-invoices: UBL, CII (Factur-X, ZUGFeRD, XRechnung), FatturaPA.

`read_xml` reads a file's bytes; `extractors.einvoice.embedded` finds such
files inside PDFs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from extractors.einvoice import cii, envelope, fatturapa, ubl
from extractors.einvoice.tree import Node, XmlRefused, parse
from records.documents import Kind, Reading
from records.findings import finding

#: XML that is some other business document, by its root's local name.
_LOOK_ALIKES = {
    "SCRDMCCBDACIOMessageStructure": Kind.ORDER,
    "CrossIndustryOrder": Kind.ORDER,
    "Order": Kind.ORDER,
    "OrderChange": Kind.ORDER,
    "SCRDMCCBDACIORMessageStructure": Kind.ORDER_CONFIRMATION,
    "OrderResponse": Kind.ORDER_CONFIRMATION,
    "OrderResponseSimple": Kind.ORDER_CONFIRMATION,
    "SCRDMCCBDACIDAMessageStructure": Kind.DELIVERY_NOTE,
    "CrossIndustryDespatchAdvice": Kind.DELIVERY_NOTE,
    "DespatchAdvice": Kind.DELIVERY_NOTE,
    "ReceiptAdvice": Kind.DELIVERY_NOTE,
    "Reminder": Kind.REMINDER,
    "Statement": Kind.ACCOUNT_STATEMENT,
    "ApplicationResponse": Kind.OTHER,
    "Catalogue": Kind.OTHER,
    "Quotation": Kind.OTHER,
    "RemittanceAdvice": Kind.OTHER,
}
#: Order-X tells its kinds apart by type code, not by root.
_ORDER_CODES = {"231": Kind.ORDER_CONFIRMATION}
#: How many elements and how deep an envelope (SBDH, SOAP) may lie around the invoice.
_ENVELOPE_DEPTH = 4
_ENVELOPE_ELEMENTS = 200


def read_xml(data: bytes) -> list[Reading]:
    """Read every invoice in one XML file, or in a signed envelope around it.

    A business document that is not an invoice gives a Reading of its kind with
    a note; any other XML one of kind OTHER or UNKNOWN. Bad data never raises.
    """
    if envelope.is_envelope(data):
        inner = envelope.content(data)
        if inner is None:
            problem = finding("damaged", message="the signed envelope (.p7m) holds no file")
            return [Reading(kind=Kind.UNKNOWN, findings=(problem,))]
        data = inner
    try:
        parsed = parse(data)
    except XmlRefused as refusal:
        problem = finding(refusal.code, message=str(refusal))
        return [Reading(kind=Kind.UNKNOWN, findings=(problem,))]
    readings = _readings(parsed.root)
    if parsed.problem is not None:
        problem = finding("damaged", message=parsed.problem)
        return [replace(r, findings=(*r.findings, problem)) for r in readings]
    return readings


def is_invoice(readings: list[Reading]) -> bool:
    """Say whether the XML was an invoice of a known syntax."""
    return any(reading.fields for reading in readings)


def _readings(root: Node) -> list[Reading]:
    for node in _candidates(root):
        for syntax in (cii, ubl, fatturapa):
            if syntax.accepts(node):
                return syntax.read(node) or [_other(node, Kind.UNKNOWN)]
    for node in _candidates(root):
        if node.name in _LOOK_ALIKES:
            return [_other(node, _look_alike(node))]
    if root.name == "Document" and ":camt.05" in root.space:
        return [_other(root, Kind.BANK_STATEMENT)]
    problem = finding("unknown_format", message=f"XML with the root {root.name[:60]} is not known")
    return [Reading(kind=Kind.UNKNOWN, findings=(problem,))]


def _candidates(root: Node) -> list[Node]:
    """Return the root and what an envelope may hide, nearest first."""
    found: list[Node] = []
    queue = deque([(root, 0)])
    while queue and len(found) < _ENVELOPE_ELEMENTS:
        node, depth = queue.popleft()
        found.append(node)
        if depth < _ENVELOPE_DEPTH:
            queue.extend((child, depth + 1) for child in node.children)
    return found


def _look_alike(node: Node) -> Kind:
    code = node.value("ExchangedDocument/TypeCode") or ""
    return _ORDER_CODES.get(code, _LOOK_ALIKES[node.name])


def _other(node: Node, kind: Kind) -> Reading:
    note = finding("not_an_invoice", message=f"the XML is {node.name}, not an invoice")
    return Reading(kind=kind, findings=(note,))
