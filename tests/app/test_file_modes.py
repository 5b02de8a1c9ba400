"""What an office keeps can be opened by its owner and group, and by nobody else on the machine."""

from __future__ import annotations

from pathlib import Path

from app import night
from app.engine.backlog import Backlog
from tests.app.conftest import MakeOffice


def test_nobody_else_reads_what_the_office_keeps(make_office: MakeOffice, tmp_path: Path) -> None:
    office = make_office("02")
    night.run(office, ("records", "invoices", "report"))
    Backlog(office.settings.database).close()
    kept = [p for p in tmp_path.rglob("*") if p.is_file()]
    given = {"config.yaml", *(p.name for p in (tmp_path / "inbox").iterdir())}
    # The ledger is for whoever the office shares its folder with; locks hold nothing.
    ours = [p for p in kept if p.name not in given and p.suffix not in {".xlsx", ".lock"}]
    assert {"nightclerk.db", "nightclerk-engine.db"} <= {p.name for p in ours}
    assert {p.parent.name for p in ours} > {"outbox"}
    assert [p.name for p in ours if p.stat().st_mode & 0o007] == []
