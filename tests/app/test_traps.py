"""The traps of the trade: each a case of fixtures/traps, played through the whole program.

A case gives the records, the letters and bank lines of one or more nights, and
what to expect: what becomes of each document and bank line, what is booked on
which account, and what is owed when afterwards. What it leaves out of the
records comes from `HOUSE`: one vendor, one order, all of it received.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import select

from app import night, queries
from app.codec import load_posting
from app.office import Office
from app.payables import still_owed
from app.payables_figures import figures
from app.settings import load as load_settings
from app.tables import postings
from tests.app.conftest import ROOT
from tests.app.paper_bank import statement
from tests.app.paper_mail import WERK_NORD, Letter, write_mailbox, write_table
from tests.matching.casebook import invoice_of

TRAPS = ROOT / "fixtures/traps"
OUR_IBAN = "DE89370400440532013000"
CONFIG = f"""{WERK_NORD}
  statements: {{sources: [bank], post_to: ledger}}
statements: [{{name: bank, use: folder, path: bank}}]
"""
HOUSE: dict[str, list[dict[str, Any]]] = {
    "vendors": [
        {
            "vendor_id": "V1",
            "name": "Hansa Schrauben GmbH",
            "iban": "DE75512108001245126199",
            "vat_id": "DE811907980",
            "country": "DE",
            "terms_days": 30,
            "po_required": 1,
            "email_domains": "hansa-schrauben.example",
        }
    ],
    "purchase_orders": [
        {"po_id": "4500-17", "po_line": 1, "vendor_id": "V1", "sku": "M8-40", "qty": 100, "unit_price": "2.50"}
        | {"description": "Hexagon bolt M8x40", "uom": "C62", "currency": "EUR", "order_date": "2026-02-01"},
        {"po_id": "4500-17", "po_line": 2, "vendor_id": "V1", "sku": "U8", "qty": 200, "unit_price": "0.30"}
        | {"description": "Washer 8 mm", "uom": "C62", "currency": "EUR", "order_date": "2026-02-01"},
    ],
    "goods_receipts": [
        {"gr_id": "W1", "date": "2026-03-01", "po_id": "4500-17", "po_line": 1, "qty": 100, "uom": "C62"},
        {"gr_id": "W2", "date": "2026-03-01", "po_id": "4500-17", "po_line": 2, "qty": 200, "uom": "C62"},
    ],
    "own_accounts": [{"account_id": "A1", "iban": OUR_IBAN, "currency": "EUR"}],
}  # fmt: skip
FIRST_NIGHT = datetime(2026, 3, 12, 20, 0, tzinfo=UTC)
CASES: dict[str, dict[str, Any]] = {
    path.stem: YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    for path in sorted(TRAPS.glob("*.yaml"))
}


def _tables(case: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the records of a case as tables whose rows all have the same columns."""
    tables = {**HOUSE, **case.get("records", {})}
    filled = {}
    for name, rows in tables.items():
        columns = dict.fromkeys(key for row in rows for key in row)
        filled[name] = [{key: row.get(key, "") for key in columns} for row in rows]
    return filled


def _letter(given: Mapping[str, Any]) -> Letter:
    sender = given.get("from", "Hansa Schrauben GmbH <rechnung@hansa-schrauben.example>")
    passed = {"Authentication-Results": "mx.werk-nord.example; dmarc=pass"}
    house = {"buyer": {"name": "Werk Nord AG", "vat_id": "DE129273398"}}
    return Letter(
        invoice=invoice_of({**house, **given.get("invoice", {})}),
        sender=sender,
        form=given.get("form", "xml"),
        text=given.get("text", ""),
        subject=given.get("subject", ""),
        other_iban=given.get("other_iban"),
        headers=passed,
    )


@dataclasses.dataclass(frozen=True)
class Played:
    """An office after all nights of a case."""

    office: Office
    documents: Mapping[str, queries.DocumentRow]
    lines: Mapping[str, queries.BankRow]


@pytest.fixture(scope="module", params=CASES, ids=str)
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Any], Played]]:
    case = CASES[request.param]
    folder = tmp_path_factory.mktemp("trap")
    (folder / "config.yaml").write_text(CONFIG + case.get("config", ""), encoding="utf-8")
    (folder / "bank").mkdir()
    (folder / "inbox").mkdir()
    for name, rows in _tables(case).items():
        write_table(folder / "records" / f"{name}.csv", rows)
    office = Office.open(load_settings(folder / "config.yaml"))
    count = 0
    for number, given in enumerate(case["nights"]):
        now = FIRST_NIGHT + timedelta(days=number)
        letters = [_letter(one) for one in given.get("letters", ())]
        write_mailbox(folder / "inbox", letters, count)
        count += len(letters)
        day = now.date()
        if "bank" in given:
            raw = statement(OUR_IBAN, day, given["bank"])
            (folder / "bank" / f"{day}.xml").write_bytes(raw)
        acting = dataclasses.replace(office, clock=lambda now=now: now)
        done = night.run(acting, ("records", "invoices", "statements"))
        assert not done.failures, done.failures
    with office.database.begin() as tx:
        documents: dict[str, queries.DocumentRow] = {}
        for row in queries.document_rows(tx):
            name = row.number or row.subject
            documents[f"{name} again" if name in documents else name] = row
        lines = {row.transaction.bank_reference or "": row for row in queries.bank_rows(tx)}
    yield case, Played(office, documents, lines)
    office.database.dispose()


