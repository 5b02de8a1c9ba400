"""Vendors entered here by people: new ones, and accounts.

A new vendor is adopted from the record that its held invoice prepared, without
any account. An account takes two persons: the first enters it and how it was
verified, the second enters the same one from a check of their own. Nothing that
arrives by mail gets here by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pydantic import ValidationError
from sqlalchemy import Connection, insert, select, update

from app.actions.desk import Refused, take_up
from app.audit import Entry, record
from app.codec import plain, unplain
from app.masterdata import OURS, every, save, vendor_directory
from app.office import Office
from app.store import lock, open_findings, read_fields
from app.tables import vendor_changes
from app.vendor_accounts import is_among
from connectors.payments.pain001 import is_iban
from matching.names import code
from matching.vendors import prepared_vendor
from records.invoices import Party, assemble
from records.purchasing import Vendor

#: What a person may say of a new vendor; accounts and blocking have their own ways.
ADOPTED = (
    "name",
    "vat_id",
    "country",
    "currency",
    "terms_days",
    "order_required",
    "category",
    "address",
)


def adopt_vendor(
    office: Office, document_id: str, vendor_id: str, values: Mapping[str, str], reason: str
) -> str:
    """Put the vendor of a held invoice on file as checked; return the work id to match it again.

    The record is the one the invoice prepared, with `values` (names of
    `ADOPTED`) in place of what it printed; `vendor_id` is the number in the
    office's own system, which goes on to be the master. It gets no account:
    that is `set_iban`. Who adopts a vendor cannot approve its invoices or
    release its payments.
    """
    if not office.actor.startswith("person:"):
        raise Refused("only persons put vendors on file.")
    if not reason.strip():
        raise Refused("say with --reason how the vendor was checked.")
    with office.database.begin() as tx:
        lock(tx, "vendors")
        found = open_findings(tx, "document", document_id)
        if not any(f.code == "unknown_vendor" for f in found):
            raise Refused(f"{document_id[:12]} is not held for an unknown vendor.")
        vendor = _completed(_prepared(tx, document_id), vendor_id, values)
        _refuse_known(tx, vendor)
        save(tx, office, OURS, [vendor])
        tx.execute(
            insert(vendor_changes).values(
                vendor_id=vendor_id,
                iban="",
                state="adopted",
                reason=reason,
                proposed_by=office.actor,
                proposed_at=office.now(),
            )
        )
        evidence = {"record": plain(vendor), "document": document_id, "reason": reason}
        record(tx, office, [Entry(action="adopt vendor", subject=vendor_id, evidence=evidence)])
        return take_up(tx, office, document_id)


def _prepared(tx: Connection, document_id: str) -> Vendor:
    invoice, _ = assemble(read_fields(tx, document_id))
    return prepared_vendor(invoice)


def _completed(prepared: Vendor, vendor_id: str, values: Mapping[str, str]) -> Vendor:
    unknown = [name for name in values if name not in ADOPTED]
    if unknown:
        raise Refused(f"{unknown[0]!r} is nothing to say here. Known: {', '.join(ADOPTED)}.")
    given = {name: value or None for name, value in values.items()}
    try:
        vendor = unplain(Vendor, {**plain(prepared), **given, "id": vendor_id.strip()})
    except ValidationError as error:
        problem = error.errors()[0]
        raise Refused(f"{problem['loc'][0]}: {problem['msg']}.") from None
    if not vendor.id or not vendor.name:
        raise Refused("a vendor needs its number in your own system, and a name.")
    return vendor


def _refuse_known(tx: Connection, vendor: Vendor) -> None:
    on_file = vendor_directory(tx)
    if on_file.group_of(vendor.id):
        raise Refused(f"{vendor.id} is another vendor's number.")
    known = on_file.identify(Party(name=vendor.name, vat_id=vendor.vat_id))
    if known.vendor is not None:
        raise Refused(
            f"this is {known.vendor.id} {known.vendor.name} by its {' and '.join(known.by)}. "
            "Correct what the invoice says of its seller instead."
        )


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
