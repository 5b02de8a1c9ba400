"""A page where the law wants an e-invoice: told or held, as the office says."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import night, queries
from app.office import Office
from app.settings import load
from tests.app.conftest import write_config


@pytest.mark.parametrize(("policy", "state"), [("note", "posted"), ("hold", "held")])
def test_a_page_of_a_domestic_vendor(tmp_path: Path, policy: str, state: str) -> None:
    # A page with the e-invoice inside, and a page alone; both of vendors in Germany.
    path = write_config(tmp_path, "01", "04")
    text = path.read_text(encoding="utf-8")
    rule = f"  einvoice_missing: {policy}\n  einvoices_since: {{DE: 2026-01-01}}\n"
    path.write_text(text.replace("matching:\n", f"matching:\n{rule}"), encoding="utf-8")
    assert rule in path.read_text(encoding="utf-8")
    office = Office.open(load(path))
    assert not night.run(office, ("records", "invoices")).failures
    with office.database.begin() as tx:
        rows = queries.document_rows(tx)
    office.database.dispose()
    outcomes = {(r.state, "einvoice_missing" in {f.code for f in r.findings}) for r in rows}
    assert outcomes == {("posted", False), (state, True)}
