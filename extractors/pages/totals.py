"""Totals: net, tax, gross, prepaid and due, chosen together so that the arithmetic proves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from types import MappingProxyType

from extractors.pages.adjustments import settle_adjustments
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
from extractors.pages.chosen import Sums, Totals
from extractors.pages.deductions import withholding
from extractors.pages.exemptions import Exemption, exemption
from extractors.pages.figures import Style
from extractors.pages.included import gross_of_rates, implied_by
from extractors.pages.layout import Sheet
from extractors.pages.payable import settle_payment
from extractors.pages.steps import Steps, around_tax, with_tax_between

#: No tax is a larger part of the total that includes it: 27 % of the net is 21 % of the gross.
_LARGEST_TAX = Decimal("0.25")

#: What says that an amount between net and gross total is something else than tax.
_NO_TAX = ("charge_total", "allowance_total", "prepaid_total", "skonto", "rounding_amount")


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
    settle_payment(totals, found)
    settle_adjustments(totals, found, sums)
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
        sold = [s for s in (sums.plain, sums.reduced) if s is not None]
        steps = with_tax_between(found, taxes, sold)
        if steps is None and not best.chosen:
            steps = around_tax(found, taxes)
        if steps is not None:
            return _by_steps(steps)
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
    totals.prove(
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


def _by_steps(steps: Steps) -> Totals:
    totals = Totals(score=3.0)
    why = "what is named, or stands around the tax, leads to it"
    totals.prove(why, tax_total=steps.tax, gross_total=steps.gross)
    if steps.allowance or steps.charge:
        totals.prove(why, lines_total=steps.lines)
        totals.prove(why, allowance_total=steps.allowance, charge_total=steps.charge)
        totals.derived["net_total"] = steps.net
        totals.proved.add("net_total")
        totals.why["net_total"] = why
    else:
        totals.prove(why, net_total=steps.lines)
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
