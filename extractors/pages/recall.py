"""Recall: what a known layout says of a document, as candidates that still have to hold.

A value found again is a candidate with a high score. Amounts stand among the
others when the totals are chosen, so that the arithmetic has the last word; a
date must be plausible, a VAT id sound. Nothing is taken from memory without
being printed, except what was printed nowhere when it was taught. Accounts are
never taken from memory: what a vendor is paid to is read from the page alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from extractors.pages import kinds
from extractors.pages.anchors import Unit, find, kind_of, printed_as
from extractors.pages.chosen import Totals
from extractors.pages.dated import plausible_dates
from extractors.pages.dates import Order
from extractors.pages.dates import Printed as PrintedDate
from extractors.pages.draft import Draft, plain
from extractors.pages.figures import Figure, Style
from extractors.pages.header_fields import SURE
from extractors.pages.identifiers import vat_id_is_sound
from extractors.pages.layout import Sheet
from extractors.pages.memory import (
    HeadWord,
    Layout,
    Lesson,
    Rule,
    best_layout,
    key_of,
    titles_of,
)
from records.documents import Field, Kind, Recalled
from records.findings import finding
from records.vocabulary import FIELDS

#: How much a rule's vote counts, by what it goes by.
_VOTES = {"right": 1.0, "below": 0.9, "printed": 0.9, "place": 0.3}
#: What a label's vote is worth where another one is nearer to the value.
_FARTHER = 0.3
#: How sure a value is that stood in two places which differ now.
_UNSURE = 0.6
#: What the best value's votes must exceed the next one's by.
_LEAD = 1.2
_CENT = Decimal("0.01")
_KINDS = {code: kind for kind, code in kinds.TYPE_CODES.items()}


class Candidate(NamedTuple):
    """A value that memory proposes; `unit` is None for a constant."""

    lesson: Lesson
    unit: Unit | None
    value: str
    why: str
    score: float


class Recall:
    """What memory says of one document; empty where its layout is not known."""

    def __init__(self, sheet: Sheet, layouts: Sequence[Layout]) -> None:
        """Look for the document's layout among those known."""
        self._sheet = sheet
        self._layout = best_layout(sheet, layouts)
        self._found: dict[str, Candidate] = {}
        self.outcome: list[Recalled] = []
        self.heads: tuple[HeadWord, ...] = ()
        if self._layout is None:
            return
        lines = self._layout.lesson("lines")
        self.heads = lines.heads if lines else ()
        for lesson in self._layout.lessons:
            if lesson.is_dropped or lesson.name not in FIELDS:
                continue
            candidate = _candidate(sheet, lesson)
            if candidate is not None:
                self._found[lesson.name] = candidate

    @property
    def style(self) -> Style | None:
        """Return the layout's decimal sign, where its pages do not prove it."""
        return Style(self._layout.style) if self._layout and self._layout.style else None

    @property
    def order(self) -> Order | None:
        """Return the layout's order of day and month, where its pages do not prove it."""
        return Order(self._layout.order) if self._layout and self._layout.order else None

    def amounts(self, style: Style, totals: Totals) -> Mapping[tuple[int, int], frozenset[str]]:
        """Return which figures (row, first token) are which amounts.

        `totals` are those chosen without memory: what they prove is left
        alone, and so is what only fills gaps, where none is.
        """
        named: dict[tuple[int, int], frozenset[str]] = {}
        for name, candidate in self._found.items():
            unit = candidate.unit
            if unit is None or FIELDS[name].type != "amount":
                continue
            known = totals.value(name)
            sure = name in totals.proved or not candidate.lesson.corrected
            if known is not None and name not in totals.doubtful and sure:
                continue
            place = (unit.row.index, unit.first)
            named[place] = named.get(place, frozenset()) | {name}
        return named

    @property
    def total_rows(self) -> frozenset[int]:
        """Return the rows of amounts that were taught: no invoice lines stand there or below."""
        return frozenset(
            c.unit.row.index
            for name, c in self._found.items()
            if c.unit is not None and c.lesson.corrected and FIELDS[name].type == "amount"
        )

    def kind(self, kind: Kind) -> Kind:
        """Return what the document is; a title nobody knew may have been taught."""
        told = self._found.get("type_code")
        if told is None or kind not in {
            Kind.UNKNOWN,
            Kind.OTHER,
            _KINDS.get(told.lesson.instead_of),
        }:
            return kind
        return _KINDS.get(told.value, kind)

    # -- what becomes of the draft

    def add(self, draft: Draft, style: Style, order: Order | None) -> None:
        """Put what memory found into the draft, where nothing speaks against it."""
        # The due date is judged by the issue date.
        for name, candidate in sorted(self._found.items(), key=lambda item: item[0] == "due_date"):
            read = next((f for f in draft.fields if f.name == name and f.line is None), None)
            if not candidate.lesson.corrected and read is not None and _is_sure(read):
                continue
            if FIELDS[name].type == "amount":
                self._add_amount(draft, name, candidate, read, style)
            elif candidate.unit is None:
                self._add_constant(draft, name, candidate, read)
            elif FIELDS[name].type == "date":
                self._add_date(draft, name, candidate, read, order)
            else:
                self._add_value(draft, name, candidate, read)

    def add_lines(self, draft: Draft, told: bool) -> None:
        """Say of the lines that their columns were taught (`told`), or that these do not fit."""
        lesson = self._layout.lesson("lines") if self._layout else None
        if lesson is None or not any(FIELDS[f.name].scope == "line" for f in draft.fields):
            return
        if not told:
            why = f"the columns {lesson.source} multiply on fewer lines than those of the page"
            self.refuse("lines", why, draft)
            return
        why = f"; the columns were {lesson.source}"
        draft.fields[:] = [
            replace(f, by=self._by, why=f.why + why)
            if f.line is not None and FIELDS[f.name].scope == "line"
            else f
            for f in draft.fields
        ]
        self._held("lines", "")

    def refuse(self, name: str, why: str, draft: Draft) -> None:
        """Note that memory was contradicted; the caller counts it against the lesson."""
        assert self._layout is not None
        self.outcome.append(Recalled(layout=self._layout.key, name=name, held=False))
        where = FIELDS[name].label if name in FIELDS else "Lines"
        draft.findings.append(finding("memory_contradicted", where=where, message=why))

    @property
    def _by(self) -> str:
        assert self._layout is not None
        return f"layout:{self._layout.key}"

    def _held(self, name: str, value: str) -> None:
        assert self._layout is not None
        self.outcome.append(Recalled(layout=self._layout.key, name=name, held=True, value=value))

    def _put(self, draft: Draft, read: Field | None, field: Field) -> None:
        draft.fields[:] = [f for f in draft.fields if f is not read]
        draft.fields.append(replace(field, by=self._by))
        self._held(field.name, field.value)

    def _add_amount(
        self, draft: Draft, name: str, candidate: Candidate, read: Field | None, style: Style
    ) -> None:
        assert candidate.unit is not None
        row, first, last = candidate.unit
        value = abs(_figure(candidate.unit).read(style))
        if read is not None and abs(Decimal(read.value)) == value:
            why = f"{read.why}; {candidate.why}"
            self._put(draft, read, replace(read, why=why))
        elif (read is not None and read.proved) or not _fits(draft, name, value):
            said = read.value if read else "no such amount"
            why = f"{candidate.why} gives {plain(value)}, but the arithmetic says {said}"
            self.refuse(name, why, draft)
        else:
            # What was read otherwise and is as little proved leaves it uncertain.
            sure = candidate.score if read is None else min(candidate.score, 0.6)
            new = draft.field(name, plain(value), row, first, last, sure, candidate.why)
            self._put(draft, read, new)

    def _add_constant(
        self, draft: Draft, name: str, candidate: Candidate, read: Field | None
    ) -> None:
        # Only the same mistake is corrected again: another value on the page is another document.
        if read is not None and read.value not in {candidate.lesson.instead_of, candidate.value}:
            return
        new = draft.field(name, candidate.value, None, 0, 0, candidate.score, candidate.why)
        self._put(draft, read, new)

    def _add_date(
        self,
        draft: Draft,
        name: str,
        candidate: Candidate,
        read: Field | None,
        order: Order | None,
    ) -> None:
        assert candidate.unit is not None
        day = _printed_date(candidate.unit).read(order)
        if day is None:
            return
        if name == "due_date" and not plausible_dates(_issued(draft), day):
            why = f"{candidate.why} gives {day}, long before or after the invoice"
            self.refuse(name, why, draft)
            return
        label = FIELDS[name].label
        draft.findings[:] = [
            f for f in draft.findings if (f.code, f.where) != ("ambiguous_date", label)
        ]
        self._add_value(draft, name, candidate._replace(value=day.isoformat()), read)

    def _add_value(self, draft: Draft, name: str, candidate: Candidate, read: Field | None) -> None:
        assert candidate.unit is not None
        row, first, last = candidate.unit
        value, why = candidate.value, candidate.why
        proved = read is not None and read.proved
        if FIELDS[name].type == "vat_id" and proved and not vat_id_is_sound(value):
            self.refuse(name, f"{why} gives {value}, whose check digits are wrong", draft)
            return
        sure = (
            max(candidate.score, read.confidence)
            if read and read.value == value
            else candidate.score
        )
        new = draft.field(name, value, row, first, last, sure, why)
        self._put(
            draft, read, replace(new, proved=bool(read and read.proved and read.value == value))
        )


