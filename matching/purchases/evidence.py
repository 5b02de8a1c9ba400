"""What speaks for an invoice line standing for an order line, in points.

Points are rough log-odds, ten to the factor of about two: they only have to
put the right order line above its rivals, and anything that is no evidence
below zero. They never decide whether a difference is tolerated: that is
`comparison`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher

from matching.amounts import computed_amount, rounding_slack
from matching.names import squeezed, word_set, words
from matching.purchases.books import Position, PurchaseBooks
from matching.purchases.goods_words import concepts
from matching.purchases.references import Strength
from records.invoices import Invoice, Line

_ZERO = Decimal(0)
_CENT = Decimal("0.01")

#: Words that name a charge or an allowance instead of goods, folded.
CHARGE_WORDS = word_set(
    """
    fracht frachtkosten versand versandkosten porto lieferung lieferkosten transport
    transportkosten spedition zustellung verpackung verpackungskosten maut mautzuschlag zoll
    zuschlag energiezuschlag mindermengenzuschlag dieselzuschlag expresszuschlag handling
    bearbeitung bearbeitungsgebuehr gebuehr pfand freight shipping delivery carriage postage
    packaging packing handling surcharge toll duty fee insurance port livraison expedition
    emballage transports frais supplement verzendkosten verzending vracht vrachtkosten verpakking
    toeslag spese trasporto spedizione imballo consegna gastos envio transporte embalaje portes
    recargo
    """
)

#: How many characters of a description are compared.
LONGEST_TEXT = 300
#: Identity below this many points is no identity.
TELLING = 20
#: From here on an article number names the goods.
_CERTAIN = 50


@dataclass(frozen=True, slots=True)
class Goods:
    """An invoice line prepared for comparing: folded once, looked at many times."""

    line: Line
    articles: tuple[str, ...]
    words: frozenset[str]
    text: str
    quantity: Decimal | None
    price: Decimal | None
    charged: Decimal | None

    @property
    def number(self) -> int:
        """Return the line's number on the invoice."""
        return self.line.number


@dataclass(frozen=True, slots=True)
class Pair:
    """One invoice line on one order line, and what speaks for it.

    `quantity` and `price` are in the order line's unit, None when unknown or
    not convertible. `identity` counts only what names the goods.
    """

    goods: Goods
    position: Position
    score: int
    identity: int
    quantity: Decimal | None
    price: Decimal | None
    price_fits: bool
    quantity_fits: bool


def goods_of(line: Line) -> Goods:
    """Prepare an invoice line; prices are per one unit, whatever base they are printed for.

    A quantity nobody printed follows from amount and price where that is exact.
    `charged` is what each unit costs after the line's allowance and charge, set
    only where that is not the printed price: a right price beside a wrong
    amount must not pass.
    """
    articles = tuple(
        squeezed(a) for a in (line.buyer_article_number, line.article_number) if a and squeezed(a)
    )
    price = line.unit_price
    if price is not None and line.price_base_quantity:
        price = price / line.price_base_quantity
    charged = None
    if line.net_amount is not None and line.quantity:
        amount = computed_amount(line)
        if amount is None:
            price = line.net_amount / line.quantity
        else:
            difference = abs(line.net_amount - amount)
            if difference > _CENT and difference > _CENT + rounding_slack(line):
                charged = line.net_amount / line.quantity
    # What names goods stands in front; hostile documents carry megabytes.
    text = (line.description or "")[:LONGEST_TEXT]
    return Goods(
        line=line,
        articles=articles,
        words=words(text),
        text=squeezed(text),
        quantity=line.quantity if line.quantity is not None else _implied_quantity(line, price),
        price=price,
        charged=charged,
    )


def _implied_quantity(line: Line, price: Decimal | None) -> Decimal | None:
    if line.net_amount is None or not price:
        return None
    quantity = (line.net_amount / price).quantize(Decimal("0.001"))
    return quantity if abs(quantity * price - line.net_amount) <= _CENT / 2 else None


def is_charge(goods: Goods) -> bool:
    """Say whether a line names freight, packing or another charge."""
    return not goods.words.isdisjoint(CHARGE_WORDS)


def is_allowance(goods: Goods) -> bool:
    """Say whether a line is a discount or deduction: its amount is negative."""
    return goods.line.net_amount is not None and goods.line.net_amount < 0


