"""Bank nights killed at random moments end as an undisturbed one does.

The long version is `python -m benchmarks.kill statements [--postgres]`.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.bank_nights import BankOffice, kill_nights
from tests.servers.postgres import Cluster, postgres_cluster

#: The server's fixture, for the test below.
__all__ = ["postgres_cluster"]


def check(folder: Path, databases: tuple[str | None, str | None]) -> None:
    first, second = (
        BankOffice(folder / name, weeks=3, a_day=15, database=url)
        for name, url in zip("ab", databases, strict=True)
    )
    outcome = kill_nights((first, second), kills=3, dice=random.Random(5))
    assert outcome.hits, "no kill came while the night was at work"
    assert outcome.differing == ()
    books = first.books()
    assert books.audit is None and set(books.rows.values()) == {1}
    assert {state for _, state in books.lines} == {"posted"}


@pytest.mark.slow
def test_on_sqlite(tmp_path: Path) -> None:
    check(tmp_path, (None, None))


@pytest.mark.slow
@pytest.mark.servers
def test_on_postgresql(tmp_path: Path, postgres_cluster: Cluster) -> None:
    check(tmp_path, (postgres_cluster.new_database(), postgres_cluster.new_database()))
