"""What to pay in the next run: due items, discounts worth taking, credit notes netted.

A proposal is never a payment: a person releases it. Money goes to the account
on file, whatever an invoice prints.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from matching.duplicates import number_forms
from matching.vendors import VendorDirectory, VendorGroup
from records.banking import OpenItem
from records.findings import Finding, finding
from records.invoices import Party
from records.money import Money, digits_of, round_half_up

_ZERO = Decimal(0)
#: What stands behind an item's id in the id of the part kept back of it.
KEPT_BACK = "/retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRules:
    """When the office pays.

    `interest_percent` is what its money costs a year: a discount is worth
    taking when it earns more than that. `transfer_days` is how long before a
    date money must leave to arrive in time. `smallest` is the least amount
    worth a transfer, in the payment's currency. For `cool_off_days` after a
    vendor's accounts on file changed nothing is paid to it.
    """

    interest_percent: Decimal = Decimal("8")
    transfer_days: int = 1
    smallest: Decimal = Decimal("1.00")
    cool_off_days: int = 7


#: UNTDID 4461 (BT-81): the vendor collects, by direct debit or by a bill drawn on us.
_COLLECTED = frozenset({"49", "59", "70"})
#: UNTDID 4461: it was paid on the spot.
_PAID = {"10": "cash", "48": "card", "54": "card", "55": "card"}


def paid_by(means_code: str | None) -> str | None:
    """Return how an invoice says it is paid (`dd`, `card`, `cash`); None leaves it to the vendor.

    What is collected, or was paid at the till, must not be transferred as well.
    """
    if means_code in _COLLECTED:
        return "dd"
    return _PAID.get(means_code or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedItem:
    """One item of a payment; `amount` as paid: positive, credit notes negative.

    `discount` is what is kept back by right; `reason` says why now.
    """

    item_id: str
    number: str | None
    amount: Money
    discount: Money
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentProposal:
    """One transfer to one vendor in one currency.

    `iban` is the account on file; with a `routing_number` one of a US bank.
    """

    vendor_id: str
    payee: str
    iban: str
    bic: str | None
    amount: Money
    execution_date: date
    routing_number: str | None = None
    items: tuple[ProposedItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An item that is the same invoice as the item with the id `of`."""

    item: OpenItem
    of: str


def propose_payments(
    items: Iterable[OpenItem],
    vendors: VendorDirectory,
    *,
    on: date,
    next_run: date,
    today: date | None = None,
    rules: PaymentRules | None = None,
) -> tuple[tuple[PaymentProposal, ...], tuple[Finding, ...]]:
    """Propose transfers for the run of `on`, when the next one is on `next_run`.

    `today` is the day it is decided on, which a cool-off counts to; None means
    `on`, the day the bank executes it.

    `items` are payables as they stand open: negative what we owe, credit notes
    positive; `without_held` and `without_copies` took out what must wait. An item is taken when it
    falls due, or its discount lapses, before the next run could pay it. Credit
    notes reduce a payment, the oldest first, but never turn it around. What
    vendors collect themselves is left to them. Findings name what should be
    paid and cannot, and what an invoice alone says is paid otherwise.
    """
    terms = rules or PaymentRules()
    by_payee: dict[tuple[str, str], list[OpenItem]] = defaultdict(list)
    problems: list[Finding] = []
    for item in items:
        if _open(item) == 0 or not item.kind.startswith("ap_"):
            continue
        group = _group(item, vendors)
        if group is None:
            problems.append(
                finding("unknown_vendor", where=f"open item {item.id}", actual=item.party_name)
            )
            continue
        if (item.pays_by or group.main.pays_by) == "transfer":
            by_payee[group.id, item.gross.currency].append(_with_terms(item, group))
        elif group.main.pays_by == "transfer" and (item.due_date or date.min) < next_run:
            where = f"open item {item.id}"
            expected = f"a transfer to {group.id} {group.main.name}"
            problems.append(
                finding("paid_otherwise", where=where, expected=expected, actual=item.pays_by)
            )
    proposals: list[PaymentProposal] = []
    for (group_id, _), owed in by_payee.items():
        group = vendors.group_of(group_id)
        assert group is not None
        chosen = _chosen(owed, on, next_run, terms)
        if not chosen:
            continue
        problem = _unpayable(group, today or on, terms)
        if problem is not None:
            problems.append(problem)
            continue
        proposal = _proposal(group, chosen, on, terms)
        if proposal is not None:
            proposals.append(proposal)
    return tuple(proposals), tuple(problems)


