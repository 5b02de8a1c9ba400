"""The sample office, end to end: every case reaches what its bookkeeper expects."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from app import night, queries
from app.audit import verify
from app.completeness import completeness
from app.office import Office
from app.settings import load

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "fixtures/office/cases").glob("*/expected.yaml"))


@dataclass(frozen=True)
class Run:
    office: Office
    first: night.Night
    second: night.Night
    documents: dict[str, list[queries.DocumentRow]]
    messages: dict[str, queries.MessageRow]


def _copy_config(folder: Path) -> Path:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    path = folder / "config.yaml"
    path.write_text(text.replace("fixtures/office", str(ROOT / "fixtures/office")))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("office")
    office = Office.open(load(_copy_config(folder)))
    first = night.run(office, night.ORDER)
    second = night.run(office, night.ORDER)
    with office.database.begin() as tx:
        messages = {_case(m.key): m for m in queries.message_rows(tx)}
        documents: dict[str, list[queries.DocumentRow]] = {}
        for row in queries.document_rows(tx):
            documents.setdefault(_case(row.origin), []).append(row)
    yield Run(office, first, second, documents, messages)
    office.database.dispose()
    shutil.rmtree(folder)


def _case(key: str) -> str:
    """Return what tells a case's message: the digest of its bytes in the message key."""
    return key.removeprefix("folder:inbox/").split("/")[1][:16]


def _digest(case: Path) -> str:
    import hashlib

    return hashlib.sha256((case.parent / "message.eml").read_bytes()).hexdigest()[:16]


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


OUTCOMES = {
    "posted": {"posted"},
    "held": {"held"},
    "filed": {"filed", "filed (no invoice)"},
    "nothing to do": {"nothing to do"},
}


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.parent.name)
def test_a_message_reaches_its_outcome(run: Run, case: Path) -> None:
    expected = _yaml(case)
    message = run.messages[_digest(case)]
    assert message.outcome in OUTCOMES[expected["outcome"]], message


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.parent.name)
def test_each_document_is_what_the_bookkeeper_says(run: Run, case: Path) -> None:
    rows = [r for r in run.documents.get(_digest(case), []) if r.state != "split"]
    for expected in _yaml(case).get("documents", ()):
        row = _find(rows, expected)
        assert queries.OUTCOMES[row.state] in OUTCOMES[expected["outcome"]], row
        if "kind" in expected:
            assert row.kind == expected["kind"]
        codes = {f.code for f in row.findings if f.blocks}
        assert set(expected.get("held_for", ())) <= codes, row.findings
        either = set(expected.get("held_for_any", ()))
        assert not either or either & codes, row.findings
        if expected["outcome"] == "posted":
            assert row.number == expected["number"]
            assert row.vendor_id == expected["vendor"]
            assert row.issue_date == str(expected["issue_date"])
            assert row.gross is not None
            assert (str(row.gross.amount), row.gross.currency) == (
                str(expected["gross"]),
                expected["currency"],
            )


def _find(rows: list[queries.DocumentRow], expected: Any) -> queries.DocumentRow:
    named = [r for r in rows if expected.get("number") and r.number == expected["number"]]
    named = named or [r for r in rows if r.name == expected["name"]]
    assert named or len(rows) == 1, (expected, [(r.name, r.number, r.state) for r in rows])
    return (named or rows)[0]


def test_a_second_run_changes_nothing(run: Run) -> None:
    assert not run.first.failures
    assert not run.second.changed
    assert not run.second.failures


def test_everything_is_accounted_for(run: Run) -> None:
    with run.office.database.begin() as tx:
        complete = completeness(tx)
        count, problem = verify(tx)
    assert complete.is_complete
    assert complete.messages == len(CASES)
    assert "waiting" not in complete.documents_by_outcome
    assert problem is None
    assert count > 100


def test_every_bank_line_is_what_the_bookkeeper_says(run: Run) -> None:
    expected = _yaml(ROOT / "fixtures/office/statements/expected.yaml")["lines"]
    with run.office.database.begin() as tx:
        rows = queries.bank_rows(tx)
    found = {r.transaction.bank_reference or r.id: r for r in rows}
    wrong = {}
    for line in expected:
        reference = line["reference"]
        row = found[reference]
        assert row.match is not None
        settles = {a.item_id: str(a.amount.amount) for a in row.match.allocations}
        wanted = {k: str(v) for k, v in (line.get("settles") or {}).items()}
        outcome = row.state if row.state in {"posted", "suggested"} else "open"
        said = (settles if outcome == "posted" else wanted, row.match.category, outcome)
        if said != (wanted, line["category"], line["outcome"]):
            wrong[reference] = (line, said)
    assert not wrong
    assert len(found) == len(expected)
