"""PurchaseOrder, GoodsReceipt, Vendor and what else purchasing knows (UBL words)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from datetime import date as Day  # a field called `date` hides the type's own name
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One line of a purchase order in one revision.

    `quantity` in `unit`; `unit_price` net per unit in `currency`, in force
    from `valid_from` on. A line that changed appears once per revision.
    `retention_percent` of what is billed is kept back until `retention_days`
    after the invoice's date, where that was agreed.
    """

    order_id: str
    line: int
    revision: int = 1
    valid_from: date | None = None
    vendor_id: str
    order_date: date | None = None
    article_number: str | None = None
    description: str = ""
    quantity: Decimal
    unit: str | None = None
    unit_price: Decimal
    currency: str
    vat_rate: Decimal | None = None
    retention_percent: Decimal | None = None
    retention_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """A purchase order: all revisions of all its lines."""

    id: str
    vendor_id: str
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """Goods received against one order line."""

    receipt_id: str
    date: Day
    order_id: str
    order_line: int
    quantity: Decimal
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitConversion:
    """1 `from_unit` = `factor` `to_unit`, for one article or for any (None)."""

    article_number: str | None
    from_unit: str
    to_unit: str
    factor: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A vendor of the master. `ibans` are the accounts on file, verified by people.

    `routing_number` (ABA) goes with account numbers of US banks, which are no IBANs.
    """

    id: str
    name: str
    ibans: tuple[str, ...] = ()
    bic: str | None = None
    vat_id: str | None = None
    country: str | None = None
    currency: str | None = None
    terms_days: int | None = None
    skonto_percent: Decimal | None = None
    order_required: bool = False
    pays_by: str = "transfer"
    email_domains: tuple[str, ...] = ()
    category: str | None = None
    address: str | None = None
    blocked: bool = False
    ibans_changed_on: date | None = None
    routing_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer of the master."""

    id: str
    name: str
    iban: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A recurring payment without an order: rent, leasing, insurance, telecom."""

    id: str
    kind: str
    counterparty: str
    iban: str | None = None
    amount: Decimal
    currency: str = "EUR"
    contract_number: str | None = None
    vendor_id: str | None = None
    tolerance: Decimal = Decimal(0)
    owner: str | None = None
