"""The reader: one document's rows in, one Reading out, every field with its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from extractors.pages import header, identifiers, kinds, parties
from extractors.pages.amount_fields import add_lines, add_totals, sums_of
from extractors.pages.chosen import Totals
from extractors.pages.combined import combined
from extractors.pages.draft import Draft
from extractors.pages.figures import Style, style_of
from extractors.pages.header_fields import (
    SURE,
    add_currency,
    add_dates,
    add_parties,
    add_payment,
    add_references,
)
from extractors.pages.layout import Sheet
from extractors.pages.memory import Layout
from extractors.pages.ours import Ours
from extractors.pages.recall import Recall
from extractors.pages.table import Table, read_table
from extractors.pages.totals import choose
from records.documents import Field, Kind, Reading
from records.findings import finding
from records.vocabulary import FIELDS

#: How much page text a Reading keeps, in characters.
TEXT_LIMIT = 60_000


_POSTABLE = frozenset(
    {Kind.INVOICE, Kind.CREDIT_NOTE, Kind.CORRECTED_INVOICE, Kind.SELF_BILLED_INVOICE}
)


_CORE = ("invoice_number", "issue_date", "currency", "gross_total")


def read_sheet(
    sheet: Sheet,
    pages: tuple[int, int] | None,
    ours: Ours,
    layouts: Sequence[Layout] = (),
) -> Reading:
    """Read one document. Never raises on bad data; what is unsure is a Finding.

    `layouts` are those that corrections taught.
    """
    draft = Draft(sheet)
    recall = Recall(sheet, layouts)
    found = kinds.titles(sheet)
    classified = kinds.classify(sheet, found)
    style, table, totals = _amounts(draft, recall)
    accounts = list(identifiers.ibans(sheet))
    vats = list(identifiers.vat_ids(sheet, accounts))
    people = parties.find_parties(sheet, table.rows, vats, accounts, ours)
    joint = list(combined(sheet))
    references = header.references(sheet, table.rows, joint)
    kind = recall.kind(_kind(draft, classified, totals))
    evidence = add_currency(draft, totals)
    add_references(draft, references, kind, [*vats, *accounts])
    order = add_dates(draft, table.rows, joint, evidence, vats, recall.order)
    add_parties(draft, people, evidence)
    add_payment(draft, accounts)
    sign = _sign(kind, totals)
    add_totals(draft, totals, sign, style)
    add_lines(draft, table, totals, style, sign)
    recall.add_lines(draft, table.told)
    recall.add(draft, style, order)
    if kind in _POSTABLE:
        _demand_core(draft)
    elif kind is not Kind.UNKNOWN:
        draft.findings.append(
            finding("not_an_invoice", actual=kind.value.replace("_", " "), expected="invoice")
        )
    return Reading(
        kind=kind,
        fields=tuple(draft.fields),
        findings=tuple(draft.findings),
        pages=pages,
        text=sheet.text[:TEXT_LIMIT],
        recalled=tuple(recall.outcome),
    )


def _kind(draft: Draft, classified: kinds.Classified, totals: Totals) -> Kind:
    kind, sure, title, rival = classified
    if rival is not None:
        draft.findings.append(
            finding(
                "uncertain_field",
                where="Kind of document",
                message="Two titles stand against each other",
                expected=kind.value.replace("_", " "),
                actual=rival.kind.value.replace("_", " "),
            )
        )
    if kind is Kind.UNKNOWN and "gross_total" in totals.proved:
        draft.findings.append(
            finding(
                "uncertain_field",
                where="Kind of document",
                message="The amounts look like an invoice, but no title says so",
            )
        )
        return Kind.INVOICE
    code = kinds.TYPE_CODES.get(kind)
    if code:
        place, text = None, ""
        if title is not None:
            place = draft.place(title.row, title.first, title.last)
            text = title.row.words(title.first, title.last)
        draft.fields.append(
            Field(
                name="type_code",
                value=code,
                text=text,
                confidence=round(min(sure, 0.98), 2),
                place=place,
                by=draft.sheet.by,
                why=f"titled '{text}'" if text else "the word invoice occurs, without a title",
            )
        )
    return kind


def _sign(kind: Kind, totals: Totals) -> int:
    """Return -1 where a credit note prints negative amounts: its code carries the sign."""
    gross = totals.value("gross_total")
    return -1 if kind is Kind.CREDIT_NOTE and gross is not None and gross < 0 else 1


def _amounts(draft: Draft, recall: Recall) -> tuple[Style, Table, Totals]:
    figures = [f for row in draft.sheet.rows for f in row.figures]
    style = style_of(figures) or recall.style
    if style is not None:
        table = _table(draft, style, recall)
        return style, table, _chosen(draft, table, style, recall)
    tried = []
    for option in (Style.POINT, Style.COMMA):
        table = _table(draft, option, recall)
        tried.append((option, table, _chosen(draft, table, option, recall)))
    tried.sort(key=lambda t: -t[2].score)
    best, other = tried
    gross = best[2].chosen.get("gross_total")
    if gross is not None and gross.figure.is_ambiguous and other[2].score > best[2].score - 0.5:
        draft.findings.append(
            finding("ambiguous_amount", where="Gross total", actual=gross.figure.text)
        )
    return best


def _table(draft: Draft, style: Style, recall: Recall) -> Table:
    return read_table(draft.sheet, style, recall.heads, recall.total_rows)


def _chosen(draft: Draft, table: Table, style: Style, recall: Recall) -> Totals:
    sums = sums_of(table.items, style)
    totals = choose(draft.sheet, style, table.rows, sums)
    told = recall.amounts(style, totals)
    return choose(draft.sheet, style, table.rows, sums, told) if told else totals


def _demand_core(draft: Draft) -> None:
    best: dict[str, Field] = {}
    for item in draft.fields:
        if item.name in _CORE and item.line is None:
            best.setdefault(item.name, item)
    reported = {f.where for f in draft.findings}
    for name in _CORE:
        label = FIELDS[name].label
        field = best.get(name)
        if field is None:
            if label not in reported:
                draft.findings.append(finding("missing_field", where=label))
        elif field.confidence < SURE:
            draft.findings.append(
                finding(
                    "uncertain_field",
                    where=label,
                    actual=field.text or field.value,
                    message=f"The {label.lower()} is uncertain: {field.why}",
                )
            )
