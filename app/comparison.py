"""Comparison: what two trials of one folder decided otherwise, and why.

The second trial is made under another configuration, or with another version
of the program. Both wrote `matches.jsonl` and `invoices.jsonl`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from records.failures import KnownFailure
from records.postings import Value

MATCHES, INVOICES = "matches.jsonl", "invoices.jsonl"
_ABSENT = "not there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One bank line or invoice that is decided otherwise.

    `before` and `now` begin with what becomes of it (posted, suggested, left
    open, matched, exception …); `kind` is that alone, for counting.
    """

    about: str
    id: str
    date: date | None
    amount: Decimal | None
    currency: str | None
    party: str | None
    kind: str
    before: str
    now: str
    why_before: str
    why_now: str

    def line(self) -> dict[str, Value]:
        """Return the change as a row of a sheet."""
        return {
            "What": self.about,
            "Reference": self.id,
            "Date": self.date,
            "Amount": self.amount,
            "Currency": self.currency,
            "Party": self.party,
            "Change": self.kind,
            "Before": self.before,
            "Now": self.now,
            "Why before": self.why_before,
            "Why now": self.why_now,
        }


@dataclass(frozen=True, slots=True)
class _Decided:
    """What one trial decided: the outcome in a word, all of it in words, and why."""

    outcome: str
    all: str
    why: str


def changes(earlier: Path, later: Path) -> Iterator[Change]:
    """Yield what `later` decided otherwise than `earlier`, bank lines first.

    Both are folders that trials wrote. KnownFailure when one is none. Order
    and wording of reasons are no difference; items, amounts, categories,
    exceptions and what is posted are.
    """
    yield from _compared("bank line", earlier / MATCHES, later / MATCHES, "transaction_id", _line)
    yield from _compared("invoice", earlier / INVOICES, later / INVOICES, "invoice_id", _invoice)


def counted(found: Sequence[Change]) -> list[str]:
    """Return the kinds of change with how many there are of each, most frequent first."""
    kinds = Counter((change.about, change.kind) for change in found)
    return [
        f"{n} {about}{'s' if n > 1 else ''}: {kind}" for (about, kind), n in kinds.most_common()
    ]


def write_changes(path: Path, found: Sequence[Change]) -> None:
    """Write the changes as JSON lines."""
    with path.open("w", encoding="utf-8") as out:
        for change in found:
            out.write(json.dumps(asdict(change), ensure_ascii=False, default=str) + "\n")


def _compared(about: str, earlier: Path, later: Path, key: str, decided: Any) -> Iterator[Change]:
    before = {row[key]: decided(row) for row in _rows(earlier, key)}
    for row in _rows(later, key):
        was = before.pop(row[key], None)
        now = decided(row)
        if was is None or (was.outcome, was.all) != (now.outcome, now.all):
            yield _change(about, row, was, now)
    if before:
        for row in _rows(earlier, key):
            was = before.get(row[key])
            if was is not None:
                yield _change(about, row, was, None)


def _rows(path: Path, key: str) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for text in lines:
                row = json.loads(text)
                if key not in row:
                    raise ValueError(f"a line without {key}")
                yield row
    except (OSError, ValueError) as error:
        raise KnownFailure(
            f"{path} cannot be compared ({error}). Name the folder that an earlier "
            "`nightclerk try` wrote, and run that trial again if an older version made it."
        ) from None


def _change(about: str, row: dict[str, Any], was: _Decided | None, now: _Decided | None) -> Change:
    day, amount = row.get("booking_date") or row.get("issue_date"), row.get("amount")
    amount = amount or row.get("gross")
    outcomes = (was.outcome if was else _ABSENT, now.outcome if now else _ABSENT)
    kind = " before, ".join(outcomes) + " now"
    if outcomes[0] == outcomes[1]:
        kind = f"{outcomes[1]} before and now, but otherwise"
    return Change(
        about=about,
        id=row.get("bank_line_id") or row.get("number") or row["invoice_id"],
        date=date.fromisoformat(day) if day else None,
        amount=Decimal(amount) if amount else None,
        currency=row.get("currency"),
        party=row.get("counterparty") or row.get("vendor_name"),
        kind=kind,
        before=was.all if was else _ABSENT,
        now=now.all if now else _ABSENT,
        why_before=was.why if was else "",
        why_now=now.why if now else "",
    )


def _line(row: dict[str, Any]) -> _Decided:
    items = [f"{a['item_id']} {a['amount']}" for a in row["allocations"]]
    items += [f"{a['kind']} {a['amount']}" for a in row["adjustments"]]
    outcome = "posted" if row["decision"] == "post" else "suggested" if items else "left open"
    what = f"{row['category']}: {', '.join(sorted(items))}" if items else row["category"]
    return _Decided(outcome, f"{outcome}: {what}", "; ".join(row["reasons"]))


def _invoice(row: dict[str, Any]) -> _Decided:
    outcome = "posted" if row["decision"] == "post" else "held"
    said = [row["status"], *sorted(row["exceptions"])]
    if row["duplicate_of"]:
        said.append(f"of {row['duplicate_of']}")
    orders = sorted(f"{p['po_id']}/{p['po_line']} {p['qty']}" for p in row["po_lines"])
    what = " ".join(said) + (f": {', '.join(orders)}" if orders else "")
    return _Decided(outcome, f"{outcome}: {what}", ", ".join(row["reasons"]))
