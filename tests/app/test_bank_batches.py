"""A batch is posted payment by payment: in any order of files, and the rest when it is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from app import queries
from app.actions import reconciliation
from app.closing import find_account, period_of, reconciliation_sheet
from app.codec import load_posting
from app.masterdata import save
from app.office import Office
from app.tables import allocations, postings
from records.banking import OpenItem, OwnAccount
from records.failures import KnownFailure
from records.money import Money
from records.postings import Row
from records.purchasing import Customer
from tests.app.conftest import MakeOffice
from tests.app.test_batches import IBAN, balance, camt
from tests.app.test_closing import bring

PAYERS = ("Kontor Nord GmbH", "Brandt Holz e.K.", "Aalto Oy")


def receivable(number: int, amount: str, payer: str) -> OpenItem:
    return OpenItem(
        id=f"I{number}",
        kind="ar_invoice",
        party_id=payer,
        party_name=payer,
        number=f"AR-{number}",
        gross=Money(Decimal(amount), "EUR"),
    )


FIRST = receivable(2001, "100.00", PAYERS[0])
SECOND = receivable(2002, "50.50", PAYERS[1])
THIRD = receivable(2003, "49.50", PAYERS[2])


def payment(amount: str, payer: str, text: str, instructed: str = "", fee: str = "") -> str:
    told = f'<AmtDtls><InstdAmt><Amt Ccy="EUR">{instructed}</Amt></InstdAmt></AmtDtls>'
    charges = f'<Chrgs><Rcrd><Amt Ccy="EUR">{fee}</Amt></Rcrd></Chrgs>'
    return (
        f'<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt>'
        f"<CdtDbtInd>CRDT</CdtDbtInd>{told if instructed else ''}{charges if fee else ''}<RltdPties><Dbtr><Pty><Nm>{payer}</Nm></Pty></Dbtr>"
        f"</RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    )


PAYMENTS = (
    payment("100.00", PAYERS[0], "Rechnung AR-2001")
    + payment("50.50", PAYERS[1], "AR-2002")
    + payment("49.50", PAYERS[2], "invoice AR-2003")
)


def entry(details: str = "", amount: str = "200.00", fee: str = "") -> str:
    charges = f'<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">{fee}</TtlChrgsAndTaxAmt></Chrgs>'
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        "<BookgDt><Dt>2026-10-12</Dt></BookgDt><ValDt><Dt>2026-10-12</Dt></ValDt>"
        "<AcctSvcrRef>REF1</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd>"
        f"<SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>{charges if fee else ''}"
        f"<NtryDtls><Btch><NbOfTxs>3</NbOfTxs></Btch>{details}</NtryDtls></Ntry>"
    )


def statement(body: str, closing: str = "200.00") -> bytes:
    return camt("053", body, balance("OPBD", "0.00", 12) + balance("CLBD", closing, 12))


@pytest.fixture
def office(make_office: MakeOffice) -> Callable[..., Office]:
    """Return a maker of offices that know our customers and these open items."""

    def make(*items: OpenItem) -> Office:
        made = make_office()
        learn(made, OwnAccount(id="A1", iban=IBAN), *(Customer(id=n, name=n) for n in PAYERS))
        learn(made, *items)
        return made

    return make


def learn(office: Office, *records: object) -> None:
    with office.database.begin() as tx:
        save(tx, office, "test", records)


def line(office: Office) -> queries.BankRow:
    with office.database.begin() as tx:
        (found,) = queries.bank_rows(tx)
    return found


def settled(office: Office) -> dict[str, int]:
    with office.database.begin() as tx:
        return {row.item_id: row.amount_minor for row in tx.execute(select(allocations))}


def written(office: Office, sheet: str) -> list[Row]:
    """Return the rows that were sent to a sheet of the ledger."""
    with office.database.begin() as tx:
        sent = tx.execute(select(postings.c.data).order_by(postings.c.key)).scalars().all()
    return [row for text in sent for row in load_posting(text).rows if row.sheet == sheet]


def difference(office: Office) -> int:
    with office.database.begin() as tx:
        sheet = reconciliation_sheet(tx, find_account(tx, IBAN), period_of("2026-10"))
    return sheet.difference.minor


ALL = {"I2001": 100_00, "I2002": 50_50, "I2003": 49_50}


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1))))
@pytest.mark.parametrize("nights", [1, 2])
def test_a_notice_settles_what_its_payments_name(
    office: Callable[..., Office], tmp_path: Path, order: Sequence[int], nights: int
) -> None:
    ours = office(FIRST, SECOND, THIRD)
    files = [(statement(entry()), camt("054", entry(PAYMENTS)))[i] for i in order]
    for night in [files] if nights == 1 else [[one] for one in files]:
        bring(ours, tmp_path, *night)
    assert settled(ours) == ALL
    assert line(ours).state == "posted"
    assert sum(row.values["Applied"] for row in written(ours, "Matches")) == Decimal(200)  # type: ignore[misc]


def test_a_statement_with_its_parts_needs_no_notice(
    office: Callable[..., Office], tmp_path: Path
) -> None:
    ours = office(FIRST, SECOND, THIRD)
    bring(ours, tmp_path, statement(entry(PAYMENTS)))
    assert settled(ours) == ALL
    told = line(ours).match
    assert told is not None
    assert told.reasons[0].startswith("all 3 payments of a batch are explained")
    assert any("49.50 EUR of Aalto Oy: names I2003" in reason for reason in told.reasons)


def test_a_fee_the_bank_kept_is_booked_as_one(
    office: Callable[..., Office], tmp_path: Path
) -> None:
    ours = office(FIRST, SECOND, THIRD)
    bring(ours, tmp_path, statement(entry(PAYMENTS, "199.10", "0.90"), "199.10"))
    assert settled(ours) == ALL
    match = line(ours).match
    assert match is not None
    assert [(a.kind, str(a.amount.amount)) for a in match.adjustments] == [("bank_fee", "-0.90")]
    assert difference(ours) == 0


@pytest.mark.parametrize(("instructed", "fee"), [("50.50", ""), ("", "12.50"), ("50.50", "12.50")])
def test_a_charge_within_one_payment_belongs_to_its_invoice(
    office: Callable[..., Office], tmp_path: Path, instructed: str, fee: str
) -> None:
    ours = office(FIRST, SECOND)
    payments = payment("100.00", PAYERS[0], "AR-2001")
    payments += payment("38.00", PAYERS[1], "AR-2002", instructed, fee)
    bring(ours, tmp_path, statement(entry(payments, "138.00"), "138.00"))
    assert settled(ours) == {"I2001": 100_00, "I2002": 38_00}
    match = line(ours).match
    assert match is not None
    assert [(a.kind, str(a.amount.amount), a.item_id) for a in match.adjustments] == [
        ("bank_charge", "12.50", "I2002")
    ]
    assert difference(ours) == 0


def test_parts_that_do_not_add_up_hold_the_entry(
    office: Callable[..., Office], tmp_path: Path
) -> None:
    ours = office(FIRST, SECOND, THIRD)
    bring(ours, tmp_path, statement(entry(PAYMENTS, "200.01"), "200.01"))
    assert settled(ours) == {}
    found = line(ours)
    assert found.state == "open"
    assert found.match is not None
    assert "the bank's parts come to 200.00 EUR, not to the amount" in found.match.reasons


@pytest.fixture
def begun(office: Callable[..., Office], tmp_path: Path) -> Office:
    """Return an office that posted two of three payments: of the third nobody knows anything."""
    ours = office(FIRST, SECOND)
    bring(ours, tmp_path, statement(entry(PAYMENTS)))
    assert line(ours).state == "partly"
    assert settled(ours) == {"I2001": 100_00, "I2002": 50_50}
    assert difference(ours) == 0
    return ours


def again(office: Office, target: str = "ledger") -> None:
    reconciliation.reconcile_bank(office, target)


def check_rows(office: Office) -> None:
    """The movement stands once in the ledger, and what it settles comes to its amount."""
    assert len(written(office, "Bank")) == 1
    rows = written(office, "Matches")
    assert sum(row.values["Applied"] for row in rows) == Decimal(200)  # type: ignore[misc]
    assert len({row.key for row in rows}) == len(rows)


def test_the_rest_is_posted_when_its_item_is_known(begun: Office) -> None:
    for _ in range(2):
        again(begun)
    assert line(begun).state == "partly"
    check_rows(begun)
    learn(begun, THIRD)
    for _ in range(2):
        again(begun)
    assert line(begun).state == "posted"
    assert settled(begun) == ALL
    assert difference(begun) == 0
    check_rows(begun)
    rows = written(begun, "Matches")
    open_rows = [row.values["Applied"] for row in rows if row.values["Kind"] == "unexplained"]
    assert open_rows == [Decimal("49.50"), Decimal("-49.50")]


def test_what_is_posted_stays_when_the_books_would_say_otherwise(begun: Office) -> None:
    """Another system says AR-2001 was never ours to be paid; a person looks at it."""
    learn(begun, receivable(2001, "77.00", PAYERS[0]), THIRD)
    again(begun)
    assert settled(begun) == {"I2001": 100_00, "I2002": 50_50}
    assert line(begun).state == "partly"
    check_rows(begun)


def test_a_person_books_the_rest(begun: Office) -> None:
    anna = begun.acting("person:anna")
    reconciliation.assign_line(anna, line(begun).id, "private", "not ours")
    found = line(begun)
    assert found.state == "posted"
    assert found.match is not None
    assert [(a.kind, str(a.amount.amount)) for a in found.match.adjustments] == [
        ("private", "49.50")
    ]
    assert difference(begun) == 0
    check_rows(begun)
    again(begun)
    assert line(begun).state == "posted"


def test_a_person_accepts_what_is_likely_for_the_rest(
    office: Callable[..., Office], tmp_path: Path
) -> None:
    """Two open items have the amount of the third payment, and it names neither."""
    like_third = [receivable(n, "49.50", PAYERS[2]) for n in (2004, 2005)]
    ours = office(FIRST, SECOND, *like_third)
    bring(ours, tmp_path, statement(entry(PAYMENTS)))
    assert line(ours).state == "partly"
    assert settled(ours) == {"I2001": 100_00, "I2002": 50_50}
    anna = ours.acting("person:anna")
    accepted = reconciliation.accept_match(anna, line(ours).id, "the customer says so")
    assert [str(a.amount.amount) for a in accepted.allocations] == ["49.50"]
    (third,) = (a.item_id for a in accepted.allocations)
    assert settled(ours) == {"I2001": 100_00, "I2002": 50_50, third: 49_50}
    assert line(ours).state == "posted"
    assert difference(ours) == 0
    check_rows(ours)
    again(ours)
    check_rows(ours)
    with pytest.raises(KnownFailure, match="is posted"):
        reconciliation.accept_match(anna, line(ours).id, "again")


def test_there_may_be_nothing_to_accept_for_the_rest(begun: Office) -> None:
    with pytest.raises(KnownFailure, match="nothing is suggested"):
        reconciliation.accept_match(begun.acting("person:anna"), line(begun).id, "")


def test_what_only_becomes_likely_is_no_row(begun: Office) -> None:
    before = written(begun, "Matches")
    learn(begun, *(receivable(n, "49.50", PAYERS[2]) for n in (2004, 2005)))
    again(begun)
    assert written(begun, "Matches") == before
    reconciliation.accept_match(begun.acting("person:anna"), line(begun).id, "likely")
    assert line(begun).state == "posted"
    check_rows(begun)


def test_what_is_posted_in_part_can_be_undone(begun: Office) -> None:
    reconciliation.undo_match(begun.acting("person:anna"), line(begun).id, "wrong")
    for sheet, column in (("Bank", "Amount"), ("Matches", "Applied")):
        assert sum(row.values[column] for row in written(begun, sheet)) == 0  # type: ignore[misc]
    again(begun)
    assert settled(begun) == {}
    with pytest.raises(KnownFailure, match="no posted match"):
        reconciliation.undo_match(begun.acting("person:anna"), line(begun).id, "again")


def test_one_wrong_item_of_a_batch_is_undone_alone(begun: Office) -> None:
    """The others are settled again; in the ledger everything stands once."""
    anna = begun.acting("person:anna")
    with pytest.raises(KnownFailure, match="does not settle I2003, only I2001, I2002"):
        reconciliation.undo_match(anna, line(begun).id, "wrong", ["I2003"])
    reconciliation.undo_match(anna, line(begun).id, "another customer's", ["I2002"])
    for _ in range(2):
        again(begun)
    assert settled(begun) == {"I2001": 100_00}
    assert line(begun).state == "partly"
    assert difference(begun) == 0
    rows = written(begun, "Matches")
    assert sum(row.values["Applied"] for row in rows) == Decimal(200)  # type: ignore[misc]
    by_item = {"I2001": Decimal(100), "I2002": Decimal(0)}
    for item, amount in by_item.items():
        applied = [row.values["Applied"] for row in rows if row.values["Item"] == item]
        assert sum(applied) == amount  # type: ignore[arg-type]
    bank = written(begun, "Bank")
    assert sum(row.values["Amount"] for row in bank) == Decimal(200)  # type: ignore[misc]
    assert len({row.key for row in (*rows, *bank)}) == len(rows) + len(bank)


def test_a_batch_is_nobodys_habit(office: Callable[..., Office], tmp_path: Path) -> None:
    """Three batches of strangers were booked alike by a person; the fourth is looked at."""
    ours = office()
    batches = [entry(PAYMENTS).replace("REF1", f"REF{n}") for n in range(4)]
    bring(ours, tmp_path, statement("".join(batches), "800.00"))
    with ours.database.begin() as tx:
        names = [row.id for row in queries.bank_rows(tx)]
    for name in names[:3]:
        reconciliation.assign_line(ours.acting("person:anna"), name, "private", "not ours")
    again(ours)
    with ours.database.begin() as tx:
        assert [row.state for row in queries.bank_rows(tx)] == [*["posted"] * 3, "open"]
