"""Results out: the outbox to its targets, each posting exactly once.

A posting is marked `sending` before the target is touched. After a crash the
target itself is asked (`find`) before anything is written again; when it
cannot tell, a person is asked.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, update

from app.actions.opening import poster as open_poster
from app.audit import Entry, record
from app.codec import load_posting
from app.office import Office
from app.store import note, set_state
from app.tables import documents, postings
from records.failures import Rejected, Unclear
from records.findings import finding
from records.postings import Posting
from records.protocols import Poster

#: Postings written by one save: whoever comes first takes the others along.
BATCH = 1000


def deliver(office: Office, target: str) -> int:
    """Write everything that waits for a target; return how many postings were written.

    Many documents finish together, so whoever holds the target's lock writes
    what all of them left in the outbox, in one save. Raises Unavailable when
    the target is locked or away: nothing is lost, the next try goes on.
    """
    count = 0
    with _alone(office, target):
        poster = open_poster(office, target)
        while batch := _take(office, target):
            count += _deliver(office, poster, target, batch)
    return count


def _take(office: Office, target: str) -> Sequence[Any]:
    """Mark the next postings as being sent; those a crash left so come first."""
    with office.database.begin() as tx:
        batch = tx.execute(
            select(postings.c.key, postings.c.data, postings.c.state, postings.c.subject)
            .where(postings.c.target == target, postings.c.state.in_(("sending", "waiting")))
            .order_by(postings.c.state, postings.c.written_at, postings.c.key)
            .limit(BATCH)
        ).all()
        keys = [row.key for row in batch]
        tx.execute(update(postings).where(postings.c.key.in_(keys)).values(state="sending"))
    return batch


def _deliver(office: Office, poster: Poster, target: str, batch: Sequence[Any]) -> int:
    done: dict[str, str] = {}
    unclear: dict[str, str] = {}
    fresh: list[Posting] = []
    for row in batch:
        if row.state == "sending":
            try:
                if (reference := poster.find(row.key)) is not None:
                    done[row.key] = reference
                    continue
            except Unclear as failure:
                unclear[row.key] = str(failure)
                continue
        fresh.append(load_posting(row.data))
    rejected: dict[str, str] = {}
    if fresh:
        _write(poster, fresh, done, rejected, unclear)
    _settle(office, target, batch, done, rejected, unclear)
    return len(done)


def _write(
    poster: Poster,
    fresh: Sequence[Posting],
    done: dict[str, str],
    rejected: dict[str, str],
    unclear: dict[str, str],
) -> None:
    try:
        done.update(zip((p.key for p in fresh), poster.post(fresh), strict=True))
    except Unclear as failure:
        unclear.update(dict.fromkeys((p.key for p in fresh), str(failure)))
    except Rejected as failure:
        if len(fresh) == 1:
            rejected[fresh[0].key] = str(failure)
            return
        # One bad posting must not hold the others: find out which it is.
        for one in fresh:
            _write(poster, [one], done, rejected, unclear)


def _settle(
    office: Office,
    target: str,
    batch: Sequence[Any],
    done: dict[str, str],
    rejected: dict[str, str],
    unclear: dict[str, str],
) -> None:
    now = office.now()
    with office.database.begin() as tx:
        entries = []
        for row in batch:
            if row.key in done:
                values = {"state": "delivered", "delivered_at": now, "reference": done[row.key]}
                entries.append(_entry("deliver", row.subject, target, row.key, done[row.key]))
            elif row.key in rejected:
                values = {"state": "rejected", "error": rejected[row.key]}
                entries.append(_entry("rejected", row.subject, target, row.key, rejected[row.key]))
            else:
                values = {"state": "unclear", "error": unclear[row.key]}
                entries.append(_entry("unclear", row.subject, target, row.key, unclear[row.key]))
            tx.execute(update(postings).where(postings.c.key == row.key).values(**values))
            problem = rejected.get(row.key) or unclear.get(row.key)
            if problem:
                code = "posting_rejected" if row.key in rejected else "posting_unclear"
                note(
                    tx,
                    office,
                    "posting",
                    row.key,
                    "deliver",
                    [finding(code, where=target, message=problem)],
                )
        subjects = {row.subject for row in batch if row.key in done}
        ready = tx.execute(
            select(documents.c.id).where(
                documents.c.id.in_(subjects), documents.c.state == "decided"
            )
        ).scalars()
        for document_id in list(ready):
            set_state(tx, office, document_id, "posted")
        record(tx, office, entries)


def _entry(action: str, subject: str, target: str, key: str, detail: str) -> Entry:
    evidence = {"target": target, "key": key, "detail": detail}
    return Entry(action=action, subject=subject, evidence=evidence)


@contextmanager
def _alone(office: Office, target: str) -> Iterator[None]:
    """Hold the target's lock: between threads and processes of this machine, and workers.

    Waiting here is right: whoever holds it is writing our posting as well.
    """
    folder = office.files / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{target}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if office.database.dialect.name != "postgresql":
            yield
            return
        with office.database.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"deliver:{target}",)
            )
            try:
                yield
            finally:
                connection.exec_driver_sql(
                    "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (f"deliver:{target}",)
                )


def waiting(office: Office, target: str) -> int:
    """Return how many postings wait for a target."""
    with office.database.begin() as tx:
        found = tx.execute(
            select(postings.c.key).where(
                postings.c.target == target, postings.c.state.in_(("waiting", "sending"))
            )
        ).all()
    return len(found)
