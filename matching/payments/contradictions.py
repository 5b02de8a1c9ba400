"""What a line says against its own explanation: then a person decides, however sure the rest is.

A reference outranks an amount. A line that names one document is not used to
pay another: what it names may have been paid twice, in advance, or never have
reached the books. Nor does money to a strange account settle what we owe. Only
a slip of the pen is forgiven, where party and amount leave no doubt and the
number is one of nobody's, or of somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from matching.payments.ledger import PAYABLE, Item, Ledger
from matching.payments.lines import Line
from matching.payments.proposals import Proposal
from matching.payments.references import SPECIFIC_LENGTH, digits, near

#: A number shorter than this may be anything.
_SHORTEST = 5
#: A number of digits alone must have this length and the same beginning to be one of a series.
_SERIES_LENGTH, _SERIES_START = 6, 2
_DIGIT = re.compile(r"\d")
#: Our own identifiers came back from the bank: no text outranks them.
_OURS = ("run_", "payroll", "contract", "card_settlement")


def objection(ledger: Ledger, payers: Collection[int], line: Line, proposal: Proposal) -> str:
    """Return why the line speaks against the proposal; '' where it does not.

    `payers` are the parties that the counterparty may be.
    """
    if line.flaw:
        return line.flaw
    if proposal.category not in ("settlement", "refund") or proposal.rule.startswith(_OURS):
        return ""
    items = ledger.items
    chosen = {part.item for part in proposal.parts}
    if line.amount < 0 and line.iban and not line.is_collected:
        for index in sorted(chosen):
            party = items[index].party
            if items[index].side == PAYABLE and ledger.is_strange(party, line.iban):
                return f"paid to an account that is not on file of {ledger.party_names[party]}"
    named = {index for index, _ in line.hits}.union(line.order_hits)
    unnamed = [items[i] for i in sorted(chosen - named)]
    if not unnamed:
        return ""
    is_exact = all(part.take == items[part.item].left for part in proposal.parts)
    parties = {items[i].party for i in chosen} | set(payers)
    for index, length in line.hits:
        item = items[index]
        if index in chosen or length < _SHORTEST:
            continue
        mine = item.party in parties
        slip = is_exact and _is_slip((item.number, digits(item.number)), unnamed)
        if mine or (length >= SPECIFIC_LENGTH and not slip):
            return f"names {item.id}, which {_state_of(item)}"
    for number in _unknown_numbers(ledger, line, unnamed):
        if not (is_exact and _is_slip((number,), unnamed)):
            return f"names {number}, which is not in the books: paid in advance, or not booked yet"
    return ""


def _state_of(item: Item) -> str:
    if item.left:
        return "is open for another amount"
    return "is settled: paid twice, or the reference is wrong"


def _is_slip(numbers: tuple[str, ...], items: list[Item]) -> bool:
    return any(near(item.number, numbers) >= 2 for item in items)


def _unknown_numbers(ledger: Ledger, line: Line, items: list[Item]) -> Iterator[str]:
    """Yield what is printed like the items' own numbers, but is the number of no item."""
    known = ledger.by_reference
    forms = {_form(i.number): i.number[:_SERIES_START] for i in items if len(i.number) >= _SHORTEST}
    for text in line.joined_texts() if forms else ():
        start = forms.get(_form(text))
        if start is None or text in known:
            continue
        if not text.isdigit() or (len(text) >= _SERIES_LENGTH and text.startswith(start)):
            yield text


def _form(number: str) -> str:
    return _DIGIT.sub("9", number)
