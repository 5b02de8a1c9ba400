"""The attempts of fraud.yaml through the mailbox, beside two hundred honest invoices.

One office, one night for what came earlier and one for the attempts, honest
mail in both. Every attempt is made on vendors, orders and accounts of its own,
so that none is held because of another.
"""

from __future__ import annotations

import dataclasses
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from app import night, queries
from app.actions import desk
from app.codec import plain, unplain
from app.flow import Direct
from app.office import Office
from app.settings import load as load_settings
from fixtures import identifiers
from records.invoices import Invoice
from tests.app.paper_mail import WERK_NORD, Letter, write_mailbox, write_table
from tests.matching.attempts import BLOCKED, DELTA, HANSA, first_paper, paper
from tests.matching.casebook import load

HOST = "mx.werk-nord.example"
CONFIG = f"""{WERK_NORD}
matching: {{approval_limit: 5000, four_eyes_limit: 20000, closed_until: 2025-12-31}}
"""
TONIGHT = datetime(2026, 3, 12, 20, 0, tzinfo=UTC)
CASES: list[dict[str, Any]] = [parameter.values[0] for parameter in load("fraud.yaml")]
#: One word per attempt makes its vendors' names and domains unlike all others.
WORDS = [
    first + second
    for first, second in product(
        ("bor", "dun", "fel", "gam", "hul", "kep", "lim", "nas"),
        ("wick", "stett", "dorp", "hagen", "moor", "quist", "ford", "beck"),
    )
]
#: Honest vendors; an account that changed yesterday holds honest invoices as well.
HONEST = [k for k, case in enumerate(CASES) if case.get("vendor") != "fresh"][:40]


@cache
def _identities(k: int) -> Mapping[str, str]:
    """Return what replaces the house's orders, article and numbers in attempt `k`."""
    chance = random.Random(k)
    table = {"4500-17": f"45{k:02}-17", "4400-01": f"44{k:02}-01"}
    # Two attempts must not bill the same lines: that is a duplicate by itself.
    table["M8"] = f"M{k + 10}"
    for vendor in (HANSA, DELTA, BLOCKED):
        table[vendor["vat_id"]] = identifiers.vat_id(chance, "DE") or ""
        table[vendor["ibans"][0]] = identifiers.iban(chance, "DE")
    return table


