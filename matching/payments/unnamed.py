"""Payments that name nothing: party and amount alone, and only when nothing else fits.

A payable is paid to the account on file; a receivable may come from an account
learned from payments that did name their invoice.
"""

from __future__ import annotations

from matching.payments.ledger import PAYABLE, RECEIVABLE, Item
from matching.payments.lines import Line
from matching.payments.named import settle
from matching.payments.proposals import Part, Proposal, Rival, Side
from matching.payments.references import dates_in
from matching.payments.state import LEARNED, ON_FILE, State
from matching.payments.wording import CARD_PURCHASE, INSTALMENT, ON_ACCOUNT, ON_BEHALF, PREPAYMENT


def payers(state: State, line: Line) -> dict[int, int]:
    """Return the parties an unnamed line may be of, with their strength.

    Only the strongest grade counts: a full name beats a shortened one.
    """
    side = state.side_of(line)
    if side == PAYABLE:
        if line.code.endswith("POSD") or CARD_PURCHASE.search(line.text):
            return {}
        return {p: g for p, g in state.known_parties(line, PAYABLE).items() if g >= ON_FILE}
    if PREPAYMENT.search(line.text):
        return {}
    return state.known_parties(line, RECEIVABLE)


def by_amount(state: State, line: Line) -> Proposal | None:
    """Explain a line by the only open item of the party with this amount."""
    parties = payers(state, line)
    if not parties or state.names_settled(line):
        return None
    exact: list[Item] = []
    reduced: list[Item] = []
    for party in parties:
        exact += state.ledger.with_amount(party, line.amount, line.day, line.currency)
    for party in parties:
        reduced += state.ledger.with_reduced(party, line.amount, line.day, line.currency)
    every = [*exact, *(i for i in reduced if i not in exact)]
    if not every:
        return None
    rivals = every
    dates = dates_in(line.text)
    if len(every) > 1:
        every = [i for i in every if i.issue in dates] or every
    if len(every) > 1:
        every = _of_best_party(every, parties)
    doubt = 0.0
    if len(every) > 1:
        _suggest(state, line, every)
        item, doubt = state.timing.most_likely(every, line.day)
        if doubt > 0.2:
            return None
    else:
        item = every[0]
    rule = "amount" if item in exact else "amount_skonto"
    grade = parties[item.party]
    proposal = settle(
        line, [item], [line.amount], f"{rule}_{_strength(grade)}", 5 + grade - 20 * doubt
    )
    if doubt:
        proposal.rule = f"{rule}_timing"
        proposal.doubt = doubt
    proposal.reasons = (
        f"{_party_words(grade)} of {state.ledger.party_names[item.party]}",
        ("of several likeliest by its due date" if doubt else "only {items} has this amount")
        + ("" if item in exact else ", after its discount"),
    )
    proposal.rivals = [
        Rival((i.index,), "same amount, another date or party") for i in rivals if i is not item
    ][:3]
    return proposal


def late_discount(state: State, line: Line) -> Proposal | None:
    """Explain a line by the only item that fits with a discount taken after its term."""
    if line.amount < 0:
        return None
    parties = payers(state, line)
    if not parties or state.names_settled(line):
        return None
    items = [
        i
        for p in parties
        for i in state.ledger.with_reduced(p, line.amount, line.day, line.currency, late=True)
    ]
    if len(items) != 1:
        return None
    item = items[0]
    proposal = settle(line, items, [line.amount], "amount_late_skonto", 2)
    proposal.reasons = (
        f"{_party_words(parties[item.party])} of {state.ledger.party_names[item.party]}",
        f"only {item.id} has this amount after its discount, taken late",
    )
    return proposal


def collected(state: State, line: Line) -> Proposal | None:
    """Explain a vendor's direct debit by the figure of an invoice in another currency."""
    if line.amount > 0 or not line.is_collected:
        return None
    parties = payers(state, line)
    items = [
        i
        for p in parties
        for c in sorted(state.currencies - {line.currency})
        for i in state.ledger.with_amount(p, line.amount, line.day, c)
    ]
    if not items:
        return None
    item, doubt = state.timing.most_likely(items, line.day)
    proposal = settle(line, [item], [line.amount], "collected_figure", 2)
    proposal.doubt = doubt
    proposal.reasons = ("collected by the vendor", f"the figure of {item.id}, in {line.currency}")
    proposal.rivals = [Rival((i.index,), "same figure") for i in items if i is not item][:3]
    return proposal


