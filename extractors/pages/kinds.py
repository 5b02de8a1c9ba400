"""What a document is, from its title: where a title stands decides, not that a word occurs."""

from __future__ import annotations

from typing import NamedTuple

from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import Match
from records.documents import Kind

#: UNTDID 1001 codes of the kinds that have one.
TYPE_CODES = {
    Kind.INVOICE: "380",
    Kind.CREDIT_NOTE: "381",
    Kind.CORRECTED_INVOICE: "384",
    Kind.SELF_BILLED_INVOICE: "389",
    Kind.PRO_FORMA: "325",
}
_INVOICE_STEMS = ("rechnung", "factuur", "faktura", "facture", "fattura")


class Title(NamedTuple):
    """A title found: what it means, how sure (0 to 2, larger print counts more), where."""

    kind: Kind
    score: float
    row: Row
    first: int
    last: int


def titles(sheet: Sheet) -> list[Title]:
    """Find the words that name the document, best first."""
    usual = _usual_height(sheet)
    found: list[Title] = []
    for row in sheet.rows:
        if len(row.tokens) > 30:
            continue
        found.extend(_titles_in(row, usual, sheet))
    found.sort(key=lambda t: -t.score)
    return found


def _titles_in(row: Row, usual: float, sheet: Sheet) -> list[Title]:
    found = []
    first_page = row.page == sheet.numbers[0]
    for match in row.titles:
        begins = match.first == 0 or not row.joined[match.first]
        end = row.phrase_end(match.last - 1)
        rest = end - match.last
        tail = row.tokens[match.last : end]
        # `Invoice no. 42`, `Rechnung vom 1. Mai`: a title with its number is still a title.
        numbered = any(any(map(str.isdigit, t.text)) for t in tail) or rest == 0
        token = row.tokens[match.first]
        size = (token.bottom - token.top) / usual
        longer = any(
            m.first <= match.first and m.last > match.last and m.first < match.last
            for m in row.labels
        )
        score = (
            0.25 if not begins else 0.7 if rest == 0 else 0.55 if numbered and rest <= 6 else 0.3
        )
        if _refers(row, match) or (longer and not _numbers_credit(row, match)):
            score *= 0.45
        # `01.02.2026  Rechnung 11  119,00`: an entry of a list.
        if any(d.last <= match.first for d in row.dates) and row.figures:
            score *= 0.4
        if begins and rest == 0 and token.text.isupper() and len(token.text) > 3:
            score += 0.1
        score += min(max(size - 1.15, 0.0), 1.2) * (0.8 if begins else 0.3)
        if first_page and row.top < 0.45 * sheet.height:
            score += 0.2
        if not first_page or row.top > 0.7 * sheet.height:
            score *= 0.5
        if row.labels and rest == 0 and not longer and _has_value_right(row, match.last):
            score *= 0.6
        # `Order | Delivery note | Date`: headings over values, not titles.
        if (
            rest == 0
            and sum(m.last <= match.first or m.first >= match.last for m in row.labels) > 1
        ):
            score *= 0.5
        for sense in match.senses:
            found.append(
                Title(Kind(sense.concept), score * sense.weight, row, match.first, match.last)
            )
    return found


def _numbers_credit(row: Row, match: Match) -> bool:
    """Say whether the title begins the label of the document's number: `Avoir n° 12`.

    Only credit notes and the like: on every paper stands `Invoice no.`.
    """
    kinds = {_GROUPS.get(Kind(s.concept)) for s in match.senses}
    return kinds == {"returned"} and any(
        m.first == match.first and any(s.concept == "invoice_number" for s in m.senses)
        for m in row.labels
    )


def _refers(row: Row, match: Match) -> bool:
    """Say whether the words name another invoice: `Original invoice`."""
    return any(
        m.first <= match.first and m.last >= match.last and "preceding_invoice_ref" in m.concepts
        for m in row.labels
    )


def _has_value_right(row: Row, last: int) -> bool:
    return last < len(row.tokens) and any(map(str.isdigit, row.tokens[last].text))


def _usual_height(sheet: Sheet) -> float:
    heights = sorted(r.tokens[0].bottom - r.tokens[0].top for r in sheet.rows)
    return max(heights[len(heights) // 2], 1.0) if heights else 10.0


_RANK = {
    Kind.REMINDER: 0.12,
    Kind.CREDIT_NOTE: 0.1,
    Kind.CORRECTED_INVOICE: 0.15,
    Kind.SELF_BILLED_INVOICE: 0.3,
    Kind.PRO_FORMA: 0.25,
    Kind.ACCOUNT_STATEMENT: 0.1,
    Kind.ORDER_CONFIRMATION: 0.1,
    Kind.DELIVERY_NOTE: 0.0,
    Kind.ORDER: -0.15,
    Kind.OTHER: -0.1,
    Kind.RECEIPT: -0.05,
}


class Classified(NamedTuple):
    """What a document is, how sure (0 to 1), by which title, and what else it may well be."""

    kind: Kind
    sure: float
    title: Title | None
    rival: Title | None = None


#: Kinds that must not be taken for each other: posting one as the other costs money.
_GROUPS = {
    Kind.INVOICE: "owed",
    Kind.SELF_BILLED_INVOICE: "owed",
    Kind.CORRECTED_INVOICE: "returned",
    Kind.CREDIT_NOTE: "returned",
}


def classify(sheet: Sheet, found: list[Title]) -> Classified:
    """Say what the document is; a rival is a title of another sort that stands as firmly."""
    best: dict[Kind, Title] = {}
    for title in found:
        best.setdefault(title.kind, title)
    if not best:
        sure = 0.6 if _mentions_invoice(sheet) else 0.0
        return Classified(Kind.INVOICE if sure else Kind.UNKNOWN, sure, None)
    ranked = sorted(best.values(), key=_standing, reverse=True)
    top = ranked[0]
    if top.score < 0.5:
        # No title at all: only a plain mention of an invoice counts for anything.
        if Kind.INVOICE in best or _mentions_invoice(sheet):
            return Classified(Kind.INVOICE, 0.55, best.get(Kind.INVOICE))
        return Classified(Kind.UNKNOWN, 0.3, top)
    group = _GROUPS.get(top.kind, "other")
    rival = next(
        (
            t
            for t in ranked[1:]
            if _GROUPS.get(t.kind, "other") != group
            and (t.row is not top.row or t.first >= top.last or t.last <= top.first)
            and _standing(t) > _standing(top) - 0.12
        ),
        None,
    )
    return Classified(top.kind, min(1.0, 0.4 + top.score / 2), top, rival)


def _standing(title: Title) -> float:
    return title.score + (_RANK.get(title.kind, 0.0) if title.score > 0.5 else 0.0)


def _mentions_invoice(sheet: Sheet) -> bool:
    keys = (key for row in sheet.rows for key in row.keys)
    return any(stem in key for key in keys for stem in _INVOICE_STEMS)
