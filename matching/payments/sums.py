"""Payments without a list that settle several items: the only likely set decides.

Runs of neighbours by due date are likelier than other sets; the chance that a
set has the sum by luck is estimated and counts against it.
"""

from __future__ import annotations

from matching.payments.groups import subsets
from matching.payments.ledger import Item
from matching.payments.lines import Line
from matching.payments.named import settle
from matching.payments.proposals import Proposal
from matching.payments.state import State, is_specific
from matching.payments.unnamed import payers

#: Items overdue longer than this are in dispute rather than waiting for a payment run.
_STALE_DAYS = 60


def by_sum(state: State, line: Line) -> Proposal | None:
    """Explain a line by the only set of the party's open items that comes to the amount.

    Sets of neighbours by due date are likelier than others and tried first;
    so is everything in full before everything with its discount.
    """
    parties = payers(state, line)
    strong = [p for p, g in parties.items() if g >= 2]
    if not strong or len(strong) > 3 or state.names_settled(line):
        return None
    currencies = [line.currency]
    if line.amount < 0 and line.is_collected:
        currencies += sorted(state.currencies - {line.currency})
    found: list[tuple[list[Item], list[int], float]] = []
    for party in strong:
        for currency in currencies:
            pool = state.ledger.open_items(party, line.day, currency)
            if len(pool) > 1:
                answer = _sum_of(pool, line, state)
                if answer is not None:
                    found.append(answer)
    if len(found) != 1:
        return None
    items, cash, chance = found[0]
    proposal = settle(line, items, cash, "sum", 3 - chance)
    proposal.doubt = chance
    chosen = {i.index for i in items}
    if any(i not in chosen and is_specific(n) for i, n in line.hits):
        proposal.doubt += 0.05
    proposal.reasons = (
        f"{len(items)} open items of {state.ledger.party_names[items[0].party]} come to the amount",
        "no other likely set of them does",
    )
    return proposal


def _sum_of(
    pool: list[Item], line: Line, state: State
) -> tuple[list[Item], list[int], float] | None:
    pool = sorted(pool, key=lambda i: (i.due, i.index))
    recent = [i for i in pool if i.due >= line.day - _STALE_DAYS or i.is_credit_note]
    full = [i.left for i in recent]
    low = [i.reduced() if i.left == i.gross and i.in_term(line.day) else i.left for i in recent]
    ways = [full] if low == full else [full, low]
    found = _sum_among(recent, ways, line, state)
    if found is None and len(recent) < len(pool) and sum(full) != line.amount:
        every = [i.left for i in pool]
        found = _sum_among(pool, [every], line, state)
    return found


def _sum_among(
    recent: list[Item], ways: list[list[int]], line: Line, state: State
) -> tuple[list[Item], list[int], float] | None:
    policy = state.policy
    full = ways[0]
    if len(recent) < 2:
        return None
    windows = [(values, w) for values in ways for w in _windows(values, line.amount)]
    if windows:
        if len(windows) > 1:
            return None
        values, (start, end) = windows[0]
        return recent[start:end], values[start:end], _luck_of_windows(full, len(ways))
    answers: list[tuple[list[Item], list[int]]] = []
    near_day = sorted(recent, key=lambda i: (abs(i.due - line.day), i.index))[: policy.group_pool]
    for way in range(len(ways)):
        values = [ways[way][recent.index(i)] for i in near_day]
        sets, complete = subsets(values, line.amount, policy.group_size)
        if not complete:
            return None
        answers += [([near_day[n] for n in s], [values[n] for n in s]) for s in sets if len(s) > 1]
    if len(answers) != 1:
        return None
    items, cash = answers[0]
    return items, cash, len(ways) * _luck(near_day, len(items))


def _windows(values: list[int], target: int) -> list[tuple[int, int]]:
    """Return the runs of at least two neighbours with this sum."""
    sums = {0: [0]}
    total = 0
    found = []
    for end, value in enumerate(values, 1):
        total += value
        for start in sums.get(total - target, ()):
            if end - start > 1:
                found.append((start, end))
        sums.setdefault(total, []).append(end)
    return found


def _luck_of_windows(values: list[int], ways: int) -> float:
    count = len(values)
    spread = max(2.0 * sum(abs(v) for v in values) / count, 1.0)
    return min(0.5, ways * count * count / 2 / spread / 4)


def _luck(pool: list[Item], size: int) -> float:
    """Estimate how many sets of up to this size hit an amount by chance."""
    count = len(pool)
    sets = 0.0
    combinations = 1.0
    for k in range(1, size + 1):
        combinations *= (count - k + 1) / k
        sets += combinations
    spread = max(2.0 * sum(abs(i.left) for i in pool) / count, 1.0)
    return min(0.5, sets / spread / 2)
