"""Invoices against the books: every case in `cases/` with its expected result."""

from __future__ import annotations

from typing import Any

import pytest
from casebook import load, play

from matching.policy import Hold, Join, Post

FILES = ("duplicates.yaml", "documents.yaml", "orders.yaml", "vendors.yaml", "decisions.yaml")
VERDICTS = {"post": Post, "hold": Hold, "join": Join}


@pytest.mark.parametrize("case", [case for name in FILES for case in load(name)])
def test_case(case: dict[str, Any]) -> None:
    outcome = play(case)
    expected = case["expect"]
    match = outcome.match
    assert set(match.exceptions) == set(expected.get("exceptions", [])), match.findings
    assert match.status == expected["status"]
    assert set(expected.get("notes", [])) <= outcome.notes
    assert not set(expected.get("not", [])) & outcome.notes
    if "duplicate_of" in expected:
        assert match.duplicate_of == expected["duplicate_of"]
    if "vendor" in expected:
        assert match.vendor_id == expected["vendor"]
    if "lines" in expected:
        placed = [
            [a.invoice_line, a.order_id, a.order_line, float(a.quantity)] for a in match.allocations
        ]
        assert placed == expected["lines"]
    if "netted" in expected:
        netted = match.netted
        told = [str(netted.net), str(netted.tax), *netted.lines] if netted else None
        assert told == expected["netted"]
    if "retention" in expected:
        kept = match.retention
        told = [str(kept.amount), kept.until] if kept else None
        assert told == expected["retention"]
    if "decision" in expected:
        assert isinstance(outcome.verdict, VERDICTS[expected["decision"]]), outcome.verdict
    for code, texts in expected.get("shows", {}).items():
        found = next(f for f in match.findings if f.code == code)
        shown = f"{found.where} {found.message} {found.expected} {found.actual}"
        for text in texts:
            assert str(text) in shown


def test_every_purchase_trap_has_a_case() -> None:
    """Traps 20 and 22 (bank charges, batch booking) concern payments only."""
    names = (*FILES, "payment_proposals.yaml")
    traps = {trap for name in names for param in load(name) for trap in param.values[0]["traps"]}
    assert set(range(1, 23)) - {20, 22} | {38} <= traps
