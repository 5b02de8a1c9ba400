"""Sums of several items: bounded search that knows when an answer is unique."""

from __future__ import annotations

from collections.abc import Sequence

#: More answers than this are never needed to see that there is no single one.
_ENOUGH = 3


def subsets(
    values: Sequence[int], target: int, most: int, steps: int = 60_000
) -> tuple[list[tuple[int, ...]], bool]:
    """Find sets of positions whose values sum to the target, smallest sets first.

    At most `most` values in a set. Returns the answers (three at most) and
    whether the search was complete; it gives up after `steps` partial sums,
    and then nothing may be called unique.
    """
    order = sorted(range(len(values)), key=lambda i: -abs(values[i]))
    sorted_values = [values[i] for i in order]
    count = len(sorted_values)
    highest = [0] * (count + 1)
    lowest = [0] * (count + 1)
    for i in range(count - 1, -1, -1):
        highest[i] = highest[i + 1] + max(sorted_values[i], 0)
        lowest[i] = lowest[i + 1] + min(sorted_values[i], 0)
    last = {value: i for i, value in enumerate(sorted_values)}
    answers: list[tuple[int, ...]] = []
    budget = steps

    def search(start: int, rest: int, room: int, chosen: tuple[int, ...]) -> bool:
        nonlocal budget
        if room == 1:
            position = last.get(rest, -1)
            while position >= start and sorted_values[position] == rest:
                answers.append((*chosen, position))
                if len(answers) >= _ENOUGH:
                    return False
                position -= 1
            return True
        for i in range(start, count):
            if not lowest[i] <= rest <= highest[i]:
                return True
            budget -= 1
            if budget < 0:
                return False
            if not search(i + 1, rest - sorted_values[i], room - 1, (*chosen, i)):
                return False
        return True

    complete = True
    for size in range(1, min(most, count) + 1):
        if not search(0, target, size, ()):
            complete = budget >= 0
            break
    return [tuple(sorted(order[i] for i in answer)) for answer in answers], complete


def explains(values: Sequence[int], difference: int) -> tuple[int, ...] | None:
    """Return the only set of values with this sum, the empty one for zero, else None."""
    if difference == 0:
        return ()
    if sum(values) == difference:
        return tuple(range(len(values)))
    answers, complete = subsets(values, difference, len(values), 5_000)
    return answers[0] if complete and len(answers) == 1 else None
