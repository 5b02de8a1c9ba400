"""How fast and how lean purchases are matched, and how both grow.

    python -m benchmarks.purchases [--invoices 66000] [--steps 3] [--rounds 3] [--seed 7]

Makes seeded books (vendors, orders, receipts, invoices; a sixth without an
order, some naming it wrongly or not at all, duplicates, partial deliveries) in
sizes that double up to `--invoices`, each in a fresh process, and matches every
invoice, consuming as it goes. Prints wall and CPU seconds of indexing the books
and matching, the peak memory of the process, and the growth exponent
between the smallest and the largest size (1 is linear). All sizes take turns
`--rounds` times and the quickest run of each counts: what else the machine does
slows a run, and never quickens one.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from matching.policy import Policy
from matching.purchases import PurchaseBooks, match_invoice
from matching.vendors import VendorDirectory
from records.invoices import Invoice, Line, Party
from records.money import round_half_up
from records.purchasing import OrderLine, ReceiptLine, Vendor

GOODS = [
    "Sechskantschraube M8x40",
    "Flachdichtung DN50",
    "Kugelhahn 1/2",
    "Hydraulikschlauch 10mm",
    "Linsenkopf TX20",
    "Kabelkanal grau",
    "Schutzhandschuh Gr. 9",
    "LED-Röhre 18W",
    "Filtereinsatz F7",
    "Spannring",
    "Rillenkugellager",
    "Silikonfett",
    "Etikettenrolle",
    "Palettenrahmen",
    "Drehgeber",
    "Klemmleiste",
]
DAY = date(2026, 1, 2)


@dataclass(frozen=True)
class Records:
    """What an office's systems hold of about so many invoices; the invoices in order of receipt."""

    vendors: list[Vendor]
    order_lines: list[OrderLine]
    receipts: list[ReceiptLine]
    invoices: list[Invoice]


