"""Notices tell the parts of a batch; they never make a movement, whatever file comes first."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from app import queries
from app.office import Office
from tests.app.conftest import MakeOffice
from tests.app.test_closing import bring

IBAN = "DE02120300000000202051"
PARTS = (("E-1", "100.00"), ("E-2", "50.50"))


def camt(kind: str, body: str, balances: str = "") -> bytes:
    message, element = {"053": ("Stmt", "Stmt"), "054": ("DbtCdtNtfctn", "Ntfctn")}[kind]
    return (
        f'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.08">'
        f"<BkToCstmr{message}><GrpHdr><MsgId>M</MsgId></GrpHdr><{element}><Id>{kind}</Id>"
        f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>{balances}{body}"
        f"</{element}></BkToCstmr{message}></Document>"
    ).encode()


def entry(
    details: str = "",
    reference: str = "REF1",
    amount: str = "150.50",
    batch: str = "",
    day: int = 12,
    text: str = "",
) -> str:
    info = f"<AddtlNtryInf>{text}</AddtlNtryInf>" if text else ""
    batch = f"<PmtInfId>{batch}</PmtInfId>" if batch else ""
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>2026-10-{day}</Dt></BookgDt><ValDt><Dt>2026-10-{day}</Dt></ValDt>"
        f"<AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><Btch>{batch}<NbOfTxs>2</NbOfTxs></Btch>"
        f"{details}</NtryDtls>{info}</Ntry>"
    )


def parts(*given: tuple[str, str]) -> str:
    return "".join(
        f'<TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd></TxDtls>"
        for name, amount in given
    )


def balance(code: str, amount: str, day: int) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<Dt><Dt>2026-10-{day}</Dt></Dt></Bal>"
    )


def stated(**said: str) -> bytes:
    body = entry(**said)  # type: ignore[arg-type]
    return camt("053", body, balance("OPBD", "0.00", 12) + balance("CLBD", "150.50", 12))


STATEMENT = stated()
ONE = (
    '<TxDtls><Refs><EndToEndId>E-1</EndToEndId></Refs><Amt Ccy="EUR">150.50</Amt>'
    "<CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Nm>Aalto Oy</Nm></Dbtr></RltdPties></TxDtls>"
)


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    return make_office()


def only(office: Office) -> list[tuple[str | None, str]]:
    with office.database.begin() as tx:
        (line,) = queries.bank_rows(tx)
    return [(d.end_to_end_id, str(d.amount.amount)) for d in line.transaction.details]


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1))))
@pytest.mark.parametrize("nights", [1, 2])
def test_a_notice_tells_the_parts(
    office: Office, tmp_path: Path, order: tuple[int, ...], nights: int
) -> None:
    files = [(STATEMENT, camt("054", entry(parts(*PARTS))))[i] for i in order]
    if nights == 1:
        bring(office, tmp_path, *files)
    else:
        for file in files:
            bring(office, tmp_path, file)
    assert only(office) == list(PARTS)


@pytest.mark.parametrize(
    "notices",
    [
        [entry(parts(("E-1", "100.00"), ("E-2", "50.49")))],
        [entry(parts(*PARTS), reference="REF2")],
        [entry(parts(*PARTS)), entry(parts(("E-8", "100.00"), ("E-9", "50.50")))],
        [entry()],
        [entry(parts(*PARTS), day=27)],
        [entry(ONE)],
    ],
    ids=[
        "does not add up",
        "another entry",
        "two notices disagree",
        "no parts either",
        "another day",
        "one payment, of which the statement says something else",
    ],
)
def test_what_is_not_certain_tells_nothing(
    office: Office, tmp_path: Path, notices: list[str]
) -> None:
    bring(office, tmp_path, stated(text="Gutschrift"), *(camt("054", n) for n in notices))
    assert only(office) == []


@pytest.mark.parametrize(
    ("booked", "notice", "told"),
    [
        (
            {"reference": "REF1", "batch": "PAY-7"},
            entry(parts(*PARTS), "REF2", batch="PAY-7"),
            list(PARTS),
        ),
        (
            {"details": parts(("PAY-7", "150.50"))},
            entry(parts(*PARTS), "REF2", batch="PAY-7"),
            list(PARTS),
        ),
        ({"text": "Sammelgutschrift"}, entry(parts(*PARTS), day=13), list(PARTS)),
        ({}, entry(ONE), [("E-1", "150.50")]),
    ],
    ids=["batch id", "batch id as end-to-end id", "a text of the bank's", "one payment only"],
)
def test_however_the_entry_is_named(
    office: Office, tmp_path: Path, booked: dict[str, str], notice: str, told: object
) -> None:
    bring(office, tmp_path, stated(**booked), camt("054", notice))
    assert only(office) == told
