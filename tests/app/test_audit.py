"""The audit trail proves itself, and nobody can rewrite it quietly."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.audit import Entry, record, verify
from app.office import Office
from tests.app.conftest import MakeOffice


def _filled(make_office: MakeOffice) -> Office:
    office = make_office()
    for number in range(5):
        with office.database.begin() as tx:
            entry = Entry(action="post", subject=f"doc{number}", evidence={"gross": "119.00"})
            record(tx, office, [entry])
    return office


def test_an_untouched_trail_holds(make_office: MakeOffice) -> None:
    office = _filled(make_office)
    with office.database.begin() as tx:
        assert verify(tx) == (5, None)


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_database_refuses_changes(make_office: MakeOffice, change: str) -> None:
    office = _filled(make_office)
    with pytest.raises(DBAPIError, match="append-only"), office.database.begin() as tx:
        tx.execute(text(change))


def _without_triggers(tx: Connection) -> None:
    tx.execute(text("DROP TRIGGER audit_keeps_rows"))
    tx.execute(text("DROP TRIGGER audit_keeps_all"))


TAMPERINGS: dict[str, Callable[[Connection], object]] = {
    "evidence": lambda tx: tx.execute(
        text("""UPDATE audit SET evidence = '{"gross": "9.00"}' WHERE seq = 3""")
    ),
    "actor": lambda tx: tx.execute(text("UPDATE audit SET actor = 'person:eve' WHERE seq = 3")),
    "time": lambda tx: tx.execute(text("UPDATE audit SET at = '2020-01-01' WHERE seq = 3")),
    "removed": lambda tx: tx.execute(text("DELETE FROM audit WHERE seq = 3")),
    "cut off": lambda tx: tx.execute(text("DELETE FROM audit WHERE seq > 2")),
    "swapped": lambda tx: [
        tx.execute(text(f"UPDATE audit SET seq = {new} WHERE seq = {old}"))
        for old, new in ((3, 99), (4, 3), (99, 4))
    ],
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_tampering_behind_the_triggers_is_found(make_office: MakeOffice, how: str) -> None:
    office = _filled(make_office)
    with office.database.begin() as tx:
        _without_triggers(tx)
        TAMPERINGS[how](tx)
    with office.database.begin() as tx:
        count, problem = verify(tx)
    assert count == 2
    assert problem is not None
