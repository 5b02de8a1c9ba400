"""Damage documents, read them in limited processes as the program does, keep what escapes.

usage: python -m benchmarks.fuzz SECONDS OUT [FILE_OR_FOLDER…] [--jobs N] [--seed N] [--ocr SHARE]

Each round takes a whole document of the generator, or one of those given,
damages it (see `benchmarks.damage`) and reads it: mails and archives are
unpacked, bank files read to the end, tables row by row, and the result is
written as it would be to the database. A crash, an exception, a reading that
takes too long or too much memory, or a result that cannot be kept (a text no
database takes, an amount that is none) is counted, and its bytes are written
to OUT under their hash. A finding is no escape: it is the answer. SHARE of the
pictures go through OCR. Exit code 1 when anything escaped.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.isolation import Isolated, IsolationFailure, Limits
from benchmarks.damage import damaged
from benchmarks.damage.examine import Case, Cost, examine
from benchmarks.damage.seeds import Seed, kind_of, seeds
from records.failures import KnownFailure


def main() -> int:
    """Fuzz for the time given; print what escaped."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("seconds", type=float)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("paths", nargs="*", type=Path)
    arguments.add_argument("--jobs", type=int, default=1)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--ocr", type=float, default=0.02, help="share of pictures (0.02)")
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    whole = [*seeds(given.seed), *_brought(given.paths)]
    # By the clock a busy machine would seem to hang.
    limits = Limits(timeout_seconds=600, cpu_seconds=60)
    box = Isolated(given.jobs, preload=("benchmarks.damage.examine",))
    escapes: Counter[str] = Counter()
    count: Counter[str] = Counter()
    slowest: list[tuple[float, str]] = []
    peak = 0
    started = time.monotonic()
    cases = _cases(whole, random.Random(given.seed), started + given.seconds, given.ocr)
    for case, outcome in box.map(examine, cases, limits=limits):
        count[case.kind] += 1
        if isinstance(outcome, Cost):
            slowest = sorted([*slowest, (outcome.seconds, case.origin)], reverse=True)[:5]
            peak = max(peak, outcome.peak_bytes)
        if isinstance(outcome, Cost) and outcome.seconds > 20:
            (given.out / f"slow-{_digest(case)}").write_bytes(case.data)
        if isinstance(outcome, IsolationFailure | KnownFailure):
            kind = f"{case.kind}: {type(outcome).__name__}: {outcome}"[:200]
            escapes[kind] += 1
            (given.out / _digest(case)).write_bytes(case.data)
            detail = getattr(outcome, "detail", "")
            (given.out / f"{_digest(case)}.txt").write_text(
                f"{case.origin} (ocr: {case.ocr})\n{kind}\n{detail}\n"
            )
            print(f"{_digest(case)} {kind}", flush=True)
    minutes = (time.monotonic() - started) / 60
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(count.items()))
    print(
        f"{minutes:.1f} minutes, {count.total()} documents ({kinds}) from {len(whole)} whole ones"
    )
    print(
        f"most memory {peak >> 20} MiB; slowest: " + ", ".join(f"{s:.1f} s {o}" for s, o in slowest)
    )
    print(f"{escapes.total()} escaped")
    for kind, times in escapes.most_common():
        print(f"{times:6} {kind}")
    return 1 if escapes else 0


def _digest(case: Case) -> str:
    return hashlib.sha256(case.data).hexdigest()[:16]


def _brought(paths: Sequence[Path]) -> Iterator[Seed]:
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.stat().st_size < 2_000_000:
                data = file.read_bytes()
                yield Seed(kind_of(data), file.name, data)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be damaged, with which chance."""

    seed: int
    chance: int
    ocr: str


def _cases(
    whole: Sequence[Seed], chance: random.Random, until: float, ocr: float
) -> Iterator[Case]:
    """Damage documents until the time is up, every kind as often as the others.

    The tools that do it crash on what they have damaged themselves: they work
    in a process of their own, and what they could not do is left out.
    """
    kinds = sorted({seed.kind for seed in whole})
    groups = {kind: [n for n, seed in enumerate(whole) if seed.kind == kind] for kind in kinds}

    def plans() -> Iterator[_Plan]:
        while time.monotonic() < until:
            seed = chance.choice(groups[chance.choice(kinds)])
            engine = "rapidocr" if chance.random() < ocr else "none"
            yield _Plan(seed, chance.getrandbits(64), engine)

    made = Isolated(1).map(partial(_damage, whole), plans(), limits=Limits(timeout_seconds=20))
    for plan, data in made:
        if isinstance(data, bytes):
            seed = whole[plan.seed]
            yield Case(seed.kind, seed.name, data, plan.ocr)


def _damage(whole: Sequence[Seed], plan: _Plan) -> bytes:
    lent = [seed.data for seed in whole[::7]]
    return damaged(whole[plan.seed].data, random.Random(plan.chance), lent)


if __name__ == "__main__":
    sys.exit(main())
