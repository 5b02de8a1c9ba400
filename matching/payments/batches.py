"""Batches: an entry that books several payments is explained payment by payment.

Every part is a line of its own with its own reference, party and amount. Parts
count only when they prove the entry's amount; what they settle is one Match of
the entry again. What no part explains stays open on the entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from records.banking import BankTransaction, TransactionDetail
from records.matches import (
    UNEXPLAINED,
    Adjustment,
    Allocation,
    Decision,
    Match,
    Rejected,
    Rest,
)
from records.money import Money


def parts_of(entry: BankTransaction) -> tuple[BankTransaction, ...]:
    """Return the parts as movements; () unless they prove the entry's amount."""
    if not _are_payments(entry) or entry.fee_of_parts is None or flaw_of(entry):
        return ()
    return tuple(_movement(entry, d) for d in entry.details if d.amount.amount)


def _are_payments(entry: BankTransaction) -> bool:
    """Say whether the parts are payments; the splits of a single one (QIF) name nobody."""
    if entry.counterparty_name or entry.counterparty_account:
        return any(
            d.counterparty_name or d.counterparty_account or d.end_to_end_id for d in entry.details
        )
    return bool(entry.details)


def _movement(entry: BankTransaction, part: TransactionDetail) -> BankTransaction:
    code = part.transaction_code or entry.transaction_code
    return replace(
        entry,
        amount=part.amount,
        counterparty_name=part.counterparty_name,
        counterparty_account=part.counterparty_account,
        remittance=part.remittance,
        end_to_end_id=part.end_to_end_id,
        mandate_id=part.mandate_id,
        bank_reference=part.bank_reference,
        transaction_code=code.removesuffix("-B") if code else None,
        return_reason=part.return_reason or entry.return_reason,
        original_amount=part.original_amount,
        charges=part.charges,
        details=(),
    )


def flaw_of(entry: BankTransaction) -> str:
    """Say why the parts forbid to post the entry: they come to another amount; else ''.

    Parts in another currency prove nothing, and speak against nothing.
    """
    currency = entry.amount.currency
    if not _are_payments(entry) or any(d.amount.currency != currency for d in entry.details):
        return ""
    if any(d.amount != d.amount.rounded() for d in entry.details):
        return "a part of the batch has more decimals than its currency"
    if entry.fee_of_parts is not None:
        return ""
    total = sum((d.amount.amount for d in entry.details), Decimal(0))
    return f"the bank's parts come to {Money(total, currency)}, not to the amount"


def together(
    entry: BankTransaction, parts: Sequence[BankTransaction], made: Sequence[Match]
) -> Match:
    """Return the Match of an entry from those of its parts, in their order.

    The parts that may be posted are; if none may, all suggestions are shown.
    """
    posted = [n for n, m in enumerate(made) if m.decision is Decision.POST]
    likely = [n for n, m in enumerate(made) if m.allocations and n not in set(posted)]
    chosen = posted or likely
    adjustments: list[Adjustment] = []
    if chosen:
        adjustments = [a for n in chosen for a in _adjustments(parts[n], made[n])]
        fee = entry.fee_of_parts
        if fee is not None and fee.amount:
            adjustments.append(Adjustment("bank_fee", fee, True))
        adjustments += _unexplained(parts, chosen)
    rest = None
    if posted and likely:
        rest = Rest(
            tuple(a for n in likely for a in made[n].allocations),
            (
                *(a for n in likely for a in _adjustments(parts[n], made[n])),
                *_unexplained(parts, [*posted, *likely]),
            ),
        )
    return Match(
        transaction_id=made[0].transaction_id,
        category=_category([(parts[n], made[n]) for n in chosen]),
        allocations=_once_per_item(a for n in chosen for a in made[n].allocations),
        adjustments=tuple(adjustments),
        confidence=min((made[n].confidence for n in chosen), default=0.0),
        decision=_decision(posted, chosen),
        rule="batch" if chosen else "",
        reasons=(_summary(entry, len(posted), len(made)), *_told(parts, made, set(chosen))),
        rejected=tuple(_rejected(made, set(chosen))),
        related=tuple(dict.fromkeys(r for n in chosen for r in made[n].related)),
        rest=rest,
    )


def _unexplained(parts: Sequence[BankTransaction], explained: Collection[int]) -> list[Adjustment]:
    """Return the cash of the other parts as an adjustment; [] when there are none."""
    missing = [part.amount for n, part in enumerate(parts) if n not in set(explained)]
    if not missing:
        return []
    total = sum((m.amount for m in missing), Decimal(0))
    return [Adjustment(UNEXPLAINED, Money(total, missing[0].currency), True)]


