"""Hostile files through the mailbox: each ends as a Finding, in bounded time and memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import select

from app import night, queries
from app.completeness import completeness
from app.office import Office
from app.settings import load
from app.tables import arrivals
from tests.app.conftest import ROOT, write_config

HOSTILE = ROOT / "fixtures/hostile"
EXPECTED: dict[str, Any] = YAML(typ="safe").load((HOSTILE / "expected.yaml").read_text())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """Return all codes found per file, after one night with every hostile file in the mailbox."""
    folder = tmp_path_factory.mktemp("hostile")
    config = write_config(folder)
    for name in EXPECTED:
        shutil.copy(HOSTILE / name, folder / "inbox" / name)
    text = config.read_text().replace('pattern: "*.eml"', 'pattern: "*"')
    config.write_text(text + "\nlimits: {seconds: 20, memory_mb: 2048}\n")
    office = Office.open(load(config))
    result = night.run(office, ("records", "invoices"))
    assert not result.failures
    codes: dict[str, set[str]] = {}
    with office.database.begin() as tx:
        for message in queries.message_rows(tx):
            name = message.key.removeprefix("folder:inbox/").split("/")[0]
            codes.setdefault(name, set()).update(f.code for f in message.findings)
            codes[name].add(message.outcome)
        # By arrival: equal attachments of two files are one document.
        found = {row.id: {f.code for f in row.findings} for row in queries.document_rows(tx)}
        for key, document_id in tx.execute(select(arrivals.c.message_key, arrivals.c.document_id)):
            codes[key.removeprefix("folder:inbox/").split("/")[0]] |= found[document_id]
        assert completeness(tx).is_complete
    yield codes
    office.database.dispose()
    # Nothing may have been written outside: no name from an archive became a path.
    assert not list(folder.rglob("passwd")) + list(folder.parent.glob("evil*"))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_each_attack_ends_as_a_finding(outcomes: dict[str, set[str]], name: str) -> None:
    wanted = EXPECTED[name]
    found = outcomes[name]
    assert "posted" not in found
    either = set(wanted.get("findings_any", ()))
    assert not either or either & found, found
    assert set(wanted.get("findings", ())) <= found
