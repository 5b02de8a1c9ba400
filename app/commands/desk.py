"""The desk's work from a terminal: looking, deciding, closing a period."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from app.actions import desk
from app.actions.closing import sign_period
from app.actions.reconciliation import accept_match, assign_line, undo_match
from app.actions.vendors import adopt_vendor, set_iban
from app.audit import verify
from app.closing import find_account, period_of, reconciliation_sheet
from app.commands import office_of, subject_of
from app.failed_work import failed_work, replay_failed
from app.flow import Direct
from app.night import bot
from app.office import Office
from app.queries import OUTCOMES, Subject
from app.show import show_list, show_one, show_sheet, tell_story
from app.store import brief, state_of
from records.failures import KnownFailure


def show(given: argparse.Namespace) -> int:
    """`nightclerk show [ID]`."""
    with office_of(given) as office, office.database.begin() as tx:
        if given.id:
            show_one(tx, office, subject_of(tx, given.id), sys.stdout)
        else:
            show_list(tx, office, failed_work(office), sys.stdout, everything=given.all)
    return 0


def explain(given: argparse.Namespace) -> int:
    """`nightclerk explain ID`."""
    with office_of(given) as office, office.database.begin() as tx:
        tell_story(tx, office, subject_of(tx, given.id), sys.stdout)
    return 0


def approve(given: argparse.Namespace) -> int:
    """`nightclerk approve ID`: a held document, or what is suggested for a bank line."""
    with office_of(given) as office:
        subject = _named(office, given, "document", "line")
        if subject.kind == "line":
            match = accept_match(office, subject.id, given.reason)
            items = ", ".join(brief(one.item_id) for one in match.allocations)
            print(
                f"{subject} is posted as {match.category} {items}".rstrip()
                + "; the next run writes it."
            )
            return 0
        return _decide(office, subject, lambda: desk.approve(office, subject.id, given.reason))


def correct(given: argparse.Namespace) -> int:
    """`nightclerk correct ID FIELD=VALUE…`."""
    values = _values(given.values, "gross_total=119.00")
    with office_of(given) as office:
        subject = _named(office, given, "document")
        return _decide(
            office, subject, lambda: desk.correct(office, subject.id, values, given.reason)
        )


def _values(pairs: Sequence[str], example: str) -> dict[str, str]:
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise KnownFailure(f"{pair!r} is not FIELD=VALUE, e.g. {example}.")
        values[name] = value
    return values


def replay(given: argparse.Namespace) -> int:
    """`nightclerk replay ID`: a document, or work that failed."""
    with office_of(given) as office:
        if again := replay_failed(office, given.id):
            print(f"{again} is handed in again; `nightclerk serve` takes it up.")
            return 0
        subject = _named(office, given, "document")
        return _decide(office, subject, lambda: desk.replay(office, subject.id, given.reason))


def _named(office: Office, given: argparse.Namespace, *kinds: str) -> Subject:
    """Return what was named; KnownFailure when it is nothing of these kinds."""
    with office.database.begin() as tx:
        subject = subject_of(tx, given.id)
    if subject.kind not in kinds:
        raise KnownFailure(f"{given.id} is {_DECIDED_BY[subject.kind]}.")
    return subject


#: What decides a thing, for those who tried something else.
_DECIDED_BY = {
    "document": "a document: approve, correct, reject or replay it",
    "line": "a bank line: approve what is suggested, assign or undo it",
    "message": "a message: `reject` closes what is wrong with it, its documents are decided by themselves",
    "other": "neither a document nor a bank line; `nightclerk explain` tells its story",
}


def _decide(office: Office, subject: Subject, act: Callable[[], str]) -> int:
    """Carry out a person's decision and take the document as far as it now goes."""
    work = act()
    flow = Direct(office)
    flow.each(bot(office, "invoices").process, [work])
    with office.database.begin() as tx:
        state = state_of(tx, subject.id)
        if state == "held":
            show_one(tx, office, subject, sys.stdout)
        else:
            print(f"{subject} is {OUTCOMES.get(state, state)}.")
    for _, failure in flow.failures:
        raise failure
    return 0


def reject(given: argparse.Namespace) -> int:
    """`nightclerk reject ID`: a held document, or what is wrong with a message."""
    with office_of(given) as office:
        subject = _named(office, given, "document", "message")
        if subject.kind == "message":
            desk.dismiss(office, subject.id, given.reason)
            print(f"{given.id} is closed; nothing of it was opened.")
        else:
            desk.reject(office, subject.id, given.reason)
            print(f"{subject} is rejected; nothing was posted.")
    return 0


def undo(given: argparse.Namespace) -> int:
    """`nightclerk undo ID`."""
    with office_of(given) as office:
        subject = _named(office, given, "line")
        undo_match(office, subject.id, given.reason, given.item)
        print(f"The match of {subject} is undone; its items are open again.")
    return 0


def assign(given: argparse.Namespace) -> int:
    """`nightclerk assign LINE CATEGORY`."""
    with office_of(given) as office:
        subject = _named(office, given, "line")
        assign_line(office, subject.id, given.category, given.reason)
        print(f"{subject} is booked as {given.category}; the next run writes it.")
    return 0


def adopt(given: argparse.Namespace) -> int:
    """`nightclerk vendor adopt DOCUMENT VENDOR [FIELD=VALUE…]`."""
    values = _values(given.values, "terms_days=30")
    with office_of(given) as office:
        subject = _named(office, given, "document")
        return _decide(
            office,
            subject,
            lambda: adopt_vendor(office, subject.id, given.number, values, given.reason),
        )


def set_vendor_iban(given: argparse.Namespace) -> int:
    """`nightclerk vendor set-iban VENDOR IBAN`."""
    with office_of(given) as office:
        if set_iban(office, given.vendor, given.iban, given.reason) == "proposed":
            print(f"Entered. A second person verifies it and enters it again for {given.vendor}.")
        else:
            days = office.settings.matching.bank_change_cool_off_days
            print(f"On file for {given.vendor}; nothing is paid there for {days} days.")
    return 0


def close(given: argparse.Namespace) -> int:
    """`nightclerk close ACCOUNT PERIOD`."""
    period = period_of(given.period)
    with office_of(given) as office:
        with office.database.begin() as tx:
            account = find_account(tx, given.account)
            show_sheet(reconciliation_sheet(tx, account, period), sys.stdout)
        if given.sign:
            sign_period(office, account, period, given.reason)
            print(
                f"Signed by {office.actor.removeprefix('person:')}; the next run writes the sheet."
            )
    return 0


def audit(given: argparse.Namespace) -> int:
    """`nightclerk audit verify`."""
    with office_of(given) as office, office.database.begin() as tx:
        count, problem = verify(tx)
    if problem:
        raise KnownFailure(f"the audit trail is broken after entry {count}: {problem}.")
    print(f"The audit trail holds: {count} entries, each linked to the one before.")
    return 0
