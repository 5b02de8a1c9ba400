"""PaymentPolicy: how bold the reconciliation may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPolicy:
    """The office's own limits; the defaults suit a normal business.

    `tolerated_false_rate` is the error budget: a match is posted only when
    1 - confidence does not exceed it, else it is a suggestion. Days are
    calendar days. `overpayment_percent` (of what is open) and
    `overpayment_floor_minor` (minor units) bound what may be taken as an
    overpayment of a named invoice. `fx_tolerance_percent` bounds how far the
    bank's rate may lie from the mid rate, `charge_limit_minor` what a bank may
    keep as its charge, and `rounding_limit_minor` what is written off as
    rounding; nothing else is written off without a name. `group_size` bounds how many items one
    payment without a list may settle, `group_pool` from how many open ones.
    `return_days` is how long after a payment its return is expected where it
    names nothing.
    """

    tolerated_false_rate: float = 0.004
    run_days: int = 6
    transfer_days: int = 5
    prepayment_days: int = 30
    overpayment_percent: float = 12.0
    overpayment_floor_minor: int = 5000
    fx_tolerance_percent: float = 2.5
    charge_limit_minor: int = 5000
    rounding_limit_minor: int = 5
    group_size: int = 6
    group_pool: int = 24
    return_days: int = 70

    def __post_init__(self) -> None:
        """ValueError for a budget that is no rate."""
        if not 0 <= self.tolerated_false_rate < 1:
            raise ValueError(
                "tolerated_false_rate is a rate from 0 to below 1, e.g. 0.004, "
                f"not {self.tolerated_false_rate}"
            )
