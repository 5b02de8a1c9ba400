"""Payments that name what they pay: whole references first, slips after.

The amount is a hard constraint: what is named must come to it exactly, or the
difference must have a name (discount, charge, deduction, instalment,
overpayment, exchange).
"""

from __future__ import annotations

from matching.payments.groups import explains, subsets
from matching.payments.ledger import PAYABLE, RECEIVABLE, Item
from matching.payments.lines import Line
from matching.payments.proposals import Part, Proposal, Rival, Side
from matching.payments.references import dates_in, joined, near, one_slip, uncovered
from matching.payments.state import ON_FILE, State, is_specific
from matching.payments.wording import DEDUCTION, FOREIGN, INSTALMENT, SKONTO

_MOST_NAMED = 14
_MOST_LISTED = 40
_ROUNDING = 5
_ADD_UP = "the amounts add up"
_ADD_UP_DISCOUNTED = "the amounts add up after the early-payment discount"


class Named:
    """The open items a line names whole, and how sure it is that they are meant."""

    __slots__ = ("items", "known", "lengths")

    def __init__(self, state: State, line: Line) -> None:
        """Keep of the line's hits what its counterparty, currency and day allow."""
        ledger = state.ledger
        parties = state.candidates(line)
        self.items: list[Item] = []
        self.known: list[bool] = []
        self.lengths: list[int] = []
        for index, length in line.hits:
            item = ledger.items[index]
            if not item.left or item.issue > line.day + 1 or ledger.is_shadow(item):
                continue
            known = item.party in parties
            if known or (is_specific(length) and item.side == RECEIVABLE):
                self.items.append(item)
                self.known.append(known)
                self.lengths.append(length)

    def only_known(self) -> list[Item]:
        """Return the named items of the counterparty, or all when there are none."""
        mine = [i for i, k in zip(self.items, self.known, strict=True) if k]
        return mine or self.items


def part_of(line: Line, item: Item, cash: int) -> Part:
    """Apply cash to an item; the discounted amount, or foreign currency, closes it."""
    if item.currency != line.currency or (item.left == item.gross and item.is_reduced(cash)):
        return Part(item.index, cash, item.left)
    return Part(item.index, cash, cash)


def category_of(items: list[Item], line: Line) -> str:
    """Call a line a refund when it pays nothing but credit notes."""
    if items and all(i.is_credit_note for i in items):
        return "refund"
    return "settlement"


def settle(line: Line, items: list[Item], cash: list[int], rule: str, rank: float) -> Proposal:
    """Make a proposal that pays these items with these amounts."""
    parts = [part_of(line, i, c) for i, c in zip(items, cash, strict=True)]
    sides = [
        Side(
            "skonto_writeoff" if i.in_term(line.day) else "short_payment",
            i.left - c,
            False,
            i.index,
        )
        for i, c in zip(items, cash, strict=True)
        if i.left == i.gross != c and i.is_reduced(c) and i.currency == line.currency
    ]
    return Proposal(
        line=line.index,
        category=category_of(items, line),
        rule=rule,
        parts=parts,
        sides=sides,
        rank=rank,
    )


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
            _ADD_UP_DISCOUNTED if discounted else _ADD_UP,
        )
        return proposal
    return _named_subset(line, named)


def _selections(named: Named) -> list[list[Item]]:
    """Return the readings of what is named: everything, the party's, the longest references."""
    every = _one_per_number(named.items)
    mine = _one_per_number(named.only_known())
    longest = [i for i, n in zip(named.items, named.lengths, strict=True) if is_specific(n)]
    readings: list[list[Item]] = []
    for reading in (mine, every, _one_per_number(longest)):
        if reading and reading not in readings and len(reading) <= 60:
            readings.append(reading)
    return readings


def _one_per_number(items: list[Item]) -> list[Item]:
    """Keep one of several items that bear the same number, the oldest."""
    seen: set[tuple[int, str]] = set()
    kept = []
    for item in items:
        key = (item.party, item.number)
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


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


