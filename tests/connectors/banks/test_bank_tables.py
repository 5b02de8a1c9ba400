"""CSV and XLSX: what is guessed, what is proved, what stays unknown."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from bank_files import IBAN, OTHER, document, mt940, read_bytes, read_file

from connectors.banks import Columns, Profile, guess_profile
from records.money import Money

# Title row, one outgoing and one incoming row of tables as banks print them: -84.50 and 1119.00.
TABLES = {
    "german": (
        'Buchungstag;Wertstellung;"Empfänger";Verwendungszweck;IBAN;Betrag;Währung\n'
        '30.09.2026;01.10.2026;Stadtwerke;"Strom; 9";' + OTHER + ";-84,50;EUR\n"
        "29.09.2026;29.09.2026;Kunde;RE 4711;;1.119,00;EUR\n"
    ),
    "trailing minus": "Datum;Text;Betrag\n30.09.26;Strom;84,50-\n29.09.26;Kunde;1.119,00\n",
    "debit and credit": (
        "Date,Details,Paid out,Paid in,Balance\n"
        '30/09/2026,Power,84.50,,915.50\n29/09/2026,Customer,,"1,119.00",2034.50\n'
    ),
    "words": (
        '"Datum","Naam","Rekening","Tegenrekening","Af Bij","Bedrag (EUR)"\n'
        f'"20260930","Stroom","{IBAN}","{OTHER}","Af","84,50"\n'
        f'"20260929","Klant","{IBAN}","{OTHER}","Bij","1119,00"\n'
    ),
    "one letter": "Tag;Text;Umsatz;S/H\n30.09.2026;Strom;84,50;S\n29.09.2026;RE;1.119,00;H\n",
    "american": 'Posting Date,Description,Amount\n09/30/2026,Power,(84.50)\n09/29/2026,RE,"1,119.00"\n',
    "french": "Date;Libellé;Montant\n30/09/2026;EDF;-84,50\n29/09/2026;Client;1 119,00\n",
    "swiss": "Datum;Text;Betrag\n30.09.2026;Strom;-84.50\n29.09.2026;Kunde;1'119.00\n",
    "tabs": "date\tamount\tpayee\n2026-09-30\t-84.50\tPower\n2026-09-29\t1119.00\tCustomer\n",
    "months by name": "Date,Memo,Amount\n30 Sep 2026,Power,-84.50\n29 Sep 2026,RE,1119.00\n",
    "no titles": '"09/30/2026","Power","EUR","-84.50"\n"09/29/2026","RE","EUR","1,119.00"\n',
    "italian": (
        "Data contabile;Dare;Avere;Descrizione\n"
        "30/09/2026;84,50;;Luce\n29/09/2026;;1.119,00;Cliente\n"
    ),
    "danish": "Dato;Tekst;Beløb\n30-09-2026;Strøm;-84,50\n29-09-2026;Kunde;1.119,00\n",
    "finnish": "Kirjauspäivä;Määrä;Selitys\n30.9.2026;-84,50;S\n29.9.2026;1119,00;A\n",
    "card": (
        "Transaction Date,Posted Date,Reference,Debit,Credit\n"
        "2026-09-28,2026-09-30,Power,84.50,\n2026-09-28,2026-09-29,Customer,,1119.00\n"
    ),
    "two columns and a total": (
        "sep=;\nKonto;DE89 3704 0044 0532 0130 00\n\nBuchungstag;Text;Soll;Haben;W\u00e4hrung\n"
        '30.9.26;"Strom; Gas";84,50;;EUR\n29.9.26;RE 4711;;1.119,00;EUR\nSumme;;84,50;1.119,00;EUR\n'
    ),
    "preamble": (
        f'"Konto";"{IBAN}";"EUR"\n\n"Anfangssaldo";;"1.000,00"\nDatum;Zweck;Betrag\n'
        "30.09.2026;Strom;-84,50\n29.09.2026;RE;1.119,00\nEndsaldo;;2.034,50\n"
    ),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_table_is_read_at_first_sight_and_says_that_it_was_guessed(
    tmp_path: Path, name: str, encoding: str
) -> None:
    result = read_bytes(tmp_path, TABLES[name].encode(encoding), "table.csv")
    assert result.amounts == [Decimal("-84.50"), Decimal("1119.00")]
    assert [e.booking_date for e in result.entries] == [dt.date(2026, 9, 30), dt.date(2026, 9, 29)]
    assert "profile_guessed" in result.codes
    assert not result.blocked, result.codes


#: Bytes of old code pages, and the text they are.
CODE_PAGES = {
    "cp1252": "Müller’s Gebühr für Jänner – „Öl”",
    "cp1250": "Opłata za książkę",
    "cp850": "Gebühr für Jänner, Möller",
}


@pytest.mark.parametrize("page", CODE_PAGES)
def test_code_pages_are_known_by_the_words_they_make(tmp_path: Path, page: str) -> None:
    text = CODE_PAGES[page]
    table = f"Datum;Text;Betrag\n30.09.2026;{text};-84,50\n".encode(page)
    assert read_bytes(tmp_path, table, "table.csv").entries[0].remittance == text
    swift = mt940(":61:260302C5,00NTRFNONREF", f":86:{text}").encode(page)
    assert read_bytes(tmp_path, swift).entries[0].remittance == text


def test_two_sides_without_titles_are_not_guessed(tmp_path: Path) -> None:
    """Nothing says which side is money out."""
    result = read_bytes(tmp_path, "30.09.2026;84,50;;a\n29.09.2026;;1,00;b\n", "table.csv")
    assert result.entries == [] and result.codes == {"unknown_format"}


def test_columns_land_where_they_belong(tmp_path: Path) -> None:
    first = read_bytes(tmp_path, TABLES["german"]).entries[0]
    assert (first.counterparty_name, first.counterparty_account) == ("Stadtwerke", OTHER)
    assert (first.remittance, first.amount.currency) == ("Strom; 9", "EUR")
    assert first.value_date == dt.date(2026, 10, 1)
    words = read_bytes(tmp_path, TABLES["words"])
    assert words.statements[0].account == IBAN
    assert words.entries[0].counterparty_account == OTHER


def test_what_stands_around_the_table(tmp_path: Path) -> None:
    statement = read_bytes(tmp_path, TABLES["preamble"]).statements[0]
    assert (statement.account, statement.currency) == (IBAN, "EUR")
    assert statement.balanced


def test_what_is_only_called_a_reference_is_what_the_payer_wrote(tmp_path: Path) -> None:
    """It is the bank's own where another column holds the text."""
    alone = "Date;Amount;Reference\n2026-09-30;-84.50;RE 4711\n"
    beside = "Date;Amount;Reference;Text\n2026-09-30;-84.50;B1;RE 4711\n"
    for table, reference in ((alone, None), (beside, "B1")):
        (found,) = read_bytes(tmp_path, table.encode(), "table.csv").entries
        assert (found.remittance, found.bank_reference) == ("RE 4711", reference)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("84,50 €", "EUR"),
        ("£ 84,50", "GBP"),
        ("84,50 zł", "PLN"),
        ("84,50 $", "XXX"),
        ("CHF 84,50", "CHF"),
    ],
)
def test_the_currency_may_stand_in_the_amount(tmp_path: Path, printed: str, expected: str) -> None:
    for table in (
        f"Datum;Text;Betrag\n30.09.2026;a;{printed}\n",
        f"Datum;Text;Soll;Haben\n30.09.2026;a;;{printed}\n",
    ):
        (found,) = read_bytes(tmp_path, table.encode(), "table.csv").entries
        assert found.amount == Money(Decimal("84.50"), expected)


