"""What is read of real and sample invoices, where their corpus is at hand; XML is not looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.reading import Job, measure


@pytest.mark.slow
def test_core_fields_of_the_corpus(corpus: Path) -> None:
    folder = corpus / "invoices"
    records = [
        json.loads(line) for line in (folder / "truth.jsonl").read_text("utf-8").splitlines()
    ]
    results = [
        measure(Job(record["genre"], folder / record["path"], record))
        for record in records
        if not record["mismatch"] and not record["dup_of"]
    ]
    real = [r for r in results if r.group == "real"]
    assert sum(not r.wrong for r in results) >= 0.9 * len(results)
    assert sum(not r.wrong for r in real) >= len(real) - 1
    assert [r.name for r in results if r.posted_wrong] == []
