"""What people booked without an item, as matching sees it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from app.codec import load
from app.tables import matches, transactions
from matching.habits import BY_HABIT, BY_PERSON, Booking, Habits
from records.banking import BankTransaction
from records.matches import Match


def known_habits(tx: Connection) -> Habits:
    """Return the habits that people's bookings show, and what they undid of them."""
    return Habits(_bookings(tx))


def _bookings(tx: Connection) -> Iterator[Booking]:
    """Yield bookings by people that stand, and bookings by habit that people undid, in order."""
    query = (
        select(matches, transactions.c.data.label("moved"))
        .join(transactions, transactions.c.id == matches.c.transaction_id)
        .where(matches.c.decision == "post")
        .where(matches.c.actor.startswith("person:") | matches.c.undone_at.is_not(None))
        .order_by(matches.c.made_at, matches.c.transaction_id)
    )
    for row in tx.execute(query):
        made = load(Match, row.data)
        undone = row.undone_at is not None
        if made.rule != (BY_HABIT if undone else BY_PERSON):
            continue
        yield Booking(
            transaction_id=row.transaction_id,
            transaction=load(BankTransaction, row.moved),
            category=made.category,
            by=row.actor,
            undone=undone,
        )
