"""The house that the attempts of fraud.yaml are made on, and the papers they arrive with."""

from __future__ import annotations

from datetime import date
from typing import Any

from records.invoices import Invoice
from tests.matching.casebook import invoice_of

POLICY = {
    "approval_limit": 5000,
    "four_eyes_limit": 20000,
    "company_vat_ids": ["DE129273398"],
    "closed_until": date(2025, 12, 31),
}
HANSA = {
    "id": "V1",
    "name": "Hansa Schrauben GmbH",
    "vat_id": "DE811907980",
    "ibans": ["DE75512108001245126199"],
    "country": "DE",
    "order_required": True,
    "email_domains": ["hansa-schrauben.example"],
}
DELTA = {
    "id": "V2",
    "name": "Delta Metall KG",
    "vat_id": "DE136695976",
    "ibans": ["DE02500105170137075030"],
    "order_required": True,
    "email_domains": ["delta-metall.example"],
}
BLOCKED = {
    "id": "V3",
    "name": "Grau Handel GmbH",
    "vat_id": "DE123456788",
    "ibans": ["DE91100000000123456789"],
    "blocked": True,
}
SELLERS = {
    "delta": {"name": "Delta Metall KG", "vat_id": "DE136695976"},
    "blocked": {"name": "Grau Handel GmbH", "vat_id": "DE123456788"},
    "stranger": {"name": "Nova Import Ltd", "vat_id": "GB123456782"},
    "namesake": {"name": "Hansa Schrauben e.K.", "vat_id": "DE287654321"},
}


def paper(given: dict[str, Any], vendor: str | None = None) -> Invoice:
    """Return an invoice for ten bolts, except for what is given."""
    line = {"article": "M8-40", "text": "Hexagon bolt M8x40", "quantity": 10, "price": "2.50"}
    if "text" in given and "article" not in given:
        line.pop("article")
    line |= {k: v for k, v in given.items() if k in {"article", "text", "quantity", "price"}}
    if "line_net" in given:
        line["net"] = given["line_net"]
    rest = {k: v for k, v in given.items() if k not in {*line, "line_net", "extra"}}
    if "net" in given:
        rest["net"] = given["net"]
    rest.setdefault("seller", {})
    rest["seller"] = {**SELLERS.get(vendor or "", {}), **rest["seller"]}
    rest.setdefault("buyer", {"name": "Werk Nord AG", "vat_id": "DE129273398"})
    return invoice_of({**rest, "lines": [line, *([given["extra"]] if "extra" in given else [])]})


def first_paper() -> Invoice:
    """Return the earlier invoice that duplicates repeat: the same ten bolts."""
    return paper({"number": "R-1000"})
