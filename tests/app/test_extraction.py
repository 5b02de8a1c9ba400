"""The JSON lines of `nightclerk extract`, over files that behave and files that do not."""

from __future__ import annotations

import hashlib
import json
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.extraction import extraction_lines
from app.isolation import Isolated, Limits
from app.reading import read_isolated
from extractors.einvoice.validation import is_installed
from extractors.reading import ReadOptions
from records.documents import Document, Kind
from records.findings import Severity
from tests.extractors.samples import UBL_INVOICE

OPTIONS = ReadOptions(ocr="none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("in")
    (root / "a.xml").write_bytes(UBL_INVOICE)
    (root / "b.bin").write_bytes(b"\x00\x01" * 100)
    (root / "deep").mkdir()
    with zipfile.ZipFile(root / "deep" / "c.zip", "w") as archive:
        archive.writestr("one.xml", UBL_INVOICE)
        archive.writestr("two.xml", UBL_INVOICE.replace(b"R-77", b"R-78"))
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "a@example.org", "Invoice"
    mail.set_content("see attached")
    mail.add_attachment(UBL_INVOICE, maintype="application", subtype="octet-stream", filename="x")
    (root / "deep" / "d.eml").write_bytes(mail.as_bytes())
    return root


def test_one_line_a_file_in_order(folder: Path) -> None:
    lines = list(extraction_lines([folder], OPTIONS, jobs=2))
    names = [Path(line["path"]).name for line in lines]
    assert names == ["a.xml", "b.bin", "c.zip", "d.eml"]
    assert all(json.loads(json.dumps(line)) for line in lines)
    first = lines[0]
    assert first["sha256"] == hashlib.sha256(UBL_INVOICE).hexdigest()
    assert first["kind"] == "invoice"
    assert first["seconds"] >= 0
    assert first["fields"]["invoice_number"] == "R-77"
    assert first["fields"]["gross_total"] == "119.00"
    evidence = first["evidence"]["gross_total"]
    assert evidence["proved"]
    assert evidence["by"] == "ubl"
    assert evidence["xpath"] == "/Invoice/LegalMonetaryTotal/TaxInclusiveAmount"


def test_several_invoices_in_a_file_are_parts(folder: Path) -> None:
    (line,) = extraction_lines([folder / "deep" / "c.zip"], OPTIONS, jobs=1)
    assert line["fields"]["invoice_number"] == "R-77"
    assert [p["fields"]["invoice_number"] for p in line["parts"]] == ["R-77", "R-78"]


def test_a_mail_is_unpacked(folder: Path) -> None:
    (line,) = extraction_lines([folder / "deep" / "d.eml"], OPTIONS, jobs=1)
    assert line["fields"]["invoice_number"] == "R-77"


def test_lines_stand_beside_the_fields_and_among_them(folder: Path, tmp_path: Path) -> None:
    line_item = (
        b'<InvoiceLine><ID>1</ID><InvoicedQuantity unitCode="H87">4</InvoicedQuantity>'
        b"<LineExtensionAmount>90.00</LineExtensionAmount><Item><Name>Chair</Name></Item>"
        b"<Price><PriceAmount>25.00</PriceAmount></Price></InvoiceLine></Invoice>"
    )
    path = tmp_path / "e.xml"
    path.write_bytes(UBL_INVOICE.replace(b"</Invoice>", line_item))
    (line,) = extraction_lines([path], OPTIONS, jobs=1)
    expected = {
        "line_id": "1",
        "description": "Chair",
        "quantity": "4",
        "unit": "H87",
        "unit_price": "25.00",
        "net_amount": "90.00",
    }
    assert line["lines"] == line["fields"]["lines"] == [expected]
    assert line["fields"]["line_count"] == 1
    # The arithmetic is checked, too: four chairs at 25.00 are not 90.00, nor is the net total.
    assert {"line_mismatch", "total_mismatch"} <= {f["code"] for f in line["findings"]}


def test_what_cannot_be_read_is_a_finding(folder: Path) -> None:
    (line,) = extraction_lines([folder / "b.bin"], OPTIONS, jobs=1)
    assert line["kind"] == "unknown"
    assert line["fields"] == {}
    assert [(f["code"], f["severity"]) for f in line["findings"]] == [("unknown_format", "block")]


@pytest.fixture
def validator() -> None:
    if not is_installed():
        pytest.skip("the extra `validation` is not installed")


@pytest.mark.usefixtures("validator")
def test_broken_rules_stand_beside_the_values(folder: Path) -> None:
    options = ReadOptions(ocr="none", rules=Severity.WARN)
    lines = list(extraction_lines([folder / "a.xml"] * 3, options, jobs=1))
    for line in lines:
        assert line["fields"]["invoice_number"] == "R-77"
        assert "einvoice_rule" in {f["code"] for f in line["findings"]}
    # The stylesheets are compiled for the first one.
    assert lines[2]["seconds"] < lines[0]["seconds"] / 3


@pytest.mark.usefixtures("validator")
def test_what_cannot_be_checked_is_read_all_the_same(folder: Path) -> None:
    given = Document(id="0", media_type="application/xml", path=folder / "a.xml", name="a.xml")
    too_little = Limits(memory_bytes=100 << 20)
    options = ReadOptions(ocr="none", rules=Severity.WARN)
    (reading,) = read_isolated(Isolated(1), given, options, (), too_little)
    assert reading.kind is Kind.INVOICE and reading.fields
    assert "rules_not_checked" in {f.code for f in reading.findings}
