"""The command line: how every command is called; `app.commands` holds what they do.

Exit codes: 0 done; 1 a known error, said in one line; 2 wrong usage; 3 a bug,
with a report ready to paste.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from app.logs import configure_logging
from records.failures import KnownFailure

_EPILOG = """\
Start with `nightclerk check`, then `nightclerk run all --dry-run` to see what
would happen, then `nightclerk run all`. `nightclerk try DIR` tests it on a
folder of your own exports without touching anything.

ID is a document, the beginning of one, an invoice number or a bank reference.
`nightclerk COMMAND --help` tells more.
"""
_ID = "a document, the beginning of one, an invoice number or a bank reference"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    given = _parser().parse_args(arguments)
    configure_logging(service=given.command == "serve")
    try:
        module, _, function = given.call.partition(":")
        code: int = getattr(import_module(f"app.commands.{module}"), function)(given)
        return code
    except KnownFailure as failure:
        from app.terminal import seen

        print(f"nightclerk: {seen(str(failure))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nightclerk: stopped; the next run goes on from here.", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    except Exception:
        from app.bugs import bug_report

        print(bug_report(given.config), file=sys.stderr)
        return 3


class _Commands:
    """Commands of one parser, each with the function that carries it out."""

    def __init__(self, parser: argparse.ArgumentParser, *, dest: str, metavar: str) -> None:
        self._parts = parser.add_subparsers(dest=dest, required=True, metavar=metavar)

    def add(self, name: str, call: str, text: str, more: str = "") -> argparse.ArgumentParser:
        """Add a command: `call` is `module:function`, `text` one line without its full stop."""
        told = f"{text[0].upper()}{text[1:]}."
        made: argparse.ArgumentParser = self._parts.add_parser(
            name, help=text, description=f"{told} {more}".strip()
        )
        made.set_defaults(call=call)
        # Also after the command, where people type it.
        made.add_argument("--config", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nightclerk",
        description="Does a back office's night shift: invoices in, matched, posted; bank reconciled; "
        "a report of the exceptions in the morning.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, default=Path("config.yaml"), help="configuration (config.yaml)"
    )
    commands = _Commands(parser, dest="command", metavar="COMMAND")
    _add_nights(commands)
    _add_desk(commands)
    _add_bank(commands)
    _add_payables(commands)
    _add_files(commands)
    return parser


def _add_nights(commands: _Commands) -> None:
    commands.add(
        "check", "service:check", "check the configuration, the secrets and every connection"
    )
    run = commands.add(
        "run",
        "nights:run",
        "run bots now: records, invoices, statements, payments, report, or all",
        "Killed half-way, the next run goes on from there.",
    )
    run.add_argument("bots", nargs="+", metavar="BOT", help="a configured bot, or `all`")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="on a copy of the database; nothing is sent or written",
    )
    serve = commands.add("serve", "service:serve", "run the schedules unattended, until stopped")
    serve.add_argument("--host", help="where /healthz and /metrics listen (127.0.0.1)")
    serve.add_argument("--port", type=int, help="their port (8642)")
    trial = commands.add(
        "try",
        "nights:trial",
        "try nightclerk on a folder of exports, touching nothing else",
        "Writes a workbook, a report, matches.jsonl and invoices.jsonl. The rules are those of "
        "the configuration, or the defaults without one.",
    )
    trial.add_argument("folder", type=Path, metavar="DIR", help="tables as CSV or XLSX, documents")
    trial.add_argument("--statements", metavar="SUBDIR", help="subfolder with the bank files")
    trial.add_argument(
        "--out", type=Path, metavar="DIR", help="where results go (DIR-trial beside DIR)"
    )
    trial.add_argument(
        "--against",
        type=Path,
        metavar="DIR",
        help="results of an earlier trial; tells what is decided otherwise now",
    )


def _add_desk(commands: _Commands) -> None:
    show = commands.add(
        "show", "desk:show", "list what is held, or show one document, message or bank line"
    )
    show.add_argument("id", nargs="?", metavar="ID", help=_ID)
    show.add_argument("--all", action="store_true", help="everything, not only what is held")
    explain = commands.add(
        "explain", "desk:explain", "tell the story of a document, message or bank line"
    )
    explain.add_argument("id", metavar="ID", help=_ID)
    for name, text, more in (
        ("approve", "release a held document, or post what is suggested for a bank line", ""),
        ("reject", "close a held document or message without posting", ""),
        ("replay", "read a document again from its bytes, or do failed work again", ""),
    ):
        _by_person(commands.add(name, f"desk:{name}", text, more), _ID)
    correct = commands.add(
        "correct",
        "desk:correct",
        "enter or change values of a held document",
        "It is matched again with them. An empty value removes what was read. The vendor's next "
        "document of this layout is read accordingly.",
    )
    correct.add_argument("id", metavar="ID", help=_ID)
    correct.add_argument(
        "values",
        nargs="+",
        metavar="FIELD=VALUE",
        help="e.g. gross_total=119.00 issue_date=2026-03-31 quantity:2=5; `show ID` names the fields",
    )
    _by_person(correct)
    layouts = commands.add(
        "layouts", "layouts:layouts", "show what corrections taught, or forget it"
    )
    layouts.add_argument("key", nargs="?", metavar="KEY", help="one layout, as the list names it")
    layouts.add_argument("--forget", action="store_true", help="drop what is known of it")
    _by_person(layouts)
    audit = commands.add("audit", "desk:audit", "prove that the audit trail was not changed")
    audit.add_argument("what", choices=["verify"])


def _add_bank(commands: _Commands) -> None:
    assign = commands.add(
        "assign", "desk:assign", "book an open bank line to a category; the like is learned"
    )
    assign.add_argument("id", metavar="LINE", help="a bank reference, or a line's id")
    assign.add_argument("category", metavar="CATEGORY", help="fee, tax … or a ledger account")
    _by_person(assign)
    undo = commands.add("undo", "desk:undo", "take a bank match back; it is not made again")
    _by_person(undo, "a bank reference, or a line's id", "LINE")
    undo.add_argument(
        "--item", action="append", default=[], help="only this one was wrong (may be repeated)"
    )
    close = commands.add(
        "close", "desk:close", "reconcile an account's period on one sheet, and sign it off"
    )
    close.add_argument("account", metavar="ACCOUNT", help="its IBAN, our id or label of it")
    close.add_argument("period", metavar="PERIOD", help="2026-10, 2026-Q4 or 2026")
    close.add_argument("--sign", action="store_true", help="sign the sheet as it stands")
    _by_person(close)


def _add_payables(commands: _Commands) -> None:
    pay = _Commands(
        commands.add("pay", "pay:show", "propose payments, and release them as files for the bank"),
        dest="part",
        metavar="WHAT",
    )
    propose = pay.add("propose", "pay:propose", "propose what to pay now")
    propose.add_argument("--until", metavar="DATE", help="day of the next payment run")
    _by_person(propose)
    show = pay.add("show", "pay:show", "list what waits, or show one proposal")
    show.add_argument("id", nargs="?", metavar="ID", help="a proposal, e.g. P26112201")
    for name, text in (
        ("release", "release a proposal and write its files; a second person does"),
        ("withdraw", "close a proposal without paying"),
    ):
        _by_person(pay.add(name, f"pay:{name}", text), "a proposal, e.g. P26112201")
    vendor = _Commands(
        commands.add(
            "vendor",
            "desk:set_vendor_iban",
            "put a new vendor on file, or change one's bank details",
        ),
        dest="part",
        metavar="WHAT",
    )
    adopt = vendor.add(
        "adopt",
        "desk:adopt",
        "put the vendor of a held invoice on file, from the record it prepared",
    )
    adopt.add_argument("id", metavar="DOCUMENT", help=_ID)
    adopt.add_argument("number", metavar="VENDOR", help="its number in your own system")
    adopt.add_argument(
        "values", nargs="*", metavar="FIELD=VALUE", help="where the record is wrong: terms_days=30"
    )
    _by_person(adopt)
    account = vendor.add(
        "set-iban",
        "desk:set_vendor_iban",
        "enter a vendor's account; a second person enters it again",
        "Say in --reason how it was verified outside the message that asks for it.",
    )
    account.add_argument("vendor", metavar="VENDOR", help="its number in the master")
    account.add_argument("iban", metavar="IBAN", help="the account")
    _by_person(account)


def _add_files(commands: _Commands) -> None:
    extract = commands.add(
        "extract", "files:extract", "read documents and print one JSON line for each"
    )
    extract.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
    _jsonl(extract)
    extract.add_argument("--jobs", type=int, default=1, help="documents read at a time (1)")
    extract.add_argument(
        "--no-einvoice", action="store_true", help="ignore embedded XML; read the page only"
    )
    extract.add_argument(
        "--validate", action="store_true", help="check e-invoices against the rules of EN 16931"
    )
    extract.add_argument(
        "--templates", type=Path, metavar="DIR", help="folder with invoice2data templates"
    )
    statements = commands.add(
        "statements", "files:statements", "read bank files and print one JSON line a statement"
    )
    statements.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder"
    )
    _jsonl(statements)
    statements.add_argument(
        "--profiles", type=Path, metavar="DIR", help="confirmed profiles for CSV and XLSX"
    )
    profile = commands.add(
        "profile", "files:profile", "print how a bank's CSV or XLSX would be read, to confirm"
    )
    profile.add_argument("file", type=Path, metavar="FILE", help="a file of that bank")
    export = commands.add("export", "files:export", "print results from the database as JSON lines")
    export.add_argument("what", choices=["invoices", "matches"])
    _jsonl(export)


def _jsonl(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jsonl", type=Path, metavar="FILE", help="write here instead of standard output"
    )


def _by_person(parser: argparse.ArgumentParser, what: str = "", metavar: str = "ID") -> None:
    """Add what every decision takes: of what (where it is one thing), why, and who."""
    if what:
        parser.add_argument("id", metavar=metavar, help=what)
    parser.add_argument("--reason", default="", help="why; it stands in the audit trail")
    parser.add_argument("--as", dest="person", help="who you are (default: your login name)")
