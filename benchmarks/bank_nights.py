"""An office whose bank files are a night's work, to be killed while it works.

Customers pay by reference, for several invoices at once, and without a
reference; the bank takes fees. The weeks' files overlap by their last days.
"""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
from sqlalchemy import select

from app.audit import verify
from app.codec import load
from app.database import connect
from app.tables import (
    allocations,
    audit_head,
    documents,
    findings,
    matches,
    postings,
    statements,
    transactions,
)
from records.matches import Match

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "DE02120300000000202051"
_WEEK, _OVERLAP = 5, 2  # banking days
_FIRST = date(2026, 3, 2)

_CONFIG = """\
database: {database}
files: var/files
company: {{name: Kleines Kontor GmbH, timezone: Europe/Berlin, country: DE}}
records: [{{name: exports, use: folder, path: records}}]
statements: [{{name: bank, use: folder, path: bank}}]
posters: [{{name: ledger, use: workbook, path: out/ledger.xlsx}}]
bots:
  records: {{sources: [exports]}}
  statements: {{sources: [bank], post_to: ledger}}
"""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything a night leaves behind, without times, revisions and the order of work."""

    documents: Counter[tuple[str, str]]
    statements: frozenset[tuple[str, str]]
    lines: frozenset[tuple[str, str]]
    matches: frozenset[tuple[str, str]]
    allocations: frozenset[tuple[str, str, int]]
    postings: frozenset[tuple[str, str]]
    findings: frozenset[tuple[str, str]]
    rows: Counter[tuple[str, str]]
    audit: str | None

    def differences(self, other: Books) -> list[str]:
        """Return the names of what is not the same."""
        return [name for name in Books.__slots__ if getattr(self, name) != getattr(other, name)]


class BankOffice:
    """One office in a folder, with its records and bank files."""

    def __init__(
        self, folder: Path, *, weeks: int = 8, a_day: int = 30, database: str | None = None
    ) -> None:
        """Write configuration, records and files of so many weeks, `a_day` payments a day."""
        self.folder = folder
        self.database = database or f"sqlite:///{folder}/var/nightclerk.db"
        for name in ("records", "bank"):
            (folder / name).mkdir(parents=True)
        self.config = folder / "config.yaml"
        self.config.write_text(_CONFIG.format(database=self.database), encoding="utf-8")
        self._write(weeks, a_day)

    def _write(self, weeks: int, a_day: int) -> None:
        dice = random.Random("bank nights")
        days = [_FIRST + timedelta(days=7 * w + d) for w in range(weeks) for d in range(_WEEK)]
        invoices, entries = [], []
        number = 0
        for _ in days:
            lines = []
            for _ in range(a_day):
                customer = dice.randrange(40)
                listed = []
                for _ in range(dice.choice((1, 1, 1, 1, 2, 3))):
                    number += 1
                    gross = Decimal(dice.randint(5_000, 400_000)) / 100
                    listed.append((f"R-{number:06}", gross))
                    invoices.append(
                        [f"AR{number}", "invoice", f"R-{number:06}", f"C{customer}",
                         f"Kunde {customer} GmbH", "2026-02-20", "2026-03-20", "EUR", str(gross)]
                    )  # fmt: skip
                text = " ".join(name for name, _ in listed) if dice.random() < 0.9 else "Rechnung"
                total = sum((gross for _, gross in listed), Decimal(0))
                lines.append((total, f"166?00GUTSCHRIFT?20{text}?32Kunde {customer} GmbH"))
            lines.append((Decimal("-4.90"), "808?00ENTGELT?20KONTOFUEHRUNG"))
            entries.append(lines)
        self._table("own_accounts", "account_id,iban,currency", [["A1", ACCOUNT, "EUR"]])
        self._table(
            "customers", "customer_id,name", [[f"C{n}", f"Kunde {n} GmbH"] for n in range(40)]
        )
        self._table(
            "customer_invoices",
            "item_id,type,invoice_no,customer_id,customer_name,invoice_date,due_date,currency,gross",
            invoices,
        )
        before = [Decimal(0)]
        for lines in entries:
            before.append(before[-1] + sum((amount for amount, _ in lines), Decimal(0)))
        for week in range(weeks):
            first, end = max(0, week * _WEEK - _OVERLAP), (week + 1) * _WEEK
            text = _statement(week + 1, days[first:end], entries[first:end], before[first])
            (self.folder / "bank" / f"week{week + 1:02}.sta").write_text(text, encoding="utf-8")

    def _table(self, name: str, header: str, rows: list[list[str]]) -> None:
        with (self.folder / "records" / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *rows])

    def start_night(self) -> subprocess.Popen[bytes]:
        """Start a night in a process group of its own; what it says goes into a log file."""
        command = [sys.executable, "-m", "app", "--config", str(self.config)]
        with (self.folder / "night.log").open("ab") as output:
            return subprocess.Popen(
                [*command, "run", "records", "statements"],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish_night(self, seconds: float = 600) -> float:
        """Run a night to its end; return how long it took. RuntimeError when it failed."""
        began = time.monotonic()
        if self.start_night().wait(seconds):
            raise RuntimeError((self.folder / "night.log").read_text()[-2000:])
        return time.monotonic() - began

    def kill_night(self, after: float) -> bool:
        """Start a night and kill it after so many seconds; say whether it was still at work."""
        night = self.start_night()
        try:
            night.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(night.pid, signal.SIGKILL)
            night.wait()
            return True
        return False

    def books(self) -> Books:
        """Return what is in the database and the workbook."""
        database = connect(self.database.replace("postgresql://", "postgresql+psycopg://", 1))
        with database.begin() as tx:
            newest = {
                row.transaction_id: _essence(load(Match, row.data))
                for row in tx.execute(select(matches).order_by(matches.c.revision))
            }
            found = Books(
                documents=Counter((r.kind, r.state) for r in tx.execute(select(documents))),
                statements=frozenset((r.id, r.state) for r in tx.execute(select(statements))),
                lines=frozenset((r.id, r.state) for r in tx.execute(select(transactions))),
                matches=frozenset(newest.items()),
                allocations=frozenset(
                    (r.transaction_id, r.item_id, r.amount_minor)
                    for r in tx.execute(select(allocations))
                ),
                postings=frozenset((r.key, r.state) for r in tx.execute(select(postings))),
                findings=frozenset(
                    (r.subject, r.code)
                    for r in tx.execute(select(findings).where(findings.c.closed_at.is_(None)))
                ),
                rows=self._rows(),
                audit=verify(tx)[1] if tx.execute(select(audit_head)).first() else "is empty",
            )
        database.dispose()
        return found

    def _rows(self) -> Counter[tuple[str, str]]:
        path = self.folder / "out" / "ledger.xlsx"
        rows: Counter[tuple[str, str]] = Counter()
        if path.exists():
            book = openpyxl.load_workbook(path, read_only=True)
            for sheet in book:
                held = sheet.iter_rows(values_only=True)
                key = list(next(held)).index("Key")
                rows.update((sheet.title, str(row[key])) for row in held)
            book.close()
        return rows


def _essence(match: Match) -> str:
    items = sorted(f"{a.item_id} {a.amount}" for a in match.allocations)
    return f"{match.category} {match.decision} {match.rule} {items}"


def _statement(
    number: int, days: Sequence[date], entries: Sequence[list[tuple[Decimal, str]]], before: Decimal
) -> str:
    lines = [f":20:WEEK{number}", f":25:{ACCOUNT}", f":28C:{number}/1"]
    lines.append(f":60F:{_balance(before, days[0])}")
    for day, booked in zip(days, entries, strict=True):
        for at, (amount, details) in enumerate(booked):
            side = "C" if amount > 0 else "D"
            digits = f"{abs(amount):.2f}".replace(".", ",")
            lines.append(f":61:{day:%y%m%d}{day:%m%d}{side}{digits}NTRFNONREF//{day:%y%m%d}{at:04}")
            lines.append(f":86:{details}")
            before += amount
    return "\r\n".join([*lines, f":62F:{_balance(before, days[-1])}", "-", ""])


def _balance(amount: Decimal, day: date) -> str:
    side = "D" if amount < 0 else "C"
    return f"{side}{day:%y%m%d}EUR{abs(amount):.2f}".replace(".", ",")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the killed nights: how many kills hit one at work, and what differs."""

    kills: int
    hits: int
    undisturbed_seconds: float
    differing: tuple[str, ...]


def kill_nights(offices: tuple[BankOffice, BankOffice], kills: int, dice: random.Random) -> Outcome:
    """Kill nights of the second office at random moments, then let one end; compare with the first.

    Twice more to the end changes nothing either.
    """
    undisturbed, killed = offices
    seconds = undisturbed.finish_night()
    hits = sum(killed.kill_night(dice.uniform(0.0, seconds)) for _ in range(kills))
    killed.finish_night()
    differing = undisturbed.books().differences(killed.books())
    before = killed.books()
    killed.finish_night()
    differing += [f"{name} after another night" for name in before.differences(killed.books())]
    return Outcome(kills, hits, round(seconds, 1), tuple(differing))