def without_held(
    items: Iterable[OpenItem], held: Iterable[tuple[str, str]], vendors: VendorDirectory
) -> tuple[tuple[OpenItem, ...], tuple[Finding, ...]]:
    """Leave out what a held document is about; `held` are their (vendor id, invoice number).

    The office's books may list an invoice that is held here, under a number
    typed differently.
    """
    waiting: set[tuple[str, str]] = set()
    for vendor_id, number in held:
        group = vendors.group_of(vendor_id)
        waiting |= {(group.id if group else vendor_id, form) for form in number_forms(number)}
    kept: list[OpenItem] = []
    problems: list[Finding] = []
    for item in items:
        if waiting.isdisjoint(_names(item, vendors)):
            kept.append(item)
        elif _open(item):
            problems.append(
                finding("payable_held", where=f"open item {item.id}", actual=item.number)
            )
    return tuple(kept), tuple(problems)


def without_copies(
    items: Iterable[OpenItem], vendors: VendorDirectory
) -> tuple[tuple[OpenItem, ...], tuple[Copy, ...]]:
    """Leave out every item that another of the same vendor, number and amount came before.

    The caller's order says which one stays: those settled or being paid must
    be among the items and come first, since paying a paid invoice again is the
    dearest mistake.
    """
    given = list(items)
    # What was kept back of an invoice is part of the amount that a copy shows as one.
    whole: dict[str, Decimal] = defaultdict(Decimal)
    for item in given:
        whole[item.id.removesuffix(KEPT_BACK)] += item.gross.amount
    first: dict[tuple[str, str, Decimal], str] = {}
    kept: list[OpenItem] = []
    copies: list[Copy] = []
    for item in given:
        base = item.id.removesuffix(KEPT_BACK)
        keys = [(*name, whole[base]) for name in _names(item, vendors)]
        earlier = next((first[key] for key in keys if key in first), base)
        if earlier == base:
            first.update((key, base) for key in keys)
            kept.append(item)
        else:
            copies.append(Copy(item=item, of=earlier))
    told = {copy.of: copy.item.pays_by for copy in copies if copy.item.pays_by}
    return tuple(_paid_as(told, item) for item in kept), tuple(copies)


def _paid_as(told: Mapping[str, str], item: OpenItem) -> OpenItem:
    """Return the item with what its copy says of how it is paid, unless it says so itself."""
    means = told.get(item.id.removesuffix(KEPT_BACK))
    return dataclasses.replace(item, pays_by=means) if means and item.pays_by is None else item


def _names(item: OpenItem, vendors: VendorDirectory) -> list[tuple[str, str]]:
    group = _group(item, vendors) if item.kind.startswith("ap_") else None
    if group is None or not item.number:
        return []
    return [(group.id, form) for form in number_forms(item.number)]


def retained(item: OpenItem, amount: Decimal, until: date) -> tuple[OpenItem, OpenItem]:
    """Split an item nobody paid yet into what is due as agreed and what is kept back.

    Retention is a residual of the same invoice with its own due date, not a
    short payment. `amount` is positive. The retained part earns no discount.
    Raises ValueError when more would be retained than is owed.
    """
    owed, currency = item.gross.amount, item.gross.currency
    sign = 1 if owed > 0 else -1
    if amount <= 0 or amount > abs(owed):
        raise ValueError(f"cannot retain {amount} of {abs(owed)}")
    now = dataclasses.replace(item, gross=Money(owed - sign * amount, currency), open=None)
    later = dataclasses.replace(
        item,
        id=f"{item.id}{KEPT_BACK}",
        gross=Money(sign * amount, currency),
        open=None,
        due_date=until,
        skonto_percent=None,
        skonto_until=None,
    )
    return now, later


def discount_rate(percent: Decimal, days_early: int) -> Decimal:
    """Return what a discount earns a year, in per cent, for paying `days_early` days sooner.

    2 % for paying 20 days early earns 2/98 in 20 days: 37.2 % a year. Paying no
    earlier than due costs nothing, so the rate has no upper end there.
    """
    if percent >= 100 or days_early <= 0:
        return Decimal("Infinity")
    return percent / (100 - percent) * 365 / days_early * 100


