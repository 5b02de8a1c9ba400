"""Amounts and what their labels call them; the rows of a tax breakdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from extractors.pages.figures import Figure, Style
from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import Match

CENT = Decimal("0.01")


_AMOUNTS = frozenset(
    {
        "lines_total",
        "net_total",
        "tax_total",
        "gross_total",
        "total",
        "amount_due",
        "prepaid_total",
        "rounding_amount",
        "allowance_total",
        "charge_total",
        "carry",
        "skonto",
        "withheld",
        "previous_balance",
    }
)


#: Rates in force somewhere in Europe or nearby, for plain numbers in a rate column.
RATES = frozenset(
    Decimal(r)
    for r in [
        "0",
        "1",
        "2",
        "2.1",
        "2.5",
        "2.6",
        "3",
        "3.7",
        "3.8",
        "4",
        "4.8",
        "5",
        "5.2",
        "5.5",
        "6",
        "7",
        "7.5",
        "7.7",
        "8",
        "8.1",
        "8.5",
        "9",
        "9.5",
        "10",
        "10.5",
        "11",
        "12",
        "12.5",
        "13",
        "13.5",
        "14",
        "14.5",
        "15",
        "16",
        "17",
        "18",
        "19",
        "19.6",
        "20",
        "21",
        "22",
        "23",
        "24",
        "25",
        "25.5",
        "26",
        "27",
    ]
)


class Occurrence(NamedTuple):
    """An amount on the page with the concepts its labels give it (0 to 1)."""

    row: Row
    figure: Figure
    value: Decimal
    concepts: dict[str, float]
    label: str


class TaxRow(NamedTuple):
    """One row of the tax breakdown; `proved` when rate times base is the tax.

    `gross` is the amount the tax is included in, where that is known instead of the base.
    """

    rate: Decimal
    basis: Occurrence | None
    tax: Occurrence | None
    percent: Figure
    row: Row
    proved: bool
    gross: Decimal | None = None


def occurrences(sheet: Sheet, style: Style, taken: frozenset[int]) -> Iterator[Occurrence]:
    above: list[_Above] = []
    page = -1
    for row in sheet.rows:
        if row.page != page:
            page, above = row.page, []
        hits: list[_Hit] = []
        for match in row.labels:
            if not _AMOUNTS.isdisjoint(match.concepts):
                concepts = {s.concept: s.weight for s in match.senses if s.concept in _AMOUNTS}
                hits.append(_Hit(match, concepts))
        if row.figures and row.index not in taken:
            yield from _in_row(sheet, row, hits, above, style)
        above = [a for a in above if row.top - a.row.bottom < 110]
        for match, concepts in hits:
            if row.index in taken:
                break
            # A word inside a sentence heads no column.
            if len(row.tokens) > 8 and row.joined[match.first]:
                continue
            x0, x1 = row.tokens[match.first].x0, row.tokens[match.last - 1].x1
            # A label with its own amount beside it does not head a column.
            beside = any(0 <= f.first - match.last <= 2 and f.is_money for f in row.figures)
            if not beside:
                for concept, weight in concepts.items():
                    above.append(_Above(row, x0, x1, concept, weight, match.key))


def named(
    found: Sequence[Occurrence],
    sheet: Sheet,
    style: Style,
    told: Mapping[tuple[int, int], frozenset[str]],
) -> list[Occurrence]:
    """Call figures (row, first token) what a person taught; others are it less likely."""
    known = {name for names in told.values() for name in names}
    kept = [
        o._replace(concepts={c: w * 0.6 if c in known else w for c, w in o.concepts.items()})
        for o in found
        if (o.row.index, o.figure.first) not in told
    ]
    for row in sheet.rows:
        for figure in row.figures:
            names = told.get((row.index, figure.first))
            if names:
                concepts = dict.fromkeys(names, 1.0)
                kept.append(
                    Occurrence(row, figure, figure.read(style), concepts, "what was taught")
                )
    return sorted(kept, key=lambda o: (o.row.index, o.figure.first))


class _Hit(NamedTuple):
    """A label in the row at hand, with the amounts it can mean."""

    match: Match
    concepts: dict[str, float]


class _Above(NamedTuple):
    """A label further up that may head a column of amounts."""

    row: Row
    x0: float
    x1: float
    concept: str
    weight: float
    key: str


def _in_row(
    sheet: Sheet,
    row: Row,
    hits: Sequence[_Hit],
    above: Sequence[_Above],
    style: Style,
) -> Iterator[Occurrence]:
    figures = [f for f in row.figures if not f.percent]
    for at, figure in enumerate(figures):
        concepts: dict[str, float] = {}
        label = ""
        # In `Total EUR 12.00` the currency belongs to the label as well as to the amount.
        left = [
            (m, c)
            for m, c in hits
            if m.last <= figure.first or (m.first < figure.first and m.last < figure.last)
        ]
        if left:
            match, senses = left[-1]
            since = [f for f in figures[:at] if f.first >= match.last]
            until = next(
                (m.first for m, _ in hits if m.first >= figure.last),
                len(row.tokens),
            )
            later = [
                f
                for f in figures[at + 1 :]
                if f.first < until and (f.is_money or not figure.is_money)
            ]
            money_since = [f for f in since if f.is_money or not figure.is_money]
            gap = figure.x0 - row.tokens[match.last - 1].x1
            strength = 1.0 if not later else 0.45
            if money_since and later:
                strength = 0.3
            if gap > 0.6 * sheet.width:
                strength *= 0.8
            # Words between label and amount make it a sentence rather than a total.
            between = (
                figure.first
                - match.last
                - sum(f.last - f.first for f in row.figures if match.last <= f.first < figure.first)
            )
            if between > 3 or _in_sentence(row, match, figure):
                strength *= 0.75 if between <= 5 else 0.5
            rated = any(match.last <= f.first < figure.first for f in row.figures if f.percent)
            for concept, weight in senses.items():
                # `incl. VAT 21 % 680.56`: with a rate between them the amount is the tax.
                if rated and concept in {"gross_total", "net_total"} and "tax_total" in senses:
                    weight *= 0.3
                concepts[concept] = weight * strength
            label = match.key
        nearest: dict[str, tuple[float, str]] = {}
        for other, x0, x1, concept, weight, key in reversed(above):
            if min(x1, figure.x1) - max(x0, figure.x0) <= -2:
                continue
            distance = row.top - other.bottom
            strength = weight * (0.85 if distance < 2.2 * row.height else 0.7)
            if nearest and distance > 3 * row.height and not left:
                break
            nearest.setdefault(concept, (strength, key))
        if nearest and not (
            left
            and max(concepts.values()) >= 0.9
            and not any(c in {"total", "gross_total"} for c in concepts)
        ):
            in_total_row = "total" in concepts or "gross_total" in concepts
            for concept, (strength, key) in nearest.items():
                if in_total_row and concept != "total":
                    # `Total  41.31  8.68  49.99` under headings: the heading decides.
                    concepts[concept] = max(concepts.get(concept, 0), strength + 0.1)
                else:
                    concepts[concept] = max(concepts.get(concept, 0), strength * 0.8)
                label = label or key
        telling = any(w >= 0.6 for w in concepts.values()) or any(f.percent for f in row.figures)
        if not figure.is_money and not telling:
            continue
        yield Occurrence(row, figure, figure.read(style), concepts, label)


def _in_sentence(row: Row, match: Match, figure: Figure) -> bool:
    """Say whether words run on before the label and after the amount: `… is paid 5.00 each year`."""
    start = match.first
    while start and row.joined[start]:
        start -= 1
    return match.first - start > 3 and row.phrase_end(figure.last - 1) - figure.last > 2


def tax_rows(found: Iterable[Occurrence]) -> Iterator[TaxRow]:
    by_row: dict[int, list[Occurrence]] = {}
    for item in found:
        by_row.setdefault(item.row.index, []).append(item)
    for items in by_row.values():
        row = items[0].row
        # `1.500` may be a thousand and a half or a fraction: both are amounts.
        money = [i for i in items if i.figure.is_money or not i.figure.digits.isdigit()]
        if not money or any(i.concepts.get("withheld", 0) >= 0.7 for i in items):
            continue
        rates: list[tuple[Decimal, Figure]] = [
            (abs(f.read(Style.COMMA if "," in f.digits else Style.POINT)), f)
            for f in row.figures
            if f.percent
        ]
        if not rates:
            rates = [
                (abs(i.value), i.figure)
                for i in items
                if not i.figure.sign and abs(i.value) in RATES and i.value != 0
            ]
        for rate, percent in rates:
            if rate > 30:
                continue
            pair = _pair(money, rate, percent)
            if pair:
                yield TaxRow(rate, pair[0], pair[1], percent, row, True)
                break
            around = _around(money, rate, percent) if percent.percent else None
            if around:
                yield TaxRow(rate, None, around[1], percent, row, False, around[0].value)
                break
            taxed = [i for i in money if i.concepts.get("tax_total", 0) >= 0.7]
            if percent.percent and len(taxed) == 1 and len(money) == 1:
                yield TaxRow(rate, None, taxed[0], percent, row, False)
                break


def _pair(
    money: Sequence[Occurrence], rate: Decimal, percent: Figure
) -> tuple[Occurrence, Occurrence] | None:
    usable = [i for i in money if i.figure is not percent]
    if rate == 0:
        zero = [i for i in usable if i.value == 0 and i.figure.is_money]
        base = [i for i in usable if i.value != 0]
        return (base[0], zero[0]) if zero and base and len(usable) <= 4 else None
    for basis in usable:
        for tax in usable:
            if basis is tax or basis.value == 0 or abs(tax.value) >= abs(basis.value):
                continue
            if abs(abs(basis.value) * rate / 100 - abs(tax.value)) <= Decimal("0.0101"):
                return basis, tax
    return None


def included_tax(gross: Decimal, rate: Decimal) -> Decimal:
    """Return the tax at `rate` percent that a gross amount includes, unrounded."""
    return gross * rate / (100 + rate)


def _around(
    money: Sequence[Occurrence], rate: Decimal, percent: Figure
) -> tuple[Occurrence, Occurrence] | None:
    """Find a gross amount and the tax it includes: `19 %  379,80  60,64`."""
    usable = [i for i in money if i.figure is not percent and i.value]
    if rate == 0 or len(usable) != 2:
        return None
    gross, tax = sorted(usable, key=lambda i: -abs(i.value))
    if abs(included_tax(abs(gross.value), rate) - abs(tax.value)) <= CENT:
        return gross, tax
    return None


def distinct(rows: Iterable[TaxRow]) -> list[TaxRow]:
    """Drop rows that repeat a rate and tax already seen; keep the one with a base.

    Two taxes of one rate and amount (CGST and SGST) differ by their labels.
    """
    best: dict[tuple[Decimal, Decimal | None, str], TaxRow] = {}
    proved: set[tuple[Decimal, Decimal | None]] = set()
    for row in sorted(rows, key=lambda r: not r.proved):
        key = (row.rate, abs(row.tax.value) if row.tax else None)
        if row.proved:
            proved.add(key)
            best.setdefault((*key, ""), row)
        elif key not in proved:
            best.setdefault((*key, row.tax.label if row.tax else ""), row)
    return sorted(best.values(), key=lambda r: r.row.index)


def ranked(
    found: Iterable[Occurrence], weights: dict[str, float]
) -> list[tuple[float, Occurrence]]:
    best: dict[Decimal, tuple[float, Occurrence]] = {}
    found = list(found)
    priced = any(item.figure.is_money for item in found)
    for item in found:
        if priced and not item.figure.is_money:
            continue
        if not item.concepts:
            continue
        score = max([item.concepts.get(c, 0) * w for c, w in weights.items()])
        if score <= 0.15:
            continue
        held = best.get(item.value)
        if held is None or held[0] < score:
            best[item.value] = (score, item)
    return sorted(best.values(), key=lambda pair: -pair[0])[:14]
