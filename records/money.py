"""Money: a Decimal with its ISO 4217 currency, and the rounding rules."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

#: Minor-unit digits that differ from two (ISO 4217, amendment 176).
_DIGITS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    "CLF": 4,
    "UYW": 4,
}


def digits_of(currency: str) -> int:
    """Return how many decimals the currency's minor unit has (EUR 2, JPY 0, KWD 3)."""
    return _DIGITS.get(currency, 2)


def round_half_up(amount: Decimal, digits: int = 2) -> Decimal:
    """Round commercially: halves go away from zero, as invoices and tax offices do."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency.

    `amount` is any Decimal (never a float); `currency` an ISO 4217 code.
    Arithmetic between two currencies raises ValueError.
    """

    amount: Decimal
    currency: str

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Money:
        """Build from integer minor units, as the database stores them (1234 EUR -> 12.34)."""
        return cls(Decimal(minor).scaleb(-digits_of(currency)), currency)

    @property
    def minor(self) -> int:
        """Return integer minor units; ValueError when the amount has a finer fraction."""
        scaled = self.amount.scaleb(digits_of(self.currency))
        whole = int(scaled)
        if whole != scaled:
            raise ValueError(f"{self} has more decimals than {self.currency} allows")
        return whole

    def rounded(self) -> Money:
        """Round half up to the currency's minor unit."""
        return Money(round_half_up(self.amount, digits_of(self.currency)), self.currency)

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")
        return other.amount

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.amount), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount:,.{max(digits_of(self.currency), 0)}f} {self.currency}"
