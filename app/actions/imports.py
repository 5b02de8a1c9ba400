"""Records in: orders, receipts, vendors, open items, from wherever the office keeps them."""

from __future__ import annotations

from app.actions.opening import record_source
from app.audit import Entry, record
from app.masterdata import save
from app.office import Office
from app.store import advance, cursor, note
from records.findings import Finding


def import_records(office: Office, source: str) -> dict[str, int]:
    """Take what changed at one source since the last time; return counts by kind.

    A row that cannot be read is a Finding about the source and stops no other.
    Raises Unavailable when the source cannot be reached.
    """
    name = f"records:{source}"
    connector = record_source(office, source)
    with office.database.begin() as tx:
        since = cursor(tx, name)
    changed, position = connector.changes(since)
    if position == since:
        return {}
    given = list(changed)
    with office.database.begin() as tx:
        counts = save(tx, office, source, (r for r in given if not isinstance(r, Finding)))
        note(tx, office, "source", name, "import", (r for r in given if isinstance(r, Finding)))
        advance(tx, office, name, position)
        record(tx, office, [Entry(action="import", subject=name, evidence=dict(counts))])
    return dict(counts)
