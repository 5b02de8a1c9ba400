"""Blocks: phrases printed under each other, such as addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from extractors.pages.layout import Row, Sheet

_DIGIT = re.compile(r"\d")
_POSTAL = re.compile(
    r"[\s,·•|\-–](?:"
    r"(?:[A-Z]{1,3}[\s\-–])?\d{5}\s+[^\W\d]"
    r"|(?:[A-Z]{1,3}[\s\-–])?\d{4}\s+[^\W\d][^\W\d]"
    r"|\d{4}\s?[A-Z]{2}(?:\s|,|$)"
    r"|(?:PL[\s\-–])?\d{2}-\d{3}\s+[^\W\d]"
    r"|(?:PT[\s\-–])?\d{4}-\d{3}(?:\s+[^\W\d]|$)"
    r"|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b"
    r"|[A-Z]\d[\dW]\s?[A-Z0-9]{4}$"
    r"|[A-Z]{2}\.?,?\s+\d{5}(?:-\d{4})?\b"
    r"|[A-Z]\d[A-Z]\s?\d[A-Z]\d\b"
    r"|(?:[A-Z]{1,2}[\s\-–])?\d{3}\s\d{2}\s+[^\W\d]"
    r"|[^\W\d]{3,}[ ,]+\d{5,6}\b"
    r")"
)


_NEVER = float("inf")


class Part(NamedTuple):
    """A phrase in a block: tokens `first` to `last` of a row."""

    row: Row
    first: int
    last: int
    text: str


@dataclass(slots=True)
class Block:
    """Phrases printed under each other."""

    parts: list[Part]

    @property
    def x0(self) -> float:
        """Return the left edge in points."""
        return min(p.row.tokens[p.first].x0 for p in self.parts)

    @property
    def top(self) -> float:
        """Return the upper edge in points."""
        return self.parts[0].row.top


def blocks_of(sheet: Sheet, taken: frozenset[int]) -> list[Block]:
    """Stack phrases under each other that share an edge or their middle."""
    done: list[Block] = []
    open_: list[Block] = []
    for row in sheet.rows:
        if row.index in taken:
            continue
        still: list[Block] = []
        for block in open_:
            end = block.parts[-1].row
            near = end.page == row.page and row.top - end.bottom < 1.5 * max(row.height, end.height)
            (still if near else done).append(block)
        open_ = still
        for first, last in row.spans:
            part = Part(row, first, last, row.words(first, last))
            if not (part.text[:1].isalnum() or any(map(str.isalnum, part.text))):
                # A ruled line parts what stands above it from what stands below.
                x0, x1 = row.tokens[first].x0, row.tokens[last - 1].x1
                cut = [b for b in open_ if _spans(x0, x1, b.parts[-1])]
                done += cut
                open_ = [b for b in open_ if b not in cut]
                continue
            home, least = None, 4.0
            for block in open_:
                off = _misfit(block.parts[-1], part)
                # Left edges first; right-aligned and centred lines must fit better.
                if off < least:
                    home, least = block, off
            if home is None:
                open_.append(Block([part]))
            else:
                home.parts.append(part)
    return done + open_


def _spans(x0: float, x1: float, part: Part) -> bool:
    return x0 < part.row.tokens[part.last - 1].x1 and x1 > part.row.tokens[part.first].x0


def _misfit(above: Part, part: Part) -> float:
    """Measure in points how badly a phrase stands under another; infinite when it does not."""
    if above.row is part.row:
        return _NEVER
    one, other = above.row.tokens[above.first], part.row.tokens[part.first]
    height, below = one.bottom - one.top, other.bottom - other.top
    gap = 0.75 * (height if height < below else below)
    if other.top - one.bottom > gap or below > 1.5 * height:
        return _NEVER
    left, x0 = one.x0, other.x0
    right, x1 = above.row.tokens[above.last - 1].x1, part.row.tokens[part.last - 1].x1
    return min(abs(left - x0), 1 + abs(right - x1), 2 + abs((left + right) - (x0 + x1)) / 2)


def has_postal(text: str) -> bool:
    """Say whether a town with its postal code is written in a line, or at its start."""
    return _DIGIT.search(text) is not None and _POSTAL.search(" " + text) is not None
