"""Ageing, accruals, discounts and price variance, as a bookkeeper would work them out."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from casebook import books_of, invoice_of
from hypothesis import given
from hypothesis import strategies as st

from matching.billed_elsewhere import billed_elsewhere
from matching.payables import Settling, accruals, aged_payables, discounts, price_variances
from matching.vendors import VendorDirectory
from records.banking import OpenItem
from records.invoices import Invoice
from records.matches import InvoiceMatch, OrderAllocation
from records.money import Money
from records.purchasing import Vendor

VENDORS = VendorDirectory(
    [
        Vendor(id="V1", name="Hansa", vat_id="DE811907980"),
        Vendor(id="V9", name="HANSA", vat_id="DE811907980"),
    ]
)
DAY = date(2026, 3, 31)


def owed(amount: str, due: date | None, **more: Any) -> OpenItem:
    values: dict[str, Any] = {"id": "R", "party_id": "V1", **more}
    kind = "ap_invoice" if Decimal(amount) > 0 else "ap_credit_note"
    return OpenItem(kind=kind, due_date=due, gross=Money(-Decimal(amount), "EUR"), **values)


def test_ageing_by_days_overdue() -> None:
    (row,) = aged_payables(
        [
            owed("1", date(2026, 3, 31)),
            owed("2", date(2026, 3, 30)),
            owed("4", date(2026, 3, 1)),
            owed("8", date(2026, 2, 28), party_id="V9"),
            owed("16", date(2026, 1, 30)),
            owed("32", date(2025, 12, 31)),
            owed("64", None),
            owed("-0.5", None),
            owed("100", DAY, open=Money(Decimal(0), "EUR")),
            owed("128", DAY, party_id=None, party_vat_id="DE 811907980", party_name="Hansa"),
        ],
        VENDORS,
        DAY,
    )
    amounts = (row.not_due, row.to_30, row.to_60, row.to_90, row.older, row.unknown)
    assert [str(a) for a in amounts] == ["128.5", "6", "24", "32", "0", "64"]
    assert row.total == Decimal("254.5")


@given(
    st.lists(
        st.tuples(
            st.decimals("-9999", "9999", places=2).filter(bool),
            st.none() | st.dates(date(2025, 1, 1), date(2027, 1, 1)),
            st.sampled_from(["V1", "V9", "V5", None]),
        )
    )
)
def test_ageing_loses_nothing(rows: list[tuple[Decimal, date | None, str | None]]) -> None:
    items = [owed(str(amount), due, party_id=vendor) for amount, due, vendor in rows]
    made = aged_payables(items, VENDORS, DAY)
    assert sum(row.total for row in made) == sum(amount for amount, _, _ in rows)


def test_what_is_received_and_not_billed_is_accrued_at_the_latest_price() -> None:
    books = books_of({"receipts": [{"order": "4500-17", "line": 1, "quantity": 60}]})
    (row,) = accruals(books, ["4500-17"], books.vendors)
    assert (row.amount, row.orders) == (Decimal("150.00"), ("4500-17",))  # 60 x 2.50


def elsewhere(**more: Any) -> Invoice:
    """Return an invoice on the house's order as another system booked it: its total alone."""
    return invoice_of({"lines": [], "net": 100, **more})


@pytest.mark.parametrize(
    ("booked", "left"),
    [
        # 100 bolts at 2.50 and 200 washers at 0.30 were received: 310.00.
        ([], "310.00"),
        ([{"lines": [{"article": "M8-40", "quantity": 100, "price": "2.50"}]}], "60.00"),
        ([{"lines": [{"article": "M8-40", "quantity": 100, "price": "2.75"}]}], "60.00"),
        ([{"net": 100}], "210.00"),
        ([{"net": 100}, {"number": "R-2", "net": 250}], "0"),
        ([{"net": 310}], "0"),
        ([{"net": 100, "type": 381}], "310.00"),
        ([{"net": 100, "type": 386}], "310.00"),
        ([{"net": 100, "number": "SEEN"}], "310.00"),
        ([{"net": 100, "order": "4711-9"}], "310.00"),
        ([{"net": 100, "currency": "USD"}], "0"),
        ([{"net": 100, "ibans": [], "seller": {"name": "Who", "vat_id": "GB123456782"}}], "0"),
    ],
)
def test_what_another_system_booked_is_not_accrued(booked: list[Any], left: str) -> None:
    books = books_of({})
    seen = elsewhere(number="SEEN")
    books.consume("E1", seen, InvoiceMatch(invoice_id="E1", status="non_po", vendor_id="V1"))
    found = billed_elsewhere([(f"X{n}", elsewhere(**more)) for n, more in enumerate(booked)], books)
    rows = accruals(books, {"4500-17"} - found.unsure, books.vendors, found.values)
    assert sum((row.amount for row in rows), Decimal(0)) == Decimal(left)


def test_a_gross_without_net_is_taxed_as_the_order_is() -> None:
    rate = {"order": "O", "line": 1, "quantity": 10, "price": "10", "vat_rate": 19}
    books = books_of({"orders": [rate], "receipts": [{"order": "O", "line": 1, "quantity": 10}]})
    given = dataclasses.replace(elsewhere(order="O", gross="59.50"), net_total=None)
    found = billed_elsewhere([("X", given)], books)
    (row,) = accruals(books, ["O"], books.vendors, found.values)
    assert row.amount == Decimal("50.00")


def test_discounts_won_lost_and_open() -> None:
    offer = {"skonto_percent": Decimal(2), "skonto_until": date(2026, 3, 20)}
    later = {**offer, "skonto_until": date(2026, 4, 2)}
    (row,) = discounts(
        [
            Settling(item=owed("1000", None, **offer), kept=Decimal("20.00")),
            Settling(item=owed("500", None, **offer), kept=Decimal(0)),
            Settling(item=owed("100", None, **offer), kept=None),
            Settling(item=owed("300", None, **later), kept=None),
            Settling(item=owed("200", None, **offer), kept=Decimal("7.00")),
            Settling(item=owed("200", None), kept=Decimal(1)),
        ],
        VENDORS,
        DAY,
    )
    assert (row.won, row.lost, row.open) == (Decimal(24), Decimal(12), Decimal(6))


def test_price_variance_against_the_price_in_force() -> None:
    orders = [
        {"order": "O", "line": 1, "quantity": 10, "price": "10"},
        {"order": "O", "line": 1, "quantity": 10, "price": "12", "revision": 2, "valid_from": DAY},
    ]
    books = books_of({"orders": orders, "receipts": []})

    def billed(quantity: str, amount: str) -> OrderAllocation:
        return OrderAllocation(
            invoice_line=1,
            order_id="O",
            order_line=1,
            quantity=Decimal(quantity),
            amount=Decimal(amount),
        )

    (row,) = price_variances(
        [
            (billed("4", "41.00"), "EUR", date(2026, 3, 1)),
            (billed("2", "24.00"), "EUR", DAY),
            (billed("2", "99.00"), "USD", DAY),
        ],
        books,
        books.vendors,
    )
    assert (row.ordered, row.billed, row.variance) == (Decimal(64), Decimal(65), Decimal(1))
    assert row.percent == Decimal("1.56")