def test_ambiguous_dates_stay_unknown(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, "Date,Text,Amount\n03/04/2026,a,-3.50\n04/05/2026,b,10.00\n")
    assert [e.booking_date for e in result.entries] == [None, None]
    assert "ambiguous_date" in result.codes
    assert result.blocked


@pytest.mark.parametrize(
    "row",
    ["30.09.2026;Strom;x4,50", "30.09.2026;Strom;", ";Strom;-84,50", "31.02.2026;Strom;-84,50"],
)
def test_no_row_with_money_is_skipped_silently(tmp_path: Path, row: str) -> None:
    text = f"Datum;Text;Betrag\n29.09.2026;a;1,00\n{row}\n28.09.2026;b;2,00\n"
    result = read_bytes(tmp_path, text)
    assert result.amounts == [1, 2]
    assert "entry_malformed" in result.codes


def test_the_running_balance_proves_the_rows(tmp_path: Path) -> None:
    rows = ["30.09.2026;a;-5,00;95,00", "29.09.2026;b;10,00;100,00", "28.09.2026;c;40,00;90,00"]
    for order in (rows, rows[::-1]):
        text = "\n".join(["Datum;Text;Betrag;Saldo", *order])
        assert "statement_unbalanced" not in read_bytes(tmp_path, text).codes
        assert "statement_unbalanced" in read_bytes(tmp_path, text.replace("10,00;", "9,00;")).codes


