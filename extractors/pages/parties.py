"""Seller and buyer: the likeliest name of each, with address and VAT id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from extractors.pages.blocks import Block, Part, blocks_of, has_postal
from extractors.pages.identifiers import Identifier
from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import fold, spellings
from extractors.pages.naming import LEGAL, core, initials, is_name, without_stated_form
from extractors.pages.ours import Ours, buying
from extractors.pages.party_names import (
    YOURS,
    NameCandidate,
    PartyHeading,
    heading_over,
    names,
    party_headings,
    sender_line,
)

_DOMAIN = re.compile(r"(?:@|www\.|https?://(?:www\.)?)([a-z0-9\-]+(?:\.[a-z0-9\-]+)*)\.[a-z]{2,}")

#: How words begin that call an id the customer's.
_CUSTOMERS = tuple(sorted(spellings(["customer", "client", "kunden"])))
_PUBLIC = frozenset(
    [
        "gmail",
        "gmx",
        "web",
        "outlook",
        "hotmail",
        "yahoo",
        "tonline",
        "freenet",
        "orange",
        "wanadoo",
        "libero",
        "icloud",
        "localhost",
        "example",
    ]
)


class Named(NamedTuple):
    """A party's name with its place, how sure (0 to 1), and why."""

    part: Part
    text: str
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Parties:
    """What was found of both parties."""

    seller: Named | None = None
    buyer: Named | None = None
    seller_address: tuple[Part, ...] = ()
    buyer_address: tuple[Part, ...] = ()
    seller_vat: Identifier | None = None
    buyer_vat: Identifier | None = None


def find_parties(
    sheet: Sheet,
    taken: frozenset[int],
    vats: Sequence[Identifier],
    accounts: Sequence[Identifier],
    ours: Ours,
) -> Parties:
    """Tell seller and buyer apart; what stays unclear is left out.

    `accounts` are the IBANs printed: the seller's own, so their country is a hint.
    Whoever bears a name in `ours` is the buyer, unless the page has us sell.
    """
    blocks = blocks_of(sheet, taken)
    headings = list(party_headings(sheet, taken))
    domains = _domains(sheet)
    sender = sender_line(sheet, taken)
    found = list(names(sheet, blocks, headings, sender, taken))
    with_us = buying(sheet, found, ours, taken)
    found = found if with_us is None else with_us
    seller = _best(found, "seller", domains, None, sheet)
    buyer = _best(found, "buyer", domains, seller, sheet)
    own = [v for v in vats if with_us is not None and ours.identified(v.value)]
    others = [v for v in vats if v not in own]
    seller_vat, buyer_vat = _vat_owners(
        others, headings, sheet, seller, buyer, {a.value[:2] for a in accounts}
    )
    buyer_vat = own[0] if own else buyer_vat
    return Parties(
        seller=seller,
        buyer=buyer,
        seller_address=_address(blocks, seller),
        buyer_address=_address(blocks, buyer),
        seller_vat=seller_vat,
        buyer_vat=buyer_vat,
    )


def _domains(sheet: Sheet) -> list[str]:
    found = []
    for match in _DOMAIN.finditer(sheet.text.lower()):
        for label in match.group(1).split("."):
            key = fold(label)
            if len(key) >= 4 and key not in _PUBLIC:
                found.append(key)
    return found


