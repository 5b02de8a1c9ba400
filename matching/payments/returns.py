"""Money that comes back: returned debits and transfers, chargebacks, refunds of double payments.

A return reopens what it undoes; the bank's fee on top is not an item.
"""

from __future__ import annotations

from matching.payments.ledger import PAYABLE, RECEIVABLE
from matching.payments.lines import Line
from matching.payments.proposals import Part, Proposal, Side
from matching.payments.runs import Runs
from matching.payments.state import State
from matching.payments.text import fold
from matching.payments.wording import CHARGEBACK, DOUBLE, RETURN_CREDIT, RETURN_DEBIT

_RETURN_CODES = ("RRTN", "UPDD", "PRDD", "ARET", "CAJT")


class Reversals:
    """Explains entries that take back fees, interest and other movements without an item.

    A reversal bears the amount it takes back with the other sign, on the same
    account (RvslInd, MT940 RC and RD). It is of the kind of what it undoes.
    """

    def __init__(self, state: State) -> None:
        """Index what is already explained without an item, by account and amount."""
        self._plain: dict[tuple[str, int], list[Line]] = {}
        if any(line.transaction.reversal for line in state.lines):
            for line in state.lines:
                proposal = state.taken[line.index]
                if proposal is not None and not proposal.parts and not proposal.sides:
                    self._plain.setdefault((line.account, line.amount), []).append(line)

    def propose(self, state: State, line: Line) -> Proposal | None:
        """Explain a reversal by the entries it may take back, if all are of one kind."""
        if not line.transaction.reversal or line.hits:
            return None
        undone = [
            other
            for other in self._plain.get((line.account, -line.amount), ())
            if 0 <= line.day - other.day <= state.policy.return_days
            and (other.iban, fold(other.name)) == (line.iban, fold(line.name))
        ]
        kinds = {p.category for o in undone if (p := state.taken[o.index]) is not None}
        if len(kinds) != 1:
            return None
        nearest = max(undone, key=lambda o: (o.day, o.id))
        return Proposal(
            line=line.index,
            category=kinds.pop(),
            rule="reversal",
            reasons=(f"the bank takes back {nearest.id}, of the same amount",),
            related=(nearest.id,),
            rank=70,
        )


def repaid_twice(state: State, line: Line) -> Proposal | None:
    """Recognise a double payment that goes back: money without an item."""
    if line.amount > 0 or not DOUBLE.search(line.text):
        return None
    items = [state.ledger.items[i] for i, _ in line.hits]
    named = tuple(i.id for i in items if i.side == RECEIVABLE)
    return Proposal(
        line=line.index,
        category="refund",
        rule="double_payment_return",
        sides=[Side("double_payment_return", line.amount, True)],
        reasons=("the text says a double payment goes back", *(f"of {n}" for n in named[:1])),
        related=named[:1],
        rank=50,
    )


class Returns:
    """Explains returned direct debits, returned transfers and chargebacks."""

    def __init__(self, runs: Runs) -> None:
        """Use the runs to find what an end-to-end id was about."""
        self.runs = runs

    def propose(self, state: State, line: Line) -> Proposal | None:
        """Explain a line that undoes an earlier payment."""
        if line.amount < 0:
            if CHARGEBACK.search(line.text):
                return self._undo(state, line, RECEIVABLE, "chargeback", "chargeback_fee")
            if RETURN_DEBIT.search(line.text) or self._by_code(line):
                return self._undo(state, line, RECEIVABLE, "return", "return_fee")
        elif RETURN_CREDIT.search(line.text) or self._by_code(line):
            return self._undo(state, line, PAYABLE, "return", "return_fee")
        return None

    def _by_code(self, line: Line) -> bool:
        return line.reversal or line.code.removesuffix("-B").endswith(_RETURN_CODES)

    def _undo(
        self, state: State, line: Line, side: int, category: str, fee_kind: str
    ) -> Proposal | None:
        """Take back the payment of the item that the line names.

        The fee makes the amount larger than what had been paid, never smaller.
        """
        named: dict[int, bool] = {}
        if line.end_to_end:
            for run_id in self.runs.by_end_to_end.get(line.end_to_end, ()):
                for item_id, _ in self.runs.rows_by_end_to_end[line.end_to_end, run_id]:
                    if item_id in state.ledger.by_id:
                        named[state.ledger.by_id[item_id]] = True
        for index, _ in line.hits:
            named.setdefault(index, False)
        by_party = not named
        if by_party:
            for party in state.known_parties(line, side):
                for index in state.ledger.by_party.get(party, ()):
                    if any(
                        0 <= line.day - state.lines[n].day <= state.policy.return_days
                        for n, _, _ in state.payments_of(index)
                    ):
                        named[index] = False
        best: tuple[int, Proposal] | None = None
        several = False
        for index, by_us in named.items():
            item = state.ledger.items[index]
            if item.side != side or item.currency != line.currency:
                continue
            for cash, take in self._paid(state, index):
                fee = line.amount + cash
                wrong_way = fee > 0 if line.amount < 0 else fee != 0
                if wrong_way or abs(fee) > state.policy.charge_limit_minor:
                    continue
                sides = [Side(fee_kind, fee, True)] if fee else []
                if take != cash and item.currency == line.currency:
                    sides.append(Side("skonto_writeoff", cash - take, False, index))
                proposal = Proposal(
                    line=line.index,
                    category=category,
                    rule=category,
                    parts=[Part(index, -cash, -take)],
                    sides=sides,
                    reasons=(
                        f"undoes the payment of {item.id}",
                        "named by our end-to-end id"
                        if by_us
                        else "its party and amount"
                        if by_party
                        else "named in the text",
                    ),
                    rank=60 + 10 * by_us,
                )
                if not state.fits(proposal):
                    continue
                several = several or (best is not None and by_party)
                if best is None or abs(fee) < best[0]:
                    best = (abs(fee), proposal)
        if best is None:
            return None
        if by_party:
            best[1].rule += "_unnamed"
            best[1].doubt = 0.3 if several else 0.0
        return best[1]

    def _paid(self, state: State, index: int) -> list[tuple[int, int]]:
        """Return the payments of an item as (cash, take); also one before these lines."""
        payments = [(cash, take) for _, cash, take in state.payments_of(index) if cash]
        item = state.ledger.items[index]
        before = item.gross - item.left - sum(take for _, take in payments)
        if before:
            payments.append((before, before))
            if item.discount and before == item.gross:
                payments.append((item.gross - item.discount, before))
        return payments
