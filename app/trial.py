"""`nightclerk try DIR`: the whole night on a folder of exports, touching nothing else.

Tables in the documented columns, bank files, and documents if there are any
go through the same decisions as every night, on a temporary database, under
the rules of the configuration. What comes out is a workbook, a report, and two
JSON-lines files; and, against an earlier trial, what is decided otherwise now.
"""

from __future__ import annotations

import dataclasses
import gc
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO

from sqlalchemy import select

from app.actions import bank, intake, invoices, reconciliation
from app.aside import Aside
from app.codec import load
from app.comparison import INVOICES, MATCHES, changes, counted, write_changes
from app.export import invoice_lines, match_record
from app.exports import BANK_TABLES, PURCHASE_TABLES, Exports, look
from app.flow import Direct, Progress
from app.isolation import Isolated
from app.masterdata import save
from app.morning import gather
from app.office import Office
from app.report import as_html
from app.settings import Settings
from app.settings import rules as load_rules
from app.statements import document_at
from app.store import note
from app.tables import transactions
from app.trial_results import (
    Purchases,
    match_purchases,
    write_ledger,
    write_lines,
)
from connectors.tables import Tables, load_tables
from connectors.workbooks.fresh import write_workbook
from matching.payments import Books, IdentifiedTransaction, PaymentPolicy, decided
from records.banking import BankTransaction, OpenItem
from records.failures import KnownFailure
from records.findings import Finding
from records.invoices import ReceivedInvoice
from records.matches import Decision, Match

#: Matches are stored so many at a time, so that they are not all in memory.
_STORED_AT_ONCE = 10_000
#: What isolated processes need where there are bank files and nothing else.
_BANK_ONLY = ("app.statement_files",)
#: Other error budgets that the summary shows beside the office's own.
_OTHER_BUDGETS = (0.001, 0.02)


def run_trial(
    folder: Path,
    statements: str | None,
    out: Path,
    to: IO[str],
    *,
    config: Path | None = None,
    against: Path | None = None,
    progress: Progress | None = None,
) -> int:
    """Run the trial, say what it found and where; return the exit code.

    `config` gives the rules (None: the defaults); nothing it connects to is
    touched. `against` is what an earlier trial wrote. KnownFailure when there
    is nothing to try or to compare with.
    """
    exports = look(folder, statements)
    if against is not None:
        _comparable(against, out)
    out.mkdir(parents=True, exist_ok=True)
    # Millions of records, hardly any garbage: collecting it costs a third of the time.
    gc.disable()
    try:
        with tempfile.TemporaryDirectory(prefix="nightclerk-try-") as temporary:
            office = Office.open(_settings(Path(temporary), config), "bot:trial", lasting=False)
            if not exports.documents:  # then its processes need to know bank files only
                box = Isolated(office.settings.limits.processes, preload=_BANK_ONLY)
                office = dataclasses.replace(office, box=box)
            try:
                _Trial(office, exports, out, to, progress).run()
            finally:
                office.database.dispose()
    finally:
        gc.enable()
    if against is not None:
        _compare(against, out, to)
    return 0


def _settings(temporary: Path, config: Path | None) -> Settings:
    if config is None:
        config = temporary / "config.yaml"
        config.write_text("", encoding="utf-8")
    return dataclasses.replace(
        load_rules(config),
        database=f"sqlite:///{temporary / 'trial.db'}",
        files=temporary / "files",
    )


def _comparable(against: Path, out: Path) -> None:
    """Refuse early what could not be compared in the end."""
    for name in (MATCHES, INVOICES):
        if not (against / name).is_file():
            raise KnownFailure(
                f"{against} holds no {name}. Name the folder that an earlier `nightclerk try` "
                "wrote."
            )
    if against.resolve() == out.resolve():
        raise KnownFailure(f"{out} would be overwritten. Give this trial another folder: --out.")


def _compare(against: Path, out: Path, to: IO[str]) -> None:
    found = list(changes(against, out))
    if not found:
        to.write(f"\nNothing is decided otherwise than in {against}.\n")
        return
    write_changes(out / "changes.jsonl", found)
    write_workbook(out / "changes.xlsx", {"Changes": (change.line() for change in found)})
    to.write(f"\nDecided otherwise than in {against}:\n")
    for text in counted(found):
        to.write(f"  {text}\n")
    to.write(f"Each of them, and why: {out / 'changes.xlsx'}\n")


