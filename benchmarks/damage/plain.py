"""Bytes flipped, cut, repeated, spliced; numbers made huge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

#: What a number or a text may become.
EVIL_NUMBERS = (
    "0",
    "-0",
    "-1",
    "1e308",
    "1E-400",
    "NaN",
    "-Infinity",
    "0x10",
    "1_000",
    "2147483648",
    "4294967295",
    "99999999999999999999",
    "9" * 400,
    "0." + "0" * 300 + "1",
    "1.234,56",
    "1,234.56",
    "1.2.3",
    "--5",
    "+7",
    "٣٤",
    "½",
    "",
)
EVIL_DATES = (
    "0000-00-00",
    "9999-12-31",
    "0001-01-01",
    "2026-02-30",
    "2026-13-01",
    "20260230",
    "99999999",
    "260230",
    "2026-03-31T25:61:61Z",
    "2026-03-31+99:00",
    "31.02.2026",
    "-0001-01-01",
)
EVIL_TEXTS = (
    "",
    " ",
    "\u00a0" * 50,
    "A" * 70_000,
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe",
    "\ufffe\uffff",
    "𝟙𝟚𝟛",
    "a\u0301" * 2000,
    "DE00 0000 0000 0000 0000 00",
    "1 " * 5000,
    "EUR" * 3000,
    "(" * 3000,
    "," * 3000,
    "2026-" * 2000,
    "\\" * 200,
    "{{7*7}}%s%n",
)


def damaged(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """Apply one to eight changes."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if made:
            chance.choice(_CHANGES)(made, chance, others)
    return bytes(made)


def _flip(data: bytearray, chance: Random, others: Sequence[bytes]) -> None:
    for _ in range(chance.choice((1, 4, 32))):
        data[chance.randrange(len(data))] = chance.randrange(256)


def _cut(data: bytearray, chance: Random, others: Sequence[bytes]) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 16, 512, len(data)))]


def _repeat(data: bytearray, chance: Random, others: Sequence[bytes]) -> None:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.choice((4, 64, 1024))]
    data[start:start] = piece * chance.choice((1, 8, 200))


def _splice(data: bytearray, chance: Random, others: Sequence[bytes]) -> None:
    other = chance.choice(others)
    start = chance.randrange(max(1, len(other)))
    at = chance.randrange(len(data))
    data[at:at] = other[start : start + chance.choice((8, 128, 4096))]


def _number(data: bytearray, chance: Random, others: Sequence[bytes]) -> None:
    found = list(re.finditer(rb"\d+", data))
    if found:
        match = chance.choice(found)
        data[match.start() : match.end()] = chance.choice(EVIL_NUMBERS).encode()


_CHANGES = (_flip, _flip, _cut, _repeat, _splice, _number)
