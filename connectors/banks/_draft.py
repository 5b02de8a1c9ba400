"""A statement while its entries stream past: what is summed, proved and noticed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from connectors.banks._values import NO_CURRENCY
from records.banking import BankTransaction, Statement
from records.findings import Finding, Severity, finding
from records.money import Money

#: So many bank references are remembered to notice a repeated one; bounds the memory.
_REMEMBERED = 100_000
#: More findings are counted, not kept: a broken file of a million lines stays small.
_KEPT = 200


class Draft:
    """Collects one statement; `close` gives the `Statement` that proves its entries.

    Only BOOK entries are summed: pending ones are not money yet.
    """

    __slots__ = (
        "_currencies",
        "_refs",
        "_unkept",
        "account",
        "booked",
        "closing",
        "closing_date",
        "count",
        "currency",
        "findings",
        "intermediate_closing",
        "intermediate_opening",
        "kind",
        "number",
        "opening",
        "opening_date",
        "page",
    )

    def __init__(self, kind: str) -> None:
        """Start an empty statement of this kind (camt.053, mt940, …)."""
        self.kind = kind
        self.account = ""
        self.currency: str | None = None
        self.number: str | None = None
        self.page: int | None = None
        self.opening: Money | None = None
        self.closing: Money | None = None
        self.opening_date: date | None = None
        self.closing_date: date | None = None
        self.intermediate_opening = False
        self.intermediate_closing = False
        self.count = 0
        self.booked = Decimal(0)
        self.findings: list[Finding] = []
        self._unkept = 0
        self._refs: set[str] = set()
        self._currencies: set[str] = set()

    @property
    def where(self) -> str:
        """Name the statement in findings."""
        return " ".join(p for p in (self.account or "account unknown", self.number) if p)

    def add(self, entry: BankTransaction) -> None:
        """Count, sum and check one entry."""
        self.count += 1
        money = entry.amount
        if entry.status == "BOOK":
            self.booked += money.amount
        if money.currency != self.currency:
            self._currencies.add(money.currency)
        reference = entry.bank_reference
        if reference is not None:
            refs = self._refs
            before = len(refs)
            refs.add(reference)
            if len(refs) == before:
                self.problem(
                    "duplicate_reference",
                    f"The bank reference {reference[:40]} occurs twice in one statement",
                )
            elif before >= _REMEMBERED:
                refs.clear()

    def only_currency(self) -> str | None:
        """Return the currency all entries so far share, where the account's is not printed."""
        known = self._currencies - {NO_CURRENCY}
        return next(iter(known)) if len(known) == 1 else None

    def problem(
        self,
        code: str,
        message: str = "",
        *,
        expected: object = None,
        actual: object = None,
        severity: Severity | None = None,
    ) -> None:
        """Note a finding about the entry added last, or the one about to be added."""
        self.note(
            finding(
                code,
                where=f"{self.where}, entry {self.count}" if self.count else self.where,
                message=message,
                expected=expected,
                actual=actual,
                severity=severity,
            )
        )

    def note(self, observed: Finding) -> None:
        """Keep a finding; beyond a limit only blocking ones of a new code and the number."""
        if len(self.findings) < _KEPT or (
            observed.blocks and all(f.code != observed.code for f in self.findings)
        ):
            self.findings.append(observed)
        else:
            self._unkept += 1

    def close(self) -> Statement:
        """Finish: prove opening + entries = closing, and say what is missing."""
        if not self.account:
            self.note(finding("account_unknown", where=self.where))
        self._check_currencies()
        self._check_balance()
        if self._unkept:
            more = f"{self._unkept} more findings of this statement are not listed"
            self.findings.append(
                finding("entry_malformed", where=self.where, message=more, severity=Severity.NOTE)
            )
        return Statement(
            account=self.account,
            currency=self.currency,
            kind=self.kind,
            number=self.number,
            page=self.page,
            opening=self.opening,
            closing=self.closing,
            opening_date=self.opening_date,
            closing_date=self.closing_date,
            intermediate_opening=self.intermediate_opening,
            intermediate_closing=self.intermediate_closing,
            entry_count=self.count,
            entry_sum=self.booked,
            findings=tuple(self.findings),
        )

    def _check_currencies(self) -> None:
        seen = self._currencies | {m.currency for m in (self.opening, self.closing) if m}
        known = seen - {NO_CURRENCY, self.currency or ""}
        if NO_CURRENCY in seen:
            self.note(finding("currency_unknown", where=self.where))
        if known and (self.currency is not None or len(known) > 1):
            others = ", ".join(sorted(known)[:5])
            self.note(
                finding("mixed_currencies", where=self.where, expected=self.currency, actual=others)
            )

    def _check_balance(self) -> None:
        if self.opening is None or self.closing is None:
            return
        reached = self.opening.amount + self.booked
        if reached != self.closing.amount:
            self.note(
                finding(
                    "statement_unbalanced",
                    where=self.where,
                    expected=f"closing {self.closing.amount}",
                    actual=f"opening {self.opening.amount} + entries {self.booked} = {reached}",
                )
            )
