"""Bank files that come by mail, and tables whose columns somebody must confirm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from app import night, queries
from app.cli import main
from app.completeness import completeness
from app.office import Office
from app.reading import is_bank_file
from app.settings import load
from records.documents import Document
from records.failures import ConfigurationFault
from tests.app.conftest import SAMPLE, write_config
from tests.app.test_bank_nights import ACCOUNT, IBAN, mt940

CSV = (
    "Buchungstag;Valuta;Name;IBAN;Verwendungszweck;Betrag;Waehrung\n"
    "05.10.2026;05.10.2026;Kontor Nord GmbH;NL91ABNA0417164300;AR-1001;119,00;EUR\n"
    "06.10.2026;06.10.2026;;;Kontofuehrung;-4,90;EUR\n"
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Office]]:
    """Return a maker of an office with its own bank and profile folders."""
    (tmp_path / "bank").mkdir()
    (tmp_path / "profiles").mkdir()
    config = write_config(tmp_path, extra="bank_profiles: profiles\n")
    text = config.read_text(encoding="utf-8").replace(
        f'path: {SAMPLE}/statements\n    pattern: "*.[xs]*"', f"path: {tmp_path / 'bank'}"
    )
    assert str(tmp_path / "bank") in text
    config.write_text(text, encoding="utf-8")
    made: list[Office] = []

    def open_() -> Office:
        made.append(Office.open(load(config)))
        return made[-1]

    yield open_
    for office in made:
        office.database.dispose()


def mail(folder: Path, name: str, *attachments: tuple[str, bytes]) -> None:
    message = EmailMessage()
    message["From"] = "bank@example.org"
    message["To"] = "invoices@example.org"
    message["Subject"] = "Your statement"
    message["Message-ID"] = f"<{name}@example.org>"
    message["Date"] = "Mon, 12 Oct 2026 06:00:00 +0000"
    message.set_content("Please find your account statement attached.\n:20: is not one.\n")
    for file_name, content in attachments:
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=file_name
        )
    (folder / "inbox" / f"{name}.eml").write_bytes(message.as_bytes())


def lines(office: Office) -> list[queries.BankRow]:
    with office.database.begin() as tx:
        return queries.bank_rows(tx)


def documents(office: Office) -> dict[str, queries.DocumentRow]:
    with office.database.begin() as tx:
        return {row.name: row for row in queries.document_rows(tx)}


def test_a_statement_by_mail_is_booked_the_same_night(
    opened: Callable[[], Office], tmp_path: Path
) -> None:
    mail(tmp_path, "m1", ("statement.sta", mt940(1, 31)))
    office = opened()
    night.run(office, ("invoices", "statements"))
    assert len(lines(office)) == len(ACCOUNT)
    assert documents(office)["statement.sta"].state == "filed"
    with office.database.begin() as tx:
        (row,) = queries.message_rows(tx)
        assert completeness(tx).is_complete
    assert row.outcome.startswith("filed")


def test_the_same_statement_by_mail_and_in_the_folder_counts_once(
    opened: Callable[[], Office], tmp_path: Path
) -> None:
    mail(tmp_path, "m1", ("a.sta", mt940(1, 11)), ("b.sta", mt940(5, 31)))
    (tmp_path / "bank" / "c.sta").write_bytes(mt940(1, 11))
    office = opened()
    night.run(office, ("invoices", "statements"))
    night.run(office, ("statements", "invoices"))
    assert len(lines(office)) == len(ACCOUNT)


def test_a_damaged_statement_by_mail_is_held(opened: Callable[[], Office], tmp_path: Path) -> None:
    mail(tmp_path, "m1", ("statement.sta", b":20:X\r\n:25:\r\n:61:what\r\n"))
    office = opened()
    night.run(office, ("invoices", "statements"))
    assert lines(office) == []
    assert documents(office)["statement.sta"].findings


def test_a_table_waits_until_its_profile_is_confirmed(
    opened: Callable[[], Office], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bank" / "export.csv").write_text(CSV, encoding="utf-8")
    office = opened()
    night.run(office, ("statements",))
    held = documents(office)["export.csv"]
    assert held.state == "held"
    assert [f.code for f in held.findings if f.blocks] == ["profile_guessed"]
    assert lines(office) == []

    assert main(["profile", str(tmp_path / "bank" / "export.csv")]) == 0
    proposed = capsys.readouterr().out
    confirmed = proposed.replace("name-me", "house bank") + f"account: {IBAN}\n"
    (tmp_path / "profiles" / "house.yaml").write_text(confirmed, encoding="utf-8")
    office = opened()
    night.run(office, ("statements",))
    assert documents(office)["export.csv"].state == "filed"
    assert [str(b.transaction.amount) for b in lines(office)] == ["119.00 EUR", "-4.90 EUR"]

    # Now that it is known, it may come by mail.
    mail(tmp_path, "m1", ("later.csv", CSV.replace(".10.", ".11.").encode()))
    night.run(office, ("invoices", "statements"))
    assert len(lines(office)) == 4


def test_a_table_by_mail_is_no_bank_file_unless_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(CSV, encoding="utf-8")
    given = Document(id="1", media_type="text/plain", path=path, name="list.csv")
    assert not is_bank_file(given)


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/pdf", b"%PDF-1.4\n:20:x\n:25:y\n"),
        ("text/html", b"<html><!-- <BkToCstmrStmt> --></html>"),
        ("application/xml", b'<Invoice xmlns="urn:oasis:names:x"/>'),
        ("text/plain", b"Dear all,\nsee you at 20:25:\n"),
    ],
)
def test_other_documents_are_no_bank_files(tmp_path: Path, media_type: str, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert not is_bank_file(Document(id="1", media_type=media_type, path=path, name="x"))


def test_a_broken_profile_is_a_fault_of_the_configuration(
    opened: Callable[[], Office], tmp_path: Path
) -> None:
    (tmp_path / "profiles" / "bad.yaml").write_text("name: x\ncolumns: {when: 1}\n")
    with pytest.raises(ConfigurationFault, match=r"bank_profiles: .*bad\.yaml"):
        opened()
