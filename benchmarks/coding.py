"""How well the confidence of coding proposals holds, vendor by vendor.

    python -m benchmarks.coding [--bookings FILE.csv] [--seed 3] [--vendors 150]

Goes through an office's bookings in the order of time: each line is proposed
from those before it, then learned. Without a file the office is made up:
vendors with one to five accounts that follow the goods, some that follow
nothing, some that change their habit in midyear, and clerks who err. Prints what
confidence promised beside what came true, and for several error budgets how
much would have been booked, how much of that wrongly, and at how many vendors
more than the budget.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from connectors.sources.csv_table import Source
from matching.coding import CodingHistory
from records.bookings import CodedLine
from records.invoices import Invoice, Line

DAY = date(2025, 1, 2)
GOODS = [
    "screws", "paper", "toner", "software", "training", "repair",
    "rent", "energy", "freight", "parts", "catering", "tools",
]  # fmt: skip
LIMITS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.01)


def made_up(seed: int, vendors: int) -> Iterator[CodedLine]:
    """Yield two years of bookings of an office that does not exist, in time order."""
    chance = random.Random(seed)
    habits = []
    for number in range(vendors):
        goods = chance.sample(GOODS, chance.choice((1, 1, 1, 2, 3, 5)))
        accounts = {word: str(chance.randrange(4000, 4999)) for word in goods}
        random_one = chance.random() < 0.06
        switches = chance.randrange(200, 600) if chance.random() < 0.1 else None
        often = chance.choice((2, 6, 12, 40, 120))
        habits.append(
            (f"V{number}", accounts, random_one, switches, often, chance.choice((0, 0.01, 0.04)))
        )
    events = sorted(
        (chance.randrange(730), index)
        for index, habit in enumerate(habits)
        for _ in range(habit[4])
    )
    for number, (day, index) in enumerate(events):
        vendor, accounts, random_one, switches, _, errors = habits[index]
        word = chance.choice(list(accounts))
        account = accounts[word]
        if switches is not None and day >= switches:
            account = f"{int(account) + 1}"
        if random_one or chance.random() < errors:
            account = str(chance.choice((4100, 4200, 4900)))
        rate = Decimal(7) if word == "catering" else Decimal(19)
        yield CodedLine(
            id=str(number),
            vendor_id=vendor,
            account=account,
            booked_on=DAY + timedelta(days=day),
            tax_code="VSt7" if rate == 7 else "VSt19",
            description=f"{word} delivery {number}",
            vat_rate=rate,
        )  # fmt: skip


def proposals(bookings: Iterable[CodedLine]) -> Iterator[tuple[str, float, bool]]:
    """Yield (vendor, confidence, right) of every line that could be proposed."""
    history = CodingHistory()
    for booked in bookings:
        line = Line(
            number=1,
            article_number=booked.article_number,
            description=booked.description,
            vat_rate=booked.vat_rate,
        )
        (coding,) = history.propose(Invoice(lines=(line,)), booked.vendor_id)
        if coding.account and coding.tax_code:
            sure = min(coding.account.confidence, coding.tax_code.confidence)
            told = (coding.account.value, coding.tax_code.value)
            yield booked.vendor_id, sure, told == (booked.account, booked.tax_code)
        history.learn(booked)


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=Path)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--vendors", type=int, default=150)
    options = parser.parse_args()
    if options.bookings:
        source = Source(Source.Settings(path=options.bookings, kind="bookings"))
        given = [b for b in source.changes(None)[0] if isinstance(b, CodedLine)]
        given.sort(key=lambda b: (b.booked_on or date.min, b.id))
    else:
        given = list(made_up(options.seed, options.vendors))
    made = list(proposals(given))
    print(f"{len(given)} bookings, {len(made)} of them proposed before they were booked")
    print(f"{'promised':>16} {'lines':>7} {'came true':>10}")
    for low, high in pairwise(LIMITS):
        inside = [right for _, sure, right in made if low <= sure < high]
        if inside:
            print(
                f"{low:>8.2f}-{min(high, 1):.2f}   {len(inside):>7} {sum(inside) / len(inside):>10.4f}"
            )
    print(f"{'budget':>7} {'booked':>8} {'wrong':>8} {'vendors':>8} {'above the budget':>17}")
    for budget in (0.1, 0.05, 0.02, 0.01):
        booked = [(vendor, right) for vendor, sure, right in made if sure >= 1 - budget]
        tries, wrong = Counter(v for v, _ in booked), Counter(v for v, r in booked if not r)
        share = {v: wrong[v] / n for v, n in tries.items() if n >= 1 / budget}
        above = sum(part > budget for part in share.values())
        rate = sum(wrong.values()) / max(len(booked), 1)
        part = len(booked) / max(len(made), 1)
        print(f"{budget:>7.2f} {part:>8.1%} {rate:>8.2%} {len(share):>8} {above:>17}")


if __name__ == "__main__":
    main()
