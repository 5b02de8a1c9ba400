"""How often each kind of evidence is right, and what follows for posting.

The figures are error rates, measured on one development year and then fixed;
a rule seen right n times without an error counts as 1/(n + 2). They are rates
of the whole explanation being wrong in any item or amount.
"""

from __future__ import annotations

from matching.payments.policy import PaymentPolicy
from matching.payments.proposals import Proposal
from records.matches import Decision

ERROR_RATES: dict[str, float] = {
    "listed_completed": 0.05,
    "listed_short": 0.5,
    "several_fit": 0.5,
    "kind": 0.9,
}


def confidence(proposal: Proposal) -> float:
    """Return the probability that every item and amount of the proposal is right."""
    error = ERROR_RATES.get(proposal.rule, 0.0005)
    return round(max(0.0, 1.0 - error - proposal.doubt), 6)


def decide(proposal: Proposal, policy: PaymentPolicy) -> Decision:
    """Post within the error budget, else suggest."""
    within = 1.0 - confidence(proposal) <= policy.tolerated_false_rate + 1e-9
    return Decision.POST if within else Decision.SUGGEST
