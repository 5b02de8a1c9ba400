"""The close: a period on one sheet, signed, and never posted into behind one's back."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from app.actions import bank, reconciliation
from app.actions.closing import sign_period
from app.actions.delivery import deliver
from app.audit import story
from app.closing import Sheet, find_account, period_of, reconciliation_sheet
from app.codec import load_posting
from app.masterdata import save
from app.office import Office
from app.statement_files import read_file
from app.store import open_findings
from app.tables import postings
from records.banking import PaymentRun, PaymentRunItem
from records.documents import Document
from records.failures import KnownFailure
from records.money import Money
from tests.app.conftest import MakeOffice
from tests.app.test_bank_nights import ACCOUNT, IBAN, MASTER, OPENING, mt940

OCTOBER = period_of("2026-10")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-10", date(2026, 10, 1), date(2026, 10, 31)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026-q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_is_a_month_a_quarter_or_a_year(text: str, first: date, last: date) -> None:
    assert (period_of(text).first, period_of(text).last) == (first, last)


@pytest.mark.parametrize("text", ["", "2026-13", "2026-Q5", "October", "26-10"])
def test_anything_else_is_no_period(text: str) -> None:
    with pytest.raises(KnownFailure, match="no period"):
        period_of(text)


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    """Return an office with the small account's records, on 5 November."""
    made = make_office()
    with made.database.begin() as tx:
        save(tx, made, "test", MASTER)
    return at(made, 2026, 11, 5)


def at(office: Office, *day: int) -> Office:
    moment = datetime(*day, 12, tzinfo=UTC)  # type: ignore[arg-type, misc]
    return dataclasses.replace(office, clock=lambda: moment)


def bring(office: Office, folder: Path, *files: bytes) -> None:
    for content in files:
        digest = hashlib.sha256(content).hexdigest()
        path = folder / digest
        path.write_bytes(content)
        given = Document(id=digest, media_type="", path=path, name=digest[:6], size=len(content))
        with office.database.begin() as tx:
            bank.add_file(tx, office, given)
        bank.keep_statements(office, given, read_file(given))
    bank.prove_accounts(office)
    reconciliation.reconcile_bank(office, "ledger")


def sheet_of(office: Office, name: str = "2026-10") -> Sheet:
    with office.database.begin() as tx:
        return reconciliation_sheet(tx, find_account(tx, IBAN), period_of(name))


def cents(sheet: Sheet) -> Sequence[int]:
    return [amount.minor for _, amount in sheet.lines()]


def test_the_sheet_leads_from_the_bank_to_the_books(office: Office, tmp_path: Path) -> None:
    bring(office, tmp_path, mt940(1, 31))
    sheet = sheet_of(office)
    assert sheet.per_bank.minor == OPENING + sum(b.cents for b in ACCOUNT)
    assert sheet.difference.amount == 0
    assert sheet.is_covered
    assert len(sheet.unmatched) + sheet.posted_count == len(ACCOUNT)
    left = sum(u.amount.minor for u in sheet.unmatched)
    assert sheet.per_books.minor == sheet.per_bank.minor - left
    bank_line, suggested, opened, transit, books, difference = cents(sheet)
    assert bank_line + suggested + opened + transit == books + difference


def test_a_balance_within_a_statement_is_found(office: Office, tmp_path: Path) -> None:
    """The statement runs on into the next month; the close asks for its end."""
    bring(office, tmp_path, mt940(1, 31))
    with office.database.begin() as tx:
        early = reconciliation_sheet(tx, IBAN, period_of("2026-09"))
    assert early.per_bank.minor == OPENING
    assert early.posted_count == 0
    assert early.difference.amount == 0


def test_a_payment_the_bank_has_not_booked_is_in_transit(office: Office, tmp_path: Path) -> None:
    run = PaymentRun(
        id="R1",
        kind="pain.001",
        execution_date=date(2026, 10, 30),
        account_id="A1",
        count=1,
        total=Money(Decimal("75.00"), "EUR"),
    )
    paid = PaymentRunItem(
        run_id="R1", end_to_end_id="E1", item_id="AP1", amount=Money(Decimal("75.00"), "EUR")
    )
    with office.database.begin() as tx:
        save(tx, office, "test", [run, paid])
    bring(office, tmp_path, mt940(1, 31))
    sheet = sheet_of(office)
    assert [u.amount.minor for u in sheet.in_transit] == [-75_00]
    assert sheet.difference.amount == 0
    assert sheet_of(office, "2026-09").in_transit == ()


def test_what_was_signed_stands_in_the_trail_and_in_the_workbook(
    office: Office, tmp_path: Path
) -> None:
    bring(office, tmp_path, mt940(1, 31))
    anna = at(office.acting("person:anna"), 2026, 11, 5)
    for _ in range(2):  # signing twice is signing once
        sign_period(anna, IBAN, OCTOBER, "")
    deliver(office, "ledger")
    with office.database.begin() as tx:
        (entry,) = [e for e in story(tx, f"{IBAN}/2026-10") if e.action == "sign"]
    assert entry.actor == "person:anna"
    book = load_workbook(office.settings.plugin("posters", "ledger").settings.path)
    rows = [list(row) for row in book["Reconciliation"].iter_rows(values_only=True)]
    what = [row[rows[0].index("What")] for row in rows[1:]]
    assert what[0] == "Balance per bank on 2026-10-31"
    assert what.count("Difference") == 1


def test_nothing_unproved_or_unfinished_is_signed(office: Office, tmp_path: Path) -> None:
    anna = office.acting("person:anna")
    bring(office, tmp_path, mt940(1, 11))
    with pytest.raises(KnownFailure, match="only until 2026-10-11"):
        sign_period(anna, IBAN, OCTOBER, "")
    bring(office, tmp_path, mt940(20, 31))
    with pytest.raises(KnownFailure, match="only until 2026-10-11"):
        sign_period(anna, IBAN, OCTOBER, "")
    bring(office, tmp_path, mt940(12, 19))
    with pytest.raises(KnownFailure, match="not over yet"):
        sign_period(at(anna, 2026, 10, 31), IBAN, OCTOBER, "")
    sign_period(anna, IBAN, OCTOBER, "")


def test_what_is_posted_after_the_signature_is_flagged_and_not_dated_back(
    office: Office, tmp_path: Path
) -> None:
    bring(office, tmp_path, mt940(1, 31))
    with office.database.begin() as tx:
        line = tx.execute(select(postings.c.subject).where(postings.c.kind == "match")).first()
    assert line is not None
    anna = office.acting("person:anna")
    sign_period(anna, IBAN, OCTOBER, "")
    fee = next(i for i in _posted(office) if i.endswith("/-490"))
    reconciliation.undo_match(anna, fee, "look again")
    reconciliation.reconcile_bank(office, "ledger")
    assert len(_posted(office)) == len(set(_posted(office)))  # not made again by itself
    reconciliation.assign_line(anna, fee, "fee", "it was right")
    with office.database.begin() as tx:
        again = [
            load_posting(row.data)
            for row in tx.execute(
                select(postings).where(postings.c.subject == fee).order_by(postings.c.key)
            )
        ]
        found = [f.code for f in open_findings(tx, "transaction", fee)]
    # Written, taken back, and written anew: the last two after the signature.
    assert [p.date for p in again] == [date(2026, 10, 6), *[date(2026, 11, 5)] * 2]
    assert found == ["period_signed"]


def _posted(office: Office) -> list[str]:
    made = select(postings.c.subject).where(
        postings.c.kind == "match", postings.c.key.not_like("%/undone")
    )
    with office.database.begin() as tx:
        return list(tx.execute(made).scalars())
