"""An approval releases the Findings that were seen: the same code with other values holds again."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from app import night
from app.actions import desk
from app.approvals import seal
from app.masterdata import every, save
from app.office import Office
from records.findings import finding
from records.purchasing import OrderLine
from tests.app.conftest import MakeOffice
from tests.app.test_desk import _go_on, _only


@pytest.mark.parametrize(
    ("percent", "state"), [(0, "posted"), (-1, "held")], ids=["as it was seen", "otherwise"]
)
def test_only_what_was_seen_is_released(make_office: MakeOffice, percent: int, state: str) -> None:
    """The order's price changes between the approval and the decision."""
    office = make_office("38")  # a price variance
    night.run(office, ("records", "invoices"))
    held = _only(office)
    anna = office.acting("person:anna")
    work = desk.approve(anna, held.id, "agreed by telephone")
    _change_prices(office, 1 + Decimal(percent) / 100)
    assert _go_on(anna, work).state == state


def _change_prices(office: Office, factor: Decimal) -> None:
    with office.database.begin() as tx:
        lines = list(every(tx, OrderLine))
        changed = [dataclasses.replace(one, unit_price=one.unit_price * factor) for one in lines]
        save(tx, office, "test", changed)


def test_a_seal_tells_code_place_and_values_apart() -> None:
    seen = finding("price_variance", where="line 3", expected="10.00", actual="12.00")
    others = [
        finding("quantity_variance", where="line 3", expected="10.00", actual="12.00"),
        finding("price_variance", where="line 4", expected="10.00", actual="12.00"),
        finding("price_variance", where="line 3", expected="10.00", actual="13.00"),
        finding("price_variance", where="line 3", expected=None, actual="12.00"),
    ]
    again = finding("price_variance", where="line 3", expected="10.00", actual="12.00", message="!")
    assert seal(again) == seal(seen)
    assert len({seal(one) for one in (seen, *others)}) == 5