def _best(
    names: Sequence[NameCandidate],
    role: str,
    domains: Sequence[str],
    other: Named | None,
    sheet: Sheet,
) -> Named | None:
    scores: dict[str, float] = {}
    first: dict[str, NameCandidate] = {}
    opposite = {core(n.text) for n in names if n.role not in {role, ""} and n.score >= 0.85}
    taken = core(other.text) if other else ""
    for name in names:
        if name.role != role:
            continue
        key = core(name.text)
        if not key or (taken and (key == taken or (len(taken) > 5 and taken in key))):
            continue
        held = first.get(key)
        if held is None:
            first[key] = name
            scores[key] = name.score
        else:
            if name.score > held.score:
                first[key] = name
            # Letterheads shout: the same name in small letters is how it is written.
            texts = [t for t in (first[key].text, held.text, name.text) if not t.isupper()]
            first[key] = first[key]._replace(text=texts[0] if texts else held.text)
            scores[key] = max(scores[key], name.score) + 0.06
    for key in scores:
        if key in opposite:
            scores[key] -= 0.5
        if role == "seller" and any(
            d in key or key in d or initials(first[key].text) == d for d in domains if len(key) > 3
        ):
            scores[key] += 0.22
    if not scores:
        return None
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    key, score = ranked[0]
    rival = ranked[1][1] if len(ranked) > 1 else 0.0
    name = first[key]
    if role == "buyer" and len(ranked) == 1 and other is not None:
        score += 0.15
    sure = min(0.98, score) if score - rival > 0.1 else min(0.7, score)
    if name.score >= 0.9:
        sure = max(sure, 0.9)
    whole = without_stated_form(_whole_name(name, sheet), sheet.text)
    return Named(name.part, whole, sure, name.why)


def _whole_name(name: NameCandidate, sheet: Sheet) -> str:
    """Join a name that is broken over two lines: before its legal form, or in large print."""
    text, row, part = name.text, name.part.row, name.part
    if LEGAL.search(text):
        return _with_beginning(name, sheet)
    if not row.words(part.first, part.last).strip(" ,").endswith(text):
        return text
    x0 = row.tokens[part.first].x0
    for other in sheet.below(row, 2):
        if other.top - row.bottom > row.height:
            break
        for first, last in other.spans:
            more = other.words(first, last).strip(" ,")
            form = LEGAL.search(more)
            ends = form is not None and form.end() >= len(more) - 1
            short = len(more.split()) <= 4 and not any(map(str.isdigit, more))
            if abs(other.tokens[first].x0 - x0) < 4 and ends and short:
                return f"{text} {more}"
    return text


def _with_beginning(name: NameCandidate, sheet: Sheet) -> str:
    """Put the line over a name before it where both are printed larger than the line under it."""
    row, part = name.part.row, name.part
    token = row.tokens[part.first]
    high = token.bottom - token.top
    alike = [
        (r, first, last)
        for r in sheet.rows[max(0, row.index - 1) : row.index + 2]
        for first, last in r.spans
        if r is not row and r.page == row.page and abs(r.tokens[first].x0 - token.x0) < 3
    ]
    over = [(r, f, n) for r, f, n in alike if r.index < row.index and token.top - r.bottom < high]
    under = [r.tokens[f].bottom - r.tokens[f].top for r, f, _ in alike if r.index > row.index]
    if not over or not under or high < 1.1 * under[0]:
        return name.text
    above, first, last = over[0]
    text = above.words(first, last)
    own = above.tokens[first].bottom - above.tokens[first].top
    named = is_name(text) and not LEGAL.search(text) and last - first <= 3
    plain = named and not any(map(str.isdigit, text)) and not above.titles
    return f"{text} {name.text}" if plain and abs(own - high) < 0.5 else name.text


