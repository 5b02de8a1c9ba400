"""Payments that name what they pay whole: invoices, orders, instalments.

The amount is a hard constraint: what is named must come to it exactly, in full
or less the early-payment discount.
"""

from __future__ import annotations

from matching.payments.groups import explains, subsets
from matching.payments.ledger import PAYABLE, Item
from matching.payments.lines import Line
from matching.payments.named import ADD_UP, ADD_UP_DISCOUNTED, Named, one_per_number, settle
from matching.payments.proposals import Part, Proposal
from matching.payments.state import State, is_specific

_MOST_NAMED = 14


def listed(state: State, line: Line) -> Proposal | None:
    """Explain a line by all items it names, or by the only part of them that fits."""
    if not line.hits:
        return None
    named = Named(state, line)
    if not named.items:
        return None
    for items in _selections(named):
        found = _sum_to(state, line, items)
        if found is None:
            continue
        cash, discounted = found
        proposal = settle(line, items, cash, "listed", 0)
        sure = sum(named.known[named.items.index(i)] for i in items)
        proposal.rank = (
            50 + 10 * (sure == len(items)) + 5 * (not discounted) - len(named.items) + len(items)
        )
        if sure < len(items):
            proposal.rule = "listed_stranger" if len(items) == 1 else "listed_group"
        if discounted:
            proposal.rule += "_skonto"
        proposal.reasons = (
            "names {items}",
            ADD_UP_DISCOUNTED if discounted else ADD_UP,
        )
        return proposal
    return _only_part(line, named)


def _selections(named: Named) -> list[list[Item]]:
    """Return the readings of what is named: everything, the party's, the longest references."""
    every = one_per_number(named.items)
    mine = one_per_number(named.only_known())
    longest = [i for i, n in zip(named.items, named.lengths, strict=True) if is_specific(n)]
    readings: list[list[Item]] = []
    for reading in (mine, every, one_per_number(longest)):
        if reading and reading not in readings and len(reading) <= 60:
            readings.append(reading)
    return readings


def _sum_to(state: State, line: Line, items: list[Item]) -> tuple[list[int], bool] | None:
    """Return the cash for each item so that it sums to the line, or None.

    Discounts may be taken within their term; by a single payment also late.
    """
    if any(i.currency != line.currency for i in items) and not _one_figure(line, items):
        return None
    full = [i.left for i in items]
    difference = sum(full) - line.amount
    if difference == 0:
        return full, False
    able = [
        n
        for n, i in enumerate(items)
        if i.left == i.gross and (i.in_term(line.day) or (i.discount and len(items) == 1))
    ]
    if not able:
        return None
    chosen = explains([items[n].discount for n in able], difference)
    if not chosen:
        return None
    for position in chosen:
        n = able[position]
        full[n] -= items[n].discount
    return full, True


def _one_figure(line: Line, items: list[Item]) -> bool:
    """Say whether a vendor may have collected the invoice's figure in the account's currency.

    The figure must then be met to the cent; the caller sees to that.
    """
    return all(i.side == PAYABLE and i.currency == items[0].currency for i in items)


def _only_part(line: Line, named: Named) -> Proposal | None:
    """Explain by the only subset of the named items that comes to the amount."""
    items = [i for i in named.only_known() if i.currency == line.currency][:_MOST_NAMED]
    if len(items) < 2:
        return None
    answers, complete = subsets([i.left for i in items], line.amount, len(items), 20_000)
    if not complete or len(answers) != 1:
        return None
    chosen = [items[n] for n in answers[0]]
    proposal = settle(line, chosen, [i.left for i in chosen], "listed_part", 30)
    proposal.reasons = (
        "names " + ", ".join(i.id for i in chosen[:4]),
        "only these of the named items come to the amount",
    )
    return proposal


def ordered(state: State, line: Line) -> Proposal | None:
    """Explain a line that names an order of ours; it may be paid before it is invoiced."""
    if not line.order_hits:
        return None
    parties = state.candidates(line)
    items = [
        i
        for n in line.order_hits
        if (i := state.ledger.items[n]).left
        and i.issue <= line.day + state.policy.prepayment_days
        and i.currency == line.currency
    ]
    exact = [i for i in items if i.left == line.amount]
    mine = [i for i in exact if i.party in parties] or exact
    rule = "order"
    cash = line.amount
    if not mine:
        mine = [i for i in items if i.party in parties and i.discount and i.reduced() == cash]
        rule = "order_skonto"
    if len(mine) != 1:
        return None
    item = mine[0]
    proposal = settle(line, [item], [cash], rule, 45)
    if item.party not in parties:
        proposal.rule = "order_stranger"
    proposal.reasons = (f"names the order of {item.id}", "amount as invoiced")
    return proposal


def instalments(state: State) -> None:
    """Take lines that name one and the same item and together pay exactly what is left of it."""
    naming: dict[int, list[Line]] = {}
    for line in state.open_lines():
        if line.hits:
            named = Named(state, line)
            items = one_per_number(named.only_known())
            if len(items) == 1 and abs(line.amount) < abs(items[0].left) and any(named.known):
                naming.setdefault(items[0].index, []).append(line)
    for index, lines in sorted(naming.items()):
        item = state.ledger.items[index]
        if len(lines) < 2 or sum(x.amount for x in lines) != item.left:
            continue
        if any(x.currency != item.currency for x in lines):
            continue
        for number, line in enumerate(lines, 1):
            proposal = settle(line, [item], [line.amount], "instalments", 0)
            proposal.sides = ()
            proposal.parts = [Part(index, line.amount, line.amount)]
            proposal.reasons = (
                f"names {item.id}",
                f"instalment {number} of {len(lines)}, which together pay it exactly",
            )
            if state.fits(proposal) and state.may_post(proposal):
                state.take(proposal)
