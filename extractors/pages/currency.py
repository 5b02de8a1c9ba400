"""The document's currency: codes and signs beside amounts, and labels that name it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from extractors.pages.figures import CODES, currency_codes
from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import fold, lookalike

_WORDS = {
    "euro": "EUR", "euros": "EUR", "usdollar": "USD", "usdollars": "USD", "dollars": "USD",
    "dollarus": "USD", "poundsterling": "GBP", "pounds": "GBP", "schweizerfranken": "CHF", "zloty": "PLN",
    "zlotych": "PLN", "zl": "PLN", "swissfrancs": "CHF", "francssuisses": "CHF",
}  # fmt: skip
#: Words that are taken for a currency's sign, and what a row with a code or one of them holds.
_SPELT = frozenset(["€", "£", "Euro", "euro", "euros", "Euros", "zł", "PLN"])
_SIGN_KEYS = frozenset(
    key for word in CODES | _SPELT for key in (fold(word), lookalike(fold(word))) if key
)
_IN_TEXT = re.compile(r"(?<![A-Za-z])(?:" + "|".join(sorted(CODES)) + r")(?![A-Za-z])")
#: Which dollar, crown or rupee a country's documents mean, by telling words on the page.
_COUNTRY_HINTS = {
    "CAD": frozenset({"canada", "ontario", "quebec", "gsthst", "hst"}),
    "AUD": frozenset({"australia", "abn", "nsw", "sydney", "melbourne"}),
    "NZD": frozenset({"zealand", "auckland"}),
    "SGD": frozenset({"singapore"}),
    "HKD": frozenset({"kong"}),
    "SEK": frozenset({"sverige", "sweden", "moms", "stockholm"}),
    "NOK": frozenset({"norge", "norway", "oslo", "mva"}),
    "DKK": frozenset({"danmark", "denmark", "kobenhavn", "cvr"}),
    "PKR": frozenset({"pakistan"}),
    "LKR": frozenset({"lanka"}),
    "CNY": frozenset({"china", "beijing", "shanghai"}),
}

#: What leads to the total in another currency than the invoice's.
_EQUIVALENT = re.compile(
    r"[eé]quival|gegenwert|entspricht|contre.?valeur|tegenwaarde|controvalore|contravalor|r[oó]wnowarto"
    r"|\bsoit en\b|exchange rate|wechselkurs|taux de change|wisselkoers|tasso di cambio|tipo de cambio|\bkurs",
    re.IGNORECASE,
)


class Evidence(NamedTuple):
    """A currency with the place that says so, how sure (0 to 1), and why."""

    code: str
    row: Row
    first: int
    last: int
    score: float
    why: str


def find_currency(sheet: Sheet, amounts: tuple[tuple[Row, int, int, str], ...]) -> Evidence | None:
    """Choose the currency; `amounts` are the chosen totals with their printed signs.

    None when nothing says so, or when the evidence contradicts itself.
    """
    labelled = _labelled(sheet)
    if labelled:
        return labelled
    votes: dict[str, float] = {}
    first: dict[str, Evidence] = {}
    for row in sheet.rows:
        said = list(_signs(row)) if _is_signed(row) else []
        if said and not _EQUIVALENT.search(row.text):
            for start, end, sign, weight in said:
                _vote(votes, first, row, start, end, sign, weight, sheet)
    for row, start, end, sign in amounts:
        if sign:
            _vote(votes, first, row, start, end, sign, 6.0, sheet)
    if not votes:
        return None
    ranked = sorted(votes.items(), key=lambda item: -item[1])
    code, score = ranked[0]
    rival = ranked[1][1] if len(ranked) > 1 else 0.0
    if rival > 0.5 * score:
        return first[code]._replace(score=0.5, why="two currencies are printed")
    return first[code]


def _is_signed(row: Row) -> bool:
    """Say whether a row can hold a sign, at a glance: most hold none."""
    text = row.text
    return (
        not _SIGN_KEYS.isdisjoint(row.keys)
        or "€" in text
        or "£" in text
        or "EUR" in text
        or any(f.sign for f in row.figures)
    )


def _signs(row: Row) -> Iterator[tuple[int, int, str, float]]:
    """Yield the signs in a row that can name a currency: first and last token, sign, weight."""
    for figure in row.figures:
        if figure.sign:
            yield figure.first, figure.last, figure.sign, 1.0
    for at, token in enumerate(row.tokens):
        text = token.text.strip("()[]:;,.*/")
        if text in CODES or text in _SPELT:
            yield at, at + 1, text, 0.6
        elif "€" in text or "/EUR" in text or "EUR/" in text:
            yield at, at + 1, "EUR", 0.4


def _vote(
    votes: dict[str, float],
    first: dict[str, Evidence],
    row: Row,
    start: int,
    end: int,
    sign: str,
    weight: float,
    sheet: Sheet,
) -> None:
    codes = currency_codes(sign) or ((_WORDS[fold(sign)],) if fold(sign) in _WORDS else ())
    if not codes:
        return
    code, sure, why = codes[0], 0.97, f"'{sign}' beside an amount"
    if len(codes) > 1:
        words = {key for r in sheet.rows for key in r.keys}
        hinted = [c for c in codes if words & _COUNTRY_HINTS.get(c, frozenset())]
        printed = [c for c in codes if re.search(rf"\b{c}\b", sheet.text)]
        if len(printed) == 1:
            code, sure = printed[0], 0.95
        elif len(hinted) == 1:
            code, sure = hinted[0], 0.75
        else:
            sure = 0.9 if code in {"USD", "INR"} and not hinted else 0.5
    votes[code] = votes.get(code, 0.0) + weight
    if code not in first or first[code].score < sure:
        first[code] = Evidence(code, row, start, end, sure, why)


def _labelled(sheet: Sheet) -> Evidence | None:
    for row in sheet.rows:
        for match in row.labels:
            if "currency" not in match.concepts:
                continue
            limit = min(len(row.tokens), match.last + 4)
            for at in range(match.last, limit):
                text = row.tokens[at].text.strip("()[]:;,.")
                code = text if text in CODES else _WORDS.get(row.tokens[at].key)
                if code is None and at + 1 < limit:
                    code = _WORDS.get(row.tokens[at].key + row.tokens[at + 1].key)
                if code is None and len(currency_codes(text)) == 1:
                    code = currency_codes(text)[0]
                if code:
                    return Evidence(
                        code,
                        row,
                        at,
                        at + 1,
                        0.98,
                        f"named after '{row.words(match.first, match.last)}'",
                    )
            x0, x1 = row.tokens[match.first].x0, row.tokens[match.last - 1].x1
            for other in sheet.below(row, 1):
                for at, token in enumerate(other.tokens):
                    if token.text in CODES and min(token.x1, x1) - max(token.x0, x0) > -2:
                        return Evidence(
                            token.text, other, at, at + 1, 0.97, "named under its label"
                        )
    return None
