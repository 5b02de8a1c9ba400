"""Figures: numbers as printed, with every way they can be read, and the currencies beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import NamedTuple


class Style(Enum):
    """Which sign separates decimals on a page."""

    COMMA = ","
    POINT = "."


#: Printed currency signs and words, with the ISO 4217 codes each can mean, likeliest first.
SIGNS: dict[str, tuple[str, ...]] = {
    "€": ("EUR",),
    "EURO": ("EUR",),
    "EUROS": ("EUR",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "US$": ("USD",),
    "C$": ("CAD",),
    "CA$": ("CAD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "S$": ("SGD",),
    "NZ$": ("NZD",),
    "HK$": ("HKD",),
    "R$": ("BRL",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "RS": ("INR", "PKR", "LKR"),
    "RS.": ("INR", "PKR", "LKR"),
    "ZŁ": ("PLN",),
    "ZŁ.": ("PLN",),
    "ZL": ("PLN",),
    "KČ": ("CZK",),
    "FT": ("HUF",),
    "KR": ("SEK", "NOK", "DKK"),
    "KR.": ("DKK", "SEK", "NOK"),
    "LEI": ("RON",),
    "FR.": ("CHF",),
    "SFR.": ("CHF",),
    "₺": ("TRY",),
    "₽": ("RUB",),
    "₴": ("UAH",),
    "₩": ("KRW",),
    "₪": ("ILS",),
    "RM": ("MYR",),
}
CODES = frozenset(
    [
        "EUR",
        "USD",
        "GBP",
        "CHF",
        "PLN",
        "CZK",
        "HUF",
        "SEK",
        "NOK",
        "DKK",
        "RON",
        "BGN",
        "JPY",
        "CNY",
        "INR",
        "AUD",
        "CAD",
        "NZD",
        "SGD",
        "HKD",
        "BRL",
        "MXN",
        "ZAR",
        "TRY",
        "ILS",
        "KRW",
        "THB",
        "MYR",
        "IDR",
        "PHP",
        "AED",
        "SAR",
        "RUB",
        "UAH",
        "ISK",
        "RSD",
        "CLP",
        "COP",
        "ARS",
        "TND",
        "MAD",
        "KWD",
        "DEM",
        "FRF",
        "NLG",
        "ATS",
        "ITL",
        "ESP",
        "PTE",
        "BEF",
        "LUF",
        "IEP",
        "FIM",
        "HRK",
    ]
)
_SIGN = (
    r"(?:[A-Z]{0,3}\$|[€£¥₹₺₽₴₩₪]|(?:"
    + "|".join(sorted(CODES))
    + r")\b|Rs\.?|RM|EURO?S?|[Zz][łŁlL]\.?|K[čČ]|Kr\.?|kr\.?|Fr\.|Ft)"
)
_NUMBER = r"\d{1,3}(?:[.,'’´\u00a0\u202f ]\d{3})+(?:[.,]\d{1,6})?|\d+(?:[.,]\d{1,6})?|[.,]\d{2}"
_FIGURE = re.compile(
    rf"(?P<open>[(\[]?)(?P<minus>[-−–‐+]?)\s?(?P<before>{_SIGN})?\s?(?P<minus2>[-−–‐+]?)\s?"
    rf"(?P<number>{_NUMBER})\s?(?P<percent>%)?\s?(?P<after>{_SIGN})?(?P<minus3>[-−–‐]?)(?P<dash>,[-–—]+|\.[-–—]+)?"
    rf"(?P<close>[)\]]?)(?P<flags>(?:[*:;.,]|(?<=[.,]\d\d)\(?[A-D]\)?)?)"
)
_ONLY_SIGN = re.compile(rf"(?:{_SIGN})[:.]?")
_DIGIT = re.compile(r"\d")
_ONLY_MINUS = frozenset("-−–‐")
_THREES = re.compile(r"\d{3}(?:[.,]\d{1,4})?(?P<tail>[-−–]?(?:€|%|\$|£|zł)?[*]?)")


class Figure(NamedTuple):
    """A number on the page: words `first` to `last` (exclusive) of its row.

    `digits` is the bare number; `sign` the printed currency, if any.
    """

    first: int
    last: int
    text: str
    digits: str
    negative: bool
    percent: bool
    sign: str
    x0: float
    x1: float

    @property
    def is_money(self) -> bool:
        """Say whether it has exactly two decimals or a currency: it can be an amount."""
        return not self.percent and (bool(self.sign) or self.digits[-3:-2] in {".", ","})

    def read(self, style: Style) -> Decimal:
        """Return the value, reading an ambiguous separator by `style`."""
        plain = _plain(self.digits, style)
        return -plain if self.negative else plain

    @property
    def is_ambiguous(self) -> bool:
        """Say whether `1.234` could be both a thousand and a fraction."""
        return _plain(self.digits, Style.COMMA) != _plain(self.digits, Style.POINT)


_SPACES = re.compile(r"['’´\u00a0\u202f ]")


@lru_cache(maxsize=1024)
def _plain(digits: str, style: Style) -> Decimal:
    digits = _SPACES.sub("", digits)
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        cut = max(comma, point)
    elif comma < 0 and point < 0:
        return Decimal(digits)
    else:
        mark = "," if comma >= 0 else "."
        cut = max(comma, point)
        three = len(digits) - cut - 1 == 3
        # `5.158.56` is `5.158,56` whose comma OCR took for a point.
        groups = three and digits.count(mark) > 1
        if groups or (three and mark != style.value and digits[:cut].lstrip("0")):
            return Decimal(digits.replace(mark, ""))
    whole = digits[:cut].replace(",", "").replace(".", "")
    return Decimal(f"{whole or 0}.{digits[cut + 1 :]}")


def currency_codes(sign: str) -> tuple[str, ...]:
    """Return the ISO codes a printed sign or word can mean, likeliest first."""
    upper = sign.upper().rstrip(":")
    if upper in CODES:
        return (upper,)
    return SIGNS.get(upper) or SIGNS.get(upper.rstrip("."), ())


def figures_in(
    words: Sequence[str], lefts: Sequence[float], rights: Sequence[float], height: float
) -> list[Figure]:
    """Find the numbers in a row of words, joining what belongs together.

    `1 234,56`, `- 5,00`, `EUR 12.00` and `19 %` are one figure each. Dates,
    article numbers and other codes are not figures. `lefts` and `rights` are the
    words' ends in points; `height` is the row's, and scales how far apart the
    parts may stand.
    """
    found: list[Figure] = []
    count, last = len(words), 0
    near = 0.9 * height
    for at, text in enumerate(words):
        if at < last or _DIGIT.search(text) is None:
            continue
        match = _FIGURE.fullmatch(text)
        if match is None:
            continue
        opened, minus, before, minus2, digits, hundredths, after, minus3, _, closed, _ = (
            match.groups()
        )
        if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
            continue
        free = last
        first, last = at, at + 1
        x1 = rights[at]
        percent, sign = bool(hundredths), before or after or ""
        negative = any(m and m in _ONLY_MINUS for m in (minus, minus2, minus3))
        negative = negative or (opened == "(" and closed == ")")
        # Thousands set apart by a thin space reach us as words of their own.
        if digits.isdigit() and len(digits) <= 3 and not percent and not after:
            while last < count and lefts[last] - x1 < 0.62 * height:
                rest = _THREES.fullmatch(words[last])
                if rest is None or "." in digits or "," in digits:
                    break
                tail = rest["tail"]
                digits += words[last][: len(words[last]) - len(tail)]
                sign = sign or tail.strip("-−–*%")
                percent = "%" in tail
                negative = negative or any(c in _ONLY_MINUS for c in tail)
                x1 = rights[last]
                last += 1
        if (
            first > free
            and not before
            and words[first - 1] in _ONLY_MINUS
            and lefts[at] - rights[first - 1] < near
        ):
            negative, first = True, first - 1
        if (
            first > free
            and not sign
            and _ONLY_SIGN.fullmatch(words[first - 1])
            and lefts[first] - rights[first - 1] < 2.5 * near
        ):
            first -= 1
            sign = words[first]
            if (
                first > free
                and words[first - 1] in _ONLY_MINUS
                and lefts[first] - rights[first - 1] < near
            ):
                negative, first = True, first - 1
        if last < count and lefts[last] - x1 < near:
            follower = words[last]
            if follower in {"%", "%)", "%:"}:
                percent, x1, last = True, rights[last], last + 1
            elif not sign and _ONLY_SIGN.fullmatch(follower):
                nearer = lefts[last] - x1
                leads = words[last + 1][:1].isdigit() if last + 1 < count else False
                # A sign may stand nearer to the number after it than to this one.
                if not leads or lefts[last + 1] - rights[last] >= nearer:
                    sign, x1, last = follower, rights[last], last + 1
        if (
            last < count
            and words[last] in _ONLY_MINUS
            and lefts[last] - x1 < 0.4 * height
            and (last + 1 == count or lefts[last + 1] - rights[last] > 0.6 * height)
        ):
            negative, x1, last = True, rights[last], last + 1
        printed = " ".join(words[first:last])
        found.append(
            Figure(first, last, printed, digits, negative, percent, sign, lefts[first], x1)
        )
    return found


def style_of(figures: Sequence[Figure]) -> Style | None:
    """Return the decimal sign that the unambiguous figures agree on, or None."""
    votes = {Style.COMMA: 0, Style.POINT: 0}
    for figure in figures:
        digits = figure.digits
        cut = max(digits.rfind(","), digits.rfind("."))
        if cut < 0:
            continue
        mark, other = digits[cut], "," if digits[cut] == "." else "."
        decimals = len(digits) - cut - 1
        if other in digits or (decimals != 3 and digits.count(mark) == 1):
            votes[Style(mark)] += 2 if decimals == 2 else 1
        elif decimals == 3 and digits.count(mark) > 1:
            votes[Style(other)] += 1
    comma, point = votes[Style.COMMA], votes[Style.POINT]
    if comma == point:
        return None
    return Style.COMMA if comma > point else Style.POINT
