"""References beside or below their labels: the invoice number, order, customer and others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extractors.pages.combined import Part
from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import REFERENCES, Match, fold

_PARTY = frozenset({"seller", "buyer", "ship_to", "bank_account"})


_FILLERS = frozenset(
    [
        "no",
        "nr",
        "num",
        "n",
        "numero",
        "nummer",
        "number",
        "ref",
        "is",
        "der",
        "die",
        "das",
        "the",
        "le",
        "la",
        "el",
        "il",
        "o",
        "de",
        "of",
        "von",
        "du",
        "is",
        "sie",
        "lautet",
        "num.",
        "nro",
        "nº",
        "lub",
    ]
)


_STOPS = frozenset(
    [
        "vom",
        "von",
        "du",
        "dated",
        "date",
        "datum",
        "del",
        "z",
        "dnia",
        "of",
        "issued",
        "am",
        "from",
        "d.d.",
        "dd",
        "per",
        "em",
        "data",
        "fecha",
        "le",
        "en",
        "with",
        "mit",
        "et",
        "und",
        "and",
    ]
)


_CODE = re.compile(r"[^\W_][\w./\\\-_+&()]*|[#№][\w./\-]+")


# `Invoice (380) no. 4711`: the type code (UNTDID 1001) is not the number.
_TYPE_CODE = re.compile(r"\(\d{2,3}\)")


_NOT_CODE = re.compile(r"(?:www\.|https?:|.*@.*|\+\d|.*[€$£%]|\(\d+\)$)", re.IGNORECASE)


_TITLES = frozenset(
    {"invoice", "credit_note", "corrected_invoice", "self_billed_invoice", "pro_forma"}
)
#: How words for the invoice that this one corrects begin, folded.
_EARLIER = (
    "dorigin", "origin", "initial", "ursprung", "rectifi", "corrig", "korrig", "retific",
    "annul", "storn", "pierwotn", "korygowan", "oorspronk", "oryginal", "collegat",
)  # fmt: skip
_OURS = frozenset(
    ["unsere", "our", "notre", "onze", "nuestra", "nostra", "nossa", "nasza", "n", "ns", "meine"]
)


class Candidate(NamedTuple):
    """A value that may be a field: tokens `first` to `last` of a row, with a score (0 to 1)."""

    row: Row
    first: int
    last: int
    text: str
    score: float
    label: str


def references(
    sheet: Sheet, taken: frozenset[int], joint: Sequence[Part]
) -> dict[str, list[Candidate]]:
    """Collect candidates for every reference, best first; rows in `taken` are invoice lines.

    `joint` is what combined labels name.
    """
    found: dict[str, list[Candidate]] = {}
    parts = [p for p in joint if p.row.index not in taken]
    for part in parts:
        text = part.row.words(part.first, part.last)
        for concept, weight in part.concepts.items():
            if part.dated is None:
                candidate = Candidate(part.row, part.first, part.last, text, 0.0, part.cell.text)
                score = weight * _plausible(text)
                found.setdefault(concept, []).append(candidate._replace(score=score))
    for row in sheet.rows:
        for at, match in enumerate(row.labels):
            if REFERENCES.isdisjoint(match.concepts):
                continue
            wanted = {s.concept: s.weight for s in match.senses if s.concept in REFERENCES}
            if row.index in taken and "purchase_order_ref" not in wanted:
                continue
            if "invoice_number" in wanted and _names_another(row, match):
                wanted = {"preceding_invoice_ref": 0.95}
            if any(p.says(row, match.first) for p in parts):
                continue
            # A word with a second meaning (`Klant`: number or party) is weaker as a label.
            others = len(match.concepts - wanted.keys())
            for candidate in _values(sheet, row, match, at):
                for concept, weight in wanted.items():
                    if weight <= 0.4:
                        weight = _bare(sheet, row, match, weight)
                    score = candidate.score * weight * (0.9 if others else 1.0)
                    if row.index in taken:
                        score *= 0.8 if match.first == 0 else 0.5
                    found.setdefault(concept, []).append(
                        candidate._replace(score=score, label=row.words(match.first, match.last))
                    )
    for candidate in _after_titles(sheet, taken):
        found.setdefault("invoice_number", []).append(candidate)
    for items in found.values():
        items.sort(key=lambda c: (-c.score, c.row.index))
    return found


def _bare(sheet: Sheet, row: Row, match: Match, weight: float) -> float:
    """Weigh a label that says only `number`: at the head of the document it means the invoice's."""
    begins = match.first == 0 or not row.joined[match.first]
    high = row.page == sheet.numbers[0] and row.top < 0.45 * sheet.height
    colon = row.tokens[match.last - 1].text.endswith(":")
    if not (begins and high):
        return weight
    dated = any(s.concept == "issue_date" and s.weight >= 0.9 for m in row.labels for s in m.senses)
    if dated and row.joined.count(False) > 2:
        # Heading a column beside the invoice date's.
        return 0.85
    if _under_title(sheet, row, match):
        return 0.85
    if weight < 0.4 and not colon:
        return weight
    x0 = row.tokens[match.first].x0
    for other in sheet.rows[max(0, row.index - 4) : row.index]:
        if row.top - other.bottom > 4.5 * row.height:
            continue
        for label in other.labels:
            near = abs(other.tokens[label.first].x0 - x0) < 40
            if near and not _PARTY.isdisjoint(label.concepts):
                return weight
    return 0.78


