"""E-invoices with what they say, case by case: einvoice_cases.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from extractors.einvoice import read_xml
from records.documents import Reading
from records.vocabulary import FIELDS

CASES = YAML(typ="safe").load(Path(__file__).with_name("einvoice_cases.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"][:60])
def test_an_einvoice_says(case: dict[str, Any]) -> None:
    (reading,) = read_xml(case["xml"].encode())
    assert reading.kind.value == case["kind"]
    header = {f.name: f.value for f in reversed(reading.fields) if f.line is None}
    assert {name: header.get(name) for name in case["fields"]} == case["fields"]
    proved = {f.name for f in reading.fields if f.proved}
    assert set(case.get("proved", ())) <= proved
    if "accounts" in case:
        assert [f.value for f in reading.fields if f.name == "iban"] == case["accounts"]
    if "findings" in case:
        assert [f.code for f in reading.findings] == case["findings"]
    for scope in ("lines", "taxes"):
        if scope in case:
            rows = _rows(reading, "line" if scope == "lines" else "tax")
            assert len(rows) == len(case[scope])
            for row, wanted in zip(rows, case[scope], strict=True):
                assert {name: row.get(name) for name in wanted} == wanted


def _rows(reading: Reading, scope: str) -> list[dict[str, str]]:
    rows: dict[int, dict[str, str]] = {}
    for field in reading.fields:
        if field.line is not None and FIELDS[field.name].scope == scope:
            rows.setdefault(field.line, {})[field.name] = field.value
    return [rows[number] for number in sorted(rows)]
