"""Reconciliation: bank movements against the books, posted, suggested or taken back.

Every night looks again at what is open, together with the posted movements of
the last months: a return is about a payment of an earlier night, and who pays
from which account was learned there. What is posted stays posted; where a new
look at it would give another answer, nothing further is posted to its items.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select, update

from app.audit import Entry, record
from app.bank_books import Settled, gather_again, gather_books
from app.closing import closed_until
from app.codec import dump, load
from app.consequences import with_consequences
from app.habits import known_habits
from app.ledger import match_postings, match_taken_back
from app.office import Office
from app.payers import doubt_payer, remember_payers
from app.store import brief, lock, note, upsert, write_posting
from app.tables import (
    allocations,
    forbidden,
    matches,
    postings,
    transactions,
)
from matching.habits import BY_HABIT, BY_PERSON
from matching.payments import Books, IdentifiedTransaction, reconcile
from matching.payments.batches import assigned, further, with_rest
from records.banking import (
    BankTransaction,
)
from records.failures import KnownFailure, Unavailable
from records.findings import finding
from records.matches import Decision, Match
from records.money import Money

#: How far back posted movements are looked at again: returns of direct debits
#: come within eight weeks, or thirteen months where a mandate was missing (rare).
HINDSIGHT_DAYS = 120
#: Matches are not settled while they are one of these; of a batch that is
#: `partly` posted, what is posted stays, and the rest is looked at again.
UNSETTLED = ("new", "suggested", "open", "partly")

#: What an item is short by and still owed: nobody gave it away.
RESIDUALS = frozenset({"short_payment"})

#: What a movement that settles no item can be, besides an account of the ledger.
CATEGORIES = ("fee", "interest", "payroll", "private", "recurring", "tax", "transfer")


def reconcile_bank(office: Office, target: str | None) -> dict[str, int]:
    """Match every movement that is not settled yet; return counts by decision.

    What is within the error budget is posted (allocations, outbox, audit), the
    rest is shown with its rivals. The whole set is solved together.
    """
    with office.database.begin() as tx:
        waiting = _movements(tx, transactions.c.state.in_(UNSETTLED))
        if not waiting:
            return {}
        posted = _movements(
            tx,
            transactions.c.state == "posted",
            transactions.c.booking_date >= _hindsight(tx).isoformat(),
        )
        partly = {name for name, _ in _movements(tx, transactions.c.state == "partly")}
        books, stored = gather_again(tx, {name for name, _ in posted} | partly)
        habits = known_habits(tx)
        stamp = _stamp(tx)
    made = {
        m.transaction_id: m for m in reconcile([*posted, *waiting], books, office.settings.payments)
    }
    disputed = _disputed(stored, (made[name] for name in stored), partly)
    chosen = [
        # A batch is nobody's habit: each of its payments is another one.
        _not_undone(match if moved.details else habits.explain(moved, match), books)
        for name, moved in waiting
        for match in [_undisputed(made[name], disputed)]
    ]
    with office.database.begin() as tx:
        lock(tx, "reconcile")
        if _stamp(tx) != stamp:
            raise Unavailable("The books changed while matching; it is done again.")
        return keep_matches(tx, office, target, dict(waiting), chosen)


def _not_undone(match: Match, books: Books) -> Match:
    """Return the match; what a person undid of a line without items is not posted again."""
    undone = (match.transaction_id, _as_item(match.category)) in books.forbidden
    if not undone or match.allocations or match.decision is not Decision.POST:
        return match
    why = f"a person took {match.category} back"
    return dataclasses.replace(match, decision=Decision.NONE, reasons=(*match.reasons, why))


def _as_item(category: str) -> str:
    """Return how `forbidden` names a match that settled no item."""
    return f"category:{category}"


def _movements(tx: Connection, *where: Any) -> list[IdentifiedTransaction]:
    query = select(transactions.c.id, transactions.c.data).where(*where)
    rows = tx.execute(query.order_by(transactions.c.id))
    return [(row.id, load(BankTransaction, row.data)) for row in rows]


def _hindsight(tx: Connection) -> date:
    """Return the first day whose posted movements are looked at again."""
    newest = select(func.min(transactions.c.booking_date)).where(transactions.c.state == "new")
    latest = select(func.max(transactions.c.booking_date))
    day = tx.execute(newest).scalar() or tx.execute(latest).scalar()
    if day is None:
        return date.min
    return date.fromisoformat(day) - timedelta(days=HINDSIGHT_DAYS)


def _disputed(stored: dict[str, Settled], made: Iterable[Match], partly: set[str]) -> set[str]:
    """Return the items that posted movements would settle otherwise than they did.

    Those posted `partly` may settle further items.
    """
    disputed: set[str] = set()
    for match in made:
        before = stored[match.transaction_id]
        now: Settled = {}
        if match.decision is Decision.POST:
            now = {
                row["item_id"]: (row["amount_minor"], row["writeoff_minor"])
                for row in _applied(match, 0)
            }
        known = before.keys() | (() if match.transaction_id in partly else now.keys())
        disputed.update(i for i in known if before.get(i) != now.get(i))
    return disputed


def _undisputed(match: Match, disputed: set[str]) -> Match:
    """Return the match, only suggested where it would touch a disputed item."""
    items = sorted({a.item_id for a in match.allocations} & disputed)
    if match.decision is not Decision.POST or not items:
        return match
    why = f"an earlier posted movement settled {', '.join(items)} otherwise than it would today"
    return dataclasses.replace(match, decision=Decision.SUGGEST, reasons=(*match.reasons, why))


def _stamp(tx: Connection) -> tuple[int, int]:
    """Return what changes whenever anyone else posts or undoes a match."""
    return (
        tx.execute(select(func.count()).select_from(allocations)).scalar_one(),
        tx.execute(select(func.count()).select_from(forbidden)).scalar_one(),
    )


def keep_matches(
    tx: Connection,
    office: Office,
    target: str | None,
    given: Mapping[str, BankTransaction],
    made: Sequence[Match],
) -> dict[str, int]:
    """Write what the matcher found; return counts by what became of the lines."""
    now = office.now()
    earlier = _newest_matches(tx)
    closed = closed_until(tx)
    rows, applied, entries, postings = [], [], [], []
    states: dict[str, list[str]] = defaultdict(list)
    for match in made:
        before = earlier.get(match.transaction_id, (0, ""))
        data = dump(match)
        if data == before[1]:
            continue  # nothing new is known of this line: last night's suggestion stands
        news = match
        if before[1] and (begun := load(Match, before[1])).decision is Decision.POST:
            more = further(begun, match)
            if more is None:
                continue  # what is posted of a batch stays as it is
            news = more
        revision = before[0] + 1
        state = _state(match)
        states[state].append(match.transaction_id)
        rows.append(
            {
                "transaction_id": match.transaction_id,
                "revision": revision,
                "category": match.category,
                "decision": match.decision.value,
                "confidence": match.confidence,
                "data": data,
                "made_at": now,
                "actor": office.actor,
            }
        )
        if match.decision is Decision.POST:
            applied += _applied(match, revision)
            entries.append(
                Entry(action="match", subject=match.transaction_id, evidence=_evidence(match))
            )
            moved = given[match.transaction_id]
            late = _is_signed(moved, closed)
            if late:
                where = f"{moved.account}, {moved.booking_date}"
                problem = finding("period_signed", where=where)
                note(tx, office, "transaction", match.transaction_id, "match", [problem])
            if target and (news is match or news.allocations or news.adjustments):
                told = with_consequences(tx, news)
                made_now = match_postings(target, told, moved, revision, further=news is not match)
                today = office.today()
                postings += [dataclasses.replace(p, date=today) if late else p for p in made_now]
    upsert(tx, matches, rows)
    upsert(tx, allocations, applied)
    remember_payers(tx, office, ((given[m.transaction_id], m) for m in made))
    for state, ids in states.items():
        for start in range(0, len(ids), 500):
            tx.execute(
                update(transactions)
                .where(transactions.c.id.in_(ids[start : start + 500]))
                .values(state=state)
            )
    write_posting(tx, office, postings)
    record(tx, office, entries)
    return {state: len(ids) for state, ids in states.items()}


def _is_signed(moved: BankTransaction, closed: dict[str, date]) -> bool:
    """Say whether somebody signed off the account's books until after this movement."""
    signed = closed.get(moved.account)
    return signed is not None and moved.booking_date is not None and moved.booking_date <= signed


