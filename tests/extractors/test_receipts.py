"""Till receipts: shop, day and total, whatever OCR made of them."""

from __future__ import annotations

import pytest

from extractors.receipts import fill_gaps, is_receipt, read_receipt
from extractors.words import PageWords, Word
from records.documents import Kind, Reading

TILL = [
    "handwriting",
    "CORNER BAKERY SDN BHD (123456-X)",
    "12 Mill Lane, Oldtown",
    "Tel 01234 567890",
    "Receipt 0042  Cashier: Ana",
    "Date 05/11/2026 14:03",
    "2 Rolls 1.20 2.40",
    "Cake 4.55",
    "Subtotal 6.95",
    "VAT 20% included 1.16",
    "Rounding adj -0.05",
    "TOTAL 6.90",
    "Cash 10.00",
    "Change 3.10",
    "VAT Summary 5.79 1.16",
    "Thank you, please come again",
]


def page(lines: list[str]) -> PageWords:
    words = []
    for row, line in enumerate(lines):
        left = 10.0
        for text in line.split():
            words.append(
                Word(text, (left, row * 12.0, left + 6.0 * len(text), row * 12.0 + 9), 0.9)
            )
            left += 6.0 * len(text) + 6
    return PageWords(number=1, width=220, height=12.0 * len(lines), words=tuple(words), by="ocr")


def header(lines: list[str]) -> dict[str, str]:
    reading = read_receipt(page(lines), Reading(kind=Kind.INVOICE))
    return {f.name: f.value for f in reading.fields}


def swapped(old: str, new: str) -> list[str]:
    assert any(old in line for line in TILL)
    return [line.replace(old, new) for line in TILL]


def test_what_a_receipt_is() -> None:
    assert is_receipt([page(TILL)])
    assert not is_receipt([page(["Invoice 4711", "Net 100.00", "Payable within 30 days net"] * 3)])
    assert not is_receipt([page(TILL), page(TILL)])


def test_shop_day_and_total() -> None:
    reading = read_receipt(page(TILL), Reading(kind=Kind.INVOICE))
    assert reading.kind is Kind.RECEIPT
    found = {f.name: f for f in reading.fields}
    assert found["seller_name"].value == "CORNER BAKERY SDN BHD"
    assert found["issue_date"].value == "2026-11-05"
    assert found["gross_total"].value == "6.90"
    assert found["gross_total"].proved
    assert "given 10.00 less change 3.10" in found["gross_total"].why


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        (swapped("TOTAL 6.90", "TOTAL RM6.9O"), "6.90"),
        (swapped("TOTAL 6.90", "TOTAL 6 90"), "6.90"),
        (swapped("TOTAL 6.90", "Total Sales (Inclusive of GST) : 6.90"), "6.90"),
        (swapped("TOTAL 6.90", "Zu zahlen EUR 6,90"), "6.90"),
        (["SHOP", "Caisse 1", "TOTAL TTC 12,50", "CB 12,50", "Merci de votre visite"], "12.50"),
        (swapped("TOTAL 6.90", "TOTAL 1,206.90"), "1206.90"),
        ([line for line in TILL if "Change" not in line and "Cash 1" not in line], "6.90"),
        # The label's own row is empty; the figure is set large below it.
        (["SHOP", "Cashier 1", "TOTAL", "12.50", "Visa 12.50", "Thank you"], "12.50"),
    ],
)
def test_totals_as_printed_and_as_misread(lines: list[str], total: str) -> None:
    assert header(lines)["gross_total"] == total


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("Date 05-11-26 14:03", "2026-11-05"),
        ("Date 2026/11/05", "2026-11-05"),
        ("05 Nov 2026 2:03PM", "2026-11-05"),
        ("Date 05~11-26", "2026-11-05"),
        ("Date 31/02/2026", None),
    ],
)
def test_days_as_printed_and_as_misread(line: str, day: str | None) -> None:
    assert header(swapped("Date 05/11/2026 14:03", line)).get("issue_date") == day


@pytest.mark.parametrize(
    ("line", "shop"),
    [
        ("CORNER BAKERY SON BHD", "CORNER BAKERY SDN BHD"),
        ("CORNER BAKERY 5DN. 8HD.", "CORNER BAKERY SDN. BHD."),
        ("CORNER ( OLDTOWN)SDN.BHD.", "CORNER (OLDTOWN) SDN. BHD."),
        ("CORNER BAKERY GMBH 12345", "CORNER BAKERY GMBH"),
        ("CORNER BAKERY", "CORNER BAKERY"),
        ("Owner: Corner Bakery Ltd", "Corner Bakery Ltd"),
    ],
)
def test_shops(line: str, shop: str) -> None:
    assert header(swapped("CORNER BAKERY SDN BHD (123456-X)", line))["seller_name"] == shop


@pytest.mark.parametrize(
    ("above", "below", "shop"),
    [
        ("CORNER BAKERY", "(M) SDN BHD", "CORNER BAKERY (M) SDN BHD"),
        ("CORNER &", "SONS BAKERY SDN BHD", "CORNER & SONS BAKERY SDN BHD"),
        ("CORNER FLOUR", "TRADING SDN BHD", "CORNER FLOUR TRADING SDN BHD"),
        ("KEDAI PERNIAGAAN", "CORNER S/B", "KEDAI PERNIAGAAN CORNER S/B"),
        # A brand over the name of the firm is another name.
        ("ROLLS DAILY", "CORNER BAKERY SDN BHD", "CORNER BAKERY SDN BHD"),
        ("Tel 01234 567890", "TRADING SDN BHD", "TRADING SDN BHD"),
    ],
)
def test_a_name_on_two_rows(above: str, below: str, shop: str) -> None:
    assert header([above, below, *TILL[2:]])["seller_name"] == shop


def test_goods_are_no_shop() -> None:
    assert header(["Corner Bakery", "LEMON TART 4.55", *TILL[5:]])["seller_name"] == "Corner Bakery"


@pytest.mark.parametrize(
    ("total", "place", "day", "sure"),
    [
        ("TOTAL 6.90", "12 Mill Lane, Oldtown", "2026-11-05", True),
        # Dollars are paid where the day comes first, and where the month does.
        ("TOTAL $6.90", "12 Mill Lane, Oldtown", "2026-11-05", False),
        ("TOTAL $6.90", "Oldtown, VT 05401", "2026-05-11", True),
    ],
)
def test_what_comes_first_in_a_date(total: str, place: str, day: str, sure: bool) -> None:
    lines = [line.replace("12 Mill Lane, Oldtown", place) for line in swapped("TOTAL 6.90", total)]
    reading = read_receipt(page(lines), Reading(kind=Kind.INVOICE))
    assert next(f.value for f in reading.fields if f.name == "issue_date") == day
    doubts = [f.where for f in reading.findings if f.code == "uncertain_field"]
    assert ("Issue date" not in doubts) is sure


def test_missing_values_are_held() -> None:
    lines = [line for line in TILL if "Date" not in line]
    reading = read_receipt(page(lines), Reading(kind=Kind.UNKNOWN))
    assert [(f.code, f.where) for f in reading.findings] == [("missing_field", "Issue date")]


def test_gaps_are_filled_with_doubt() -> None:
    reading = fill_gaps(page(TILL), Reading(kind=Kind.INVOICE))
    assert reading.kind is Kind.INVOICE
    assert all(f.confidence <= 0.6 for f in reading.fields)
    assert {f.where for f in reading.findings} == {"Issue date", "Gross total"}
    assert all(f.blocks for f in reading.findings)
