"""Lexicon: wordings in eight languages and what they mean, read from the text files beside it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from itertools import product
from typing import NamedTuple

#: Concepts whose value is a code of letters and digits.
REFERENCES = frozenset(
    {
        "invoice_number",
        "purchase_order_ref",
        "sales_order_ref",
        "customer_number",
        "contract_ref",
        "delivery_note_ref",
        "preceding_invoice_ref",
        "buyer_reference",
        "payment_reference",
        "mandate_id",
    }
)
#: Concepts whose value is a date.
DATES = frozenset({"issue_date", "due_date", "delivery_date", "order_date", "other_date"})

_SPECIAL = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "ł": "l",
        "æ": "ae",
        "œ": "oe",
        "đ": "d",
        "ı": "i",
        "°": "o",
        "º": "o",
        "#": "no",
    }
)
# What OCR confuses, folded to one letter on both sides of a comparison.
_LOOKALIKES = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "8": "b", "q": "g", "6": "g"})
_LONGEST = 8


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Reduce to lower-case letters and digits without accents, so that spellings compare."""
    if text.isascii():
        text = text.lower().replace("#", "no")
    else:
        text = unicodedata.normalize("NFKD", text.casefold().translate(_SPECIAL))
    return text if text.isalnum() and text.isascii() else "".join(filter(str.isalnum, text))


def lookalike(key: str) -> str:
    """Fold a key further so that letters OCR confuses compare equal."""
    return key.translate(_LOOKALIKES).replace("rn", "m")


def spellings(words: Iterable[str]) -> frozenset[str]:
    """Return folded words as the keys of rows may have them: of text layers, and of scans."""
    plain = frozenset(words)
    return plain | {lookalike(word) for word in plain}


class Sense(NamedTuple):
    """One meaning of a wording; `weight` (0 to 1) says how surely it has it."""

    concept: str
    weight: float
    language: str


class Match(NamedTuple):
    """A wording found: words `first` to `last` (exclusive) and what they can mean.

    `concepts` are those of its senses.
    """

    first: int
    last: int
    key: str
    senses: tuple[Sense, ...]
    concepts: frozenset[str]


class Lexicon:
    """Finds the longest wordings in a row of words, however they are spaced or hyphenated."""

    def __init__(self, senses: dict[str, tuple[Sense, ...]]) -> None:
        """Index `senses` by folded wording."""
        self._senses = senses
        self._concepts = {key: frozenset(s.concept for s in own) for key, own in senses.items()}
        self._starts = {key[:n] for key in senses for n in range(1, len(key))}
        self._known = self._starts | senses.keys()

    def senses(self, key: str) -> tuple[Sense, ...]:
        """Return what exactly this folded wording means."""
        return self._senses.get(key, ())

    def taught(self, concepts: Mapping[str, str]) -> Lexicon:
        """Return the lexicon with folded wordings that mean these concepts and nothing else."""
        own = {key: (Sense(concept, 1.0, ""),) for key, concept in concepts.items()}
        return Lexicon({**self._senses, **own})

    def knows(self, key: str) -> bool:
        """Say whether some wording is this folded text, or begins with it."""
        return key in self._known

    def begins(self, key: str) -> bool:
        """Say whether some wording begins with this folded text and goes on."""
        return key in self._starts

    def matches(self, keys: Sequence[str], joined: Sequence[bool]) -> list[Match]:
        """Find the longest wordings from left to right, without overlap.

        `joined[i]` says that word i stands close enough to word i-1 to be read
        with it.
        """
        senses, starts, known = self._senses, self._starts, self._known
        matches: list[Match] = []
        # Most words begin no wording at all, and many rows hold only such words.
        if known.isdisjoint(keys):
            return matches
        count, end = len(keys), 0
        for first, key in enumerate(keys):
            if key not in known or first < end:
                continue
            last, found = first + 1, ""
            while True:
                if key in senses:
                    found, end = key, last
                if last >= count or last - first >= _LONGEST or not joined[last]:
                    break
                if key not in starts:
                    break
                key += keys[last]
                last += 1
            if found:
                matches.append(Match(first, end, found, senses[found], self._concepts[found]))
        return matches


@cache
def lexicon(name: str, *, ocr: bool = False) -> Lexicon:
    """Return the lexicon in `lexicons/<name>.txt`; with `ocr`, the one for confusable letters."""
    text = (resources.files(__package__) / "lexicons" / f"{name}.txt").read_text("utf-8")
    senses: dict[str, dict[str, Sense]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        head, _, tail = line.partition(": ")
        concept, weight, language = head.split()
        for wording in _wordings(tail):
            key = fold(wording)
            if ocr:
                key = lookalike(key)
            if not key:
                continue
            sense = Sense(concept, float(weight), language)
            known = senses.setdefault(key, {})
            if concept not in known or known[concept].weight < sense.weight:
                known[concept] = sense
    return Lexicon({key: tuple(known.values()) for key, known in senses.items()})


_CHOICE = re.compile(r"\{([^}]*)\}")


def _wordings(tail: str) -> Iterator[str]:
    for entry in re.split(r",(?![^{]*\})", tail):
        parts = _CHOICE.split(entry.strip())
        # Odd parts are alternatives; all combinations are wordings of their own.
        for chosen in product(*(p.split("|") if i % 2 else (p,) for i, p in enumerate(parts))):
            yield "".join(chosen)
