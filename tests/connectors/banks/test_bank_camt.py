"""camt.052, .053 and .054: signs, statuses, parties, batches, pages, broken files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from bank_files import IBAN, OTHER, balance, camt, entry, read_bytes

from records.money import Money

BALANCES = balance("OPBD", "100.00") + balance("CLBD", "130.00")


def details(*parts: str) -> str:
    return "<NtryDtls>" + "".join(f"<TxDtls>{p}</TxDtls>" for p in parts) + "</NtryDtls>"


def parties(debtor: str, creditor: str) -> str:
    return (
        f"<RltdPties><Dbtr><Nm>{debtor}</Nm></Dbtr><Cdtr><Pty><Nm>{creditor}</Nm></Pty></Cdtr>"
        f"<CdtrAcct><Id><IBAN>{OTHER}</IBAN></Id></CdtrAcct></RltdPties>"
    )


def test_reversals_count_in_the_direction_they_are_printed(tmp_path: Path) -> None:
    back = entry("-20.00", before="<RvslInd>true</RvslInd>")
    result = read_bytes(tmp_path, camt(BALANCES + entry("50.00") + back))
    assert result.amounts == [Decimal("50.00"), Decimal("-20.00")]
    assert [e.reversal for e in result.entries] == [False, True]
    assert [s.balanced for s in result.statements] == [True]
    assert not result.codes


@pytest.mark.parametrize("status", ["BOOK", "<Cd>BOOK</Cd>", "\n  <Cd>BOOK</Cd>\n "])
def test_status_is_text_or_code(tmp_path: Path, status: str) -> None:
    result = read_bytes(tmp_path, camt(entry("5.00", status=status)))
    assert result.entries[0].status == "BOOK"


def test_pending_entries_are_listed_but_not_summed(tmp_path: Path) -> None:
    body = BALANCES + entry("30.00") + entry("7.00", status="<Cd>PDNG</Cd>")
    result = read_bytes(tmp_path, camt(body))
    assert [e.status for e in result.entries] == ["BOOK", "PDNG"]
    assert result.statements[0].entry_sum == Decimal("30.00")
    assert result.statements[0].balanced


@pytest.mark.parametrize("version", ["camt.053.001.02", "camt.053.001.13", "camt.053.999.99"])
@pytest.mark.parametrize("wrap", ["{}", "<Env><Head/>{}</Env>", '<?xml version="1.0"?>\n{}'])
def test_any_version_and_envelope(tmp_path: Path, version: str, wrap: str) -> None:
    text = wrap.format(camt(BALANCES + entry("30.00"), version=version))
    result = read_bytes(tmp_path, text)
    assert result.amounts == [Decimal("30.00")]
    assert not result.codes


def test_prefixed_names_are_the_same_names(tmp_path: Path) -> None:
    text = camt(BALANCES + entry("30.00")).replace("</", "</x:").replace("xmlns=", "xmlns:x=")
    text = "".join(
        "<x:" + piece if piece[:1].isalpha() else "<" * (i > 0) + piece
        for i, piece in enumerate(text.split("<"))
    )
    assert read_bytes(tmp_path, text).statements[0].balanced


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "cp850"])
def test_declared_encodings(tmp_path: Path, encoding: str) -> None:
    body = entry("1.00", details("<RmtInf><Ustrd>Grüße</Ustrd></RmtInf>"))
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + camt(body)
    assert read_bytes(tmp_path, text.encode(encoding)).entries[0].remittance == "Grüße"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["UTF-0", "rot13", "hex", "utf-7", "shift_jis", "x" * 300])
def test_odd_encoding_names_do_not_raise(tmp_path: Path, name: str, mark: bytes) -> None:
    text = f'<?xml version="1.0" encoding="{name}"?>' + camt(BALANCES + entry("30.00"))
    result = read_bytes(tmp_path, mark + text.encode())
    assert result.statements or result.blocked


def test_the_counterparty_is_the_other_side(tmp_path: Path) -> None:
    both = parties("Kunde", "Lieferant")
    result = read_bytes(tmp_path, camt(entry("1.00", details(both)) + entry("-1", details(both))))
    assert [e.counterparty_name for e in result.entries] == ["Kunde", "Lieferant"]
    assert [e.counterparty_account for e in result.entries] == [None, OTHER]


def test_a_returned_payment_keeps_its_parties(tmp_path: Path) -> None:
    ours = f"<CdtrAcct><Id><IBAN>{IBAN}</IBAN></Id></CdtrAcct>"
    back = (
        f"<RltdPties><Dbtr><Nm>Kunde</Nm></Dbtr>{ours}</RltdPties>"
        "<RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf></RtrInf>"
    )
    result = read_bytes(tmp_path, camt(entry("-9.00", details(back))))
    assert result.entries[0].counterparty_name == "Kunde"
    assert result.entries[0].return_reason == "AC04"


def test_an_instructed_amount_equal_to_the_booked_one_says_that_nobody_kept_anything(
    tmp_path: Path,
) -> None:
    told = details('<AmtDtls><InstdAmt><Amt Ccy="EUR">506.50</Amt></InstdAmt></AmtDtls>')
    found = read_bytes(tmp_path, camt(entry("506.50", told))).entries[0]
    assert found.original_amount == Money(Decimal("506.50"), "EUR")


def test_single_details_fill_the_entry(tmp_path: Path) -> None:
    inside = (
        "<AcctSvcrRef>B1</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd>"
        "<SubFmlyCd>XBCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
    ) + details(
        "<Refs><EndToEndId>E1</EndToEndId><MndtId>M1</MndtId></Refs>"
        '<AmtDtls><InstdAmt><Amt Ccy="USD">110.00</Amt></InstdAmt></AmtDtls>'
        '<Chrgs><Rcrd><Amt Ccy="EUR">1.50</Amt></Rcrd><Rcrd><Amt Ccy="EUR">2</Amt></Rcrd></Chrgs>'
        "<RmtInf><Ustrd>one</Ustrd><Ustrd>two</Ustrd><Strd><CdtrRefInf><Ref>RF18539007547034"
        "</Ref></CdtrRefInf></Strd></RmtInf>"
    )
    found = read_bytes(tmp_path, camt(entry("-100.00", inside))).entries[0]
    assert (found.bank_reference, found.end_to_end_id, found.mandate_id) == ("B1", "E1", "M1")
    assert found.transaction_code == "PMNT-ICDT-XBCT"
    assert found.original_amount == Money(Decimal("-110.00"), "USD")
    assert found.charges == Money(Decimal("-3.50"), "EUR")
    assert found.remittance == "one\ntwo\nRF18539007547034"
    assert found.details == ()


@pytest.mark.parametrize(("parts", "flagged"), [(("30.00", "12.00"), False), (("30", "11"), True)])
def test_batches_are_exploded_and_proved(
    tmp_path: Path, parts: tuple[str, str], flagged: bool
) -> None:
    inside = "<NtryDtls><Btch><PmtInfId>RUN-1</PmtInfId><NbOfTxs>2</NbOfTxs></Btch></NtryDtls>"
    inside += details(
        *(
            f'<Refs><EndToEndId>E{i}</EndToEndId></Refs><Amt Ccy="EUR">{a}</Amt>'
            for i, a in enumerate(parts)
        )
    )
    result = read_bytes(tmp_path, camt(entry("-42.00", inside)))
    found = result.entries[0]
    assert [d.end_to_end_id for d in found.details] == ["E0", "E1"]
    assert all(d.amount.amount < 0 for d in found.details)
    assert found.batch_id == "RUN-1"
    assert ("parts_do_not_sum" in result.codes) is flagged


@pytest.mark.parametrize(
    ("ntry", "code"),
    [
        ('<Ntry><Amt Ccy="EUR">-5</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>', "entry_malformed"),
        ('<Ntry><Amt Ccy="EUR">NaN</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>', "entry_malformed"),
        ('<Ntry><Amt Ccy="EUR">1e9</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>', "entry_malformed"),
        ('<Ntry><Amt Ccy="EUR">٣</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>', "entry_malformed"),
        ('<Ntry><Amt Ccy="EUR">5</Amt></Ntry>', "entry_malformed"),
        ("<Ntry><CdtDbtInd>CRDT</CdtDbtInd></Ntry>", "entry_malformed"),
        (entry("5").replace("2026-03-02", "2026-02-30"), "impossible_date"),
        (entry("5").replace("EUR", "USD"), "mixed_currencies"),
        (entry("5", "<AcctSvcrRef>A</AcctSvcrRef>") * 2, "duplicate_reference"),
        (BALANCES + entry("29.99"), "statement_unbalanced"),
    ],
)
def test_doubtful_entries_are_flagged(tmp_path: Path, ntry: str, code: str) -> None:
    assert code in read_bytes(tmp_path, camt(ntry)).codes


def test_amounts_are_exact(tmp_path: Path) -> None:
    body = balance("OPBD", "0.00") + balance("CLBD", "0.30") + entry("0.10") * 3
    assert read_bytes(tmp_path, camt(body)).statements[0].balanced
    huge = "123456789012345678.12345"
    assert read_bytes(tmp_path, camt(entry(huge))).amounts == [Decimal(huge)]


def test_pages_have_interim_balances(tmp_path: Path) -> None:
    interim = "<SubTp><Cd>INTM</Cd></SubTp>"
    text = camt(balance("OPBD", "1") + balance("CLBD", "6", interim) + entry("5"))
    page = read_bytes(tmp_path, text).statements[0]
    assert (page.intermediate_opening, page.intermediate_closing) == (False, True)
    paged = "<StmtPgntn><PgNb>2</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"
    head = f"{paged}<Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>"
    text = camt(balance("ITBD", "6") + balance("ITBD", "8") + entry("2"), head=head)
    page = read_bytes(tmp_path, text).statements[0]
    assert (page.page, page.intermediate_opening, page.intermediate_closing) == (2, True, True)
    assert (page.opening, page.closing) == (Money(Decimal(6), "EUR"), Money(Decimal(8), "EUR"))
    assert page.balanced


def test_a_notification_has_no_balance_to_prove(tmp_path: Path) -> None:
    text = camt(entry("5"), message="BkToCstmrDbtCdtNtfctn", container="Ntfctn")
    statement = read_bytes(tmp_path, text).statements[0]
    assert (statement.kind, statement.balanced) == ("camt.054", None)


def test_a_file_that_ends_early_says_so_wherever_it_ends(tmp_path: Path) -> None:
    text = camt(BALANCES + entry("10.00") + entry("20.00"))
    for end in range(text.index("<GrpHdr>"), len(text) - 1, 7):
        result = read_bytes(tmp_path, text[:end])
        assert result.blocked, end
        assert "statement_truncated" in result.codes, end


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + camt(entry("1")),
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">' + camt(entry("1")),
        camt("<X>" * 100_000),
        camt("".join(f"<X{i}/>" for i in range(10_000))),
        camt(entry("1", "<AddtlNtryInf>" + "a" * 3_000_000 + "</AddtlNtryInf>")),
    ],
    ids=["entities", "external", "deep", "wide", "long"],
)
def test_hostile_files_are_refused_whole(tmp_path: Path, text: str) -> None:
    result = read_bytes(tmp_path, text)
    assert not result.statements
    assert result.codes & {"hostile", "too_large"}


def test_a_message_without_statement_is_malformed(tmp_path: Path) -> None:
    text = camt("").replace("<Stmt>", "<Other>").replace("</Stmt>", "</Other>")
    assert read_bytes(tmp_path, text).codes == {"statement_malformed"}


@pytest.mark.parametrize(
    ("credits", "debits", "wrong"),
    [
        (("2", "12.00"), ("1", "3.00"), False),
        (("1", "5.00"), ("1", "3.00"), False),
        (("3", "12.00"), ("1", "3.00"), True),
        (("2", "12.00"), ("1", "3.01"), True),
    ],
)
def test_the_printed_turnover_is_checked(
    tmp_path: Path, credits: tuple[str, str], debits: tuple[str, str], wrong: bool
) -> None:
    summary = "<TxsSummry>" + "".join(
        f"<{name}><NbOfNtries>{count}</NbOfNtries><Sum>{total}</Sum></{name}>"
        for name, (count, total) in {"TtlCdtNtries": credits, "TtlDbtNtries": debits}.items()
    )
    body = summary + "</TxsSummry>" + entry("5.00") + entry("-3.00")
    body += entry("7.00", status="<Cd>PDNG</Cd>")
    result = read_bytes(tmp_path, camt(body, message="BkToCstmrAcctRpt", container="Rpt"))
    assert ("control_total_wrong" in result.codes) is wrong
