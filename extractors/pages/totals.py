"""Totals: net, tax, gross, prepaid and due, chosen together so that the arithmetic proves them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from extractors.pages.figures import Figure, Style
from extractors.pages.layout import Row, Sheet

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
    }
)
#: Rates in force somewhere in Europe or nearby, for plain numbers in a rate column.
_RATES = frozenset(
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
    """One row of the tax breakdown; `proved` when rate times base is the tax."""

    rate: Decimal | None
    basis: Occurrence | None
    tax: Occurrence | None
    percent: Figure | None
    row: Row
    proved: bool


@dataclass(slots=True)
class Totals:
    """What was chosen. An amount without an occurrence follows from the others."""

    chosen: dict[str, Occurrence] = field(default_factory=dict)
    derived: dict[str, Decimal] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    why: dict[str, str] = field(default_factory=dict)
    taxes: list[TaxRow] = field(default_factory=list)
    score: float = 0.0

    def value(self, name: str) -> Decimal | None:
        """Return an amount, printed or derived."""
        held = self.chosen.get(name)
        return held.value if held else self.derived.get(name)


class Sums(NamedTuple):
    """What the invoice lines add up to; `plain` ignores allowances printed under lines."""

    plain: Decimal | None
    reduced: Decimal | None
    count: int

    def has(self, value: Decimal) -> bool:
        """Say whether the lines add up to `value`, up to a cent per line of rounding."""
        slack = CENT * max(1, self.count // 4)
        return any(
            s is not None and abs(abs(s) - abs(value)) <= slack for s in (self.plain, self.reduced)
        )


def choose(sheet: Sheet, style: Style, taken: frozenset[int], sums: Sums) -> Totals:
    """Choose the totals of a document; `taken` are the rows of its invoice lines."""
    found = list(_occurrences(sheet, style, taken))
    taxes = _distinct(_tax_rows(found))
    totals = _triple(found, taxes, sums)
    _settle_payment(totals, found)
    _settle_adjustments(totals, found, sums)
    totals.taxes = _agreeing(taxes, totals)
    return totals


# -- amounts and their labels


def _occurrences(sheet: Sheet, style: Style, taken: frozenset[int]) -> Iterator[Occurrence]:
    above: list[tuple[Row, float, float, str, float, str]] = []
    page = -1
    for row in sheet.rows:
        if row.page != page:
            page, above = row.page, []
        hits = []
        for match in row.labels:
            concepts = {s.concept: s.weight for s in match.senses if s.concept in _AMOUNTS}
            if concepts:
                hits.append((match, concepts))
        if row.index not in taken:
            yield from _in_row(sheet, row, hits, above, style)
        above = [a for a in above if row.top - a[0].bottom < 110]
        for match, concepts in hits:
            if row.index in taken:
                break
            x0, x1 = row.tokens[match.first].x0, row.tokens[match.last - 1].x1
            # A label with its own amount beside it does not head a column.
            beside = any(0 <= f.first - match.last <= 2 and f.is_money for f in row.figures)
            if not beside:
                for concept, weight in concepts.items():
                    above.append((row, x0, x1, concept, weight, match.key))


def _in_row(
    sheet: Sheet,
    row: Row,
    hits: Sequence[tuple[object, dict[str, float]]],
    above: Sequence[tuple[Row, float, float, str, float, str]],
    style: Style,
) -> Iterator[Occurrence]:
    figures = [f for f in row.figures if not f.percent]
    for at, figure in enumerate(figures):
        concepts: dict[str, float] = {}
        label = ""
        left = [(m, c) for m, c in hits if m.last <= figure.first]  # type: ignore[attr-defined]
        if left:
            match, senses = left[-1]
            since = [f for f in figures[:at] if f.first >= match.last]  # type: ignore[attr-defined]
            until = next(
                (m.first for m, _ in hits if m.first >= figure.last),  # type: ignore[attr-defined]
                len(row.tokens),
            )
            later = [
                f
                for f in figures[at + 1 :]
                if f.first < until and (f.is_money or not figure.is_money)
            ]
            money_since = [f for f in since if f.is_money or not figure.is_money]
            gap = figure.x0 - row.tokens[match.last - 1].x1  # type: ignore[attr-defined]
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
            )  # type: ignore[attr-defined]
            if between > 3:
                strength *= 0.75
            rated = any(match.last <= f.first < figure.first for f in row.figures if f.percent)
            for concept, weight in senses.items():
                # `incl. VAT 21 % 680.56`: with a rate between them the amount is the tax.
                if rated and concept in {"gross_total", "net_total"} and "tax_total" in senses:
                    weight *= 0.3
                concepts[concept] = weight * strength
            label = match.key  # type: ignore[attr-defined]
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
        if not figure.is_money and not any(w >= 0.6 for w in concepts.values()):
            if not any(f.percent for f in row.figures):
                continue
        yield Occurrence(row, figure, figure.read(style), concepts, label)


# -- tax breakdown


def _tax_rows(found: Iterable[Occurrence]) -> Iterator[TaxRow]:
    by_row: dict[int, list[Occurrence]] = {}
    for item in found:
        by_row.setdefault(item.row.index, []).append(item)
    for items in by_row.values():
        row = items[0].row
        money = [i for i in items if i.figure.is_money or i.value != i.value.to_integral()]
        if not money:
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
                if not i.figure.sign and abs(i.value) in _RATES and i.value != 0
            ]
        for rate, percent in rates:
            if rate > 30:
                continue
            pair = _pair(money, rate, percent)
            if pair:
                yield TaxRow(rate, pair[0], pair[1], percent, row, True)
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
    for base in usable:
        for tax in usable:
            if base is tax or base.value == 0 or abs(tax.value) >= abs(base.value):
                continue
            if abs(abs(base.value) * rate / 100 - abs(tax.value)) <= Decimal("0.0101"):
                return base, tax
    return None


def _distinct(rows: Iterable[TaxRow]) -> list[TaxRow]:
    """Drop rows that repeat a rate and tax already seen; keep the one with a base."""
    best: dict[tuple[Decimal | None, Decimal | None], TaxRow] = {}
    for row in rows:
        key = (row.rate, abs(row.tax.value) if row.tax else None)
        if key not in best or (row.proved and not best[key].proved):
            best[key] = row
    return list(best.values())


def _agreeing(taxes: Sequence[TaxRow], totals: Totals) -> list[TaxRow]:
    """Keep the breakdown only if it explains the tax total (EN 16931 BR-CO-14)."""
    tax = totals.value("tax_total")
    if tax is None or not taxes:
        return []
    for rows in ([t for t in taxes if t.proved], list(taxes)):
        if (
            rows
            and abs(sum((abs(t.tax.value) for t in rows if t.tax), Decimal(0)) - abs(tax)) <= CENT
        ):
            return rows
    return []


# -- net + tax = gross


def _ranked(
    found: Iterable[Occurrence], weights: dict[str, float]
) -> list[tuple[float, Occurrence]]:
    best: dict[Decimal, tuple[float, Occurrence]] = {}
    found = list(found)
    priced = any(item.figure.is_money for item in found)
    for item in found:
        if priced and not item.figure.is_money:
            continue
        score = max((item.concepts.get(c, 0) * w for c, w in weights.items()), default=0.0)
        if score <= 0.15:
            continue
        held = best.get(item.value)
        if held is None or held[0] < score:
            best[item.value] = (score, item)
    return sorted(best.values(), key=lambda pair: -pair[0])[:14]


def _triple(found: list[Occurrence], taxes: list[TaxRow], sums: Sums) -> Totals:
    gross = _ranked(found, {"gross_total": 1.0, "amount_due": 0.8, "total": 0.95})
    net = _ranked(found, {"net_total": 1.0, "lines_total": 0.75, "total": 0.5})
    tax = _ranked(found, {"tax_total": 1.0})
    by_value = {item.value: (score, item) for score, item in tax}
    proved = [t for t in taxes if t.proved and t.tax is not None]
    parts = sum((abs(t.tax.value) for t in proved if t.tax), Decimal(0))
    bases = sum((abs(t.basis.value) for t in proved if t.basis), Decimal(0))
    every = sum((abs(t.tax.value) for t in taxes if t.tax), Decimal(0))
    amounts = {item.value: item for item in found if item.figure.is_money}
    named = {o.value for o in found if o.figure.is_money and o.concepts.get("gross_total", 0) > 0.9}
    best = Totals()
    for gross_score, g in gross:
        for net_score, n in net:
            difference = g.value - n.value
            if g.value == 0 or n.value == 0 or (difference and (difference > 0) != (g.value > 0)):
                continue
            score, why, chosen = 0.0, "", None
            t = by_value.get(difference) or by_value.get(-difference)
            if t is not None and difference != 0:
                chosen, score = t[1], 1.4 + t[0]
                why = "net and tax add up to gross"
            elif difference == 0:
                if t is not None:
                    chosen, score = t[1], 1.2 + t[0]
                    why = "net equals gross and the tax is printed as zero"
                else:
                    continue
            elif len(taxes) > 1 and abs(abs(difference) - every) <= CENT:
                score, why = 1.5, "the tax rows explain the difference of net and gross"
            elif difference in amounts and len(amounts) < 40:
                rate = difference / n.value * 100
                if not any(abs(rate - r) < Decimal("0.15") for r in _RATES if r):
                    continue
                chosen, score, why = amounts[difference], 1.0, "net and tax add up to gross"
            elif parts and abs(abs(difference) - parts) <= CENT:
                score, why = 1.2, "the tax rows explain the difference of net and gross"
            else:
                continue
            confirmations = 0
            if parts and abs(parts - abs(difference)) <= CENT:
                score += 0.8
                confirmations += 1
                if abs(bases - abs(n.value)) <= CENT:
                    score += 0.4
            elif (
                difference
                and n.value
                and any(
                    abs(abs(n.value) * t2.rate / 100 - abs(difference)) <= Decimal("0.02")
                    for t2 in taxes
                    if t2.rate
                )
            ):
                score += 0.6
                confirmations += 1
            if sums.count and (sums.has(n.value) or sums.has(g.value)):
                score += 0.7
                confirmations += 1
            score += gross_score + net_score
            # Another amount is called gross and this one is not: it may be a sum on the way.
            if named and g.value not in named:
                score -= 1.2
            if score > best.score:
                best = Totals(score=score)
                best.chosen = {"net_total": n, "gross_total": g}
                if chosen is not None:
                    best.chosen["tax_total"] = chosen
                else:
                    best.derived["tax_total"] = difference
                best.proved = {"net_total", "tax_total", "gross_total"}
                best.why = dict.fromkeys(best.proved, why)
                if (confirmations == 0 and score < 3.2) or (named and g.value not in named):
                    best.doubtful = {"gross_total"}
    if best.chosen:
        _due_instead_of_gross(best, found)
        return best
    return _by_label(gross, net, tax, taxes, sums)


def _due_instead_of_gross(best: Totals, found: list[Occurrence]) -> None:
    """Prefer the printing of the gross total that says so; the value is the same."""
    value = best.chosen["gross_total"].value
    same = [o for o in found if o.value == value]
    best.chosen["gross_total"] = max(
        same, key=lambda o: (o.concepts.get("gross_total", 0), o.concepts.get("total", 0))
    )


def _by_label(
    gross: list[tuple[float, Occurrence]],
    net: list[tuple[float, Occurrence]],
    tax: list[tuple[float, Occurrence]],
    taxes: list[TaxRow],
    sums: Sums,
) -> Totals:
    """Choose by labels alone; only the sum of the lines can still prove the gross total."""
    totals = Totals()
    if not gross:
        return totals
    matching = [(s, g) for s, g in gross if sums.count and sums.has(g.value) and g.value]
    top_score, top = matching[0] if matching else gross[0]
    totals.chosen["gross_total"] = top
    totals.score = top_score
    taxed = [t for t in tax if t[1].value != 0 and t[0] >= 0.5]
    if matching and not taxed:
        totals.proved = {"gross_total"}
        totals.why["gross_total"] = "the lines add up to it and no tax is printed"
        totals.score += 0.7
        if any(t[1].value == 0 for t in tax) or any(
            n[0] >= 0.7 and n[1].value == top.value for n in net
        ):
            totals.derived["net_total"] = top.value
    else:
        rivals = [g for s, g in gross if s > top_score - 0.25 and g.value != top.value]
        # One total that every label agrees on needs no arithmetic; anything else does.
        if rivals or top_score < 0.9 or taxed:
            totals.doubtful.add("gross_total")
        totals.why["gross_total"] = f"printed beside '{top.label}'; no sum confirms it"
        if matching and taxed:
            totals.why["gross_total"] = "the lines add up to it, but tax and net do not confirm it"
        # Tax included: what the one rate leaves is the net total.
        for score, t in taxed:
            if score >= 0.7 and abs(t.value) < abs(top.value):
                base = top.value - t.value
                for row in taxes:
                    if row.rate and abs(abs(base) * row.rate / 100 - abs(t.value)) <= Decimal(
                        "0.011"
                    ):
                        totals.chosen["tax_total"] = t
                        totals.derived["net_total"] = base
                        totals.proved = {"gross_total", "tax_total", "net_total"}
                        totals.doubtful.clear()
                        why = f"{row.rate} % of {base} is the tax printed"
                        totals.why = dict.fromkeys(totals.proved, why)
                        return totals
    if taxed and taxed[0][0] >= 0.9 and "gross_total" not in totals.proved:
        totals.chosen["tax_total"] = taxed[0][1]
        totals.doubtful.add("tax_total")
    return totals


# -- prepaid, due, allowances


def _settle_payment(totals: Totals, found: list[Occurrence]) -> None:
    gross = totals.value("gross_total")
    if gross is None:
        return
    due = [(s, o) for s, o in _ranked(found, {"amount_due": 1.0}) if o.figure.is_money]
    paid = [(s, o) for s, o in _ranked(found, {"prepaid_total": 1.0}) if o.figure.is_money]
    rounding = _ranked(found, {"rounding_amount": 1.0})
    shifts: list[tuple[Decimal, Occurrence | None]] = [(Decimal(0), None)]
    shifts += [(r.value, r) for _, r in rounding if 0 < abs(r.value) < 1]
    for _, d in due:
        for _, p in paid:
            for shift, r in shifts:
                if p.value != 0 and abs(gross) - abs(p.value) + shift == abs(d.value):
                    why = "gross less prepaid is the amount due"
                    _prove(totals, why, amount_due=d, prepaid_total=p, rounding_amount=r)
                    return
    for _, d in due:
        for shift, r in shifts:
            if abs(gross + shift) == abs(d.value):
                _prove(totals, "follows from the gross total", amount_due=d, rounding_amount=r)
                return
    explained = {totals.value(n) for n in ("net_total", "tax_total", "gross_total", "lines_total")}
    strong = [d for score, d in due if score >= 0.8 and d.value not in explained]
    if strong:
        totals.chosen["amount_due"] = strong[0]
        totals.doubtful.add("amount_due")
        totals.why["amount_due"] = "printed as due, but gross and payments do not explain it"
    elif not [p for score, p in paid if score >= 0.6 and p.value != 0]:
        totals.derived["amount_due"] = gross
        totals.why["amount_due"] = "no payment is printed, so the gross total is due"


def _prove(totals: Totals, why: str, **chosen: Occurrence | None) -> None:
    for name, occurrence in chosen.items():
        if occurrence is not None:
            totals.chosen[name] = occurrence
            totals.proved.add(name)
            totals.why[name] = why


def _settle_adjustments(totals: Totals, found: list[Occurrence], sums: Sums) -> None:
    """Find lines total, allowances and charges such that they lead to net or gross total."""
    sold = [s for s in (sums.plain, sums.reduced) if s is not None]
    lines = [o for s, o in _ranked(found, {"lines_total": 1.0, "net_total": 0.6}) if s >= 0.5]
    # A printed sum that the lines prove comes first; then any printed one.
    lines.sort(key=lambda o: (o.value not in sold, -o.concepts.get("lines_total", 0)))
    starts: list[tuple[Decimal, Occurrence | None]] = [(o.value, o) for o in lines]
    starts += [(s, None) for s in sold]
    subtracted = [o for s, o in _ranked(found, {"allowance_total": 1.0}) if s >= 0.4 and o.value]
    added = [o for s, o in _ranked(found, {"charge_total": 1.0}) if s >= 0.4 and o.value]
    goals = [g for g in (totals.value("net_total"), totals.value("gross_total")) if g is not None]
    for goal in goals:
        for start, occurrence in starts:
            if start == goal and start in sold:
                if occurrence is not None and occurrence.concepts.get("lines_total", 0) >= 0.5:
                    _prove(totals, "the lines add up to it", lines_total=occurrence)
                return
    for goal in goals:
        for start, occurrence in starts:
            for a in (None, *subtracted):
                for c in (None, *added):
                    less = abs(a.value) if a else Decimal(0)
                    more = abs(c.value) if c else Decimal(0)
                    if (a or c) and abs(start) - less + more == abs(goal):
                        if occurrence is None:
                            totals.derived["lines_total"] = start
                        why = "leads from the sum of the lines to the total"
                        _prove(
                            totals, why, lines_total=occurrence, allowance_total=a, charge_total=c
                        )
                        return
    _settle_unnamed(totals, found, starts)


def _settle_unnamed(
    totals: Totals,
    found: list[Occurrence],
    starts: Sequence[tuple[Decimal, Occurrence | None]],
) -> None:
    """Take an amount with an unknown label for the step from lines total to net total."""
    goal = totals.chosen.get("net_total")
    if goal is None:
        return
    for start, occurrence in starts:
        step = goal.value - start
        if not step or occurrence is None or not 0 < goal.row.index - occurrence.row.index <= 4:
            continue
        for item in found:
            between = occurrence.row.index < item.row.index < goal.row.index
            if between and item.figure.is_money and abs(item.value) == abs(step):
                why = "leads from the sum of the lines to the net total"
                if step < 0:
                    _prove(totals, why, lines_total=occurrence, allowance_total=item)
                else:
                    _prove(totals, why, lines_total=occurrence, charge_total=item)
                return