def _newest_matches(tx: Connection) -> dict[str, tuple[int, str]]:
    """Return revision and data of the newest match of every line that is not settled."""
    rows = tx.execute(
        select(matches.c.transaction_id, matches.c.revision, matches.c.data, matches.c.undone_at)
        .join(transactions, transactions.c.id == matches.c.transaction_id)
        .where(transactions.c.state.in_(UNSETTLED))
        .order_by(matches.c.revision)
    )
    return {r.transaction_id: (r.revision, "" if r.undone_at else r.data) for r in rows}


def _state(match: Match) -> str:
    if match.decision is Decision.POST:
        return "partly" if match.is_partial else "posted"
    is_habit = match.rule == BY_HABIT and match.decision is Decision.SUGGEST
    return "suggested" if match.allocations or is_habit else "open"


def _applied(match: Match, revision: int) -> list[dict[str, Any]]:
    written_off: dict[str, Decimal] = defaultdict(Decimal)
    for adjustment in match.adjustments:
        if adjustment.item_id and not adjustment.is_cash and adjustment.kind not in RESIDUALS:
            written_off[adjustment.item_id] += adjustment.amount.amount
    merged: dict[str, Money] = {}
    for one in match.allocations:
        held = merged.get(one.item_id)
        merged[one.item_id] = one.amount if held is None else held + one.amount
    return [
        {
            "transaction_id": match.transaction_id,
            "item_id": item_id,
            "revision": revision,
            "amount_minor": amount.minor,
            "writeoff_minor": Money(written_off[item_id], amount.currency).minor,
            "currency": amount.currency,
        }
        for item_id, amount in merged.items()
    ]


