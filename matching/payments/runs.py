"""Our own payment files: identifiers we gave ourselves come back on the statement.

pain.001 runs go out, pain.008 runs come in. A bank books a run as one line
(batch booking) or item by item with our end-to-end id. When the bank dropped
the batch id, a run is known by account, day, total and number of items.
"""

from __future__ import annotations

import re

from matching.payments.lines import Line
from matching.payments.proposals import Part, Proposal, Rival, Side
from matching.payments.references import identifier, joined
from matching.payments.state import State
from matching.payments.text import compact
from matching.payments.wording import BATCH
from records.banking import PaymentRun

_COUNT = re.compile(r"ANZ(?:AHL)?\.? ?(\d+)|(\d+) ?(?:POSTEN|ITEMS|STUECK|STK|UMSAETZE)")


class Runs:
    """The runs on file, by their identifiers and totals."""

    def __init__(self, state: State) -> None:
        """Index the runs; rows become minor units, signed like the cash."""
        books = state.books
        self.rows: dict[str, list[tuple[str, int]]] = {}
        rows_by_end_to_end: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self.runs = {r.id: r for r in books.payment_runs}
        self.by_end_to_end: dict[str, list[str]] = {}
        self.by_batch: dict[str, PaymentRun] = {}
        self.by_account: dict[tuple[str, int], list[PaymentRun]] = {}
        self.used: set[str] = set()
        for row in books.payment_run_items:
            run = self.runs.get(row.run_id)
            outgoing = run is None or run.kind != "pain.008"
            cash = -row.amount.minor if outgoing else row.amount.minor
            self.rows.setdefault(row.run_id, []).append((row.item_id, cash))
            end_to_end = identifier(row.end_to_end_id)
            if end_to_end:
                key = (end_to_end, row.run_id)
                if key not in rows_by_end_to_end:
                    self.by_end_to_end.setdefault(end_to_end, []).append(row.run_id)
                rows_by_end_to_end.setdefault(key, []).append((row.item_id, cash))
        self.rows_by_end_to_end = rows_by_end_to_end
        accounts = {a.id: compact(a.iban or a.id) for a in books.own_accounts}
        for run in books.payment_runs:
            batch = identifier(run.batch_id)
            if batch:
                self.by_batch[batch] = run
            account = accounts.get(run.account_id, compact(run.account_id))
            day = run.execution_date.toordinal()
            self.by_account.setdefault((account, day), []).append(run)

    def single(self, state: State, line: Line) -> Proposal | None:
        """Explain a line that carries an end-to-end id of ours."""
        if not line.end_to_end:
            return None
        choices = []
        for run_id in self.by_end_to_end.get(line.end_to_end, ()):
            rows = self.rows_by_end_to_end[line.end_to_end, run_id]
            if sum(cash for _, cash in rows) == line.amount:
                run = self.runs.get(run_id)
                away = abs(run.execution_date.toordinal() - line.day) if run else 0
                choices.append((away, run_id, rows))
        choices.sort(key=lambda c: (c[0], c[1]))
        for away, run_id, rows in choices:
            if away > 30:
                continue
            proposal = self._paid(state, line, rows, "run_item")
            if proposal and state.fits(proposal):
                proposal.reasons = (
                    "our own end-to-end id, of payment run {related}",
                    "the amount is the run's",
                )
                proposal.related = (run_id,)
                proposal.rank = 100 - away
                return proposal
        return None

    def batch(self, state: State, line: Line) -> Proposal | None:
        """Explain a batch-booked line by one of our runs."""
        run = self.by_batch.get(line.batch) if line.batch else None
        if run is not None:
            return self._whole_or_short(state, line, run, "run_batch")
        if line.name or not (line.code.endswith("-B") or BATCH.search(line.text)):
            return None
        for text in joined(line.pieces):
            run = self.by_batch.get(text)
            if run is not None:
                return self._whole_or_short(state, line, run, "run_batch")
        return self._by_total(state, line)

    def _by_total(self, state: State, line: Line) -> Proposal | None:
        count = _COUNT.search(line.text)
        wanted = int(count.group(1) or count.group(2)) if count else None
        exact: list[PaymentRun] = []
        short: list[PaymentRun] = []
        direction = "pain.008" if line.amount > 0 else "pain.001"
        for away in range(state.policy.run_days + 1):
            for run in self.by_account.get((line.account, line.day - away), ()):
                if (
                    run.kind != direction
                    or run.id in self.used
                    or len(self.rows.get(run.id, ())) < 1
                ):
                    continue
                total = run.total.minor
                if total == abs(line.amount) and wanted in (None, run.count):
                    exact.append(run)
                elif total > abs(line.amount) and wanted is not None and wanted == run.count - 1:
                    short.append(run)
        if len(exact) == 1:
            return self._whole_or_short(state, line, exact[0], "run_total")
        if not exact:
            found = [p for r in short if (p := self._whole_or_short(state, line, r, "run_total"))]
            if len(found) == 1:
                return found[0]
        return None

    def _whole_or_short(
        self, state: State, line: Line, run: PaymentRun, rule: str
    ) -> Proposal | None:
        """Explain by all rows of a run, or by all but one that the bank did not execute."""
        if run.id in self.used:
            return None
        rows = self.rows.get(run.id, [])
        total = sum(cash for _, cash in rows)
        reason = f"payment run {run.id} of {run.execution_date}"
        if total != line.amount:
            missing = [i for i, (_, cash) in enumerate(rows) if cash == total - line.amount]
            if not missing or len(rows) < 2:
                return None
            reason += f" without {rows[missing[0]][0]}"
            if len(missing) > 1:
                rule, doubt = "run_short", 0.5
            else:
                rule, doubt = "run_short", 0.0
            rows = [row for i, row in enumerate(rows) if i != missing[0]]
        else:
            doubt = 0.0
            missing = []
        if line.parts and sorted(p.amount for p in line.parts) != sorted(cash for _, cash in rows):
            return None  # the bank tells other payments: they speak for themselves
        proposal = self._paid(state, line, rows, rule)
        if proposal is None or not state.fits(proposal):
            return None
        proposal.doubt = doubt
        proposal.reasons = (reason, f"{len(proposal.parts)} items add up to the amount")
        if len(missing) > 1:
            proposal.rivals = [
                Rival((), f"row {i + 1} has the same amount as the row left out")
                for i in missing[1:4]
            ]
        proposal.rank = 100
        proposal.related = (run.id,)
        return proposal

    def _paid(
        self, state: State, line: Line, rows: list[tuple[str, int]], rule: str
    ) -> Proposal | None:
        ledger = state.ledger
        parts = []
        sides = []
        for item_id, cash in rows:
            index = ledger.by_id.get(item_id)
            if index is None:
                return None
            item = ledger.items[index]
            foreign = item.currency != line.currency
            closes = foreign or (item.discount != 0 and cash == item.reduced())
            parts.append(Part(index, cash, item.left if closes else cash))
            if closes and item.left != cash:
                kind = "fx_and_charges" if foreign else "skonto_writeoff"
                sides.append(Side(kind, item.left - cash, False, index))
        return Proposal(
            line=line.index,
            category="settlement",
            rule=rule,
            parts=tuple(parts),
            sides=tuple(sides),
        )
