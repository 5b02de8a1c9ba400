"""EN 16931 rules: the standard's own test sets, and what a broken rule becomes."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from extractors.einvoice.validation import ValidatorMissing, broken_rules, validate
from fixtures.collection import invent_specimens
from fixtures.einvoices import EN16931, ubl
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


@pytest.fixture(scope="module")
def good() -> bytes:
    """An invoice of the generator that breaks no rule."""
    specimens = invent_specimens(5, 20, ["de"], None)
    bill = next(s.bill for s in specimens if not s.bill.gross_priced and len(s.bill.items) > 2)
    xml = ubl(bill, profile=EN16931)
    assert validate(xml) == []
    return xml


def test_a_broken_sum_says_what_it_should_be(good: bytes) -> None:
    gross = re.search(rb"<cbc:TaxInclusiveAmount[^>]*>([\d.]+)<", good)
    assert gross
    spoiled = good[: gross.start(1)] + b"1.00" + good[gross.end(1) :]
    told = {f.message[1:9]: (f.expected, f.actual) for f in validate(spoiled)}
    assert told["BR-CO-15"] == (gross[1].decode(), "1.00")


def test_a_value_outside_its_list_is_shown(good: bytes) -> None:
    (told,) = validate(good.replace(b">58<", b">958<"))
    assert "BR-CL-16" in told.message and told.actual == "958"
    assert told.where.endswith("/PaymentMeans/PaymentMeansCode")


def test_a_rule_broken_on_every_line_is_told_once(good: bytes) -> None:
    lines = good.count(b"<cbc:LineExtensionAmount") - 1
    spoiled = re.sub(rb"<cac:Item>\s*<cbc:Name>[^<]*</cbc:Name>", b"<cac:Item>", good)
    (told,) = [f for f in validate(spoiled) if "BR-25" in f.message]
    assert f"({lines} places)" in told.message


def test_what_a_fatal_rule_does_is_the_callers_policy() -> None:
    severities = {f.severity for f in validate(UBL_INVOICE, Severity.BLOCK)}
    assert Severity.BLOCK in severities and Severity.WARN not in severities


@pytest.mark.parametrize("value", ["1e308", "1.2.3", "", "EUR"])
def test_a_value_that_ends_the_rules_is_said(good: bytes, value: str) -> None:
    spoiled = re.sub(
        rb">[\d.]+</cbc:PayableAmount>", b">%s</cbc:PayableAmount>" % value.encode(), good
    )
    codes = {f.code for f in validate(spoiled)}
    assert codes and codes <= {"rules_not_checked", "einvoice_rule"}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252"])
def test_the_rules_read_any_encoding(good: bytes, encoding: str) -> None:
    body = good.decode().split("?>", 1)[1].replace(">58<", ">958<")
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    (told,) = validate((head + body).encode(encoding, "xmlcharrefreplace"))
    assert "BR-CL-16" in told.message


def test_a_file_cut_off_is_not_checked(good: bytes) -> None:
    (told,) = validate(good.rstrip().removesuffix(b"</Invoice>"))
    assert told.code == "rules_not_checked"


def test_an_endless_file_is_read_without_its_rules(good: bytes) -> None:
    (told,) = validate(good.replace(b"</cbc:Note>", b" " * 10_000_000 + b"</cbc:Note>", 1))
    assert told.code == "rules_not_checked" and not told.blocks


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
