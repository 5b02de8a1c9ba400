"""What the terminal shows: lists, one document, message or bank line, a story, a night's outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from app import next_steps
from app.actions.vendors import ADOPTED
from app.audit import story
from app.closing import Sheet
from app.night import Night
from app.office import Office
from app.queries import (
    LOOKED_AT,
    OUTCOMES,
    BankRow,
    DocumentRow,
    MessageRow,
    Subject,
    age_days,
    bank_rows,
    document_rows,
    message_rows,
)
from app.store import brief, read_fields
from app.terminal import Terminal
from app.troubles import Trouble, troubles
from matching.vendors import prepared_vendor
from records.findings import Finding
from records.invoices import assemble, chosen
from records.matches import Decision
from records.purchasing import Vendor
from records.vocabulary import FIELDS


def show_list(
    tx: Connection,
    office: Office,
    failed: Sequence[tuple[str, Finding]],
    out: IO[str],
    *,
    everything: bool,
) -> None:
    """Print what is held, with the first reason of each; everything when asked."""
    console = Terminal(out)
    rows = document_rows(tx, None if everything else ("held",))
    lines = bank_rows(tx, None if everything else LOOKED_AT)
    wrong = troubles(tx, failed)
    if not rows and not lines and not wrong:
        console.print("Nothing is held. `nightclerk show --all` lists everything.")
        return
    if rows:
        console.print(_documents(office, rows, everything=everything))
    if lines:
        console.print(_lines(lines))
    if wrong:
        console.print()
    for trouble in wrong:
        _show_trouble(console, trouble)
    console.print("\nNext: `nightclerk show ID` for one, with what to type to decide it.")


def _documents(office: Office, rows: Sequence[DocumentRow], *, everything: bool) -> Table:
    table = Table("Document", "What", box=None)
    table.add_column("Gross", justify="right", no_wrap=True)
    table.add_column("Age", justify="right", no_wrap=True)
    if everything:
        table.add_column("State")
    table.add_column("Why")
    for row in rows:
        blocks = [f for f in row.findings if f.blocks]
        why = blocks[0].message if blocks else ""
        more = f" (+{len(blocks) - 1})" if len(blocks) > 1 else ""
        cells = [row.short_id, row.title, str(row.gross or ""), f"{_age(office, row.seen_at)} d"]
        cells += [OUTCOMES.get(row.state, row.state)] if everything else []
        table.add_row(*cells, f"{why}{more}")
    return table


def _lines(lines: Sequence[BankRow]) -> Table:
    table = Table("Bank line", "Booked", box=None)
    table.add_column("Amount", justify="right", no_wrap=True)
    for name in ("Counterparty", "State", "Why"):
        table.add_column(name)
    for line in lines:
        moved = line.transaction
        why = brief(line.match.reasons[0]) if line.match and line.match.reasons else ""
        table.add_row(
            moved.bank_reference or line.id,
            str(moved.booking_date or ""),
            str(moved.amount),
            moved.counterparty_name or "",
            line.state,
            why,
        )
    return table


def _age(office: Office, since: datetime) -> int:
    return age_days(since.astimezone(office.zone), office.today())


def _show_trouble(console: Console, trouble: Trouble) -> None:
    console.print(f"{trouble.subject}\n  {trouble}")
    if trouble.finding.remedy:
        console.print(f"  {trouble.finding.remedy}")
    _show_commands(console, trouble.commands)


def _show_commands(console: Console, commands: Sequence[str]) -> None:
    for command in commands:
        # Never wrapped: it is there to be copied.
        console.print(f"  $ {command}", soft_wrap=True)


def show_one(tx: Connection, office: Office, subject: Subject, out: IO[str]) -> None:
    """Print everything about one document, message or bank line."""
    console = Terminal(out)
    if subject.kind == "document":
        (row,) = document_rows(tx, only=subject.id)
        _show_document(tx, console, office, row)
    elif subject.kind == "line":
        (line,) = bank_rows(tx, only=subject.id)
        _show_line(console, line)
    elif subject.kind == "message":
        message = next(row for row in message_rows(tx) if row.key == subject.id)
        _show_message(tx, console, office, message)


def _show_document(tx: Connection, console: Console, office: Office, row: DocumentRow) -> None:
    kind = "document" if row.kind in {"unknown", "other"} else row.kind.replace("_", " ")
    console.print(f"{kind} {row.title}")
    seen = _local(office, row.seen_at)
    console.print(f"  document {row.id}\n  state    {OUTCOMES.get(row.state, row.state)}")
    days = _age(office, row.seen_at)
    ago = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    console.print(f"  came     {seen}, {ago}")
    console.print(f"  from     {row.sender} ({row.subject})\n  origin   {row.origin}\n")
    _show_findings(console, row.findings)
    _show_commands(console, next_steps.for_document(row))
    read = read_fields(tx, row.id)
    if any(item.code == "unknown_vendor" for item in row.findings):
        _show_prepared(console, prepared_vendor(assemble(read)[0]))
    best = chosen(read)
    if not best:
        return
    table = Table("Field", "Line", "Value", "As printed", "By", "Sure", box=None)
    order = list(FIELDS)
    for (name, number), field in sorted(
        best.items(), key=lambda kv: (kv[0][1] or 0, order.index(kv[0][0]))
    ):
        sure = "proved" if field.proved else f"{field.confidence:.0%}"
        table.add_row(name, str(number or ""), field.value, field.text[:40], field.by, sure)
    console.print()
    console.print(table)


def _show_findings(console: Console, findings: Sequence[Finding]) -> None:
    for item in findings:
        console.print(f"  {item.severity.value:5} {item}")
        if item.blocks and item.remedy:
            console.print(f"        {item.remedy}")


def _show_prepared(console: Console, vendor: Vendor) -> None:
    """Show the record a new vendor would get, for a person to check."""
    console.print("\nPrepared vendor record, without any account; check it before you adopt it:")
    for name in ADOPTED:
        console.print(f"  {name:15} {getattr(vendor, name) or ''}")
    console.print("NUMBER is its number in your own system.")


def _show_message(tx: Connection, console: Console, office: Office, row: MessageRow) -> None:
    console.print(f'message "{row.subject}" from {row.sender}')
    console.print(f"  message  {row.key}\n  outcome  {row.outcome}")
    console.print(f"  came     {_local(office, row.received_at)}\n")
    _show_findings(console, row.findings)
    _show_commands(console, next_steps.for_message(row))
    for part in document_rows(tx, message=row.key):
        state = OUTCOMES.get(part.state, part.state)
        console.print(f"  document {part.short_id}  {part.title}, {state}")


def _show_line(console: Console, line: BankRow) -> None:
    t = line.transaction
    console.print(f"{t.booking_date}  {t.amount}  {t.counterparty_name or ''}  [{line.state}]")
    console.print(f"  {' '.join(t.remittance.split())}\n  id {line.id}")
    if line.match is not None:
        _tell_match(console, line)
    _show_commands(console, next_steps.for_line(line))


def _tell_match(console: Console, line: BankRow) -> None:
    match = line.match
    assert match is not None
    if match.decision is not Decision.NONE:
        console.print(f"  category {match.category}, decision {match.decision.value}", end="")
        console.print(f", confidence {match.confidence:.4f}, rule {match.rule or 'none'}")
    for one in match.allocations:
        console.print(f"  settles {brief(one.item_id)} with {one.amount}")
    for other in match.adjustments:
        console.print(f"  {other.kind.replace('_', ' ')} {other.amount}")
    for reason in match.reasons:
        console.print(f"  because {brief(reason)}")
    for rival in match.rejected:
        console.print(f"  not {', '.join(map(brief, rival.item_ids))}: {rival.why}")


def show_sheet(sheet: Sheet, out: IO[str]) -> None:
    """Show an account's reconciliation, and the items of both sides that stand alone."""
    console = Terminal(out)
    console.print(f"{sheet.account}, {sheet.period.first} to {sheet.period.last}")
    table = Table("", "", box=None, show_header=False)
    table.columns[1].justify = "right"
    for text, amount in sheet.lines():
        table.add_row(text, str(amount))
    console.print(table)
    for title, side in (("Not in the books", sheet.unmatched), ("In transit", sheet.in_transit)):
        if side:
            items = Table("Day", "Amount", "Who", "Reference", "State", box=None)
            items.columns[1].justify = "right"
            for one in side:
                items.add_row(str(one.day), str(one.amount), one.who, one.reference, one.state)
            console.print(f"\n{title}:")
            console.print(items)
    for remark in sheet.remarks():
        console.print(f"\n{remark}")


