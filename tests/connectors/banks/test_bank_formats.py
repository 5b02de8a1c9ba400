"""OFX, QIF and BAI2; and what all readers have in common."""

from __future__ import annotations

import importlib
from decimal import Decimal
from pathlib import Path

import pytest
from bank_files import balance, camt, document, entry, mt940, read_bytes

from connectors.banks import bai2, reader_for
from records.money import Money

OFX1 = (
    "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"
    "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>1<ACCTID>42"
    "<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20260301\n"
    "<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260302120000[-5:EST]<TRNAMT>-50.00<FITID>A1"
    "<NAME>Müller &amp; Co<MEMO>Invoice &lt;7&gt;</STMTTRN>\n"
    "<STMTTRN><TRNTYPE>INT<DTPOSTED>20260303<TRNAMT>0,25<FITID>A2</STMTTRN>\n"
    "</BANKTRANLIST><LEDGERBAL><BALAMT>950.25<DTASOF>20260303</LEDGERBAL>"
    "<AVAILBAL><BALAMT>1.00<DTASOF>20260303</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
)
OFX2 = '<?xml version="1.0"?><?OFX OFXHEADER="200"?>' + OFX1[OFX1.index("<OFX>") :]
for leaf in [
    "CURDEF",
    "BANKID",
    "ACCTID",
    "ACCTTYPE",
    "DTSTART",
    "TRNTYPE",
    "DTPOSTED",
    "TRNAMT",
    "FITID",
    "NAME",
    "MEMO",
    "BALAMT",
    "DTASOF",
]:
    OFX2 = "".join(
        piece if not i else f"<{leaf}>" + piece.replace("<", f"</{leaf}><", 1)
        for i, piece in enumerate(OFX2.split(f"<{leaf}>"))
    )
QIF = "!Account\nNChecking\n^\n!Type:Bank\nD13/ 2'26\nT-1,000.00\nPLandlord\nMRent\n^\nD2/14/26\nU5.50\n^\n"
BAI2 = (
    "01,A,B,260301,0200,1,,,2/\n02,B,A,1,260301,2359,EUR,2/\n"
    "03,0123,,010,10000,,,015,11500,,/\n16,195,5000,V,260302,,BANK1,OURS1,Wire, from\n"
    "88,somebody/\n16,495,3500,,BANK2,,/\n49,30000,5/\n98,30000,1,7/\n99,30000,1,9/\n"
)


@pytest.mark.parametrize(
    "text", [OFX1, OFX2, OFX1.lower().replace("usd", "USD").replace("encoding", "ENCODING")]
)
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_ofx(tmp_path: Path, text: str, encoding: str) -> None:
    result = read_bytes(tmp_path, text.encode(encoding))
    assert result.amounts == [Decimal("-50.00"), Decimal("0.25")]
    first, second = result.entries
    assert (first.counterparty_name or "").lower() == "müller & co"
    assert first.remittance.lower() == "invoice <7>"
    assert (str(first.booking_date), first.amount.currency) == ("2026-03-02", "USD")
    assert second.transaction_code == "ACMT-MCOP-INTR"
    statement = result.statements[0]
    assert (statement.account, statement.opening) == ("42", None)
    assert statement.closing == Money(Decimal("950.25"), "USD")
    assert not result.codes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("<TRNAMT>-50.00", ""), "entry_malformed"),
        (("<FITID>A2", "<FITID>A1"), "duplicate_reference"),
        (("</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>", ""), "statement_truncated"),
        (("<CURDEF>USD", ""), "currency_unknown"),
        (("<OFX>", "<!DOCTYPE x><OFX>"), "hostile"),
        (("20260303<TRNAMT>", "20269999<TRNAMT>"), "impossible_date"),
    ],
)
def test_ofx_problems(tmp_path: Path, change: tuple[str, str], code: str) -> None:
    assert code in read_bytes(tmp_path, OFX1.replace(*change)).codes


def test_ofx_comments_and_cdata(tmp_path: Path) -> None:
    text = OFX1.replace("<TRNTYPE>DEBIT", "<!-- <TRNAMT>9 --><TRNTYPE>DEBIT")
    text = text.replace("Invoice &lt;7&gt;", "<![CDATA[Invoice <7>]]>")
    first = read_bytes(tmp_path, text.encode("cp1252")).entries[0]
    assert (first.amount.amount, first.remittance) == (Decimal("-50.00"), "Invoice <7>")