def _once_per_item(allocations: Iterable[Allocation]) -> tuple[Allocation, ...]:
    """Add up what several parts pay on one item."""
    sums: dict[str, Money] = {}
    for one in allocations:
        known = sums.get(one.item_id)
        sums[one.item_id] = one.amount if known is None else known + one.amount
    return tuple(Allocation(item, amount) for item, amount in sums.items() if amount.amount)


def further(begun: Match, match: Match) -> Match | None:
    """Return what a new look at a batch posted in part adds; None unless it keeps all of that.

    What was unexplained is taken back as cash of its own, so that the rows of
    both Matches together say what the new one says; if as much still is, no rows
    are needed.
    """
    done = Counter(begun.allocations)
    told = Counter(a for a in begun.adjustments if a.kind != UNEXPLAINED)
    if (
        match.decision is not Decision.POST
        or done - Counter(match.allocations)
        or told - Counter(match.adjustments)
    ):
        return None
    before = Counter(a for a in begun.adjustments if a.kind == UNEXPLAINED)
    now = Counter(match.adjustments) - told
    back = (replace(a, amount=-a.amount) for a in (before - now).elements())
    return replace(
        match,
        allocations=tuple((Counter(match.allocations) - done).elements()),
        adjustments=(*back, *(now - before).elements()),
    )


def with_rest(begun: Match, why: str) -> Match:
    """Return the Match of a batch posted in part together with its likely rest, which it has."""
    rest = begun.rest or Rest(())
    return replace(
        begun,
        allocations=(*begun.allocations, *rest.allocations),
        adjustments=(
            *(a for a in begun.adjustments if a.kind != UNEXPLAINED),
            *rest.adjustments,
        ),
        reasons=(*begun.reasons, why),
        rest=None,
    )


def assigned(begun: Match, category: str, why: str) -> Match:
    """Return the Match of a batch posted in part, its rest booked to a category by a person."""
    return replace(
        begun,
        adjustments=tuple(
            replace(a, kind=category) if a.kind == UNEXPLAINED else a for a in begun.adjustments
        ),
        reasons=(why, *begun.reasons),
    )


def _decision(posted: Sequence[int], chosen: Sequence[int]) -> Decision:
    if posted:
        return Decision.POST
    return Decision.SUGGEST if chosen else Decision.NONE


def _adjustments(part: BankTransaction, match: Match) -> Sequence[Adjustment]:
    """Return the part's adjustments; one without any item is cash of its category."""
    if match.allocations or any(a.is_cash for a in match.adjustments):
        return match.adjustments
    return (*match.adjustments, Adjustment(match.category, part.amount, True))


def _category(chosen: Sequence[tuple[BankTransaction, Match]]) -> str:
    """Return the category of most of the money."""
    sizes: dict[str, Decimal] = {}
    for part, match in chosen:
        size = sizes.get(match.category, Decimal(0))
        sizes[match.category] = size + abs(part.amount.amount)
    return max(sizes, key=lambda c: (sizes[c], c), default="unknown")


def _summary(entry: BankTransaction, posted: int, count: int) -> str:
    fee = entry.fee_of_parts
    proof = "they come to the amount"
    if fee is not None and fee.amount:
        proof += f" less the bank's fee of {-fee}"
    if posted == count:
        return f"all {count} payments of a batch are explained; {proof}"
    return f"{posted} of {count} payments of a batch are explained, the rest stays open; {proof}"


def _told(
    parts: Sequence[BankTransaction], made: Sequence[Match], chosen: set[int]
) -> Iterable[str]:
    """Yield what was found of every part, those without an explanation first."""
    for n in sorted(range(len(made)), key=lambda n: (n in chosen, n)):
        who = parts[n].counterparty_name or "unnamed"
        why = "; ".join(made[n].reasons) or "another explanation was surer"
        yield f"payment {n + 1}, {parts[n].amount} of {who}: {why}"


def _rejected(made: Sequence[Match], chosen: set[int]) -> Iterable[Rejected]:
    for n, match in enumerate(made):
        if n not in chosen and match.allocations:
            items = tuple(a.item_id for a in match.allocations)
            yield Rejected(items, f"likely for payment {n + 1}, not sure enough to post")
        yield from match.rejected
