"""One debt in two lists: found whatever the prints, never where it may be another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from paybook import item

from matching.payments.twins import twins
from matching.vendors import VendorDirectory
from records.purchasing import Vendor

VENDORS = VendorDirectory(
    (
        Vendor(id="V1", name="Blech Berg KG", vat_id="DE111111125", ibans=()),
        Vendor(id="V2", name="Blech Berg K.G.", vat_id="DE111111125", ibans=()),
        Vendor(id="V3", name="Farben Thal GmbH", ibans=()),
    )
)
DAY = date(2026, 3, 2)
OURS = replace(
    item("AP-document", "-119.00", party="Blech Berg KG", number="RE-2026-0815", issue=DAY),
    party_id="V1",
)
LISTED = item("AP-9", "-119.00", party="Blech Berg KG", number="2026 0815", issue=DAY)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (LISTED, True),
        (replace(LISTED, party_id="V2"), True),
        (replace(LISTED, party_name="", party_vat_id="DE 111111125"), True),
        (replace(LISTED, issue_date=None), True),
        (replace(LISTED, gross=item("AP-9", "-100.00").gross), True),
        (
            replace(LISTED, gross=item("AP-9", "-100.00").gross, issue_date=date(2025, 3, 2)),
            False,
        ),
        (replace(LISTED, number="2026 0816"), False),
        (replace(LISTED, number=None), False),
        (replace(LISTED, party_id="V3"), False),
        (replace(LISTED, party_name="Holz Stein GmbH"), False),
        (replace(LISTED, kind="ap_credit_note"), False),
        (replace(LISTED, kind="ar_invoice"), False),
        (replace(LISTED, gross=item("AP-9", "-119.00", currency="USD").gross), False),
    ],
)
def test_one_debt_is_one(listed: object, found: bool) -> None:
    assert twins([listed], [OURS], VENDORS) == ({OURS.id: "AP-9"} if found else {})  # type: ignore[list-item]


def test_without_the_vendor_on_file_everything_must_agree() -> None:
    ours = replace(OURS, party_id=None, party_name="Holz Stein GmbH")
    same = replace(LISTED, party_name="Holz Stein")
    assert twins([same], [ours], VENDORS) == {ours.id: "AP-9"}
    assert twins([replace(same, issue_date=None)], [ours], VENDORS) == {}
    assert twins([LISTED], [ours], VENDORS) == {}
