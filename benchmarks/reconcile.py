"""How fast and how lean bank lines are matched, and how that grows.

    python -m benchmarks.reconcile WORLD [--steps 4] [--copies 2 4] [--truth] [--statements mt940]

WORLD is a folder of tables as `connectors.sources.csv_table` reads them, or one
that has them under `inputs/`, with the movements in `bank_lines.csv`. The first
half, quarter and so on of the lines (by booking day) is matched against the
books of that time, each size in a fresh process; CPU seconds are split into
reading, preparing (indexes, references, parties), explaining and wording. The
growth exponent is the slope over all sizes on logarithmic scales: 1 is linear.
With `--copies` the world is also matched so many times as large: each copy has
other digits in every number and account, and other letters in every name, the
same ones in its books and its bank lines, so that no copy's party is another's.
With `--statements` the movements are read from the bank files in that folder of
`statements/` instead, each once by its bank reference. With `--truth` the matches to be posted are compared with `truth/bank.jsonl`.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import math
import resource
import string
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from connectors.banks import read
from connectors.sources.csv_table import Source
from matching.payments import Books, IdentifiedTransaction, PaymentPolicy, explain, worded
from matching.payments.ledger import Ledger
from matching.payments.state import State
from records.banking import BankTransaction, OpenItem
from records.documents import Document
from records.matches import Decision, Match
from records.money import Money

TABLES = {
    "own_accounts": "own_accounts",
    "vendors": "vendors",
    "customers": "customers",
    "supplier_invoices": "items",
    "customer_invoices": "items",
    "payment_runs": "payment_runs",
    "payment_run_items": "payment_run_items",
    "card_settlements": "card_settlements",
    "payroll_runs": "payroll_runs",
    "recurring_contracts": "contracts",
    "fx_rates": "fx_rates",
}
DETAILS = {"card_settlements": "card_settlement_items"}


def read_books(folder: Path, until: date) -> Books:
    """Read the tables; of the items only those issued by that day."""
    records: defaultdict[str, list[Any]] = defaultdict(list)
    for name, field in TABLES.items():
        details = folder / f"{DETAILS[name]}.csv" if name in DETAILS else None
        path = folder / f"{name}.csv"
        source = Source(Source.Settings(path=path, details=details, currency="EUR"))
        found, _ = source.changes(None)
        for record in found:
            if name.endswith("_invoices") and not isinstance(record, OpenItem):
                continue
            if isinstance(record, OpenItem) and record.issue_date and record.issue_date > until:
                continue
            records[field].append(record)
    fields: dict[str, Any] = {field: tuple(found) for field, found in records.items()}
    return Books(**fields)


def read_lines(folder: Path) -> list[IdentifiedTransaction]:
    """Read the movements in order of booking day."""
    accounts = {}
    with (folder / "own_accounts.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            accounts[row["account_id"]] = row["iban"]
    lines = []
    with (folder / "bank_lines.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            original = None
            if row["orig_amount"]:
                original = Money(Decimal(row["orig_amount"]), row["orig_currency"])
            end_to_end = row["end_to_end_id"]
            transaction = BankTransaction(
                account=accounts[row["account_id"]],
                booking_date=date.fromisoformat(row["booking_date"]),
                amount=Money(Decimal(row["amount"]), row["currency"]),
                counterparty_name=row["counterparty_name"] or None,
                counterparty_account=row["counterparty_iban"] or None,
                remittance=row["remittance"],
                end_to_end_id=None if end_to_end == "NOTPROVIDED" else end_to_end,
                mandate_id=row["mandate_id"] or None,
                batch_id=row["batch_id"] or None,
                transaction_code=row["tx_code"] or None,
                original_amount=original,
            )
            lines.append((row["bank_line_id"], transaction))
    return sorted(lines, key=lambda line: (line[1].booking_date or date.min, line[0]))


def read_statements(folder: Path) -> list[IdentifiedTransaction]:
    """Read the movements from bank files; files overlap, so each once by its reference."""
    lines: dict[str, BankTransaction] = {}
    for path in sorted(folder.iterdir()):
        document = Document(id=path.name, media_type="", path=path, name=path.name)
        for record in read(document):
            if isinstance(record, BankTransaction) and record.bank_reference:
                lines.setdefault(record.bank_reference, record)
    return sorted(lines.items(), key=lambda line: (line[1].booking_date or date.min, line[0]))


def measure(folder: Path, share: float, statements: str) -> tuple[dict[str, float], list[Match]]:
    """Match the first share of the lines, or so many copies of all; return figures and matches."""
    gc.disable()  # as a trial does: hardly anything here is garbage
    began = time.process_time()
    if statements:
        lines = read_statements(folder / "statements" / statements)
    else:
        lines = read_lines(folder)
    lines = lines[: int(len(lines) * min(share, 1))]
    books = read_books(folder, lines[-1][1].booking_date or date.max)
    if share > 1:
        copies = [Disguise(number) for number in range(int(share))]
        lines = [(copy.text(i), copy.record(t)) for copy in copies for i, t in lines]
        many: dict[str, Any] = {
            name: tuple(copy.record(r) for copy in copies for r in getattr(books, name))
            for name in {*TABLES.values()} - {"fx_rates"}
        }
        books = replace(books, **many)
    clock = [began, time.process_time()]
    before = _memory()
    state = State(lines, Ledger(books), PaymentPolicy())
    clock.append(time.process_time())
    explain(state)
    clock.append(time.process_time())
    matches = list(worded(state))
    clock.append(time.process_time())
    phases = [after - earlier for earlier, after in pairwise(clock)]
    figures = dict(zip(("reading", "preparing", "explaining", "wording"), phases, strict=True))
    figures |= {"lines": len(lines), "matching": sum(phases[1:])}
    figures |= {"memory": _memory(), "memory_before": before}
    return figures, matches


class Disguise:
    """One copy of a world: other digits, and other letters in names; copy 0 is the world itself."""

    def __init__(self, number: int) -> None:
        """Shift by `number`, which is 0 to 9: two copies with one shift would be one."""
        digits, capitals, small = string.digits, string.ascii_uppercase, string.ascii_lowercase
        self._digits = str.maketrans(digits, digits[number:] + digits[:number])
        self._letters = str.maketrans(
            capitals + small,
            capitals[number:] + capitals[:number] + small[number:] + small[:number],
        )

    def text(self, text: str) -> str:
        """Return a number, an account or a text of the bank with other digits."""
        return text.translate(self._digits)

    def name(self, name: str) -> str:
        """Return a name with other letters, but for what may be a legal form."""
        words = (w.translate(self._letters) if len(w) > 4 else w for w in name.split(" "))
        return " ".join(words)

    def record(self, record: Any) -> Any:
        """Return a record with its texts disguised; amounts, days and codes stay."""
        changed: dict[str, Any] = {}
        for field in fields(record):
            value = getattr(record, field.name)
            if field.name in ("name", "party_name", "counterparty_name", "counterparty"):
                changed[field.name] = value and self.name(value)
            elif field.name in ("kind", "currency", "status", "transaction_code", "pays_by"):
                continue
            elif isinstance(value, str):
                changed[field.name] = self.text(value)
            elif field.name in ("ibans", "items"):
                changed[field.name] = tuple(
                    self.text(v) if isinstance(v, str) else (self.text(v[0]), v[1]) for v in value
                )
        return replace(record, **changed)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compare(matches: list[Match], truth: Path) -> str:
    """Count posted matches that are right, wrong, and missing (ambiguous ones aside)."""
    posted = {
        m.transaction_id: {a.item_id: a.amount.amount for a in m.allocations}
        for m in matches
        if m.decision is Decision.POST and m.allocations
    }
    right = wrong = missing = 0
    for text in truth.read_text(encoding="utf-8").splitlines():
        row = json.loads(text)
        wanted = {a["item_id"]: Decimal(a["amount"]) for a in row["allocations"]}
        ours = posted.get(row["bank_line_id"], {})
        same = ours.keys() == wanted.keys() and (row.get("amounts_free") or ours == wanted)
        if row.get("ambiguous"):
            accepted = same or not ours or sorted(ours) in row.get("alternatives", [])
            wrong += not accepted
        elif wanted and not ours:
            missing += 1
        elif ours:
            right, wrong = right + same, wrong + (not same)
    return (
        f"posted right {right}, wrong {wrong}, not posted {missing}: "
        f"precision {right / max(1, right + wrong):.5f}, "
        f"automatic {right / max(1, right + missing + wrong):.5f}"
    )


def slope(points: list[tuple[float, float]]) -> float:
    """Return the exponent of growth: least squares on logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    across = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / across


