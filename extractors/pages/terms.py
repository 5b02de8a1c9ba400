"""Payment terms: which dates and days belong to an early-payment discount and which to the due date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from extractors.pages.dates import Order
from extractors.pages.layout import Dated, Row, Sheet
from extractors.pages.lexicon import DATES

_DISCOUNT = re.compile(
    r"\b(?:skonto\w*|discount|escompte|\w*korting|sconto|descuento|desconto|rabat(?:u|em)?"
    r"|abzüglich|abzgl|deduct|déduction|onder\s+aftrek)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b(?:kein\w*|ohne|no|not|without|pas|aucun|sans|geen|zonder|sin|ningún|senza|nessun\w*|sem"
    r"|nenhum|bez|brak)\b(?:\W+\w+){0,2}?\W+(?:d['’])?"
    r"(?:skonto\w*|discount|escompte|\w*korting|sconto|descuento|desconto|rabatu?)\b",
    re.IGNORECASE,
)
# What else is to be done within days: claims, returns, deliveries.
_OTHER_DAYS = re.compile(
    r"rekl[ao]m|reclam|réclam|beanstand|mängel|widerspr|einspruch|rückgabe|umtausch|retour|return"
    r"|refund|complain|dispute|object|claim|gültig|valid|liefer|deliver|livr|lever|entreg|consegn"
    r"|dostaw|zwrot|garanti|warrant|devol|reso\b|resi\b|contest|bezwaar|klacht|cancel|kündig|storn",
    re.IGNORECASE,
)
_IF = re.compile(r"\b(?:bei|wenn|if|when|si|bij|als|se|jeśli|przy|pour|per|para)\b", re.IGNORECASE)
_DAY_KEYS = frozenset(
    {
        "tag",
        "tage",
        "tagen",
        "day",
        "days",
        "jour",
        "jours",
        "dag",
        "dagen",
        "dias",
        "giorni",
        "dni",
    }
)
#: Each of the words for days holds one; only then is it worth looking closely.
_DAY_STEMS = ("tag", "day", "jour", "dag", "dia", "día", "giorni", "dni")
_DAY_WORDS = r"(?:tagen?|days|jours|dagen|días|dias|giorni|dni)"
_DAYS = re.compile(
    r"(?:innerhalb|binnen|within|net|netto|sous|à|a|in|entro|em|binnen de|zahlbar|termijn|payable"
    rf"|délai de|plazo de|w ciągu|termin)\s+(?:von\s+)?(\d{{1,3}})\s*(?:calendar\s+|kalender)?{_DAY_WORDS}\b"
    rf"|\b(\d{{1,3}})\s*{_DAY_WORDS}\s+(?:rein\s+)?net(?:to|t)?\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,2})?)\s?%")
#: Points that end no sentence.
_SHORT = frozenset({"abzgl", "zzgl", "inkl", "incl", "excl", "ca", "bzw", "max", "min", "nr", "no"})
#: No early-payment discount is higher; a higher percentage is a deposit or a price reduction.
_HIGHEST = 10


class Clause(NamedTuple):
    """A part of a sentence: tokens `first` to `last` (exclusive) of a row."""

    row: Row
    first: int
    last: int

    @property
    def text(self) -> str:
        """Return the words as printed."""
        return self.row.words(self.first, self.last)

    @property
    def dates(self) -> list[Dated]:
        """Return the dates in it."""
        return [d for d in self.row.dates if self.first <= d.first < self.last]

    @property
    def days(self) -> re.Match[str] | None:
        """Return a number of days to pay in, as it is printed."""
        text = self.text
        folded = text.casefold()
        return _DAYS.search(text) if any(stem in folded for stem in _DAY_STEMS) else None

    @property
    def percent(self) -> Decimal | None:
        """Return the first percentage in it, which may be a discount."""
        found = _PERCENT.search(self.text)
        return Decimal(found.group(1).replace(",", ".")) if found else None


class Discount(NamedTuple):
    """An early-payment discount: percent of the gross total, and where its last day is printed."""

    clause: Clause
    percent: Decimal
    dated: Dated | None
    days: int | None

    def until(self, issue: date | None, order: Order | None) -> date | None:
        """Return the last day of the discount; None where that is not sure."""
        if self.dated is not None:
            return self.dated.printed.read(order)
        if self.days is None or issue is None:
            return None
        return issue + timedelta(days=self.days)


class Terms(NamedTuple):
    """What the payment terms say: discounts, and the clauses with days to the due date."""

    discounts: tuple[Discount, ...]
    net: tuple[Clause, ...]

    def claims(self, row: Row, dated: Dated) -> bool:
        """Say whether a date is the last day of a discount."""
        return any(
            d.clause.row is row and d.dated is not None and d.dated.first == dated.first
            for d in self.discounts
        )


def payment_terms(sheet: Sheet, taken: frozenset[int]) -> Terms:
    """Read the payment terms outside the rows of invoice lines."""
    discounts: list[Discount] = []
    net: list[Clause] = []
    for row in sheet.rows:
        if row.index in taken or (not row.dates and _DAY_KEYS.isdisjoint(row.keys)):
            continue
        clauses = list(_clauses(row))
        for clause in clauses:
            discount = _discount(clause, clauses)
            if discount is not None:
                discounts.append(discount)
            elif clause.days and not (
                _DISCOUNT.search(_REFUSED.sub("", clause.text)) or _OTHER_DAYS.search(clause.text)
            ):
                net.append(clause)
    return Terms(tuple(discounts), tuple(net))


def days_of(clause: Clause) -> int | None:
    """Return the number of days a clause gives to pay in."""
    found = clause.days
    return int(found.group(1) or found.group(2)) if found else None


def _discount(clause: Clause, clauses: list[Clause]) -> Discount | None:
    percent = clause.percent
    if percent is None or not 0 < percent <= _HIGHEST or _REFUSED.search(clause.text):
        return None
    days = days_of(clause)
    if not _DISCOUNT.search(clause.text):
        # `10 days 2 %, 30 days net`: only beside longer days is a bare percentage a discount.
        longer = [d for c in clauses if c is not clause and (d := days_of(c)) is not None]
        if days is None or not any(d > days for d in longer):
            return None
    home = clause
    if not clause.dates and days is None:
        # `If paid by 13 May, we grant 2 % discount`: the condition stands before the comma.
        at = clauses.index(clause)
        before = clauses[at - 1] if at else None
        if before is None or not _IF.search(before.text):
            return None
        home, days = before, days_of(before)
    dates = home.dates
    if dates:
        # Of two days in one clause the discount's is the earlier one.
        first = min(dates, key=lambda d: min(d.printed.readings))
        return Discount(home, percent, first, None)
    return Discount(home, percent, None, days) if days is not None else None


def _clauses(row: Row) -> Iterator[Clause]:
    starts = {
        m.first for m in row.labels if not row.joined[m.first] and not DATES.isdisjoint(m.concepts)
    }
    inside = {i for d in row.dates for i in range(d.first, d.last - 1)}
    first = 0
    for at, token in enumerate(row.tokens):
        if at in starts and at > first:
            yield Clause(row, first, at)
            first = at
        ends = token.text.endswith((",", ";")) or (
            token.text.endswith(".") and token.key not in _SHORT
        )
        if ends and at not in inside:
            yield Clause(row, first, at + 1)
            first = at + 1
    if first < len(row.tokens):
        yield Clause(row, first, len(row.tokens))