def _strength(grade: int) -> str:
    if grade >= LEARNED:
        return "account"
    return "name" if grade >= 2 else "part_of_name"


def _party_words(grade: int) -> str:
    return {
        ON_FILE: "account on file",
        LEARNED: "account known from earlier payments",
        3: "name",
        2: "name without legal form, or known from earlier payments,",
    }.get(grade, "part of the name")


def _of_best_party(items: list[Item], parties: dict[int, int]) -> list[Item]:
    best = max(parties[i.party] for i in items)
    return [i for i in items if parties[i.party] == best]


def _suggest(state: State, line: Line, items: list[Item]) -> None:
    """Keep what fits equally well for a person to choose from."""
    first = items[0]
    proposal = settle(line, [first], [line.amount], "several_fit", 0)
    proposal.reasons = (f"{len(items)} open items of the party have this amount",)
    proposal.rivals = [Rival((i.index,), "fits as well") for i in items[1:4]]
    state.suggest(proposal)


def instalment(state: State, line: Line) -> Proposal | None:
    """Explain an announced instalment by the only open item of the party that is larger."""
    if line.amount < 0 or not INSTALMENT.search(line.text) or ON_ACCOUNT.search(line.text):
        return None
    parties = payers(state, line)
    items = [
        i
        for p in parties
        for i in state.ledger.open_items(p, line.day, line.currency)
        if i.left > line.amount
    ]
    if not items:
        return None
    if len(items) > 1:
        items.sort(key=lambda i: (i.due, i.index))
        proposal = settle(line, items[:1], [line.amount], "several_fit", 0)
        proposal.rivals = [Rival((i.index,), "open as well") for i in items[1:4]]
        proposal.reasons = ("an instalment of one of several open items",)
        state.suggest(proposal)
        return None
    item = items[0]
    return Proposal(
        line=line.index,
        category="settlement",
        rule="instalment",
        parts=[Part(item.index, line.amount, line.amount)],
        reasons=("the text announces an instalment", f"only {item.id} is open and larger"),
        rank=2,
    )


def on_behalf(state: State, line: Line) -> Proposal | None:
    """Explain a payment for somebody else whom the text names."""
    if line.amount < 0:
        return None
    found = ON_BEHALF.search(line.text)
    if not found:
        return None
    parties, grade = state.ledger.receivable_names.find(line.text[found.end() :].strip())
    if grade < 2:
        return None
    items = [
        i
        for p in parties
        for i in state.ledger.with_amount(p, line.amount, line.day, line.currency)
    ]
    if len(items) != 1:
        return None
    proposal = settle(line, items, [line.amount], "on_behalf", 4)
    proposal.reasons = ("the text names whom it is paid for", f"only {items[0].id} has this amount")
    return proposal


def paid_again(state: State, line: Line) -> Proposal | None:
    """Recognise a second payment of what is settled already."""
    for index, length in line.hits:
        item = state.ledger.items[index]
        if item.left or item.currency != line.currency or (item.gross > 0) != (line.amount > 0):
            continue
        known = item.party in line.parties or item.party in state.learned.get(line.iban, ())
        payments = state.payments_of(index)
        if not known or length < 5:
            continue
        same = item.gross == line.amount or any(cash == line.amount for _, cash, _ in payments)
        if same:
            open_too = [
                Rival((i.index,), "is open for the same amount")
                for party in state.candidates(line)
                for i in state.ledger.with_amount(party, line.amount, line.day, line.currency)
            ]
            if state.may_be_returned(index):
                open_too.append(Rival((index,), "its payment may have come back"))
            return Proposal(
                line=line.index,
                category="double_payment",
                rule="double_payment",
                sides=[Side("double_payment", line.amount, True)],
                related=(item.id,),
                reasons=(f"{item.id} is settled already", "the same amount came again"),
                rivals=open_too[:3],
                doubt=0.05 if open_too else 0.0,
                rank=1,
            )
    return None