def _is_sure(field: Field) -> bool:
    return field.proved or field.confidence >= SURE


def _issued(draft: Draft) -> date | None:
    read = next((f for f in draft.fields if f.name == "issue_date"), None)
    return date.fromisoformat(read.value) if read else None


def _printed_date(unit: Unit) -> PrintedDate:
    return next(d.printed for d in unit.row.dates if d.first == unit.first)


def _figure(unit: Unit) -> Figure:
    return next(f for f in unit.row.figures if f.first == unit.first)


def _fits(draft: Draft, name: str, value: Decimal) -> bool:
    """Say whether an amount agrees with those that are proved (BR-CO-15, BR-CO-16)."""
    known = {
        f.name: abs(Decimal(f.value))
        for f in draft.fields
        if f.line is None and f.proved and FIELDS[f.name].type == "amount"
    }
    known[name] = value
    net, tax, gross = (known.get(n) for n in ("net_total", "tax_total", "gross_total"))
    if name in {"net_total", "tax_total", "gross_total"}:
        if net is not None and tax is not None and gross is not None:
            return abs(net + tax - gross) <= _CENT
        return gross is None or all(part is None or part <= gross for part in (net, tax))
    if name == "amount_due" and gross is not None:
        paid = known.get("prepaid_total", Decimal(0))
        return abs(gross - paid - value) <= 1
    return True


