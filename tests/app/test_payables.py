"""Payments: proposed, released by a second person, written, paid, reconciled."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from lxml import etree
from openpyxl import load_workbook

from app import night, queries
from app.actions import payables
from app.audit import story, verify
from app.masterdata import every, save
from app.office import Office
from app.payables import Proposal, proposal, proposals, under_way
from app.payables_figures import figures
from app.settings import load
from app.show import tell_story
from connectors.payments.pain001 import NAMESPACE
from records.banking import OpenItem, PaymentRun
from records.failures import KnownFailure
from records.invoices import Party
from tests.app.conftest import ROOT, MakeOffice
from tests.app.paper_mail import WERK_NORD, Letter, write_mailbox, write_table
from tests.matching.casebook import invoice_of

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
OUR_IBAN = "DE75512108001245126199"
VENDORS = """\
vendor_id,name,iban,bic,vat_id,country,terms_days,address,blocked,pay_method,iban_changed_on
V1,Hansa Schrauben GmbH,DE02120300000000202051,BYLADEM1001,DE811907980,DE,30,"Kai 4, 20457 Hamburg",,,
V2,Łódź Śruby,PL61109010140000071219812874,,PL5260001246,PL,14,,,,
V3,Blocked AG,DE02500105170137075030,,DE111111125,DE,30,,1,,
V4,Moved GmbH,DE02100500000054540402,,DE222222221,DE,30,,,,2026-11-20
V5,Collects itself,DE88100900001234567892,,DE333333337,DE,30,,,dd,
V6,Away Ltd,US-123456,,,US,30,,,,
"""
ITEMS = """\
item_id,kind,party_id,party_name,party_iban,party_vat_id,invoice_no,invoice_date,due_date,gross,skonto_pct,skonto_until
A1,ap_invoice,V1,,FR7630006000011234567890189,,R-1,2026-11-01,2026-11-25,-119.00,,
A2,ap_invoice,V1,,,,R-2,2026-11-10,2026-12-24,-1000.00,2,2026-11-27
A3,ap_credit_note,V1,,,,G-1,2026-11-05,,50.00,,
A4,ap_invoice,V1,,,,R-4,2026-11-10,2027-01-10,-77.00,,
A5,ap_invoice,,Łódź Śruby,,PL5260001246,9/2026,2026-11-09,,-310.50,,
A6,ap_invoice,V3,,,,X-1,2026-11-01,2026-11-20,-10.00,,
A7,ap_invoice,V4,,,,Y-1,2026-11-01,2026-11-20,-20.00,,
A8,ap_invoice,V5,,,,Z-1,2026-11-01,2026-11-20,-30.00,,
A9,ap_invoice,V1,,,,Rechnung R-1,2026-11-01,2026-11-25,-119.00,,
B1,ap_invoice,V6,,,,W-1,2026-11-01,2026-11-20,-40.00,,
"""

Open = Callable[[], Office]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office on a Monday that owes the items above."""
    tables, files = tmp_path / "tables", tmp_path / "statements"
    for folder in (tables, files, tmp_path / "inbox"):
        folder.mkdir()
    (tables / "vendors.csv").write_text(VENDORS, encoding="utf-8")
    (tables / "open_items.csv").write_text(ITEMS, encoding="utf-8")
    (tables / "own_accounts.csv").write_text(f"account_id,iban,currency\nA1,{OUR_IBAN},EUR\n")
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    for old, new in (("cases", "inbox"), ("records", "tables"), ("statements", "statements")):
        text = text.replace(f"fixtures/office/{old}", str(tmp_path / new))
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    opened = dataclasses.replace(Office.open(load(path)), clock=lambda: MONDAY)
    assert not night.run(opened, ("records",)).failures
    yield opened
    opened.database.dispose()


def _proposed(office: Office, actor: str = "person:anna") -> Proposal:
    made = payables.propose(office.acting(actor))
    with office.database.begin() as tx:
        return proposal(tx, made)


def _released(office: Office, given: Proposal) -> Path:
    (path,) = payables.release(office.acting("person:ben"), given.id, "checked")
    return Path(path)


