"""Statement, BankTransaction, and what may settle them (ISO 20022 words).

Sign rule, everywhere: money coming in is positive, money going out negative,
after reversals (RvslInd, MT940 RC/RD) have been applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from datetime import date as Day  # a field called `date` hides the type's own name
from decimal import Decimal

from records.findings import Finding
from records.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionDetail:
    """One part of a batch-booked entry (TxDtls), by the sign rule above.

    `original_amount` and `charges` are the part's own, as those of an entry.
    """

    amount: Money
    end_to_end_id: str | None = None
    mandate_id: str | None = None
    counterparty_name: str | None = None
    counterparty_account: str | None = None
    remittance: str = ""
    bank_reference: str | None = None
    transaction_code: str | None = None
    return_reason: str | None = None
    original_amount: Money | None = None
    charges: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransaction:
    """One booked movement (Ntry).

    `account` is the own account's IBAN, or the bank's number where there is
    none. `bank_reference` is AcctSvcrRef or the `//` part of :61:.
    `transaction_code` is `DOMAIN-FAMILY-SUBFAMILY`, with `-B` for a batch, or
    the bank's own code. `status` is BOOK, PDNG, INFO or FUTR. `batch_id` is
    PmtInfId. `original_amount` is the instructed amount in its own currency.
    `charges` are what the bank took, money out; they may be within the amount
    or booked by themselves. `details` are the parts of a batch.
    """

    account: str
    booking_date: date | None = None
    value_date: date | None = None
    amount: Money
    status: str = "BOOK"
    reversal: bool = False
    counterparty_name: str | None = None
    counterparty_account: str | None = None
    remittance: str = ""
    end_to_end_id: str | None = None
    mandate_id: str | None = None
    batch_id: str | None = None
    bank_reference: str | None = None
    transaction_code: str | None = None
    return_reason: str | None = None
    original_amount: Money | None = None
    charges: Money | None = None
    details: tuple[TransactionDetail, ...] = ()

    @property
    def fee_of_parts(self) -> Money | None:
        """Return what the bank kept of the parts' sum; None unless the parts prove the amount.

        Zero where they come to it; else the charges that the bank printed, of
        the entry or of its parts, must be the very difference.
        """
        currency = self.amount.currency
        if not self.details or any(d.amount.currency != currency for d in self.details):
            return None
        kept = self.amount.amount - sum(d.amount.amount for d in self.details)
        charges = [d.charges for d in self.details if d.charges is not None]
        told = {Decimal(0), sum((c.amount for c in charges if c.currency == currency), Decimal(0))}
        if self.charges is not None and self.charges.currency == currency:
            told.add(self.charges.amount)
        return Money(kept, currency) if kept in told else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What proves the transactions that came before it in a reader's stream.

    A page of a longer statement (60M/62M, PgNb) has `intermediate_opening` or
    `intermediate_closing` set. `entry_sum` is over BOOK entries. `kind` is
    camt.053, camt.052, camt.054, mt940, mt942, ofx, qif, bai2, csv or xlsx.
    """

    account: str
    currency: str | None
    kind: str
    number: str | None = None
    page: int | None = None
    opening: Money | None = None
    closing: Money | None = None
    opening_date: date | None = None
    closing_date: date | None = None
    intermediate_opening: bool = False
    intermediate_closing: bool = False
    entry_count: int = 0
    entry_sum: Decimal = Decimal(0)
    findings: tuple[Finding, ...] = ()

    @property
    def balanced(self) -> bool | None:
        """Say whether opening + entries = closing; None when a balance is missing."""
        if self.opening is None or self.closing is None:
            return None
        return self.opening.amount + self.entry_sum == self.closing.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAccount:
    """One of our bank accounts; `routing_number` (ABA) where it is at a US bank."""

    id: str
    iban: str
    bic: str | None = None
    currency: str = "EUR"
    label: str = ""
    routing_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """Something a bank transaction can settle.

    `kind`: ap_invoice, ap_credit_note, ar_invoice, ar_credit_note, payroll,
    contract, card_settlement. `gross` is signed like the cash that settles
    it: receivables positive, payables negative. `open` is what is left, same
    sign; None means not limited (a contract). `skonto_percent` of gross may be
    deducted when paid until `skonto_until`.
    """

    id: str
    kind: str
    party_id: str | None = None
    party_name: str = ""
    party_iban: str | None = None
    party_vat_id: str | None = None
    number: str | None = None
    structured_ref: str | None = None
    order_ref: str | None = None
    issue_date: date | None = None
    due_date: date | None = None
    gross: Money
    open: Money | None = None
    skonto_percent: Decimal | None = None
    skonto_until: date | None = None
    pays_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRun:
    """A payment file of ours (pain.001 or pain.008)."""

    id: str
    kind: str
    execution_date: date
    account_id: str
    batch_id: str | None = None
    count: int
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRunItem:
    """One item paid or collected by a run."""

    run_id: str
    end_to_end_id: str
    item_id: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSettlement:
    """A card processor's pay-out: gross less fee is the net on the account."""

    id: str
    processor: str
    date: Day
    gross: Decimal
    fee: Decimal
    net: Decimal
    currency: str = "EUR"
    items: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PayrollRun:
    """One payroll batch."""

    id: str
    date: Day
    batch_id: str
    count: int
    total: Decimal
    currency: str = "EUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """A mid rate: one unit of `currency` in EUR on `date`."""

    date: Day
    currency: str
    eur_per_unit: Decimal
