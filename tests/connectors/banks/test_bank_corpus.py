"""The development corpora: every file as its truth says, every view of a world the same."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest
from bank_files import read_file


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def decimal(text: object) -> Decimal | None:
    return None if text is None else Decimal(str(text))


def test_every_statement_file_reads_as_its_truth(corpus: Path) -> None:
    folder = corpus / "bank" / "statements"
    wrong = []
    for case in lines(folder / "truth.jsonl"):
        result = read_file(folder / str(case["path"]))
        expected = [
            (
                s["account"],
                s["currency"],
                decimal(s["opening"]),
                decimal(s["closing"]),
                s["n_entries"],
                decimal(s["sum"]),
                s["balanced"],
            )
            for s in case["truth"]["statements"]  # type: ignore[index]
        ]
        found = []
        at = 0
        for s in result.statements:
            own = result.entries[at : at + s.entry_count]
            at += s.entry_count
            found.append(
                (
                    s.account or None,
                    s.currency,
                    s.opening and s.opening.amount,
                    s.closing and s.closing.amount,
                    len(own),
                    sum((e.amount.amount for e in own), Decimal(0)),
                    s.balanced,
                )
            )
        if found != expected:
            wrong.append((case["path"], found, expected))
    assert not wrong


def test_every_hostile_file_is_met_as_expected(corpus: Path) -> None:
    folder = corpus / "bank" / "statements"
    flags = {"balance": "unbalanced", "duplicate": "duplicate", "control": "control"}
    for case in lines(folder / "hostile.jsonl"):
        expect = str(case["expect"])
        result = read_file(folder / str(case["path"]))
        where = f"{case['path']}: {expect}, but {result.codes}"
        if not result.statements:
            assert expect.startswith("reject"), where
            assert result.blocked, where
            continue
        assert expect != "reject", where
        if "reject_or_flag" in expect:
            assert result.blocked, where
            continue
        assert len(result.entries) == case["n"], where
        assert sum(result.amounts) == Decimal(str(case["sum"])), where
        if "balanced" in case:
            assert [s.balanced for s in result.statements] == [case["balanced"]], where
        for word, code in flags.items():
            assert (word in expect) <= any(code in c for c in result.codes), where


@pytest.mark.parametrize("world", ["easy_1550", "real_1550", "hard_1550"])
@pytest.mark.parametrize("view", ["camt053", "mt940", "csv"])
def test_every_view_of_a_world_says_the_same(corpus: Path, world: str, view: str) -> None:
    inputs = corpus / "bank" / "worlds" / world / "inputs"
    with (inputs / "bank_lines.csv").open(encoding="utf-8") as file:
        truth = {row["bank_line_id"]: row for row in csv.DictReader(file)}
    found = {}
    for path in sorted((inputs / "statements" / view).iterdir()):
        result = read_file(path)
        assert not result.blocked, path
        assert view == "csv" or all(s.balanced for s in result.statements), path
        for e in result.entries:
            assert found.setdefault(e.bank_reference, e) == e
    assert set(found) == set(truth)
    for key, row in truth.items():
        e = found[key]
        assert (str(e.amount.amount), e.amount.currency) == (row["amount"], row["currency"])
        assert (str(e.booking_date), str(e.value_date)) == (row["booking_date"], row["value_date"])
        assert (e.counterparty_account or "") == row["counterparty_iban"]
        assert (e.end_to_end_id or "NOTPROVIDED") == (row["end_to_end_id"] or "NOTPROVIDED")
        assert (e.mandate_id or "") == row["mandate_id"]
        if view == "camt053":
            assert e.remittance == row["remittance"]
            assert (e.counterparty_name or "") == row["counterparty_name"]
            assert e.transaction_code == row["tx_code"]
        if view != "csv":
            assert (e.batch_id or "") == row["batch_id"]
            assert str(e.original_amount.amount if e.original_amount else "") == row["orig_amount"]
