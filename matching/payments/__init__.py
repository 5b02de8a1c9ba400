"""Bank transactions against open items: pure, explainable, over the whole set.

`reconcile` decides in tiers. What we named ourselves (end-to-end ids, batches)
comes first, then what the payer names whole, then references with slips, then
party and amount alone, then sums. Within a tier all lines speak before any is
served, so a line never takes an item that another names better. A batch is
asked whole first, then payment by payment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

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
from matching.payments.ledger import Ledger
from matching.payments.policy import PaymentPolicy
from matching.payments.returns import Returns, Reversals, repaid_twice
from matching.payments.runs import Runs
from matching.payments.standing import Standing
from matching.payments.state import State
from records.banking import BankTransaction
from records.matches import Match

__all__ = ["Books", "IdentifiedTransaction", "PaymentPolicy", "decided", "reconcile"]


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
    matches = {match.transaction_id: match for match in decided(transactions, books, policy)}
    return [matches[i] for i, _ in transactions]


def decided(
    transactions: Iterable[IdentifiedTransaction], books: Books, policy: PaymentPolicy
) -> Iterator[Match]:
    """Decide on all transactions as `reconcile` does, then give their Matches out one by one.

    They come in no order to rely on. Made for millions: the transactions are
    asked for when the books are indexed and let go, and a Match is put into
    words when it is asked for.
    """
    ledger = Ledger(books)
    del books
    unreadable: list[str] = []
    state = State(_whole(transactions, unreadable), ledger, policy)
    explain(state)
    return chain(worded(state), map(_unreadable, unreadable))


def _whole(
    transactions: Iterable[IdentifiedTransaction], unreadable: list[str]
) -> Iterator[IdentifiedTransaction]:
    """Yield the transactions that can be matched; the ids of the others are added to a list."""
    seen: set[str] = set()
    for name, transaction in transactions:
        if name in seen:
            raise ValueError("a transaction id appears twice")
        seen.add(name)
        if _is_whole(transaction):
            yield name, transaction
        else:
            unreadable.append(name)


def _is_whole(transaction: BankTransaction) -> bool:
    """Say whether the amount is some whole number of minor units, as real money is."""
    amount = transaction.amount
    return amount.amount.is_finite() and amount.amount != 0 and amount.rounded() == amount


def _unreadable(transaction_id: str) -> Match:
    reason = "the amount is zero, or has more decimals than its currency"
    return Match(transaction_id=transaction_id, category="unknown", reasons=(reason,))


def worded(state: State) -> Iterator[Match]:
    """Put what was decided into Matches, in order of day and id."""
    pairs = pair_transfers(state)
    for line in state.lines:
        if line.part:
            continue
        if line.index in state.resting:
            made = [match_of(state, part, pairs) for part in line.parts]
            parts = [part.transaction for part in line.parts]
            yield together(line.transaction, parts, made)
        else:
            yield match_of(state, line, pairs)
        for one in (line, *line.parts):
            state.taken[one.index] = None


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
