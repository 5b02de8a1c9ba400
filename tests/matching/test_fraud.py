"""Attempts and errors are held, each for the right reason; honest invoices are not.

Every attempt is played into the same books, after the same honest invoices,
so that nothing is held merely because of what came before it.
"""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
from casebook import books_of, load, policy_of

from matching.policy import Hold, Policy, Post, decide
from matching.purchases import PurchaseBooks, match_invoice
from matching.senders import check_sender, domain_of
from records.documents import Message
from records.findings import finding
from records.invoices import Invoice
from tests.matching.attempts import BLOCKED, DELTA, HANSA, POLICY, first_paper, paper

HOST = "mx.werk-nord.example"
ORDERS = [
    {"order": "4500-17", "line": 1, "article": "M8-40", "text": "Hexagon bolt M8x40", "quantity": 100, "price": "2.50"},
    {"order": "4500-17", "line": 2, "article": "U8", "text": "Washer 8 mm", "quantity": 200, "price": "0.30"},
]  # fmt: skip
RECEIPTS = [{"order": "4500-17", "line": 1, "quantity": 100}]


def office(case: dict[str, Any]) -> PurchaseBooks:
    hansa = dict(HANSA)
    if case.get("vendor") == "fresh":
        hansa["ibans_changed_on"] = date(2026, 3, 11)
    if case.get("vendor") == "free":
        hansa["order_required"] = False
    orders = [*ORDERS, {**ORDERS[0], "order": "4400-01", "article": "K5", "text": "Wedge"}]
    receipts = [*RECEIPTS, {"order": "4400-01", "line": 1, "quantity": 100}]
    return books_of({"vendors": [hansa, DELTA, BLOCKED], "orders": orders, "receipts": receipts})


@pytest.mark.parametrize("case", load("fraud.yaml"))
def test_attempt_is_held_for_the_right_reason(case: dict[str, Any]) -> None:
    books, policy = office(case), policy_of(POLICY)
    if "R" in str(case["invoice"].get("number", "")) and case["held_for"] == "duplicate":
        feed(books, policy, "E0", first_paper())
    for i, earlier in enumerate(case.get("earlier", []), 1):
        feed(books, policy, f"E{i}", paper(earlier))
    sender = case.get("from", "rechnung@hansa-schrauben.example")
    headers = {"authentication-results": f"{HOST}; {case.get('results', 'dmarc=pass')}"}
    if "reply_to" in case:
        headers["reply-to"] = case["reply_to"]
    message = Message(key="m", account="inbox", sender=sender, headers=headers)
    invoice = paper(case["invoice"], case.get("vendor"))
    match = match_invoice(
        "NEW",
        invoice,
        books,
        policy,
        message_key="m",
        sender_domain=domain_of(sender),
        received_on=case.get("received_on", date(2026, 3, 12)),
    )
    group = books.vendors.group_of(match.vendor_id or "")
    domains = [d for v in (HANSA, DELTA) for d in v["email_domains"]]
    others = [finding(code) for code in case.get("reading", [])]
    others += check_sender(message, group.main if group else None, [HOST], domains)
    verdict = decide(invoice, match, others, policy)
    assert isinstance(verdict, Hold)
    reasons = {f.code for f in verdict.findings}
    assert case["held_for"] in reasons
    # The right reason, and at most what follows from it.
    assert len(reasons) <= 3, reasons


def feed(books: PurchaseBooks, policy: Policy, invoice_id: str, invoice: Invoice) -> None:
    match = match_invoice(invoice_id, invoice, books, policy)
    books.consume(invoice_id, invoice, match)


def test_there_are_at_least_thirty_attempts() -> None:
    assert len(load("fraud.yaml")) >= 30


def honest_office(rng: random.Random) -> tuple[PurchaseBooks, list[tuple[str, Invoice]]]:
    """Return books with forty orders and two hundred honest invoices, each with its sender."""
    orders, receipts, papers = [], [], []
    for n in range(40):
        order = f"45{n:05d}"
        quantity = rng.choice([20, 100, 240])
        price = rng.choice(["0.85", "12.40", "3.333"])
        orders.append(
            {"order": order, "line": 1, "article": f"A-{n % 7}", "text": f"Part {n % 7}", "quantity": quantity, "price": price}
        )  # fmt: skip
        receipts.append({"order": order, "line": 1, "quantity": quantity})
        for part in range(4):
            given: dict[str, Any] = {
                "number": f"2026-{n:03d}{part}",
                "date": date(2026, 1 + n % 9, 2 + 6 * part),
                "order": rng.choice([order, f"Bestellung {order}", order.lower()]),
                "article": f"A-{n % 7}",
                "text": f"Part {n % 7}",
                "quantity": quantity // 4,
                "price": price,
            }
            if rng.random() < 0.3:
                given["extra"] = rng.choice(
                    [{"text": "Versandkosten", "price": "9.90"}, {"text": "Rabatt", "price": -2}]
                )
            papers.append(("rechnung@hansa-schrauben.example", paper(given)))
        credit = {"number": f"G-{n}", "type": 381, "corrects": f"2026-{n:03d}0", "order": "", "text": "return", "quantity": 1, "price": "0.50"}  # fmt: skip
        papers.append(("no-reply@mail.hansa-schrauben.example", paper(credit)))
    books = books_of({"vendors": [HANSA, DELTA], "orders": orders, "receipts": receipts})
    return books, papers


def test_two_hundred_honest_invoices_are_not_held() -> None:
    books, papers = honest_office(random.Random(20261121))
    policy = policy_of(POLICY)
    assert len(papers) == 200
    for i, (sender, invoice) in enumerate(papers):
        assert invoice.issue_date is not None
        headers = {"authentication-results": f"{HOST}; spf=softfail; dkim=pass; dmarc=pass"}
        message = Message(key=f"m{i}", account="inbox", sender=sender, headers=headers)
        match = match_invoice(
            str(i),
            invoice,
            books,
            policy,
            message_key=f"m{i}",
            sender_domain=domain_of(sender),
            received_on=invoice.issue_date,
        )
        group = books.vendors.group_of(match.vendor_id or "")
        assert group is not None
        others = check_sender(message, group.main, [HOST], ["hansa-schrauben.example"])
        verdict = decide(invoice, match, others, policy)
        assert isinstance(verdict, Post), (invoice.number, verdict)
        books.consume(str(i), invoice, match, message_key=f"m{i}")