def _evidence(match: Match) -> dict[str, Any]:
    return {
        "category": match.category,
        "items": {a.item_id: str(a.amount) for a in match.allocations},
        "confidence": round(match.confidence, 6),
        "rule": match.rule,
        "reasons": list(match.reasons),
    }


def assign_line(office: Office, transaction_id: str, category: str, reason: str) -> None:
    """Book a line that settles no item to a category, as a person says; the like is learned.

    Of a batch that is posted in part, that is the rest, of which nothing is learned.

    `category` is one of `CATEGORIES`, or an account of the ledger. KnownFailure
    when it is neither, or the line is not there, not proven yet, or posted.
    """
    if category not in CATEGORIES and not category.isdigit():
        raise KnownFailure(
            f"{category!r} is no category. Use an account of the ledger (digits), or one of "
            f"{', '.join(CATEGORIES)}."
        )
    with office.database.begin() as tx:
        lock(tx, "reconcile")
        moved = _unsettled(tx, transaction_id)
        why = f"{office.actor.removeprefix('person:')}: {reason or 'no reason given'}"
        match = Match(
            transaction_id=transaction_id,
            category=category,
            confidence=1.0,
            decision=Decision.POST,
            rule=BY_PERSON,
            reasons=(why,),
        )
        said = _newest_matches(tx).get(transaction_id, (0, ""))[1]
        if said and (begun := load(Match, said)).decision is Decision.POST:
            match = assigned(begun, category, why)
        keep_matches(tx, office, _target(office), {transaction_id: moved}, [match])


def accept_match(office: Office, transaction_id: str, reason: str) -> Match:
    """Post what was suggested for a line, as a person says; return what was posted.

    Of a batch that is posted in part, that is what was suggested for the rest.
    KnownFailure when the line is not there, not proven yet or posted, when
    nothing is suggested, or an item is no longer open for that much.
    """
    with office.database.begin() as tx:
        lock(tx, "reconcile")
        moved = _unsettled(tx, transaction_id)
        data = _newest_matches(tx).get(transaction_id, (0, ""))[1]
        match = load(Match, data) if data else None
        why = f"{office.actor.removeprefix('person:')} accepts it: {reason or 'no reason given'}"
        if match is not None and match.rest is not None and match.decision is Decision.POST:
            rest = match.rest
            accepted = dataclasses.replace(
                match, allocations=rest.allocations, adjustments=rest.adjustments
            )
            match = with_rest(match, why)
        elif match is not None and _state(match) == "suggested":
            match = accepted = dataclasses.replace(
                match,
                decision=Decision.POST,
                rule=match.rule if match.allocations else BY_PERSON,
                reasons=(*match.reasons, why),
            )
        else:
            raise KnownFailure(
                f"nothing is suggested for {transaction_id}. "
                "Book it with `nightclerk assign`, or wait for what it pays."
            )
        _must_be_open(tx, accepted)
        keep_matches(tx, office, _target(office), {transaction_id: moved}, [match])
    return accepted