class _Trial:
    """One trial: what was read, and what was decided."""

    def __init__(
        self, office: Office, exports: Exports, out: Path, to: IO[str], progress: Progress | None
    ) -> None:
        self.office, self.exports, self.out, self.to = office, exports, out, to
        self.progress = progress

    def run(self) -> None:
        started = time.perf_counter()
        folder, settings = self.exports.folder, self.office.settings
        for gap in self.exports.gaps():
            self.to.write(f"  {gap}\n")
        # Purchases and bank do not need each other. What the bank needs goes
        # first: there, one thing waits for another. Both others are begun while
        # there is nothing yet in memory that they would hold as well.
        aside: Aside[Purchases] = Aside(
            match_purchases, folder, settings.matching, self.out / INVOICES, yielding=True
        )
        write_lines(self.out / MATCHES, ())
        workbook: Aside[None] = Aside(
            write_ledger,
            self.out / "ledger.xlsx",
            self.out / INVOICES,
            self.out / MATCHES,
            listening=True,
        )
        with self._phase("bank files read and stored"):
            self._load_statements()
        with self._phase("accounts proven"):
            stopped = bank.prove_accounts(self.office)
        with self._phase("documents"):
            documents = self._documents()
        self.office.box.rest()
        self.office.database.dispose()  # lets go of what it keeps in memory
        with self._phase("tables of the bank"):
            tables = [load_tables(folder, kinds=BANK_TABLES, without=(ReceivedInvoice,))]
            unread = tables[0].findings
        with self._phase("bank lines matched"):
            given: dict[str, BankTransaction] = {}
            # Popped, so that nobody holds the tables once they are indexed.
            made = decided(self._movements(given), _books(tables.pop()), settings.payments)
        with self._phase("waiting for purchases"):
            purchases = aside.result()
            with self.office.database.begin() as tx:
                size = write_lines(self.out / INVOICES, invoice_lines(tx), more=True)
            workbook.tell(size)
        with self._phase("matches stored and written"):
            tally = self._store(given, made, unread, workbook)
        with self._phase("report"):
            self._report()
        with self._phase("waiting for the workbook"):
            workbook.result()
        self._say_bank(tally, stopped)
        self._say_invoices(purchases, documents)
        if findings := (*unread, *purchases.findings):
            self.to.write(f"Tables: {len(findings)} rows could not be read, e.g. {findings[0]}\n")
        self.to.write(f"\nLook at {self.out / 'report.html'} and {self.out / 'ledger.xlsx'};\n")
        self.to.write(f"for other programs {self.out / MATCHES} and {self.out / INVOICES}.\n")
        self.to.write(f"In {time.perf_counter() - started:.1f} s.\n")

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started, used = time.perf_counter(), time.process_time()
        if self.progress:
            self.progress(0, 0, name)
        yield
        seconds, used = time.perf_counter() - started, time.process_time() - used
        self.to.write(f"  {name:<28}{seconds:8.2f} s  ({used:.2f} s of processor time)\n")
        self.to.flush()

    def _load_statements(self) -> None:
        given = {document_at(path): None for path in self.exports.statements}
        with self.office.database.begin() as tx:
            for one in given:
                bank.add_file(tx, self.office, one)
        bank.load_statements(self.office, given)

    def _movements(self, kept: dict[str, BankTransaction]) -> Iterator[IdentifiedTransaction]:
        """Yield the movements of accepted statements, and keep them."""
        query = select(transactions.c.id, transactions.c.data).where(transactions.c.state == "new")
        with self.office.database.begin() as tx:
            for row in tx.execute(query.order_by(transactions.c.id)):
                kept[row.id] = load(BankTransaction, row.data)
                yield row.id, kept[row.id]

    def _documents(self) -> int:
        paths = self.exports.documents
        if not paths:
            return 0
        tables = load_tables(self.exports.folder, kinds=PURCHASE_TABLES, without=(OpenItem,))
        with self.office.database.begin() as tx:
            given = (*tables.vendors, *tables.purchase_orders, *tables.goods_receipts)
            save(tx, self.office, "tables", (*given, *tables.unit_conversions, *tables.contracts))
            save(tx, self.office, "tables", tables.supplier_invoices)
        for path in paths:
            origin = str(path.relative_to(self.exports.folder))
            intake.take_file(self.office, path, origin)
        flow = Direct(self.office)
        for first in (True, False):
            flow.each(_process, intake.pending(self.office, first))
        return len(paths)

    def _store(
        self,
        given: Mapping[str, BankTransaction],
        made: Iterator[Match],
        unread: Sequence[Finding],
        workbook: Aside[None],
    ) -> _Tally:
        """Store the matches and write them out, some at a time, for the workbook to follow."""
        tally = _Tally(self.office.settings.payments)
        while some := list(islice(made, _STORED_AT_ONCE)):
            lines = (match_record(given[match.transaction_id], match) for match in some)
            workbook.tell(write_lines(self.out / MATCHES, lines, more=True))
            with self.office.database.begin() as tx:
                states = reconciliation.keep_matches(tx, self.office, None, given, some)
            tally.add(some, states)
        workbook.tell(None)
        with self.office.database.begin() as tx:
            note(tx, self.office, "source", "tables", "import", unread)
        return tally

    def _report(self) -> None:
        with self.office.database.begin() as tx:
            at = datetime.now(UTC)
            name = self.exports.folder.name
            morning = gather(tx, company=name, at=at, since=None, owners={})
        (self.out / "report.html").write_text(as_html(morning), encoding="utf-8")

    def _say_bank(self, tally: _Tally, stopped: Sequence[str]) -> None:
        states = ", ".join(f"{n} {state}" for state, n in sorted(tally.states.items()))
        self.to.write(f"\nBank: {tally.lines} lines. {states or 'None'}.\n")
        for text in tally.budget():
            self.to.write(f"  {text}\n")
        for account in stopped:
            self.to.write(
                f"  STOPPED {account}: see the report; a statement is missing or broken.\n"
            )

    def _say_invoices(self, purchases: Purchases, documents: int) -> None:
        counted = ", ".join(f"{n} {status}" for status, n in sorted(purchases.counts.items()))
        self.to.write(f"Invoices: {purchases.counts.total()} in the tables: {counted or 'none'}.")
        self.to.write(f" Documents read: {documents}.\n")


