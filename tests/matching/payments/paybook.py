"""Small books and bank lines for tests, written as short rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from matching.payments import Books, IdentifiedTransaction
from records.banking import (
    BankTransaction,
    CardSettlement,
    FxRate,
    OpenItem,
    OwnAccount,
    PaymentRun,
    PaymentRunItem,
    PayrollRun,
    TransactionDetail,
)
from records.money import Money
from records.purchasing import Contract, Customer, Vendor

OWN = OwnAccount(id="main", iban="DE02120300000000202051")
SAVINGS = OwnAccount(id="savings", iban="DE02500105170137075030")
DAY = date(2026, 3, 2)


def money(text: str, currency: str = "EUR") -> Money:
    """Return an amount."""
    return Money(Decimal(text), currency)


def item(
    item_id: str,
    gross: str,
    *,
    party: str = "Kunde Eins GmbH",
    number: str | None = None,
    issue: date = DAY - timedelta(days=20),
    due: date | None = None,
    currency: str = "EUR",
    skonto: str | None = None,
    until: date | None = None,
    open: str | None = None,
    iban: str | None = None,
    order: str | None = None,
    rf: str | None = None,
) -> OpenItem:
    """Return an open item; its side is read off the id, its type off the sign."""
    side = item_id[:2].lower()
    positive = Decimal(gross) > 0
    invoice = positive == (side == "ar")
    return OpenItem(
        id=item_id,
        kind=f"{side}_{'invoice' if invoice else 'credit_note'}",
        party_id=None if side == "ap" else f"C-{party}",
        party_name=party,
        party_iban=iban,
        number=number or item_id,
        structured_ref=rf,
        order_ref=order,
        issue_date=issue,
        due_date=due or issue + timedelta(days=30),
        gross=money(gross, currency),
        open=None if open is None else money(open, currency),
        skonto_percent=None if skonto is None else Decimal(skonto),
        skonto_until=until,
    )


def line(
    line_id: str,
    amount: str,
    text: str = "",
    *,
    name: str | None = None,
    iban: str | None = None,
    day: date = DAY,
    currency: str = "EUR",
    account: str = OWN.iban,
    end_to_end: str | None = None,
    batch: str | None = None,
    mandate: str | None = None,
    code: str | None = None,
    original: str | None = None,
    charges: str | None = None,
    reversal: bool = False,
    parts: Sequence[Mapping[str, str]] = (),
) -> IdentifiedTransaction:
    """Return a bank line with its id; `charges` and what a batch's `parts` say as text."""
    return line_id, BankTransaction(
        account=account,
        booking_date=day,
        value_date=day,
        amount=money(amount, currency),
        counterparty_name=name,
        counterparty_account=iban,
        remittance=text,
        end_to_end_id=end_to_end,
        batch_id=batch,
        mandate_id=mandate,
        transaction_code=code,
        original_amount=money(*original.split()) if original else None,
        charges=money(charges, currency) if charges else None,
        reversal=reversal,
        details=tuple(part(currency=currency, **one) for one in parts),
    )


def part(
    amount: str,
    text: str = "",
    *,
    currency: str = "EUR",
    name: str | None = None,
    iban: str | None = None,
    end_to_end: str | None = None,
    original: str | None = None,
    charges: str | None = None,
    reason: str | None = None,
) -> TransactionDetail:
    """Return one payment of a batch."""
    return TransactionDetail(
        amount=money(amount, currency),
        remittance=text,
        counterparty_name=name,
        counterparty_account=iban,
        end_to_end_id=end_to_end,
        original_amount=money(*original.split()) if original else None,
        charges=money(charges, currency) if charges else None,
        return_reason=reason,
    )


def books(items: Sequence[OpenItem], **more: Any) -> Books:
    """Return books with our two accounts and these items."""
    return Books(own_accounts=(OWN, SAVINGS), items=tuple(items), **more)


def load_cases(path: Path) -> list[Mapping[str, Any]]:
    """Read the cases of a YAML file."""
    cases: list[Mapping[str, Any]] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return cases


def case_books(case: Mapping[str, Any]) -> Books:
    """Build the books of a case."""
    return books(
        [item(row["id"], row["gross"], **_rest(row, "id", "gross")) for row in case["items"]],
        vendors=tuple(
            Vendor(
                id=v["id"], name=v["name"], ibans=(v["iban"],), pays_by=v.get("pays_by", "transfer")
            )
            for v in case.get("vendors", ())
        ),
        customers=tuple(
            Customer(id=f"C-{c['name']}", name=c["name"], iban=c.get("iban"))
            for c in case.get("customers", ())
        ),
        payment_runs=tuple(
            PaymentRun(
                id=r["id"],
                kind=r.get("kind", "pain.001"),
                execution_date=r["day"],
                account_id="main",
                batch_id=r.get("batch"),
                count=len(r["rows"]),
                total=money(str(sum(Decimal(x["amount"]) for x in r["rows"]))),
            )
            for r in case.get("runs", ())
        ),
        payment_run_items=tuple(
            PaymentRunItem(
                run_id=r["id"],
                end_to_end_id=x["end_to_end"],
                item_id=x["item"],
                amount=money(x["amount"]),
            )
            for r in case.get("runs", ())
            for x in r["rows"]
        ),
        card_settlements=tuple(
            CardSettlement(
                id=s["id"],
                processor=s["processor"],
                date=s["day"],
                gross=Decimal(s["gross"]),
                fee=Decimal(s["fee"]),
                net=Decimal(s["gross"]) - Decimal(s["fee"]),
                items=tuple((k, Decimal(v)) for k, v in s["items"].items()),
            )
            for s in case.get("settlements", ())
        ),
        payroll_runs=tuple(
            PayrollRun(
                id=p["id"], date=p["day"], batch_id=p["batch"], count=9, total=Decimal(p["total"])
            )
            for p in case.get("payroll", ())
        ),
        contracts=tuple(
            Contract(
                id=c["id"],
                kind=c["kind"],
                counterparty=c["name"],
                iban=c["iban"],
                amount=Decimal(c["amount"]),
                contract_number=c["number"],
            )
            for c in case.get("contracts", ())
        ),
        fx_rates=tuple(
            FxRate(date=r["day"], currency=r["currency"], eur_per_unit=Decimal(r["rate"]))
            for r in case.get("rates", ())
        ),
    )


def case_lines(case: Mapping[str, Any]) -> list[IdentifiedTransaction]:
    """Build the bank lines of a case."""
    return [line(row["id"], row["amount"], **_rest(row, "id", "amount")) for row in case["lines"]]


def _rest(row: Mapping[str, Any], *taken: str) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in taken}
