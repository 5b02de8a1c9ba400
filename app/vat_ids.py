"""VAT ids looked up at VIES: off by default, remembered, and never in the way of a night.

An answer counts for `vies.days`. When VIES or a member state does not answer,
nobody asks there again for a while, and the invoice goes on with a note.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.office import Office
from app.store import read_fields, upsert
from app.tables import vat_checks
from connectors.vies import COUNTRIES, Registration, ask
from matching.names import code
from records.failures import Unavailable
from records.findings import Finding, finding
from records.invoices import chosen

#: How long a country that gave no answer is left alone.
_PAUSE = timedelta(minutes=30)
#: One question at a time: invoices read side by side often ask for the same vendor.
_ASKING = threading.Lock()


def registration_findings(office: Office, document_id: str) -> tuple[Finding, ...]:
    """Tell of a seller's VAT id that is not registered, or could not be looked up.

    Opens its own transactions, so that none is open while VIES is asked.
    """
    settings = office.settings.vies
    if not settings.enabled:
        return ()
    with office.database.begin() as tx:
        seller = chosen(read_fields(tx, document_id)).get(("seller_vat_id", None))
    given = code(seller.value) if seller else ""
    if given[:2] not in COUNTRIES:
        return ()
    with _ASKING:
        known = _known(office, given)
        if known is None and not office.rehearses and not _pauses(office, given[:2]):
            try:
                known = ask(given, url=settings.url, timeout_seconds=settings.timeout_seconds)
            except Unavailable:
                known = None
            _remember(office, given, known)
    if known is None:
        return (finding("vat_id_unchecked", actual=given),)
    return () if known.is_valid else (finding("vat_id_unregistered", actual=given),)


def _known(office: Office, vat_id: str) -> Registration | None:
    since = office.clock() - timedelta(days=office.settings.vies.days)
    query = select(vat_checks).where(
        vat_checks.c.vat_id == vat_id,
        vat_checks.c.is_valid.is_not(None),
        vat_checks.c.asked_at > since.isoformat(timespec="milliseconds"),
    )
    with office.database.begin() as tx:
        row = tx.execute(query).first()
    return None if row is None else Registration(is_valid=row.is_valid, name=row.name)


def _pauses(office: Office, country: str) -> bool:
    """Say whether the country gave no answer a short while ago."""
    query = select(func.max(vat_checks.c.asked_at)).where(
        vat_checks.c.vat_id.startswith(country), vat_checks.c.is_valid.is_(None)
    )
    with office.database.begin() as tx:
        last = tx.execute(query).scalar()
    return last is not None and office.clock() < datetime.fromisoformat(last) + _PAUSE


def _remember(office: Office, vat_id: str, known: Registration | None) -> None:
    row = {
        "vat_id": vat_id,
        "is_valid": known.is_valid if known else None,
        "name": known.name if known else None,
        "asked_at": office.now(),
    }
    with office.database.begin() as tx:
        upsert(tx, vat_checks, [row], replace=True)
