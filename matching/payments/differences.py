"""Payments that name an item but differ from its amount; the difference must have a name.

Discount, bank charge, rounding, deduction, instalment, overpayment, digits
swapped. What is not written off stays open.
"""

from __future__ import annotations

from matching.payments.exchange import exchange_of
from matching.payments.ledger import Item
from matching.payments.lines import Line
from matching.payments.named import Named, one_per_number, other_texts
from matching.payments.proposals import Part, Proposal, Rival, Side
from matching.payments.references import dates_in, near, one_slip
from matching.payments.state import State
from matching.payments.wording import DEDUCTION, INSTALMENT, SKONTO


def differing(state: State, line: Line) -> Proposal | None:
    """Explain a line that names one item but pays another amount.

    Another open item that the text nearly names, or that has the very amount,
    is a rival too strong to post against.
    """
    if not line.hits:
        return None
    named = Named(state, line)
    proposal = _differing(state, line, named)
    if proposal is None or not proposal.rule.endswith(("_short", "_over")):
        return proposal
    dated = any(state.ledger.items[p.item].issue in dates_in(line.text) for p in proposal.parts)
    if proposal.rule.startswith("differing_stranger") and state.candidates(line) and not dated:
        proposal.doubt += 0.1
    chosen = {p.item for p in proposal.parts}
    texts = other_texts(line, [state.ledger.items[i] for i in chosen])
    rivals: list[Rival] = []
    for party in state.candidates(line):
        for item in state.ledger.open_items(party, line.day, line.currency):
            if item.index in chosen:
                continue
            if item.left == line.amount:
                rivals.append(Rival((item.index,), "has this very amount, but is not named"))
            elif near(item.number, texts) >= 2:
                rivals.append(Rival((item.index,), "is nearly named as well"))
    other = state.suggested.get(line.index)
    if other is not None and other.rule.startswith("listed"):
        rivals.insert(0, Rival(tuple(p.item for p in other.parts), "these add up exactly"))
    if rivals:
        proposal.doubt += 0.05
        proposal.rivals = rivals[:4]
    if proposal.rule.endswith("_short") and _follows_instalment(state, line, proposal):
        proposal.doubt += 0.05
        proposal.reasons += ("an earlier instalment of the payer may be part of it",)
    return proposal


def _follows_instalment(state: State, line: Line, proposal: Proposal) -> bool:
    """Say whether an unexplained instalment of the same payer would fill about the gap."""
    left = state.ledger.items[proposal.parts[0].item].left
    return any(
        earlier.day <= line.day
        and state.taken[earlier.index] is None
        and earlier.amount + line.amount > left
        for earlier in state.instalments.get(line.iban, ())
    )


def _differing(state: State, line: Line, named: Named) -> Proposal | None:
    items = one_per_number(named.only_known())
    if len(items) > 1:
        return _less_than_listed(state, line, items)
    if len(items) != 1:
        return None
    item = items[0]
    known = named.known[named.items.index(item)]
    if item.currency != line.currency:
        return exchange_of(state, line, item) if known else None
    if (item.left > 0) != (line.amount > 0) or item.is_credit_note:
        return None
    left, cash = abs(item.left), abs(line.amount)
    text = line.text
    base = "differing" if known else "differing_stranger"
    if cash < left:
        missing = left - cash
        if item.left == item.gross and item.is_reduced(line.amount):
            return short_of(
                line,
                item,
                base + "_explained",
                "short_payment",
                "the early-payment discount",
                SKONTO.search(text) is None,
            )
        if why := _charge(line, item, missing, state.policy.charge_limit_minor):
            return short_of(line, item, base + "_explained", "bank_charge", why, False, closes=True)
        if missing <= state.policy.rounding_limit_minor:
            return short_of(
                line, item, base + "_explained", "rounding", "rounding", False, closes=True
            )
        if DEDUCTION.search(text):
            return short_of(
                line,
                item,
                base + "_explained",
                "deduction",
                "a deduction the text announces",
                missing > left // 4,
            )
        if INSTALMENT.search(text):
            return short_of(line, item, base + "_explained", "instalment", "an instalment", False)
        return short_of(
            line, item, base + "_short", "short_payment", "paid short", missing > left * 4 // 5
        )
    over = cash - left
    if line.amount < 0 and over == -line.charges:
        return Proposal(
            line=line.index,
            category="settlement",
            rule=base + "_explained",
            parts=[Part(item.index, item.left, item.left)],
            sides=[Side("bank_fee", line.charges, True)],
            reasons=(f"names {item.id}", "the rest is the charge that the bank printed"),
            rank=15,
        )
    limit = max(
        state.policy.overpayment_floor_minor, int(left * state.policy.overpayment_percent / 100)
    )
    swapped = is_swap(cash, left)
    if over > limit and not swapped:
        return None
    extra = line.amount - item.left
    proposal = Proposal(
        line=line.index,
        category="settlement",
        rule=base + "_over",
        parts=[Part(item.index, item.left, item.left)],
        sides=[Side("overpayment", extra, True)],
        reasons=(
            f"names {item.id}",
            "two digits of the amount are swapped"
            if swapped
            else "pays more than is open; the rest is an overpayment",
        ),
        rank=10,
    )
    return proposal


