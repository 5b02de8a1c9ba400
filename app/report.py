"""The morning report: what an accountant reads at eight, as HTML, text and XLSX.

`Morning` is everything it says; the three renderings say the same.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import xlsxwriter
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from sqlalchemy import Connection, select

from app.payables_figures import Figures, figures
from app.queries import (
    BankRow,
    Completeness,
    DocumentRow,
    MessageRow,
    age_days,
    bank_rows,
    completeness,
    document_rows,
    message_rows,
    percent,
)
from app.store import as_finding
from app.tables import findings
from records.findings import Finding

#: Rows of a list shown in the mail; the workbook holds all of them.
SHOWN = 200

_CELL_LIMIT = 32_767

_DOCUMENT_ID = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What went wrong beside the documents; `more` findings like it are left out."""

    subject: str
    finding: Finding
    more: int = 0

    def __str__(self) -> str:
        others = f" (and {self.more} more like it)" if self.more else ""
        return f"{self.finding}{others}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """Everything one report says. `since` is the time of the report before, None the first."""

    company: str
    at: datetime
    since: datetime | None
    posted: tuple[DocumentRow, ...]
    held: tuple[DocumentRow, ...]
    filed: tuple[DocumentRow, ...]
    messages: tuple[MessageRow, ...]
    bank_open: tuple[BankRow, ...]
    bank_posted: int
    troubles: tuple[Trouble, ...]
    payables: Figures
    complete: Completeness
    owners: Mapping[str, str]

    @property
    def straight_through(self) -> Decimal | None:
        """Return posted in per cent of all invoices decided since the last report."""
        return percent(len(self.posted), len(self.posted) + len(self.held))

    @property
    def today(self) -> date:
        """Return the report's date in the office's zone."""
        return self.at.date()

    def owner(self, row: DocumentRow) -> str:
        """Return who looks after a held document: by its first reason, else the default."""
        for item in row.findings:
            if item.blocks and item.code in self.owners:
                return self.owners[item.code]
        return self.owners.get("default", "unassigned")

    def age(self, row: DocumentRow) -> int:
        """Return how many days a document has been here."""
        return age_days(row.seen_at.astimezone(self.at.tzinfo), self.today)

    @property
    def headline(self) -> str:
        """Return the report in one line: the subject of the mail."""
        parts = [f"{len(self.posted)} posted", f"{len(self.held)} held"]
        if self.bank_open:
            parts.append(f"{_count(len(self.bank_open), 'bank line')} to look at")
        if self.troubles:
            parts.append(_count(len(self.troubles), "trouble"))
        return ", ".join(parts)


def gather(
    tx: Connection,
    *,
    company: str,
    at: datetime,
    since: datetime | None,
    owners: Mapping[str, str],
    failed: Sequence[tuple[str, Finding]] = (),
) -> Morning:
    """Read what the report says from the database. `at` is in the office's zone.

    `failed` is work the engine gave up on, which the database does not know.
    """
    after = since.isoformat() if since else None
    filed = ("filed", "joined", "rejected")
    bank_open = bank_rows(tx, ("suggested", "open", "partly", "waiting"))
    troubles = tx.execute(
        select(findings)
        .where(findings.c.subject_kind.in_(("account", "source", "posting", "message", "engine")))
        .where(findings.c.closed_at.is_(None), findings.c.severity != "note")
        .order_by(findings.c.id)
    )
    complete = completeness(tx)
    received = message_rows(tx)
    return Morning(
        company=company,
        at=at,
        since=since,
        posted=tuple(r for r in document_rows(tx, ("posted",), after)),
        held=tuple(map(_brief, document_rows(tx, ("held",)))),
        filed=tuple(r for r in document_rows(tx, filed, after) if r.kind != "bank_statement"),
        messages=tuple(received),
        bank_open=tuple(bank_open),
        bank_posted=complete.bank_lines_by_outcome.get("posted", 0),
        troubles=tuple(
            _troubles([*failed, *((r.subject, as_finding(r)) for r in troubles)], received)
        ),
        payables=figures(tx, at.date()),
        complete=complete,
        owners=owners,
    )


def _troubles(
    found: Sequence[tuple[str, Finding]], received: Sequence[MessageRow]
) -> Iterator[Trouble]:
    """Yield one trouble for each subject and code: a bomb has a thousand parts, one reason."""
    names = {m.key: f'message "{m.subject}" from {m.sender}' for m in received}
    counted = Counter((subject, item.code) for subject, item in found)
    told = set()
    for subject, item in found:
        if (subject, item.code) not in told:
            told.add((subject, item.code))
            more = counted[subject, item.code] - 1
            yield Trouble(subject=names.get(subject, subject), finding=item, more=more)


def _brief(row: DocumentRow) -> DocumentRow:
    """Cut the ids of other documents in what is said of this one to what people type."""

    def cut(text: str | None) -> str | None:
        return None if text is None else _DOCUMENT_ID.sub(lambda found: found[0][:12], text)

    said = [
        replace(f, message=cut(f.message) or "", expected=cut(f.expected), actual=cut(f.actual))
        for f in row.findings
    ]
    return replace(row, findings=tuple(said))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_TEMPLATES = Environment(
    loader=PackageLoader("app"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_html(morning: Morning) -> str:
    """Render for a browser or mail program; everything from documents is escaped."""
    return _TEMPLATES.get_template("report.html").render(m=morning, shown=SHOWN)


def as_text(morning: Morning) -> str:
    """Render as plain text."""
    return _TEMPLATES.get_template("report.txt").render(m=morning, shown=SHOWN)


def as_workbook(morning: Morning) -> bytes:
    """Render as XLSX, a sheet for each part. Text never becomes a formula."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        bold = book.add_format({"bold": True, "bg_color": "#E8EEF4", "bottom": 1})
        money = book.add_format({"num_format": "#,##0.00"})

        def sheet(name: str, header: list[str], rows: list[list[object]]) -> None:
            page = book.add_worksheet(name)
            page.write_row(0, 0, header, bold)
            for number, row in enumerate(rows, 1):
                for column, value in enumerate(row):
                    if isinstance(value, Decimal):
                        page.write_number(number, column, value, money)
                    elif isinstance(value, int):
                        page.write_number(number, column, value)
                    else:
                        page.write_string(number, column, _cell(value))
            page.freeze_panes(1, 0)
            page.autofilter(0, 0, max(len(rows), 1), len(header) - 1)
            page.set_column(0, len(header) - 1, 18)

        sheet("Held", _HELD, [r for d in morning.held for r in _held_rows(morning, d)])
        sheet(
            "Posted",
            ["Document", "Vendor", "Number", "Date", "Gross", "Currency", "Origin"],
            [
                [d.id[:12], d.vendor_name, d.number, d.issue_date, *_gross(d), d.origin]
                for d in morning.posted
            ],
        )
        sheet(
            "Filed",
            ["Document", "Kind", "What", "From", "Origin"],
            [[d.id[:12], d.kind, d.title, d.sender, d.origin] for d in morning.filed],
        )
        sheet("Bank", _BANK, [_bank_row(b) for b in morning.bank_open])
        sheet(
            "Messages",
            ["Received", "From", "Subject", "Outcome", "Detail", "Key"],
            [
                [str(r.received_at), r.sender, r.subject, r.outcome, r.reason, r.key]
                for r in morning.messages
            ],
        )
        sheet(
            "Troubles",
            ["Of", "Reason", "What", "What to do"],
            [[t.subject, t.finding.code, str(t), t.finding.remedy] for t in morning.troubles],
        )
        sheet(
            "Payables",
            ["What", "Amounts"],
            [[what, ", ".join(map(str, amounts))] for what, amounts in morning.payables.told],
        )
        sheet("Proof", ["What", "Outcome", "Count"], _proof_rows(morning.complete))
    return out.getvalue()


