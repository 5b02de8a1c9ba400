"""Typed pages: layouts written as text become words with boxes."""

from __future__ import annotations

import re

from extractors.words import PageWords, Word
from records.documents import Reading

_CHAR, _LINE = 5.0, 12.0


def page(text: str, number: int = 1, by: str = "pdf_text", gap: int = 0) -> PageWords:
    """Set `text` in a fixed pitch: each column 5 points wide, each line 12 points high."""
    words = []
    for at, line in enumerate(text.strip("\n").splitlines()):
        top = 40 + (at + gap) * _LINE
        for match in re.finditer(r"\S+", line):
            box = (
                30 + match.start() * _CHAR,
                top,
                # Two points of each pitch are the space between words.
                30 + match.end() * _CHAR - 1,
                top + 10,
            )
            words.append(Word(match.group(), box))
    return PageWords(number=number, width=595, height=842, words=tuple(words), by=by)


def values(reading: Reading) -> dict[str, str]:
    """Return the header values of a reading by name; the first of several."""
    found: dict[str, str] = {}
    for field in reading.fields:
        if field.line is None:
            found.setdefault(field.name, field.value)
    return found


def lines(reading: Reading) -> list[dict[str, str]]:
    """Return the invoice lines of a reading, each by field name."""
    found: dict[int, dict[str, str]] = {}
    for field in reading.fields:
        if field.line is not None and not field.name.startswith("tax_"):
            found.setdefault(field.line, {})[field.name] = field.value
    return [found[n] for n in sorted(found)]


def blocking(reading: Reading) -> list[str]:
    """Return the codes of the findings that hold the document."""
    return [f.code for f in reading.findings if f.blocks]
