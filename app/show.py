"""What the terminal shows: lists, one document, a story, a night's outcome, progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import Connection

from app.actions.vendors import ADOPTED
from app.audit import story
from app.closing import Sheet
from app.flow import Progress as ProgressListener
from app.night import Night
from app.office import Office
from app.queries import OUTCOMES, BankRow, DocumentRow, age_days, bank_rows, document_rows
from app.store import read_fields
from matching.vendors import prepared_vendor
from records.invoices import assemble, chosen
from records.purchasing import Vendor
from records.vocabulary import FIELDS

#: Columns where nobody sees the terminal's own: a pipe's reader wants whole lines.
_PIPED_WIDTH = 400


def _console(out: IO[str]) -> Console:
    piped = not out.isatty()
    width = _PIPED_WIDTH if piped else None
    return Console(file=out, highlight=False, markup=False, soft_wrap=piped, width=width)


@contextmanager
def progress_bar(*, enabled: bool = True) -> Iterator[ProgressListener | None]:
    """Show a progress bar on a terminal; nothing where nobody looks."""
    console = Console(stderr=True)
    if not (enabled and console.is_terminal):
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def listen(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total or None, description=what[:24])

        yield listen


def show_list(tx: Connection, today: date, out: IO[str], *, everything: bool) -> None:
    """Print what is held, with the first reason of each; everything when asked."""
    console = _console(out)
    rows = document_rows(tx, None if everything else ("held",))
    lines = bank_rows(tx, None if everything else ("suggested", "open", "waiting"))
    if not rows and not lines:
        console.print("Nothing is held. `nightclerk show --all` lists everything.")
        return
    if rows:
        table = Table("Document", "What", "Gross", "Age", "State", "Why", box=None)
        for row in rows:
            why = next((str(f) for f in row.findings if f.blocks), "")
            age = f"{age_days(row.seen_at, today)} d"
            table.add_row(
                row.id[:12],
                row.title,
                str(row.gross or ""),
                age,
                OUTCOMES.get(row.state, row.state),
                why,
            )
        console.print(table)
    if lines:
        table = Table("Bank line", "Booked", "Amount", "Counterparty", "State", "Why", box=None)
        for line in lines:
            t = line.transaction
            why = line.match.reasons[0] if line.match and line.match.reasons else ""
            table.add_row(
                t.bank_reference or line.id,
                str(t.booking_date or ""),
                str(t.amount),
                t.counterparty_name or "",
                line.state,
                why,
            )
        console.print(table)
    console.print("\nNext: `nightclerk show ID` for one, then approve, correct or reject it.")


def show_one(tx: Connection, subject: str, out: IO[str]) -> None:
    """Print everything about one document or bank line."""
    console = _console(out)
    for row in document_rows(tx):
        if row.id == subject:
            _show_document(tx, console, row)
            return
    for line in bank_rows(tx):
        if line.id == subject:
            _show_line(console, line)
            return


def _show_document(tx: Connection, console: Console, row: DocumentRow) -> None:
    console.print(f"{row.kind.replace('_', ' ')} {row.title}")
    console.print(f"  document {row.id}\n  state    {OUTCOMES.get(row.state, row.state)}")
    console.print(f"  from     {row.sender} ({row.subject})\n  origin   {row.origin}\n")
    for item in row.findings:
        console.print(f"  {item.severity.value:5} {item}")
        if item.blocks and item.remedy:
            console.print(f"        {item.remedy}")
    read = read_fields(tx, row.id)
    if any(item.code == "unknown_vendor" for item in row.findings):
        _show_prepared(console, row.id, prepared_vendor(assemble(read)[0]))
    best = chosen(read)
    table = Table("Field", "Line", "Value", "As printed", "By", "Sure", box=None)
    order = list(FIELDS)
    for (name, number), field in sorted(
        best.items(), key=lambda kv: (kv[0][1] or 0, order.index(kv[0][0]))
    ):
        sure = "proved" if field.proved else f"{field.confidence:.0%}"
        table.add_row(name, str(number or ""), field.value, field.text[:40], field.by, sure)
    console.print(table)


def _show_prepared(console: Console, document_id: str, vendor: Vendor) -> None:
    """Show the record a new vendor would get, for a person to check."""
    console.print("\nPrepared vendor record, without any account:")
    for name in ADOPTED:
        console.print(f"  {name:15} {getattr(vendor, name) or ''}")
    console.print(
        f"  Checked? `nightclerk vendor adopt {document_id[:12]} NUMBER --reason …`, NUMBER being"
        " its number in your own system.\n"
    )


def _show_line(console: Console, line: BankRow) -> None:
    t = line.transaction
    console.print(f"{t.booking_date}  {t.amount}  {t.counterparty_name or ''}  [{line.state}]")
    console.print(f"  {' '.join(t.remittance.split())}\n  id {line.id}")
    if line.match is None:
        return
    _tell_match(console, line)


def _tell_match(console: Console, line: BankRow) -> None:
    match = line.match
    assert match is not None
    console.print(f"  category {match.category}, decision {match.decision.value}", end="")
    console.print(f", confidence {match.confidence:.4f}, rule {match.rule or 'none'}")
    for one in match.allocations:
        console.print(f"  settles {one.item_id} with {one.amount}")
    for other in match.adjustments:
        console.print(f"  {other.kind.replace('_', ' ')} {other.amount}")
    for reason in match.reasons:
        console.print(f"  because {reason}")
    for rival in match.rejected:
        console.print(f"  not {', '.join(rival.item_ids)}: {rival.why}")


def show_sheet(sheet: Sheet, out: IO[str]) -> None:
    """Show an account's reconciliation, and the items of both sides that stand alone."""
    console = _console(out)
    console.print(f"{sheet.account}, {sheet.period.first} to {sheet.period.last}")
    table = Table("", "", box=None, show_header=False)
    table.columns[1].justify = "right"
    for text, amount in sheet.lines():
        table.add_row(text, str(amount))
    console.print(table)
    for title, side in (("Not in the books", sheet.unmatched), ("In transit", sheet.in_transit)):
        if side:
            items = Table("Day", "Amount", "Who", "Reference", "State", box=None, title=title)
            for one in side:
                items.add_row(str(one.day), str(one.amount), one.who, one.reference, one.state)
            console.print(items)
    for remark in sheet.remarks():
        console.print(remark)


