"""CodedLine: how the office booked a line before; history that coding learns from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedLine:
    """One line of a vendor's invoice as the office booked it.

    `vat_rate` in per cent. `booked_on` orders bookings in time.
    """

    id: str = ""
    vendor_id: str
    account: str
    booked_on: date | None = None
    cost_centre: str | None = None
    tax_code: str | None = None
    article_number: str | None = None
    description: str | None = None
    vat_rate: Decimal | None = None
