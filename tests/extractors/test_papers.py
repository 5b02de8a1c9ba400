"""Papers on a scanner's glass: receipts in a row, two on one page, copies too poor to trust."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from extractors.pages import read_pages
from extractors.papers import doubts_of, own_receipts
from extractors.receipts import is_receipt, read_receipt
from extractors.words import PageWords, Word
from records.documents import Reading

BAKERY = [
    "CORNER BAKERY LTD",
    "Receipt 0042 Cashier: Ana",
    "Date 05/11/2026 14:03",
    "2 Rolls 2.40",
    "Cake 4.55",
    "TOTAL 6.95",
    "Cash 10.00",
    "Change 3.05",
]
GARAGE = [
    "MILL LANE GARAGE LTD",
    "Receipt 7731 Terminal 2",
    "Date 07/11/2026 09:20",
    "Wiper blades 18.00",
    "TOTAL 18.00",
    "Visa 18.00",
    "Thank you",
]
#: What a terminal prints of the same payment.
CARD_SLIP = ["CORNER BAKERY LTD", "Terminal 4", "05/11/2026 14:03", "Visa 6.95", "TOTAL 6.95"]
CARD_SLIP += ["Authorised 0098 by the bank of this card", "Thank you"]
BILL = [
    "Hansen Tools Ltd",
    "Invoice",
    "Invoice number: R-2026-81",
    "Invoice date: 03.02.2026",
    "Net total 100.00 EUR",
    "VAT 19% 19.00 EUR",
    "Total 119.00 EUR",
]
OTHER_BILL = [
    line.replace("81", "95").replace("100.00", "200.00").replace("19.00", "38.00") for line in BILL
]
OTHER_BILL[-1] = "Total 238.00 EUR"
PAYMENT_SLIP = [
    "Please return with your payment",
    "Hansen Tools Ltd",
    "Invoice number: R-2026-81",
    "Due date: 05.03.2026",
    "Amount less discount 116.62 EUR",
]


def words(lines: list[str], left: float = 20, top: float = 20, sure: float = 0.95) -> list[Word]:
    found = []
    for row, line in enumerate(lines):
        x, y = left, top + row * 12.0
        for text in line.split():
            found.append(Word(text, (x, y, x + 5.0 * len(text), y + 9), sure))
            x += 5.0 * len(text) + 5
    return found


def page(*placed: list[Word], number: int = 1) -> PageWords:
    every = tuple(word for some in placed for word in some)
    return PageWords(number=number, width=595, height=842, words=every, by="ocr")


def beside(one: list[str], other: list[str]) -> PageWords:
    return page(words(one), words(other, left=320, top=26))


def under(one: list[str], other: list[str]) -> PageWords:
    return page(words(one), words(other, top=20 + len(one) * 12 + 60))


def read(page: PageWords) -> Reading:
    (reading,) = read_pages([page])
    return read_receipt(page, reading) if is_receipt([page]) else reading


@pytest.mark.parametrize("lay", [beside, under])
@pytest.mark.parametrize(("one", "other"), [(BAKERY, GARAGE), (BILL, OTHER_BILL)])
def test_two_papers_on_one_page_are_held(
    lay: Callable[[list[str], list[str]], PageWords], one: list[str], other: list[str]
) -> None:
    (doubt,) = doubts_of(lay(one, other), read)
    assert doubt.blocks and doubt.code == "several_on_page" and doubt.where == "page 1"
    totals = {one[5].split()[1], "119.00", "238.00", "18.00"}
    assert {str(doubt.expected).split()[-1], str(doubt.actual).split()[-1]} <= totals


@pytest.mark.parametrize(
    "one_paper",
    [
        page(words(BAKERY)),
        page(words(BILL)),
        under(BAKERY, CARD_SLIP),
        under(BILL, PAYMENT_SLIP),
        # Two columns of one letterhead.
        beside(BILL[:4], ["Carrier: Northern Lines Ltd", "Delivery of 02.02.2026", "Weight 12.50"]),
    ],
)
def test_one_paper_is_not_torn(one_paper: PageWords) -> None:
    assert list(doubts_of(one_paper, read)) == []


@pytest.mark.parametrize(("doubtful", "held"), [(0, False), (2, False), (3, True)])
def test_a_copy_too_poor_is_held(doubtful: int, held: bool) -> None:
    clear = words(BILL)
    copy = page([w._replace(confidence=0.6) for w in clear[:doubtful]], clear[doubtful:])
    assert [d.code for d in doubts_of(copy, read)] == ["poor_copy"] * held


def test_receipts_in_a_row_are_read_each_by_itself() -> None:
    pages = [page(words(BAKERY)), page([], number=2), page(words(GARAGE), number=3)]
    one, other = own_receipts(pages, read)
    assert (one.pages, other.pages) == ((1, 1), (3, 3))
    assert [next(f.value for f in r.fields if f.name == "gross_total") for r in (one, other)] == [
        "6.95",
        "18.00",
    ]


@pytest.mark.parametrize(
    "second",
    [
        # Without total and day it is the rest of the first.
        page(words(GARAGE[:2] + GARAGE[-1:]), number=2),
        page(words(BILL), number=2),
        replace(page(words(GARAGE), number=2), by="pdf_text"),
        page([], number=2),
    ],
)
def test_pages_that_belong_together_stay_together(second: PageWords) -> None:
    assert own_receipts([page(words(BAKERY)), second], read) == []
