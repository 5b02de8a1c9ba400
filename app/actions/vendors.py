"""A vendor's bank details: changed by two persons after a check outside the message.

The first enters the account and how it was verified; the second enters the
same account from a check of their own. Nothing that arrives by mail gets here.
"""

from __future__ import annotations

import dataclasses

from sqlalchemy import Connection, insert, select, update

from app.actions.desk import Refused
from app.audit import Entry, record
from app.masterdata import OURS, every, save
from app.office import Office
from app.store import lock
from app.tables import vendor_changes
from app.vendor_accounts import is_among
from connectors.payments.pain001 import is_iban
from matching.names import code
from records.purchasing import Vendor


def set_iban(office: Office, vendor_id: str, iban: str, reason: str) -> str:
    """Enter a vendor's new IBAN; return `proposed`, or `confirmed` by the second person.

    `reason` says how it was verified: whom one called, on which number known
    before. The vendor is then neither paid nor its invoices posted by the
    program until the cool-off has passed, and neither person may help it.
    """
    given = code(iban)
    if not office.actor.startswith("person:"):
        raise Refused("only persons change bank details.")
    if not is_iban(given):
        raise Refused(f"{iban!r} is no IBAN; its check digits do not hold. Type it again.")
    if not reason.strip():
        raise Refused(
            "say with --reason how it was verified, e.g. whom you called on which number."
        )
    with office.database.begin() as tx:
        lock(tx, "vendors")
        vendor = _vendor(tx, vendor_id)
        if given in map(code, vendor.ibans):
            raise Refused(f"{given} is on file for {vendor_id} already.")
        waiting = tx.execute(
            select(vendor_changes)
            .where(vendor_changes.c.vendor_id == vendor_id, vendor_changes.c.state == "proposed")
            .order_by(vendor_changes.c.id.desc())
        ).first()
        evidence = {"from": list(vendor.ibans), "to": given, "reason": reason}
        if waiting is None or is_among(office.actor, [waiting.proposed_by]):
            _propose(tx, office, vendor_id, given, reason)
            action, outcome = "propose account", "proposed"
        elif waiting.iban != given:
            raise Refused(
                f"{waiting.proposed_by.removeprefix('person:')} entered another account for "
                f"{vendor_id}. Verify again; nothing was changed."
            )
        else:
            _confirm(tx, office, waiting.id, vendor, given, reason)
            action, outcome = "confirm account", "confirmed"
        record(tx, office, [Entry(action=action, subject=vendor_id, evidence=evidence)])
    return outcome


def _vendor(tx: Connection, vendor_id: str) -> Vendor:
    found = next((v for v in every(tx, Vendor) if v.id == vendor_id), None)
    if found is None:
        raise Refused(f"there is no vendor {vendor_id!r} in the master.")
    return found


def _propose(tx: Connection, office: Office, vendor_id: str, iban: str, reason: str) -> None:
    tx.execute(
        update(vendor_changes)
        .where(vendor_changes.c.vendor_id == vendor_id, vendor_changes.c.state == "proposed")
        .values(state="replaced")
    )
    row = {
        "vendor_id": vendor_id,
        "iban": iban,
        "state": "proposed",
        "reason": reason,
        "proposed_by": office.actor,
        "proposed_at": office.now(),
    }
    tx.execute(insert(vendor_changes).values(row))


def _confirm(
    tx: Connection, office: Office, change: int, vendor: Vendor, iban: str, reason: str
) -> None:
    tx.execute(
        update(vendor_changes)
        .where(vendor_changes.c.vendor_id == vendor.id)
        .where(vendor_changes.c.state.in_(("confirmed", "shown")))
        .values(state="replaced")
    )
    tx.execute(
        update(vendor_changes)
        .where(vendor_changes.c.id == change)
        .values(
            state="confirmed",
            confirmed_by=office.actor,
            confirmed_at=office.now(),
            confirmed_reason=reason,
        )
    )
    # The old bank's BIC would go with the new account; SEPA does without one.
    changed = dataclasses.replace(
        vendor, ibans=(iban,), bic=None, routing_number=None, ibans_changed_on=office.today()
    )
    save(tx, office, OURS, [changed])
