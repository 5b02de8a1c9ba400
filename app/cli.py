"""The command line: what people and other programs call.

Exit codes: 0 done; 1 a known error, said in one line; 2 wrong usage; 3 a bug,
with a report ready to paste.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.logs import configure_logging
from records.failures import KnownFailure

_EPILOG = """\
Start with `nightclerk check`, then `nightclerk run all --dry-run` to see what
would happen, then `nightclerk run all`. `nightclerk try DIR` tests it on a
folder of your own exports without touching anything.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    configure_logging(service=given.command == "serve")
    try:
        code: int = given.run(given)
        return code
    except KnownFailure as failure:
        print(f"nightclerk: {failure}", file=sys.stderr)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nightclerk",
        description="Does a back office's night shift: invoices in, matched, posted; bank reconciled; "
        "a report of the exceptions at eight.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, default=Path("config.yaml"), help="configuration (config.yaml)"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(run=run)
        # Also after the command, where people type it.
        made.add_argument("--config", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return made

    add("check", _check, "check the configuration, the secrets and every connection")

    run = add("run", _run, "run bots now: invoices, records, statements, report, or all")
    run.add_argument("bots", nargs="+", metavar="BOT", help="a configured bot, or `all`")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="on a copy of the database; nothing is sent or written",
    )

    serve = add("serve", _serve, "run the schedules unattended, until stopped")
    serve.add_argument("--host", help="where /healthz and /metrics listen (127.0.0.1)")
    serve.add_argument("--port", type=int, help="their port (8642)")

    extract = add("extract", _extract, "read documents and print one JSON line for each")
    extract.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    extract.add_argument("--jsonl", type=Path, help="write here instead of standard output")
    extract.add_argument("--jobs", type=int, default=1, help="documents read at a time (1)")
    extract.add_argument(
        "--no-einvoice", action="store_true", help="ignore embedded XML; read the page only"
    )

    statements = add(
        "statements", _statements, "read bank files and print one JSON line a statement"
    )
    statements.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    statements.add_argument("--jsonl", type=Path, help="write here instead of standard output")
    statements.add_argument(
        "--profiles", type=Path, metavar="DIR", help="confirmed profiles for CSV and XLSX"
    )

    profile = add("profile", _profile, "print how a bank's CSV or XLSX would be read, to confirm")
    profile.add_argument("file", type=Path, metavar="FILE")

    export = add("export", _export, "print results from the database as JSON lines")
    export.add_argument("what", choices=["invoices", "matches"])
    export.add_argument("--jsonl", type=Path, help="write here instead of standard output")

    show = add("show", _show, "list what is held, or show one document or bank line")
    show.add_argument("id", nargs="?", help="a document, invoice number or bank reference")
    show.add_argument("--all", action="store_true", help="everything, not only what is held")

    explain = add("explain", _explain, "tell a document's or bank line's story in words")
    explain.add_argument("id", help="a document, invoice number or bank reference")

    for name, handler, text in (
        ("approve", _approve, "release a held document"),
        ("reject", _reject, "close a held document without posting"),
        ("replay", _replay, "read a document again from its bytes"),
        ("undo", _undo, "take a bank match back; it is not made again"),
    ):
        desk = add(name, handler, text)
        desk.add_argument("id")
        _who(desk)
    correct = add("correct", _correct, "enter or change values of a held document")
    correct.add_argument("id")
    correct.add_argument(
        "values", nargs="+", metavar="FIELD=VALUE", help="e.g. gross_total=119.00 quantity:2=5"
    )
    _who(correct)

    _add_pay(add("pay", _pay, "propose payments, and release them as files for the bank"))

    vendor = add("vendor", _vendor, "change a vendor's bank details, two persons after a check")
    parts = vendor.add_subparsers(dest="part", required=True, metavar="WHAT")
    account = parts.add_parser(
        "set-iban", help="enter the account; a second person enters it again"
    )
    account.add_argument("vendor", metavar="VENDOR")
    account.add_argument("iban", metavar="IBAN")
    _who(account)

    assign = add("assign", _assign, "book an open bank line to a category; the like is learned")
    assign.add_argument("id", metavar="LINE", help="a bank reference or line")
    assign.add_argument("category", metavar="CATEGORY", help="fee, tax … or a ledger account")
    _who(assign)

    close = add("close", _close, "reconcile an account's period on one sheet, and sign it off")
    close.add_argument("account", metavar="ACCOUNT", help="its IBAN, our id or label of it")
    close.add_argument("period", metavar="PERIOD", help="2026-10, 2026-Q4 or 2026")
    close.add_argument("--sign", action="store_true", help="sign the sheet as it stands")
    _who(close)

    trial = add("try", _try, "a trial on a folder of exports, touching nothing else")
    trial.add_argument("folder", type=Path, metavar="DIR")
    trial.add_argument("--statements", metavar="SUBDIR", help="subfolder with the bank files")
    trial.add_argument("--out", type=Path, help="where results go (DIR-trial beside DIR)")

    audit = add("audit", _audit, "prove that the audit trail was not changed")
    audit.add_argument("what", choices=["verify"])
    return parser


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", help="why; it stands in the audit trail")
    parser.add_argument("--as", dest="person", help="who you are (default: your login name)")


