"""Whole companies with truth: what is posted is right, and nearly all that can be is posted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FIGURES = re.compile(r"wrong (\d+), not posted \d+: precision ([\d.]+), automatic ([\d.]+)")


def figures(world: Path, statements: str) -> tuple[float, float]:
    """Return precision and the share of lines with items that was posted right."""
    command = [sys.executable, "-m", "benchmarks.reconcile", str(world), "--steps", "1", "--truth"]
    done = subprocess.run(
        [*command, "--statements", statements], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = FIGURES.search(done.stdout)
    assert found, done.stdout
    return float(found[2]), float(found[3])


@pytest.mark.parametrize("statements", ["", "camt053", "mt940", "csv"])
@pytest.mark.parametrize(
    ("world", "precision", "automatic"),
    [("easy_1550", 0.9999, 0.999), ("real_1550", 0.9995, 0.99), ("hard_1550", 0.998, 0.965)],
)
def test_world(
    corpus: Path, world: str, precision: float, automatic: float, statements: str
) -> None:
    right, done = figures(corpus / "bank" / "worlds" / world, statements)
    assert right >= precision
    assert done >= automatic
