"""From proposals to Matches: amounts as Money, reasons in words."""

from __future__ import annotations

from decimal import Decimal

from matching.payments.evidence import confidence, decide
from matching.payments.ledger import Item
from matching.payments.lines import Line
from matching.payments.proposals import Proposal
from matching.payments.state import State
from records.matches import Adjustment, Allocation, Decision, Match, Rejected
from records.money import Money, digits_of

_NOTHING = "nothing in the books explains it"


def match_of(state: State, line: Line, pairs: dict[int, int]) -> Match:
    """Build the Match of one line."""
    proposal = state.taken[line.index]
    if proposal is None:
        reasons = (line.flaw,) if line.flaw else (_NOTHING,)
        return Match(transaction_id=line.id, category="unknown", reasons=reasons)
    if line.flaw and line.flaw not in proposal.reasons:
        proposal.reasons = (*proposal.reasons, line.flaw)
    sure = confidence(proposal)
    decision = decide(proposal, state.policy)
    if decision is Decision.SUGGEST and not proposal.parts:
        decision = Decision.NONE
    related = proposal.related
    if line.index in pairs:
        related = (state.lines[pairs[line.index]].id,)
    items = state.ledger.items
    currency = line.currency
    exponent = -digits_of(currency)
    return Match(
        transaction_id=line.id,
        category=proposal.category,
        allocations=tuple(
            Allocation(items[p.item].id, Money(Decimal(p.cash).scaleb(exponent), currency))
            for p in proposal.parts
        ),
        adjustments=tuple(
            Adjustment(
                s.kind,
                Money(Decimal(s.amount).scaleb(exponent), currency),
                s.is_cash,
                _item_id(state, s.item),
            )
            for s in proposal.sides
        ),
        confidence=sure,
        decision=decision,
        rule=proposal.rule,
        reasons=tuple(_worded(r, proposal, items) for r in proposal.reasons),
        rejected=tuple(
            Rejected(tuple(items[i].id for i in r.items), r.why) for r in proposal.rivals
        ),
        related=related,
    )


def _worded(reason: str, proposal: Proposal, items: list[Item]) -> str:
    """Put the ids into a reason; done last, since most explanations are never read."""
    if "{items}" in reason:
        ids = ", ".join(items[p.item].id for p in proposal.parts[:4])
        more = len(proposal.parts) - 4
        return reason.replace("{items}", f"{ids} and {more} more" if more > 0 else ids)
    return reason.replace("{related}", ", ".join(proposal.related))


def _item_id(state: State, index: int) -> str | None:
    return None if index < 0 else state.ledger.items[index].id