def _must_be_open(tx: Connection, match: Match) -> None:
    """Refuse a suggestion that is older than the books: it would settle more than is left."""
    wanted = {
        row["item_id"]: row["amount_minor"] + row["writeoff_minor"] for row in _applied(match, 0)
    }
    suggested = select(func.max(matches.c.made_at)).where(
        matches.c.transaction_id == match.transaction_id
    )
    since = select(allocations.c.item_id).join(
        matches,
        (matches.c.transaction_id == allocations.c.transaction_id)
        & (matches.c.revision == allocations.c.revision),
    )
    since = since.where(matches.c.made_at > suggested.scalar_subquery())
    stale = set(tx.execute(since).scalars()) & wanted.keys()
    for item in gather_books(tx).items if wanted else ():
        amount = wanted.get(item.id, 0)
        # What has the other sign reopens the item: there is always room for it.
        if item.open is not None and amount * item.gross.minor > 0:
            left = item.open.minor
            if left * amount <= 0 or abs(amount) > abs(left):
                stale.add(item.id)
    if stale:
        raise KnownFailure(
            f"{', '.join(sorted(map(brief, stale)))} is no longer open for that much. "
            "`nightclerk run statements` looks at the line again."
        )


def _unsettled(tx: Connection, transaction_id: str) -> BankTransaction:
    query = select(transactions.c.state, transactions.c.data)
    row = tx.execute(query.where(transactions.c.id == transaction_id)).first()
    if row is None:
        raise KnownFailure(f"{brief(transaction_id)} is no bank line.")
    if row.state not in UNSETTLED:
        raise KnownFailure(f"{transaction_id} is {row.state}; only open lines are decided.")
    return load(BankTransaction, row.data)


def _target(office: Office) -> str | None:
    bot = office.settings.bots.get("statements")
    return None if bot is None else str(bot.post_to)


def undo_match(
    office: Office, transaction_id: str, reason: str, wrong: Collection[str] = ()
) -> None:
    """Take a posted match back: items reopen, and the same match is never made again.

    With `wrong` items, only these are never settled by the line again; the
    others may be. What was written is taken back by rows of the opposite sign.
    KnownFailure when it is no bank line, none with a posted match, or the match
    did not settle one of the items.
    """
    now = office.now()
    with office.database.begin() as tx:
        lock(tx, "reconcile")
        row = tx.execute(
            select(transactions.c.state, transactions.c.data).where(
                transactions.c.id == transaction_id
            )
        ).first()
        if row is None:
            raise KnownFailure(f"{brief(transaction_id)} is no bank line; only matches are undone.")
        if row.state not in ("posted", "partly"):
            raise KnownFailure(f"{transaction_id} is {row.state}; it has no posted match to undo.")
        newest = (
            select(matches.c.revision, matches.c.data)
            .where(matches.c.transaction_id == transaction_id, matches.c.undone_at.is_(None))
            .order_by(matches.c.revision.desc())
            .limit(1)
        )
        revision, data = tx.execute(newest).one()
        match = load(Match, data)
        items = sorted({a.item_id for a in match.allocations})
        if strange := sorted(set(wrong) - set(items)):
            raise KnownFailure(
                f"{transaction_id} does not settle {', '.join(strange)}, "
                f"only {', '.join(items) or 'no item at all'}."
            )
        never = sorted(wrong) or items or [_as_item(match.category)]
        upsert(
            tx,
            forbidden,
            [
                {
                    "transaction_id": transaction_id,
                    "item_id": item,
                    "reason": reason,
                    "by": office.actor,
                    "at": now,
                }
                for item in never
            ],
        )
        tx.execute(allocations.delete().where(allocations.c.transaction_id == transaction_id))
        tx.execute(
            update(matches)
            .where(matches.c.transaction_id == transaction_id, matches.c.undone_at.is_(None))
            .values(undone_at=now)
        )
        tx.execute(
            update(transactions).where(transactions.c.id == transaction_id).values(state="new")
        )
        doubt_payer(tx, transaction_id, now)
        _write_back(tx, office, match, load(BankTransaction, row.data), revision)
        evidence = {"items": items, "wrong": never, "reason": reason}
        record(tx, office, [Entry(action="undo", subject=transaction_id, evidence=evidence)])


def _write_back(
    tx: Connection, office: Office, match: Match, moved: BankTransaction, revision: int
) -> None:
    """Take back, in every target, what the undone match wrote there."""
    written = select(postings.c.target).where(
        postings.c.kind == "match", postings.c.subject == match.transaction_id
    )
    is_late = _is_signed(moved, closed_until(tx))
    for target in sorted(set(tx.execute(written).scalars())):
        back = match_taken_back(target, match, moved, revision)
        date_of = office.today() if is_late else back.date
        write_posting(tx, office, [dataclasses.replace(back, date=date_of)])
