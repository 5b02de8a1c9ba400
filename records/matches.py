"""Match and Allocation: what settles what, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from records.findings import Finding
from records.money import Money

#: Cash of a batch's parts that nothing explains yet; it stays open on the line.
UNEXPLAINED = "unexplained"


class Decision(StrEnum):
    """What the program does with a match by itself."""

    POST = "post"
    SUGGEST = "suggest"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Allocation:
    """Cash of one bank transaction applied to one item; signed like the transaction."""

    item_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Cash of a transaction that is no item (fee, overpayment), or an item's write-off.

    `kind`: overpayment, double_payment, return_fee, card_fee, chargeback_fee,
    bank_fee, the category of a batch's part without an item, or `UNEXPLAINED`
    as cash; skonto_writeoff, bank_charge, deduction, short_payment,
    fx_and_charges, rounding as what an item is short by. tax_correction and
    realised_difference follow from those when they are booked.
    """

    kind: str
    amount: Money
    is_cash: bool
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rival explanation that was not taken, and why."""

    item_ids: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Rest:
    """What the cash of a batch that is not posted may settle, for a person to accept.

    Both come to that cash together; what nothing explains is `UNEXPLAINED`.
    """

    allocations: tuple[Allocation, ...]
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What one bank transaction settles.

    sum(allocations) + sum(cash adjustments) == the transaction's amount, when
    there is any allocation. `category` is one of the corpus categories
    (settlement, return, refund, chargeback, card_settlement, payroll,
    recurring, double_payment, transfer, fee, interest, tax, unknown).
    `confidence` is the calibrated probability that all of it is right; of a
    batch, that of its least certain part. `rest` is what a batch posted in
    part may settle besides.
    """

    transaction_id: str
    category: str
    allocations: tuple[Allocation, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    confidence: float = 0.0
    decision: Decision = Decision.NONE
    rule: str = ""
    reasons: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    related: tuple[str, ...] = ()
    rest: Rest | None = None

    @property
    def is_partial(self) -> bool:
        """Say whether parts of a batch are still without an explanation."""
        return any(a.kind == UNEXPLAINED for a in self.adjustments)


@dataclass(frozen=True, slots=True)
class OrderAllocation:
    """Quantity and net amount of one invoice line placed on one order line.

    `quantity` is in the order line's unit; `amount` in the invoice currency.
    """

    invoice_line: int
    order_id: str
    order_line: int
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Netted:
    """What an invoice sets off of prepayments, positive, as it was booked with them.

    `lines` are the invoice lines that deduct it, whose totals are lower by it
    already; () where only the amount due is (BT-113).
    """

    net: Decimal
    tax: Decimal
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept back of an invoice as agreed: gross, positive, owed on `until`."""

    amount: Decimal
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceMatch:
    """The result of matching one invoice against vendors, orders and receipts.

    `status`: matched, exception, non_po. An exception has at least one
    blocking Finding; `exceptions` are the codes in the corpus's words.
    `prepayment` says that it asks for money before anything is delivered.
    """

    invoice_id: str
    status: str
    vendor_id: str | None = None
    allocations: tuple[OrderAllocation, ...] = ()
    findings: tuple[Finding, ...] = ()
    confidence: float = 0.0
    duplicate_of: str | None = None
    reasons: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    prepayment: bool = False
    netted: Netted | None = None
    retention: Retention | None = None

    @property
    def exceptions(self) -> tuple[str, ...]:
        """Return the codes of the blocking Findings, each once, in order."""
        return tuple(dict.fromkeys(f.code for f in self.findings if f.blocks))
