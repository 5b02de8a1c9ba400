"""Damage documents at random, read them in limited processes, keep what escapes.

usage: python benchmarks/fuzz.py SECONDS OUT FILE_OR_FOLDER… [--jobs N] [--seed N] [--ocr]

Each round takes a file, damages it (bytes flipped, cut, repeated, swapped,
numbers made huge, pieces of other files spliced in) and reads it as the
program would: mails and archives are unpacked first. A crash, an exception, a
reading that takes too long or too much memory is counted, and its bytes are
written to OUT under their hash. A finding is no escape: it is the answer.
Exit code 1 when anything escaped.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.extraction import read_file
from app.isolation import Isolated, IsolationFailure, Limits
from extractors.reading import ReadOptions


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged document and how it came about."""

    origin: str
    number: int
    data: bytes


def main() -> int:
    """Fuzz for the time given; print what escaped."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("seconds", type=float)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("paths", nargs="+", type=Path)
    arguments.add_argument("--jobs", type=int, default=1)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--ocr", action="store_true", help="read pictures, too (slow)")
    given = arguments.parse_args()
    seeds = [
        file.read_bytes()
        for path in given.paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file() and file.stat().st_size < 2_000_000
    ]
    given.out.mkdir(parents=True, exist_ok=True)
    options = ReadOptions(ocr="rapidocr" if given.ocr else "none")
    limits = Limits(timeout_seconds=60, cpu_seconds=60)
    box = Isolated(given.jobs, preload=("app.extraction",))
    escapes: Counter[str] = Counter()
    count = 0
    cases = _cases(seeds, random.Random(given.seed), time.monotonic() + given.seconds)
    for case, outcome in box.map(partial(_read, options=options), cases, limits=limits):
        count += 1
        if isinstance(outcome, IsolationFailure):
            kind = f"{type(outcome).__name__}: {outcome}"[:150]
            escapes[kind] += 1
            digest = hashlib.sha256(case.data).hexdigest()[:16]
            (given.out / digest).write_bytes(case.data)
            (given.out / f"{digest}.txt").write_text(f"{case.origin}\n{kind}\n{outcome.detail}\n")
            print(f"{digest} {kind}", flush=True)
    print(f"{count} documents from {len(seeds)} files, {sum(escapes.values())} escaped")
    for kind, times in escapes.most_common():
        print(f"{times:6} {kind}")
    return 1 if escapes else 0


def _read(case: Case, options: ReadOptions) -> int:
    with tempfile.NamedTemporaryFile() as file:
        file.write(case.data)
        file.flush()
        return len(read_file(Path(file.name), options).readings)


def _cases(seeds: list[bytes], chance: random.Random, until: float) -> Iterator[Case]:
    number = 0
    while time.monotonic() < until:
        number += 1
        at = chance.randrange(len(seeds))
        data = bytearray(seeds[at])
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            if data:
                chance.choice(_DAMAGE)(data, chance, seeds)
        yield Case(f"seed file {at}", number, bytes(data))


def _flip(data: bytearray, chance: random.Random, seeds: list[bytes]) -> None:
    for _ in range(chance.choice((1, 4, 32))):
        data[chance.randrange(len(data))] = chance.randrange(256)


def _cut(data: bytearray, chance: random.Random, seeds: list[bytes]) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 16, 512, len(data)))]


def _repeat(data: bytearray, chance: random.Random, seeds: list[bytes]) -> None:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.choice((4, 64, 1024))]
    data[start:start] = piece * chance.choice((1, 8, 200))


def _splice(data: bytearray, chance: random.Random, seeds: list[bytes]) -> None:
    other = seeds[chance.randrange(len(seeds))]
    start = chance.randrange(max(1, len(other)))
    at = chance.randrange(len(data))
    data[at:at] = other[start : start + chance.choice((8, 128, 4096))]


def _number(data: bytearray, chance: random.Random, seeds: list[bytes]) -> None:
    found = list(re.finditer(rb"\d+", data))
    if found:
        match = chance.choice(found)
        big = (b"0", b"-1", b"99999999999999999999", b"1e308", b"2147483648", b"4294967295")
        data[match.start() : match.end()] = chance.choice(big)


_DAMAGE = (_flip, _flip, _cut, _repeat, _splice, _number)


if __name__ == "__main__":
    sys.exit(main())
