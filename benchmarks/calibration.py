"""Which share of the values of each score is right: the tables of extractors/confidence.py.

usage: python -m benchmarks.calibration [FOLDER…] [--seed N --count N --scans N]
                                        [--receipts FOLDER] [--jobs N]

Takes the same documents as `benchmarks.reading`, of the receipts the first half
(the second stays for judging), reads them without calibration, and prints the
tables as Python. The fewer values a score has, the more its own number counts,
for made-up documents are not all documents; and a higher score never means less.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.reading import arguments, jobs_of, measured
from benchmarks.reading_scores import FIELDS, Answer
from extractors.confidence import EDGES

#: To each class so many values are added that are right as often as its score says.
_WEIGHT = 12
#: Without this many values a field has no row: its score stays as it is.
_LEAST = 12
_HIGHEST = 0.98


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__).parse_args()
    found: dict[str, list[Answer]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        jobs = [j for j in jobs_of(given, Path(scratch)) if "second half" not in j.group]
        for result in measured(jobs, given.jobs, calibrate=False):
            found[result.by] += [a for a in result.answers if a.answered and not a.proved]
    for by, answers in sorted(found.items()):
        print(f'    "{by}": {{')
        for name in FIELDS:
            own = [a for a in answers if a.name == name]
            if len(own) >= _LEAST:
                print(f'        "{name}": {shares(own)},')
        print("    },")


def shares(answers: Sequence[Answer]) -> tuple[float, ...]:
    """Return the share of right values in each class of scores, never falling."""
    classes: list[list[bool]] = [[] for _ in range(len(EDGES) + 1)]
    for answer in answers:
        classes[bisect_right(EDGES, answer.confidence)].append(answer.right)
    said = [(low + high) / 2 for low, high in pairwise((0.4, *EDGES, 0.99))]
    # Pool neighbours until the shares rise.
    pools = [
        (sum(c) + _WEIGHT * score, len(c) + _WEIGHT, 1)
        for c, score in zip(classes, said, strict=True)
    ]
    at = 0
    while at + 1 < len(pools):
        low, high = pools[at], pools[at + 1]
        if low[0] / low[1] > high[0] / high[1]:
            pools[at : at + 2] = [(low[0] + high[0], low[1] + high[1], low[2] + high[2])]
            at = max(0, at - 1)
        else:
            at += 1
    return tuple(
        round(min(_HIGHEST, right / count), 3) for right, count, n in pools for _ in range(n)
    )


if __name__ == "__main__":
    main()