def tell_story(tx: Connection, subject: str, out: IO[str]) -> None:
    """Tell what happened to one subject, in order, with who, when and on what evidence."""
    console = _console(out)
    show_one(tx, subject, out)
    console.print("\nWhat happened:")
    for entry in story(tx, subject):
        console.print(f"  {entry.at[:19]}  {entry.actor}: {entry.action}")
        for key, value in entry.evidence.items():
            shown = value if not isinstance(value, list | dict) else _flat(value)
            if shown not in ("", None):
                console.print(f"      {key}: {shown}")


def _flat(value: list[object] | dict[str, object]) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return "; ".join(str(v) for v in value)


def tell_night(office: Office, night: Night, out: IO[str]) -> None:
    """Say what a run did, where to look and what to do next."""
    console = _console(out)
    after = night.after
    if not night.changed and not night.failures:
        console.print("Nothing new: nothing was read, posted or sent.")
    total = sum(after.documents.values())
    named = {OUTCOMES.get(state, state): n for state, n in sorted(after.documents.items())}
    console.print(f"Documents {total}: " + ", ".join(f"{n} {o}" for o, n in named.items()))
    lines = sum(after.bank_lines.values())
    console.print(
        f"Bank lines {lines}: " + ", ".join(f"{n} {s}" for s, n in sorted(after.bank_lines.items()))
    )
    new = after.delivered - night.before.delivered
    console.print(f"Written to their targets now: {new}; ever: {after.delivered}")
    for failure in night.failures:
        console.print(f"FAILED {failure} The next run tries again.")
    console.print("\nWhere to look:")
    for section in ("posters", "senders"):
        for plugin in office.settings.plugins[section].values():
            where = getattr(plugin.settings, "path", None) or getattr(plugin.settings, "host", "")
            console.print(f"  {plugin.name:12} {where}")
    console.print("  held         `nightclerk show` (then `nightclerk explain ID`)")
