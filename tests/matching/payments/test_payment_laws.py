"""What holds for any books and any bank lines, whatever they say.

Nothing over-allocated, every amount exact, every line accounted for, the order
of the input irrelevant, the forbidden never back, night after night.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paybook import DAY, OWN, books, item, line

from matching.payments import Books, IdentifiedTransaction, PaymentPolicy, reconcile
from records.banking import (
    BankTransaction,
    FxRate,
    OpenItem,
    PaymentRun,
    PaymentRunItem,
    TransactionDetail,
)
from records.matches import Decision, Match
from records.money import Money

PARTIES = [
    ("Hofer Glasbau GmbH", "DE89370400440532013000"),
    ("Hofer Glasbau KG", None),
    ("Karl Ödegård", "DE75512108001245126199"),
    ("Thal & Söhne OHG", "AT611904300234573201"),
]
#: Few amounts, so that they collide; and amounts that sum to each other.
AMOUNTS = ["100.00", "100.00", "250.00", "350.00", "98.00", "0.01", "1234.56", "-40.00", "-100.00"]
WORDS = [
    "",
    "Zahlung",
    "Teilzahlung",
    "abz. Skonto",
    "abz. Frachtschaden",
    "a conto",
    "RUECKLASTSCHRIFT AM04",
    "CHARGEBACK",
    "Rueckzahlung Doppelzahlung",
    "Sammelzahlung",
    "SAMMLER ANZ 2",
    "Entgelt",
    "Auslandszahlung",
]


@st.composite
def situations(draw: st.DrawFn) -> tuple[Books, list[IdentifiedTransaction]]:
    """Draw books and lines that are about them, more or less."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    items: list[OpenItem] = []
    for n in range(draw(st.integers(0, 12))):
        side = rng.choice(["AR", "AR", "AP"])
        party, iban = rng.choice(PARTIES)
        gross = Decimal(rng.choice(AMOUNTS)) * (1 if side == "AR" else -1)
        issue = DAY - timedelta(days=rng.randrange(-5, 60))
        left = rng.choice(
            [None, None, None, "0.00", str(gross), str((gross / 2).quantize(Decimal("0.01")))]
        )
        skonto = rng.choice([None, "2"])
        items.append(
            item(
                f"{side}{n}",
                str(gross),
                party=party,
                iban=iban,
                number=rng.choice([f"RG-2026-{n:04d}", f"{70000 + n}", "RG-2026-0001"]),
                issue=issue,
                currency=rng.choice(["EUR", "EUR", "EUR", "USD"]),
                open=left,
                skonto=skonto,
                until=issue + timedelta(days=14) if skonto else None,
                order=rng.choice([None, f"PO-{n:05d}"]),
            )
        )
    runs, rows = _runs(rng, items)
    lines = [_line(rng, n, items) for n in range(draw(st.integers(0, 14)))]
    if rng.random() < 0.4:
        lines = batched(lines, rng)
    rates = (FxRate(date=DAY, currency="USD", eur_per_unit=Decimal("0.9")),)
    return books(items, payment_runs=runs, payment_run_items=rows, fx_rates=rates), lines


def _runs(
    rng: random.Random, items: Sequence[OpenItem]
) -> tuple[tuple[PaymentRun, ...], tuple[PaymentRunItem, ...]]:
    payable = [i for i in items if i.id.startswith("AP") and i.gross.currency == "EUR"]
    if not payable:
        return (), ()
    chosen = rng.sample(payable, rng.randrange(1, len(payable) + 1))
    rows = tuple(
        PaymentRunItem(run_id="R1", end_to_end_id=f"E{n}", item_id=i.id, amount=-i.gross)
        for n, i in enumerate(chosen)
    )
    run = PaymentRun(
        id="R1",
        kind="pain.001",
        execution_date=DAY,
        account_id=OWN.id,
        batch_id="MSG-1",
        count=len(rows),
        total=Money(sum((r.amount.amount for r in rows), Decimal(0)), "EUR"),
    )
    return (run,), rows


