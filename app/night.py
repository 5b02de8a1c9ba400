"""Running bots now, in this process: what `nightclerk run` and `make demo` do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from app.families import implementation
from app.flow import Direct, Progress
from app.office import Office
from app.tables import documents, postings, runs, transactions
from connectors.keeping import sweep
from records.failures import OutsideFailure

#: The order of a whole night: records first, so that invoices find their orders.
ORDER = ("records", "invoices", "statements", "payments", "report")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Where everything stands."""

    documents: dict[str, int]
    bank_lines: dict[str, int]
    delivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What one run did: counts before and after, and what could not be reached."""

    before: Counts
    after: Counts
    failures: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Say whether anything is different from before."""
        return self.before != self.after


def bot(office: Office, name: str) -> Any:
    """Make a configured bot."""
    made = implementation("bots", name)
    return made(office.settings.bots[name])


def run(office: Office, names: Sequence[str], progress: Progress | None = None) -> Night:
    """Run bots one after the other; what fails for a reason outside is told, not raised."""
    if not office.rehearses:
        sweep(office.files)
    before = counts(office)
    failures: list[str] = []
    for name in names:
        acting = office.acting(f"bot:{name}")
        flow = Direct(acting, progress)
        started = acting.now()
        with office.database.begin() as tx:
            begun = insert(runs).values(bot=name, started_at=started, note="")
            run_id = tx.execute(begun.returning(runs.c.id)).scalar_one()
        try:
            bot(acting, name).run(flow)
        except OutsideFailure as failure:
            flow.failures.append((name, failure))
        failures += [f"{item}: {failure}" for item, failure in flow.failures]
        outcome = "failed" if flow.failures else "done"
        note = "\n".join(f"{item}: {failure}" for item, failure in flow.failures)
        with office.database.begin() as tx:
            tx.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(ended_at=acting.now(), outcome=outcome, note=note)
            )
    return Night(before=before, after=counts(office), failures=tuple(failures))


def counts(office: Office) -> Counts:
    """Count documents and bank lines by state, and delivered postings."""
    with office.database.begin() as tx:
        by_document = select(documents.c.state, func.count()).group_by(documents.c.state)
        by_line = select(transactions.c.state, func.count()).group_by(transactions.c.state)
        delivered = select(func.count()).where(postings.c.state == "delivered")
        return Counts(
            documents={row[0]: row[1] for row in tx.execute(by_document)},
            bank_lines={row[0]: row[1] for row in tx.execute(by_line)},
            delivered=tx.execute(delivered).scalar_one(),
        )