def _open(item: OpenItem) -> Decimal:
    return item.gross.amount if item.open is None else item.open.amount


def _chosen(
    owed: Sequence[OpenItem], on: date, next_run: date, rules: PaymentRules
) -> list[ProposedItem]:
    """Pick what must go now, then the credit notes that fit into it."""
    arrival = on + timedelta(days=rules.transfer_days)
    too_late = next_run + timedelta(days=rules.transfer_days)
    picked: list[ProposedItem] = []
    for item in sorted(owed, key=lambda x: (x.due_date or date.min, x.id)):
        if _open(item) > 0:
            continue
        lapses = item.skonto_until
        discount = _discount(item) if lapses and lapses >= arrival else _ZERO
        deadline, reason = item.due_date, "due at once"
        if deadline:
            reason = f"due {deadline.isoformat()}"
        if discount and lapses:
            early = (deadline - lapses).days if deadline else 0
            if discount_rate(item.skonto_percent or _ZERO, early) > rules.interest_percent:
                deadline = min(deadline, lapses) if deadline else lapses
                reason = f"discount until {lapses.isoformat()}"
        if deadline is None or deadline < too_late:
            picked.append(_item(item, discount, reason))
    total = sum((p.amount.amount for p in picked), _ZERO)
    credits = sorted(
        (x for x in owed if _open(x) > 0), key=lambda x: (x.issue_date or date.min, x.id)
    )
    for credit in credits:
        if _open(credit) < total:
            picked.append(_item(credit, _ZERO, "credit note netted"))
            total -= _open(credit)
    return picked


def _discount(item: OpenItem) -> Decimal:
    """Return the discount on what is open, without sign; none on a part already paid."""
    if not item.skonto_percent or _open(item) != item.gross.amount:
        return _ZERO
    amount = abs(item.gross.amount) * item.skonto_percent / 100
    return round_half_up(amount, digits_of(item.gross.currency))


def _item(item: OpenItem, discount: Decimal, reason: str) -> ProposedItem:
    currency = item.gross.currency
    return ProposedItem(
        item_id=item.id,
        number=item.number,
        amount=Money(-_open(item) - discount, currency),
        discount=Money(discount, currency),
        reason=reason,
    )


def _group(item: OpenItem, vendors: VendorDirectory) -> VendorGroup | None:
    """Return whom the item is owed to; where books name no vendor, by VAT id and name.

    Never by the account an invoice printed: that is what a fraudster changes.
    """
    if item.party_id:
        return vendors.group_of(item.party_id)
    return vendors.identify(Party(name=item.party_name, vat_id=item.party_vat_id)).group


def _with_terms(item: OpenItem, group: VendorGroup) -> OpenItem:
    """Fill in the due date that the vendor's agreed terms give."""
    days = group.main.terms_days
    if item.due_date or days is None or item.issue_date is None:
        return item
    return dataclasses.replace(item, due_date=item.issue_date + timedelta(days=days))


def _unpayable(group: VendorGroup, on: date, rules: PaymentRules) -> Finding | None:
    where = f"vendor {group.id}"
    if any(member.blocked for member in group.members):
        return finding("blocked_vendor", where=where, actual=group.main.name)
    if not group.ibans:
        return finding("missing_field", where=where, expected="an account on file")
    changed = max((m.ibans_changed_on for m in group.members if m.ibans_changed_on), default=None)
    if changed and on < changed + timedelta(days=rules.cool_off_days):
        return finding(
            "bank_details_cooling",
            where=where,
            expected=f"unchanged for {rules.cool_off_days} days",
            actual=f"changed on {changed.isoformat()}",
        )
    return None


def _proposal(
    group: VendorGroup, chosen: Sequence[ProposedItem], on: date, rules: PaymentRules
) -> PaymentProposal | None:
    total = sum((item.amount.amount for item in chosen), _ZERO)
    if total < rules.smallest:
        return None
    payee = next(member for member in group.members if member.ibans)
    return PaymentProposal(
        vendor_id=payee.id,
        payee=payee.name,
        iban=payee.ibans[0],
        bic=payee.bic,
        amount=Money(total, chosen[0].amount.currency),
        execution_date=on,
        routing_number=payee.routing_number,
        items=tuple(chosen),
    )