def _line(rng: random.Random, number: int, items: Sequence[OpenItem]) -> IdentifiedTransaction:
    chosen = rng.sample(items, min(len(items), rng.choice([0, 1, 1, 1, 2, 3])))
    amount = sum((i.gross.amount for i in chosen), Decimal(0)) or Decimal(rng.choice(AMOUNTS))
    amount += Decimal(rng.choice(["0", "0", "0", "0.01", "-2.00", "5.00"]))
    if rng.random() < 0.15:
        amount = -amount
    party, iban = rng.choice(PARTIES)
    if chosen and rng.random() < 0.8:
        party, iban = chosen[0].party_name, chosen[0].party_iban
    text = rng.choice(WORDS)
    if rng.random() < 0.7:
        text += " " + rng.choice([" ", "", "\n"]).join(i.number or "" for i in chosen)
    return line(
        f"B{number:03d}",
        str(amount or Decimal("1.00")),
        text,
        name=rng.choice([party, party.upper(), party[:12], None]),
        iban=rng.choice([iban, None]),
        day=DAY + timedelta(days=rng.randrange(0, 30)),
        currency=rng.choice(["EUR", "EUR", "EUR", "USD"]),
        end_to_end=rng.choice([None, None, "E0", "E1"]),
        batch=rng.choice([None, None, None, "MSG-1"]),
        code=rng.choice([None, "PMNT-RCDT-ESCT", "PMNT-ICDT-XBCT", "PMNT-IDDT-UPDD"]),
    )


def batched(
    lines: Sequence[IdentifiedTransaction], rng: random.Random
) -> list[IdentifiedTransaction]:
    """Book neighbouring lines of one currency together; some batches lie about their parts."""
    booked: list[IdentifiedTransaction] = []
    rest = list(lines)
    while rest:
        size = rng.choice([1, 2, 3])
        given_id, first = rest[0]
        alike = [t for _, t in rest[:size] if t.amount.currency == first.amount.currency]
        rest = rest[len(alike) :]
        total = sum((t.amount.amount for t in alike), Decimal(0))
        if len(alike) < 2 or not total:
            booked.append((given_id, first))
            continue
        entry = replace(
            first,
            amount=Money(total + Decimal(rng.choice(["0"] * 9 + ["0.01"])), first.amount.currency),
            counterparty_name=None,
            counterparty_account=None,
            remittance="",
            end_to_end_id=None,
            details=tuple(as_part(t) for t in alike),
        )
        booked.append((given_id, entry))
    return booked


def as_part(transaction: BankTransaction) -> TransactionDetail:
    """Return what a movement says as a part of a batch."""
    return TransactionDetail(
        amount=transaction.amount,
        end_to_end_id=transaction.end_to_end_id,
        counterparty_name=transaction.counterparty_name,
        counterparty_account=transaction.counterparty_account,
        remittance=transaction.remittance,
        transaction_code=transaction.transaction_code,
    )


def check_exact(given_lines: Sequence[IdentifiedTransaction], matches: Sequence[Match]) -> None:
    """Every line once, and its cash accounted for to the cent."""
    assert [m.transaction_id for m in matches] == [i for i, _ in given_lines]
    for (_, transaction), match in zip(given_lines, matches, strict=True):
        cash = sum((a.amount.amount for a in match.allocations), Decimal(0))
        cash += sum((a.amount.amount for a in match.adjustments if a.is_cash), Decimal(0))
        if match.allocations or match.decision is Decision.POST:
            assert cash in (transaction.amount.amount, 0)
        if match.allocations:
            assert cash == transaction.amount.amount
        assert all(a.amount.currency == transaction.amount.currency for a in match.allocations)
        assert len({a.item_id for a in match.allocations}) == len(match.allocations)


def check_room(
    of: Books, matches: Sequence[Match], given_lines: Sequence[IdentifiedTransaction]
) -> None:
    """Over all lines, no item gets more than was open, nor gives back more than it is worth."""
    applied: defaultdict[str, Decimal] = defaultdict(Decimal)
    for match in matches:
        for allocation in match.allocations:
            applied[allocation.item_id] += allocation.amount.amount
        for adjustment in match.adjustments:
            if not adjustment.is_cash and adjustment.item_id:
                applied[adjustment.item_id] += adjustment.amount.amount
    for one in of.items:
        left = (one.gross if one.open is None else one.open).amount - applied[one.id]
        low, high = sorted((Decimal(0), one.gross.amount))
        assert low <= left <= high, (one.id, left)