class _Tally:
    """What was decided on the bank lines, counted: a trial keeps no match for long."""

    def __init__(self, policy: PaymentPolicy) -> None:
        self.rate = policy.tolerated_false_rate
        self.lines = self.found = self.posted = 0
        self.wrong = 0.0
        self.states: Counter[str] = Counter()
        self.sure: Counter[float] = Counter()

    def add(self, made: Sequence[Match], states: Mapping[str, int]) -> None:
        """Count these, and what became of their lines."""
        self.states.update(states)
        self.lines += len(made)
        for match in made:
            if not match.allocations:
                continue
            self.found += 1
            doubt = 1 - match.confidence
            if match.decision is Decision.POST:
                self.posted += 1
                self.wrong += doubt
            for rate in _OTHER_BUDGETS:
                self.sure[rate] += doubt <= rate + 1e-9

    def budget(self) -> Iterator[str]:
        """Yield what the tolerated rate of false matches means here, and what others would."""
        if not self.found:
            return
        yield f"would post {self.posted} of {self.found} matches with items, by its own"
        yield f"  reckoning {self.wrong:.1f} of them wrong (tolerated_false_rate {self.rate:g});"
        yield f"would suggest {self.found - self.posted} for a person to decide."
        for rate in _OTHER_BUDGETS:
            yield f"with tolerated_false_rate {rate:g} it would post about {self.sure[rate]}"


def _process(flow: Direct, work: str) -> None:
    parts = flow.step(invoices.extract, work)
    if parts != [work]:
        flow.each(_process, parts)
        return
    flow.step(invoices.match, work)
    flow.step(invoices.settle, work, "trial")


def _books(tables: Tables) -> Books:
    return Books(
        own_accounts=tables.own_accounts,
        vendors=tables.vendors,
        customers=tables.customers,
        items=tables.open_items,
        payment_runs=tables.payment_runs,
        payment_run_items=tables.payment_run_items,
        card_settlements=tables.card_settlements,
        payroll_runs=tables.payroll_runs,
        contracts=tables.contracts,
        fx_rates=tables.fx_rates,
    )
