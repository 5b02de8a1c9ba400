"""`nightclerk try DIR`: the whole night on a folder of exports, touching nothing else.

Tables in the documented columns, bank files, and documents if there are any
go through the same decisions as every night, on a temporary database. What
comes out is a workbook, a report, and two JSON-lines files for scoring.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from sqlalchemy import select

from app.actions import bank, intake, invoices, reconciliation
from app.codec import load
from app.export import invoice_record, match_record
from app.flow import Direct, Progress
from app.ledger import match_rows
from app.masterdata import save
from app.morning import gather
from app.office import Office
from app.report import as_html
from app.settings import load as load_settings
from app.store import note
from app.tables import transactions
from connectors.keeping import chunks_of, keep_bytes
from connectors.posters.workbook import write_new
from connectors.tables import Tables, load_tables
from connectors.tables.kinds import TABLES
from matching.payments import Books, reconcile
from matching.policy import Policy, Post, decide
from matching.purchases import PurchaseBooks, match_invoice
from records.banking import BankTransaction
from records.documents import Document
from records.failures import KnownFailure
from records.findings import Finding
from records.invoices import ReceivedInvoice
from records.matches import Decision, InvoiceMatch, Match
from records.media import HEAD, sniff
from records.postings import Posting, Row, Value

#: Where bank files are looked for when no folder is named; the first with files wins.
STATEMENT_FOLDERS = ("statements/camt053", "statements/mt940", "statements/csv", "statements")
#: Where documents are looked for.
DOCUMENT_FOLDERS = ("invoices", "documents", "mail")

#: What only purchases need; the rest, without them, is what the bank needs.
_ONLY_PURCHASES = frozenset(
    {"purchase_orders", "goods_receipts", "uom_conversions", "supplier_invoice_lines"}
)
_PURCHASE_TABLES = _ONLY_PURCHASES | {"vendors", "supplier_invoices", "recurring_contracts"}
_BANK_TABLES = frozenset(TABLES) - _ONLY_PURCHASES

T = TypeVar("T")


def run_trial(
    folder: Path,
    statements: str | None,
    out: Path,
    to: IO[str],
    progress: Progress | None = None,
) -> int:
    """Run the trial, say what it found and where; return the exit code."""
    out.mkdir(parents=True, exist_ok=True)
    # Millions of records, hardly any garbage: collecting it costs a third of the time.
    gc.disable()
    with tempfile.TemporaryDirectory(prefix="nightclerk-try-") as temporary:
        config = Path(temporary) / "config.yaml"
        config.write_text("database: sqlite:///trial.db\nfiles: files\n", encoding="utf-8")
        office = Office.open(load_settings(config), "bot:trial")
        try:
            _Trial(office, folder, statements, out, to, progress).run()
        finally:
            office.database.dispose()
    return 0


class _Trial:
    """One trial: what was read, and what was decided."""

    def __init__(
        self,
        office: Office,
        folder: Path,
        statements: str | None,
        out: Path,
        to: IO[str],
        progress: Progress | None,
    ) -> None:
        self.office, self.folder, self.out, self.to = office, folder, out, to
        self.statements, self.progress = statements, progress

    def run(self) -> None:
        started = time.perf_counter()
        # Purchases and bank do not need each other: one core each.
        purchases: _Aside[_Purchases] = _Aside(
            _match_purchases,
            self.folder,
            self.office.settings.matching,
            self.out / "invoices.jsonl",
        )
        with self._phase("tables of the bank"):
            tables = load_tables(self.folder, kinds=_BANK_TABLES)
        with self._phase("bank files read and stored"):
            self._load_statements()
        with self._phase("accounts proven"):
            stopped = bank.prove_accounts(self.office)
        with self._phase("bank lines matched"):
            given = self._movements()
            made = reconcile(given, _books(tables), self.office.settings.payments)
        with self._phase("waiting for purchases"):
            matched = purchases.result()
        workbook: _Aside[None] = _Aside(
            _write_workbook, self.out / "ledger.xlsx", matched.rows, dict(given), made
        )
        with self._phase("matches stored and written"):
            transactions_by_id = dict(given)
            with self.office.database.begin() as tx:
                counts = reconciliation.keep_matches(
                    tx, self.office, None, transactions_by_id, made
                )
                note(tx, self.office, "source", "tables", "import", tables.findings)
            _write_matches(self.out / "matches.jsonl", transactions_by_id, made)
        with self._phase("documents"):
            documents = self._documents()
        with self._phase("waiting for the workbook"):
            workbook.result()
        with self._phase("report"):
            self._report()
        findings = (*tables.findings, *matched.findings)
        self._summary(findings, matched.counts, counts, made, stopped, documents)
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
        given = [_document(self.office, path) for path in self._statement_files()]
        with self.office.database.begin() as tx:
            for one in given:
                bank.add_file(tx, self.office, one)
        bank.load_statements(self.office, dict.fromkeys(given))

    def _statement_files(self) -> Sequence[Path]:
        wanted = (self.statements,) if self.statements else STATEMENT_FOLDERS
        for name in wanted:
            folder = self.folder / name
            if folder.is_dir():
                found = sorted(p for p in folder.rglob("*") if p.is_file())
                if found:
                    return found
        return ()

    def _movements(self) -> list[tuple[str, BankTransaction]]:
        query = select(transactions.c.id, transactions.c.data).where(transactions.c.state == "new")
        with self.office.database.begin() as tx:
            rows = tx.execute(query.order_by(transactions.c.id)).all()
        return [(row.id, load(BankTransaction, row.data)) for row in rows]

    def _documents(self) -> int:
        paths = [
            path
            for name in DOCUMENT_FOLDERS
            for path in sorted((self.folder / name).rglob("*"))
            if path.is_file()
        ]
        if not paths:
            return 0
        tables = load_tables(self.folder, kinds=_PURCHASE_TABLES)
        with self.office.database.begin() as tx:
            given = (*tables.vendors, *tables.purchase_orders, *tables.goods_receipts)
            save(tx, self.office, "tables", (*given, *tables.unit_conversions, *tables.contracts))
            save(tx, self.office, "tables", tables.supplier_invoices)
        for path in paths:
            intake.take_file(self.office, path, str(path.relative_to(self.folder)))
        flow = Direct(self.office)
        for first in (True, False):
            flow.each(_process, intake.pending(self.office, first))
        return len(paths)

    def _report(self) -> None:
        with self.office.database.begin() as tx:
            at = datetime.now(UTC)
            morning = gather(tx, company=self.folder.name, at=at, since=None, owners={})
        (self.out / "report.html").write_text(as_html(morning), encoding="utf-8")

    def _summary(
        self,
        findings: Sequence[Finding],
        invoices_by_status: Counter[str],
        lines_by_state: dict[str, int],
        made: Sequence[Match],
        stopped: Sequence[str],
        documents: int,
    ) -> None:
        say = self.to.write
        budget = self.office.settings.payments.tolerated_false_rate
        with_items = sum(1 for m in made if m.allocations)
        posted = sum(1 for m in made if m.allocations and m.decision is Decision.POST)
        say(f"\nBank: {len(made)} lines. Would post {posted} of {with_items} with items")
        say(f" (tolerated false rate {budget:g}); the rest are suggestions.\n")
        say("  " + ", ".join(f"{n} {state}" for state, n in sorted(lines_by_state.items())) + "\n")
        for account in stopped:
            say(f"  STOPPED {account}: see the report; a statement is missing or broken.\n")
        total = sum(invoices_by_status.values())
        counted = ", ".join(f"{n} {s}" for s, n in sorted(invoices_by_status.items()))
        say(f"Invoices: {total} in the tables: {counted or 'none'}.")
        say(f" Documents read: {documents}.\n")
        if findings:
            say(f"Tables: {len(findings)} rows could not be read, e.g. {findings[0]}\n")
        say(f"\nLook at {self.out / 'report.html'} and {self.out / 'ledger.xlsx'};\n")
        say(f"for other programs {self.out / 'matches.jsonl'} and {self.out / 'invoices.jsonl'}.\n")


def _process(flow: Direct, work: str) -> None:
    parts = flow.step(invoices.extract, work)
    if parts != [work]:
        flow.each(_process, parts)
        return
    flow.step(invoices.match, work)
    flow.step(invoices.settle, work, "trial")


def _document(office: Office, path: Path) -> Document:
    kept = keep_bytes(office.files, chunks_of(path))
    with path.open("rb") as handle:
        media_type = sniff(handle.read(HEAD))
    return Document(
        id=kept.sha256, media_type=media_type, path=kept.path, name=path.name, size=kept.size
    )


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


def _write_matches(path: Path, given: dict[str, BankTransaction], made: Sequence[Match]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for match in made:
            reference = given[match.transaction_id].bank_reference or match.transaction_id
            out.write(json.dumps(match_record(reference, match), ensure_ascii=False) + "\n")


class _Aside(Generic[T]):
    """A function in a process of its own, beside what goes on here."""

    def __init__(self, function: Callable[..., T], *arguments: object) -> None:
        # A fork shares what is read already; no thread is running yet that could hold a lock.
        context = multiprocessing.get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_aside, args=(sender, function, arguments), daemon=True
        )
        self._process.start()
        sender.close()

    def result(self) -> T:
        """Wait for the result; whatever the function raised is raised here."""
        try:
            made = self._receiver.recv()
        except EOFError:
            raise KnownFailure(
                "A part of the trial died; there may be too little memory."
            ) from None
        self._process.join()
        if isinstance(made, Exception):
            raise made
        result: T = made
        return result


def _aside(sender: Any, function: Callable[..., object], arguments: Sequence[object]) -> None:
    try:
        made: object = function(*arguments)
    except Exception as error:
        made = error
    sender.send(made)


@dataclass(frozen=True, slots=True)
class _Purchases:
    """What became of the invoices in the tables; `rows` are (key, values) of their sheet."""

    counts: Counter[str]
    rows: list[tuple[str, tuple[Value, ...]]]
    findings: tuple[Finding, ...]


def _match_purchases(folder: Path, policy: Policy, path: Path) -> _Purchases:
    tables = load_tables(folder, kinds=_PURCHASE_TABLES)
    counts: Counter[str] = Counter()
    rows = []
    with path.open("w", encoding="utf-8") as out:
        for received, match, decision in match_received(tables, policy):
            counts[match.status] += 1
            line = invoice_record(received.id, match, decision)
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            rows.append((received.id, _invoice_row(received, match, decision)))
    return _Purchases(counts, rows, tables.findings)


def _write_workbook(
    path: Path,
    purchases: Sequence[tuple[str, tuple[Value, ...]]],
    given: dict[str, BankTransaction],
    made: Sequence[Match],
) -> None:
    rows = [
        Row(sheet="Invoices", key=key, values=dict(zip(_INVOICE_COLUMNS, values, strict=True)))
        for key, values in purchases
    ]
    for match in made:
        rows += match_rows(match, given[match.transaction_id], 1)
    write_new(
        path,
        [Posting(key="trial", target="trial", kind="trial", subject="trial", rows=tuple(rows))],
    )


def match_received(
    tables: Tables, policy: Policy
) -> Iterator[tuple[ReceivedInvoice, InvoiceMatch, str]]:
    """Match every supplier invoice of the tables in the order of receipt; yield `post` or `suggest`."""
    books = PurchaseBooks(
        vendors=tables.vendors,
        order_lines=(line for order in tables.purchase_orders for line in order.lines),
        receipts=tables.goods_receipts,
        conversions=tables.unit_conversions,
        contracts=tables.contracts,
    )
    for received in tables.supplier_invoices:
        match = match_invoice(received.id, received.invoice, books, policy)
        books.consume(received.id, received.invoice, match)
        verdict = decide(received.invoice, match, (), policy)
        yield received, match, "post" if isinstance(verdict, Post) else "suggest"


_INVOICE_COLUMNS = (
    "Vendor",
    "Vendor name",
    "Invoice number",
    "Invoice date",
    "Currency",
    "Gross",
    "Orders",
    "Status",
    "Exceptions",
    "Decision",
    "Confidence",
)


def _invoice_row(
    received: ReceivedInvoice, match: InvoiceMatch, decision: str
) -> tuple[Value, ...]:
    """Return one row of the Invoices sheet, in the order of `_INVOICE_COLUMNS`."""
    invoice = received.invoice
    return (
        match.vendor_id,
        invoice.seller.name,
        invoice.number,
        invoice.issue_date,
        invoice.currency,
        invoice.gross_total,
        ", ".join(sorted({a.order_id for a in match.allocations})) or None,
        match.status,
        ", ".join(match.exceptions) or None,
        decision,
        Decimal(str(round(match.confidence, 4))),
    )