def test_each_document_becomes_what_the_case_expects(played: tuple[dict[str, Any], Played]) -> None:
    case, office = played
    for number, wanted in case["expect"].get("documents", {}).items():
        row = office.documents[number]
        told = {f.code for f in row.findings}
        assert row.state == wanted["state"], row
        assert {f.code for f in row.findings if f.blocks} == set(wanted.get("held_for", ())), row
        assert set(wanted.get("told", ())) <= told, row.findings
        for code, texts in wanted.get("shows", {}).items():
            shown = " ".join(f"{f} {f.where} {f.actual}" for f in row.findings if f.code == code)
            assert [text for text in texts if str(text) not in shown] == [], shown
        for key in ("issue_date", "vendor_id", "kind"):
            if key in wanted:
                assert str(getattr(row, key)) == str(wanted[key])
        if "gross" in wanted:
            assert row.gross is not None
            assert str(row.gross.amount) == str(wanted["gross"])


def test_each_bank_line_is_booked_as_the_case_expects(
    played: tuple[dict[str, Any], Played],
) -> None:
    case, office = played
    for reference, wanted in case["expect"].get("bank", {}).items():
        row = office.lines[reference]
        assert row.match is not None
        assert row.state == wanted["state"], row
        settled: dict[str, Decimal] = defaultdict(Decimal)
        for one in row.match.allocations:
            settled[_name(office, one.item_id)] += one.amount.amount
        assert {k: str(v) for k, v in settled.items()} == wanted.get("settles", {}), row.match
        if "books" in wanted:
            assert _booked(office, row.id) == wanted["books"]
        kept = [[a.kind, str(a.amount.amount)] for a in row.match.adjustments]
        assert kept == wanted.get("adjusts", []), row.match


def _booked(office: Played, transaction_id: str) -> list[list[str]]:
    """Return kind and amount of what a bank line wrote besides its items."""
    query = select(postings.c.data).where(
        postings.c.kind == "match", postings.c.subject == transaction_id
    )
    with office.office.database.begin() as tx:
        (posting,) = map(load_posting, tx.execute(query).scalars())
    cells = [row.values for row in posting.rows if row.sheet == "Matches"]
    return [[str(c["Kind"]), str(c["Applied"])] for c in cells if c["Kind"] != "settles"]


def test_what_is_booked_and_owed_afterwards(played: tuple[dict[str, Any], Played]) -> None:
    case, office = played
    with office.office.database.begin() as tx:
        texts = tx.execute(select(postings.c.data).where(postings.c.kind == "invoice")).scalars()
        booked: dict[str, Decimal] = defaultdict(Decimal)
        for posting in map(load_posting, texts):
            assert sum(line.amount for line in posting.lines) == 0
            for line in posting.lines:
                booked[line.account] += line.amount
        owed = {
            _name(office, item.id): [
                str(-(item.gross if item.open is None else item.open).amount),
                item.due_date,
            ]
            for item in still_owed(tx)
            if item.open is None or item.open.amount
        }
        gained = [
            {"won": str(row.won), "lost": str(row.lost), "open": str(row.open)}
            for row in figures(tx, FIRST_NIGHT.date()).discounts
        ]
    if "discounts" in case["expect"]:
        assert gained == [case["expect"]["discounts"]]
    if "booked" in case["expect"]:
        balances = {account: str(amount) for account, amount in booked.items() if amount}
        assert balances == case["expect"]["booked"]
    if "owed" in case["expect"]:
        assert owed == case["expect"]["owed"]


def _name(office: Played, item_id: str) -> str:
    """Return an item by the number of the invoice it is, as cases name it."""
    base, slash, part = item_id.partition("/")
    number = next((n for n, row in office.documents.items() if row.id == base), base)
    return f"{number}{slash}{part}"


def test_every_purchase_trap_has_a_case_that_says_what_is_right() -> None:
    named = {int(name.split("-")[0]) for name in CASES}
    assert named == {*range(1, 23), 38}
    for name, case in CASES.items():
        assert case["trap"] == int(name.split("-")[0])
        assert case["rule"]
        assert case["expect"].keys() & {"documents", "bank"}


def test_a_case_can_fail() -> None:
    """The cases are data: one that expects nothing of its letters would always hold."""
    for name, case in CASES.items():
        letters = sum(len(given.get("letters", ())) for given in case["nights"])
        lines = sum(len(given.get("bank", ())) for given in case["nights"])
        expect = json.loads(json.dumps(case["expect"], default=str))
        assert len(expect.get("documents", {})) == letters, name
        assert len(expect.get("bank", {})) == lines, name