def _charge(line: Line, item: Item, missing: int, limit: int) -> str:
    """Say why what is missing is a bank's charge; '' where it is not.

    The bank printed it, or the payer instructed the whole amount. Abroad
    banks on the way keep something without a word, if nothing speaks against it.
    """
    if missing == -line.charges:
        return "the charge that the bank printed"
    if missing > limit or line.instructed not in (0, abs(item.left)):
        return ""
    if line.instructed:
        return "a bank's charge; the payer instructed the whole amount"
    if line.code.endswith("XBCT") and not line.charges:
        return "a bank's charge"
    return ""


def short_of(
    line: Line, item: Item, rule: str, kind: str, why: str, odd: bool, closes: bool = False
) -> Proposal:
    missing = item.left - line.amount
    written_off = item.index if closes else -1
    sides = [] if kind == "instalment" else [Side(kind, missing, False, written_off)]
    return Proposal(
        line=line.index,
        category="settlement",
        rule=rule,
        parts=[Part(item.index, line.amount, item.left if closes else line.amount)],
        sides=sides,
        doubt=0.003 if odd else 0.0,
        reasons=(f"names {item.id}", f"short by {abs(missing) / 100:.2f}: {why}"),
        rank=15,
    )


def is_swap(a: int, b: int) -> bool:
    """Say whether two amounts differ by two swapped neighbouring digits."""
    x, y = str(a), str(b)
    return len(x) == len(y) and a != b and sorted(x) == sorted(y) and one_slip(x, y)


def _less_than_listed(state: State, line: Line, items: list[Item]) -> Proposal | None:
    """Explain several named items with one deduction, taken off the largest."""
    if any(i.currency != line.currency for i in items):
        return None
    total = sum(i.left for i in items)
    missing = total - line.amount
    if (missing > 0) != (line.amount > 0) or abs(missing) > abs(total) // 3:
        return None
    largest = max(items, key=lambda i: (abs(i.left), -i.index))
    if missing == -line.charges:
        cash = {i.index: i.left - (missing if i is largest else 0) for i in items}
        return Proposal(
            line=line.index,
            category="settlement",
            rule="differing_explained",
            parts=[Part(i.index, cash[i.index], i.left) for i in items],
            sides=[Side("bank_charge", missing, False, largest.index)],
            reasons=(
                "names " + ", ".join(i.id for i in items[:4]),
                f"short by {missing / 100:.2f}: the charge that the bank printed",
            ),
            rank=12,
        )
    announced = DEDUCTION.search(line.text) is not None
    if abs(missing) >= abs(largest.left) or not (announced or abs(missing) <= abs(total) // 10):
        return None
    parts = [
        Part(
            i.index,
            i.left - (missing if i is largest else 0),
            i.left - (missing if i is largest else 0),
        )
        for i in items
    ]
    return Proposal(
        line=line.index,
        category="settlement",
        rule="listed_deduction" if announced else "listed_short",
        parts=parts,
        sides=[Side("deduction", missing, False)],
        reasons=(
            "names " + ", ".join(i.id for i in items[:4]),
            f"short by {abs(missing) / 100:.2f}" + (", as the text announces" if announced else ""),
        ),
        rank=12,
    )
