"""Names of companies and people as banks print them.

A bank may change the case, write umlauts as AE or as A, drop or respell the
legal form, turn the words round, cut the end, and people mistype. Each name is
known under several keys; the strictest key that finds somebody wins.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from matching.payments.text import fold, words

LEGAL_FORMS = frozenset(
    [
        "GMBH",
        "MBH",
        "AG",
        "KG",
        "OHG",
        "CO",
        "EK",
        "EKFR",
        "EKFM",
        "UG",
        "SE",
        "SPA",
        "SARL",
        "SAS",
        "SA",
        "SRL",
        "BV",
        "NV",
        "LTD",
        "LIMITED",
        "LLC",
        "INC",
        "PLC",
        "GBR",
        "HAFTUNGSBESCHRANKT",
        "KGAA",
        "EV",
        "EG",
        "AB",
        "OY",
        "AS",
        "APS",
    ]
)
#: Below this a cut-off name says too little.
_SHORTEST_PREFIX = 9


def _fold_vowels(folded: str) -> str:
    """Make Ä, AE and A one; and collapse doubled letters, the commonest typing error."""
    text = folded.replace("AE", "A").replace("OE", "O").replace("UE", "U")
    kept: list[str] = []
    last = ""
    for character in text:
        if character != last or not character.isalpha():
            kept.append(character)
        last = character
    return "".join(kept)


class NameKey:
    """One name under all its keys."""

    __slots__ = ("core", "flat", "full")

    def __init__(self, name: str) -> None:
        """Compute the keys of `name`."""
        parts = words(_fold_vowels(fold(name).replace(".", "")))
        core = [p for p in parts if p not in LEGAL_FORMS and len(p) > 1]
        self.full = " ".join(sorted(parts))
        self.core = " ".join(sorted(core))
        self.flat = "".join(core)


class NameIndex:
    """Finds parties by name; several parties may bear one name."""

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        """Index `(name, party)` pairs."""
        self._full: dict[str, set[int]] = {}
        self._core: dict[str, set[int]] = {}
        self._near: dict[str, tuple[int, ...]] = {}
        flats: dict[str, set[int]] = {}
        seen: set[tuple[str, int]] = set()
        for name, party in names:
            if not name or (name, party) in seen:
                continue
            seen.add((name, party))
            key = NameKey(name)
            self._full.setdefault(key.full, set()).add(party)
            if key.core:
                self._core.setdefault(key.core, set()).add(party)
                flats.setdefault(key.flat, set()).add(party)
                for near in _shortened(key.flat):
                    self._near[near] = (*self._near.get(near, ()), party)
        self._flats = sorted(flats.items())

    def find(self, name: str) -> tuple[frozenset[int], int]:
        """Return the parties a printed name may mean, and how surely.

        3: the full name; 2: the name without its legal form; 1: cut off or
        mistyped; 0: nobody.
        """
        key = NameKey(name)
        found = self._full.get(key.full)
        if found:
            return frozenset(found), 3
        found = self._core.get(key.core)
        if found:
            return frozenset(found), 2
        if len(key.flat) < 5:
            return frozenset(), 0
        near = set(self._near.get(key.flat, ()))
        for shorter in _shortened(key.flat):
            near.update(self._near.get(shorter, ()))
        if not near and len(key.flat) >= _SHORTEST_PREFIX:
            near = self._starting_with(key.flat)
        return frozenset(near), 1 if near else 0

    def _starting_with(self, flat: str) -> set[int]:
        """Find names cut off by the bank; also with a piece of the legal form still on."""
        for cut in range(len(flat), max(_SHORTEST_PREFIX, len(flat) - 4) - 1, -1):
            prefix = flat[:cut]
            position = bisect_left(self._flats, (prefix,))
            found: set[int] = set()
            while position < len(self._flats) and self._flats[position][0].startswith(prefix):
                found |= self._flats[position][1]
                position += 1
                if len(found) > 6:
                    return set()
            if found:
                return found
        return set()


def _shortened(flat: str) -> set[str]:
    """Return the text itself and all texts one letter shorter.

    Two texts one insertion, deletion, substitution or swap apart share one.
    """
    if len(flat) < 5:
        return {flat}
    return {flat} | {flat[:i] + flat[i + 1 :] for i in range(len(flat))}
