"""Chosen: the amounts taken for the totals, what proves them, and what the lines add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from extractors.pages.amounts import CENT, Occurrence, TaxRow
from extractors.pages.exemptions import Exemption


@dataclass(slots=True)
class Totals:
    """What was chosen. An amount without an occurrence follows from the others."""

    chosen: dict[str, Occurrence] = field(default_factory=dict)
    derived: dict[str, Decimal] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    why: dict[str, str] = field(default_factory=dict)
    taxes: list[TaxRow] = field(default_factory=list)
    exempt: Exemption | None = None
    score: float = 0.0

    def value(self, name: str) -> Decimal | None:
        """Return an amount, printed or derived."""
        held = self.chosen.get(name)
        return held.value if held else self.derived.get(name)

    def prove(self, why: str, **chosen: Occurrence | None) -> None:
        """Take printed amounts that a sum proves; None where there is none."""
        for name, occurrence in chosen.items():
            if occurrence is not None:
                self.chosen[name] = occurrence
                self.proved.add(name)
                self.why[name] = why


class Sums(NamedTuple):
    """What the invoice lines add up to; `plain` ignores allowances printed under lines.

    `by_rate` adds them up per VAT rate; it is empty where a line names none.
    """

    plain: Decimal | None
    reduced: Decimal | None
    lines: int
    by_rate: tuple[tuple[Decimal, Decimal], ...] = ()

    def equals(self, value: Decimal) -> bool:
        """Say whether the lines add up to `value` to the cent."""
        return any(s is not None and abs(s) == abs(value) for s in (self.plain, self.reduced))

    def has(self, value: Decimal) -> bool:
        """Say whether the lines add up to `value`, up to a cent per line of rounding."""
        slack = CENT * max(1, self.lines // 4)
        return any(
            s is not None and abs(abs(s) - abs(value)) <= slack for s in (self.plain, self.reduced)
        )
