"""`nightclerk pay …`: proposals of payments, and their release by a second person."""

from __future__ import annotations

import argparse
from datetime import date
from typing import IO

from app.actions import payables as actions
from app.office import Office
from app.payables import Proposal, proposal, proposals
from records.failures import KnownFailure


def run_pay(office: Office, given: argparse.Namespace, out: IO[str]) -> int:
    """Carry out one `pay` command."""
    if given.part == "propose":
        made = actions.propose(office, _day(given.until))
        if not made:
            out.write("Nothing is to be paid.\n")
            return 0
        with office.database.begin() as tx:
            show_proposal(proposal(tx, made), out)
    elif given.part == "release":
        paths = actions.release(office, given.id, given.reason)
        for path in paths:
            out.write(f"Written: {path}. Nothing is sent; hand it to the bank.\n")
        if not paths:
            out.write(
                f"{given.id} is checked; a bot proposed it, so a second person releases it.\n"
            )
    elif given.part == "withdraw":
        actions.withdraw(office, given.id, given.reason)
        out.write(f"{given.id} is withdrawn; nothing is paid.\n")
    else:
        with office.database.begin() as tx:
            shown = [proposal(tx, given.id)] if given.id else list(proposals(tx, "proposed"))
        for one in shown:
            show_proposal(one, out)
        if not shown:
            out.write("No proposal waits. `nightclerk pay propose` makes one.\n")
    return 0


def _day(text: str | None) -> str | None:
    try:
        return None if text is None else date.fromisoformat(text).isoformat()
    except ValueError:
        raise KnownFailure(f"{text!r} is no date. Write it as 2026-11-30.") from None


def show_proposal(given: Proposal, out: IO[str]) -> None:
    """Print a proposal: every transfer with what it pays, and what cannot be paid."""
    out.write(f"{given.id}, {given.state}, next run {given.until}, by {given.proposed_by}\n")
    for one in given.draft.payments:
        out.write(f"  {one.amount}  {one.payee}  {one.iban}\n")
        for item in one.items:
            kept = f", discount {item.discount}" if item.discount.amount else ""
            out.write(f"      {item.amount}  {item.number or item.item_id}: {item.reason}{kept}\n")
    for problem in given.draft.problems:
        out.write(f"  ! {problem}\n    {problem.remedy}\n")
