"""Trials: on whatever part of the exports is there, and against an earlier one."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from app.ledger import bank_values, item_values
from app.trial import run_trial
from records.banking import BankTransaction
from records.failures import KnownFailure
from records.matches import Allocation, Match
from records.money import Money

MT940 = """\
:20:STMT
:25:DE89370400440532013000
:28C:1/1
:60F:C261001EUR100,00
:61:2610051005C119,00NTRFNONREF//B-1
:86:166?00GUTSCHRIFT?20R-2026-0815?32Nordlicht Optik GmbH
:61:2610051005D4,50NCHGNONREF//B-2
:86:808?00ENTGELT?20KONTOFUEHRUNG
:62F:C261005EUR214,50
-
"""
TABLES = {
    "own_accounts": "account_id,iban,currency\nA1,DE89370400440532013000,EUR\n",
    "customers": "customer_id,name\nC1,Nordlicht Optik GmbH\n",
    "customer_invoices": (
        "item_id,type,invoice_no,customer_id,customer_name,invoice_date,due_date,currency,gross\n"
        "AR1,invoice,R-2026-0815,C1,Nordlicht Optik GmbH,2026-10-01,2026-10-31,EUR,119.00\n"
    ),
    "vendors": "vendor_id,name,vat_id,iban,po_required\nV1,Hanse Papier KG,DE136695976,,0\n",
    "supplier_invoices": (
        "item_id,type,invoice_no,invoice_date,received_date,vendor_name,vendor_vat_id,po_ref,"
        "currency,net,vat,gross\n"
        "AP1,invoice,77,2026-10-02,2026-10-03,Hanse Papier KG,DE136695976,,EUR,100,19,119\n"
    ),
}


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    (folder / "statements").mkdir(parents=True)
    (folder / "statements/october.sta").write_text(MT940, encoding="utf-8")
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def tried(exports: Path, out: Path, **more: Any) -> str:
    said = io.StringIO()
    assert run_trial(exports, None, out, said, **more) == 0
    return said.getvalue()


def lines(path: Path) -> dict[str, Any]:
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    return {row.get("bank_line_id") or row["invoice_id"]: row for row in rows}


def test_a_changed_rule_shows_what_it_changes_and_why(exports: Path, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    said = tried(exports, before)
    assert "would post 1 of 1 matches" in said
    config = tmp_path / "strict.yaml"
    config.write_text(
        "payments: {tolerated_false_rate: 0}\n"
        "mail: [{name: inbox, use: imap, host: h, user: u, password: {env: IS_NOT_SET}}]\n",
        encoding="utf-8",
    )
    said = tried(exports, after, config=config, against=before)
    assert "1 bank line: posted before, suggested now" in said
    assert "changes.xlsx" in said
    assert "1 bank line: posted before, left open now" in said
    found = [json.loads(t) for t in (after / "changes.jsonl").read_text().splitlines()]
    change, fee = sorted(found, key=lambda c: c["id"])
    assert (change["id"], change["amount"]) == ("B-1", "119.00")
    assert change["party"] == "Nordlicht Optik GmbH"
    assert (fee["id"], fee["before"], fee["now"]) == ("B-2", "posted: fee", "left open: fee")
    assert change["before"] == "posted: settlement: AR1 119.00"
    assert change["now"] == "suggested: settlement: AR1 119.00"
    assert change["why_now"]
    header, *rows = openpyxl.load_workbook(after / "changes.xlsx")["Changes"].values
    shown = {row[1]: dict(zip(header, row, strict=True))["Change"] for row in rows}
    assert shown["B-1"] == "posted before, suggested now"


def test_other_exports_show_what_is_new_and_what_is_gone(exports: Path, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    tried(exports, before)
    (exports / "supplier_invoices.csv").unlink()
    path = exports / "customer_invoices.csv"
    path.write_text(path.read_text().replace("R-2026-0815", "R-2026-9999"), encoding="utf-8")
    said = tried(exports, after, against=before)
    assert ", not there now" in said
    changes = [json.loads(t) for t in (after / "changes.jsonl").read_text().splitlines()]
    assert {c["about"] for c in changes} == {"bank line", "invoice"}


def test_the_same_rules_change_nothing(exports: Path, tmp_path: Path) -> None:
    tried(exports, tmp_path / "before")
    said = tried(exports, tmp_path / "after", against=tmp_path / "before")
    assert "Nothing is decided otherwise" in said
    assert not (tmp_path / "after/changes.jsonl").exists()


@pytest.mark.parametrize(("against", "problem"), [("gone", "holds no"), ("same", "overwritten")])
def test_what_cannot_be_compared_is_said_before_anything_is_read(
    exports: Path, tmp_path: Path, against: str, problem: str
) -> None:
    out = tmp_path / "same"
    if against == "same":
        tried(exports, out)
    with pytest.raises(KnownFailure, match=problem):
        tried(exports, out, against=tmp_path / against)


def test_bank_files_alone_are_sorted_by_what_they_say(tmp_path: Path) -> None:
    folder, out = tmp_path / "download", tmp_path / "out"
    folder.mkdir()
    (folder / "october.sta").write_text(MT940, encoding="utf-8")
    said = tried(folder, out)
    assert "Bank: 2 lines." in said
    assert "no customer_invoices.csv or supplier_invoices.csv or open_items.csv" in said
    assert "no purchase_orders.csv" in said
    assert lines(out / "matches.jsonl")["B-2"]["category"] == "fee"
    assert lines(out / "invoices.jsonl") == {}
    assert openpyxl.load_workbook(out / "ledger.xlsx").sheetnames == ["Bank"]


INVOICE = """\
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2">
<cbc:ID>H-77</cbc:ID><cbc:IssueDate>2026-10-02</cbc:IssueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PartyLegalEntity>
<cbc:RegistrationName>Hanse Papier KG</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party>
</cac:AccountingSupplierParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">19.00</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">119.00</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">119.00</cbc:PayableAmount></cac:LegalMonetaryTotal></Invoice>
"""


def test_documents_alone_are_read(tmp_path: Path) -> None:
    folder, out = tmp_path / "invoices", tmp_path / "out"
    folder.mkdir()
    (folder / "hanse.xml").write_text(INVOICE, encoding="utf-8")
    said = tried(folder, out)
    assert "Documents read: 1" in said and "no bank files" in said
    (invoice,) = lines(out / "invoices.jsonl").values()
    assert (invoice["number"], invoice["gross"], invoice["decision"]) == (
        "H-77",
        "119.00",
        "suggest",
    )
    assert openpyxl.load_workbook(out / "ledger.xlsx").sheetnames == ["Invoices"]


def test_tables_under_other_names_are_named(exports: Path, tmp_path: Path) -> None:
    (exports / "vendors.csv").rename(exports / "lieferanten.csv")
    said = tried(exports, tmp_path / "out")
    assert "no vendors.csv" in said and "lieferanten.csv" in said


def test_a_folder_with_nothing_to_try_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(KnownFailure, match=r"holds nothing to try.*vendors\.csv") as failure:
        tried(tmp_path, tmp_path / "out")
    assert "\n" not in str(failure.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_statements_that_is_empty_is_said(exports: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownFailure, match="holds no files"):
        run_trial(exports, "camt", tmp_path / "out", io.StringIO())


def test_the_workbook_has_the_columns_of_the_ledger(exports: Path, tmp_path: Path) -> None:
    """It is written from the JSON lines; every night's rows come from the matches themselves."""
    out = tmp_path / "out"
    tried(exports, out)
    moved = BankTransaction(account="A", amount=Money(Decimal(1), "EUR"))
    match = Match(
        transaction_id="T",
        category="settlement",
        allocations=(Allocation("AR1", Money(Decimal(1), "EUR")),),
    )
    ((_, item),) = item_values(match, moved)
    book = openpyxl.load_workbook(out / "ledger.xlsx", read_only=True)
    for sheet, values in (("Bank", bank_values(match, moved)), ("Matches", item)):
        titles = next(book[sheet].iter_rows(max_row=1, values_only=True))
        assert list(titles) == list(values)
    rows = list(book["Bank"].iter_rows(min_row=2, values_only=True))
    assert sorted(row[7] for row in rows) == ["B-1", "B-2"]
    assert [row[2] for row in book["Matches"].iter_rows(min_row=2, values_only=True)] == ["AR1"]
    book.close()
