"""How often each kind of evidence is right, and what follows for posting.

The counts were taken once on a development year of 102,000 bank lines (from
camt.053 and from MT940, averaged) and are fixed; other companies and years are
judged by them. Few observations prove little, so each rule is drawn towards
one error in five hundred with the weight of fifty observations.
"""

from __future__ import annotations

from matching.payments.policy import PaymentPolicy
from matching.payments.proposals import Proposal
from records.matches import Decision

#: rule: explanations wrong in any item or amount, and explanations seen.
COUNTS: dict[str, tuple[int, int]] = {
    "amount_account": (1, 4678),
    "amount_late_skonto": (1, 40),
    "amount_name": (0, 743),
    "amount_part_of_name": (0, 26),
    "amount_skonto_account": (0, 1317),
    "amount_timing": (0, 82),
    "card_settlement": (0, 253),
    "chargeback": (0, 17),
    "contract": (0, 83),
    "differing_explained": (0, 810),
    "differing_over": (1, 360),
    "differing_short": (1, 390),
    "exchange": (0, 833),
    "exchange_amount": (0, 216),
    "exchange_rate_only": (0, 135),
    "instalment": (2, 61),
    "instalments": (0, 1043),
    "listed": (0, 42720),
    "listed_completed": (1, 8),
    "listed_deduction": (0, 223),
    "listed_group": (0, 999),
    "listed_near": (0, 2210),
    "listed_short": (2, 2),
    "listed_skonto": (0, 8260),
    "listed_stranger": (0, 1351),
    "listed_stranger_skonto": (0, 189),
    "near_reference": (0, 4281),
    "on_behalf": (0, 31),
    "order": (0, 1347),
    "payroll": (0, 12),
    "return": (0, 176),
    "run_batch": (0, 843),
    "run_item": (0, 20378),
    "run_short": (0, 24),
    "run_total": (0, 72),
    "several_fit": (22, 76),
    "sum": (2, 1031),
}
#: Rules of lines that name their items whole and pay them as they are.
_NAMING = frozenset(
    {
        "instalments",
        "listed",
        "listed_group",
        "listed_skonto",
        "listed_stranger",
        "listed_stranger_skonto",
        "order",
    }
)
_USUAL_ERROR = 0.002
_WEIGHT = 50
#: Rules that only say what kind of movement it is; nobody may post on them.
_GUESSES = frozenset({"kind"})


def confidence(proposal: Proposal) -> float:
    """Return the probability that every item and amount of the proposal is right."""
    if proposal.rule in _GUESSES:
        return 0.0
    wrong, seen = COUNTS.get(proposal.rule, (0, 0))
    error = (wrong + _USUAL_ERROR * _WEIGHT) / (seen + _WEIGHT)
    return round(max(0.0, 1.0 - error - proposal.doubt), 6)


def proves_payer(rule: str) -> bool:
    """Say whether a match by this rule tells for whom its payer pays: it names its items."""
    return rule in _NAMING


def decide(proposal: Proposal, policy: PaymentPolicy) -> Decision:
    """Post within the error budget, else suggest."""
    within = 1.0 - confidence(proposal) <= policy.tolerated_false_rate + 1e-9
    return Decision.POST if within else Decision.SUGGEST
