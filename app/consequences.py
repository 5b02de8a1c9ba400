"""What settling an item changes besides: the tax of a discount, the gain or loss of an exchange."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, select

from app.codec import load, unplain
from app.masterdata import KINDS, every
from app.tables import invoices, records
from matching.payment_proposals import KEPT_BACK
from matching.vat import tax_of
from records.banking import FxRate, OpenItem
from records.invoices import Invoice, ReceivedInvoice
from records.matches import Adjustment, Match
from records.money import Money, digits_of, round_half_up

#: A rate older than this says nothing of a day.
_STALE = timedelta(days=7)


def with_consequences(tx: Connection, match: Match) -> Match:
    """Return the match as it is booked, with what follows from it as further adjustments.

    `tax_correction` is the tax in a discount taken: less was paid, so less tax
    is owed or deducted. `realised_difference` is the cash less what the item
    was worth on its own day. Signed like the cash. Where tax or rates are not
    known there is none.
    """
    further = tuple(
        made
        for one in match.adjustments
        if one.item_id and (made := _consequence(tx, match, one, one.item_id))
    )
    return dataclasses.replace(match, adjustments=(*match.adjustments, *further))


def _consequence(
    tx: Connection, match: Match, cause: Adjustment, item_id: str
) -> Adjustment | None:
    if cause.kind == "skonto_writeoff":
        paper = _paper(tx, item_id)
        charged = tax_of(paper) if paper else None
        if paper is None or not charged or not paper.gross_total:
            return None
        tax = cause.amount.amount * charged / paper.gross_total
        return _adjustment("tax_correction", tax, cause.amount.currency, item_id)
    if cause.kind != "fx_and_charges":
        return None
    cash = [a.amount.amount for a in match.allocations if a.item_id == item_id]
    of_item = _currency_and_day(tx, item_id)
    if len(cash) != 1 or of_item is None:
        return None
    currency, issued = of_item
    booked = _worth(tx, cash[0] + cause.amount.amount, currency, cause.amount.currency, issued)
    if booked is None:
        return None
    difference = cash[0] - booked
    return _adjustment("realised_difference", difference, cause.amount.currency, item_id)


def _adjustment(kind: str, amount: Decimal, currency: str, item_id: str) -> Adjustment | None:
    rounded = round_half_up(amount, digits_of(currency))
    return Adjustment(kind, Money(rounded, currency), False, item_id) if rounded else None


def _paper(tx: Connection, item_id: str) -> Invoice | None:
    """Return the invoice an item is: ours, or the one another system gave us."""
    base = item_id.removesuffix(KEPT_BACK)
    ours = tx.execute(select(invoices.c.data).where(invoices.c.document_id == base)).scalar()
    if ours is not None:
        return unplain(Invoice, ours)
    given = _record(tx, KINDS[ReceivedInvoice].kind, base)
    return load(ReceivedInvoice, given).invoice if given else None


def _currency_and_day(tx: Connection, item_id: str) -> tuple[str, date] | None:
    given = _record(tx, KINDS[OpenItem].kind, item_id)
    if given:
        item = load(OpenItem, given)
        return (item.gross.currency, item.issue_date) if item.issue_date else None
    paper = _paper(tx, item_id)
    if paper is None or paper.currency is None or paper.issue_date is None:
        return None
    return paper.currency, paper.issue_date


def _record(tx: Connection, kind: str, record_id: str) -> str | None:
    query = select(records.c.data).where(records.c.kind == kind, records.c.id == record_id)
    return tx.execute(query).scalar()


def _worth(
    tx: Connection, amount: Decimal, currency: str, wanted: str, day: date
) -> Decimal | None:
    """Return an amount in another currency at the mid rate of a day, or of the last before it."""
    rate, other = _rate(tx, currency, day), _rate(tx, wanted, day)
    return None if rate is None or other is None else amount * rate / other


def _rate(tx: Connection, currency: str, day: date) -> Decimal | None:
    if currency == "EUR":
        return Decimal(1)
    known: Iterator[FxRate] = every(tx, FxRate)
    fitting = [r for r in known if r.currency == currency and day - _STALE <= r.date <= day]
    return max(fitting, key=lambda r: r.date).eur_per_unit if fitting else None
