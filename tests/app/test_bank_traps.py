"""What bank files lay for the unwary: pending entries, repeated news, returns nights later."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from app import queries
from app.masterdata import save
from app.office import Office
from app.tables import allocations
from records.banking import OpenItem, OwnAccount, PaymentRun, PaymentRunItem
from records.money import Money
from records.purchasing import Customer
from tests.app.conftest import MakeOffice
from tests.app.test_batches import IBAN, balance, camt
from tests.app.test_closing import bring

PAYER = "Kontor Nord GmbH"
SAVINGS = "DE02500105170137075030"


def receivable(number: int, amount: str) -> OpenItem:
    return OpenItem(
        id=f"I{number}",
        kind="ar_invoice",
        party_id="C1",
        party_name=PAYER,
        number=f"AR-{number}",
        gross=Money(Decimal(amount), "EUR"),
    )


def entry(
    amount: str,
    day: int,
    details: str,
    *,
    reference: str,
    status: str = "BOOK",
    code: str = "RCDT</Cd><SubFmlyCd>ESCT",
    extra: str = "",
) -> str:
    sign = "DBIT" if amount.startswith("-") else "CRDT"
    return (
        f'<Ntry><Amt Ccy="EUR">{amount.lstrip("-")}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{extra}'
        f"<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>2026-10-{day}</Dt></BookgDt>"
        f"<AcctSvcrRef>{reference}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{code}"
        f"</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls>{details}</NtryDtls></Ntry>"
    )


def named(text: str) -> str:
    return (
        f"<TxDtls><RltdPties><Dbtr><Nm>{PAYER}</Nm></Dbtr></RltdPties>"
        f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    )


def statement(body: str, opening: str, closing: str, first: int, last: int) -> bytes:
    return camt("053", body, balance("OPBD", opening, first) + balance("CLBD", closing, last))


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    made = make_office()
    with made.database.begin() as tx:
        save(
            tx,
            made,
            "test",
            (
                OwnAccount(id="A1", iban=IBAN),
                OwnAccount(id="A2", iban=SAVINGS),
                Customer(id="C1", name=PAYER),
                receivable(3001, "119.00"),
                receivable(3002, "80.50"),
            ),
        )
    return made


def settled(office: Office) -> dict[str, int]:
    """Return what is settled of each item, over all lines."""
    found: dict[str, int] = {}
    with office.database.begin() as tx:
        for row in tx.execute(select(allocations)):
            found[row.item_id] = found.get(row.item_id, 0) + row.amount_minor
    return found


def categories(office: Office) -> list[str]:
    with office.database.begin() as tx:
        rows = queries.bank_rows(tx)
    return [row.match.category if row.match else row.state for row in rows]


@pytest.mark.parametrize("status", ["PDNG", "INFO", "FUTR"])
def test_only_what_is_booked_is_posted(office: Office, tmp_path: Path, status: str) -> None:
    waiting = entry("119.00", 12, named("AR-3001"), reference="P1", status=status)
    bring(office, tmp_path, statement(waiting, "0.00", "0.00", 12, 12))
    assert settled(office) == {}
    booked = entry("119.00", 13, named("AR-3001"), reference="P1")
    bring(office, tmp_path, statement(booked, "0.00", "119.00", 13, 13))
    assert settled(office) == {"I3001": 119_00}


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))))
def test_news_of_one_payment_is_one_payment(
    office: Office, tmp_path: Path, order: Sequence[int]
) -> None:
    """A report within the day and a notice repeat what the statement books."""
    one = entry("119.00", 12, named("AR-3001"), reference="P1")
    report = camt("054", one).replace(b"camt.054", b"camt.052")
    report = report.replace(b"BkToCstmrDbtCdtNtfctn", b"BkToCstmrAcctRpt").replace(
        b"Ntfctn>", b"Rpt>"
    )
    files = (statement(one, "0.00", "119.00", 12, 12), camt("054", one), report)
    for position in order:
        bring(office, tmp_path, files[position])
    assert settled(office) == {"I3001": 119_00}
    assert categories(office) == ["settlement"]


def test_a_notice_alone_posts_nothing(office: Office, tmp_path: Path) -> None:
    bring(office, tmp_path, camt("054", entry("119.00", 12, named("AR-3001"), reference="P1")))
    assert settled(office) == {}
    assert categories(office) == []


def test_a_notice_after_the_posting_changes_nothing(office: Office, tmp_path: Path) -> None:
    plain = entry("119.00", 12, named("AR-3001"), reference="P1")
    bring(office, tmp_path, statement(plain, "0.00", "119.00", 12, 12))
    other = named("AR-3002") + named("AR-3001")
    bring(office, tmp_path, camt("054", entry("119.00", 12, other, reference="P1")))
    assert settled(office) == {"I3001": 119_00}


def returned(amount: str, end_to_end: str) -> str:
    return (
        f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><RltdPties><Dbtr>'
        f"<Nm>{PAYER}</Nm></Dbtr></RltdPties><RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf></TxDtls>"
    )


@pytest.mark.parametrize("together", [True, False], ids=["in one entry", "entry by entry"])
def test_a_collection_comes_back_nights_later(
    office: Office, tmp_path: Path, together: bool
) -> None:
    run = PaymentRun(
        id="D1",
        kind="pain.008",
        execution_date=date(2026, 10, 12),
        account_id="A1",
        batch_id="DD-1",
        count=2,
        total=Money(Decimal("199.50"), "EUR"),
    )
    rows = [
        PaymentRunItem(
            run_id="D1",
            end_to_end_id=f"D1-{n}",
            item_id=item,
            amount=Money(Decimal(amount), "EUR"),
        )
        for n, item, amount in ((1, "I3001", "119.00"), (2, "I3002", "80.50"))
    ]
    with office.database.begin() as tx:
        save(tx, office, "test", (run, *rows))
    batch = "<Btch><PmtInfId>DD-1</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>"
    collected = entry("199.50", 12, batch, reference="P1", code="IDDT</Cd><SubFmlyCd>ESDD")
    bring(office, tmp_path, statement(collected, "0.00", "199.50", 12, 12))
    assert settled(office) == {"I3001": 119_00, "I3002": 80_50}
    back = (returned("122.50", "D1-1"), returned("84.00", "D1-2"))
    code = "IDDT</Cd><SubFmlyCd>UPDD"
    if together:
        entries = entry("-206.50", 16, "".join(back), reference="P2", code=code)
    else:
        entries = entry("-122.50", 16, back[0], reference="P2", code=code)
        entries += entry("-84.00", 16, back[1], reference="P3", code=code)
    closing = balance("OPBD", "199.50", 13) + balance("CLBD", "7.00", 16).replace("CRDT", "DBIT")
    bring(office, tmp_path, camt("053", entries, closing))
    assert settled(office) == {"I3001": 0, "I3002": 0}
    assert set(categories(office)) == {"settlement", "return"}


def test_both_legs_of_a_transfer_are_one_on_any_night(office: Office, tmp_path: Path) -> None:
    """The amount of an open invoice changes nothing: the other account is our own."""

    def leg(amount: str, other: str, role: str) -> str:
        account = f"<{role}Acct><Id><IBAN>{other}</IBAN></Id></{role}Acct>"
        return f"<TxDtls><RltdPties>{account}</RltdPties></TxDtls>"

    out = entry("-119.00", 12, leg("-119.00", SAVINGS, "Cdtr"), reference="P1")
    into = entry("119.00", 13, leg("119.00", IBAN, "Dbtr"), reference="P2")
    first = statement(out, "500.00", "381.00", 12, 12)
    second = statement(into, "0.00", "119.00", 13, 13).replace(IBAN.encode(), b"OTHER", 1)
    second = second.replace(b"OTHER", SAVINGS.encode(), 1)
    for file in (first, second):
        bring(office, tmp_path, file)
    assert settled(office) == {}
    assert categories(office) == ["transfer", "transfer"]