def weigh(
    goods: Goods,
    position: Position,
    strength: Strength,
    invoice: Invoice,
    books: PurchaseBooks,
    price_percent: Decimal,
    misspelt: bool = False,
) -> Pair | None:
    """Weigh one pair; None when nothing says that it is the same goods.

    Without a named order the price must come near as well: the same article
    is ordered again and again. `misspelt` also looks for typing errors in the
    description and for other languages, which is slow.
    """
    latest = position.latest
    conversions = books.conversions
    factor = conversions.factor(position.article, goods.line.unit, latest.unit)
    quantity = price = None
    if factor is not None:
        if goods.quantity is not None:
            quantity = goods.quantity * factor
        if goods.price is not None:
            price = _compared_price(goods, goods.price, position, invoice.issue_date, factor)
    gap = _price_gap(price, position, invoice.issue_date)
    # Of hundreds of open orders nobody named, the price alone rules out most.
    if strength is Strength.NONE and not _price_near(gap, _CERTAIN):
        return None
    identity = _identity(goods, position, strength, misspelt)
    price_fits = gap is not None and gap <= price_percent
    open_quantity = books.received(position) - books.billed(position)
    left = latest.quantity - books.billed(position)
    quantity_fits = quantity is not None and quantity in (open_quantity, left)
    if identity < TELLING:
        if strength is not Strength.EXACT or not (price_fits and quantity_fits):
            return None
        if is_charge(goods) or is_allowance(goods):
            return None
        # Neither article nor words agree, but the order named has just this price and quantity.
        identity = max(identity, 0)
    elif strength is Strength.NONE and not _price_near(gap, identity):
        return None
    score = identity + int(strength)
    score += _price_points(gap) + _quantity_points(quantity, open_quantity, left)
    if factor is None:
        score -= 15
    if invoice.currency and invoice.currency != latest.currency:
        score -= 30
    if goods.number == position.line:
        score += 1
    return Pair(
        goods=goods,
        position=position,
        score=score,
        identity=identity,
        quantity=quantity,
        price=price,
        price_fits=price_fits,
        quantity_fits=quantity_fits,
    )


def _identity(goods: Goods, position: Position, strength: Strength, misspelt: bool) -> int:
    points = 0
    if position.article:
        if position.article in goods.articles:
            points = 60
        elif len(position.article) >= 5 and position.article in goods.text:
            points = 50
        elif goods.articles:
            points = -10
    if points <= 0:
        points += _description_points(goods, position, misspelt)
    ref = goods.line.order_line_ref
    if ref and ref.strip().lstrip("0") == str(position.line) and strength >= Strength.PARTIAL:
        points += 40
    return points


def _description_points(goods: Goods, position: Position, misspelt: bool) -> int:
    """Score how much of the order's description the invoice repeats, at most 45."""
    wanted = position.words
    if not wanted or not goods.words:
        return 0
    total = sum(map(len, wanted))
    share = sum(map(len, wanted & goods.words)) / total
    if share < 1 and len(position.text) >= 4 and position.text in goods.text:
        share = 1.0
    if share < 0.5 and misspelt and len(position.text) >= 5:
        ratio = SequenceMatcher(None, position.text, goods.text, autojunk=False).ratio()
        share = max(share, ratio if ratio >= 0.8 else 0)
    if share < 0.5 and misspelt:
        # The same goods in another language; as slow, and as rarely needed.
        meant = concepts(wanted)
        share = sum(map(len, meant & concepts(goods.words))) / sum(map(len, meant))
    if share < 0.5:
        return 0
    # An exact repetition outweighs one that is part of a longer text.
    return int(40 * share) + (5 if wanted == goods.words else 0)


def _compared_price(
    goods: Goods, printed: Decimal, position: Position, day: date | None, factor: Decimal
) -> Decimal:
    """Return the price to compare with the order's, per order unit.

    Dearer than printed counts as charged. Cheaper may be an allowance that the
    order knows or not: whichever is nearer to its price.
    """
    price = printed / factor
    if goods.charged is None:
        return price
    charged = goods.charged / factor
    if charged > price:
        return charged
    ordered = position.in_force(day).unit_price
    return min(price, charged, key=lambda p: abs(p - ordered))


def _price_gap(price: Decimal | None, position: Position, day: date | None) -> Decimal | None:
    """Return how far the price is from the order's, in per cent of the latter."""
    if price is None:
        return None
    ordered = position.in_force(day).unit_price
    if not ordered:
        return _ZERO if price == ordered else None
    return abs(price - ordered) / abs(ordered) * 100


def _price_near(gap: Decimal | None, identity: int) -> bool:
    limit = 30 if identity >= _CERTAIN else 5
    return gap is not None and gap <= limit


def _price_points(gap: Decimal | None) -> int:
    if gap is None:
        return 0
    if gap <= 1:
        return 20
    if gap <= 10:
        return 8
    return 0 if gap <= 30 else -15


def _quantity_points(quantity: Decimal | None, open_quantity: Decimal, left: Decimal) -> int:
    if quantity is None:
        return 0
    if quantity == open_quantity:
        return 12
    if quantity == left:
        return 8
    if left <= 0:
        return -12
    if quantity < open_quantity:
        return 6
    return 0 if quantity <= left else -6
