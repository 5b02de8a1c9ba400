"""Ledger account, cost centre and tax code, proposed from what the office booked before.

Evidence, the most specific first: the same vendor's same article; the same
vendor's lines with these words; the vendor at all; any vendor's lines with
these words. The first that has an answer gives it; the others only strengthen it.

Confidence is measured, not assumed: every booking is proposed from those before
it, and what became of such proposals (same kind of evidence, as much agreement,
no more precedents) says how often the next one is right. It is the lower end of
Wilson's interval, so that few trials are never sure; a vendor that surprised
before counts with its own record. `benchmarks/coding.py` prints how well it holds.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from matching.names import squeezed, words
from records.bookings import CodedLine
from records.invoices import Invoice, Line

#: How many of the latest bookings count.
_MEMORY = 60
#: Words that say nothing of what was bought.
_SHORTEST_WORD = 4
#: How many trials the office's record weighs beside a vendor's own.
_OFFICE_WEIGHT = 20


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
        self._votes: dict[str, _Votes] = {"account": {}, "cost centre": {}, "tax code": {}}
        self._record = _Record()
        for line in coded:
            self.learn(line)

    def learn(self, coded: CodedLine) -> None:
        """Add one booking, after trying to propose it; the latest outlive the oldest."""
        keys = _keys(coded.vendor_id, coded.article_number, coded.description)
        for part, value in (
            ("account", coded.account),
            ("cost centre", coded.cost_centre),
            ("tax code", coded.tax_code),
        ):
            if value:
                votes = self._votes[part]
                given = _rated(keys, coded.vat_rate) if part == "tax code" else keys
                self._record.keep(part, coded.vendor_id, _precedents(votes, given), value)
                for key, _, _ in given:
                    _vote(votes, key, value)

    def propose(self, invoice: Invoice, vendor_id: str) -> tuple[Coding, ...]:
        """Propose a coding for every line of an invoice."""
        return tuple(self._line(line, vendor_id) for line in invoice.lines)

    def _line(self, line: Line, vendor_id: str) -> Coding:
        article = line.buyer_article_number or line.article_number
        keys = _keys(vendor_id, article, line.description)
        rated = _rated(keys, line.vat_rate)
        return Coding(
            line=line.number,
            account=self._suggest("account", vendor_id, keys),
            cost_centre=self._suggest("cost centre", vendor_id, keys),
            tax_code=self._suggest("tax code", vendor_id, rated),
        )

    def _suggest(self, part: str, vendor_id: str, keys: Sequence[_Key]) -> Suggestion | None:
        """Take the most specific answer; broader evidence for the same value may be surer."""
        found = _precedents(self._votes[part], keys)
        if not found:
            return None
        value = found[0].value
        sure, best = max(
            (
                (self._record.sure_of(part, vendor_id, one), one)
                for one in found
                if one.value == value
            ),
            key=lambda pair: pair[0],
        )
        return Suggestion(
            value=value,
            confidence=sure,
            evidence=f"{best.agreeing} of the last {best.count} bookings of {best.text}",
            rivals=found[0].rivals,
        )


@dataclass(frozen=True, slots=True)
class _Precedent:
    """What the bookings under one key say: `agreeing` of the last `count` say `value`."""

    level: str
    value: str
    agreeing: int
    count: int
    rivals: tuple[tuple[str, int], ...]
    text: str

    @property
    def band(self) -> int:
        """Return how far they agree: 0 unanimous, 1 nearly, 2 mostly, 3 hardly."""
        share = self.agreeing / self.count
        return sum(share < limit for limit in (1.0, 0.95, 0.8))


class _Record:
    """How often proposals were right, each made from the bookings before it."""

    def __init__(self) -> None:
        # (part, level, band) -> per number of precedents: [tries, hits]
        self._trials: dict[tuple[str, str, int], list[list[int]]] = {}
        self._of_vendor: dict[tuple[str, str], deque[bool]] = {}

    def keep(self, part: str, vendor_id: str, found: Sequence[_Precedent], value: str) -> None:
        """Note what would have been proposed, beside what was booked."""
        for one in found:
            trials = self._trials.setdefault(
                (part, one.level, one.band), [[0, 0] for _ in range(_MEMORY + 1)]
            )
            trials[one.count][0] += 1
            trials[one.count][1] += one.value == value
        if found:
            mine = self._of_vendor.setdefault((part, vendor_id), deque(maxlen=_MEMORY))
            mine.append(found[0].value == value)

    def sure_of(self, part: str, vendor_id: str, one: _Precedent) -> float:
        """Return how sure such a proposal is.

        More precedents are no worse: trials with up to as many count, or those
        with at least half as many where these did better.
        """
        trials = self._trials.get((part, one.level, one.band), [])[: one.count + 1]
        nearest = trials[-(one.count // 2 + 1) :]
        sure = max(
            wilson(sum(hits for _, hits in some), sum(tries for tries, _ in some))
            for some in (trials, nearest)
        )
        mine = self._of_vendor.get((part, vendor_id), ())
        if all(mine):
            return sure
        return min(sure, (sum(mine) + _OFFICE_WEIGHT * sure) / (len(mine) + _OFFICE_WEIGHT))


def wilson(hits: int, tries: int, z: float = 1.0) -> float:
    """Return the lower end of Wilson's score interval (1927); 0 without trials.

    `z` 1 leaves 16 % of the normal distribution below it.
    """
    if not tries:
        return 0.0
    share = hits / tries
    spread = z * math.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    return (share + z * z / (2 * tries) - spread) / (1 + z * z / tries)


_Key = tuple[Hashable, str, str]


def _keys(vendor_id: str, article: str | None, description: str | None) -> list[_Key]:
    """Return (key, level, words for people), the most specific first."""
    keys: list[_Key] = []
    if article:
        key = ("article", vendor_id, squeezed(article))
        keys.append((key, "article", f"article {article} of this vendor"))
    telling = frozenset(
        w for w in words(description or "") if len(w) >= _SHORTEST_WORD and not w.isdigit()
    )
    said = " ".join(sorted(telling))
    if telling:
        keys.append((("words", vendor_id, telling), "words", f'"{said}" of this vendor'))
    keys.append((("vendor", vendor_id), "vendor", "this vendor"))
    if telling:
        keys.append((("anyone", telling), "anyone", f'"{said}" of any vendor'))
    return keys


def _rated(keys: Iterable[_Key], rate: Decimal | None) -> list[_Key]:
    """Return the keys with the VAT rate: the tax code follows it as much as the goods."""
    return [((key, rate), level, text) for key, level, text in keys]


def _vote(votes: _Votes, key: Hashable, value: str) -> None:
    held = votes.get(key)
    if held is None:
        held = votes[key] = deque(maxlen=_MEMORY)
    held.append(value)


def _precedents(votes: _Votes, keys: Iterable[_Key]) -> list[_Precedent]:
    found = []
    for key, level, text in keys:
        cast = votes.get(key)
        if cast:
            (value, agreeing), *rivals = Counter(cast).most_common()
            found.append(_Precedent(level, value, agreeing, len(cast), tuple(rivals), text))
    return found
