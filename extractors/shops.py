"""Whose receipt it is: the shop's name among the first lines, tidied of what OCR did to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: Further down, a legal form is the printer's, the franchise's or the customer's.
_LEGAL_LINES = 5
_NAME_LINES = 7

_SUFFIX = (
    r"sdn\.? ?bhd\.?|s/b|bhd\.?|pte\.? ltd\.?|co\.? ltd\.?|ltd\.?|limited|inc\.?|llc|l\.l\.c\.|plc|corp\.?|corporation"
    r"|gmbh(?: & co\.? (?:kg|ohg))?|ohg|e\.k\.|kg|ag|ug|s\.?a\.?r\.?l\.?|s\.a\.s\.?|sas|eurl|b\.?v\.?|n\.v\.|s\.?r\.?l\.?|s\.?p\.?a\.?"
    r"|s\.l\.|sp\. z o\.o\.|s\.a\.|lda\.?|oy|ab|a/s|aps|as"
)
_TRADE = (
    r"enterprise|trading|restoran|restaurant|ristorante|caf[eé]|coffee|mart|store|shop|stationery|hardware|books?tores?|bookstore"
    r"|pharmacy|apotheke|pharmacie|bakery|b[aä]ckerei|boulangerie|supermarket|supermarkt|supermarch[eé]|market|markt|hotel|bar|grill"
    r"|kitchen|bistro|pizzeria|electrical|motors?|furnishing|perniagaan|syarikat|pasaraya|kedai|gasthaus|tankstelle|station|salon|clinic|house"
)
_ENDS_IN_SUFFIX = re.compile(
    rf"^(?P<name>.*?[\w)\]'&] ?(?:\b|(?<=[)\s.]))(?:{_SUFFIX}))(?=$|[\s(,\d])", re.IGNORECASE
)
_SUFFIX_ALONE = re.compile(rf"^(?:co\.?\s*)?(?:\([a-z]+\)\s*)?(?:{_SUFFIX})$", re.IGNORECASE)
#: Legal forms as OCR bends them: SON BHD, 5DN 8HD, 5/B.
_BENT_SDN_BHD = re.compile(
    r"\b(?P<sdn>[S5][DO0]N\.?,?\s?[B8][HM][DO0]\b\.?)|\b[S5]/[B8D](?=\s*\(?\d|\s*$)", re.IGNORECASE
)
_IS_TRADE = re.compile(rf"\b(?:{_TRADE})\b", re.IGNORECASE)
#: Nothing but trades: no firm is called so alone, its own name stands on the row beside.
_ONLY_TRADE = re.compile(rf"(?:(?:{_TRADE}|and|dan|&|the|\([a-z]+\))[\s.]*)+", re.IGNORECASE)
_LEADS_ON = re.compile(r"(?:&|\band|\bdan|\bund|\bet|\be|-|,)\s*$", re.IGNORECASE)
_PRICE = re.compile(r"\d[.,]\d{2}\b")
_NOT_NAME = re.compile(
    r"\b(?:tel|fax|gst|sst|vat|reg|no|lot|jalan|jln|taman|road|street|str|strasse|stra[sß]e|rue|via|avenue|level|floor|block"
    r"|invoice|receipt|bill|date|cashier|welcome|site|company no|co\.? ?reg|tax|ust|table|order|slip|email|www|branch)\b|\d{5}|@|\.com",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ShopName:
    """A name, the lines it stands on (both included, from 0), and why it is one."""

    name: str
    first: int
    last: int
    why: str


def shop_name(lines: Sequence[str]) -> ShopName | None:
    """Find the shop's name: a legal form first, then capitals, then a line of trade."""
    for index, line in enumerate(lines[:_LEGAL_LINES]):
        text = _tidy(line)
        if _SUFFIX_ALONE.match(text) and index:
            whole = f"{_tidy(lines[index - 1])} {text}"
            return ShopName(whole, index - 1, index, "a company's legal form, on two lines")
        match = _ENDS_IN_SUFFIX.match(text)
        if match:
            name = re.sub(r"^[^:]{3,20}:\s*", "", match["name"])
            if index and _belong_together(lines[index - 1], name):
                whole = f"{_tidy(lines[index - 1])} {name}"
                return ShopName(whole, index - 1, index, "a company's legal form, on two lines")
            return ShopName(name, index, index, "a company's legal form")
    likely = [n for n, line in enumerate(lines[:_NAME_LINES]) if _may_be_name(line)]
    for index in likely[:3]:
        if lines[index].upper() == lines[index]:
            return ShopName(_tidy(lines[index]), index, index, "the first capitals")
    for index in likely:
        if _IS_TRADE.search(lines[index]):
            return ShopName(_tidy(lines[index]), index, index, "a line of trade near the top")
    if not likely:
        return None
    return ShopName(_tidy(lines[likely[0]]), likely[0], likely[0], "the first line")


def _belong_together(above: str, name: str) -> bool:
    """Say whether a name began on the row above: one of both rows alone is none."""
    if not _may_be_name(above):
        return False
    bare = re.sub(rf"\s*(?:{_SUFFIX})$", "", name, flags=re.IGNORECASE)
    parts = (_tidy(above), bare)
    return _LEADS_ON.search(above) is not None or any(_ONLY_TRADE.fullmatch(p) for p in parts)


def _may_be_name(text: str) -> bool:
    letters = sum(c.isalpha() for c in text)
    enough = letters >= 4 and letters > 0.6 * len(text.replace(" ", ""))
    return enough and not _NOT_NAME.search(text) and not _PRICE.search(text)


def _unbent(match: re.Match[str]) -> str:
    dots = "." if "." in match[0] else ""
    return f"SDN{dots} BHD{dots}" if match["sdn"] else "S/B"


def _tidy(text: str) -> str:
    """Set brackets and full stops as print does; drop a registration number in brackets."""
    text = _BENT_SDN_BHD.sub(_unbent, text)
    text = re.sub(r"\(\s*[A-Z]{0,3}\d[\d\s\-]{3,}[-\s]*[A-Z]?\s*\)?.*$", "", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r"\s+\)", ")", text)
    text = re.sub(r"\)(?=\w)", ") ", text)
    text = re.sub(r"(?<=[A-Z]{3})\.(?=[A-Z]{3})", ". ", text)
    return text.strip(" -_*'\"`,;:")
