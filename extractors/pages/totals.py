"""Totals: net, tax, gross, prepaid and due, chosen together so that the arithmetic proves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from extractors.pages.amounts import (
    CENT,
    RATES,
    Occurrence,
    TaxRow,
    distinct,
    named,
    occurrences,
    ranked,
    tax_rows,
)
from extractors.pages.deductions import earlier_balance, withholding
from extractors.pages.exemptions import Exemption, exemption
from extractors.pages.figures import Style
from extractors.pages.included import gross_of_rates, implied_by
from extractors.pages.layout import Sheet

#: No tax is a larger part of the total that includes it: 27 % of the net is 21 % of the gross.
_LARGEST_TAX = Decimal("0.25")

#: What says that an amount between net and gross total is something else than tax.
_NO_TAX = ("charge_total", "allowance_total", "prepaid_total", "skonto", "rounding_amount")


@dataclass(slots=True)
class Totals:
    """What was chosen. An amount without an occurrence follows from the others."""

    chosen: dict[str, Occurrence] = field(default_factory=dict)
    derived: dict[str, Decimal] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    why: dict[str, str] = field(default_factory=dict)
    taxes: list[TaxRow] = field(default_factory=list)
    exempt: Exemption | None = None
    score: float = 0.0

    def value(self, name: str) -> Decimal | None:
        """Return an amount, printed or derived."""
        held = self.chosen.get(name)
        return held.value if held else self.derived.get(name)


class Sums(NamedTuple):
    """What the invoice lines add up to; `plain` ignores allowances printed under lines.

    `by_rate` adds them up per VAT rate; it is empty where a line names none.
    """

    plain: Decimal | None
    reduced: Decimal | None
    lines: int
    by_rate: tuple[tuple[Decimal, Decimal], ...] = ()

    def equals(self, value: Decimal) -> bool:
        """Say whether the lines add up to `value` to the cent."""
        return any(s is not None and abs(s) == abs(value) for s in (self.plain, self.reduced))

    def has(self, value: Decimal) -> bool:
        """Say whether the lines add up to `value`, up to a cent per line of rounding."""
        slack = CENT * max(1, self.lines // 4)
        return any(
            s is not None and abs(abs(s) - abs(value)) <= slack for s in (self.plain, self.reduced)
        )


def choose(
    sheet: Sheet,
    style: Style,
    taken: frozenset[int],
    sums: Sums,
    told: Mapping[tuple[int, int], frozenset[str]] = MappingProxyType({}),
) -> Totals:
    """Choose the totals of a document; `taken` are the rows of its invoice lines.

    `told` names figures (row, first token) that a person taught.
    """
    found = list(occurrences(sheet, style, taken))
    if told:
        found = named(found, sheet, style, told)
    taxes = distinct(tax_rows(found))
    totals = _triple(found, taxes, sums)
    _settle_payment(totals, found)
    _settle_adjustments(totals, found, sums)
    totals.taxes = totals.taxes or _agreeing(taxes, totals)
    if not any(item.value for score, item in ranked(found, {"tax_total": 1.0}) if score >= 0.5):
        _settle_exemption(totals, exemption(sheet, taken))
    return totals


def _settle_exemption(totals: Totals, said: Exemption | None) -> None:
    """Take the tax for zero where the page says that none is charged and prints none."""
    gross, tax = totals.value("gross_total"), totals.value("tax_total")
    if said is None or gross is None or tax or "gross_total" in totals.doubtful:
        return
    totals.exempt = said
    if tax is None and totals.value("net_total") in {None, gross}:
        totals.derived |= {"tax_total": Decimal(0), "net_total": gross}
        why = f"no tax is printed and the page says '{said.text[:80]}'"
        totals.why |= dict.fromkeys(("tax_total", "net_total"), why)


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


def _triple(found: list[Occurrence], taxes: list[TaxRow], sums: Sums) -> Totals:
    gross = ranked(found, {"gross_total": 1.0, "amount_due": 0.8, "total": 0.95})
    net = ranked(found, {"net_total": 1.0, "lines_total": 0.75, "total": 0.5})
    tax = ranked(found, {"tax_total": 1.0})
    by_value = {item.value: (score, item) for score, item in tax}
    proved = [t for t in taxes if t.proved and t.tax is not None]
    parts = sum((abs(t.tax.value) for t in proved if t.tax), Decimal(0))
    bases = sum((abs(t.basis.value) for t in proved if t.basis), Decimal(0))
    every = sum((abs(t.tax.value) for t in taxes if t.tax), Decimal(0))
    amounts = {item.value: item for item in found if item.figure.is_money}
    named = {o.value for o in found if o.figure.is_money and o.concepts.get("gross_total", 0) > 0.9}
    best = Totals()
    shifts = [Decimal(0)]
    shifts += [o.value for _, o in ranked(found, {"rounding_amount": 1.0}) if 0 < abs(o.value) < 1]
    for (gross_score, g), (net_score, n), shift in product(gross, net, shifts):
        difference = g.value - shift - n.value
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
            if not _may_be_tax(amounts[difference], n.value):
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
        if _led_to(n.value, found, sums) or sums.has(g.value):
            score += 0.7
            confirmations += 1
        # What is rounded is the amount to pay (BT-114); a gross total that is rounded is rare.
        score += gross_score + net_score - (1.5 if shift else 0)
        # Without tax every sum on the way equals itself: only the last one is the total.
        passed = not difference and _is_passed(g, found)
        if passed:
            score -= 1.0
        # Another amount is called gross and this one is not: it may be a sum on the way.
        if named and g.value not in named:
            score -= 1.2
        if score > best.score:
            best = Totals(score=score)
            best.chosen = {"net_total": n, "gross_total": g}
            if chosen is not None and chosen.value == difference:
                best.chosen["tax_total"] = chosen
            else:
                best.derived["tax_total"] = difference
            best.proved = {"net_total", "tax_total", "gross_total"}
            best.why = dict.fromkeys(best.proved, why)
            if passed or (confirmations == 0 and score < 3.2) or (named and g.value not in named):
                best.doubtful = {"gross_total"}
    if best.doubtful or not best.chosen:
        included = _included(gross, by_value, taxes, sums)
        if included is not None:
            _due_instead_of_gross(included, found)
            return included
        less = _less_withheld(found, taxes)
        if less is not None:
            return less
    if best.chosen:
        _due_instead_of_gross(best, found)
        return best
    return _by_label(found, gross, net, tax, taxes, sums)


def _may_be_tax(item: Occurrence, net: Decimal) -> bool:
    """Say whether an amount that nothing calls tax is one: of a rate in force, and no charge."""
    if max((item.concepts.get(c, 0) for c in _NO_TAX), default=0) >= 0.5:
        return False
    rates = [r for r in RATES if r]
    return any(abs(net * rate / 100 - item.value) <= 3 * CENT for rate in rates)


def _less_withheld(found: list[Occurrence], taxes: list[TaxRow]) -> Totals | None:
    """Take the gross total from net and tax where the printed total lacks what was withheld."""
    sums = withholding(found, taxes)
    if sums is None:
        return None
    totals = Totals(score=3.0)
    why = "net and tax, less the tax withheld at its rate, are the amount to pay"
    _prove(
        totals,
        why,
        net_total=sums.net,
        tax_total=sums.tax,
        prepaid_total=sums.withheld,
        amount_due=sums.due,
    )
    totals.derived["gross_total"] = sums.gross
    totals.proved.add("gross_total")
    totals.why["gross_total"] = why
    return totals


def _included(
    gross: list[tuple[float, Occurrence]],
    by_value: dict[Decimal, tuple[float, Occurrence]],
    taxes: list[TaxRow],
    sums: Sums,
) -> Totals | None:
    """Prove a gross total that includes tax at several rates: `of which VAT 19 % 60.64`."""
    rows = [t for t in taxes if t.tax is not None and t.tax.value]
    if len(rows) < 2 or len({t.rate for t in rows}) < len(rows):
        return None
    tax = sum((abs(t.tax.value) for t in rows if t.tax), Decimal(0))
    for score, g in gross:
        if score < 0.5 or abs(g.value) <= tax:
            continue
        known = gross_of_rates(rows, abs(g.value), dict(sums.by_rate), sums.lines)
        if not known and not implied_by(rows, abs(g.value)):
            continue
        signed = tax if g.value > 0 else -tax
        totals = Totals(chosen={"gross_total": g}, score=score + 2)
        if signed in by_value:
            totals.chosen["tax_total"] = by_value[signed][1]
        else:
            totals.derived["tax_total"] = signed
        totals.derived["net_total"] = g.value - signed
        totals.proved = {"gross_total", "tax_total", "net_total"}
        why = f"the tax rows are the tax that {g.value} includes at their rates"
        totals.why = dict.fromkeys(totals.proved, why)
        totals.taxes = known or rows
        return totals
    return None


def _due_instead_of_gross(best: Totals, found: list[Occurrence]) -> None:
    """Prefer the printing of the gross total that says so; the value is the same."""
    value = best.chosen["gross_total"].value
    same = [o for o in found if o.value == value]
    best.chosen["gross_total"] = max(
        same, key=lambda o: (o.concepts.get("gross_total", 0), o.concepts.get("total", 0))
    )


def _led_to(value: Decimal, found: Sequence[Occurrence], sums: Sums) -> bool:
    """Say whether the lines, with one allowance or charge printed, add up to an amount."""
    if not sums.lines:
        return False
    if sums.has(value):
        return True
    steps = [-abs(o.value) for s, o in ranked(found, {"allowance_total": 1.0}) if s >= 0.6]
    steps += [abs(o.value) for s, o in ranked(found, {"charge_total": 1.0}) if s >= 0.6]
    return any(step and sums.equals(abs(value) - step) for step in steps)


def _is_passed(item: Occurrence, found: Sequence[Occurrence]) -> bool:
    """Say whether a larger amount that is called a total stands further down."""
    return any(
        o.row.index > item.row.index
        and o.row.page == item.row.page
        and o.figure.is_money
        and abs(o.value) > abs(item.value)
        and _is_called_gross(o)
        for o in found
    )


def _is_called_gross(item: Occurrence) -> bool:
    return max(item.concepts.get("gross_total", 0), item.concepts.get("total", 0)) >= 0.5


def _by_label(
    found: Sequence[Occurrence],
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
    matching = [(s, g) for s, g in gross if g.value and _led_to(g.value, found, sums)]
    # A sum on the way comes before what charges lead to; a sum to the cent beats one that only
    # rounding explains, and what is called due comes after.
    led = [m for _, m in matching if _is_called_gross(m)]
    matching.sort(
        key=lambda m: (
            _is_passed(m[1], led),
            not sums.equals(m[1].value),
            not _is_called_gross(m[1]),
            -m[0],
        )
    )
    top_score, top = matching[0] if matching else gross[0]
    totals.chosen["gross_total"] = top
    totals.score = top_score
    largest = abs(top.value) * _LARGEST_TAX
    taxed = [t for t in tax if t[0] >= 0.5 and 0 < abs(t[1].value) <= largest]
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


def _settle_payment(totals: Totals, found: list[Occurrence]) -> None:
    gross = totals.value("gross_total")
    if gross is None or "amount_due" in totals.proved:
        return
    due = [(s, o) for s, o in ranked(found, {"amount_due": 1.0}) if o.figure.is_money]
    paid = [(s, o) for s, o in ranked(found, {"prepaid_total": 1.0}) if o.figure.is_money]
    rounding = ranked(found, {"rounding_amount": 1.0})
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
    for score, d in due:
        # What is missing between gross and due is printed somewhere: that was paid.
        gone = abs(gross) - abs(d.value)
        if score < 0.8 or gone <= 0 or not d.value:
            continue
        for p in found:
            known = {o.value for o in totals.chosen.values()}
            if p.figure.is_money and abs(p.value) == gone and p.value not in known:
                why = "the amount due and this payment add up to the gross total"
                _prove(totals, why, amount_due=d, prepaid_total=p)
                return
    if "gross_total" in totals.proved - totals.doubtful:
        for score, d in due:
            balance = earlier_balance(found, gross, d.value, [p for _, p in paid])
            if score >= 0.8 and balance is not None:
                totals.derived["amount_due"] = gross
                totals.why["amount_due"] = (
                    f"{d.value} is asked for, with {balance} of earlier bills"
                )
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
    lines = [o for s, o in ranked(found, {"lines_total": 1.0, "net_total": 0.6}) if s >= 0.5]
    # A printed sum that the lines prove comes first; then any printed one.
    lines.sort(key=lambda o: (o.value not in sold, -o.concepts.get("lines_total", 0)))
    starts: list[tuple[Decimal, Occurrence | None]] = [(o.value, o) for o in lines]
    starts += [(s, None) for s in sold]
    subtracted = [o for s, o in ranked(found, {"allowance_total": 1.0}) if s >= 0.4 and o.value]
    added = [o for s, o in ranked(found, {"charge_total": 1.0}) if s >= 0.4 and o.value]
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
    """Take amounts with unknown labels for the steps from lines total to net total."""
    goal = totals.chosen.get("net_total")
    if goal is None:
        return
    for start, occurrence in starts:
        step = goal.value - start
        if not step or occurrence is None or not 0 < goal.row.index - occurrence.row.index <= 6:
            continue
        between = [
            item
            for item in found
            if occurrence.row.index < item.row.index < goal.row.index and item.figure.is_money
        ]
        why = "leads from the sum of the lines to the net total"
        for item in between:
            if abs(item.value) == abs(step):
                if step < 0:
                    _prove(totals, why, lines_total=occurrence, allowance_total=item)
                else:
                    _prove(totals, why, lines_total=occurrence, charge_total=item)
                return
        # All that is printed between the two, as it is signed.
        less = [item for item in between if item.value < 0]
        more = [item for item in between if item.value > 0]
        if len(less) == len(more) == 1 and less[0].value + more[0].value == step:
            _prove(totals, why, lines_total=occurrence, allowance_total=less[0])
            _prove(totals, why, charge_total=more[0])
            return
