"""Proposal: one explanation of one line, before it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Part(NamedTuple):
    """Cash of the line on one item; `take` is what it settles, in the item's currency.

    Both are signed like the cash. A discount or charge makes `take` larger
    than `cash`; a return makes both negative to what was paid.
    """

    item: int
    cash: int
    take: int


class Side(NamedTuple):
    """Cash that is no item, or what an item is short by (`is_cash` false).

    `item` is set only where the shortage is written off; otherwise it stays
    open on the item.
    """

    kind: str
    amount: int
    is_cash: bool
    item: int = -1


class Rival(NamedTuple):
    """Another explanation, and why it was not taken."""

    items: tuple[int, ...]
    why: str


@dataclass(slots=True)
class Proposal:
    """A line explained. `rule` keys `evidence.RELIABILITY`; `doubt` lowers its confidence."""

    line: int
    category: str
    rule: str
    parts: Sequence[Part] = ()
    sides: Sequence[Side] = ()
    doubt: float = 0.0
    reasons: tuple[str, ...] = ()
    rivals: Sequence[Rival] = ()
    related: tuple[str, ...] = ()
    #: proposals of one pass are taken in this order, highest first
    rank: float = 0.0
