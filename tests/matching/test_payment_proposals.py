"""Payment proposals: the cases of `cases/payment_proposals.yaml`, and their laws."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from casebook import load
from hypothesis import given
from hypothesis import strategies as st

from matching.payment_proposals import discount_rate, propose_payments, retained
from matching.vendors import VendorDirectory
from records.banking import OpenItem
from records.money import Money
from records.purchasing import Vendor

VENDORS = VendorDirectory(
    [
        Vendor(id="V1", name="Hansa", vat_id="DE811907980", ibans=("DE75512108001245126199",)),
        Vendor(id="V9", name="HANSA", vat_id="DE811907980"),
        Vendor(id="V2", name="No account"),
        Vendor(id="V3", name="Blocked", ibans=("DE02120300000000202051",), blocked=True),
    ]
)
ON, NEXT = date(2026, 3, 10), date(2026, 3, 17)


def payable(**given: Any) -> OpenItem:
    currency = given.get("currency", "EUR")
    amount = Decimal(str(given["amount"]))
    left = Decimal(str(given.get("open", amount)))
    return OpenItem(
        id=given["id"],
        kind="ap_invoice" if amount > 0 else "ap_credit_note",
        party_id=given.get("vendor", "V1"),
        number=given["id"],
        due_date=given.get("due"),
        gross=Money(-amount, currency),
        open=Money(-left, currency),
        skonto_percent=Decimal(given["discount"]) if "discount" in given else None,
        skonto_until=given.get("until"),
        pays_by=given.get("pays_by"),
    )


@pytest.mark.parametrize("case", load("payment_proposals.yaml"))
def test_case(case: dict[str, Any]) -> None:
    items = []
    for row in case["items"]:
        item = payable(**row)
        parts = [item]
        if "retain" in row:
            parts = list(retained(item, Decimal(row["retain"]), row["retain_until"]))
        items += parts[1:] if row.get("settled") else parts
    proposals, findings = propose_payments(items, VENDORS, on=ON, next_run=NEXT)
    assert [f.code for f in findings] == case.get("told", [])
    assert len(proposals) == len(case["expect"])
    for proposal, expected in zip(proposals, case["expect"], strict=True):
        assert proposal.amount.amount == Decimal(str(expected["amount"]))
        assert [item.item_id for item in proposal.items] == expected["items"]
        assert proposal.iban == "DE75512108001245126199"
        if "discount" in expected:
            discounts = sum(item.discount.amount for item in proposal.items)
            assert discounts == Decimal(str(expected["discount"]))


@pytest.mark.parametrize(
    ("vendor", "code"),
    [("V2", "missing_field"), ("V3", "blocked_vendor"), ("V8", "unknown_vendor")],
)
def test_what_cannot_be_paid_is_told(vendor: str, code: str) -> None:
    item = payable(id="R-1", amount=100, due=ON, vendor=vendor)
    proposals, findings = propose_payments([item], VENDORS, on=ON, next_run=NEXT)
    assert not proposals
    assert [f.code for f in findings] == [code]


def test_two_ten_net_thirty_earns_37_per_cent() -> None:
    assert round(discount_rate(Decimal(2), 20), 1) == Decimal("37.2")


def test_no_more_is_retained_than_is_owed() -> None:
    with pytest.raises(ValueError, match="cannot retain"):
        retained(payable(id="R-1", amount=100), Decimal("100.01"), NEXT)


@given(
    st.lists(
        st.tuples(
            st.decimals("-500", "500", places=2).filter(bool),
            st.dates(date(2026, 1, 1), date(2026, 5, 1)),
            st.sampled_from(["V1", "V9"]),
        ),
        max_size=12,
    )
)
def test_a_payment_is_the_sum_of_its_items_and_never_negative(
    rows: list[tuple[Decimal, date, str]],
) -> None:
    items = [
        payable(id=f"R-{i}", amount=amount, due=due, vendor=vendor)
        for i, (amount, due, vendor) in enumerate(rows)
    ]
    proposals, _ = propose_payments(items, VENDORS, on=ON, next_run=NEXT)
    paid = [item.item_id for proposal in proposals for item in proposal.items]
    assert len(paid) == len(set(paid))
    for proposal in proposals:
        assert proposal.amount.amount > 0
        assert proposal.amount.amount == sum(item.amount.amount for item in proposal.items)
