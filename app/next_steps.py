"""What a person types next about something that is held: whole commands, ready to paste."""

from __future__ import annotations

from app.queries import BankRow, DocumentRow, MessageRow
from records.vocabulary import FIELDS

_REASON = '--reason "…"'

#: Reasons that a value of the document is absent or in doubt: entering it comes first.
_VALUES = {
    "missing_field": "FIELD=VALUE",
    "uncertain_field": "FIELD=VALUE",
    "fields_disagree": "FIELD=VALUE",
    "ambiguous_date": "issue_date=2026-01-31",
    "ambiguous_amount": "gross_total=119.00",
    "bad_checksum": "FIELD=VALUE",
    "lines_do_not_sum": "FIELD=VALUE",
    "totals_do_not_sum": "FIELD=VALUE",
    "tax_does_not_sum": "FIELD=VALUE",
    "due_does_not_sum": "FIELD=VALUE",
    "kind_unclear": "type_code=380",
    "no_text": "FIELD=VALUE",
    "no_po": "purchase_order_ref=NUMBER",
}
#: What no posting can be made without; nobody can wave it through.
_NEEDED = {FIELDS[name].label for name in ("currency", "gross_total", "tax_total")}
#: Reasons after which refusing comes first: it was here before, is not for us, or may be a fraud.
_REFUSED = frozenset(
    {
        "duplicate",
        "wrong_buyer",
        "not_postable",
        "we_are_seller",
        "page_contradicts_xml",
        "views_disagree",
        "bank_details_changed",
        "bank_details_cooling",
        "lookalike_sender",
        "sender_not_authentic",
    }
)


def for_document(row: DocumentRow) -> tuple[str, ...]:
    """Return the commands that decide a held document, the likeliest first."""
    if row.state != "held":
        return ()
    codes = [f.code for f in row.findings if f.blocks]
    approve = f"nightclerk approve {row.short_id} {_REASON}"
    reject = f"nightclerk reject {row.short_id} {_REASON}"
    values = next((_VALUES[code] for code in codes if code in _VALUES), None)
    if row.kind in {"unknown", "other"}:
        # Nothing was read that could be approved.
        correct = f"nightclerk correct {row.short_id} {values or 'FIELD=VALUE'} {_REASON}"
        return (correct, reject) if values else (reject, correct)
    adopt = f"nightclerk vendor adopt {row.short_id} NUMBER {_REASON}"
    onward = adopt if "unknown_vendor" in codes else approve
    if not _REFUSED.isdisjoint(codes):
        return (reject, onward)
    if onward is adopt:
        return (adopt, reject)
    if values:
        correct = f"nightclerk correct {row.short_id} {values} {_REASON}"
        missed = {f.expected for f in row.findings if f.code == "missing_field"}
        return (correct, reject) if missed & _NEEDED else (correct, approve, reject)
    return (approve, reject)


def for_line(row: BankRow) -> tuple[str, ...]:
    """Return the commands that decide an open bank line; none while its account waits."""
    name = row.transaction.bank_reference or row.id
    if row.state == "suggested":
        return (
            f"nightclerk approve {name} {_REASON}",
            f"nightclerk assign {name} CATEGORY {_REASON}",
        )
    if row.state in ("open", "partly"):
        return (f"nightclerk assign {name} CATEGORY {_REASON}",)
    return ()


def for_message(row: MessageRow) -> tuple[str, ...]:
    """Return the command that closes what is wrong with a message."""
    is_wrong = any(f.blocks for f in row.findings)
    return (f"nightclerk reject {row.id} {_REASON}",) if is_wrong else ()