LAWS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@LAWS
@given(situations())
def test_exact_and_never_too_much(situation: tuple[Books, list[IdentifiedTransaction]]) -> None:
    of, lines = situation
    matches = reconcile(lines, of, PaymentPolicy())
    check_exact(lines, matches)
    check_room(of, matches, lines)


@LAWS
@given(situations(), st.integers(0, 2**32))
def test_order_of_input_is_irrelevant(
    situation: tuple[Books, list[IdentifiedTransaction]], seed: int
) -> None:
    of, lines = situation
    rng = random.Random(seed)
    mixed = rng.sample(lines, len(lines))
    turned = replace(of, items=tuple(rng.sample(of.items, len(of.items))))
    first = {m.transaction_id: m for m in reconcile(lines, of, PaymentPolicy())}
    second = {m.transaction_id: m for m in reconcile(mixed, turned, PaymentPolicy())}
    assert first == second


@LAWS
@given(situations())
def test_forbidden_pairs_never_come_back(
    situation: tuple[Books, list[IdentifiedTransaction]],
) -> None:
    of, lines = situation
    undone: frozenset[tuple[str, str]] = frozenset()
    for _ in range(4):
        matches = reconcile(lines, replace(of, forbidden=undone), PaymentPolicy())
        made = {(m.transaction_id, a.item_id) for m in matches for a in m.allocations}
        assert not made & undone
        if not made:
            return
        undone |= made


@LAWS
@given(situations())
def test_nights_never_pay_twice(situation: tuple[Books, list[IdentifiedTransaction]]) -> None:
    """Each night sees its lines and what earlier nights posted left open."""
    of, lines = situation
    lines = [(i, t) for i, t in lines if t.amount.currency == "EUR"]
    start = replace(of, items=tuple(i for i in of.items if i.gross.currency == "EUR"))
    now, posted = start, []
    for night in range(3):
        tonight = lines[night::3]
        made = reconcile(tonight, now, PaymentPolicy())
        posted += [m for m in made if m.decision is Decision.POST]
        applied: defaultdict[str, Decimal] = defaultdict(Decimal)
        for match in posted:
            for allocation in match.allocations:
                applied[allocation.item_id] += allocation.amount.amount
            for adjustment in match.adjustments:
                if not adjustment.is_cash and adjustment.item_id:
                    applied[adjustment.item_id] += adjustment.amount.amount
        items = [
            replace(
                i, open=Money((i.gross if i.open is None else i.open).amount - applied[i.id], "EUR")
            )
            for i in start.items
        ]
        now = replace(start, items=tuple(items))
    check_room(start, posted, lines)


@LAWS
@given(situations())
def test_a_batch_settles_what_its_payments_would(
    situation: tuple[Books, list[IdentifiedTransaction]],
) -> None:
    """Booked one by one on one day or all together, payments settle the same items."""
    of, lines = situation
    lines = [
        (i, replace(t, booking_date=DAY, batch_id=None, details=()))
        for i, t in lines
        if t.amount.currency == "EUR"
    ]
    total = sum((t.amount.amount for _, t in lines), Decimal(0))
    if not total:
        return
    entry = BankTransaction(
        account=OWN.iban,
        booking_date=DAY,
        amount=Money(total, "EUR"),
        details=tuple(as_part(t) for _, t in lines),
    )
    single = [m for m in reconcile(lines, of, PaymentPolicy()) if m.decision is Decision.POST]
    (together,) = reconcile([("B", entry)], of, PaymentPolicy())
    settled: defaultdict[str, Decimal] = defaultdict(Decimal)
    for match in single:
        for allocation in match.allocations:
            settled[allocation.item_id] += allocation.amount.amount
    posted = together.allocations if together.decision is Decision.POST else ()
    assert {a.item_id: a.amount.amount for a in posted} == {k: v for k, v in settled.items() if v}
