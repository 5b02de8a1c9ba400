"""When people pay: how far from the due date, learned from payments already certain."""

from __future__ import annotations

from collections.abc import Iterable

from matching.payments.ledger import Item

_EARLIEST, _LATEST = -75, 120
#: A day nobody was seen paying on still counts this much of one payment.
_UNSEEN = 0.05
#: Neighbouring days lend each other weight: weekends and holidays move payments.
_KERNEL = (0.1, 0.2, 0.4, 0.2, 0.1)


class Timing:
    """The distribution of booking day minus due day, per side of the books."""

    def __init__(self, payments: Iterable[tuple[Item, int]]) -> None:
        """Learn from `(item, day it was paid on)`."""
        width = _LATEST - _EARLIEST + 1
        counts = {0: [0.0] * width, 1: [0.0] * width}
        for item, day in payments:
            if item.side in counts:
                counts[item.side][_slot(day - item.due)] += 1
        self._weights = {side: _smoothed(values) for side, values in counts.items()}

    def weight(self, item: Item, day: int) -> float:
        """Return how usual it is to pay this item on this day; comparable within one side."""
        return self._weights[item.side][_slot(day - item.due)]

    def most_likely(self, items: list[Item], day: int) -> tuple[Item, float]:
        """Return the likeliest item and the chance that it is another one."""
        weights = [self.weight(i, day) for i in items]
        best = max(range(len(items)), key=lambda n: (weights[n], -items[n].index))
        return items[best], 1.0 - weights[best] / sum(weights)


def _slot(delay: int) -> int:
    return max(_EARLIEST, min(_LATEST, delay)) - _EARLIEST


def _smoothed(values: list[float]) -> list[float]:
    reach = len(_KERNEL) // 2
    size = len(values)
    return [
        _UNSEEN
        + sum(
            share * values[n + k - reach]
            for k, share in enumerate(_KERNEL)
            if 0 <= n + k - reach < size
        )
        for n in range(size)
    ]