def _named_subset(line: Line, named: Named) -> Proposal | None:
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
    items = _one_per_number(
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
    texts = _other_texts(line, items)
    for discounted in (False, True):
        proposal = _completed_at(line, items, pool, texts, discounted)
        if proposal is not None:
            return proposal
    return None


def _other_texts(line: Line, named: list[Item]) -> tuple[str, ...]:
    """Return what the text says besides the numbers of these items."""
    rest = uncovered(line.pieces, [i.number for i in named])
    return tuple(dict.fromkeys(t for t in joined(rest) if len(t) > 2))


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
        _ADD_UP_DISCOUNTED if discounted else _ADD_UP,
    )
    return proposal


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
    texts = _other_texts(line, [state.ledger.items[i] for i in chosen])
    rivals: list[Rival] = []
    for party in state.candidates(line):
        for item in state.ledger.open_items(party, line.day, line.currency):
            if item.index in chosen:
                continue
            if item.left == line.amount:
                rivals.append(Rival((item.index,), "has this very amount, but is not named"))
            elif near(item.number, texts) >= 2:
                rivals.append(Rival((item.index,), "is nearly named as well"))
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
    items = _one_per_number(named.only_known())
    if len(items) > 1:
        return _less_than_listed(state, line, items)
    if len(items) != 1:
        return None
    item = items[0]
    known = named.known[named.items.index(item)]
    if item.currency != line.currency:
        return _exchanged(state, line, item) if known else None
    if (item.left > 0) != (line.amount > 0) or item.is_credit_note:
        return None
    left, cash = abs(item.left), abs(line.amount)
    text = line.text
    base = "differing" if known else "differing_stranger"
    if cash < left:
        missing = left - cash
        if item.left == item.gross and item.is_reduced(line.amount):
            return _short(
                line,
                item,
                base + "_explained",
                "short_payment",
                "the early-payment discount",
                SKONTO.search(text) is None,
            )
        foreign = line.code.endswith("XBCT") or abs(line.original) == left
        if foreign and missing <= state.policy.charge_limit_minor:
            return _short(
                line,
                item,
                base + "_explained",
                "bank_charge",
                "a bank's charge",
                False,
                closes=True,
            )
        if missing <= _ROUNDING:
            return _short(
                line, item, base + "_explained", "rounding", "rounding", False, closes=True
            )
        if DEDUCTION.search(text):
            return _short(
                line,
                item,
                base + "_explained",
                "deduction",
                "a deduction the text announces",
                missing > left // 4,
            )
        if INSTALMENT.search(text):
            return _short(line, item, base + "_explained", "instalment", "an instalment", False)
        return _short(
            line, item, base + "_short", "short_payment", "paid short", missing > left * 4 // 5
        )
    over = cash - left
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


def _short(
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


def instalments(state: State) -> None:
    """Take lines that name one and the same item and together pay exactly what is left of it."""
    naming: dict[int, list[Line]] = {}
    for line in state.open_lines():
        if line.hits:
            named = Named(state, line)
            items = _one_per_number(named.only_known())
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
            if state.fits(proposal):
                state.take(proposal)


def near_short(state: State, line: Line) -> Proposal | None:
    """Explain a part payment whose reference is cut or mistyped, or names the order."""
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
    return _short(line, item, rule, "short_payment", "paid in part", line.amount < item.left // 5)


def exchanged(state: State, line: Line) -> Proposal | None:
    """Explain a line that settles an item in another currency, by reference or instructed amount."""
    named = Named(state, line)
    items = [
        i
        for i, k in zip(named.items, named.known, strict=True)
        if k and i.currency != line.currency
    ]
    if len(items) == 1:
        return _exchanged(state, line, items[0])
    parties = state.candidates(line)
    if named.items or not parties or not _is_foreign(line):
        return None
    return _exchanged_among(state, line, parties)


def exchanged_unmarked(state: State, line: Line) -> Proposal | None:
    """Explain a transfer to a vendor abroad by the day's rate, where the bank marks nothing."""
    parties = state.candidates(line)
    if not parties or line.hits or line.mandate or line.code.startswith("PMNT-RDDT"):
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
        if (p := _exchanged(state, line, i)) is not None
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
    return (
        line.code.endswith("XBCT")
        or (line.original != 0 and line.original_currency != line.currency)
        or FOREIGN.search(line.text) is not None
    )


def _only_abroad(state: State, line: Line, parties: dict[int, int]) -> bool:
    """Say whether a vendor paid on its account has open items in other currencies only."""
    if line.amount > 0 or max(parties.values()) < ON_FILE:
        return False
    ledger = state.ledger
    return not any(ledger.open_items(p, line.day, line.currency) for p in parties)


def _exchanged(state: State, line: Line, item: Item) -> Proposal | None:
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
        sides=[Side("fx_and_charges", 0, False, item.index)],
        reasons=(f"{item.id} in {item.currency}", why),
        rank=18,
    )
