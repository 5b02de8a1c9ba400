"""Reads cases a bookkeeper wrote in YAML into records.

A case has the books (`vendors`, `orders`, `receipts`, `conversions`,
`contracts`), what came `earlier` (invoices, matched and consumed in order),
the `invoice`, and what to `expect`. What a case leaves out comes from `HOUSE`,
one vendor with one order; totals not given follow from the lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from matching.policy import Policy, Tolerances, Verdict, decide
from matching.purchases import PurchaseBooks, match_invoice
from matching.vendors import VendorDirectory
from records.findings import finding
from records.invoices import Invoice, Line, Party, TaxLine
from records.matches import InvoiceMatch
from records.money import round_half_up
from records.purchasing import Contract, OrderLine, ReceiptLine, UnitConversion, Vendor

CASES = Path(__file__).parent / "cases"

HOUSE: dict[str, Any] = {
    "vendors": [
        {
            "id": "V1",
            "name": "Hansa Schrauben GmbH",
            "vat_id": "DE811907980",
            "ibans": ["DE75512108001245126199"],
            "country": "DE",
            "currency": "EUR",
            "terms_days": 30,
            "order_required": True,
        }
    ],
    "orders": [
        {"order": "4500-17", "line": 1, "article": "M8-40", "text": "Hexagon bolt M8x40", "quantity": 100, "price": "2.50"},
        {"order": "4500-17", "line": 2, "article": "U8", "text": "Washer 8 mm", "quantity": 200, "price": "0.30"},
    ],
    "receipts": [
        {"order": "4500-17", "line": 1, "quantity": 100},
        {"order": "4500-17", "line": 2, "quantity": 200},
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    match: InvoiceMatch
    verdict: Verdict
    books: PurchaseBooks
    invoice: Invoice

    @property
    def notes(self) -> set[str]:
        """Return the codes that do not block."""
        return {f.code for f in self.match.findings if not f.blocks}


def load(name: str) -> list[Any]:
    """Return the cases of one file as pytest parameters."""
    import pytest

    cases = YAML(typ="safe").load((CASES / name).read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"].replace(" ", "-")) for case in cases]


def play(case: dict[str, Any]) -> Outcome:
    """Match the earlier invoices, then the invoice of a case."""
    books = books_of(case)
    policy = policy_of(case.get("policy", {}))
    for i, earlier in enumerate(case.get("earlier", []), 1):
        invoice = invoice_of(earlier)
        key = earlier.get("message")
        match = match_invoice(f"E{i}", invoice, books, policy, message_key=key)
        books.consume(f"E{i}", invoice, match, message_key=key)
    invoice = invoice_of(case["invoice"])
    received = case.get("received_on")
    match = match_invoice(
        "NEW",
        invoice,
        books,
        policy,
        message_key=case["invoice"].get("message"),
        received_on=received,
    )
    others = [finding(code) for code in case.get("reading", [])]
    return Outcome(match, decide(invoice, match, others, policy), books, invoice)


def books_of(case: dict[str, Any]) -> PurchaseBooks:
    """Return the books of a case."""

    def part(name: str) -> list[dict[str, Any]]:
        return list(case.get(name, HOUSE.get(name, [])))

    return PurchaseBooks(
        vendors=VendorDirectory(_vendor(v) for v in part("vendors")),
        order_lines=[_order_line(o) for o in part("orders")],
        receipts=[
            ReceiptLine(
                receipt_id=str(r.get("id", f"W{i}")),
                date=r.get("date", date(2026, 3, 1)),
                order_id=r["order"],
                order_line=r["line"],
                quantity=_number(r["quantity"]),
                unit=r.get("unit", "C62"),
            )
            for i, r in enumerate(part("receipts"))
        ],
        conversions=[
            UnitConversion(
                article_number=c.get("article"),
                from_unit=c["from"],
                to_unit=c["to"],
                factor=_number(c["factor"]),
            )
            for c in part("conversions")
        ],
        contracts=[
            Contract(
                id=c["id"],
                kind=c.get("kind", "rent"),
                counterparty=c.get("counterparty", ""),
                amount=_number(c["amount"]),
                tolerance=_number(c.get("tolerance", 0)),
                contract_number=c.get("number"),
                vendor_id=c.get("vendor", "V1"),
                owner=c.get("owner"),
            )
            for c in part("contracts")
        ],
    )


def _vendor(given: dict[str, Any]) -> Vendor:
    values = {**given, "ibans": tuple(given.get("ibans", ()))}
    if "email_domains" in values:
        values["email_domains"] = tuple(values["email_domains"])
    return Vendor(**values)


def _order_line(given: dict[str, Any]) -> OrderLine:
    return OrderLine(
        order_id=str(given["order"]),
        line=given["line"],
        revision=given.get("revision", 1),
        valid_from=given.get("valid_from"),
        vendor_id=given.get("vendor", "V1"),
        order_date=given.get("date", date(2026, 2, 1)),
        article_number=given.get("article"),
        description=given.get("text", ""),
        quantity=_number(given["quantity"]),
        unit=given.get("unit", "C62"),
        unit_price=_number(given["price"]),
        currency=given.get("currency", "EUR"),
        vat_rate=_maybe(given, "vat_rate"),
        retention_percent=_maybe(given, "retention"),
        retention_days=given.get("retention_days", 0),
    )


def invoice_of(given: dict[str, Any]) -> Invoice:
    """Return an invoice; the seller is the house's vendor, VAT 19 %, unless given."""
    lines = tuple(_line(i, x, given) for i, x in enumerate(given.get("lines", []), 1))
    net = sum((x.net_amount or Decimal(0) for x in lines), Decimal(0))
    net += _number(given.get("charge", 0)) - _number(given.get("allowance", 0))
    if "net" in given:
        net = _number(given["net"])
    rate = _number(given.get("vat_rate", 19))
    vat = _number(given["vat"]) if "vat" in given else round_half_up(net * rate / 100)
    gross = _number(given["gross"]) if "gross" in given else net + vat
    seller = {"name": "Hansa Schrauben GmbH", "vat_id": "DE811907980", **given.get("seller", {})}
    ibans = given.get("ibans", ["DE75512108001245126199"])
    refs = given.get("order", "4500-17")
    return Invoice(
        number=given.get("number", "R-1"),
        issue_date=given.get("date", date(2026, 3, 10)),
        type_code=str(given.get("type", 380)),
        currency=given.get("currency", "EUR"),
        due_date=given.get("due"),
        order_refs=tuple([refs] if isinstance(refs, str) else refs),
        contract_ref=given.get("contract"),
        delivery_note_ref=given.get("delivery_note"),
        preceding_invoice_ref=given.get("corrects"),
        buyer_reference=given.get("buyer_reference"),
        seller=Party(**seller),
        buyer=Party(**given.get("buyer", {})),
        lines=lines,
        tax_lines=tuple(
            TaxLine(
                category=t.get("category"),
                rate=_number(t["rate"]),
                basis=_number(t["basis"]),
                amount=_number(t["amount"]),
            )
            for t in given.get("tax", [])
        ),
        allowance_total=_maybe(given, "allowance"),
        charge_total=_maybe(given, "charge"),
        net_total=net,
        tax_total=vat,
        gross_total=gross,
        prepaid_total=_maybe(given, "prepaid"),
        rounding_amount=_maybe(given, "rounding"),
        amount_due=_maybe(given, "amount_due"),
        ibans=tuple(ibans),
    )


