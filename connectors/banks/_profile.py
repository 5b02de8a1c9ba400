"""Profile: how one bank prints its tables (CSV, XLSX)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column (from 0) holds what; None where the table has no such column.

    Either `amount` is signed (or signed by `direction`, whose cells say credit
    or debit), or `debit` and `credit` stand apart, signed or not. `payer_name`
    is where payer and payee stand apart, and then `counterparty_name` is the
    payee. `balance` is the running balance: not read, but it proves the rows.
    `account` is our own.
    """

    booking_date: int
    value_date: int | None = None
    amount: int | None = None
    direction: int | None = None
    debit: int | None = None
    credit: int | None = None
    currency: int | None = None
    counterparty_name: int | None = None
    payer_name: int | None = None
    counterparty_account: int | None = None
    remittance: tuple[int, ...] = ()
    end_to_end_id: int | None = None
    mandate_id: int | None = None
    bank_reference: int | None = None
    transaction_code: int | None = None
    original_amount: int | None = None
    original_currency: int | None = None
    account: int | None = None
    balance: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One bank's table.

    `header` is the row of column titles that recognises the table; empty for a
    table without one. `decimal` is the decimal sign, the other of point and
    comma groups thousands. `date_order` tells 03/04/2026 apart. `sign` is
    `inverted` where money going out is printed positive (many card exports).
    `account` and `currency` are used where the file does not print them.
    `name` is what a person calls it; None marks a guess nobody confirmed.
    """

    columns: Columns
    name: str | None = None
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    header: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    date_order: Literal["dmy", "mdy", "ymd"] | None = None
    sign: Literal["as_printed", "inverted"] = "as_printed"
    account: str | None = None
    currency: str | None = None
    reasons: tuple[str, ...] = field(default=())

    def is_header(self, row: list[str]) -> bool:
        """Say whether the row is this table's header."""
        return bool(self.header) and tuple(c.strip() for c in row) == self.header
