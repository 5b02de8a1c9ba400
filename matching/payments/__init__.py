"""Bank transactions against open items: pure, explainable, over the whole set.

`reconcile` decides in tiers. What we named ourselves (end-to-end ids, batches)
comes first, then what the payer names whole, then references with slips, then
party and amount alone, then sums. Within a tier all lines speak before any is
served, so a line never takes an item that another names better. A batch is
asked whole first, then payment by payment.
"""

from __future__ import annotations

from collections.abc import Sequence

from matching.payments import differences, exchange, listed, slips, sums, unnamed
from matching.payments.batches import together
from matching.payments.books import Books, IdentifiedTransaction
from matching.payments.categories import (
    kind_only,
    looks_like_transfer,
    pair_transfers,
    without_item,
)
from matching.payments.explain import match_of
from matching.payments.policy import PaymentPolicy
from matching.payments.returns import Returns, Reversals, repaid_twice
from matching.payments.runs import Runs
from matching.payments.standing import Standing
from matching.payments.state import State
from records.banking import BankTransaction
from records.matches import Match

__all__ = ["Books", "IdentifiedTransaction", "PaymentPolicy", "reconcile"]


def reconcile(
    transactions: Sequence[IdentifiedTransaction], books: Books, policy: PaymentPolicy
) -> list[Match]:
    """Return one Match per transaction, in the order given.

    Transactions are booked ones, each once, in any order. An allocation never
    exceeds what is open of its item, over all transactions together; bad data
    never raises. `Match.decision` is post only within the policy's error
    budget. A transaction id that appears twice is a fault of the caller
    (ValueError).
    """
    if len({i for i, _ in transactions}) != len(transactions):
        raise ValueError("a transaction id appears twice")
    state = State([t for t in transactions if _is_whole(t[1])], books, policy)
    explain(state)
    matches = {match.transaction_id: match for match in worded(state)}
    return [matches.get(i) or _unreadable(i) for i, _ in transactions]


def _is_whole(transaction: BankTransaction) -> bool:
    """Say whether the amount is some whole number of minor units, as real money is."""
    amount = transaction.amount
    return amount.amount.is_finite() and amount.amount != 0 and amount.rounded() == amount


def _unreadable(transaction_id: str) -> Match:
    reason = "the amount is zero, or has more decimals than its currency"
    return Match(transaction_id=transaction_id, category="unknown", reasons=(reason,))


def worded(state: State) -> list[Match]:
    """Put what was decided into Matches, in order of day and id."""
    pairs = pair_transfers(state)
    matches = []
    for line in state.lines:
        if line.part:
            continue
        if line.index in state.resting:
            made = [match_of(state, part, pairs) for part in line.parts]
            parts = [part.transaction for part in line.parts]
            matches.append(together(line.transaction, parts, made))
        else:
            matches.append(match_of(state, line, pairs))
        for one in (line, *line.parts):
            state.taken[one.index] = None
    return matches


def explain(state: State) -> None:
    """Run the tiers, strongest evidence first."""
    runs = Runs(state)
    standing = Standing(state)
    returns = Returns(runs)
    certain = (without_item, looks_like_transfer, standing.propose)
    for known in certain:
        state.run(known)
    state.run(runs.batch)
    for known in certain if state.take_apart() else ():
        state.run(known)
    state.run(Reversals(state).propose)
    for _ in range(2):
        state.run(runs.single)
        state.run(returns.propose)
    state.run(repaid_twice)
    listed.instalments(state)
    state.run(listed.listed)
    state.learn_all()
    state.find_glued()
    state.run(listed.listed)
    state.run(listed.ordered)
    state.run(exchange.exchanged, settling=True)
    state.run(slips.mistyped)
    state.run(slips.completed)
    state.run(differences.differing)
    state.run(returns.propose)
    state.run(listed.listed)
    state.learn_all()
    state.run(slips.mistyped)
    state.run(unnamed.by_amount, settling=True)
    state.run(sums.by_sum, settling=True)
    state.run(unnamed.by_amount, settling=True)
    state.run(unnamed.on_behalf)
    state.run(unnamed.instalment, settling=True)
    state.run(listed.ordered)
    state.run(slips.mistyped)
    state.run(unnamed.by_amount)
    state.run(slips.near_short)
    state.run(unnamed.collected)
    state.run(unnamed.late_discount)
    state.run(exchange.exchanged_unmarked)
    state.run(unnamed.paid_again)
    state.run(kind_only)
    state.keep_suggestions()
