"""Dates beside, below and after what says which date they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from extractors.pages.combined import Part
from extractors.pages.dates import Order
from extractors.pages.layout import Dated, Row, Sheet
from extractors.pages.lexicon import DATES, REFERENCES, Match


class DateCandidate(NamedTuple):
    """A date that may be a field."""

    row: Row
    dated: Dated
    score: float
    label: str


def date_candidates(
    sheet: Sheet, taken: frozenset[int], joint: Sequence[Part]
) -> dict[str, list[DateCandidate]]:
    """Collect the dates of each concept, best first; dates without a label come as `free`.

    `joint` is what combined labels name.
    """
    found: dict[str, list[DateCandidate]] = {}
    used: set[tuple[int, int]] = set()
    parts = [p for p in joint if p.row.index not in taken]
    for part in parts:
        if part.dated is not None:
            used.add((part.row.index, part.first))
            for concept, weight in part.concepts.items():
                candidate = DateCandidate(part.row, part.dated, weight, part.cell.text)
                found.setdefault(concept, []).append(candidate)
    for row in sheet.rows:
        for at, match in enumerate(row.labels):
            if DATES.isdisjoint(match.concepts):
                continue
            if any(p.says(row, match.first) for p in parts):
                continue
            wanted = {s.concept: s.weight for s in match.senses if s.concept in DATES}
            for dated, home, score in _dates_of(sheet, row, match, at):
                if row.index in taken and max(wanted.values()) < 0.9:
                    continue
                for concept, weight in wanted.items():
                    if weight == 0.8 and _qualified(row, match):
                        weight = 0.5
                    # `del: 1/2/2026`: with a colon even a preposition is a label.
                    if weight == 0.5 and row.tokens[match.last - 1].text.endswith(":"):
                        weight = 0.8
                    found.setdefault(concept, []).append(
                        DateCandidate(
                            home, dated, score * weight, row.words(match.first, match.last)
                        )
                    )
                if max(wanted.values()) >= 0.7:
                    used.add((home.index, dated.first))
    for candidate in _beside_titles(sheet):
        found.setdefault("issue_date", []).append(candidate)
    for row in sheet.rows:
        for dated in row.dates:
            if (row.index, dated.first) not in used and row.index not in taken:
                found.setdefault("free", []).append(DateCandidate(row, dated, 0.3, ""))
    for items in found.values():
        items.sort(key=lambda c: (-c.score, c.row.index))
    return found


def _qualified(row: Row, match: Match) -> bool:
    """Say whether a word nobody knows says which date it is: `Despatch date`."""
    before = row.tokens[match.first - 1] if match.first and row.joined[match.first] else None
    return before is not None and len(before.key) > 3 and before.text.isalpha()


def _dates_of(sheet: Sheet, row: Row, match: Match, at: int) -> Iterator[tuple[Dated, Row, float]]:
    following = [d for d in row.dates if d.first >= match.last]
    if following:
        dated = following[0]
        between = [
            m
            for m in row.labels
            if match.last <= m.first < dated.first and any(s.weight >= 0.7 for s in m.senses)
        ]
        words = dated.first - match.last
        if not between:
            score = 1.0 if words <= 1 else 0.9 if words <= 3 else 0.6
            if dated.x0 - row.tokens[match.last - 1].x1 > 0.5 * sheet.width:
                score *= 0.7
            yield dated, row, score
            return
        paired = [m for m in between if not (DATES | REFERENCES).isdisjoint(m.concepts)]
        if not paired or dated.x0 - row.tokens[match.last - 1].x1 < 2 * row.height:
            yield dated, row, 0.45
    if _ends_sentence(row, match):
        return
    x0, x1 = row.tokens[match.first].x0, row.tokens[match.last - 1].x1
    edge = row.bottom
    for other in sheet.below(row, 4):
        if other.top - edge > 1.6 * max(row.height, other.height):
            break
        edge = other.bottom
        hits = [d for d in other.dates if min(d.x1, x1) - max(d.x0, x0) > -1]
        if hits:
            if any(
                m.last <= hits[0].first and not DATES.isdisjoint(m.concepts) for m in other.labels
            ):
                break
            yield hits[0], other, 0.88
            break
        if any(min(t.x1, x1) - max(t.x0, x0) > 0 for t in other.tokens):
            break


def _ends_sentence(row: Row, match: Match) -> bool:
    """Say whether a label is the last word of a sentence: `within 30 days of the invoice date.`"""
    start = next(first for first, last in row.spans if first <= match.first < last)
    return match.first - start > 2 and row.tokens[match.last - 1].text.endswith((".", ","))


def _beside_titles(sheet: Sheet) -> Iterator[DateCandidate]:
    """Read the date in the title's own row: `Rechnung Nr. 42 vom 01.02.2026`."""
    wanted = {"invoice", "credit_note", "corrected_invoice", "self_billed_invoice", "pro_forma"}
    for row in sheet.rows:
        if not row.dates:
            continue
        for match in row.titles:
            if not wanted.isdisjoint(match.concepts) and (
                match.first == 0 or not row.joined[match.first]
            ):
                after = [d for d in row.dates if d.first >= match.last]
                if after and after[0].first - match.last <= 8:
                    between = {
                        s.concept
                        for m in row.labels
                        if match.last <= m.first < after[0].first
                        for s in m.senses
                        if s.weight >= 0.9
                    }
                    if not between & ((DATES | REFERENCES) - {"issue_date", "invoice_number"}):
                        high = row.page == sheet.numbers[0] and row.top < 0.62 * sheet.height
                        # `Invoice no. 42 of 1 May`: the number makes the row the title.
                        numbered = any(
                            m.last > match.first and m.first < after[0].first
                            for m in row.labels
                            if "invoice_number" in m.concepts
                        )
                        yield DateCandidate(
                            row,
                            after[0],
                            (0.92 if numbered else 0.82) if high else 0.55,
                            row.words(match.first, match.last),
                        )


def order_of(sheet: Sheet) -> Order | None:
    """Return the order that the document's own dates prove; None when they prove none or both."""
    votes = {
        d.printed.certain_order for row in sheet.rows for d in row.dates if d.printed.certain_order
    }
    return votes.pop() if len(votes) == 1 else None


def plausible_dates(issue: date | None, due: date | None) -> bool:
    """Say whether an invoice can be due on `due` when issued on `issue`."""
    return issue is None or due is None or -5 <= (due - issue).days <= 400
