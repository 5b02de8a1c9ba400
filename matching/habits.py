"""Habits: a bank line that nothing in the books explains, as people booked the like before.

Two lines are alike when money went the same way, to or from the same party,
with mostly the same words (numbers and dates differ every month). One earlier
booking makes a suggestion; three by people, and none against them, make a
posting. A booking that was undone speaks against its category.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matching.names import words
from records.banking import BankTransaction
from records.matches import Decision, Match

#: The rule of a match that a person made, and of one made after people's example.
BY_PERSON, BY_HABIT = "person", "habit"
#: So many like bookings by people, and none against, are posted without asking.
ENOUGH = 3
#: The part of the words of both texts that must be the same.
ALIKE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One earlier booking of a line to a category, by a person, or undone by one."""

    transaction_id: str
    transaction: BankTransaction
    category: str
    by: str
    undone: bool = False


class Habits:
    """Everything people booked without an item, by who was paid."""

    def __init__(self, bookings: Iterable[Booking]) -> None:
        """Sort the bookings by party."""
        self._by_party: dict[tuple[str, str, bool], list[tuple[frozenset[str], Booking]]] = {}
        for booking in bookings:
            known = self._by_party.setdefault(_party(booking.transaction), [])
            known.append((_words(booking.transaction), booking))

    def explain(self, transaction: BankTransaction, match: Match) -> Match:
        """Return the match, with a category from habit where it has neither item nor category.

        A line about a party whose items the books hold is only suggested.
        """
        if match.decision is Decision.POST or match.allocations or match.adjustments:
            return match
        said = _words(transaction)
        alike = [
            booking
            for text, booking in self._by_party.get(_party(transaction), ())
            if _alike(said, text)
        ]
        booked = [b for b in alike if not b.undone]
        if not booked:
            return match
        category = booked[-1].category
        same = [b for b in booked if b.category == category]
        against = [b for b in alike if b.undone or b.category != category]
        sure = len(same) >= ENOUGH and not against and match.rule != "kind"
        return dataclasses.replace(
            match,
            category=category,
            decision=Decision.POST if sure else Decision.SUGGEST,
            # Laplace: n bookings alike and none against leave 1 in n + 2 to be otherwise.
            confidence=(len(same) + 1) / (len(same) + len(against) + 2),
            rule=BY_HABIT,
            reasons=(_told(category, same), *_against(against)),
        )


def _told(category: str, same: Sequence[Booking]) -> str:
    people = sorted({b.by.removeprefix("person:") for b in same})
    named = ", ".join(_name(b) for b in same[-ENOUGH:])
    times = "once" if len(same) == 1 else f"{len(same)} times"
    return f"booked as {category} {times} before, by {', '.join(people)}: {named}"


def _against(against: Sequence[Booking]) -> tuple[str, ...]:
    return tuple(
        f"against it: {_name(b)} as {b.category}" + (" was undone" if b.undone else "")
        for b in against[-ENOUGH:]
    )


def _name(booking: Booking) -> str:
    moved = booking.transaction
    return f"{moved.booking_date} {moved.amount} ({moved.bank_reference or booking.transaction_id})"


def _party(transaction: BankTransaction) -> tuple[str, str, bool]:
    """Return who is paid or pays; the bank itself has neither name nor account."""
    account = "".join((transaction.counterparty_account or "").split()).upper()
    name = "" if account else " ".join(sorted(words(transaction.counterparty_name or "")))
    return account, name, transaction.amount.amount > 0


def _words(transaction: BankTransaction) -> frozenset[str]:
    """Return the words that stay the same from month to month: those without digits."""
    text = f"{transaction.remittance} {transaction.transaction_code or ''}"
    return frozenset(w for w in words(text) if len(w) > 2 and not any(c.isdigit() for c in w))


def _alike(a: frozenset[str], b: frozenset[str]) -> bool:
    """Say whether most words agree; two texts without any word say nothing together."""
    return bool(a & b) and len(a & b) >= ALIKE * len(a | b)
