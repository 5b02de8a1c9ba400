"""All lines of an invoice on the order lines they stand for, solved together.

The whole assignment with the most points wins, not line after line: a line
that could stand in two places takes the one that leaves the other to the line
that has only that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from matching.purchases.books import Position, PurchaseBooks
from matching.purchases.evidence import TELLING, Goods, Pair, weigh
from matching.purchases.references import References, Strength
from records.invoices import Invoice
from records.matches import Rejected

#: What it costs when a second line of the invoice stands on the same order line.
_SHARED = 10
#: Points by which the best order must lead when the invoice names none.
MARGIN = 5
#: Components above this many lines are solved line by line, the clearest first.
_EXACT_LINES = 60
_SCARCE = -1_000_000
#: Orders are sometimes entered a little after the goods were called for by phone.
_GRACE = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The pairs chosen, by invoice line number, and what was not chosen.

    `leftover` are lines without an order line. `lead` is by how many points
    the orders chosen beat the next best, None when no other order was
    possible. `inferred` says that at least one order was not named.
    """

    pairs: dict[int, Pair]
    leftover: tuple[Goods, ...]
    lead: int | None = None
    inferred: bool = False
    rejected: tuple[Rejected, ...] = ()


def assign(
    goods: Sequence[Goods],
    references: References,
    group_id: str,
    invoice: Invoice,
    books: PurchaseBooks,
    price_percent: Decimal,
) -> Assignment:
    """Place the lines of an invoice on order lines.

    Orders named exactly are binding for every line they fit. Lines they do
    not fit, and invoices that name no order or name it wrongly, are placed on
    the vendor's open orders, the order that explains most lines first.
    """
    exact = references.exact
    pairs = _pairs_on(goods, exact, Strength.EXACT, invoice, books, price_percent)
    if exact and len(pairs) == len(goods):
        return Assignment(pairs=_solve(pairs, books), leftover=())
    placed = _solve(pairs, books)
    rest = [g for g in goods if g.number not in placed]
    searched = [g for g in rest if not _plain_amount(g)]
    if not searched or (exact and len(placed) * 2 >= len(goods)):
        # Named orders explain the invoice; what they leave was not ordered there.
        return Assignment(pairs=placed, leftover=tuple(rest))
    found = _search(searched, references, group_id, invoice, books, price_percent)
    chosen = {**placed, **found.pairs}
    return Assignment(
        pairs=chosen,
        leftover=tuple(g for g in goods if g.number not in chosen),
        lead=found.lead,
        inferred=found.inferred,
        rejected=found.rejected,
    )


def _plain_amount(goods: Goods) -> bool:
    return goods.line.net_amount is not None and goods.line.net_amount < 0


def _pairs_on(
    goods: Iterable[Goods],
    orders: Iterable[str],
    strength: Strength,
    invoice: Invoice,
    books: PurchaseBooks,
    price_percent: Decimal,
) -> dict[int, list[Pair]]:
    everything = [p for order_id in orders for p in books.positions(order_id)]
    by_article: dict[str, list[Position]] = defaultdict(list)
    for position in everything:
        by_article[position.article].append(position)
    pairs: dict[int, list[Pair]] = {}
    for item in goods:
        # An article number that the orders have outweighs whatever else their lines share.
        positions = next((by_article[a] for a in item.articles if a in by_article), everything)
        weighed = [weigh(item, p, strength, invoice, books, price_percent) for p in positions]
        found = [pair for pair in weighed if pair is not None]
        if not any(map(telling, found)):
            again = [
                weigh(item, p, strength, invoice, books, price_percent, True) for p in positions
            ]
            found = [pair for pair in again if pair is not None]
        if found:
            pairs[item.number] = found
    return pairs


