"""What was ordered, received and billed before, against what is invoiced now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from matching.policy import Tolerances
from matching.purchases.assignment import MARGIN, Assignment, telling
from matching.purchases.books import Position, PurchaseBooks
from matching.purchases.evidence import Goods, Pair, is_allowance, is_charge
from records.findings import Finding, finding
from records.invoices import Invoice
from records.matches import OrderAllocation

_ZERO = Decimal(0)


def plain(number: Decimal) -> str:
    """Write a number without trailing zeros or exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def allocate(assignment: Assignment, books: PurchaseBooks) -> tuple[OrderAllocation, ...]:
    """Turn pairs into quantities and amounts on order lines.

    An invoice line for more than its order line has left spreads over further
    lines of the same order with the same goods and price, when these take the
    whole excess; otherwise the excess stays where it shows.
    """
    taken: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for pair in assignment.pairs.values():
        taken[pair.position.key] += pair.quantity or _ZERO
    result: list[OrderAllocation] = []
    for number in sorted(assignment.pairs):
        pair = assignment.pairs[number]
        result += _spread(pair, taken, books)
    return tuple(result)


def _spread(
    pair: Pair, taken: dict[tuple[str, int], Decimal], books: PurchaseBooks
) -> list[OrderAllocation]:
    quantity = pair.quantity or _ZERO
    amount = pair.goods.line.net_amount or _ZERO
    own = pair.position
    excess = taken[own.key] - _room(own, books)
    shares: list[tuple[Position, Decimal]] = [(own, quantity)]
    if _ZERO < excess < quantity:
        others: list[tuple[Position, Decimal]] = []
        missing = excess
        for other in books.positions(own.order_id):
            room = _room(other, books) - taken[other.key]
            if other.key == own.key or room <= 0 or not _same_goods(own, other):
                continue
            share = min(room, missing)
            others.append((other, share))
            missing -= share
            if missing == 0:
                break
        if missing == 0:
            shares = [(own, quantity - excess), *others]
            taken[own.key] -= excess
            for other, share in others:
                taken[other.key] += share
    return [
        OrderAllocation(
            invoice_line=pair.goods.number,
            order_id=position.order_id,
            order_line=position.line,
            quantity=share,
            amount=amount
            if len(shares) == 1
            else (amount * share / quantity).quantize(Decimal("0.01")),
        )
        for position, share in shares
    ]


def _room(position: Position, books: PurchaseBooks) -> Decimal:
    return position.latest.quantity - books.billed(position)


def _same_goods(a: Position, b: Position) -> bool:
    same = a.article == b.article if a.article or b.article else a.text == b.text
    return same and a.latest.unit_price == b.latest.unit_price and a.latest.unit == b.latest.unit


def check_prices(invoice: Invoice, pairs: Iterable[Pair], tolerances: Tolerances) -> list[Finding]:
    """Compare unit prices with the order revision in force on the invoice date."""
    problems = []
    for pair in pairs:
        where = f"invoice {invoice.number}, line {pair.goods.number}"
        ordered = pair.position.in_force(invoice.issue_date)
        if invoice.currency and invoice.currency != ordered.currency:
            problems.append(
                finding(
                    "currency_differs",
                    where=where,
                    expected=f"{ordered.currency} (order {ordered.order_id})",
                    actual=invoice.currency,
                )
            )
            continue
        if pair.price is None or pair.quantity is None:
            problems.append(_incomparable(where, pair))
            continue
        gap = pair.price - ordered.unit_price
        allowed = abs(ordered.unit_price) * tolerances.price_percent / 100
        impact = abs(gap * pair.quantity)
        if abs(gap) <= allowed or impact < tolerances.price_amount:
            continue
        percent = f"{gap / ordered.unit_price * 100:+.2f} %" if ordered.unit_price else "from zero"
        problems.append(
            finding(
                "price_variance",
                where=where,
                message=(
                    f"Price {percent} against order {ordered.order_id} line {ordered.line}"
                    f"; {plain(tolerances.price_percent)} % is tolerated"
                ),
                expected=f"{plain(ordered.unit_price)} per {ordered.unit or 'unit'}"
                + (f" (revision {ordered.revision})" if len(pair.position.revisions) > 1 else ""),
                actual=f"{plain(pair.price)}",
            )
        )
    return problems