def test_word_and_sign_that_contradict_are_a_finding(tmp_path: Path) -> None:
    columns = Columns(booking_date=0, amount=1, direction=2)
    profile = Profile(name="p", columns=columns, delimiter=";", header=("D", "A", "W"), decimal=",")
    result = read_bytes(tmp_path, "D;A;W\n30.09.2026;-5,00;H\n", profiles=[profile])
    assert result.entries == []
    assert "entry_malformed" in result.codes


def test_a_confirmed_profile_reads_without_a_guess(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text("Date,Text,Amount\n03/04/2026,a,3.50\n")
    guessed, reasons = guess_profile(document(path))
    assert guessed is not None
    assert reasons
    confirmed = replace(
        guessed, name="card", date_order="dmy", sign="inverted", account="4711", currency="GBP"
    )
    result = read_file(path, [confirmed])
    assert not result.codes
    assert result.entries[0].booking_date == dt.date(2026, 4, 3)
    assert (result.statements[0].account, result.amounts) == ("4711", [Decimal("-3.50")])


def test_formulas_stay_text(tmp_path: Path) -> None:
    text = "Date,Label,Amount\n2026-01-02,\"=cmd|' /C calc'!A0\",50.00\n"
    assert read_bytes(tmp_path, text).entries[0].remittance == "=cmd|' /C calc'!A0"


def test_prose_and_other_tables_are_no_statements(tmp_path: Path) -> None:
    for text in ("Dear all,\nsee you on 3 May, 10.50 h.\n", "a,b\n1,2\n", "{}", "\x01\x02\x03,;"):
        assert read_bytes(tmp_path, text).codes == {"unknown_format"}


def workbook(folder: Path, rows: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    path = folder / "bank.xlsx"
    book.save(path)
    return path


def test_workbook_numbers_are_exact_and_dates_are_dates(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Date", "Text", "Amount"]]
    rows += [[dt.date(2026, 4, 3), "x", 0.1], [dt.date(2026, 4, 4), "y", 579.68]]
    rows += [["05/04/2026", "text cells", "'-1.084,50 EUR"], ["13/04/2026", "z", -3]]
    result = read_file(workbook(tmp_path, rows))
    assert result.amounts == [Decimal("0.1"), Decimal("579.68"), Decimal("-1084.50"), -3]
    assert [str(e.booking_date) for e in result.entries] == [
        f"2026-04-{d}" for d in ("03", "04", "05", "13")
    ]
    assert result.statements[0].kind == "xlsx"


def test_a_large_workbook_is_streamed(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Date", "Text", "Amount"]]
    rows += [[dt.date(2026, 4, 3), f"row {i}", i] for i in range(3000)]
    assert len(read_file(workbook(tmp_path, rows)).entries) == 3000


def test_a_profile_without_titles(tmp_path: Path) -> None:
    profile = Profile(name="p", columns=Columns(booking_date=0, amount=2), date_order="dmy")
    rows = '03/04/2026,a,3.50\n05/04/2026,b,"1,000.00"\n'
    result = read_bytes(tmp_path, rows, profiles=[profile])
    assert "profile_guessed" not in result.codes
    assert result.entries[0].booking_date == dt.date(2026, 4, 3)
    other = read_bytes(tmp_path, "x,03/04/2026,3.50\n", profiles=[profile])
    assert "profile_guessed" in other.codes


def test_umlauts_late_in_a_file_are_read_in_its_code_page(tmp_path: Path) -> None:
    text = "Datum;Zweck;Betrag\n" + "30.09.2026;x;1,00\n" * 6000 + "30.09.2026;Grüße;1,00\n"
    result = read_bytes(tmp_path, text.encode("cp1252"))
    assert result.entries[-1].remittance == "Grüße"