# -- candidates


def _candidate(sheet: Sheet, lesson: Lesson) -> Candidate | None:
    """Let the rules of a lesson vote; None where they find nothing, or disagree."""
    votes: dict[str, float] = {}
    spots: dict[int, tuple[float, str]] = {}
    units: dict[str, tuple[float, Unit, str, Rule]] = {}
    for rule in lesson.rules:
        if rule.relation == "constant":
            continue
        for unit, value in _values(sheet, lesson.name, rule):
            key = key_of(value)
            weight = _weight(rule)
            votes[key] = votes.get(key, 0.0) + weight
            if weight > spots.get(rule.spot, (0.0, ""))[0]:
                spots[rule.spot] = (weight, key)
            if key not in units or units[key][0] < weight:
                units[key] = (weight, unit, value, rule)
    ranked = sorted(votes, key=lambda k: -votes[k])
    if ranked:
        if len(ranked) > 1 and votes[ranked[0]] < _LEAD * votes[ranked[1]]:
            return None
        weight, unit, value, rule = units[ranked[0]]
        if rule.relation == "place" and any(r.anchor and not r.rank for r in lesson.rules):
            return None  # its label is gone, so the field may be: something else stands there
        score = lesson.trust if weight > _FARTHER else lesson.trust - 0.1
        if len({found for _, found in spots.values()}) > 1:
            score = min(score, _UNSURE)
        return Candidate(lesson, unit, value, f"{_told(rule)}, {lesson.source}", score)
    constant = next((r for r in lesson.rules if r.relation == "constant"), None)
    if constant is None or (lesson.titles and lesson.titles != titles_of(sheet)):
        return None
    why = f"the same on every document of this layout, {lesson.source}"
    return Candidate(lesson, None, constant.value, why, lesson.trust)


def _weight(rule: Rule) -> float:
    vote = _FARTHER if rule.rank else _VOTES[rule.relation]
    return vote * 0.6 if rule.anchor and len("".join(rule.anchor)) < 3 else vote


def _told(rule: Rule) -> str:
    if rule.relation == "place":
        return "at the same place"
    if rule.relation == "printed":
        return "printed again"
    return f"{'beside' if rule.relation == 'right' else 'below'} '{rule.label}'"


def _values(sheet: Sheet, name: str, rule: Rule) -> Iterator[tuple[Unit, str]]:
    """Yield what a rule finds, with its value as the vocabulary writes it."""
    kind = kind_of(name)
    if rule.relation == "printed":
        unit = next(printed_as(sheet, rule.value), None)
        if unit is not None:
            yield unit, rule.value
        return
    unit = find(sheet, rule, kind)
    if unit is None:
        return
    if kind == "figure":
        yield unit, _figure(unit).digits
    elif kind == "date":
        yield unit, " or ".join(map(str, _printed_date(unit).readings))
    else:
        text = unit.text.strip(" ,;:|").rstrip(".") if rule.extent.shape else unit.text
        if FIELDS[name].type == "vat_id":
            text = "".join(filter(str.isalnum, text)).upper()
        if text:
            yield unit, text