@dataclass(frozen=True)
class World:
    """The vendors, accounts and orders of attempt `k`, in the place of the casebook's."""

    k: int

    def swapped(self, value: Any) -> Any:
        """Replace the house's identities in any plain data by this attempt's own."""
        if isinstance(value, Mapping):
            return {key: self.swapped(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.swapped(each) for each in value]
        if not isinstance(value, str):
            return value
        for old, new in _identities(self.k).items():
            value = value.replace(old, new)
        word = WORDS[self.k]
        return re.sub(r"(?i)schrau|metall|handel", lambda m: word + m[0].lower(), value)

    def invoice(self, invoice: Invoice) -> Invoice:
        """Return the invoice as this attempt's vendor sends it."""
        return unplain(Invoice, self.swapped(plain(invoice)))

    def honest(self) -> list[Letter]:
        """Return four part deliveries of one order and a small credit note."""
        chance = random.Random(1000 + self.k)
        given: dict[str, Any] = {
            "article": f"A-{self.k}",
            "text": f"Bracket {self.k}",
            "quantity": 25,
            "price": f"{3 + self.k}.20",
        }
        papers = []
        for part in range(4):
            one = {**given, "number": f"2026-{self.k:03}{part}", "order": f"46{self.k:02}-20"}
            one["date"] = date(2026, 1 + part % 2, 5 + 5 * part)
            if chance.random() < 0.3:
                extras = [("Versandkosten", "9.90"), ("Rabatt", "-2")]
                text, price = chance.choice(extras)
                one["extra"] = {"text": text, "price": price}
            papers.append(paper(one))
        credit = {"number": f"G-{self.k}", "type": 381, "corrects": f"2026-{self.k:03}0"}
        credit |= {"order": "", "text": "return", "quantity": 1, "price": "0.50"}
        papers.append(paper(credit))
        form = {0: "page", 1: "hybrid", 2: "code"}.get(self.k, "xml")
        sender = self.swapped("Hansa Schrauben GmbH <rechnung@hansa-schrauben.example>")
        return [
            Letter(
                invoice=self.invoice(each),
                sender=sender,
                form="xml" if each.type_code == "381" else form,
                headers={"Authentication-Results": f"{HOST}; spf=softfail; dkim=pass; dmarc=pass"},
            )
            for each in papers
        ]

    def earlier(self) -> list[Letter]:
        """Return what came before the attempt, honestly addressed."""
        case = CASES[self.k]
        papers = [paper(each) for each in case.get("earlier", [])]
        if case["held_for"] == "duplicate":
            papers.append(first_paper())
        sender = self.swapped("rechnung@hansa-schrauben.example")
        passed = {"Authentication-Results": f"{HOST}; dmarc=pass"}
        return [Letter(invoice=self.invoice(p), sender=sender, headers=passed) for p in papers]

    def attempt(self) -> Letter:
        """Return the attempt as it arrives."""
        case = CASES[self.k]
        headers = {
            "Authentication-Results": f"{HOST}; {case.get('results', 'dmarc=pass')}",
        }
        if "reply_to" in case:
            headers["Reply-To"] = self.swapped(case["reply_to"])
        return Letter(
            invoice=self.invoice(paper(case["invoice"], case.get("vendor"))),
            sender=_in_ascii(self.swapped(case.get("from", "rechnung@hansa-schrauben.example"))),
            form=case.get("form", "xml"),
            other_iban=case.get("other_iban"),
            headers=headers,
        )


def _in_ascii(sender: str) -> str:
    """Write a domain the way mail carries it: other scripts as punycode (RFC 3492)."""
    if sender.isascii():
        return sender
    mailbox, _, domain = sender.rpartition("@")
    return f"{mailbox}@{domain.encode('idna').decode()}"


def write_records(folder: Path) -> None:
    """Export the vendors, orders and receipts of every attempt as another system would."""
    vendors, orders, receipts = [], [], []

    def order(
        k: int, number: str, line: int, vendor: str, article: str, text: str, **more: Any
    ) -> None:
        named = {"sku": article, "description": text, "order_date": "2026-01-02"}
        row = {"po_id": number, "po_line": line, "vendor_id": vendor, **named}
        orders.append(World(k).swapped({**row, "uom": "C62", "currency": "EUR", **more}))

    def receipt(number: str, quantity: int) -> None:
        row = {"gr_id": f"W{len(receipts)}", "date": "2026-01-03", "po_id": number}
        receipts.append({**row, "po_line": 1, "qty": quantity, "uom": "C62"})

    for k, case in enumerate(CASES):
        for vendor in (HANSA, DELTA, BLOCKED):
            row = {
                "vendor_id": f"{vendor['id']}-{k}",
                "name": vendor["name"],
                "iban": vendor["ibans"][0],
                "vat_id": vendor["vat_id"],
                "country": "DE",
                "po_required": int(vendor.get("order_required", False)),
                "email_domains": " ".join(vendor.get("email_domains", ())),
                "blocked": int(vendor.get("blocked", False)),
                "iban_changed_on": "",
            }
            if vendor is HANSA and case.get("vendor") == "free":
                row["po_required"] = 0
            if vendor is HANSA and case.get("vendor") == "fresh":
                row["iban_changed_on"] = "2026-03-11"
            vendors.append(World(k).swapped(row))
        hansa = f"V1-{k}"
        order(k, "4500-17", 1, hansa, "M8-40", "Hexagon bolt M8x40", qty=100, unit_price="2.50")
        order(k, "4500-17", 2, hansa, "U8", "Washer 8 mm", qty=200, unit_price="0.30")
        order(k, "4400-01", 1, hansa, "K5", "Wedge", qty=100, unit_price="2.50")
        receipt(f"45{k:02}-17", 100)
        receipt(f"44{k:02}-01", 100)
        if k in HONEST:
            given = {"qty": 100, "unit_price": f"{3 + k}.20"}
            order(k, f"46{k:02}-20", 1, hansa, f"A-{k}", f"Bracket {k}", **given)
            receipt(f"46{k:02}-20", 100)
    write_table(folder / "vendors.csv", vendors)
    write_table(folder / "purchase_orders.csv", orders)
    write_table(folder / "goods_receipts.csv", receipts)


@dataclass(frozen=True)
class Nights:
    """What the two nights left: every document by the number of its letter, every posted row."""

    office: Office
    attempts: Mapping[int, queries.DocumentRow]
    honest: tuple[queries.DocumentRow, ...]
    earlier: tuple[queries.DocumentRow, ...]
    posted: Counter[tuple[str, str]]
    repeated: queries.MessageRow


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("office")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    write_records(folder / "records")
    ticks = count()
    office = dataclasses.replace(
        Office.open(load_settings(folder / "config.yaml")),
        # Every look at the clock is a millisecond later, so that arrival keeps its order.
        clock=lambda: TONIGHT + timedelta(milliseconds=next(ticks)),
    )
    honest = [letter for k in HONEST for letter in World(k).honest()]
    earlier = [letter for k in range(len(CASES)) for letter in World(k).earlier()]
    attempts = [World(k).attempt() for k in range(len(CASES))]
    inbox = folder / "inbox"
    half = len(honest) // 2
    write_mailbox(inbox, [*honest[:half], *earlier])
    assert not night.run(office, ("records", "invoices")).failures
    second = half + len(earlier)
    write_mailbox(inbox, [*attempts, *honest[half:]], second)
    # A mail of the first night once more, byte for byte.
    shutil.copy(inbox / "0000.eml", inbox / "again.eml")
    assert not night.run(office, ("records", "invoices")).failures
    with office.database.begin() as tx:
        rows = {int(re.findall(r"\d+", r.name)[0]): r for r in queries.document_rows(tx)}
        repeated = queries.message_rows(tx)[-1]
    numbers = [*range(half), *range(second + len(attempts), second + len(attempts) + half)]
    yield Nights(
        office=office,
        attempts={k: rows[second + k] for k in range(len(CASES))},
        honest=tuple(rows[n] for n in numbers),
        earlier=tuple(rows[n] for n in range(half, second)),
        posted=posted_rows(office),
        repeated=repeated,
    )
    office.database.dispose()


def posted_rows(office: Office) -> Counter[tuple[str, str]]:
    """Count the rows of the workbook's invoices by vendor and number."""
    book = load_workbook(office.settings.plugin("posters", "ledger").settings.path)
    rows = [list(row) for row in book["Invoices"].iter_rows(values_only=True)]
    vendor, number = rows[0].index("Vendor"), rows[0].index("Invoice number")
    return Counter((str(row[vendor]), str(row[number])) for row in rows[1:])


@pytest.mark.parametrize("k", [pytest.param(k, id=c["name"]) for k, c in enumerate(CASES)])
def test_an_attempt_by_mail_is_held_for_the_right_reason(nights: Nights, k: int) -> None:
    row, case = nights.attempts[k], CASES[k]
    if "filed_for" in case:
        assert row.state == "filed"
        assert {case["filed_for"], "filed_with"} <= {f.code for f in row.findings}
        return
    reasons = {f.code for f in row.findings if f.blocks}
    assert (row.state, case["held_for"] in reasons) == ("held", True), row
    # The right reason, and at most what follows from it.
    assert len(reasons) <= 3, reasons


def test_nothing_of_an_attempt_is_posted(nights: Nights) -> None:
    # What came earlier is posted but for the invoice that is held for its account.
    assert [row.number for row in nights.earlier if row.state != "posted"] == ["H-1"]
    expected = [row for row in (*nights.honest, *nights.earlier) if row.state == "posted"]
    assert nights.posted == Counter((row.vendor_id, row.number) for row in expected)


def test_two_hundred_honest_invoices_are_posted(nights: Nights) -> None:
    assert len(nights.honest) == 200
    assert [row for row in nights.honest if row.state != "posted"] == []
    assert {(row.vendor_id, row.number) for row in nights.honest} <= set(nights.posted)


def test_a_mail_replayed_byte_for_byte_changes_nothing(nights: Nights) -> None:
    assert nights.repeated.outcome == "seen before"


def test_two_approvals_by_one_person_release_nothing(nights: Nights) -> None:
    k = next(k for k, case in enumerate(CASES) if case["held_for"] == "needs_second_person")
    held = nights.attempts[k]

    def approved_by(person: str) -> queries.DocumentRow:
        office = nights.office.acting(f"person:{person}")
        flow = Direct(office)
        flow.each(night.bot(office, "invoices").process, [desk.approve(office, held.id, "agreed")])
        assert not flow.failures
        with office.database.begin() as tx:
            return next(r for r in queries.document_rows(tx) if r.id == held.id)

    for _ in range(2):
        row = approved_by("anna")
        assert row.state == "held"
        assert {f.code for f in row.findings if f.blocks} == {"needs_second_person"}
        assert posted_rows(nights.office) == nights.posted
    assert approved_by("ben").state == "posted"