def tell_story(tx: Connection, office: Office, subject: Subject, out: IO[str]) -> None:
    """Tell what happened to one subject, in order, with who, when and on what evidence."""
    console = Terminal(out)
    show_one(tx, office, subject, out)
    console.print("\nWhat happened:")
    for entry in story(tx, subject.id):
        at = _local(office, datetime.fromisoformat(entry.at))
        console.print(f"  {at}  {entry.actor}  {entry.action}")
        for key, value in entry.evidence.items():
            for shown in _told(value):
                console.print(f"      {key.replace('_', ' ')}: {brief(shown)}")


def _told(value: object) -> list[str]:
    """Return what an entry's evidence says of one thing, a line each; nothing for nothing."""
    if isinstance(value, Mapping):
        return [", ".join(f"{k} {v}" for k, v in value.items())] if value else []
    if isinstance(value, list):
        return [str(one) for one in value]
    return [] if value in (None, "") else [str(value)]


def _local(office: Office, at: datetime) -> str:
    return f"{at.astimezone(office.zone):%Y-%m-%d %H:%M:%S}"


def tell_night(office: Office, night: Night, out: IO[str]) -> None:
    """Say what a run did, where to look and what to do next."""
    console = Terminal(out)
    after = night.after
    if not night.changed and not night.failures:
        console.print("Nothing new: nothing was read, posted or sent.")
    states: Counter[str] = Counter()
    for state, number in after.documents.items():
        states[OUTCOMES.get(state, state)] += number
    for what, by in (("Documents", states), ("Bank lines", after.bank_lines)):
        told = ", ".join(f"{number} {state}" for state, number in sorted(by.items()))
        console.print(f"{what} {sum(by.values())}: {told or 'none'}")
    new = after.delivered - night.before.delivered
    console.print(f"Written to their targets now: {new}; ever: {after.delivered}")
    for failure in night.failures:
        console.print(f"FAILED {brief(failure)} The next run tries again.")
    console.print("\nWhere to look:")
    for section in ("posters", "senders"):
        for plugin in office.settings.plugins[section].values():
            where = getattr(plugin.settings, "path", None) or getattr(plugin.settings, "host", "")
            console.print(f"  {plugin.name:12} {where}")
    console.print("  held         `nightclerk show` (then `nightclerk show ID`)")