def _under_title(sheet: Sheet, row: Row, match: Match) -> bool:
    """Say whether the invoice's title stands right over a label: `Rechnung` over `Nr. 42`."""
    x0 = row.tokens[_cell_start(row, match)].x0
    for other in sheet.rows[max(0, row.index - 2) : row.index]:
        if other.page != row.page or row.top - other.bottom > 1.6 * row.height:
            continue
        for title in other.titles:
            if abs(other.tokens[title.first].x0 - x0) < 4 and not _TITLES.isdisjoint(
                s.concept for s in title.senses
            ):
                return True
    return False


def _values(sheet: Sheet, row: Row, match: Match, at: int) -> Iterator[Candidate]:
    """Yield what stands right of a label, else below it."""
    limit = next(
        (m.first for m in row.labels[at + 1 :] if not is_number_word(m.key)), len(row.tokens)
    )
    right = _code(row, match.last, limit, row.tokens[match.last - 1].x1, sheet.width)
    if right:
        yield right
    elif limit < len(row.tokens) and limit == match.last and row.joined[limit]:
        # `Order number / date: 4711`: a second label directly follows; look behind it.
        behind = _code(
            row, row.labels[at + 1].last, len(row.tokens), row.tokens[limit].x1, sheet.width
        )
        if behind:
            yield behind._replace(score=behind.score * 0.4)
    if right is None or right.score < 0.8:
        yield from _below(sheet, row, match)


def _code(row: Row, first: int, limit: int, start: float, width: float) -> Candidate | None:
    """Read a code between `first` and `limit`; None when other words come first."""
    at = first
    while at < limit:
        token = row.tokens[at]
        key = token.key
        if not key or (key in _FILLERS and at + 1 < limit) or _TYPE_CODE.fullmatch(token.text):
            at += 1
            continue
        break
    if at >= limit or any(d.first <= at < d.last for d in row.dates):
        return None
    token = row.tokens[at]
    last = at + 1
    text = token.text
    # `RE 2026 014`, `INV - 2026`: a short prefix belongs to the code that follows it.
    while last < limit and row.tokens[last].x0 - row.tokens[last - 1].x1 < 0.8 * row.height:
        more = row.tokens[last]
        if (
            any(d.first <= last < d.last for d in row.dates)
            or more.text.lower().strip(".:") in _STOPS
        ):
            break
        has_digit = any(map(str.isdigit, more.text))
        prefix = not any(map(str.isdigit, text)) and len(text) <= 6 and text.isupper()
        tail = re.fullmatch(r"[/\\\-–_.]|[/\\\-–_.]?[A-Z0-9][A-Z0-9/\-._]*", more.text)
        if not (has_digit or tail) or not (prefix or tail):
            break
        text += " " + more.text
        last += 1
    text = text.strip(" ,;:|").rstrip("./ -–")
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    score = _plausible(text)
    if score == 0.0:
        return None
    gap = token.x0 - start
    if gap > 0.45 * width:
        score *= 0.75
    if row.tokens[at].confidence < 0.8:
        score *= 0.9
    return Candidate(row, at, last, text, score, "")


def _plausible(text: str) -> float:
    """Judge whether a text looks like a document's number, 0 to 1."""
    if not text or _NOT_CODE.match(text) or not _CODE.fullmatch(text.replace(" ", "")):
        return 0.0
    digits = sum(map(str.isdigit, text))
    if digits == 0:
        return 0.0
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})*[.,]\d{2}", text):
        return 0.15
    if len(text) > 40:
        return 0.0
    letters = sum(map(str.isalpha, text))
    if letters > 12 and digits < 3:
        return 0.2
    return 1.0 if digits >= 3 or letters else 0.92


