"""Payable: what is left to pay of the gross total, after payments and with earlier balances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from extractors.pages.amounts import Occurrence, ranked
from extractors.pages.chosen import Totals
from extractors.pages.deductions import earlier_balance

#: A smaller part of the gross total is a discount for paying early rather than a payment.
_SMALLEST_PAYMENT = Decimal("0.1")


def settle_payment(totals: Totals, found: list[Occurrence]) -> None:
    """Choose payments and the amount due (EN 16931 BT-113, BT-115); unexplained, it is doubtful."""
    gross = totals.value("gross_total")
    if gross is None or "amount_due" in totals.proved:
        return
    due = [(s, o) for s, o in ranked(found, {"amount_due": 1.0}) if o.figure.is_money]
    paid = [(s, o) for s, o in ranked(found, {"prepaid_total": 1.0}) if o.figure.is_money]
    settled = (
        _less_paid(totals, gross, due, paid, found)
        or _with_earlier_balance(totals, gross, due, paid, found)
        or _paid_too_much(totals, gross, found)
    )
    if settled:
        return
    unclear = _contradicting(totals, due) or _left_over(totals, gross, found)
    if unclear is not None:
        totals.chosen["amount_due"] = unclear
        totals.doubtful.add("amount_due")
        totals.why["amount_due"] = "printed as due, but gross and payments do not explain it"
    elif not [p for score, p in paid if score >= 0.6 and p.value != 0]:
        totals.derived["amount_due"] = gross
        totals.why["amount_due"] = "no payment is printed, so the gross total is due"


_Ranked = Sequence[tuple[float, Occurrence]]


def _less_paid(
    totals: Totals, gross: Decimal, due: _Ranked, paid: _Ranked, found: Sequence[Occurrence]
) -> bool:
    shifts: list[tuple[Decimal, Occurrence | None]] = [(Decimal(0), None)]
    rounding = ranked(found, {"rounding_amount": 1.0})
    shifts += [(r.value, r) for _, r in rounding if 0 < abs(r.value) < 1]
    for _, d in due:
        for _, p in paid:
            for shift, r in shifts:
                if p.value != 0 and abs(gross) - abs(p.value) + shift == abs(d.value):
                    why = "gross less prepaid is the amount due"
                    totals.prove(why, amount_due=d, prepaid_total=p, rounding_amount=r)
                    return True
    for _, d in due:
        for shift, r in shifts:
            if abs(gross + shift) == abs(d.value):
                totals.prove("follows from the gross total", amount_due=d, rounding_amount=r)
                return True
    for score, d in due:
        # What is missing between gross and due is printed somewhere: that was paid.
        gone = abs(gross) - abs(d.value)
        if score < 0.8 or gone <= 0 or not d.value:
            continue
        for p in found:
            known = {o.value for o in totals.chosen.values()}
            if p.figure.is_money and abs(p.value) == gone and p.value not in known:
                why = "the amount due and this payment add up to the gross total"
                totals.prove(why, amount_due=d, prepaid_total=p)
                return True
        # Several instalments stand between the two.
        if sum((abs(p.value) for p in _between(totals, d, found)), Decimal(0)) == gone:
            why = "the amount due and the payments over it add up to the gross total"
            totals.prove(why, amount_due=d)
            totals.derived["prepaid_total"] = gone
            totals.why["prepaid_total"] = why
            return True
    return False


def _between(totals: Totals, due: Occurrence, found: Sequence[Occurrence]) -> Iterator[Occurrence]:
    """Yield the negative amounts between the gross total and what is due."""
    gross = totals.chosen.get("gross_total")
    for item in found:
        inside = gross is not None and gross.row.index < item.row.index < due.row.index
        if inside and item.figure.is_money and item.value < 0:
            yield item


def _with_earlier_balance(
    totals: Totals, gross: Decimal, due: _Ranked, paid: _Ranked, found: Sequence[Occurrence]
) -> bool:
    if "gross_total" not in totals.proved - totals.doubtful:
        return False
    for score, d in due:
        balance = earlier_balance(found, gross, d.value, [p for _, p in paid])
        if score >= 0.8 and balance is not None:
            totals.derived["amount_due"] = gross
            totals.why["amount_due"] = f"{d.value} is asked for, with {balance} of earlier bills"
            return True
    return False


def _paid_too_much(totals: Totals, gross: Decimal, found: Sequence[Occurrence]) -> bool:
    """Find a payment larger than the gross total whose rest is printed: that is owed to us."""
    below = _below(totals, found)
    for p in below:
        rest = abs(gross) - abs(p.value)
        if rest < 0 and any(abs(d.value) == -rest for d in below if d.row.index > p.row.index):
            why = f"{abs(p.value)} was paid, more than the gross total"
            totals.prove(why, prepaid_total=p)
            totals.derived["amount_due"] = rest
            totals.why["amount_due"] = why
            totals.proved.add("amount_due")
            return True
    return False


def _below(totals: Totals, found: Sequence[Occurrence]) -> list[Occurrence]:
    """Return the amounts under the gross total on its page that are no other total or tax."""
    gross = totals.chosen.get("gross_total")
    if gross is None:
        return []
    known = {o.value for o in totals.chosen.values()} | set(totals.derived.values())
    for row in totals.taxes:
        known |= {o.value for o in (row.basis, row.tax) if o is not None}
    return [
        o
        for o in found
        if o.row.page == gross.row.page
        and o.row.index > gross.row.index
        and o.figure.is_money
        and o.value
        and o.value not in known
    ]


def _contradicting(totals: Totals, due: _Ranked) -> Occurrence | None:
    """Return what is called due and explained by nothing."""
    known = {totals.value(n) for n in ("net_total", "tax_total", "gross_total", "lines_total")}
    for score, d in due:
        # A column's heading may reach down to other totals; a label beside it may not.
        sole = not any(d.concepts.get(c, 0) >= 0.5 for c in ("net_total", "tax_total", "total"))
        if score >= 0.8 and (d.value not in known or (score >= 0.95 and sole)):
            return d
    return None


def _left_over(totals: Totals, gross: Decimal, found: Sequence[Occurrence]) -> Occurrence | None:
    """Return an amount that is left of the gross total after another, whatever they are called."""
    below = _below(totals, found)
    for p in below:
        if p.concepts.get("skonto", 0) or abs(p.value) < _SMALLEST_PAYMENT * abs(gross):
            continue
        for d in below:
            if d.row.index > p.row.index and abs(gross) - abs(p.value) == abs(d.value):
                return d
    return None