def make_records(count: int, seed: int) -> Records:
    """Make up records for about `count` invoices."""
    rng = random.Random(seed)
    vendors = [
        Vendor(
            id=f"V{i}",
            name=f"Lieferant {i:05d} GmbH",
            vat_id=f"DE{100000000 + i * 7}",
            ibans=(f"DE02{i:018d}",),
            country="DE",
            order_required=i % 3 != 0,
        )
        for i in range(max(count // 40, 5))
    ]
    orders: list[list[OrderLine]] = []
    receipts: list[ReceiptLine] = []
    for n in range(count // 2):
        # A few vendors get most orders, as everywhere.
        vendor = vendors[int(len(vendors) * rng.random() ** 3)]
        day = DAY + timedelta(days=rng.randrange(330))
        goods = rng.sample(range(len(GOODS)), min(1 + int(rng.expovariate(0.4)), 9))
        lines = [
            OrderLine(
                order_id=f"B-26-{n:06d}",
                line=i,
                vendor_id=vendor.id,
                order_date=day,
                article_number=f"{g:02d}.{vendor.id}",
                description=GOODS[g],
                quantity=Decimal(rng.choice((5, 10, 20, 50, 120))),
                unit="C62",
                unit_price=Decimal(rng.randrange(50, 9000)) / 100,
                currency="EUR",
                vat_rate=Decimal(19),
            )
            for i, g in enumerate(goods, 1)
        ]
        orders.append(lines)
        receipts += [
            ReceiptLine(
                receipt_id=f"W{n}",
                date=day + timedelta(days=9),
                order_id=line.order_id,
                order_line=line.line,
                quantity=line.quantity,
                unit="C62",
            )
            for line in lines
        ]
    order_lines = [line for lines in orders for line in lines]
    return Records(vendors, order_lines, receipts, list(_invoices(count, orders, vendors, rng)))


def _invoices(
    count: int, orders: list[list[OrderLine]], vendors: list[Vendor], rng: random.Random
) -> Iterator[Invoice]:
    by_id = {v.id: v for v in vendors}
    made = 0
    rest: list[tuple[list[OrderLine], Decimal]] = [(lines, Decimal(1)) for lines in orders]
    last: Invoice | None = None
    while made < count:
        made += 1
        kind = rng.random()
        if last is not None and kind < 0.015:
            yield last
        elif kind < 0.17 or not rest:
            vendor = rng.choice(vendors)
            yield _invoice(vendor, made, DAY, (), [("Wartung", None, Decimal(1), Decimal("88.00"))])
        else:
            chosen = rng.randrange(len(rest))
            rest[chosen], rest[-1] = rest[-1], rest[chosen]
            lines, share = rest.pop()
            part = share
            if share == 1 and rng.random() < 0.6:
                part = Decimal("0.4")
                rest.append((lines, Decimal("0.6")))
            ref = lines[0].order_id
            wrong = rng.random()
            if wrong < 0.03:
                ref = ""
            elif wrong < 0.05:
                ref = ref[:-2] + ref[-1] + ref[-2]
            vendor = by_id[lines[0].vendor_id]
            day = (lines[0].order_date or DAY) + timedelta(days=12)
            printed = [
                (x.description, x.article_number, x.quantity * part, x.unit_price) for x in lines
            ]
            last = _invoice(vendor, made, day, (ref,) if ref else (), printed)
            yield last


def _invoice(
    vendor: Vendor,
    number: int,
    day: date,
    refs: tuple[str, ...],
    printed: list[tuple[str, str | None, Decimal, Decimal]],
) -> Invoice:
    lines = tuple(
        Line(
            number=i,
            description=text,
            article_number=article,
            quantity=quantity,
            unit="C62",
            unit_price=price,
            net_amount=round_half_up(quantity * price),
            vat_rate=Decimal(19),
        )
        for i, (text, article, quantity, price) in enumerate(printed, 1)
    )
    net = sum((x.net_amount or Decimal(0) for x in lines), Decimal(0))
    vat = round_half_up(net * 19 / 100)
    return Invoice(
        number=f"RE-{number:07d}",
        issue_date=day,
        type_code="380",
        currency="EUR",
        order_refs=refs,
        seller=Party(name=vendor.name, vat_id=vendor.vat_id),
        lines=lines,
        net_total=net,
        tax_total=vat,
        gross_total=net + vat,
        ibans=vendor.ibans,
    )


def measure(count: int, seed: int) -> dict[str, Any]:
    """Match `count` invoices in this process; return seconds, memory and outcomes."""
    given = make_records(count, seed)
    gc.disable()  # as a trial does: hardly anything here is garbage
    started = (time.perf_counter(), time.process_time())
    books = PurchaseBooks(
        vendors=VendorDirectory(given.vendors),
        order_lines=given.order_lines,
        receipts=given.receipts,
    )
    made = (time.perf_counter() - started[0], time.process_time() - started[1])
    policy = Policy()
    outcomes: Counter[str] = Counter()
    lines = 0
    started = (time.perf_counter(), time.process_time())
    for i, invoice in enumerate(given.invoices):
        match = match_invoice(str(i), invoice, books, policy)
        books.consume(str(i), invoice, match)
        outcomes[match.status] += 1
        lines += len(invoice.lines)
    return {
        "invoices": count,
        "invoice_lines": lines,
        "order_lines": len(given.order_lines),
        "books_cpu": round(made[1], 2),
        "wall": round(made[0] + time.perf_counter() - started[0], 2),
        "cpu": round(made[1] + time.process_time() - started[1], 2),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "outcomes": dict(outcomes),
    }


def main() -> None:
    """Measure every size in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=66_000)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.invoices, options.seed)))
        return
    sizes = [options.invoices >> step for step in reversed(range(options.steps))]
    quickest: dict[int, dict[str, Any]] = {}
    for _ in range(options.rounds):
        for size in sizes:
            row = _apart(size, options.seed)
            if size not in quickest or row["cpu"] < quickest[size]["cpu"]:
                quickest[size] = row
    for size in sizes:
        print(quickest[size])
    if len(sizes) > 1:
        first, last = quickest[sizes[0]], quickest[sizes[-1]]
        growth = math.log(last["cpu"] / first["cpu"]) / math.log(sizes[-1] / sizes[0])
        print(f"growth exponent {growth:.2f}")


def _apart(size: int, seed: int) -> dict[str, Any]:
    """Measure one size in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.purchases", "--one"]
    command += ["--invoices", str(size), "--seed", str(seed)]
    row: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    return row


if __name__ == "__main__":
    main()
