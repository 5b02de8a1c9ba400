"""The morning report: written once per slot, sent once, recorded."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from sqlalchemy import func, select, update

from app.actions.opening import sender as open_sender
from app.audit import Entry, record
from app.failed_work import failed_work
from app.morning import gather
from app.office import Office
from app.report import as_mail
from app.store import note, upsert
from app.tables import postings
from records.failures import Rejected, Unclear
from records.findings import finding


def write_report(
    office: Office, send_by: str, sender: str, to: list[str], owners: dict[str, str], slot: str
) -> str:
    """Put the report of one slot into the outbox; return its key. The same slot twice is one."""
    key = f"report/{send_by}/{slot}"
    zone = office.zone
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    domain = sender.rpartition("@")[2].strip("> ") or "nightclerk"
    failed = failed_work(office)
    with office.database.begin() as tx:
        before = tx.execute(
            select(func.max(postings.c.written_at)).where(
                postings.c.kind == "report", postings.c.key != key
            )
        ).scalar()
        morning = gather(
            tx,
            company=office.settings.company.name or "The office",
            at=office.clock().astimezone(zone),
            since=datetime.fromisoformat(before).astimezone(zone) if before else None,
            owners=owners,
            failed=failed,
        )
        mail = as_mail(morning, sender=sender, to=tuple(to), message_id=f"<{digest}@{domain}>")
        row = {
            "key": key,
            "target": send_by,
            "kind": "report",
            "subject": key,
            "data": base64.b64encode(mail.as_bytes()).decode(),
            "written_at": office.now(),
            "state": "waiting",
        }
        if upsert(tx, postings, [row]):
            evidence = {"to": to, "headline": morning.headline}
            record(tx, office, [Entry(action="report", subject=key, evidence=evidence)])
    return key


def send_report(office: Office, key: str) -> str:
    """Send a written report once; return its state.

    A crash between sending and recording leaves it `sending`. Then the way
    out is asked for the Message-ID; if it cannot tell, the report is marked
    unclear for a person and is not sent a second time.
    """
    with office.database.begin() as tx:
        row = tx.execute(select(postings).where(postings.c.key == key)).one()
        if row.state in {"delivered", "unclear", "rejected"}:
            return str(row.state)
        tx.execute(update(postings).where(postings.c.key == key).values(state="sending"))
    raw = base64.b64decode(row.data)
    message_id = next(
        line.split(":", 1)[1].strip()
        for line in raw.decode("utf-8", "replace").splitlines()
        if line.lower().startswith("message-id:")
    )
    way = open_sender(office, row.target)
    values: dict[str, str]
    problem = None
    try:
        reference = way.find(message_id) if row.state == "sending" else None
        if reference is None:
            reference = way.send(raw, message_id)
        values = {"state": "delivered", "delivered_at": office.now(), "reference": reference}
    except Unclear as failure:
        problem = finding("posting_unclear", where=key, message=str(failure))
        values = {"state": "unclear", "error": str(failure)}
    except Rejected as failure:
        problem = finding("posting_rejected", where=key, message=str(failure))
        values = {"state": "rejected", "error": str(failure)}
    with office.database.begin() as tx:
        tx.execute(update(postings).where(postings.c.key == key).values(**values))
        note(tx, office, "posting", key, "deliver", [problem] if problem else [])
        evidence = {"state": values["state"], "detail": str(problem or values["reference"])}
        record(tx, office, [Entry(action="send", subject=key, evidence=evidence)])
    return values["state"]


def slot(office: Office) -> str:
    """Return the name of the report that is due: the business date. One report a day."""
    return office.today().isoformat()
