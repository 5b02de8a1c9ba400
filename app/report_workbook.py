"""The morning report's workbook: a sheet for each part of it, everything in it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import xlsxwriter
from xlsxwriter.format import Format

from app.completeness import Completeness
from app.morning import Morning
from app.queries import BankRow, DocumentRow
from app.store import brief

#: XLSX holds so many characters in a cell.
_CELL_LIMIT = 32_767


@dataclass(frozen=True, slots=True)
class _Column:
    """A column's title, its width in characters, and whether long text wraps."""

    title: str
    width: int = 14
    wraps: bool = False


def as_workbook(morning: Morning) -> bytes:
    """Render as XLSX. Text never becomes a formula or a link."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(out, options) as book:
        sheets = _Sheets(book)
        sheets.add("Held", _HELD, [r for d in morning.held for r in _held_rows(morning, d)])
        sheets.add("Posted", _POSTED, [_posted_row(d) for d in morning.posted])
        sheets.add(
            "Filed",
            _FILED,
            [[d.short_id, d.kind, d.title, d.sender, d.origin] for d in morning.filed],
        )
        sheets.add("Bank", _BANK, [_bank_row(morning, b) for b in morning.bank_open])
        sheets.add("Bank lines", _LINES, [_line_row(b) for b in morning.bank_lines])
        sheets.add(
            "Messages",
            _MESSAGES,
            [
                [
                    m.received_at.astimezone(morning.at.tzinfo),
                    m.sender,
                    m.subject,
                    m.outcome,
                    m.reason,
                    m.id,
                ]
                for m in morning.messages
            ],
        )
        sheets.add(
            "Troubles",
            _TROUBLES,
            [
                [t.subject, t.finding.code, str(t), t.finding.remedy, "\n".join(t.commands)]
                for t in morning.troubles
            ],
        )
        sheets.add(
            "Payables",
            [_Column("What", 34), _Column("Amount", 16), _Column("Currency", 9)],
            [
                [what, amount.amount, amount.currency]
                for what, amounts in morning.payables.told
                for amount in amounts
            ],
        )
        sheets.add(
            "Proof",
            [_Column("What", 16), _Column("Outcome", 70, wraps=True), _Column("Count", 10)],
            _proof_rows(morning.complete),
        )
    return out.getvalue()


class _Sheets:
    """Sheets of one look: a frozen, filtered header, and a format for each kind of value."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        top = {"valign": "top"}
        self._book = book
        self._head = book.add_format(
            {"bold": True, "bg_color": "#E8EEF4", "bottom": 1, "text_wrap": True, **top}
        )
        self._text = book.add_format(top)
        self._wrapped = book.add_format({"text_wrap": True, **top})
        self._money = book.add_format({"num_format": "#,##0.00", **top})
        self._number = book.add_format({"num_format": "0", **top})
        self._day = book.add_format({"num_format": "yyyy-mm-dd", **top})
        self._time = book.add_format({"num_format": "yyyy-mm-dd hh:mm", **top})

    def add(self, name: str, columns: Sequence[_Column], rows: Iterable[Sequence[object]]) -> None:
        """Add one sheet."""
        page = self._book.add_worksheet(name)
        page.write_row(0, 0, [column.title for column in columns], self._head)
        count = 0
        for count, row in enumerate(rows, 1):
            for at, value in enumerate(row):
                text = self._wrapped if columns[at].wraps else self._text
                self._write(page, count, at, value, text)
        for at, column in enumerate(columns):
            page.set_column(at, at, column.width)
        page.freeze_panes(1, 0)
        page.autofilter(0, 0, max(count, 1), len(columns) - 1)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(0)

    def _write(
        self, page: xlsxwriter.worksheet.Worksheet, row: int, at: int, value: object, text: Format
    ) -> None:
        if isinstance(value, Decimal):
            page.write_number(row, at, value, self._money)
        elif isinstance(value, int):
            page.write_number(row, at, value, self._number)
        elif isinstance(value, datetime):
            page.write_datetime(row, at, value, self._time)
        elif isinstance(value, date):
            page.write_datetime(row, at, value, self._day)
        elif value not in (None, ""):
            page.write_string(row, at, _cell(value), text)


def _cell(value: object) -> str:
    """Return the text of a cell; what is longer than a cell ends with …."""
    text = str(value)
    return text if len(text) <= _CELL_LIMIT else text[: _CELL_LIMIT - 1] + "…"