_HELD = ["Document", "What", "Owner", "Age (days)", "Reason", "Where", "Found", "Expected"]
_HELD += ["Actual", "What to do", "Gross", "Currency"]
_BANK = ["Account", "Booked", "Amount", "Currency", "Counterparty", "Remittance", "State"]
_BANK += ["Suggestion", "Confidence", "Why", "Rivals"]


def _gross(row: DocumentRow) -> tuple[Decimal | None, str | None]:
    return (row.gross.amount, row.gross.currency) if row.gross else (None, None)


def _held_rows(morning: Morning, row: DocumentRow) -> list[list[object]]:
    reasons = [f for f in row.findings if f.blocks]
    lead: list[object] = [row.id[:12], row.title, morning.owner(row), morning.age(row)]
    return [
        [*lead, f.code, f.where, f.message, f.expected, f.actual, f.remedy, *_gross(row)]
        for f in reasons
    ]


def _bank_row(row: BankRow) -> list[object]:
    t, match = row.transaction, row.match
    suggestion = ", ".join(a.item_id for a in match.allocations) if match else ""
    return [
        t.account,
        str(t.booking_date or ""),
        t.amount.amount,
        t.amount.currency,
        t.counterparty_name,
        " ".join(t.remittance.split()),
        row.state,
        suggestion,
        Decimal(str(round(match.confidence, 3))) if match else None,
        "; ".join(match.reasons) if match else "",
        "; ".join(f"{', '.join(r.item_ids)}: {r.why}" for r in match.rejected) if match else "",
    ]


def _proof_rows(complete: Completeness) -> list[list[object]]:
    rows: list[list[object]] = []
    for what, total, by in (
        ("messages", complete.messages, complete.messages_by_outcome),
        ("documents", complete.documents, complete.documents_by_outcome),
        ("bank lines", complete.bank_lines, complete.bank_lines_by_outcome),
    ):
        rows.append([what, "came in", total])
        rows += [[what, outcome, n] for outcome, n in sorted(by.items())]
    return [*rows, ["all", "complete" if complete.is_complete else "NOT COMPLETE", None]]


def _cell(value: object) -> str:
    """Return the text of a cell; XLSX holds 32,767 characters, what is longer ends with …."""
    text = "" if value is None else str(value)
    return text if len(text) <= _CELL_LIMIT else text[: _CELL_LIMIT - 1] + "…"


def as_mail(morning: Morning, *, sender: str, to: tuple[str, ...], message_id: str) -> EmailMessage:
    """Return the report as a mail: text, HTML beside it, the workbook attached."""
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = message_id
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(morning.at)
    mail["Subject"] = f"nightclerk {morning.today}: {morning.headline}"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(morning))
    mail.add_alternative(as_html(morning), subtype="html")
    mail.add_attachment(
        as_workbook(morning),
        maintype="application",
        subtype="vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        filename=f"nightclerk-{morning.today}.xlsx",
    )
    return mail
