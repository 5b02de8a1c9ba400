"""Coding proposals from history."""

from __future__ import annotations

from decimal import Decimal

from casebook import invoice_of
from hypothesis import given
from hypothesis import strategies as st

from matching.coding import CodingHistory, wilson
from records.bookings import CodedLine


def booked(times: int, account: str, **given: str) -> list[CodedLine]:
    return [
        CodedLine(
            vendor_id=given.get("vendor", "V1"),
            account=account,
            tax_code="VSt19",
            cost_centre="4711",
            article_number=given.get("article"),
            description=given.get("text"),
            vat_rate=Decimal(19),
        )
        for _ in range(times)
    ]


def test_the_vendors_article_outweighs_the_vendors_habit() -> None:
    history = CodingHistory([*booked(30, "6000"), *booked(3, "0650", article="NB-1")])
    invoice = invoice_of({"lines": [{"article": "NB-1", "price": 900}, {"text": "x", "price": 5}]})
    first, second = history.propose(invoice, "V1")
    assert first.account is not None
    assert first.account.value == "0650"
    assert "article NB-1" in first.account.evidence
    assert second.account is not None
    assert second.account.value == "6000"
    assert second.account.rivals == (("0650", 3),)


def test_one_precedent_is_no_certainty() -> None:
    history = CodingHistory(booked(1, "6000", text="Office chairs"))
    (coding,) = history.propose(
        invoice_of({"lines": [{"text": "office chairs", "price": 90}]}), "V1"
    )
    assert coding.account is not None
    assert coding.account.confidence < 0.7
    assert not coding.is_sure(0.98)


def test_a_long_habit_is_sure() -> None:
    history = CodingHistory(booked(60, "6000", text="Office chairs"))
    (coding,) = history.propose(
        invoice_of({"lines": [{"text": "Office chairs", "price": 90}]}), "V1"
    )
    assert coding.is_sure(0.98)


def test_the_tax_code_follows_the_rate() -> None:
    history = CodingHistory(booked(60, "6000"))
    (coding,) = history.propose(
        invoice_of({"vat_rate": 0, "lines": [{"text": "x", "price": 90}]}), "V1"
    )
    assert coding.tax_code is None
    assert not coding.is_sure(0.5)


def test_a_new_habit_takes_over() -> None:
    history = CodingHistory([*booked(200, "6000"), *booked(40, "6010")])
    (coding,) = history.propose(invoice_of({"lines": [{"text": "x", "price": 9}]}), "V1")
    assert coding.account is not None
    assert coding.account.value == "6010"


def test_nothing_is_proposed_without_history() -> None:
    (coding,) = CodingHistory().propose(invoice_of({"lines": [{"text": "x", "price": 9}]}), "V1")
    assert coding.account is None
    assert coding.cost_centre is None


def test_confidence_is_what_came_true_of_such_proposals_before() -> None:
    # Two vendors with a habit each, one of which breaks it every fifth time.
    steady = booked(100, "6000", vendor="V1", text="rent")
    broken = [
        line
        for n in range(100)
        for line in booked(1, "6010" if n % 5 else "6990", vendor="V2", text="rent")
    ]
    history = CodingHistory(line for pair in zip(steady, broken, strict=True) for line in pair)
    invoice = invoice_of({"lines": [{"text": "rent", "price": 9}]})
    sure, doubtful = (history.propose(invoice, vendor)[0].account for vendor in ("V1", "V2"))
    assert sure is not None
    assert doubtful is not None
    assert (sure.value, doubtful.value) == ("6000", "6010")
    assert sure.confidence > 0.98
    assert doubtful.confidence < 0.8


def test_a_vendor_that_surprised_before_is_less_sure_than_others() -> None:
    # V2 changed its account a while ago: its last 60 bookings agree again, but it surprised.
    lines = [*booked(40, "6000", vendor="V2"), *booked(60, "6010", vendor="V2")]
    others = [line for n in range(20) for line in booked(100, "6000", vendor=f"W{n}")]
    history = CodingHistory([*others, *lines])
    invoice = invoice_of({"lines": [{"text": "x", "price": 9}]})
    (steady,), (changed,) = (history.propose(invoice, vendor) for vendor in ("W1", "V2"))
    assert steady.account is not None
    assert changed.account is not None
    assert changed.account.confidence < 0.98 < steady.account.confidence


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_lower_end_of_wilsons_interval(hits: int, misses: int) -> None:
    tries = hits + misses
    low = wilson(hits, tries)
    assert 0 <= low <= (hits / tries if tries else 0) + 1e-12
    assert wilson(hits + 1, tries + 1) > low
    assert wilson(2 * hits, 2 * tries) >= low - 1e-12