_HELD = [
    _Column("Document", 15),
    _Column("What", 34, wraps=True),
    _Column("Owner", 13),
    _Column("Age (days)", 8),
    _Column("Reason", 20),
    _Column("Where", 24, wraps=True),
    _Column("Found", 44, wraps=True),
    _Column("Expected", 24, wraps=True),
    _Column("Actual", 24, wraps=True),
    _Column("What to do", 36, wraps=True),
    _Column("Gross"),
    _Column("Currency", 9),
    _Column("To type", 60, wraps=True),
]
_POSTED = [
    _Column("Document", 15),
    _Column("Vendor", 36),
    _Column("Number", 18),
    _Column("Date", 11),
    _Column("Gross"),
    _Column("Currency", 9),
    _Column("Origin", 60),
]
_FILED = [
    _Column("Document", 15),
    _Column("Kind", 18),
    _Column("What", 44),
    _Column("From", 44),
    _Column("Origin", 60),
]
_BANK = [
    _Column("Account", 26),
    _Column("Booked", 11),
    _Column("Amount"),
    _Column("Currency", 9),
    _Column("Counterparty", 30),
    _Column("Remittance", 44, wraps=True),
    _Column("State", 11),
    _Column("Suggestion", 30, wraps=True),
    _Column("Confidence", 10),
    _Column("Why", 44, wraps=True),
    _Column("Rivals", 40, wraps=True),
    _Column("To type", 60, wraps=True),
]
_LINES = [
    _Column("Account", 26),
    _Column("Reference", 22),
    _Column("Booked", 11),
    _Column("Amount"),
    _Column("Currency", 9),
    _Column("Counterparty", 30),
    _Column("Outcome", 11),
    _Column("Category", 16),
    _Column("Settles", 40, wraps=True),
]
_MESSAGES = [
    _Column("Received", 16),
    _Column("From", 44),
    _Column("Subject", 44),
    _Column("Outcome", 18),
    _Column("Detail", 60, wraps=True),
    _Column("Message", 24),
]
_TROUBLES = [
    _Column("Of", 50, wraps=True),
    _Column("Reason", 20),
    _Column("What", 70, wraps=True),
    _Column("What to do", 44, wraps=True),
    _Column("To type", 60, wraps=True),
]


def _gross(row: DocumentRow) -> tuple[Decimal | None, str | None]:
    return (row.gross.amount, row.gross.currency) if row.gross else (None, None)


def _held_rows(morning: Morning, row: DocumentRow) -> list[list[object]]:
    lead: list[object] = [row.short_id, row.title, morning.owner(row), morning.age(row)]
    typed = "\n".join(morning.commands(row))
    return [
        [*lead, f.code, f.where, f.message, f.expected, f.actual, f.remedy, *_gross(row), typed]
        for f in row.findings
        if f.blocks
    ]


def _posted_row(row: DocumentRow) -> list[object]:
    issued = date.fromisoformat(row.issue_date) if row.issue_date else None
    return [row.short_id, row.vendor_name, row.number, issued, *_gross(row), row.origin]


def _bank_row(morning: Morning, row: BankRow) -> list[object]:
    t, match = row.transaction, row.match
    settles = ", ".join(brief(a.item_id) for a in match.allocations) if match else ""
    rivals = match.rejected if match else ()
    return [
        t.account,
        t.booking_date,
        t.amount.amount,
        t.amount.currency,
        t.counterparty_name,
        " ".join(t.remittance.split()),
        row.state,
        settles,
        Decimal(str(round(match.confidence, 3))) if match else None,
        brief("; ".join(match.reasons)) if match else "",
        "; ".join(f"{', '.join(map(brief, r.item_ids))}: {r.why}" for r in rivals),
        "\n".join(morning.commands(row)),
    ]


def _line_row(row: BankRow) -> list[object]:
    t, match = row.transaction, row.match
    settles = ", ".join(brief(a.item_id) for a in match.allocations) if match else ""
    return [
        t.account,
        t.bank_reference,
        t.booking_date,
        t.amount.amount,
        t.amount.currency,
        t.counterparty_name,
        row.state,
        match.category if match else None,
        settles,
    ]


def _proof_rows(complete: Completeness) -> list[list[object]]:
    rows: list[list[object]] = []
    for what, total, by in complete.groups:
        rows.append([what, "came in", total])
        rows += [[what, outcome, n] for outcome, n in sorted(by.items())]
    rows += [["proof" if c.holds else "BROKEN", c.text, None] for c in complete.checks]
    return [*rows, ["all", "complete" if complete.is_complete else "NOT COMPLETE", None]]