@pytest.mark.parametrize("name", ["UTF-0", "hex", "utf-16", "utf-8"])
def test_ofx_odd_encoding_names_do_not_raise(tmp_path: Path, name: str) -> None:
    result = read_bytes(tmp_path, OFX2.replace("?>", f' encoding="{name}"?>', 1))
    assert result.statements or result.blocked


def test_qif(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, QIF)
    assert result.amounts == [Decimal("-1000.00"), Decimal("5.50")]
    assert result.statements[0].account == "Checking"
    assert result.entries[0].counterparty_name == "Landlord"
    # 13/2 proves that days come first, so 2/14 cannot be a date.
    assert str(result.entries[0].booking_date) == "2026-02-13"
    assert "currency_unknown" in result.codes


def test_qif_dates_without_proof_stay_unknown(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, "!Type:Bank\nD3/4/26\nT5.00\n^\n")
    assert result.entries[0].booking_date is None
    assert "ambiguous_date" in result.codes


def test_qif_splits_are_details(tmp_path: Path) -> None:
    text = "!Type:Bank\nD2026-03-04\nT-5.00\nSFood\n$-3.00\nSHome\nEsoap\n$-2.00\n^\n"
    found = read_bytes(tmp_path, text).entries[0]
    assert [d.amount.amount for d in found.details] == [-3, -2]


def test_bai2(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, BAI2)
    assert result.amounts == [Decimal("50.00"), Decimal("-35.00")]
    assert result.entries[0].remittance == "Wire, from\nsomebody"
    assert (result.entries[0].bank_reference, result.entries[0].end_to_end_id) == ("BANK1", "OURS1")
    assert str(result.entries[0].value_date) == "2026-03-02"
    assert result.statements[0].balanced
    assert not result.codes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("49,30000,5", "49,29999,5"), "control_total_wrong"),
        (("49,30000,5", "49,30000,4"), "control_total_wrong"),
        (("98,30000,1", "98,30000,2"), "control_total_wrong"),
        (("99,30000,1,9", "99,30000,1,8"), "control_total_wrong"),
        (("99,30000,1,9/\n", ""), "statement_truncated"),
        (("49,30000,5/\n", ""), "statement_truncated"),
        (("16,495,3500", "16,495,35x0"), "entry_malformed"),
        (("16,495,3500", "16,795,3500"), "entry_malformed"),
        (("1,260301,2359", "4,260301,2359"), "statement_malformed"),
    ],
)
def test_bai2_problems(tmp_path: Path, change: tuple[str, str], code: str) -> None:
    result = read_bytes(tmp_path, BAI2.replace(*change))
    assert code in result.codes
    assert result.blocked


@pytest.mark.parametrize(
    ("currency", "amount"), [("EUR", "50.00"), ("JPY", "5000"), ("KWD", "5.000")]
)
def test_bai2_minor_units(tmp_path: Path, currency: str, amount: str) -> None:
    found = read_bytes(tmp_path, BAI2.replace("EUR", currency)).entries[0]
    assert found.amount == Money(Decimal(amount), currency)


SAMPLES = {
    "camt": camt(balance("OPBD", "1") + entry("1.00")),
    "mt940": mt940(":61:260302C5,00NTRFNONREF"),
    "ofx": OFX1,
    "qif": QIF,
    "bai2": BAI2,
    "csv_statement": "Datum;Text;Betrag\n30.09.2026;a;-84,50\n",
}


@pytest.mark.parametrize("own", SAMPLES)
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_reader_knows_its_own_and_no_other(tmp_path: Path, own: str, sample: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(SAMPLES[sample].encode())
    reader = importlib.import_module(f"connectors.banks.{own}").Reader()
    assert reader.accepts(document(path)) is (own == sample)
    chosen = reader_for(document(path))
    assert type(chosen).__module__ == f"connectors.banks.{sample}"


def test_nothing_is_rejected_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "statement.pdf"
    path.write_bytes(BAI2.encode())
    assert bai2.Reader().accepts(document(path))
