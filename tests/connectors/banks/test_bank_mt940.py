"""MT940 and MT942: the sign table, the dialects of :61: and :86:, missing and extra tags."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from bank_files import IBAN, OTHER, mt940, read_bytes

from records.banking import BankTransaction
from records.money import Money


def one(folder: Path, *fields: str) -> BankTransaction:
    entries = read_bytes(folder, mt940(*fields)).entries
    assert len(entries) == 1
    return entries[0]


@pytest.mark.parametrize(
    ("mark", "amount", "status", "reversal"),
    [
        ("C", "50.00", "BOOK", False),
        ("D", "-50.00", "BOOK", False),
        ("RC", "-50.00", "BOOK", True),
        ("RD", "50.00", "BOOK", True),
        ("EC", "50.00", "PDNG", False),
        ("ED", "-50.00", "PDNG", False),
        ("CR", "50.00", "BOOK", False),
        ("DR", "-50.00", "BOOK", False),
        ("RCR", "-50.00", "BOOK", True),
        ("RDR", "50.00", "BOOK", True),
        ("DD", "-50.00", "BOOK", False),
    ],
)
def test_sign_table(tmp_path: Path, mark: str, amount: str, status: str, reversal: bool) -> None:
    found = one(tmp_path, f":61:260302{mark}50,00NTRFNONREF")
    assert (found.amount.amount, found.status) == (Decimal(amount), status)
    assert found.reversal is reversal


def test_an_entry_is_a_frozen_record_like_any_other(tmp_path: Path) -> None:
    found = one(tmp_path, ":61:260302C50,00NTRFNONREF//B1")
    built = BankTransaction(
        account=IBAN,
        booking_date=date(2026, 3, 2),
        value_date=date(2026, 3, 2),
        amount=Money(Decimal("50.00"), "EUR"),
        bank_reference="B1",
        transaction_code="NTRF",
    )
    assert (found, hash(found), repr(found)) == (built, hash(built), repr(built))
    assert type(found) is BankTransaction
    assert pickle.loads(pickle.dumps(found)) == built
    assert replace(found, remittance="x").remittance == "x"
    with pytest.raises(FrozenInstanceError):
        found.remittance = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("digits", "amount"),
    [
        ("50,00", "50.00"),
        ("50,", "50"),
        ("0,5", "0.5"),
        ("000000000007,10", "7.10"),
        ("50.25", "50.25"),
        ("1.234,56", "1234.56"),
        ("500", "500"),
    ],
)
def test_amounts(tmp_path: Path, digits: str, amount: str) -> None:
    assert one(tmp_path, f":61:260302C{digits}NTRFNONREF").amount.amount == Decimal(amount)


@pytest.mark.parametrize("digits", ["1.234", "1,2,3", "1..2", ",", "1.23,4.5", "9" * 30 + ",00"])
def test_amounts_that_can_be_two_things_are_findings(tmp_path: Path, digits: str) -> None:
    result = read_bytes(tmp_path, mt940(f":61:260302C{digits}NTRFNONREF"))
    assert "entry_malformed" in result.codes
    assert sum(result.amounts) == 0


@pytest.mark.parametrize(
    ("dates", "value", "booked"),
    [
        ("2603020303", "2026-03-02", "2026-03-03"),
        ("260302", "2026-03-02", "2026-03-02"),
        ("2512310102", "2025-12-31", "2026-01-02"),
        ("2601021231", "2026-01-02", "2025-12-31"),
        ("2402290301", "2024-02-29", "2024-03-01"),
        ("260302    ", "2026-03-02", "2026-03-02"),
        ("2602300301", "None", "2026-03-01"),
    ],
)
def test_the_entry_date_takes_the_nearest_year(
    tmp_path: Path, dates: str, value: str, booked: str
) -> None:
    result = read_bytes(tmp_path, mt940(f":61:{dates}C5,00NTRFNONREF"))
    found = result.entries[0]
    assert (str(found.value_date), str(found.booking_date)) == (value, booked)
    assert ("impossible_date" in result.codes) is (value == "None")


def test_german_subfields_lose_no_and_gain_no_blank(tmp_path: Path) -> None:
    text = "EREF+E2E 4711 MREF+M-00017 SVWZ+Rechnung 2026-000123 vom 01.03.2026 Kd 77"
    chunks = [text[i : i + 27] for i in range(0, len(text), 27)]
    subfields = "".join(f"?{20 + i}{c}" for i, c in enumerate(chunks))
    info = f":86:166?00GUTSCHRIFT?109300{subfields}?30COBADEFF?31{OTHER}?32Werft und Söhne Rügen & Co.?33 KG"
    lines = [info[i : i + 65] for i in range(0, len(info), 65)]
    found = one(tmp_path, ":61:2603020302CR5,00NTRFNONREF//B1", *lines)
    assert found.remittance == "Rechnung 2026-000123 vom 01.03.2026 Kd 77"
    assert (found.end_to_end_id, found.mandate_id) == ("E2E 4711", "M-00017")
    assert found.counterparty_account == OTHER
    assert found.counterparty_name == "Werft und Söhne Rügen & Co. KG"
    assert found.transaction_code == "PMNT-RCDT-ESCT"
    assert found.bank_reference == "B1"


def test_short_subfields_end_at_a_word(tmp_path: Path) -> None:
    found = one(tmp_path, ":61:260302C5,00NTRFNONREF", ":86:051?20Rechnung 12?21Kunde 7?32A. Meier")
    assert found.remittance == "Rechnung 12 Kunde 7"


@pytest.mark.parametrize("separator", list("?><~^"))
def test_other_separators(tmp_path: Path, separator: str) -> None:
    info = ":86:020?00PRZELEW?20Faktura 1/26?32Jan Nowak?31123".replace("?", separator)
    found = one(tmp_path, ":61:260302D5,00NTRFNONREF", info)
    assert (found.remittance, found.counterparty_name) == ("Faktura 1/26", "Jan Nowak")


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            f"/EREF/E-1//CNTP/{OTHER}/ABNANL2A/Bakkerij Smit///REMI/USTD//Factuur 88/",
            ("E-1", OTHER, "Bakkerij Smit", "Factuur 88", None),
        ),
        (
            f"/TRTP/SEPA INCASSO/CSID/NL1/NAME/Energie B.V./MARF/M 9/REMI/Termijn 3/IBAN/{OTHER}"
            "/EREF/NOTPROVIDED",
            (None, OTHER, "Energie B.V.", "Termijn 3", "M 9"),
        ),
        (
            "/BENM//NAME/JOHN DOE/REMI/Ref 20/ISDT/2026-03-02",
            (None, None, "JOHN DOE", "Ref 20", None),
        ),
        (f"Betaling {OTHER} factuur 5", (None, OTHER, None, f"Betaling {OTHER} factuur 5", None)),
        ("Betaling NL00ABNA0417164300", (None, None, None, "Betaling NL00ABNA0417164300", None)),
    ],
)
def test_slashed_and_plain_details(
    tmp_path: Path, info: str, expected: tuple[str | None, ...]
) -> None:
    lines = [f":86:{info}"[i : i + 65] for i in range(0, len(info) + 4, 65)]
    found = one(tmp_path, ":61:260302C5,00NTRFNONREF", *lines)
    assert expected == (
        found.end_to_end_id,
        found.counterparty_account,
        found.counterparty_name,
        found.remittance,
        found.mandate_id,
    )


def test_a_creditor_reference_is_no_account(tmp_path: Path) -> None:
    """Both have the check digits of ISO 7064; RF is no country."""
    found = one(tmp_path, ":61:260302C5,00NTRFNONREF", ":86:ORDER/ALBIS AG/RF18539007547034")
    assert found.counterparty_account is None
    assert "RF18539007547034" in found.remittance


def test_batches_name_our_payment_run(tmp_path: Path) -> None:
    found = one(tmp_path, ":61:260302D5,00NTRFNONREF", ":86:191?20KREF+RUN-7 SVWZ+SAMMLER 3")
    assert (found.batch_id, found.transaction_code) == ("RUN-7", "PMNT-ICDT-ESCT-B")


def test_original_amount_and_charges(tmp_path: Path) -> None:
    found = one(tmp_path, ":61:260302D90,00NTRFNONREF//B1\r\n/OCMT/USD100,00//CHGS/EUR1,50/")
    assert found.original_amount == Money(Decimal("-100.00"), "USD")
    assert found.charges == Money(Decimal("-1.50"), "EUR")


@pytest.mark.parametrize("clock", ["12:11", "13:05", "20:59", "25:00", "28:01"])
def test_a_clock_time_at_a_line_break_is_no_tag(tmp_path: Path, clock: str) -> None:
    result = read_bytes(
        tmp_path,
        mt940(
            ":61:260302C5,00NTRFNONREF", f":86:Pin 2026-03-02T10\r\n:{clock} pas 7",
            closing="C260302EUR105,00",
        ),
    )  # fmt: skip
    assert len(result.statements) == 1
    assert result.statements[0].balanced
    assert clock in result.entries[0].remittance


def test_several_statements_with_and_without_their_headers(tmp_path: Path) -> None:
    first = mt940(":61:260302C5,00NTRFNONREF", closing="C260302EUR105,00")
    second = f":25:{IBAN}\n:28C:8/1\n:60F:C260302EUR105,00\n:61:260303D5,00NTRFNONREF\n:62F:C260303EUR100,00\n"
    third = ":60F:C260303EUR100,00\n:62F:C260303EUR100,00\n-"
    result = read_bytes(tmp_path, first + second + third)
    assert [s.entry_count for s in result.statements] == [1, 1, 0]
    assert [s.account for s in result.statements] == [IBAN] * 3
    assert all(s.balanced for s in result.statements)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "begin", [b"", b"\xef\xbb\xbf", b"{1:F01X}{2:O940X}{4:\n", b"BANKXX\n940\n"]
)
def test_line_ends_and_beginnings(tmp_path: Path, ending: str, begin: bytes) -> None:
    text = mt940(":61:260302C5,00NTRFNONREF", ":86:Hallo", closing="C260302EUR105,00")
    data = begin + text.replace("\r\n", ending).encode()
    result = read_bytes(tmp_path, data + b"}{5:}\n")
    assert result.statements[0].balanced
    assert result.entries[0].remittance == "Hallo"


def test_text_that_begins_with_a_dash_is_text(tmp_path: Path) -> None:
    found = one(
        tmp_path, ":61:260302C5,00NTRFNONREF", ":86:Teilzahlung", "-Rechnung 7", "-Rest folgt"
    )
    assert found.remittance.split("\n") == ["Teilzahlung", "-Rechnung 7", "-Rest folgt"]


def test_pages(tmp_path: Path) -> None:
    text = mt940(":61:260302C5,00NTRFNONREF").replace(
        "\r\n-\r\n", "\r\n:62M:C260302EUR105,00\r\n-\r\n"
    )
    page = read_bytes(tmp_path, text).statements[0]
    assert (page.intermediate_opening, page.intermediate_closing) == (False, True)
    assert (page.number, page.page) == ("7/1", 1)


def test_a_statement_without_closing_balance_is_truncated(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, mt940(":61:260302C5,00NTRFNONREF"))
    assert "statement_truncated" in result.codes
    assert result.statements[0].balanced is None


@pytest.mark.parametrize(
    ("printed", "account"),
    [
        (f"{IBAN}EUR", IBAN),
        (f"{IBAN} EUR", IBAN),
        (f"/{IBAN}", IBAN),
        ("1234567 EUR", "1234567"),
        ("10020030/1234567", "10020030/1234567"),
        ("10020030/1234567EUR", "10020030/1234567EUR"),
    ],
)
def test_accounts_with_what_stands_around_them(tmp_path: Path, printed: str, account: str) -> None:
    text = mt940(":61:260302C5,00NTRFNONREF").replace(IBAN, printed)
    assert read_bytes(tmp_path, text).statements[0].account == account


@pytest.mark.parametrize(("printed", "wrong"), [("2EUR15,00", False), ("2EUR14,00", True)])
def test_mt942_control_totals(tmp_path: Path, printed: str, wrong: bool) -> None:
    text = (
        f":20:X\n:25:{IBAN}\n:28C:1/1\n:34F:EUR0,\n:13D:2603021200+0100\n"
        f":61:260302C5,00NTRFNONREF\n:61:260302C10,00NTRFNONREF\n:90D:0EUR0,\n:90C:{printed}\n-"
    )
    result = read_bytes(tmp_path, text)
    assert (result.statements[0].kind, result.statements[0].currency) == ("mt942", "EUR")
    assert ("control_total_wrong" in result.codes) is wrong


def test_a_long_field_is_neither_slow_nor_kept(tmp_path: Path) -> None:
    text = mt940(":61:260302C5,00NTRFNONREF", ":86:" + "x" * 3_000_000, closing="C260302EUR105,00")
    result = read_bytes(tmp_path, text)
    assert result.statements[0].balanced
    assert len(result.entries[0].remittance) < 100_000


def test_dates_of_balances(tmp_path: Path) -> None:
    statement = read_bytes(tmp_path, mt940(closing="C260302EUR100,00")).statements[0]
    assert (statement.opening_date, statement.closing_date) == (date(2026, 3, 1), date(2026, 3, 2))