def _check(given: argparse.Namespace) -> int:
    from app.checkup import check

    return check(given.config)


@contextmanager
def _office(given: argparse.Namespace, actor: str = "bot:nightclerk"):  # type: ignore[no-untyped-def]
    from app.office import Office
    from app.settings import load

    office = Office.open(load(given.config), actor)
    try:
        yield office
    finally:
        office.database.dispose()


def _person(given: argparse.Namespace) -> str:
    # One spelling each: "Anna" and "anna" are not four eyes.
    return f"person:{(given.person or getpass.getuser()).strip().casefold()}"


def _run(given: argparse.Namespace) -> int:
    from app import night
    from app.show import progress_bar, tell_night

    with _office(given) as office:
        known = [*night.ORDER, *(b for b in office.settings.bots if b not in night.ORDER)]
        known = [name for name in known if name in office.settings.bots]
        names = known if given.bots == ["all"] else given.bots
        for name in names:
            if name not in office.settings.bots:
                raise KnownFailure(
                    f"no bot {name!r} is configured. Configured: {', '.join(known)}."
                )
        with progress_bar() as progress, tempfile.TemporaryDirectory() as folder:
            acting = office.rehearsal(Path(folder)) if given.dry_run else office
            result = night.run(acting, names, progress)
            tell_night(acting, result, sys.stdout)
        return 1 if result.failures else 0


def _serve(given: argparse.Namespace) -> int:
    from app.service import serve

    with _office(given) as office:
        host = given.host or office.settings.service.host
        port = given.port if given.port is not None else office.settings.service.port
        return serve(office, host=host, port=port)


