"""What a line names whole, and how items become a proposal."""

from __future__ import annotations

from matching.payments.ledger import RECEIVABLE, Item
from matching.payments.lines import Line
from matching.payments.proposals import Part, Proposal, Side
from matching.payments.references import joined, uncovered
from matching.payments.state import State, is_specific

ADD_UP = "the amounts add up"
ADD_UP_DISCOUNTED = "the amounts add up after the early-payment discount"


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


def one_per_number(items: list[Item]) -> list[Item]:
    """Keep one of several items that bear the same number, the oldest."""
    seen: set[tuple[int, str]] = set()
    kept = []
    for item in items:
        key = (item.party, item.number)
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def other_texts(line: Line, named: list[Item]) -> tuple[str, ...]:
    """Return what the text says besides the numbers of these items."""
    rest = uncovered(line.pieces, [i.number for i in named])
    return tuple(dict.fromkeys(t for t in joined(rest) if len(t) > 2))


def part_of(line: Line, item: Item, cash: int) -> Part:
    """Apply cash to an item; the discounted amount in its term, or foreign currency, closes it."""
    discounted = item.left == item.gross and item.is_reduced(cash) and item.in_term(line.day)
    closes = item.currency != line.currency or discounted
    return Part(item.index, cash, item.left if closes else cash)


def category_of(items: list[Item], line: Line) -> str:
    """Call a line a refund when it pays nothing but credit notes."""
    if items and all(i.is_credit_note for i in items):
        return "refund"
    return "settlement"


def settle(line: Line, items: list[Item], cash: list[int], rule: str, rank: float) -> Proposal:
    """Make a proposal that pays these items with these amounts.

    A discount taken after its term is none: the item stays open for it.
    """
    parts = tuple(part_of(line, i, c) for i, c in zip(items, cash, strict=True))
    sides = tuple(
        Side("skonto_writeoff", i.left - c, False, i.index)
        if i.in_term(line.day)
        else Side("short_payment", i.left - c, False)
        for i, c in zip(items, cash, strict=True)
        if i.left == i.gross != c and i.is_reduced(c) and i.currency == line.currency
    )
    return Proposal(
        line=line.index,
        category=category_of(items, line),
        rule=rule,
        parts=parts,
        sides=sides,
        rank=rank,
    )