def _search(
    goods: Sequence[Goods],
    references: References,
    group_id: str,
    invoice: Invoice,
    books: PurchaseBooks,
    price_percent: Decimal,
) -> Assignment:
    """Place lines on the vendor's orders that are named unsurely or not at all."""
    by_order: dict[str, dict[int, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    hinted = {o: s for o, s in references.orders.items() if s is not Strength.EXACT}
    for order_id, strength in hinted.items():
        on_order = _pairs_on(goods, (order_id,), strength, invoice, books, price_percent)
        for number, found in on_order.items():
            by_order[order_id][number] += found
    for item in goods:
        for position in _candidates(item, group_id, books):
            if position.order_id in references.orders or _too_new(position, invoice):
                continue
            pair = weigh(item, position, Strength.NONE, invoice, books, price_percent)
            if pair is not None:
                by_order[position.order_id][item.number].append(pair)
    chosen: dict[int, list[Pair]] = {}
    lead: int | None = None
    inferred = False
    rejected: list[Rejected] = []
    open_lines = {g.number for g in goods}
    while open_lines and by_order:
        ranked = sorted(
            ((_worth(pairs, open_lines), order_id) for order_id, pairs in by_order.items()),
            key=lambda x: (-x[0], _age(x[1], books), x[1]),
        )
        worth, best = ranked[0]
        if worth <= 0:
            break
        if len(ranked) > 1 and ranked[1][0] > 0:
            gap = worth - ranked[1][0]
            lead = gap if lead is None else min(lead, gap)
            rejected += [
                Rejected((order_id,), f"explains less: {points} points against {worth} for {best}")
                for points, order_id in ranked[1:4]
                if points > 0
            ]
        pairs = by_order.pop(best)
        inferred = inferred or best not in hinted
        for number in open_lines & pairs.keys():
            chosen[number] = pairs[number]
        open_lines -= pairs.keys()
    return Assignment(
        pairs=_solve(chosen, books),
        leftover=(),
        lead=lead,
        inferred=inferred,
        rejected=tuple(rejected),
    )


def _too_new(position: Position, invoice: Invoice) -> bool:
    """Say whether an order was placed only after the invoice for it was written."""
    ordered = position.revisions[0].order_date
    if ordered is None or invoice.issue_date is None:
        return False
    return ordered > invoice.issue_date + _GRACE


def _candidates(goods: Goods, group_id: str, books: PurchaseBooks) -> Iterable[Position]:
    """Return the vendor's open order lines that may be these goods, by article, else by words."""
    seen: set[tuple[str, int]] = set()
    for article in goods.articles:
        for position in books.with_article(group_id, article):
            if position.key not in seen:
                seen.add(position.key)
                yield position
    if seen:
        return
    for word in goods.words:
        if len(word) < 3:
            continue
        for position in books.with_word(group_id, word):
            if position.key not in seen:
                seen.add(position.key)
                yield position


def _worth(pairs: dict[int, list[Pair]], open_lines: set[int]) -> int:
    return sum(
        max(pair.score for pair in found) for number, found in pairs.items() if number in open_lines
    )


def _age(order_id: str, books: PurchaseBooks) -> str:
    # Of two orders that fit alike the older one is served first.
    day = books.positions(order_id)[0].revisions[0].order_date
    return day.isoformat() if day else ""


def _solve(pairs: dict[int, list[Pair]], books: PurchaseBooks) -> dict[int, Pair]:
    """Choose one pair per line so that the points of all together are the most.

    When every line's best place is free, or large enough for all that want it,
    that is the best assignment; only lines that contend for a place are solved.
    """
    best = {n: max(found, key=lambda p: p.score) for n, found in pairs.items()}
    wanted: dict[tuple[str, int], list[Pair]] = defaultdict(list)
    for pair in best.values():
        wanted[pair.position.key].append(pair)
    crowded = [
        holders for holders in wanted.values() if len(holders) > 1 and not _all_fit(holders, books)
    ]
    if not crowded:
        return best
    if all(len(pairs[h.goods.number]) == 1 for holders in crowded for h in holders):
        return best
    for component in _components(pairs):
        if len(component) > 1:
            best.update(_best_of(component, pairs))
    return best


def _all_fit(holders: Sequence[Pair], books: PurchaseBooks) -> bool:
    position = holders[0].position
    room = max(position.latest.quantity, books.received(position)) - books.billed(position)
    total = Decimal(0)
    for pair in holders:
        if pair.quantity is None:
            return False
        total += pair.quantity
    return total <= room


def _components(pairs: dict[int, list[Pair]]) -> list[list[int]]:
    """Return the groups of lines that share possible places, directly or through others."""
    holders: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, found in pairs.items():
        for pair in found:
            holders[pair.position.key].append(number)
    seen: set[int] = set()
    components = []
    for number in pairs:
        if number in seen:
            continue
        queue, component = [number], []
        seen.add(number)
        while queue:
            current = queue.pop()
            component.append(current)
            for pair in pairs[current]:
                for other in holders[pair.position.key]:
                    if other not in seen:
                        seen.add(other)
                        queue.append(other)
        components.append(sorted(component))
    return components


def _best_of(component: Sequence[int], pairs: dict[int, list[Pair]]) -> dict[int, Pair]:
    if len(component) > _EXACT_LINES:
        return _clearest_first(component, pairs)
    keys = sorted({p.position.key for n in component for p in pairs[n]})
    depth = min(len(component), 4)
    columns = [(key, turn) for key in keys for turn in range(depth)]
    table = [{p.position.key: p for p in pairs[n]} for n in component]
    weights = [
        [row[key].score - _SHARED * turn if key in row else _SCARCE for key, turn in columns]
        # A line may also stay where it is worst: one private column keeps the table feasible.
        + [_SCARCE // 2 if i == j else _SCARCE for j in range(len(component))]
        for i, row in enumerate(table)
    ]
    chosen: dict[int, Pair] = {}
    for i, column in enumerate(_heaviest(weights)):
        if column < len(columns) and columns[column][0] in table[i]:
            chosen[component[i]] = table[i][columns[column][0]]
        else:
            chosen[component[i]] = max(table[i].values(), key=lambda p: p.score)
    return chosen


def _clearest_first(component: Sequence[int], pairs: dict[int, list[Pair]]) -> dict[int, Pair]:
    """Place the line with the largest lead first: near the optimum, in linear memory."""

    def lead(number: int) -> int:
        scores = sorted((p.score for p in pairs[number]), reverse=True)
        return scores[0] - scores[1] if len(scores) > 1 else -_SCARCE

    taken: dict[tuple[str, int], int] = defaultdict(int)
    chosen: dict[int, Pair] = {}
    for number in sorted(component, key=lambda n: (-lead(n), n)):
        pair = max(pairs[number], key=lambda p: p.score - _SHARED * taken[p.position.key])
        taken[pair.position.key] += 1
        chosen[number] = pair
    return chosen


def _heaviest(weights: Sequence[Sequence[int]]) -> list[int]:
    """Return the column of each row in the assignment of greatest weight.

    The Hungarian method with potentials (Kuhn 1955, Jonker and Volgenant 1987),
    rows <= columns, O(rows² · columns).
    """
    rows, columns = len(weights), len(weights[0])
    infinite = 10 * abs(_SCARCE) * (rows + 1)
    row_price = [0] * (rows + 1)
    column_price = [0] * (columns + 1)
    row_of = [0] * (columns + 1)
    way = [0] * (columns + 1)
    for row in range(1, rows + 1):
        row_of[0] = row
        column = 0
        slack = [infinite] * (columns + 1)
        used = [False] * (columns + 1)
        while True:
            used[column] = True
            current, delta, step = row_of[column], infinite, 0
            for j in range(1, columns + 1):
                if used[j]:
                    continue
                cost = -weights[current - 1][j - 1] - row_price[current] - column_price[j]
                if cost < slack[j]:
                    slack[j], way[j] = cost, column
                if slack[j] < delta:
                    delta, step = slack[j], j
            for j in range(columns + 1):
                if used[j]:
                    row_price[row_of[j]] += delta
                    column_price[j] -= delta
                else:
                    slack[j] -= delta
            column = step
            if row_of[column] == 0:
                break
        while column:
            row_of[column] = row_of[way[column]]
            column = way[column]
    result = [0] * rows
    for j in range(1, columns + 1):
        if row_of[j]:
            result[row_of[j] - 1] = j - 1
    return result


def telling(pair: Pair) -> bool:
    """Say whether article, description or line reference name the goods."""
    return pair.identity >= TELLING
