"""Books: everything the office knows that a bank transaction can be about."""

from __future__ import annotations

from dataclasses import dataclass

from records.banking import (
    BankTransaction,
    CardSettlement,
    FxRate,
    OpenItem,
    OwnAccount,
    PaymentRun,
    PaymentRunItem,
    PayrollRun,
)
from records.purchasing import Contract, Customer, Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The books of one company, as far as its payments need them.

    `items` are receivables, payables and their credit notes, also the settled
    ones (`open` zero): returns and double payments are about those. `open` of
    None on such an item means nothing has been paid yet. Payroll runs and
    contracts may come as their own records; an OpenItem of kind payroll,
    contract or card_settlement is taken as the same thing by its id.

    `known_payers` are (account, party id) pairs of customers whose payments came
    from accounts that are not on file, as earlier nights proved by reference;
    `known_names` are (name, party id) pairs of payers without an account.

    `forbidden` holds (transaction id, item id) pairs that a person has undone:
    they never come back.
    """

    own_accounts: tuple[OwnAccount, ...] = ()
    vendors: tuple[Vendor, ...] = ()
    customers: tuple[Customer, ...] = ()
    items: tuple[OpenItem, ...] = ()
    payment_runs: tuple[PaymentRun, ...] = ()
    payment_run_items: tuple[PaymentRunItem, ...] = ()
    card_settlements: tuple[CardSettlement, ...] = ()
    payroll_runs: tuple[PayrollRun, ...] = ()
    contracts: tuple[Contract, ...] = ()
    fx_rates: tuple[FxRate, ...] = ()
    known_payers: tuple[tuple[str, str], ...] = ()
    known_names: tuple[tuple[str, str], ...] = ()
    forbidden: frozenset[tuple[str, str]] = frozenset()


#: A transaction with the id the store gave it.
IdentifiedTransaction = tuple[str, BankTransaction]
