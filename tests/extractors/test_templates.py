"""Templates: what a person wrote for one vendor, read like invoice2data does, and judged."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.templates import Template, apply_templates, load_templates, read_template
from extractors.templates.parsing import OutOfTime, fits, parse
from extractors.templates.text import layout_text
from extractors.words import PageWords, Word
from records.documents import Field, Kind, Reading
from records.failures import ConfigurationFault

PAGE = """
ACME Pumps Ltd                          VAT GB123456789
Document 77-4/26          Day 03.04.2026

Pump A       2    10,00     20,00
  with hose
Pump B       1     5,50      5,50
Carriage                     4,50

Goods 30,00   Levy 6,00   All in 36,00
"""

FULL = r"""
issuer: ACME Pumps Ltd
keywords: [ACME Pumps]
exclude_keywords: [Statement]
fields:
  invoice_number: Document\s+(\S+)
  date: Day\s+(\d\d\.\d\d\.\d{4})
  amount: All in\s+([\d,]+)
  amount_tax: Levy\s+([\d,]+)
  amount_untaxed:
    parser: regex
    regex: Goods ([\d,]+)
    type: float
  static_vat: GB123456789
  sum_amount_goods:
    - Pump [AB]\s+\d\s+[\d,]+\s+([\d,]+)
    - Carriage\s+([\d,]+)
  partner_ref: {parser: static, value: X1}
lines:
  start: Day.*
  end: Carriage
  first_line: ^(?P<name>Pump \w)\s+(?P<qty>\d+)\s+(?P<price_unit>[\d,]+)\s+(?P<price_subtotal>[\d,]+)
  line: ^\s+(?P<name>\w.*)
  last_line: never
  types: {qty: float, price_unit: float, price_subtotal: float}
options:
  currency: GBP
  date_formats: ["%d.%m.%Y"]
  decimal_separator: ","
