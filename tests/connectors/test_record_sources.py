"""Tables as records: every kind, every style of writing, and what is wrong with a row."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources import csv_table, workbook
from connectors.tables import load_tables
from connectors.tables.cells import BadCell, Cells, Mark, Order, Style
from records.banking import CardSettlement, OpenItem
from records.failures import ConfigurationFault, Rejected, Unavailable
from records.findings import Finding
from records.invoices import ReceivedInvoice
from records.money import Money
from records.protocols import RecordSource
from records.purchasing import OrderLine, PurchaseOrder, Vendor

ORDERS = """\
po_id,po_line,revision,valid_from,vendor_id,order_date,sku,description,qty,uom,unit_price,currency,vat_rate
4500001,1,1,2026-01-02,70001,2026-01-02,PUMP-1,Pump,3,PCE,119.50,EUR,19
4500001,1,2,2026-02-01,70001,2026-01-02,PUMP-1,Pump,3,PCE,121.00,EUR,19
4500002,1,1,2026-01-03,70002,2026-01-03,,Rent,1,,0.00012,EUR,
"""


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@dataclass(frozen=True, slots=True)
class Table:
    """One table of records, written as CSV or as a workbook."""

    write: Callable[[Sequence[Sequence[object]]], None]
    source: Callable[..., RecordSource]
    path: Path


@pytest.fixture(params=["csv", "xlsx"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    path = tmp_path / f"purchase_orders.{request.param}"

    def write_csv(rows: Sequence[Sequence[object]]) -> None:
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows)

    def write_workbook(rows: Sequence[Sequence[object]]) -> None:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)

    if request.param == "csv":
        return Table(
            write_csv,
            lambda **changes: csv_table.Source(csv_table.Source.Settings(path=path, **changes)),
            path,
        )
    return Table(
        write_workbook,
        lambda **changes: workbook.Source(workbook.Source.Settings(path=path, **changes)),
        path,
    )


def test_records_come_when_the_content_changed(table: Table) -> None:
    table.write(rows_of(ORDERS))
    source = table.source()
    records, since = source.changes(None)
    first, second = records
    assert isinstance(first, PurchaseOrder) and isinstance(second, PurchaseOrder)
    assert (first.id, [line.revision for line in first.lines]) == ("4500001", [1, 2])
    assert first.lines[1].unit_price == Decimal("121.00")
    assert second.lines[0].unit_price == Decimal("0.00012")
    assert second.lines[0].article_number is None and second.lines[0].vat_rate is None
    again, same = source.changes(since)
    assert (list(again), same) == ([], since)
    table.write(rows_of(ORDERS)[:2])
    changed, later = source.changes(since)
    assert len(list(changed)) == 1 and later != since
    assert source.check().endswith("1 records of purchase_orders")


def test_other_column_names_in_any_order(table: Table) -> None:
    table.write(
        [
            ["Preis", "WÄHRUNG ", "Bestellung", "Pos", "Lieferant", "Menge", "unbekannt"],
            ["10", "eur", "B-1", "1", "L-1", "2", "x"],
        ]
    )
    columns = {
        "po_id": "Bestellung",
        "po_line": "pos",
        "vendor_id": "Lieferant",
        "qty": "Menge",
        "unit_price": "Preis",
        "currency": "Währung",
    }
    records, _ = table.source(columns=columns).changes(None)
    (order,) = records
    assert isinstance(order, PurchaseOrder)
    line: OrderLine = order.lines[0]
    assert (line.unit_price, line.currency, line.quantity) == (Decimal(10), "EUR", Decimal(2))


def test_a_bad_row_is_a_finding_and_hides_no_other(table: Table) -> None:
    rows: list[list[object]] = [*rows_of(ORDERS)]
    rows[2][8] = "three"
    rows.append([""] * 13)
    rows.append(["4500003", "1", "", "", "", "", "", "", "1", "", "1", "EUR", ""])
    table.write(rows)
    records = list(table.source().changes(None)[0])
    problems = [str(r) for r in records if isinstance(r, Finding)]
    assert [type(r) for r in records if not isinstance(r, Finding)] == [PurchaseOrder] * 2
    assert len(problems) == 2
    assert problems[0].startswith("purchase_orders") and "row 3" in problems[0]
    assert "qty: 'three' is not a number such as 1234.56" in problems[0]
    assert "row 6" in problems[1] and "vendor_id is blank" in problems[1]
    assert "2 problems, first: " in table.source().check()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "is empty"),
        ([["po_id", "po_line"], ["1", "1"]], "no column 'vendor_id', 'qty', 'unit_price'"),
        ([["po_id", "PO_ID"], ["1", "1"]], "'po_id' stands twice"),
    ],
)
def test_a_table_without_its_columns_is_one_finding(
    table: Table, rows: list[list[str]], said: str
) -> None:
    table.write(rows)
    (problem,) = table.source().changes(None)[0]
    assert isinstance(problem, Finding) and problem.code == "bad_table" and said in problem.message


def test_what_cannot_be_a_table_is_said(table: Table) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        table.source().changes(None)
    workbooks = [b"PK\x03\x04 no workbook", _workbook_of_unknown_compression()]
    texts = [b'a,"b', b"po_id,po_line\n1,\x00"]
    for content in workbooks if table.path.suffix == ".xlsx" else texts:
        table.path.write_bytes(content)
        (problem,) = table.source().changes(None)[0]
        assert isinstance(problem, Finding) and problem.code == "bad_table"


def _workbook_of_unknown_compression() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("[Content_Types].xml", "<Types/>")
    raw = bytearray(out.getvalue())
    raw[raw.rindex(b"PK\x01\x02") + 10] = 99
    return bytes(raw)


def test_unknown_kinds_and_columns_are_configuration_faults(table: Table) -> None:
    with pytest.raises(ConfigurationFault, match="'orders' is not known"):
        table.source(kind="orders")
    with pytest.raises(ConfigurationFault, match="'preis' is no column of purchase_orders"):
        table.source(columns={"preis": "Preis"})


def test_a_workbook_gives_real_numbers_and_dates(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Rechnungen")
    sheet = book["Rechnungen"]
    sheet.append(["item_id", "invoice_no", "invoice_date", "gross", "currency", "type"])
    sheet.append([4711, 20260001, datetime(2026, 3, 1), 1234.1, "EUR", None])  # noqa: DTZ001
    sheet.append(["4712", "0012", "2026-03-02", "99.90", "EUR", "credit_note"])
    book.save(tmp_path / "ar.xlsx")
    settings = workbook.Source.Settings(
        path=tmp_path / "ar.xlsx", kind="customer_invoices", sheet="Rechnungen"
    )
    first, second = workbook.Source(settings).changes(None)[0]
    assert isinstance(first, OpenItem) and isinstance(second, OpenItem)
    assert (first.id, first.number, first.issue_date) == ("4711", "20260001", date(2026, 3, 1))
    assert first.gross == Money(Decimal("1234.1"), "EUR")
    assert (second.number, second.gross.amount) == ("0012", Decimal("-99.90"))
    missing = workbook.Source.Settings(path=tmp_path / "ar.xlsx", kind="vendors", sheet="Other")
    (problem,) = workbook.Source(missing).changes(None)[0]
    assert isinstance(problem, Finding) and "no sheet 'Other'" in problem.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_recognised(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    rows = [["vendor_id", "name", "iban"], ["1", "Möbel Süß GmbH", "DE89 3704 0044 0532 0130 00"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    (tmp_path / "vendors.csv").write_bytes(text.encode(encoding))
    source = csv_table.Source(csv_table.Source.Settings(path=tmp_path / "vendors.csv"))
    (vendor,) = source.changes(None)[0]
    assert isinstance(vendor, Vendor)
    assert (vendor.name, vendor.ibans) == ("Möbel Süß GmbH", ("DE89370400440532013000",))


def cell(text: str, *, mark: Mark = ".", dates: Order = "ymd") -> Cells:
    cells = Cells({"x": 0}, Style(decimal_mark=mark, dates=dates))
    cells.row = [text]
    return cells


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1234.56", ".", "1234.56"),
        ("1,234.56", ".", "1234.56"),
        ("1,234,567", ".", "1234567"),
        ("-0.5", ".", "-0.5"),
        ("5.00-", ".", "-5.00"),
        (".5", ".", "0.5"),
        ("1.234,56", ",", "1234.56"),
        ("1 234,56", ",", "1234.56"),
        ("1'234'567,8", ",", "1234567.8"),
        ("1.234", ",", "1234"),
        ("−12,5", ",", "-12.5"),
        ("00012", ".", "12"),
    ],
)
def test_numbers_in_both_styles(text: str, mark: Mark, value: str) -> None:
    assert cell(text, mark=mark).number("x") == Decimal(value)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1.234,56", "."),
        ("1,23", "."),
        ("1,2345", "."),
        ("12,34,567", "."),
        ("1234.56", ","),
        ("1e5", "."),
        ("NaN", "."),
        ("1_000", "."),
        ("--5", "."),
        ("5 EUR", "."),
        ("-", "."),
        (".", "."),
        ("٣", "."),
    ],
)
def test_a_number_in_another_style_is_never_guessed(text: str, mark: Mark) -> None:
    with pytest.raises(BadCell, match="is not a number"):
        cell(text, mark=mark).number("x")


@pytest.mark.parametrize(
    ("text", "dates", "value"),
    [
        ("2026-03-01", "ymd", date(2026, 3, 1)),
        ("2026-03-01", "mdy", date(2026, 3, 1)),
        ("20260301", "ymd", date(2026, 3, 1)),
        ("2026-03-01 00:00:00", "ymd", date(2026, 3, 1)),
        ("01.03.2026", "dmy", date(2026, 3, 1)),
        ("1/3/26", "dmy", date(2026, 3, 1)),
        ("03/01/2026", "mdy", date(2026, 3, 1)),
    ],
)
def test_dates_in_every_order(text: str, dates: Order, value: date) -> None:
    assert cell(text, dates=dates).day("x") == value


@pytest.mark.parametrize(
    ("text", "dates"),
    [("01.03.2026", "ymd"), ("31.02.2026", "dmy"), ("13/01/2026", "mdy"), ("46082", "ymd")],
)
def test_a_date_in_another_order_is_never_guessed(text: str, dates: Order) -> None:
    with pytest.raises(BadCell, match="is not a date"):
        cell(text, dates=dates).day("x")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2), st.sampled_from([".", ","]))
def test_every_number_survives_its_style(number: Decimal, mark: Mark) -> None:
    text = f"{number:,.2f}"
    if mark == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    assert cell(text, mark=mark).number("x") == number


@given(st.text(max_size=20))
def test_noise_in_a_cell_only_ever_raises_bad_cell(text: str) -> None:
    for read in ("number", "day", "flag", "currency", "text", "whole"):
        for mark in (".", ","):
            try:
                getattr(cell(text, mark=mark), read)("x")
            except BadCell as problem:
                assert str(problem).startswith("x")


@given(st.binary(max_size=300))
def test_noise_in_a_file_is_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    (folder / "vendors.csv").write_bytes(raw)
    (folder / "customers.xlsx").write_bytes(b"PK" + raw)
    tables = load_tables(folder)
    assert tables.vendors == () or all(v.id and v.name for v in tables.vendors)


def test_signs_follow_from_the_kind_and_not_from_the_table(tmp_path: Path) -> None:
    head = "item_id,type,invoice_no,gross,net,currency\n"
    (tmp_path / "supplier_invoices.csv").write_text(
        head + "A1,invoice,1,119.00,100.00,EUR\nA2,credit_note,2,-11.90,-10.00,EUR\n"
        "A3,credit_note,3,11.90,10.00,EUR\n"
    )
    (tmp_path / "supplier_invoice_lines.csv").write_text(
        "item_id,line_no,qty,unit_price,net\nA1,1,2,50.00,100.00\nA2,1,1,-10.00,-10.00\n"
        "A3,1,1,10.00,10.00\nA9,1,1,1,1\n"
    )
    (tmp_path / "customer_invoices.csv").write_text(
        head + "R1,invoice,1,238.00,200.00,EUR\nR2,credit_note,2,-23.80,-20.00,EUR\n"
    )
    (tmp_path / "open_items.csv").write_text(
        "item_id,kind,gross,open,currency\nO1,ap_invoice,50,20,EUR\nO2,ar_invoice,50,,EUR\n"
    )
    tables = load_tables(tmp_path)
    signed = {item.id: item.gross.amount for item in tables.open_items}
    assert signed == {
        "A1": Decimal("-119.00"),
        "A2": Decimal("11.90"),
        "A3": Decimal("11.90"),
        "R1": Decimal("238.00"),
        "R2": Decimal("-23.80"),
        "O1": Decimal("-50"),
        "O2": Decimal("50"),
    }
    left = {item.id: item.open.amount for item in tables.open_items if item.open}
    assert (left["O1"], left["O2"]) == (Decimal("-20"), Decimal("50"))
    for received in tables.supplier_invoices[1:]:
        invoice = received.invoice
        assert invoice.is_credit_note and invoice.gross_total == Decimal("11.90")
        (line,) = invoice.lines
        assert (line.net_amount, line.unit_price) == (Decimal("10.00"), Decimal("10.00"))
    assert [str(f) for f in tables.findings] == [
        "supplier_invoice_lines.csv, A9: 1 rows belong to A9, which is not in supplier_invoices.csv"
    ]


RUNS = "item_id,date,n,total\n1,2026-10-01,12,7000.00\n"


@pytest.mark.parametrize(
    ("accounts", "currency", "expected"),
    [
        ("A,DE1,SEK\nB,DE2,USD\n", None, "SEK"),
        ("A,DE1,SEK\n", "chf", "CHF"),
        ("", "USD", "USD"),
        ("", None, "set the source's `currency`"),
        ("", "Euro", "not a currency code"),
    ],
)
def test_a_blank_currency_is_the_offices_or_unknown(
    tmp_path: Path, accounts: str, currency: str | None, expected: str
) -> None:
    (tmp_path / "payroll_runs.csv").write_text(RUNS)
    if accounts:
        (tmp_path / "own_accounts.csv").write_text("account_id,iban,currency\n" + accounts)
    tables = load_tables(tmp_path, Style(currency=currency))
    found = [run.currency for run in tables.payroll_runs]
    assert found == [expected] if len(expected) == 3 else not found
    rows = [f.message for f in tables.findings if f.where.startswith("payroll_runs")]
    assert rows == [] if found else expected in rows[0]


def test_what_stands_twice_is_taken_once_and_said(tmp_path: Path) -> None:
    (tmp_path / "vendors.csv").write_text("vendor_id,name\n1,First\n2,Second\n1,Third\n")
    tables = load_tables(tmp_path)
    assert [v.name for v in tables.vendors] == ["First", "Second"]
    assert ["1 stands twice" in f.message for f in tables.findings] == [True]


def test_wrong_check_digits_are_said_and_the_record_is_kept(tmp_path: Path) -> None:
    (tmp_path / "vendors.csv").write_text(
        "vendor_id,name,iban\n1,Right,DE89370400440532013000\n2,Typo,DE98370400440532013000\n"
        "3,No IBAN,000123456789\n4,Two,DE89370400440532013000; DE00370400440532013000\n"
    )
    tables = load_tables(tmp_path)
    assert [len(v.ibans) for v in tables.vendors] == [1, 1, 1, 2]
    assert [(f.code, f.where, f.blocks) for f in tables.findings] == [
        ("bad_checksum", "vendors.csv, row 3", False),
        ("bad_checksum", "vendors.csv, row 5", False),
    ]


def test_an_order_with_two_vendors_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "purchase_orders.csv").write_text(
        "po_id,po_line,vendor_id,qty,unit_price,currency\n1,1,A,1,1,EUR\n1,2,B,1,1,EUR\n"
    )
    tables = load_tables(tmp_path)
    assert tables.purchase_orders == ()
    assert "several vendors: A, B" in tables.findings[0].message


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vendors.csv").write_text("vendor_id,name\n" + "1,x\n" * 1000)
    settings = csv_table.Source.Settings(path=tmp_path / "vendors.csv", max_bytes=100)
    with pytest.raises(Rejected, match="Raise max_bytes"):
        csv_table.Source(settings).changes(None)


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_workbook_that_declares_a_doctype_is_refused(tmp_path: Path, part: str) -> None:
    made, path = tmp_path / "made.xlsx", tmp_path / "vendors.xlsx"
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["vendor_id", "name"])
    book.active.append(["V1", "Hansa"])
    book.save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            raw = old.read(info)
            if info.filename == part:
                begin = raw.index(b"<w")
                raw = raw[:begin] + b'<!DOCTYPE x [<!ENTITY a "Hansa">]>' + raw[begin:]
            new.writestr(info.filename, raw)
    (problem,) = workbook.Source(workbook.Source.Settings(path=path)).changes(None)[0]
    assert isinstance(problem, Finding) and "DOCTYPE" in problem.message


def test_a_workbook_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for _ in range(2000):
        book.active.append(["x" * 1000])
    book.save(tmp_path / "vendors.xlsx")
    settings = workbook.Source.Settings(path=tmp_path / "vendors.xlsx", max_bytes=1_000_000)
    (problem,) = workbook.Source(settings).changes(None)[0]
    assert isinstance(problem, Finding) and "unpacks to" in problem.message


def test_the_tables_of_a_world_are_read_whole(corpus: Path) -> None:
    folder = corpus / "bank" / "worlds" / "real_1550" / "inputs"
    tables = load_tables(folder)

    def lines(name: str) -> int:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            return sum(1 for _ in csv.reader(stream)) - 1

    assert tables.findings == ()
    assert len(tables.vendors) == lines("vendors")
    assert len(tables.customers) == lines("customers")
    assert sum(len(o.lines) for o in tables.purchase_orders) == lines("purchase_orders")
    assert len(tables.goods_receipts) == lines("goods_receipts")
    assert len(tables.supplier_invoices) == lines("supplier_invoices")
    invoice_lines = sum(len(r.invoice.lines) for r in tables.supplier_invoices)
    assert invoice_lines == lines("supplier_invoice_lines")
    assert len(tables.open_items) == lines("supplier_invoices") + lines("customer_invoices")
    assert len(tables.payment_runs) == lines("payment_runs")
    assert len(tables.payment_run_items) == lines("payment_run_items")
    settlements: tuple[CardSettlement, ...] = tables.card_settlements
    assert sum(len(s.items) for s in settlements) == lines("card_settlement_items")
    assert len(tables.fx_rates) == lines("fx_rates")
    first: ReceivedInvoice = tables.supplier_invoices[0]
    assert first.invoice.issue_date is not None and first.invoice.lines


def test_a_hundred_thousand_rows_take_seconds(tmp_path: Path) -> None:
    path = tmp_path / "purchase_orders.csv"
    header, line, *_ = ORDERS.splitlines()
    with path.open("w") as stream:
        stream.write(header + "\n")
        stream.writelines(line.replace("4500001", str(n)) + "\n" for n in range(100_000))
    start = time.process_time()
    tables = load_tables(tmp_path)
    assert len(tables.purchase_orders) == 100_000
    assert time.process_time() - start < 10, "two to three seconds on an idle laptop"