def _incomparable(where: str, pair: Pair) -> Finding:
    """Say why a line cannot be compared: what is not known is never taken for right."""
    goods, unit = pair.goods, pair.position.latest.unit
    if goods.quantity is None:
        return finding("missing_field", where=where, expected="Quantity", actual="nothing")
    if goods.price is None:
        return finding("missing_field", where=where, expected="Unit price", actual="nothing")
    return finding("unit_unknown", where=where, expected=unit, actual=goods.line.unit)


def check_quantities(
    invoice: Invoice,
    allocations: Sequence[OrderAllocation],
    books: PurchaseBooks,
    tolerances: Tolerances,
) -> list[Finding]:
    """Compare what is billed in all, this invoice included, with what came and was ordered."""
    invoiced: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    lines: dict[tuple[str, int], list[int]] = defaultdict(list)
    for allocation in allocations:
        key = (allocation.order_id, allocation.order_line)
        invoiced[key] += allocation.quantity
        if allocation.invoice_line not in lines[key]:
            lines[key].append(allocation.invoice_line)
    problems = []
    for key, quantity in invoiced.items():
        position = books.position(key)
        numbers = ", ".join(str(n) for n in lines[key])
        where = f"invoice {invoice.number}, line {numbers}"
        problem = _quantity_problem(position, quantity, books, tolerances, where)
        if problem is not None:
            problems.append(problem)
    return problems


def _quantity_problem(
    position: Position,
    quantity: Decimal,
    books: PurchaseBooks,
    tolerances: Tolerances,
    where: str,
) -> Finding | None:
    ordered = position.latest.quantity
    received, billed = books.received(position), books.billed(position)
    total = billed + quantity
    over_received, over_ordered = tolerances.over_received_percent, tolerances.over_ordered_percent
    if received and total * 100 <= received * (100 + over_received):
        if total * 100 <= ordered * (100 + over_ordered):
            return None
        base, name, percent = ordered, "ordered", over_ordered
    else:
        base, name, percent = received, "received", over_received
    unit = position.latest.unit or ""
    place = f"order {position.order_id} line {position.line}"
    if received == 0:
        return finding(
            "no_receipt",
            where=where,
            message=f"Nothing was received on {place}",
            expected=f"{plain(total)} {unit} received".strip(),
            actual="0",
        )
    before = f", of which {plain(billed)} on earlier invoices" if billed else ""
    return finding(
        "quantity_variance",
        where=where,
        message=f"More invoiced than {name} on {place}; {plain(percent)} % over is tolerated",
        expected=f"{plain(base)} {unit} {name}".strip(),
        actual=f"{plain(total)} {unit}{before}".strip(),
    )


def check_leftover(
    invoice: Invoice, leftover: Iterable[Goods], tolerances: Tolerances, order_ids: str
) -> list[Finding]:
    """Judge lines without an order line: freight has its own bucket, discounts pass."""
    charges = _ZERO
    numbers: list[str] = []
    problems = []
    for goods in leftover:
        net = goods.line.net_amount
        if is_allowance(goods) or net == 0:
            continue
        if is_charge(goods) and net is not None:
            charges += net
            numbers.append(str(goods.number))
            continue
        problems.append(
            finding(
                "unordered_line",
                where=f"invoice {invoice.number}, line {goods.number}",
                expected=f"a line of {order_ids}",
                actual=f"{goods.line.description or goods.line.article_number or 'no text'}: {net}",
            )
        )
    charges += invoice.charge_total or _ZERO
    if charges > tolerances.freight:
        where = f"invoice {invoice.number}"
        if numbers:
            where += f", line {', '.join(numbers)}"
        problems.append(
            finding(
                "freight_variance",
                where=where,
                expected=f"up to {tolerances.freight} not ordered",
                actual=charges,
            )
        )
    return problems


def sure_of(assignment: Assignment, exact: bool) -> float:
    """Return the probability that every line stands where it belongs.

    An order nobody named is only sure when it explains all lines alone, with
    price and open quantity, well ahead of any other.
    """
    pairs = assignment.pairs.values()
    confidence = 0.999 if exact and not assignment.inferred else 0.99
    if assignment.inferred:
        orders = {pair.position.order_id for pair in pairs}
        fits = all(pair.price_fits and pair.quantity_fits for pair in pairs)
        confidence = 0.985 if fits and len(orders) == 1 else 0.95
        if assignment.lead is not None and assignment.lead < MARGIN:
            confidence = 0.7
    if not all(map(telling, pairs)):
        confidence = min(confidence, 0.97)
    return confidence
