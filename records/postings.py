"""Posting: what is written into the books, with the key that makes it happen once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from datetime import date as Day  # a field called `date` hides the type's own name
from decimal import Decimal

#: What a cell or column may hold; text is never a formula.
Value = str | Decimal | date | int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingLine:
    """One balanced ledger line: debit positive, credit negative, in the posting's currency."""

    account: str
    amount: Decimal
    text: str = ""
    cost_centre: str | None = None
    tax_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a sheet or file; `key` makes it idempotent within its sheet."""

    sheet: str
    key: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One delivery to one target.

    `key` = target + subject + revision, unique for ever. `kind` is invoice,
    match, bank, exception, payables. `lines` balance to zero where there are any; `rows`
    are what tabular targets write; `attributes` what an ERP needs beyond.
    """

    key: str
    target: str
    kind: str
    subject: str
    currency: str | None = None
    date: Day | None = None
    lines: tuple[PostingLine, ...] = ()
    rows: tuple[Row, ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def balance(self) -> Decimal:
        """Return the sum of all lines; zero in a sound posting."""
        return sum((line.amount for line in self.lines), Decimal(0))