def _below(sheet: Sheet, row: Row, match: Match) -> Iterator[Candidate]:
    x0, x1 = row.tokens[_cell_start(row, match)].x0, row.tokens[match.last - 1].x1
    edge = row.bottom
    for other in sheet.below(row, 4):
        if other.top - edge > 1.6 * max(row.height, other.height):
            break
        inside = [
            (first, last)
            for first, last in other.spans
            for first, last in _pieces(other, first, last)
            if min(other.tokens[last - 1].x1, x1) - max(other.tokens[first].x0, x0) > -1
            or abs(other.tokens[first].x0 - x0) < 3
        ]
        edge = other.bottom
        if not inside:
            continue
        first, last = inside[0]
        if any(m.first >= first and m.first < last for m in other.labels):
            return
        found = _code(other, first, last, x0, sheet.width)
        if found:
            yield found._replace(score=found.score * 0.88)
        return


def _names_another(row: Row, match: Match) -> bool:
    """Say whether the words after a label turn to another invoice: `Réf. facture d'origine`."""
    after = row.tokens[match.last : row.phrase_end(match.last - 1)][:3]
    return any(t.key.startswith(_EARLIER) for t in after)


def _cell_start(row: Row, match: Match) -> int:
    """Return where a label begins, with what says the same before it: `Numer / Invoice no.`."""
    start = match.first
    while start and row.joined[start] and not row.tokens[start - 1].key:
        start -= 1
    for other in row.labels:
        same = not match.concepts.isdisjoint(other.concepts)
        if same and other.last == start and start and row.joined[start]:
            return other.first
    return match.first


def _pieces(row: Row, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut a phrase around its dates, so that a code beside a date stands alone."""
    start = first
    for dated in row.dates:
        if first <= dated.first < last:
            if dated.first > start:
                yield start, dated.first
            yield dated.first, dated.last
            start = dated.last
    if start < last:
        yield start, last


def _after_titles(sheet: Sheet, taken: frozenset[int]) -> Iterator[Candidate]:
    """Read the number that follows the document's own title: `Rechnung Nr. 42`."""
    for row in sheet.rows:
        if row.index in taken:
            continue
        for match in row.titles:
            if _TITLES.isdisjoint(match.concepts):
                continue
            labelled = any(
                m.first <= match.first < m.last and m.last > match.last for m in row.labels
            )
            # `Faktura / Invoice 42`: the number follows the second of two languages.
            if labelled or any(t.first == match.last for t in row.titles):
                continue
            start = match.first
            while any(t.last == start for t in row.titles):
                start = next(t.first for t in row.titles if t.last == start)
            if start and row.tokens[start - 1].key in _OURS:
                start -= 1
            begins = start == 0 or not row.joined[start]
            limit = next(
                (
                    m.first
                    for m in row.labels
                    if m.first >= match.last and not is_number_word(m.key)
                ),
                len(row.tokens),
            )
            found = _code(row, match.last, limit, row.tokens[match.last - 1].x1, sheet.width)
            if found and _plausible(found.text) >= 0.9:
                far = found.row.tokens[found.first].x0 - row.tokens[match.last - 1].x1
                score = 0.72 if begins else 0.4
                if far > 4 * row.height:
                    score -= 0.15
                if re.fullmatch(r"(?:19|20)\d\d", found.text):
                    score -= 0.4
                between = " ".join(
                    t.text
                    for t in row.tokens[match.last : found.first]
                    if not _TYPE_CODE.fullmatch(t.text)
                ).strip(" :.")
                if between and fold(between) in {
                    "no",
                    "nr",
                    "n",
                    "num",
                    "numero",
                    "nummer",
                    "number",
                    "nro",
                }:
                    score = 0.88 if begins else 0.55
                yield found._replace(score=score, label=row.words(match.first, match.last))
            elif match.last - match.first <= 2 and len([1 for m in row.labels]) >= 2:
                # A row of headings with the values below: `Customer | Invoice | Due date`.
                cells = sum(any(x.weight >= 0.9 for x in m.senses) for m in row.labels)
                for below in _below(sheet, row, match):
                    yield below._replace(
                        score=(0.9 if cells >= 3 else 0.6) * below.score,
                        label=row.words(match.first, match.last),
                    )


def is_number_word(label: str) -> bool:
    """Say whether a label says no more than `number`."""
    return fold(label) in {"no", "nr", "num", "n", "number", "nummer", "numero", "numer"}
