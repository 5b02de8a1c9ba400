"""`nightclerk pay …`: proposals of payments, and their release by a second person."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from typing import IO

from app.actions import payables as actions
from app.commands import office_of
from app.payables import Proposal, proposal, proposals
from app.store import brief
from app.terminal import seen
from records.failures import KnownFailure


def propose(given: argparse.Namespace) -> int:
    """`nightclerk pay propose`."""
    with office_of(given) as office:
        made = actions.propose(office, _day(given.until))
        if not made:
            print("Nothing is to be paid.")
            return 0
        with office.database.begin() as tx:
            show_proposal(proposal(tx, made), sys.stdout)
    return 0


def release(given: argparse.Namespace) -> int:
    """`nightclerk pay release ID`."""
    with office_of(given) as office:
        paths = actions.release(office, given.id, given.reason)
    for path in paths:
        print(f"Written: {path}. Nothing is sent; hand it to the bank.")
    if not paths:
        print(f"{given.id} is checked; a bot proposed it, so a second person releases it.")
    return 0


def withdraw(given: argparse.Namespace) -> int:
    """`nightclerk pay withdraw ID`."""
    with office_of(given) as office:
        actions.withdraw(office, given.id, given.reason)
    print(f"{given.id} is withdrawn; nothing is paid.")
    return 0


def show(given: argparse.Namespace) -> int:
    """`nightclerk pay show [ID]`."""
    with office_of(given) as office, office.database.begin() as tx:
        shown = [proposal(tx, given.id)] if given.id else list(proposals(tx, "proposed"))
        for one in shown:
            show_proposal(one, sys.stdout)
    if not shown:
        print("No proposal waits. `nightclerk pay propose` makes one.")
    return 0


def _day(text: str | None) -> str | None:
    try:
        return None if text is None else date.fromisoformat(text).isoformat()
    except ValueError:
        raise KnownFailure(f"{text!r} is no date. Write it as 2026-11-30.") from None


def show_proposal(given: Proposal, out: IO[str]) -> None:
    """Print a proposal: every transfer with what it pays, and what cannot be paid."""
    out.write(seen(f"{given.id}, {given.state}, next run {given.until}, by {given.proposed_by}\n"))
    for one in given.draft.payments:
        out.write(seen(f"  {one.amount}  {one.payee}  {one.iban}\n"))
        for item in one.items:
            kept = f", discount {item.discount}" if item.discount.amount else ""
            out.write(
                seen(f"      {item.amount}  {item.number or item.item_id}: {item.reason}{kept}\n")
            )
    for problem in given.draft.problems:
        out.write(seen(f"  ! {brief(str(problem))}\n    {problem.remedy}\n"))
