"""EN 16931 rules: the standard's own test sets, and what a broken rule becomes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from extractors.einvoice.validation import ValidatorMissing, broken_rules, validate
from records.findings import Severity
from tests.extractors.samples import UBL_INVOICE

_TEST = "{http://difi.no/xsd/vefa/validator/1.0}"


@pytest.fixture(scope="module", autouse=True)
def rules() -> None:
    try:
        broken_rules(UBL_INVOICE)
    except ValidatorMissing as missing:
        pytest.skip(str(missing))


def test_each_broken_rule_is_a_finding_in_words() -> None:
    found = validate(UBL_INVOICE)
    assert {f.code for f in found} == {"einvoice_rule"}
    said = next(f for f in found if "BR-16" in f.message)
    assert said.severity is Severity.WARN
    assert "at least one Invoice line" in said.message
    assert said.where == "/Invoice"


def test_what_has_no_such_rules_breaks_none() -> None:
    assert validate(b"<FatturaElettronica/>") == []
    assert validate(b"<Invoice>") == []
    assert validate(b'<!DOCTYPE a [<!ENTITY b "c">]><Invoice/>') == []


def test_the_standards_own_test_sets(corpus: Path) -> None:
    files = sorted((corpus / "einvoices" / "en16931-rules").glob("*.xml"))
    checked, wrong = 0, []
    for file in files:
        for test in ElementTree.fromstring(file.read_bytes()).iter(f"{_TEST}test"):
            expectation = test.find(f"{_TEST}assert")
            document = next(child for child in test if not child.tag.startswith(_TEST))
            failed = {rule.id for rule in broken_rules(ElementTree.tostring(document))}
            for expected in expectation if expectation is not None else ():
                outcome = expected.tag.removeprefix(_TEST)
                if outcome == "description" or not expected.text:
                    continue
                checked += 1
                if (expected.text.strip() in failed) == (outcome == "success"):
                    wrong.append((file.name, outcome, expected.text))
    assert wrong == []
    assert checked >= 4 * len(files)