def main() -> None:
    """Print a row per size, then the growth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("world", type=Path)
    parser.add_argument("--steps", type=int, default=4, help="how many sizes, each half the next")
    parser.add_argument(
        "--copies", type=int, nargs="*", default=[], help="up to 10 times the world"
    )
    parser.add_argument("--truth", action="store_true", help="compare with truth/bank.jsonl")
    parser.add_argument(
        "--statements", default="", help="camt053, mt940 or csv; default: the table"
    )
    parser.add_argument("--share", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = given.world / "inputs" if (given.world / "inputs").is_dir() else given.world
    if given.share:
        figures, matches = measure(folder, given.share, given.statements)
        if given.truth and given.share == 1:
            print(compare(matches, given.world / "truth" / "bank.jsonl"), file=sys.stderr)
        print(json.dumps(figures))
        return
    names = ("lines", "reading", "preparing", "explaining", "wording", "matching")
    print("".join(f"{n:>12}" for n in (*names, "lines/s", "MB", "MB before")))
    points = []
    for share in (*(0.5**step for step in range(given.steps - 1, -1, -1)), *given.copies):
        command = [sys.executable, "-m", "benchmarks.reconcile", str(given.world)]
        command += ["--share", str(share), "--statements", given.statements]
        command += ["--truth"] if given.truth else []
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        points.append((row["lines"], row["matching"]))
        seconds = "".join(f"{row[n]:12.2f}" for n in names[1:])
        rate = row["lines"] / row["matching"]
        memory = f"{row['memory']:12.0f}{row['memory_before']:12.0f}"
        print(f"{row['lines']:12.0f}{seconds}{rate:12.0f}{memory}", flush=True)
        if done.stderr:
            print(done.stderr.strip())
    if len(points) > 1:
        sizes = f"{points[0][0]:,.0f} to {points[-1][0]:,.0f} lines"
        print(f"growth exponent {slope(points):.2f}, from {sizes}")
        million = points[-1][1] * (1_000_000 / points[-1][0]) ** slope(points)
        print(f"a million lines, by that: {million:.0f} s of processor time for the matching")


if __name__ == "__main__":
    main()