"""


def _page(text: str) -> PageWords:
    """Lay out text as typed: every character six points wide, every line twelve high."""
    words = []
    for row, line in enumerate(text.splitlines()):
        at = 0
        for part in line.split(" "):
            if part:
                box = (6.0 * at, 12.0 * row, 6.0 * (at + len(part)), 12.0 * row + 10)
                words.append(Word(part, box))
            at += len(part) + 1
    return PageWords(number=1, width=600, height=800, words=tuple(words))


def _template(tmp_path: Path, text: str) -> Template:
    path = tmp_path / "acme.yml"
    path.write_text(text, encoding="utf-8")
    return read_template(path)


def _applied(
    tmp_path: Path, text: str, page: str = PAGE, reading: Reading | None = None
) -> Reading:
    reading = reading or Reading(kind=Kind.UNKNOWN)
    return apply_templates(reading, [_page(page)], [_template(tmp_path, text)])


def _values(reading: Reading) -> Mapping[tuple[str, int | None], str]:
    return {(f.name, f.line): f.value for f in reading.fields}


def test_a_template_reads_every_kind_of_field(tmp_path: Path) -> None:
    reading = _applied(tmp_path, FULL)
    values = _values(reading)
    assert reading.kind is Kind.INVOICE
    assert values[("invoice_number", None)] == "77-4/26"
    assert values[("issue_date", None)] == "2026-04-03"
    assert values[("gross_total", None)] == "36.00"
    assert values[("net_total", None)] == "30.00"
    assert values[("tax_total", None)] == "6.00"
    assert values[("currency", None)] == "GBP"
    assert values[("seller_name", None)] == "ACME Pumps Ltd"
    assert values[("description", 1)] == "Pump A with hose"
    assert values[("net_amount", 2)] == "5.50"
    assert {f.by for f in reading.fields} == {"template:acme.yml"}


def test_layout_text_keeps_columns_apart_and_words_together() -> None:
    lines = layout_text([_page(PAGE)]).splitlines()
    head = next(line for line in lines if "ACME" in line)
    assert head.startswith("ACME Pumps Ltd  ") and "VAT GB123456789" in head
    assert next(line for line in lines if "with hose" in line).startswith("  ")


def test_excluded_keywords_and_other_vendors_are_left_alone(tmp_path: Path) -> None:
    before = Reading(kind=Kind.UNKNOWN)
    assert _applied(tmp_path, FULL, PAGE + "Statement") == before
    assert _applied(tmp_path, FULL, "Somebody else") == before


def test_what_is_proved_outranks_a_template(tmp_path: Path) -> None:
    read = Field(name="gross_total", value="37.00", proved=True, by="pdf_text")
    reading = _applied(tmp_path, FULL, reading=Reading(kind=Kind.INVOICE, fields=(read,)))
    assert _values(reading)[("gross_total", None)] == "37.00"
    assert "template_contradicted" in {f.code for f in reading.findings}


def test_amounts_that_do_not_add_up_are_not_taken(tmp_path: Path) -> None:
    reading = _applied(tmp_path, FULL.replace("Levy", "Leyv").replace("All in", "Carriage"))
    assert ("tax_total", None) not in _values(reading)
    read = tuple(
        Field(name=name, value=value, proved=True, by="pdf_text")
        for name, value in (("net_total", "30.00"), ("tax_total", "6.00"))
    )
    wrong = FULL.replace(r"All in\s+", r"Carriage\s+")
    reading = _applied(tmp_path, wrong, reading=Reading(kind=Kind.INVOICE, fields=read))
    assert ("gross_total", None) not in _values(reading)


def test_a_template_never_hides_the_account_on_the_page(tmp_path: Path) -> None:
    given = "DE02120300000000202051"
    text = FULL.replace("static_vat: GB123456789", f"static_iban: {given}")
    assert ("iban", None) not in _values(_applied(tmp_path, text))
    text = FULL.replace("static_vat: GB123456789", r"iban: VAT (\w+)")
    printed = Field(name="iban", value="GB33BUKB20201555555555", proved=True, by="pdf_text")
    page = PAGE.replace("GB123456789", given)
    reading = _applied(tmp_path, text, page, Reading(kind=Kind.INVOICE, fields=(printed,)))
    assert [f.value for f in reading.fields if f.name == "iban"] == [printed.value]


def test_nothing_is_euro_by_default(tmp_path: Path) -> None:
    assert ("currency", None) not in _values(
        _applied(tmp_path, FULL.replace("  currency: GBP\n", ""))
    )


def test_what_is_found_twice_differently_is_not_guessed(tmp_path: Path) -> None:
    reading = _applied(tmp_path, FULL, PAGE + "Document 78-5/26")
    assert ("invoice_number", None) not in _values(reading)
    assert "template_incomplete" in {f.code for f in reading.findings}


BROKEN = {
    "keywords is missing": ("fields: {amount: x}", "keywords is missing"),
    "not YAML": ("keywords: [a", "not valid YAML"),
    "bad pattern": (
        "keywords: [a]\nfields:\n  date: x\n  amount: (x",
        "acme.yml:4: fields.amount: not a regular expression",
    ),
    "bad pattern in a parser": (
        "keywords: [a]\nfields:\n  amount:\n    parser: regex\n    regex: '(x'",
        "acme.yml:5: fields.amount.regex: not a regular expression",
    ),
    "unknown parser": (
        "keywords: [a]\nfields:\n  amount: {parser: magic}",
        "fields.amount.parser: 'magic' is none of",
    ),
    "unknown type": (
        "keywords: [a]\nfields:\n  amount: {parser: regex, regex: x, type: money}",
        "fields.amount.type: 'money'",
    ),
    "lines without end": (
        "keywords: [a]\nlines:\n  start: a\n  line: b",
        "acme.yml:2: lines.end: is missing",
    ),
    "a name over two lines": (
        'keywords: [a]\nfields: {"a\\nb": {parser: x}}',
        "fields.a b.parser: 'x' is none of",
    ),
    "decimal": ("keywords: [a]\noptions: {decimal_separator: x}", "decimal_separator"),
    "python object": ("keywords: !!python/object/apply:os.system [ls]", "not valid YAML"),
}


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_template_is_one_line_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationFault) as failure:
        _template(tmp_path, text)
    assert told in str(failure.value)
    assert "\n" not in str(failure.value)


def test_every_problem_of_a_folder_is_told_at_once(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yaml"):
        (tmp_path / name).write_text("fields: {}", encoding="utf-8")
    (tmp_path / "c.yml").write_text(FULL, encoding="utf-8")
    with pytest.raises(ConfigurationFault) as failure:
        load_templates(tmp_path)
    assert len(str(failure.value).splitlines()) == 2


def test_a_pattern_that_never_ends_is_a_finding(tmp_path: Path) -> None:
    text = FULL.replace(r"Document\s+(\S+)", r"(a|aa)+$")
    start = time.monotonic()
    reading = _applied(tmp_path, text, PAGE + "a" * 60 + "!")
    assert time.monotonic() - start < 60
    assert "template_failed" in {f.code for f in reading.findings}


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_template_or_a_fault(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_bytes(data)
    try:
        template = read_template(path)
    except ConfigurationFault:
        return
    _harmless(template, "anything at all 12,00")


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12))
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "keywords",
                    "fields",
                    "options",
                    "lines",
                    "tables",
                    "parser",
                    "regex",
                    "type",
                    "group",
                    "start",
                    "end",
                    "line",
                    "body",
                    "rules",
                    "replace",
                    "area",
                    "static_x",
                    "amount",
                    "date",
                    "x",
                    "y",
                    "W",
                    "H",
                    "currency",
                    "issuer",
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(tree=st.dictionaries(st.sampled_from(["fields", "options", "lines", "tables"]), _TREES))
def test_any_tree_is_a_template_or_a_fault(
    tree: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import json

    assert isinstance(tree, dict)
    path = tmp_path_factory.getbasetemp() / "tree.yml"
    path.write_text(json.dumps({"keywords": ["a"], **tree}), encoding="utf-8")
    try:
        template = read_template(path)
    except ConfigurationFault:
        return
    _harmless(template, "a 12,00 b 13.04.2026")


def _harmless(template: Template, text: str) -> None:
    page = _page(text)
    try:
        if fits(template, layout_text([page])):
            parse(template, [page])
    except OutOfTime:
        return
    apply_templates(Reading(kind=Kind.UNKNOWN), [page], [template])
