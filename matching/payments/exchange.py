"""Payments in another currency than their invoice.

The instructed amount must be the invoice's; where the bank does not print it,
the amount must lie at the day's mid rate, within the bank's margin and charge.
`fx_and_charges` is the item's figure less the cash, so that both together close
the item, though the two figures are in two currencies.
"""

from __future__ import annotations

from matching.payments.ledger import Item
from matching.payments.lines import Line
from matching.payments.named import Named
from matching.payments.proposals import Part, Proposal, Rival, Side
from matching.payments.state import ON_FILE, State
from matching.payments.wording import FOREIGN


def exchanged(state: State, line: Line) -> Proposal | None:
    """Explain a line that settles an item in another currency, by reference or instructed amount."""
    named = Named(state, line)
    items = [
        i
        for i, k in zip(named.items, named.known, strict=True)
        if k and i.currency != line.currency
    ]
    if len(items) == 1:
        return exchange_of(state, line, items[0])
    parties = state.candidates(line)
    if named.items or not parties or not _is_foreign(line):
        return None
    return _exchanged_among(state, line, parties)


def exchanged_unmarked(state: State, line: Line) -> Proposal | None:
    """Explain a transfer to a vendor abroad by the day's rate, where the bank marks nothing."""
    parties = state.candidates(line)
    if not parties or line.hits or line.is_collected:
        return None
    if not _only_abroad(state, line, parties):
        return None
    return _exchanged_among(state, line, parties)


def _exchanged_among(state: State, line: Line, parties: dict[int, int]) -> Proposal | None:
    fitting = [
        p
        for party in parties
        for currency in (
            {line.original_currency} if line.original else state.currencies - {line.currency}
        )
        for i in state.ledger.open_items(party, line.day, currency)
        if (p := exchange_of(state, line, i)) is not None
    ]
    if not fitting:
        return None
    items = [state.ledger.items[p.parts[0].item] for p in fitting]
    item, doubt = state.timing.most_likely(items, line.day)
    if doubt > 0.2:
        return None
    proposal = fitting[items.index(item)]
    proposal.doubt = doubt
    proposal.rank -= 20 * doubt
    proposal.rivals = [Rival((i.index,), "same amount") for i in items if i is not item][:3]
    proposal.rule = "exchange_amount" if line.original else "exchange_rate_only"
    return proposal


def _is_foreign(line: Line) -> bool:
    """Say whether the bank marks a line as an exchange."""
    return line.code.endswith("XBCT") or line.original != 0 or FOREIGN.search(line.text) is not None


def _only_abroad(state: State, line: Line, parties: dict[int, int]) -> bool:
    """Say whether a vendor paid on its account has open items in other currencies only."""
    if line.amount > 0 or max(parties.values()) < ON_FILE:
        return False
    ledger = state.ledger
    return not any(ledger.open_items(p, line.day, line.currency) for p in parties)


def exchange_of(state: State, line: Line, item: Item) -> Proposal | None:
    """Check the amount of an item in another currency: instructed amount, else the day's rate."""
    if (item.left > 0) != (line.amount > 0):
        return None
    policy = state.policy
    rates = state.rate(item.currency, line.day), state.rate(line.currency, line.day)
    if line.original and line.original_currency == item.currency:
        if line.original not in (item.left, item.reduced()):
            return None
        why = "the instructed amount is the invoice's"
    elif rates[0] and rates[1]:
        # Binary fractions are good enough for what is plausible; no amount comes of them.
        middle = abs(item.left) * rates[0] / rates[1]
        slack = middle * policy.fx_tolerance_percent / 100
        if not middle - slack <= abs(line.amount) <= middle + slack + policy.charge_limit_minor:
            return None
        why = "the amount is the invoice's at the day's rate, with the bank's margin and charge"
    else:
        return None
    return Proposal(
        line=line.index,
        category="settlement",
        rule="exchange",
        parts=[Part(item.index, line.amount, item.left)],
        sides=[Side("fx_and_charges", item.left - line.amount, False, item.index)],
        reasons=(f"{item.id} in {item.currency}", why),
        rank=18,
    )
