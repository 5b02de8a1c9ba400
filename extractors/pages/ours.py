"""Ours: finds us among the parties of a document that we were sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extractors.pages.blocks import Part
from extractors.pages.layout import Sheet
from extractors.pages.lexicon import fold
from extractors.pages.naming import clean, core
from extractors.pages.party_names import NameCandidate

#: A seller's name this likely is not overruled by where our name stands elsewhere.
_SELLING = 0.6
#: Shorter names, without their legal form, are words that others print too.
_TELLING = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Our names and VAT ids, as configured; empty where nobody told."""

    names: tuple[str, ...] = ()
    vat_ids: tuple[str, ...] = ()

    def named(self, text: str) -> bool:
        """Say whether a phrase is one of our names, with or without its legal form."""
        key, bare = fold(text), core(text)
        for name in self.names:
            own = core(name)
            if key == fold(name) or (len(own) >= _TELLING and bare == own):
                return True
        return False

    def identified(self, vat_id: str) -> bool:
        """Say whether a VAT id is ours."""
        return fold(vat_id) in {fold(own) for own in self.vat_ids}


def buying(
    sheet: Sheet, found: Sequence[NameCandidate], ours: Ours, taken: frozenset[int]
) -> list[NameCandidate] | None:
    """Return the candidates with us as the buyer; None where we are not, or sell ourselves.

    An invoice of our own that comes back must not turn our customer into a
    vendor: where our name stands as a seller's would, nothing is changed.
    """
    if not ours.names:
        return None
    own = [n for n in found if ours.named(n.text)]
    printed = own or list(_printed(sheet, ours, taken))
    selling = max((n.score for n in own if n.role == "seller"), default=0.0)
    bought = max((n.score for n in printed if n.role == "buyer"), default=0.0)
    if not printed or (selling >= _SELLING and selling > bought):
        return None
    best = max(printed, key=lambda n: (n.role == "buyer", n.score))
    buyer = best._replace(role="buyer", score=0.97, why="it is our own name")
    return [buyer, *(n for n in found if n.role != "buyer" and not ours.named(n.text))]


def _printed(sheet: Sheet, ours: Ours, taken: frozenset[int]) -> Iterator[NameCandidate]:
    for row in sheet.rows:
        if row.index in taken:
            continue
        for first, last in row.spans:
            text = clean(row.words(first, last))
            if text and ours.named(text):
                yield NameCandidate("buyer", Part(row, first, last, text), text, 0.9, "")
