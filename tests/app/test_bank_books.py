"""What bank movements are matched against: one debt is one item, and payers proved before are known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app import night, queries
from app.actions import reconciliation
from app.bank_books import gather_books
from app.masterdata import save
from app.office import Office
from app.payables import under_way
from app.store import upsert
from app.tables import allocations
from records.banking import OpenItem, PaymentRun, PaymentRunItem
from records.money import Money
from tests.app.conftest import MakeOffice
from tests.app.test_bank_nights import MASTER, PAYER
from tests.app.test_batches import camt
from tests.app.test_closing import bring

STRANGER = ("Treuhand West", "DE75512108001245126199")
NAME_ONLY = ("Treuhand West", "")


def posted_by_us(office: Office) -> queries.DocumentRow:
    night.run(office, ("records", "invoices"))
    with office.database.begin() as tx:
        (row,) = (r for r in queries.document_rows(tx) if r.state == "posted")
    return row


def listed(row: queries.DocumentRow, party_id: str | None) -> OpenItem:
    assert row.gross is not None
    return OpenItem(
        id="ERP-1",
        kind="ap_invoice",
        party_id=party_id,
        party_name=row.vendor_name or "",
        number=f"Rechnung {row.number}",
        issue_date=date.fromisoformat(row.issue_date or ""),
        gross=-row.gross,
        open=-row.gross,
    )


@pytest.mark.parametrize("by_id", [True, False])
def test_what_we_posted_and_the_office_lists_is_one_debt(
    make_office: MakeOffice, by_id: bool
) -> None:
    office = make_office("02")
    row = posted_by_us(office)
    assert row.gross is not None
    with office.database.begin() as tx:
        assert row.id in {i.id for i in gather_books(tx).items}
        save(tx, office, "erp", [listed(row, row.vendor_id if by_id else None)])
        found = [i for i in gather_books(tx).items if i.gross == -row.gross]
    assert [i.id for i in found] == ["ERP-1"]


def test_what_was_paid_before_the_office_listed_it_stays_paid(make_office: MakeOffice) -> None:
    office = make_office("02")
    row = posted_by_us(office)
    assert row.gross is not None
    run = PaymentRun(
        id="R9",
        kind="pain.001",
        execution_date=date(2026, 10, 1),
        account_id="A1",
        count=1,
        total=row.gross,
    )
    ordered = PaymentRunItem(run_id="R9", end_to_end_id="E9", item_id=row.id, amount=row.gross)
    with office.database.begin() as tx:
        save(tx, office, "erp", [listed(row, None), run, ordered])
        assert "ERP-1" in under_way(tx)
        assert row.id not in under_way(tx)
        paid = {
            "transaction_id": "T1",
            "item_id": row.id,
            "revision": 1,
            "amount_minor": -row.gross.minor,
            "writeoff_minor": 0,
            "currency": row.gross.currency,
        }
        upsert(tx, allocations, [paid])
        left = {i.id: i.open for i in gather_books(tx).items}
        assert left["ERP-1"] == Money(Decimal(0), row.gross.currency)
        assert "ERP-1" not in under_way(tx)


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    made = make_office()
    numbers = {"RG-2026-0101": "119.00", "RG-2026-0102": "238.00", "RG-2026-0103": "357.00"}
    items = [
        OpenItem(
            id=number,
            kind="ar_invoice",
            party_id="C1",
            party_name="Kontor Nord GmbH",
            number=number,
            gross=Money(Decimal(amount), "EUR"),
        )
        for number, amount in numbers.items()
    ]
    with made.database.begin() as tx:
        save(tx, made, "test", (*MASTER[:3], *items))
    return made


Payment = tuple[str, str]
FIRST, SECOND = ("119.00", "Rechnung RG-2026-0101"), ("238.00", "Rechnung RG-2026-0102")


def statement(month: int, opening: str, payer: Payment, *payments: Payment) -> bytes:
    """Return the statement of one month with these payments of one payer."""
    name, iban = payer
    account = f"<DbtrAcct><Id><IBAN>{iban}</IBAN></Id></DbtrAcct>" if iban else ""
    day = f"<Dt>2026-{month:02}-12</Dt>"
    entries = "".join(
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt>{day}</BookgDt><AcctSvcrRef>{month}-{n}</AcctSvcrRef><NtryDtls><TxDtls>"
        f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr>{account}</RltdPties>"
        f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        for n, (amount, text) in enumerate(payments)
    )
    closing = Decimal(opening) + sum(Decimal(amount) for amount, _ in payments)
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>{day}</Dt></Bal>'
        for code, amount in (("OPBD", opening), ("CLBD", closing))
    )
    return camt("053", entries, balances)


def states(office: Office) -> dict[str, str]:
    with office.database.begin() as tx:
        return {r.transaction.remittance: r.state for r in queries.bank_rows(tx)}


@pytest.mark.parametrize(
    ("payer", "proofs", "known"),
    [
        (STRANGER, (), False),
        (STRANGER, (FIRST,), True),
        (NAME_ONLY, (FIRST,), False),
        (NAME_ONLY, (FIRST, SECOND), True),
    ],
    ids=["a stranger", "an account once", "a name once", "a name twice"],
)
def test_who_paid_for_whom_is_remembered(
    office: Office, tmp_path: Path, payer: Payment, proofs: Sequence[Payment], known: bool
) -> None:
    """The proofs are older than what a night looks at again."""
    before = (*proofs, ("1.00", "nothing in particular"))
    bring(office, tmp_path, statement(2, "0.00", payer, *before))
    opening = str(sum(Decimal(amount) for amount, _ in before))
    bring(office, tmp_path, statement(10, opening, payer, ("357.00", "danke")))
    assert states(office)["danke"] == ("posted" if known else "open")


def test_an_undone_proof_speaks_against_the_payer(office: Office, tmp_path: Path) -> None:
    bring(office, tmp_path, statement(2, "0.00", STRANGER, FIRST))
    with office.database.begin() as tx:
        assert gather_books(tx).known_payers == ((STRANGER[1], "C1"),)
        (line,) = queries.bank_rows(tx)
    reconciliation.undo_match(office.acting("person:anna"), line.id, "not theirs")
    with office.database.begin() as tx:
        assert gather_books(tx).known_payers == ()


def test_the_account_on_file_needs_no_memory(office: Office, tmp_path: Path) -> None:
    bring(office, tmp_path, statement(2, "0.00", ("Kontor Nord GmbH", PAYER), FIRST))
    with office.database.begin() as tx:
        assert gather_books(tx).known_payers == ()
