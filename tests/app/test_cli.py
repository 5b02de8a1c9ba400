"""The command line as people use it: exit codes, messages, and what is left alone."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from app import queries
from app.cli import _parser, main
from app.office import Office
from app.settings import load
from tests.app.conftest import SAMPLE, write_config

#: Sample cases by what the desk does with them here.
POSTED, APPROVED, REJECTED, CORRECTED, REPLAYED = "02", "38", "41", "42", "45"


@dataclass(frozen=True)
class Said:
    """What one call of the program said."""

    code: int
    out: str
    err: str


def call(config: Path, *arguments: str) -> Said:
    """Call the program in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--config", str(config), *arguments])
    return Said(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Place:
    """An office after its first two nights."""

    config: Path
    first: Said
    second: Said
    between: tuple[str, ...]
    after: tuple[str, ...]

    @contextlib.contextmanager
    def office(self) -> Iterator[Office]:
        office = Office.open(load(self.config))
        try:
            yield office
        finally:
            office.database.dispose()

    def document(self, case: str) -> queries.DocumentRow:
        digest = hashlib.sha256((self.config.parent / f"inbox/{case}.eml").read_bytes())
        with self.office() as office, office.database.begin() as tx:
            rows = queries.document_rows(tx)
        return next(r for r in rows if digest.hexdigest()[:16] in r.origin)

    def line(self, state: str) -> queries.BankRow:
        with self.office() as office, office.database.begin() as tx:
            rows = queries.bank_rows(tx, (state,))
        return next(r for r in rows if r.match and r.match.allocations)

    def actions(self, subject: str) -> list[tuple[str, str]]:
        with sqlite3.connect(self.config.parent / "var/nightclerk.db") as db:
            query = "SELECT actor, action FROM audit WHERE subject = ? ORDER BY seq"
            found = db.execute(query, [subject]).fetchall()
        db.close()
        return found


def state_of_the_world(folder: Path) -> tuple[str, ...]:
    """Return digests of everything a night may touch: database, workbook, outbox, mailbox."""
    with contextlib.closing(sqlite3.connect(folder / "var/nightclerk.db")) as db:
        database = hashlib.sha256("\n".join(db.iterdump()).encode()).hexdigest()
    files = sorted(p for d in ("out", "inbox") for p in (folder / d).rglob("*") if p.is_file())
    return (
        database,
        *(f"{p.relative_to(folder)} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in files),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("office")
    config = write_config(folder, POSTED, APPROVED, REJECTED, CORRECTED, REPLAYED)
    first = call(config, "run", "all")
    between = state_of_the_world(folder)[1:]
    second = call(config, "run", "records", "invoices", "statements")
    return Place(config, first, second, between, state_of_the_world(folder)[1:])


# -- running


def test_a_night_says_what_it_did_and_where_to_look(place: Place) -> None:
    assert place.first.code == 0
    assert "Documents 9: " in place.first.out
    assert "1 posted" in place.first.out and "4 held" in place.first.out
    assert str(place.config.parent / "out/ledger.xlsx") in place.first.out
    assert "nightclerk show" in place.first.out
    assert "Nothing new" not in place.first.out
    assert place.first.err == ""


def test_a_second_night_says_nothing_new_and_changes_no_file(place: Place) -> None:
    assert place.second.code == 0
    assert "Nothing new: nothing was read, posted or sent." in place.second.out
    assert "now: 0" in place.second.out
    assert place.after == place.between


def test_a_dry_run_tells_and_touches_nothing(place: Place) -> None:
    folder = place.config.parent
    arrived = folder / "inbox/new.eml"
    shutil.copy(next(SAMPLE.glob("cases/03-*/message.eml")), arrived)
    try:
        before = state_of_the_world(folder)
        said = call(place.config, "run", "all", "--dry-run")
        assert said.code == 0
        assert "Documents 10: " in said.out and "2 posted" in said.out
        assert state_of_the_world(folder) == before
    finally:
        arrived.unlink()


def test_an_unknown_bot_is_named_with_the_known_ones(place: Place) -> None:
    said = call(place.config, "run", "invoice")
    assert said.code == 1
    assert said.out == ""
    assert "no bot 'invoice' is configured" in said.err
    assert "Configured: records, invoices, statements, " in said.err
    assert len(said.err.splitlines()) == 1


def test_check_of_a_sound_office_tries_every_connection(place: Place) -> None:
    said = call(place.config, "check")
    assert said.code == 0, said.out
    for section in ("mail inbox", "senders outbox", "records exports", "statements bank"):
        assert f"ok    {section}: " in said.out
    assert "All is well" in said.out


def test_check_lists_every_fault_at_once_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "databse: x\n"
        "company: {timezone: Berlin}\n"
        "mail:\n"
        "  - {name: inbox, use: imapp}\n"
        "  - {name: other, use: imap, host: h, user: u, password: {env: NO_SUCH_PASSWORD}}\n"
        "  - {name: third, use: folder, path: gone}\n"
        "posters: [{name: ledger, use: workbook, path: out/ledger.xlsx}]\n"
        "bots:\n"
        "  statements: {sources: [bank], post_to: ledger}\n"
        "schedules:\n"
        "  - {bot: statements, cron: '0 25 * * *'}\n"
        "  - {bot: report, cron: '0 7 * * *'}\n",
        encoding="utf-8",
    )
    said = call(config, "check")
    assert said.code == 1
    faults = [line for line in said.out.splitlines() if line.startswith("FAULT ")]
    lines = [line.split()[1] for line in faults]
    assert lines[:-1] == [f"config.yaml:{n}" for n in (1, 2, 4, 5, 9, 11, 12)]
    # What could be understood is tried as well; what lacks its secret is not.
    assert faults[-1].startswith("FAULT mail third: ") and "ok    posters ledger: " in said.out
    assert "8 to mend. Nothing starts before." in said.out
    assert not (tmp_path / "var").exists()


def test_check_tells_which_connection_does_not_work(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "records: [{name: exports, use: folder, path: gone}]\n"
        "mail: [{name: inbox, use: folder, path: gone}]\n",
        encoding="utf-8",
    )
    said = call(config, "check")
    assert said.code == 1
    assert "FAULT mail inbox: " in said.out and "FAULT records exports: " in said.out
    assert "\n2 " in said.out and "the night would run" in said.out


@pytest.mark.parametrize("command", ["run", "show", "export"])
def test_an_absent_configuration_is_one_error_and_a_remedy(tmp_path: Path, command: str) -> None:
    given = {"run": ["all"], "export": ["matches"]}.get(command, [])
    said = call(tmp_path / "config.yaml", command, *given)
    assert said.code == 1
    assert "cannot be read" in said.err and "--config PATH" in said.err


# -- wrong usage

WRONG = {
    "nothing": [],
    "no such command": ["aprove"],
    "run what": ["run"],
    "show too much": ["show", "a", "b"],
    "explain what": ["explain"],
    "approve what": ["approve"],
    "reject what": ["reject"],
    "replay what": ["replay"],
    "undo what": ["undo"],
    "correct to what": ["correct", "a"],
    "export what": ["export", "money"],
    "extract what": ["extract"],
    "statements what": ["statements"],
    "try what": ["try"],
    "audit what": ["audit"],
    "port": ["serve", "--port", "http"],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage_is_exit_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(WRONG[name])
    assert caught.value.code == 2
    assert "usage: nightclerk" in capsys.readouterr().err


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    action = next(a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in action.choices.items():
        with pytest.raises(SystemExit) as caught:
            main([name, "--help"])
        assert caught.value.code == 0
        said = capsys.readouterr().out
        assert said.startswith(f"usage: nightclerk {name}")
        assert command.description


# -- looking and deciding


def test_show_lists_what_is_held_with_its_reason(place: Place) -> None:
    said = call(place.config, "show")
    assert said.code == 0
    row = place.document(CORRECTED)
    assert row.id[:12] in said.out
    assert "No vendor of the master fits the seller" in said.out
    assert place.document(POSTED).id[:12] not in said.out
    one = call(place.config, "show", row.id[:12])
    assert f"$ nightclerk vendor adopt {row.id[:12]} NUMBER" in one.out
    everything = call(place.config, "show", "--all")
    assert place.document(POSTED).id[:12] in everything.out


def test_show_takes_an_id_its_beginning_an_invoice_number_or_a_bank_reference(
    place: Place,
) -> None:
    row, line = place.document(POSTED), place.line("posted")
    full = call(place.config, "show", row.id)
    assert full.code == 0
    assert f"document {row.id}" in full.out
    assert call(place.config, "show", row.id[:12]).out == full.out
    assert call(place.config, "show", str(row.number)).out == full.out
    shown = call(place.config, "show", str(line.transaction.bank_reference))
    assert shown.code == 0
    assert line.id in shown.out and "settles" in shown.out


def test_explain_tells_who_did_what_on_what_evidence(place: Place) -> None:
    row, line = place.document(POSTED), place.line("posted")
    said = call(place.config, "explain", row.id)
    assert said.code == 0
    assert "What happened:" in said.out and "bot:invoices" in said.out
    told = call(place.config, "explain", line.id)
    assert told.code == 0
    assert "because" in told.out and "bot:statements" in told.out


@pytest.mark.parametrize(
    "command",
    [["show"], ["explain"], ["approve"], ["reject"], ["replay"], ["undo"], ["correct"]],
    ids=lambda c: c[0],
)
def test_an_unknown_id_is_said_in_one_line(place: Place, command: list[str]) -> None:
    more = ["gross_total=1"] if command == ["correct"] else []
    said = call(place.config, *command, "no-such-thing", *more)
    assert said.code == 1
    assert said.err == (
        "nightclerk: nothing is known as 'no-such-thing'. "
        "`nightclerk show --all` lists everything.\n"
    )


def test_approve_releases_a_held_invoice_in_the_name_of_a_person(place: Place) -> None:
    row = place.document(APPROVED)
    said = call(place.config, "approve", row.id, "--as", "anna", "--reason", "agreed by telephone")
    assert said == Said(0, f"{row.id[:12]} is posted.\n", "")
    assert ("person:anna", "approve") in place.actions(row.id)
    book = load_workbook(place.config.parent / "out/ledger.xlsx", read_only=True)
    rows = list(book["Invoices"].iter_rows(values_only=True))
    book.close()
    assert sum(row.number in line for line in rows) == 1
    again = call(place.config, "approve", row.id)
    assert again.code == 1
    assert "not held" in again.err


def test_reject_posts_nothing(place: Place) -> None:
    row = place.document(REJECTED)
    said = call(place.config, "reject", row.id, "--as", "ben", "--reason", "not ours")
    assert said == Said(0, f"{row.id[:12]} is rejected; nothing was posted.\n", "")
    assert place.document(REJECTED).state == "rejected"
    assert ("person:ben", "reject") in place.actions(row.id)


def test_correct_matches_again_and_shows_what_is_left(place: Place) -> None:
    row = place.document(CORRECTED)
    said = call(place.config, "correct", row.id, "invoice_number=X-1", "--reason", "misread")
    assert said.code == 0
    assert "X-1" in said.out and "person:" in said.out
    assert place.document(CORRECTED).number == "X-1"
    for wrong, words in (
        ("gross_total", "is not FIELD=VALUE"),
        ("gros_total=1", "Did you mean gross_total?"),
        ("quantity=1", "needs a line number"),
        ("gross_total:1=1", "takes no line number"),
    ):
        refused = call(place.config, "correct", row.id, wrong)
        assert refused.code == 1
        assert words in refused.err


def test_replay_reads_again_and_a_posted_document_is_not_replayed(place: Place) -> None:
    row = place.document(REPLAYED)
    said = call(place.config, "replay", row.id, "--as", "anna")
    assert said.code == 0
    again = place.document(REPLAYED)
    assert (again.state, again.number, again.gross) == (row.state, row.number, row.gross)
    assert ("person:anna", "replay") in place.actions(row.id)
    refused = call(place.config, "replay", place.document(POSTED).id)
    assert refused.code == 1
    assert "Cancel it in the books" in refused.err


def test_undo_opens_what_a_match_had_settled(place: Place) -> None:
    line = place.line("posted")
    said = call(place.config, "undo", line.id, "--as", "anna", "--reason", "wrong customer")
    assert said == Said(0, f"The match of {line.id} is undone; its items are open again.\n", "")
    with place.office() as office, office.database.begin() as tx:
        after = next(r for r in queries.bank_rows(tx) if r.id == line.id)
    assert after.state != "posted"
    again = call(place.config, "undo", line.id)
    assert again.code == 1
    assert "no posted match to undo" in again.err
    document = call(place.config, "undo", place.document(POSTED).id)
    assert document.code == 1
    assert "is a document: " in document.err


def test_audit_verify_holds_and_finds_a_change(place: Place, tmp_path: Path) -> None:
    said = call(place.config, "audit", "verify")
    assert said.code == 0
    assert "The audit trail holds" in said.out
    changed = tmp_path / "config.yaml"
    shutil.copytree(place.config.parent / "var", tmp_path / "var")
    shutil.copy(place.config, changed)
    with contextlib.closing(sqlite3.connect(tmp_path / "var/nightclerk.db")) as db:
        db.execute("DROP TRIGGER audit_keeps_rows")
        db.execute("UPDATE audit SET actor = 'person:nobody' WHERE seq = 3")
        db.commit()
    broken = call(changed, "audit", "verify")
    assert broken.code == 1
    assert "the audit trail is broken after entry 2" in broken.err


# -- for other programs


def test_export_gives_one_json_line_for_each_result(place: Place, tmp_path: Path) -> None:
    matches = _lines(call(place.config, "export", "matches").out)
    keys = {"bank_line_id", "category", "allocations", "adjustments", "confidence", "decision"}
    assert len(matches) == len({m["bank_line_id"] for m in matches}) > 10
    for match in matches:
        assert keys <= match.keys()
        assert match["decision"] in {"post", "suggest"}
        for allocation in match["allocations"]:
            assert {"item_id", "amount"} == allocation.keys()
    out = tmp_path / "new/invoices.jsonl"
    said = call(place.config, "export", "invoices", "--jsonl", str(out))
    assert said == Said(0, "", "")
    invoices = _lines(out.read_text(encoding="utf-8"))
    posted = next(i for i in invoices if i["invoice_id"] == place.document(POSTED).id)
    assert (posted["decision"], posted["exceptions"]) == ("post", [])
    assert {"status", "po_lines", "duplicate_of", "confidence", "invoice"} <= posted.keys()
    assert {i["decision"] for i in invoices} == {"post", "suggest"}


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("command", ["extract", "statements"])
def test_a_path_that_does_not_exist_is_said(tmp_path: Path, command: str) -> None:
    said = call(tmp_path / "config.yaml", command, str(tmp_path / "gone.pdf"))
    assert said.code == 1
    assert said.out == ""
    assert said.err.endswith("gone.pdf does not exist. Name a file or a folder.\n")


def test_try_on_what_is_no_folder_is_said(tmp_path: Path) -> None:
    said = call(tmp_path / "config.yaml", "try", str(tmp_path / "gone"))
    assert said.code == 1
    assert "is not a folder" in said.err


TABLES = {
    "own_accounts": ["account_id,iban,currency", "A1,DE89370400440532013000,EUR"],
    "customers": ["customer_id,name", "C1,Nordlicht Optik GmbH"],
    "customer_invoices": [
        "item_id,type,invoice_no,customer_id,customer_name,invoice_date,due_date,currency,gross",
        "AR1,invoice,R-2026-0815,C1,Nordlicht Optik GmbH,2026-10-01,2026-10-31,EUR,119.00",
    ],
    "vendors": ["vendor_id,name,vat_id,iban,po_required", "V1,Hanse Papier KG,DE136695976,,1"],
    "purchase_orders": [
        "po_id,po_line,vendor_id,qty,uom,unit_price,currency,sku,description",
        "PO1,1,V1,10,STK,10.00,EUR,P-80,Paper",
    ],
    "goods_receipts": ["gr_id,date,po_id,po_line,qty,uom", "G1,2026-10-01,PO1,1,10,STK"],
    "supplier_invoices": [
        "item_id,type,invoice_no,invoice_date,received_date,vendor_name,vendor_vat_id,po_ref,"
        "currency,net,vat,gross",
        "AP1,invoice,77,2026-10-02,2026-10-03,Hanse Papier KG,DE136695976,PO1,EUR,100,19,119",
    ],
    "supplier_invoice_lines": [
        "item_id,line_no,sku,description,qty,uom,unit_price,net,vat_rate",
        "AP1,1,P-80,Paper,10,STK,10,100,19",
    ],
}
MT940 = """\
:20:STMT
:25:DE89370400440532013000
:28C:1/1
:60F:C261001EUR100,00
:61:2610051005C119,00NTRFNONREF//B-1
:86:166?00GUTSCHRIFT?20R-2026-0815?32Nordlicht Optik GmbH
:62F:C261005EUR219,00
-
"""


def test_a_trial_writes_four_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports, here = tmp_path / "exports", tmp_path / "here"
    (exports / "statements").mkdir(parents=True)
    here.mkdir()
    for name, rows in TABLES.items():
        (exports / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (exports / "statements/october.sta").write_text(MT940, encoding="utf-8")
    given = _digests(exports)
    monkeypatch.chdir(here)
    said = call(Path("config.yaml"), "try", str(exports))
    assert said.code == 0, said.err
    assert _digests(exports) == given
    assert list(here.iterdir()) == []
    made = tmp_path / "exports-trial"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["exports", "exports-trial", "here"]
    names = ["invoices.jsonl", "ledger.xlsx", "matches.jsonl", "report.html"]
    assert sorted(p.name for p in made.iterdir()) == names
    (match,) = _lines((made / "matches.jsonl").read_text(encoding="utf-8"))
    assert match["bank_line_id"] == "B-1"
    assert match["allocations"] == [{"item_id": "AR1", "amount": "119.00"}]
    (invoice,) = _lines((made / "invoices.jsonl").read_text(encoding="utf-8"))
    assert (invoice["invoice_id"], invoice["status"]) == ("AP1", "matched")
    assert "Bank: 1 lines." in said.out and "Invoices: 1 in the tables" in said.out


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


# -- bugs

CRASHING_BOT = '''
from dataclasses import dataclass
from records.secrets import Secret

class Bot:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """password: what must not be told."""
        password: Secret

    def __init__(self, settings):
        self.settings = settings

    def run(self, flow):
        password = self.settings.password.reveal()
        raise RuntimeError(f"login as clerk:{password} failed at {self.settings}")
'''


def test_a_bug_is_exit_3_with_a_report_that_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin of somebody else's crashes and puts its password into the exception."""
    info = tmp_path / "crashing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nightclerk.bots]\ncrashing = crashing_bot:Bot\n")
    (tmp_path / "crashing_bot.py").write_text(CRASHING_BOT)
    (tmp_path / "config.yaml").write_text("bots:\n  crashing: {password: {env: CRASHING}}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CRASHING", "correct-horse-battery")
    said = call(tmp_path / "config.yaml", "run", "crashing")
    assert said.code == 3
    assert "this is a bug" in said.err and "RuntimeError: login as clerk:***" in said.err
    assert "crashing_bot.py" in said.err
    assert "correct-horse-battery" not in said.out + said.err
    check = call(tmp_path / "config.yaml", "check")
    assert "correct-horse-battery" not in check.out + check.err
