"""Ledger account, cost centre and tax code, proposed from what the office booked before.

Evidence, the most specific first: the same vendor's same article; the same
vendor's lines with these words; the vendor at all; any vendor's lines with
these words. The first that has an answer gives it; the others only strengthen it.
Confidence is Laplace's rule of succession over the latest bookings, so that one
precedent is no certainty and a change of habit takes over.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from matching.names import squeezed, words
from records.bookings import CodedLine
from records.invoices import Invoice, Line

#: How many of the latest bookings count.
_MEMORY = 60
#: Words that say nothing of what was bought.
_SHORTEST_WORD = 4


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One value with its evidence; `rivals` are the other values seen, with their counts."""

    value: str
    confidence: float
    evidence: str
    rivals: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return f"{self.value} ({self.confidence:.1%}: {self.evidence})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What is proposed for one invoice line; None where history knows nothing."""

    line: int
    account: Suggestion | None = None
    cost_centre: Suggestion | None = None
    tax_code: Suggestion | None = None

    def is_sure(self, min_confidence: float) -> bool:
        """Say whether account and tax code may be booked without a person."""
        return all(
            part is not None and part.confidence >= min_confidence
            for part in (self.account, self.tax_code)
        )

    def __str__(self) -> str:
        parts = (
            ("account", self.account),
            ("cost centre", self.cost_centre),
            ("tax code", self.tax_code),
        )
        return "; ".join(f"{name} {part}" for name, part in parts if part)


_Votes = dict[Hashable, deque[str]]


class CodingHistory:
    """The office's bookings, indexed by what lines have in common."""

    def __init__(self, coded: Iterable[CodedLine] = ()) -> None:
        """Learn from bookings, oldest first."""
        self._accounts: _Votes = {}
        self._cost_centres: _Votes = {}
        self._tax_codes: _Votes = {}
        for line in coded:
            self.learn(line)

    def learn(self, coded: CodedLine) -> None:
        """Add one booking; the latest outlive the oldest."""
        keys = _keys(coded.vendor_id, coded.article_number, coded.description)
        for key, _ in keys:
            _vote(self._accounts, key, coded.account)
            if coded.cost_centre:
                _vote(self._cost_centres, key, coded.cost_centre)
            if coded.tax_code:
                # The tax code follows the rate as much as the goods.
                _vote(self._tax_codes, (key, coded.vat_rate), coded.tax_code)

    def propose(self, invoice: Invoice, vendor_id: str) -> tuple[Coding, ...]:
        """Propose a coding for every line of an invoice."""
        return tuple(self._line(line, vendor_id) for line in invoice.lines)

    def _line(self, line: Line, vendor_id: str) -> Coding:
        article = line.buyer_article_number or line.article_number
        keys = _keys(vendor_id, article, line.description)
        rated: list[tuple[Hashable, str]] = [((k, line.vat_rate), text) for k, text in keys]
        return Coding(
            line=line.number,
            account=_suggest(self._accounts, keys),
            cost_centre=_suggest(self._cost_centres, keys),
            tax_code=_suggest(self._tax_codes, rated),
        )


def _keys(
    vendor_id: str, article: str | None, description: str | None
) -> list[tuple[Hashable, str]]:
    keys: list[tuple[Hashable, str]] = []
    if article:
        keys.append(
            (("article", vendor_id, squeezed(article)), f"article {article} of this vendor")
        )
    telling = frozenset(
        w for w in words(description or "") if len(w) >= _SHORTEST_WORD and not w.isdigit()
    )
    if telling:
        said = " ".join(sorted(telling))
        keys.append((("words", vendor_id, telling), f'"{said}" of this vendor'))
    keys.append((("vendor", vendor_id), "this vendor"))
    if telling:
        keys.append((("anyone", telling), f'"{" ".join(sorted(telling))}" of any vendor'))
    return keys


def _vote(votes: _Votes, key: Hashable, value: str) -> None:
    held = votes.get(key)
    if held is None:
        held = votes[key] = deque(maxlen=_MEMORY)
    held.append(value)


def _suggest(votes: _Votes, keys: Iterable[tuple[Hashable, str]]) -> Suggestion | None:
    """Take the most specific answer; broader evidence for the same value adds to its weight."""
    best: Suggestion | None = None
    for key, text in keys:
        cast = votes.get(key)
        if not cast:
            continue
        (value, count), *others = Counter(cast).most_common()
        confidence = (count + 1) / (len(cast) + 2)
        if best is None or (value == best.value and confidence > best.confidence):
            best = Suggestion(
                value=value,
                confidence=confidence,
                evidence=f"{count} of the last {len(cast)} bookings of {text}",
                rivals=tuple(others) if best is None else best.rivals,
            )
    return best
