"""What comes again and again: payroll, contracts, card pay-outs."""

from __future__ import annotations

from decimal import Decimal

from matching.payments.ledger import PAYABLE
from matching.payments.lines import Line
from matching.payments.proposals import Part, Proposal, Side
from matching.payments.references import joined
from matching.payments.state import State
from matching.payments.text import compact, fold, words
from matching.payments.wording import CARD_PAYOUT, PAYROLL
from records.banking import CardSettlement, PayrollRun
from records.money import Money
from records.purchasing import Contract


class Standing:
    """Payroll runs, contracts and card settlements, by their identifiers."""

    def __init__(self, state: State) -> None:
        """Index the records."""
        books = state.books
        self.payroll = {compact(r.batch_id): r for r in books.payroll_runs}
        self.payroll_totals: dict[int, list[PayrollRun]] = {}
        for run in books.payroll_runs:
            self.payroll_totals.setdefault(_minor(run.total, run.currency), []).append(run)
        self.settlements = {compact(s.id): s for s in books.card_settlements}
        self.nets: dict[int, list[CardSettlement]] = {}
        for settlement in books.card_settlements:
            self.nets.setdefault(_minor(settlement.net, settlement.currency), []).append(settlement)
        self.processors = {fold(s.processor) for s in books.card_settlements if s.processor}
        self.contracts_by_iban: dict[str, list[Contract]] = {}
        self.contracts_by_number: dict[str, list[Contract]] = {}
        for contract in books.contracts:
            if contract.iban:
                self.contracts_by_iban.setdefault(compact(contract.iban), []).append(contract)
            if contract.contract_number:
                number = compact(contract.contract_number)
                self.contracts_by_number.setdefault(number, []).append(contract)

    def propose(self, state: State, line: Line) -> Proposal | None:
        """Explain a line by payroll, a contract or a card settlement."""
        if line.amount < 0:
            return self._payroll(state, line) or self._contract(state, line)
        return self._card(state, line)

    def _payroll(self, state: State, line: Line) -> Proposal | None:
        run = self.payroll.get(line.batch or "")
        wages = line.code.endswith("SALA") or PAYROLL.search(line.text)
        if run is None and not wages:
            return None
        if run is None:
            run = next((r for t in joined(line.pieces) if (r := self.payroll.get(t))), None)
        reason = "payroll batch"
        if run is None:
            if line.name:
                return None
            runs = [
                r
                for r in self.payroll_totals.get(-line.amount, ())
                if abs(r.date.toordinal() - line.day) <= state.policy.run_days
            ]
            if len(runs) != 1:
                return None
            run = runs[0]
            reason = "payroll of this total and day"
        index = state.ledger.by_id.get(run.id)
        if index is None or _minor(run.total, run.currency) != -line.amount:
            return None
        return Proposal(
            line=line.index,
            category="payroll",
            rule="payroll",
            parts=[Part(index, line.amount, line.amount)],
            reasons=(f"{reason} {run.batch_id}", f"{run.count} salaries add up to the amount"),
            rank=100,
        )

    def _contract(self, state: State, line: Line) -> Proposal | None:
        if line.parts:
            return None
        numbered = [c for t in words(line.text) for c in self.contracts_by_number.get(t, ())]
        paid = self.contracts_by_iban.get(line.iban, []) if line.iban else []
        standing = line.code.endswith("STDO")
        best: tuple[int, Contract, str] | None = None
        for contract in dict.fromkeys((*numbered, *paid)):
            wanted = abs(_minor(contract.amount, contract.currency))
            within = abs(wanted + line.amount) <= _minor(contract.tolerance, contract.currency)
            if contract.currency != line.currency or not within:
                continue
            grade = 2 * (contract in paid) + 2 * (contract in numbered) + standing
            grade += bool(fold(contract.kind) and fold(contract.kind) in line.text)
            if best is None or grade > best[0]:
                best = (grade, contract, f"contract {contract.id} with {contract.counterparty}")
        if best is None or best[0] < 2:
            return None
        grade, contract, reason = best
        if grade == 2 and self._is_invoice(state, line):
            return None
        index = state.ledger.by_id.get(contract.id)
        if index is None:
            return None
        return Proposal(
            line=line.index,
            category="recurring",
            rule="contract" if grade >= 3 else "contract_amount",
            parts=[Part(index, line.amount, line.amount)],
            reasons=(reason, "amount as agreed"),
            rank=90 + grade,
        )

    def _is_invoice(self, state: State, line: Line) -> bool:
        """Say whether an open invoice of the same party has the very amount."""
        return bool(line.hits) or any(
            state.ledger.with_amount(party, line.amount, line.day, line.currency)
            for party in state.known_parties(line, PAYABLE)
        )

    def _card(self, state: State, line: Line) -> Proposal | None:
        if not self.settlements:
            return None
        known = fold(line.name) + " " + line.text
        if not any(p in known for p in self.processors) and not CARD_PAYOUT.search(known):
            return None
        found = [s for t in joined(line.pieces) if (s := self.settlements.get(t))]
        if not found:
            if not any(p in known for p in self.processors) or not CARD_PAYOUT.search(known):
                return None
            found = [
                s
                for s in self.nets.get(line.amount, ())
                if 0 <= line.day - s.date.toordinal() <= state.policy.run_days + 4
            ]
        for settlement in found:
            if _minor(settlement.net, settlement.currency) != line.amount:
                continue
            parts = []
            for item_id, amount in settlement.items:
                index = state.ledger.by_id.get(item_id)
                if index is None:
                    return None
                cash = _minor(amount, settlement.currency)
                parts.append(Part(index, cash, cash))
            fee = line.amount - sum(p.cash for p in parts)
            if not parts or fee > 0:
                continue
            proposal = Proposal(
                line=line.index,
                category="card_settlement",
                rule="card_settlement",
                parts=parts,
                sides=[Side("card_fee", fee, True)] if fee else [],
                reasons=(
                    f"card settlement {settlement.id} of {settlement.processor}",
                    f"{len(parts)} receipts less the fee come to the amount",
                ),
                rank=100,
            )
            if state.fits(proposal):
                return proposal
        return None


def _minor(amount: Decimal, currency: str) -> int:
    return Money(amount, currency).rounded().minor