@contextmanager
def _output(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        yield out


def _extract(given: argparse.Namespace) -> int:
    from app.extraction import extraction_lines
    from app.show import progress_bar
    from extractors.reading import ReadOptions

    _must_exist(given.paths)
    options = ReadOptions(use_einvoice=not given.no_einvoice)
    with _output(given.jsonl) as out, progress_bar(enabled=given.jsonl is not None) as progress:
        for number, line in enumerate(extraction_lines(given.paths, options, given.jobs), 1):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            if progress:
                progress(number, 0, str(line["path"]))
    return 0


def _statements(given: argparse.Namespace) -> int:
    from app.bank_profiles import load_profiles
    from app.statements import statement_lines

    _must_exist([*given.paths, *([given.profiles] if given.profiles else [])])
    profiles = load_profiles(given.profiles) if given.profiles else ()
    with _output(given.jsonl) as out:
        for line in statement_lines(given.paths, profiles):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0


def _profile(given: argparse.Namespace) -> int:
    from app.bank_profiles import propose
    from records.documents import Document

    _must_exist([given.file])
    name = given.file.name
    proposed = propose(Document(id=name, media_type="", path=given.file, name=name))
    if proposed is None:
        raise KnownFailure(f"{given.file}: no row with a date and an amount was found.")
    print(proposed, end="")
    return 0


def _must_exist(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise KnownFailure(f"{path} does not exist. Name a file or a folder.")


def _export(given: argparse.Namespace) -> int:
    from app.export import invoice_lines, match_lines

    with _office(given) as office, office.database.begin() as tx, _output(given.jsonl) as out:
        lines = invoice_lines(tx) if given.what == "invoices" else match_lines(tx)
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0


def _show(given: argparse.Namespace) -> int:
    from app.show import show_list, show_one

    with _office(given) as office, office.database.begin() as tx:
        if given.id:
            show_one(tx, _subject(tx, given.id), sys.stdout)
        else:
            show_list(tx, office.today(), sys.stdout, everything=given.all)
    return 0


def _subject(tx, text: str) -> str:  # type: ignore[no-untyped-def]
    from app.queries import find_subject

    found = find_subject(tx, text)
    if not found:
        raise KnownFailure(
            f"nothing is known as {text!r}. `nightclerk show --all` lists everything."
        )
    if len(found) > 1:
        raise KnownFailure(
            f"{text!r} may mean {', '.join(f[:16] for f in found)}. Name one of them."
        )
    return found[0]


def _explain(given: argparse.Namespace) -> int:
    from app.show import tell_story

    with _office(given) as office, office.database.begin() as tx:
        tell_story(tx, _subject(tx, given.id), sys.stdout)
    return 0


def _approve(given: argparse.Namespace) -> int:
    from app.actions.desk import approve

    return _decide(given, lambda office, subject: approve(office, subject, given.reason))


def _correct(given: argparse.Namespace) -> int:
    from app.actions.desk import correct

    values = {}
    for pair in given.values:
        name, equals, value = pair.partition("=")
        if not equals:
            raise KnownFailure(f"{pair!r} is not FIELD=VALUE, e.g. gross_total=119.00.")
        values[name] = value
    return _decide(given, lambda office, subject: correct(office, subject, values, given.reason))


def _replay(given: argparse.Namespace) -> int:
    from app.actions.desk import replay

    return _decide(given, lambda office, subject: replay(office, subject, given.reason))


def _decide(given: argparse.Namespace, act) -> int:  # type: ignore[no-untyped-def]
    """Carry out a person's decision and take the document as far as it now goes."""
    from app.flow import Direct
    from app.night import bot
    from app.queries import OUTCOMES
    from app.show import show_one
    from app.store import state_of

    with _office(given, _person(given)) as office:
        with office.database.begin() as tx:
            subject = _subject(tx, given.id)
        work = act(office, subject)
        flow = Direct(office)
        flow.each(bot(office, "invoices").process, [work])
        with office.database.begin() as tx:
            state = state_of(tx, subject)
            if state == "held":
                show_one(tx, subject, sys.stdout)
            else:
                print(f"{subject[:12]} is {OUTCOMES.get(state, state)}.")
        for _, failure in flow.failures:
            raise failure
    return 0


def _reject(given: argparse.Namespace) -> int:
    from app.actions.desk import reject

    with _office(given, _person(given)) as office:
        with office.database.begin() as tx:
            subject = _subject(tx, given.id)
        reject(office, subject, given.reason)
        print(f"{subject[:12]} is rejected; nothing was posted.")
    return 0


def _undo(given: argparse.Namespace) -> int:
    from app.actions.reconciliation import undo_match

    with _office(given, _person(given)) as office:
        with office.database.begin() as tx:
            subject = _subject(tx, given.id)
        undo_match(office, subject, given.reason)
        print(f"The match of {subject} is undone; its items are open again.")
    return 0


def _add_pay(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="WHAT")
    propose = parts.add_parser("propose", help="propose what to pay now")
    propose.add_argument("--until", metavar="DATE", help="day of the next payment run")
    _who(propose)
    show = parts.add_parser("show", help="list what waits, or show one proposal")
    show.add_argument("id", nargs="?")
    show.set_defaults(person=None)
    for name, text in (
        ("release", "release a proposal and write its files; a second person does"),
        ("withdraw", "close a proposal without paying"),
    ):
        part = parts.add_parser(name, help=text)
        part.add_argument("id")
        _who(part)


def _pay(given: argparse.Namespace) -> int:
    from app.pay_commands import run_pay

    with _office(given, _person(given)) as office:
        return run_pay(office, given, sys.stdout)


def _vendor(given: argparse.Namespace) -> int:
    from app.actions.vendors import set_iban

    with _office(given, _person(given)) as office:
        if set_iban(office, given.vendor, given.iban, given.reason) == "proposed":
            print(f"Entered. A second person verifies it and enters it again for {given.vendor}.")
        else:
            days = office.settings.matching.bank_change_cool_off_days
            print(f"On file for {given.vendor}; nothing is paid there for {days} days.")
    return 0


def _assign(given: argparse.Namespace) -> int:
    from app.actions.reconciliation import assign_line

    with _office(given, _person(given)) as office:
        with office.database.begin() as tx:
            subject = _subject(tx, given.id)
        assign_line(office, subject, given.category, given.reason)
        print(f"{subject} is booked as {given.category}; the next run writes it.")
    return 0


def _close(given: argparse.Namespace) -> int:
    from app.actions.closing import sign_period
    from app.closing import find_account, period_of, reconciliation_sheet
    from app.show import show_sheet

    period = period_of(given.period)
    with _office(given, _person(given)) as office:
        with office.database.begin() as tx:
            account = find_account(tx, given.account)
            show_sheet(reconciliation_sheet(tx, account, period), sys.stdout)
        if given.sign:
            sign_period(office, account, period, given.reason)
            print(
                f"Signed by {office.actor.removeprefix('person:')}; the next run writes the sheet."
            )
    return 0


def _try(given: argparse.Namespace) -> int:
    from app.trial import run_trial

    if not given.folder.is_dir():
        raise KnownFailure(f"{given.folder} is not a folder. Give the folder with your exports.")
    out = given.out or given.folder.resolve().with_name(f"{given.folder.resolve().name}-trial")
    return run_trial(given.folder, given.statements, out, sys.stdout)


def _audit(given: argparse.Namespace) -> int:
    from app.audit import verify

    with _office(given) as office, office.database.begin() as tx:
        count, problem = verify(tx)
    if problem:
        raise KnownFailure(f"the audit trail is broken after entry {count}: {problem}.")
    print(f"The audit trail holds: {count} entries, each linked to the one before.")
    return 0
