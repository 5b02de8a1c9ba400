"""Twins: a payable that we posted ourselves and that another list of the office holds as well.

It is one debt. Both are of one vendor (by id, else VAT id and name, never by
the account an invoice printed) and bear one number, however it is printed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from matching.duplicates import number_forms
from matching.vendors import VendorDirectory, VendorGroup
from records.banking import OpenItem
from records.invoices import Party


def twins(
    listed: Iterable[OpenItem], ours: Sequence[OpenItem], vendors: VendorDirectory
) -> dict[str, str]:
    """Return the ids of our payables that are listed too, each with the listed one's id."""
    wanted = {form for item in ours for form in _forms(item)}
    if not wanted:
        return {}
    known: defaultdict[str, list[OpenItem]] = defaultdict(list)
    for item in listed:
        if item.kind.startswith("ap_"):
            for form in _forms(item):
                if form in wanted:
                    known[form].append(item)
    found: dict[str, str] = {}
    for item in ours:
        same = [o for form in _forms(item) for o in known[form] if _are_one(item, o, vendors)]
        if same:
            found[item.id] = min(same, key=lambda o: (o.gross != item.gross, o.id)).id
    return found


def _forms(item: OpenItem) -> tuple[str, ...]:
    return number_forms(item.number) if item.number else ()


def _are_one(ours: OpenItem, listed: OpenItem, vendors: VendorDirectory) -> bool:
    """Say whether both are one debt; where numbers start anew each year, the day tells."""
    if ours.kind != listed.kind or ours.gross.currency != listed.gross.currency:
        return False
    same_day = ours.issue_date is not None and ours.issue_date == listed.issue_date
    mine, theirs = _owner(ours, vendors), _owner(listed, vendors)
    if mine is None or theirs is None:
        return mine is theirs and same_day and ours.gross == listed.gross
    undated = ours.issue_date is None or listed.issue_date is None
    return mine.id == theirs.id and (same_day or undated or ours.gross == listed.gross)


def _owner(item: OpenItem, vendors: VendorDirectory) -> VendorGroup | None:
    if item.party_id:
        return vendors.group_of(item.party_id)
    return vendors.identify(Party(name=item.party_name, vat_id=item.party_vat_id)).group
