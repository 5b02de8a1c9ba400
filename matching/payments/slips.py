"""Payments whose references are cut off or mistyped: the party and the amount decide."""

from __future__ import annotations

from matching.payments.differences import short_of
from matching.payments.groups import subsets
from matching.payments.ledger import Item
from matching.payments.lines import Line
from matching.payments.named import (
    ADD_UP,
    ADD_UP_DISCOUNTED,
    Named,
    one_per_number,
    other_texts,
    settle,
)
from matching.payments.proposals import Proposal, Rival
from matching.payments.references import near
from matching.payments.state import State

_MOST_NAMED = 14
_MOST_LISTED = 40


def mistyped(state: State, line: Line) -> Proposal | None:
    """Explain a line whose reference is cut or mistyped, by party and exact amount."""
    parties = state.candidates(line)
    if not parties or len(line.text) < 3 or state.names_settled(line):
        return None
    exact = _of_amount(state, line, parties)
    if not exact:
        return None
    texts = line.joined_texts()
    graded = [(near(i.number, texts), i) for i in exact if i.number]
    graded = [g for g in graded if g[0]]
    if not graded:
        return None
    best = max(g for g, _ in graded)
    chosen = [i for g, i in graded if g == best]
    if len(chosen) != 1:
        return None
    item = chosen[0]
    proposal = settle(line, [item], [line.amount], "near_reference", 20 + 5 * best)
    if len(exact) > 1 and best == 1:
        proposal.doubt = 0.02
    proposal.reasons = (
        "the text nearly names {items}",
        "party and amount fit",
    )
    proposal.rivals = [
        Rival((i.index,), "same amount, its number is further off") for i in exact if i is not item
    ][:3]
    return proposal


def _of_amount(state: State, line: Line, parties: dict[int, int]) -> list[Item]:
    """Return the parties' open items that this amount settles, in full or within discount."""
    ledger = state.ledger
    found: list[Item] = []
    for party in parties:
        found += ledger.with_amount(party, line.amount, line.day, line.currency)
    for party in parties:
        for item in ledger.with_reduced(party, line.amount, line.day, line.currency):
            if item not in found:
                found.append(item)
    return found


def completed(state: State, line: Line) -> Proposal | None:
    """Complete a list: some items named whole, the rest cut off or mistyped in the text.

    Everything is taken in full, or everything that can be with its discount.
    """
    if not line.hits:
        return None
    named = Named(state, line)
    items = one_per_number(
        [
            i
            for i, k in zip(named.items, named.known, strict=True)
            if k and i.currency == line.currency
        ]
    )
    if not items or len(items) > _MOST_LISTED:
        return None
    taken = {i.index for i in items}
    pool = [
        i
        for p in sorted({i.party for i in items} | set(state.candidates(line)))
        for i in state.ledger.open_items(p, line.day, line.currency)
        if i.index not in taken
    ]
    if not pool:
        return None
    texts = other_texts(line, items)
    for discounted in (False, True):
        proposal = _completed_at(line, items, pool, texts, discounted)
        if proposal is not None:
            return proposal
    return None


def _cash(item: Item, day: int, discounted: bool) -> int:
    """Return what the item takes: what is left, or that less its discount while in term."""
    if discounted and item.left == item.gross and item.in_term(day):
        return item.reduced()
    return item.left


def _completed_at(
    line: Line, items: list[Item], pool: list[Item], texts: tuple[str, ...], discounted: bool
) -> Proposal | None:
    rest = line.amount - sum(_cash(i, line.day, discounted) for i in items)
    if rest == 0:
        return None
    exact = [i for i in pool if _cash(i, line.day, discounted) == rest]
    graded = [i for i in exact if near(i.number, texts)]
    chosen = graded if len(graded) == 1 else exact
    rule = "listed_near" if graded else "listed_completed"
    if len(chosen) > 1 and not graded:
        return None
    if not chosen:
        likely = [i for i in pool if near(i.number, texts) >= 2][:_MOST_NAMED]
        if not likely:
            return None
        values = [_cash(i, line.day, discounted) for i in likely]
        answers, complete = subsets(values, rest, len(likely), 20_000)
        if not complete or len(answers) != 1:
            return None
        chosen = [likely[n] for n in answers[0]]
        rule = "listed_near"
    if len(chosen) > 1 and len(graded) > 1:
        return None
    every = [*items, *chosen]
    cash = [_cash(i, line.day, discounted) for i in every]
    proposal = settle(line, every, cash, rule, 25 - discounted)
    proposal.reasons = (
        "names " + ", ".join(i.id for i in items[:3]),
        ("nearly names " if graded or rule == "listed_near" else "the rest is ")
        + ", ".join(i.id for i in chosen[:3]),
        ADD_UP_DISCOUNTED if discounted else ADD_UP,
    )
    return proposal


def near_short(state: State, line: Line) -> Proposal | None:
    """Explain a part payment that names the order, or whose reference is cut or mistyped.

    The latter is only suggested: neither reference nor amount fits exactly.
    """
    parties = state.candidates(line)
    if not parties or len(line.text) < 3 or line.amount < 0 or Named(state, line).items:
        return None
    pool = [i for p in parties for i in state.ledger.open_items(p, line.day, line.currency)]
    items = [i for i in pool if i.index in line.order_hits]
    rule = "order_short"
    if not items:
        texts = line.joined_texts()
        items = [i for i in pool if near(i.number, texts) >= 2]
        rule = "near_short"
    if len(items) != 1 or items[0].left <= line.amount:
        return None
    item = items[0]
    short = line.amount < item.left // 5
    proposal = short_of(line, item, rule, "short_payment", "paid in part", short)
    proposal.doubt += 0.05 * (rule == "near_short")
    return proposal
