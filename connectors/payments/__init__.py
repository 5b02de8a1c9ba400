"""Payment files: orders to a bank as bytes. Nothing here sends anything.

One writer per format (`pain001`, `nacha`), each a pure function from a
`PaymentFile` to bytes. What a format cannot say exactly is refused with
`Unwritable`; amounts, accounts and references are never bent to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from records.money import Money


class Unwritable(ValueError):
    """The file cannot say this exactly; the text names the transfer and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A structured postal address (ISO 20022 PstlAdr); `town` and `country` at least."""

    town: str
    country: str
    street: str | None = None
    building: str | None = None
    post_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose account: an IBAN, or with a `routing_number` (ABA) an account of a US bank."""

    name: str
    number: str
    bic: str | None = None
    routing_number: str | None = None
    address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One payment. `amount` is positive; `remittance` are the numbers it pays.

    `creditor_reference` is an ISO 11649 reference (RF…), which then replaces
    the text.
    """

    end_to_end_id: str
    payee: Account
    amount: Money
    remittance: str = ""
    creditor_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFile:
    """One file: transfers from one account on one day.

    `id` names message and batch, at most 35 characters. `made_at` is aware.
    `company_id` identifies the payer to a US bank.
    """

    id: str
    payer: Account
    execution_date: date
    made_at: datetime
    transfers: tuple[Transfer, ...]
    company_id: str | None = None

    @property
    def total(self) -> Decimal:
        """Return the sum of all transfers."""
        return sum((t.amount.amount for t in self.transfers), Decimal(0))


def check_file(given: PaymentFile, currency: str) -> None:
    """Refuse what no format may carry: no transfers, another currency, an id used twice."""
    if not given.transfers:
        raise Unwritable(f"{given.id} has no transfers.")
    seen: set[str] = set()
    for one in given.transfers:
        if one.amount.currency != currency:
            raise Unwritable(f"{one.end_to_end_id} is in {one.amount.currency}, not {currency}.")
        if one.amount.amount <= 0 or one.amount != one.amount.rounded():
            raise Unwritable(f"{one.end_to_end_id}: {one.amount.amount} is no amount to transfer.")
        if one.end_to_end_id in seen:
            raise Unwritable(f"the end-to-end id {one.end_to_end_id} is used twice.")
        seen.add(one.end_to_end_id)
