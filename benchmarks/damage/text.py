"""Text in lines (MT940, CSV, OFX, QIF, BAI2, YAML, HTML): lines, cells and figures changed."""

from __future__ import annotations

import re
from random import Random

from benchmarks.damage.plain import EVIL_DATES, EVIL_NUMBERS, EVIL_TEXTS

_ENCODINGS = ("utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-8")
_EVIL_PATTERNS = ("(a+)+$", "(.*)*x", "(\\w|\\w\\w)+!", "[", "(?P<n>", "\\1", "(?i:" + "a?" * 40)


def damaged(data: bytes, chance: Random) -> bytes:
    """Change one to six lines or figures; sometimes the encoding or the line ends."""
    text = data.decode("utf-8", "surrogateescape")
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        text = chance.choice(_CHANGES)(text, chance)
    if chance.random() < 0.2:
        text = text.replace("\n", chance.choice(("\r", "\r\n", "\n\n", "\u2028", "\x00")))
    if chance.random() < 0.2:
        return text.encode(chance.choice(_ENCODINGS), "replace")
    return text.encode("utf-8", "surrogateescape" if text < "\ud800" else "replace")


def _lines(text: str, chance: Random) -> str:
    rows = text.split("\n")
    at, other = chance.randrange(len(rows)), chance.randrange(len(rows))
    way = chance.randrange(5)
    if way == 0:
        del rows[at]
    elif way == 1:
        rows[at:at] = rows[at : at + chance.choice((1, 5, 40))] * chance.choice((1, 3, 200))
    elif way == 2:
        rows[at], rows[other] = rows[other], rows[at]
    elif way == 3:
        del rows[at:]
    else:
        rows[at] = rows[at] + rows[other] * chance.choice((1, 100))
    return "\n".join(rows)


def _figure(text: str, chance: Random) -> str:
    found = list(re.finditer(r"\d[\d.,]*", text))
    if not found:
        return text
    match = chance.choice(found)
    evil = chance.choice((*EVIL_NUMBERS, *EVIL_DATES))
    return text[: match.start()] + evil + text[match.end() :]


def _mark(text: str, chance: Random) -> str:
    """Change a separator, or all of them."""
    found = [m.start() for m in re.finditer(r"[;,:\t/|?<>\"']", text)]
    if not found:
        return text
    at = chance.choice(found)
    evil = chance.choice((";", ",", "\t", '"', "'", ":", "", "\n", "<", "\x00"))
    if chance.random() < 0.2:
        return text.replace(text[at], evil)
    return text[:at] + evil + text[at + 1 :]


def _word(text: str, chance: Random) -> str:
    found = list(re.finditer(r"[^\W\d]{2,}", text))
    if not found:
        return text
    match = chance.choice(found)
    evil = chance.choice((*EVIL_TEXTS, *_EVIL_PATTERNS, match[0].lower(), match[0] * 500))
    return text[: match.start()] + evil + text[match.end() :]


_CHANGES = (_lines, _lines, _figure, _figure, _mark, _word)