def _line(number: int, given: dict[str, Any], invoice: dict[str, Any]) -> Line:
    quantity = _maybe({"quantity": 1, **given}, "quantity")
    price = _maybe(given, "price")
    base = _maybe(given, "per")
    net = _maybe(given, "net")
    if net is None and price is not None:
        net = round_half_up((quantity or 0) * price / (base or 1))
    return Line(
        number=number,
        description=given.get("text"),
        article_number=given.get("article"),
        buyer_article_number=given.get("our_article"),
        quantity=quantity,
        unit=given.get("unit", "C62"),
        unit_price=price,
        price_base_quantity=base,
        net_amount=net,
        vat_rate=_number(given.get("vat_rate", invoice.get("vat_rate", 19))),
        order_ref=given.get("order"),
        order_line_ref=given.get("order_line"),
        allowance=_maybe(given, "allowance"),
        charge=_maybe(given, "charge"),
    )


def policy_of(given: dict[str, Any]) -> Policy:
    """Return a policy; tolerances are named as in `Tolerances`."""
    tolerance_names = set(Tolerances.__dataclass_fields__)
    tolerances = {k: _number(v) for k, v in given.items() if k in tolerance_names}
    rest = {k: v for k, v in given.items() if k not in tolerance_names}
    for name in ("approval_limit", "four_eyes_limit", "unordered_limit"):
        if name in rest:
            rest[name] = _number(rest[name])
    for name in ("company_vat_ids", "company_names"):
        if name in rest:
            rest[name] = frozenset(rest[name])
    for name in ("vendors", "categories"):
        if name in rest:
            rest[name] = {
                key: Tolerances(**{k: _number(v) for k, v in values.items()})
                for key, values in rest[name].items()
            }
    return Policy(tolerances=Tolerances(**tolerances), **rest)


def _number(value: object) -> Decimal:
    return Decimal(str(value))


def _maybe(given: dict[str, Any], name: str) -> Decimal | None:
    return _number(given[name]) if given.get(name) is not None else None