def _vat_owners(
    vats: Sequence[Identifier],
    headings: Sequence[PartyHeading],
    sheet: Sheet,
    seller: Named | None,
    buyer: Named | None,
    countries: set[str],
) -> tuple[Identifier | None, Identifier | None]:
    sellers: list[Identifier] = []
    buyers: list[Identifier] = []
    beside: list[Identifier] = []
    unclear: list[Identifier] = []
    for found in vats:
        owner = _vat_owner(found, headings, sheet, seller, buyer)
        {"seller": sellers, "yours": buyers, "buyer": beside, "": unclear}[owner].append(found)
    # The seller must print an id: a single one without `your` before it is the seller's.
    # On a scan the seller's may not have been read.
    certain = sheet.by != "ocr"
    single = len({v.value for v in beside}) == 1
    if certain and not sellers and not unclear and single and not buyers:
        sellers, beside = beside, []
    # Whose is not the buyer's, where the words say which is, is the seller's.
    yours = {b.value for b in buyers}
    rest = [v for v in beside if v.value not in yours]
    if buyers and not sellers and not unclear and len({v.value for v in rest}) == 1:
        sellers = rest
    buyers += [v for v in beside if v not in sellers]
    known = {b.value for b in buyers}
    unclear = [u for u in unclear if u.value not in known]
    if not sellers and unclear:
        if not certain and countries:
            unclear = [u for u in unclear if u.value[:2] in countries]
        labelled = [u for u in unclear if u.labelled] or unclear
        low = [u for u in labelled if u.row.top > 0.85 * sheet.height]
        # The account is the seller's: so is the id of the account's country.
        home = [u for u in unclear if u.value[:2] in countries]
        for choice in (labelled, home, low):
            if len({u.value for u in choice}) == 1:
                sellers = choice
                break
    sellers = [s for s in sellers if s.value not in known] or sellers
    sellers.sort(key=lambda v: -v.proved)
    buyers.sort(key=lambda v: -v.proved)
    if sellers and buyers and sellers[0].value == buyers[0].value:
        return None, None
    return (sellers[0] if sellers else None), (buyers[0] if buyers else None)


def _vat_owner(
    found: Identifier,
    headings: Sequence[PartyHeading],
    sheet: Sheet,
    seller: Named | None,
    buyer: Named | None,
) -> str:
    """Say whose a VAT id is: by the words before or above it, its heading, its neighbours.

    `yours` where the words say so, `buyer` where only the place does.
    """
    row = found.row
    x0, x1 = row.tokens[found.first].x0, row.tokens[found.last - 1].x1
    words = set(row.keys[max(0, found.first - 6) : found.first])
    if not found.labelled:
        for other in sheet.rows[max(0, row.index - 2) : row.index]:
            for first, last in other.spans:
                if other.tokens[last - 1].x1 > x0 and other.tokens[first].x0 < x1:
                    words.update(other.keys[first:last])
    if words & YOURS or any(k.startswith(_CUSTOMERS) for k in words):
        return "yours"
    start = found.first
    while start and row.joined[start]:
        start -= 1
    over = heading_over(row, row.tokens[start].x0, headings, 160) or heading_over(
        row, x0, headings, 160
    )
    if over is not None and over.role != "ship_to" and _runs_on(sheet, over, row):
        return over.role
    distances: list[tuple[float, str]] = []
    for role, named in (("seller", seller), ("buyer", buyer)):
        if named is None or named.part.row.page != row.page:
            continue
        part = named.part
        near = abs(row.tokens[start].x0 - part.row.tokens[part.first].x0) < 25
        if part.row is row or (near and 0 <= row.top - part.row.top < 90):
            distances.append((row.top - part.row.top, role))
    if distances:
        return min(distances)[1]
    if seller is not None and core(seller.text) in fold(row.text):
        return "seller"
    return ""


def _runs_on(sheet: Sheet, heading: PartyHeading, row: Row) -> bool:
    """Say whether lines without a gap lead from a party's heading down to a row."""
    edge = heading.row
    for other in sheet.rows[heading.row.index + 1 : row.index + 1]:
        if not any(heading.x0 - 12 <= t.x0 < heading.right for t in other.tokens):
            continue
        if other.top - edge.bottom > 1.2 * max(other.height, edge.height):
            return False
        edge = other
    return True


def _address(blocks: Iterable[Block], named: Named | None) -> tuple[Part, ...]:
    """Return the lines of the block that the name heads, down to the town."""
    if named is None:
        return ()
    for block in blocks:
        for at, part in enumerate(block.parts):
            if part.row is named.part.row and part.first <= named.part.first < part.last:
                rest = block.parts[at + 1 : at + 7]
                for end, line in enumerate(rest):
                    if has_postal(line.text):
                        return tuple(rest[: end + 1])
                return ()
    return ()


def lines_of(parts: Sequence[Part]) -> str:
    """Join the lines of an address with commas."""
    kept = [a for a, b in pairwise([*parts, None]) if a is not None]
    return ", ".join(p.text.strip(" ,") for p in kept)