def test_what_is_due_is_proposed_to_the_account_on_file(office: Office) -> None:
    given = _proposed(office)
    hansa, lodz = given.draft.payments
    assert [i.item_id for i in hansa.items] == ["A1", "A2", "A3"]
    assert hansa.amount.amount == Decimal("1049.00")  # 119 + 980 - 50
    assert hansa.iban == "DE02120300000000202051"
    assert (lodz.vendor_id, lodz.amount.amount) == ("V2", Decimal("310.50"))
    told = {(f.code, f.where) for f in given.draft.problems}
    assert told == {
        ("payable_twice", "open item A9"),
        ("blocked_vendor", "vendor V3"),
        ("bank_details_cooling", "vendor V4"),
        ("payment_impossible", "vendor V6"),
    }


def test_proposing_again_changes_nothing(office: Office) -> None:
    assert _proposed(office) == _proposed(office, "person:ben")


def test_dollars_go_out_as_a_nacha_file(office: Office) -> None:
    folder = office.settings.folder
    (folder / "tables/own_accounts.csv").write_text(
        f"account_id,iban,currency,routing_number\nA1,{OUR_IBAN},EUR,\nA3,55501,USD,021000021\n"
    )
    vendors = (folder / "tables/vendors.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"{vendors[0]},routing_number", *(f"{v}," for v in vendors[1:])]
    rows.append("V7,Tools LLC,123456789,,,US,30,,,,,011401533")
    (folder / "tables/vendors.csv").write_text("\n".join(rows), encoding="utf-8")
    head, *items = ITEMS.splitlines()
    items = [f"{item},EUR" for item in items]
    items.append("D1,ap_invoice,V7,,,,7001,2026-11-01,2026-11-20,-250.75,,,USD")
    text = "\n".join([f"{head},currency", *items])
    (folder / "tables/open_items.csv").write_text(text, encoding="utf-8")
    config = folder / "config.yaml"
    known = config.read_text(encoding="utf-8").replace(
        "paying:\n", "paying:\n  company_id: '1234567890'\n"
    )
    config.write_text(known, encoding="utf-8")
    american = dataclasses.replace(office, settings=load(config))
    night.run(american, ("records",))
    made = _proposed(american).id
    euros, dollars = payables.release(american.acting("person:ben"), made, "")
    assert euros.endswith(".xml")
    entry_ = next(r for r in Path(dollars).read_text("ascii").splitlines() if r[0] == "6")
    assert (entry_[3:12], entry_[12:29].strip(), entry_[29:39]) == (
        "011401533",
        "123456789",
        "0000025075",
    )
    with office.database.begin() as tx:
        assert "D1" in under_way(tx)


def test_a_bot_does_not_replace_what_a_person_proposed(office: Office) -> None:
    later = dataclasses.replace(office, clock=lambda: MONDAY + timedelta(days=4))
    first, second = _proposed(office), _proposed(later, "bot:payments")
    assert first == second
    third = _proposed(later)
    assert third.id != first.id
    with office.database.begin() as tx:
        assert proposal(tx, first.id).state == "withdrawn"


def test_a_second_person_releases_and_the_file_balances(office: Office) -> None:
    given = _proposed(office)
    with pytest.raises(KnownFailure, match="second person"):
        payables.release(office.acting("person:Anna"), given.id, "")
    with pytest.raises(KnownFailure, match="by a person"):
        payables.release(office, given.id, "")
    path = _released(office, given)
    tree = etree.fromstring(path.read_bytes())
    ids = [e.text for e in tree.iter(f"{{{NAMESPACE}}}EndToEndId")]
    assert ids == [f"{given.id}E-0001", f"{given.id}E-0002"]
    sums = [e.text for e in tree.iter(f"{{{NAMESPACE}}}CtrlSum")]
    assert sums == ["1359.50", "1359.50"]
    assert [e.text for e in tree.iter(f"{{{NAMESPACE}}}TwnNm")] == ["Hamburg"]
    with office.database.begin() as tx:
        assert [(e.actor, e.action) for e in story(tx, given.id)] == [
            ("person:anna", "propose"),
            ("person:ben", "release"),
            ("person:ben", "write"),
        ]
        assert verify(tx)[1] is None
        assert {"A1", "A2", "A3", "A5"} == under_way(tx)


def test_what_is_under_way_is_not_paid_again(office: Office) -> None:
    path = _released(office, given := _proposed(office))
    path.unlink()  # taken to the bank
    with pytest.raises(KnownFailure, match="is written"):
        payables.release(office.acting("person:ben"), given.id, "")
    assert not path.exists()
    assert not _proposed(office).draft.payments


def test_a_crash_before_the_file_is_mended_by_releasing_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = _proposed(office)

    def out_of_disk(*_: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as broken:
        broken.setattr(payables, "write_whole", out_of_disk)
        with pytest.raises(OSError, match="no space"):
            _released(office, given)
    assert _released(office, given).exists()
    with office.database.begin() as tx:
        assert len(list(every(tx, PaymentRun))) == 1


def test_what_a_bot_proposed_needs_two_persons(office: Office) -> None:
    given = _proposed(office, "bot:payments")
    assert payables.release(office.acting("person:anna"), given.id, "") == []
    with pytest.raises(KnownFailure, match="checked"):
        payables.release(office.acting("person:anna"), given.id, "")
    assert _released(office, given).exists()


def test_a_proposal_whose_ground_moved_is_not_released(office: Office) -> None:
    given = _proposed(office)
    tables = office.settings.folder / "tables"
    moved = VENDORS.replace("DE02120300000000202051", "DE02200505501015871393")
    (tables / "vendors.csv").write_text(moved, encoding="utf-8")
    night.run(office, ("records",))
    with pytest.raises(KnownFailure, match=r"no longer holds .Hansa"):
        _released(office, given)


def test_a_discount_is_taken_on_the_last_business_day_that_earns_it(office: Office) -> None:
    """It lapses on Friday 27th: on Thursday money still arrives, on Friday not."""
    discounts = []
    for days in (3, 4, 5):
        later = dataclasses.replace(office, clock=lambda d=days: MONDAY + timedelta(days=d))
        hansa = _proposed(later).draft.payments[0]
        discounts.append(sum(i.discount.amount for i in hansa.items))
    assert discounts == [20, 0, 0]


def test_a_proposals_story_is_told(office: Office) -> None:
    _released(office, given := _proposed(office))
    out = io.StringIO()
    with office.database.begin() as tx:
        (subject,) = queries.find_subject(tx, given.id)
        tell_story(tx, office, subject, out)
    assert "person:ben" in out.getvalue()


def test_what_came_by_mail_is_paid_once_posted_and_not_while_held(
    make_office: MakeOffice,
) -> None:
    given = make_office("02", "38")  # an invoice, and a price variance
    night.run(given, ("records", "invoices"))
    with given.database.begin() as tx:
        rows = {row.state: row for row in queries.document_rows(tx)}
        posted, held = rows["posted"], rows["held"]
        assert posted.gross and held.gross
        # The office's books list both as well, under ids of their own.
        listed = [
            OpenItem(
                id=f"ERP{row.state}",
                kind="ap_invoice",
                party_id=row.vendor_id,
                number=f"Rechnung {row.number}",
                gross=-row.gross,
            )
            for row in (posted, held)
            if row.gross
        ]
        save(tx, given, "erp", listed)
    later = dataclasses.replace(given, clock=lambda: datetime(2027, 6, 1, 9, tzinfo=UTC))
    draft = _proposed(later).draft
    paid = {i.item_id: p for p in draft.payments for i in p.items}
    assert {"ERPposted", "ERPheld", posted.id, held.id} & set(paid) == {"ERPposted"}
    assert paid["ERPposted"].vendor_id == posted.vendor_id
    told = {(f.code, f.where) for f in draft.problems}
    assert ("payable_held", "open item ERPheld") in told
    assert "payable_twice" not in {code for code, _ in told}


@pytest.mark.parametrize("listed", [False, True], ids=["ours alone", "in the office's books too"])
def test_what_an_invoice_says_is_collected_is_not_transferred(tmp_path: Path, listed: bool) -> None:
    """UNTDID 4461 code 59: a transfer beside the direct debit would pay twice."""
    (tmp_path / "config.yaml").write_text(WERK_NORD, encoding="utf-8")
    vendor = {"vendor_id": "V1", "name": "Hansa Schrauben GmbH", "iban": "DE02120300000000202051"}
    vendor |= {"vat_id": "DE811907980", "country": "DE"}
    write_table(tmp_path / "records/vendors.csv", [vendor])
    ours = {"account_id": "A1", "iban": OUR_IBAN, "currency": "EUR"}
    write_table(tmp_path / "records/own_accounts.csv", [ours])
    letters = [
        Letter(
            invoice=dataclasses.replace(
                invoice_of({"number": number, "order": "", "lines": [{"text": "x", "price": 100}]}),
                payment_means_code=means,
                seller=Party(name=vendor["name"], vat_id=vendor["vat_id"], country="DE"),
                ibans=(vendor["iban"],),
            ),
            sender="rechnung@hansa-schrauben.example",
        )
        for number, means in (("T-1", "58"), ("D-1", "59"))
    ]
    write_mailbox(tmp_path / "inbox", letters)
    office = Office.open(load(tmp_path / "config.yaml"))
    night.run(office, ("records", "invoices"))
    with office.database.begin() as tx:
        rows = {row.number: row for row in queries.document_rows(tx)}
        books = [
            OpenItem(id=f"ERP-{n}", kind="ap_invoice", party_id="V1", number=n, gross=-row.gross)
            for n, row in rows.items()
            if row.gross
        ]
        save(tx, office, "erp", books if listed else [])
    assert {row.state for row in rows.values()} == {"posted"}
    draft = _proposed(office).draft
    (payment,) = draft.payments
    assert [item.number for item in payment.items] == ["T-1"]
    assert [f.code for f in draft.problems] == ["paid_otherwise"]
    office.database.dispose()


def test_what_the_offices_books_no_longer_list_is_not_paid(office: Office) -> None:
    tables = office.settings.folder / "tables"
    kept = [line for line in ITEMS.splitlines() if not line.startswith("A5")]
    (tables / "open_items.csv").write_text("\n".join(kept), encoding="utf-8")
    later = dataclasses.replace(office, clock=lambda: MONDAY + timedelta(hours=1))
    night.run(later, ("records",))
    assert [p.vendor_id for p in _proposed(later).draft.payments] == ["V1"]


def test_a_copy_of_what_is_under_way_is_not_paid(office: Office) -> None:
    """The copy sorts before the item that was ordered: order of ids must not decide."""
    _released(office, _proposed(office))
    tables = office.settings.folder / "tables"
    copy = "A0,ap_invoice,V1,,,,R1,2026-11-01,2026-11-25,-119.00,,\n"
    (tables / "open_items.csv").write_text(ITEMS + copy, encoding="utf-8")
    later = dataclasses.replace(office, clock=lambda: MONDAY + timedelta(hours=1))
    night.run(later, ("records",))
    draft = _proposed(later).draft
    assert not draft.payments
    assert ("payable_twice", "open item A0") in {(f.code, f.where) for f in draft.problems}


def test_a_withdrawn_proposal_pays_nothing(office: Office) -> None:
    given = _proposed(office)
    payables.withdraw(office.acting("person:anna"), given.id, "not today")
    with pytest.raises(KnownFailure, match="withdrawn"):
        _released(office, given)


def camt(day: date, entries: list[str], total: Decimal) -> str:
    """Return a camt.053 statement over one day with these entries, debits of `total`."""
    opening = Decimal("50000.00")
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}</Amt>"
        f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        for code, amount in (("OPBD", opening), ("CLBD", opening - total))
    )
    return (
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'><BkToCstmrStmt><GrpHdr>"
        f"<MsgId>M1</MsgId><CreDtTm>{day}T22:00:00Z</CreDtTm></GrpHdr><Stmt><Id>S1</Id>"
        f"<ElctrncSeqNb>1</ElctrncSeqNb><CreDtTm>{day}T22:00:00Z</CreDtTm>"
        f"<Acct><Id><IBAN>{OUR_IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>{balances}"
        f"{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    )


def entry(number: int, day: date, amount: Decimal, details: str, sub: str) -> str:
    """Return one booked debit."""
    return (
        f"<Ntry><Amt Ccy='EUR'>{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
        f"<AcctSvcrRef>B{number}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd>"
        f"<SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls>{details}</NtryDtls></Ntry>"
    )


@pytest.mark.parametrize("booking", ["single", "batch", "batch with its parts"])
def test_the_run_is_reconciled_without_a_person(office: Office, booking: str) -> None:
    """The same file, executed by a bank and reported the next day."""
    path = _released(office, _proposed(office))
    tree = etree.fromstring(path.read_bytes())
    space = {"p": NAMESPACE}
    day = MONDAY.date() + timedelta(days=1)
    parts = [
        (
            Decimal(one.findtext("p:Amt/p:InstdAmt", namespaces=space) or ""),
            f"<TxDtls><Refs><EndToEndId>{one.findtext('p:PmtId/p:EndToEndId', namespaces=space)}"
            f"</EndToEndId></Refs><Amt Ccy='EUR'>"
            f"{one.findtext('p:Amt/p:InstdAmt', namespaces=space)}</Amt>"
            f"<CdtDbtInd>DBIT</CdtDbtInd></TxDtls>",
        )
        for one in tree.iter(f"{{{NAMESPACE}}}CdtTrfTxInf")
    ]
    total = sum((amount for amount, _ in parts), Decimal(0))
    if booking == "single":
        entries = [entry(n, day, a, text, "ESCT") for n, (a, text) in enumerate(parts)]
    else:
        batch = tree.findtext(".//p:PmtInfId", namespaces=space)
        head = f"<Btch><PmtInfId>{batch}</PmtInfId><NbOfTxs>{len(parts)}</NbOfTxs></Btch>"
        inside = "".join(text for _, text in parts) if "parts" in booking else ""
        entries = [entry(1, day, total, head + inside, "ESCT")]
    target = office.settings.folder / "statements" / "day.xml"
    target.write_text(camt(day, entries, total))
    later = dataclasses.replace(office, clock=lambda: MONDAY + timedelta(days=2))
    assert not night.run(later, ("statements",)).failures
    with later.database.begin() as tx:
        rows = list(queries.bank_rows(tx))
        assert [row.state for row in rows] == ["posted"] * len(entries)
        settled = {a.item_id for row in rows if row.match for a in row.match.allocations}
        assert settled == {"A1", "A2", "A3", "A5"}
        assert not under_way(tx)
    again = payables.propose(later.acting("person:anna"))
    with later.database.begin() as tx:
        assert not proposal(tx, again).draft.payments


def test_the_bot_proposes_and_writes_the_sheets_once_a_day(office: Office) -> None:
    for _ in range(2):
        assert not night.run(office, ("payments", "report")).failures
    with office.database.begin() as tx:
        (waiting,) = proposals(tx, "proposed")
    assert waiting.proposed_by == "bot:payments"
    book = load_workbook(office.settings.plugin("posters", "ledger").settings.path)
    sheet = [list(row) for row in book["Aged payables"].iter_rows(values_only=True)]
    rows = {row[sheet[0].index("Vendor")]: row for row in sheet[1:]}
    assert len(rows) == len(sheet) - 1 == 6
    hansa = dict(zip(sheet[0], rows["V1"], strict=True))
    assert (hansa["Total"], hansa["Not due"], hansa["1-30 days"]) == (1265, 1265, 0)
    discounts = [list(row) for row in book["Discounts"].iter_rows(values_only=True)]
    assert dict(zip(*discounts, strict=True))["Still open"] == 20
    (mail,) = (office.settings.folder / "out/outbox").glob("*.eml")
    text = message_from_bytes(mail.read_bytes(), policy=default).get_body(("plain",))
    assert text is not None
    assert "Owed: 1,675.50 EUR" in text.get_content()
    assert f"payment proposal {waiting.id} waits" in text.get_content()


def test_accruals_count_what_another_system_booked(office: Office) -> None:
    def table(name: str, text: str) -> None:
        (office.settings.folder / "tables" / name).write_text(text, encoding="utf-8")

    table(
        "purchase_orders.csv",
        "po_id,po_line,vendor_id,sku,description,qty,uom,unit_price,currency,vat_rate\n"
        "B-1,1,V1,M8,Bolt,100,C62,2.50,EUR,19\nB-2,1,V1,U8,Washer,100,C62,1.00,EUR,19\n",
    )
    table(
        "goods_receipts.csv",
        "gr_id,date,po_id,po_line,qty,uom\nW1,2026-11-02,B-1,1,80,C62\nW2,2026-11-02,B-2,1,100,C62\n",
    )
    table(
        "supplier_invoices.csv",
        "item_id,invoice_no,invoice_date,vendor_name,vendor_vat_id,po_ref,currency,net,vat,gross\n"
        "S1,R-9,2026-11-03,Hansa Schrauben GmbH,DE811907980,B-1,EUR,120,22.80,142.80\n",
    )
    table(
        "supplier_invoice_lines.csv",
        "item_id,line_no,sku,description,qty,uom,unit_price,net\nS1,1,M8,Bolt,48,C62,2.50,120\n",
    )
    items = ITEMS.splitlines()
    named = "C1,ap_invoice,V1,,,,R-10,2026-11-03,2026-12-24,-59.50,,"
    text = "\n".join([f"{items[0]},order_ref", *(f"{i}," for i in items[1:]), f"{named},B-2"])
    table("open_items.csv", text)
    assert not night.run(office, ("records",)).failures
    with office.database.begin() as tx:
        (row,) = figures(tx, MONDAY.date()).accruals
    # 32 of 80 bolts at 2.50, and 100 washers less a net of 50.
    assert (row.amount, row.orders) == (Decimal("130.00"), ("B-1", "B-2"))
