"""Vendors' bank accounts over time: who changed them, since when, and what an import may not undo.

The office's own system is the master of vendors. A change that two persons
verified here stands until that system shows it; a change that system shows by
itself starts a cool-off, because we do not know who made it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, select, update

from app.codec import load
from app.tables import records, vendor_changes
from matching.names import code
from records.purchasing import Vendor


class AccountHistory:
    """What is known of vendors' accounts when an import brings them again."""

    def __init__(self, tx: Connection, today: date) -> None:
        """Read the vendors on file and the changes that people confirmed."""
        self._tx, self._today = tx, today
        kept = tx.execute(select(records.c.id, records.c.data).where(records.c.kind == "vendor"))
        self._known = {row.id: load(Vendor, row.data) for row in kept}
        confirmed = (
            select(vendor_changes.c.vendor_id, vendor_changes.c.iban)
            .where(vendor_changes.c.state == "confirmed")
            .order_by(vendor_changes.c.id)
        )
        self._confirmed = {row.vendor_id: row.iban for row in tx.execute(confirmed)}

    def applied(self, given: Vendor) -> Vendor:
        """Return the vendor as it goes on file: verified account, and when accounts changed."""
        before = self._known.get(given.id)
        if before is None:
            return given
        verified = self._confirmed.get(given.id)
        if verified and code(verified) in map(code, given.ibans):
            self._shown(given.id)
        elif verified:
            given = dataclasses.replace(
                given, ibans=before.ibans, bic=before.bic, routing_number=before.routing_number
            )
        days = [d for d in (before.ibans_changed_on, given.ibans_changed_on) if d]
        if set(map(code, before.ibans)) != set(map(code, given.ibans)):
            days.append(self._today)
        return dataclasses.replace(given, ibans_changed_on=max(days, default=None))

    def _shown(self, vendor_id: str) -> None:
        """Note that the office's system caught up: from here on it is the master again."""
        self._tx.execute(
            update(vendor_changes)
            .where(vendor_changes.c.vendor_id == vendor_id, vendor_changes.c.state == "confirmed")
            .values(state="shown")
        )


def changers(tx: Connection, vendor_ids: Iterable[str]) -> frozenset[str]:
    """Return who put these vendors on file, and who proposed or confirmed their latest account.

    They may neither approve the vendor's invoices nor release its payments.
    """
    query = (
        select(vendor_changes)
        .where(vendor_changes.c.vendor_id.in_(list(vendor_ids)))
        .where(vendor_changes.c.state != "replaced")
        .order_by(vendor_changes.c.id)
    )
    steps = {"proposed": 1, "adopted": 2}
    latest = {(row.vendor_id, steps.get(row.state, 0)): row for row in tx.execute(query)}
    people = {p for row in latest.values() for p in (row.proposed_by, row.confirmed_by) if p}
    return frozenset(people)


def is_among(person: str, people: Iterable[str]) -> bool:
    """Say whether somebody is one of these, however the name was typed."""
    return person.casefold() in {p.casefold() for p in people}
