"""Candidates for the names of seller and buyer, from headings, sender lines and addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extractors.pages.blocks import Block, Part, has_postal
from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import Match, spellings
from extractors.pages.naming import (
    CONTACT,
    FORM_KEYS,
    LEGAL,
    NAMED,
    SALUTATION,
    SPLIT,
    STREET,
    clean,
    is_name,
)

_OWN = frozenset(
    {"contact", "vat_id", "iban", "bic", "seller_tax_id", "company_number", "bank_account"}
)


YOURS = spellings(
    [
        "ihre",
        "ihr",
        "ihrer",
        "your",
        "customer",
        "client",
        "clients",
        "kunde",
        "kunden",
        "kaufer",
        "buyer",
        "uw",
        "klant",
        "votre",
        "vos",
        "su",
        "cliente",
        "vostra",
        "v",
        "vosso",
        "nabywcy",
        "nabywca",
        "klienta",
        "acquirente",
        "destinatario",
        "comprador",
        "adquirente",
        "koper",
        "afnemer",
        "bill",
        "recipient",
        "leistungsempfanger",
        "empfanger",
        "vs",
        "seu",
        "sua",
        "debtor",
        "debitor",
        "cessionario",
        "committente",
    ]
)


class PartyHeading(NamedTuple):
    role: str
    row: Row
    first: int
    last: int
    x0: float
    right: float


_HEADING_ROLES = ("seller", "buyer", "ship_to")


def party_headings(sheet: Sheet, taken: frozenset[int]) -> Iterator[PartyHeading]:
    for row in sheet.rows:
        if row.index in taken:
            continue
        found: list[tuple[str, int, int]] = []
        for match in row.labels:
            if match.concepts.isdisjoint(_HEADING_ROLES):
                continue
            roles = [s.concept for s in match.senses if s.concept in _HEADING_ROLES]
            # Low on the page the same words introduce a bank account's holder.
            banked = "bank_account" in match.concepts
            if banked and row.top > 0.4 * sheet.height:
                continue
            if match.first and row.joined[match.first]:
                continue
            short = len(match.key) < 4
            stop = _second_language(row, match, roles)
            end = row.phrase_end(stop - 1)
            colon = row.tokens[stop - 1].text.endswith(":") or (
                stop < len(row.tokens) and row.tokens[stop].text == ":"
            )
            alone = end == stop
            other = any(s.concept not in _HEADING_ROLES for s in match.senses)
            tail = row.tokens[stop:end]
            # `Nabywca usługi`: a small word more, but no name.
            if len(tail) == 1 and len(match.key) > 5 and tail[0].text.islower():
                alone = True
            # `Debitor: 4711`: a number, not a heading.
            value = row.tokens[stop:end] or row.tokens[end : end + 1]
            if colon and value and value[0].text.strip(".,").isdigit():
                continue
            if not (alone or colon) or (short and not colon and not (alone and len(match.key) > 1)):
                continue
            if other and not colon and not alone:
                continue
            found.append((roles[0], match.first, stop))
        for role, first, last in found:
            after = [m.first for m in row.labels if m.first >= last and not row.joined[m.first]]
            reach = row.tokens[first].x0 + 0.42 * sheet.width
            right = row.tokens[after[0]].x0 - 4 if after else min(reach, sheet.width)
            yield PartyHeading(role, row, first, last, row.tokens[first].x0, right)


def _second_language(row: Row, match: Match, roles: Sequence[str]) -> int:
    """Return the end of a heading, with its translation: `Kunde / Bill to`."""
    end = match.last
    # A sign without letters may count as part of the label before it.
    if row.tokens[end - 1].key and end < len(row.tokens) and row.joined[end]:
        end += not row.tokens[end].key
    if not row.tokens[end - 1].key:
        for other in row.labels:
            if other.first == end and roles[0] in other.concepts:
                return other.last
    return match.last


def heading_over(
    row: Row, x0: float, headings: Sequence[PartyHeading], reach: float = 130
) -> PartyHeading | None:
    best = None
    for heading in headings:
        above = heading.row.page == row.page and heading.row.index <= row.index
        near = above and row.top - heading.row.bottom < reach
        # A value can start a little left of its centred heading.
        if near and heading.x0 - 12 <= x0 < heading.right:
            best = heading
    return best


class NameCandidate(NamedTuple):
    role: str
    part: Part
    text: str
    score: float
    why: str


def names(
    sheet: Sheet,
    blocks: Sequence[Block],
    headings: Sequence[PartyHeading],
    sender: Part | None,
    taken: frozenset[int],
) -> Iterator[NameCandidate]:
    yield from _under_headings(sheet, headings, taken)
    yield from _labelled_names(sheet, headings, taken)
    if sender is not None:
        yield from _under_sender(sheet, sender)
        text = clean(SPLIT.split(sender.text)[0])
        if text:
            yield NameCandidate(
                "seller", sender, text, 0.85, "first in the sender line over the address"
            )
    headed = [c for block in blocks for c in _from_block(sheet, block, headings, sender)]
    yield from _one_over_another(headed) if sender is None else headed
    yield from _company_names(sheet, headings, taken)


def _under_headings(
    sheet: Sheet, headings: Sequence[PartyHeading], taken: frozenset[int]
) -> Iterator[NameCandidate]:
    for heading in headings:
        if heading.role == "ship_to":
            continue
        row = heading.row
        beside = [
            (first, last)
            for first, last in row.spans
            if last > heading.last and row.tokens[last - 1].x1 <= heading.right + 4
        ]
        if beside:
            first, last = max(beside[0][0], heading.last), beside[0][1]
            text = clean(row.words(first, last))
            far = row.tokens[first].x0 - row.tokens[heading.last - 1].x1
            colon = row.tokens[heading.last - 1].text.endswith(":")
            if (
                text
                and is_name(text)
                and far < 220
                and not _labelled(row, first, last)
                and (colon or far < 90)
            ):
                # `Vendedor: Inês Carvalho` names whoever sold, not the company.
                sure = 0.9 if heading.role == "buyer" or LEGAL.search(text) else 0.5
                why = f"beside '{row.words(heading.first, heading.last)}'"
                yield NameCandidate(heading.role, Part(row, first, last, text), text, sure, why)
                continue
        edge = row
        for other in sheet.below(row, 6):
            if other.top - edge.bottom > 2.6 * max(row.height, other.height):
                break
            hit = None
            for first, last in other.spans:
                x0 = other.tokens[first].x0
                if heading.x0 - 12 <= x0 < heading.right:
                    hit = (first, last)
                    break
            if hit is None:
                continue
            edge = other
            text = clean(other.words(*hit))
            if not text or SALUTATION.fullmatch(text):
                continue
            # `Debitor` over `4711`: it heads a number and no name.
            if edge.index == row.index + 1 and text.replace(" ", "").isdigit():
                break
            # Numbers of the party may stand between heading and name.
            if _labelled(other, *hit):
                continue
            if STREET.fullmatch(text) or other.index in taken:
                break
            if not is_name(text):
                continue
            weight = 0.95 if len(row.tokens) - heading.first < 8 else 0.8
            if heading.role == "seller" and not LEGAL.search(text):
                # Under `Vendedor` may stand whoever sold, but not with an address.
                weight = weight if _addressed(sheet, other, hit[0]) else 0.5
            why = f"under '{row.words(heading.first, heading.last)}'"
            yield NameCandidate(heading.role, Part(other, *hit, text), text, weight, why)
            break


def _addressed(sheet: Sheet, row: Row, first: int) -> bool:
    """Say whether a street or town stands within three lines under a name."""
    x0 = row.tokens[first].x0
    for other in sheet.below(row, 3):
        for start, last in other.spans:
            text = other.words(start, last)
            if abs(other.tokens[start].x0 - x0) < 12 and (
                STREET.fullmatch(text) or has_postal(text)
            ):
                return True
    return False


def _under_sender(sheet: Sheet, sender: Part) -> Iterator[NameCandidate]:
    """Read the addressee: the first line under the sender line, where the window is."""
    x0 = sender.row.tokens[sender.first].x0
    for row in sheet.below(sender.row, 6):
        if row.top - sender.row.bottom > 75:
            return
        for first, last in row.spans:
            if abs(row.tokens[first].x0 - x0) < 60:
                text = clean(row.words(first, last))
                if SALUTATION.fullmatch(text):
                    break
                if not _labelled(row, first, last) and is_name(text) and not STREET.fullmatch(text):
                    why = "stands under the sender line"
                    yield NameCandidate("buyer", Part(row, first, last, text), text, 0.9, why)
                return


def _labelled_names(
    sheet: Sheet, headings: Sequence[PartyHeading], taken: frozenset[int]
) -> Iterator[NameCandidate]:
    for row in sheet.rows:
        if row.index in taken:
            continue
        for match in row.labels:
            if "party_name" not in match.concepts:
                continue
            if match.first and row.joined[match.first]:
                continue
            over = heading_over(row, row.tokens[match.first].x0, headings)
            if over is None or over.role == "ship_to" or over.row is row:
                continue
            nxt = [p for p in row.spans if p[1] > match.last]
            colon = row.tokens[match.last - 1].text.endswith(":")
            # `Nazwa towaru`: running on without a colon it is no label.
            if nxt and (colon or nxt[0][0] >= match.last):
                first, last = max(nxt[0][0], match.last), nxt[0][1]
                text = clean(row.words(first, last))
                if text and is_name(text):
                    yield NameCandidate(
                        over.role,
                        Part(row, first, last, text),
                        text,
                        0.97,
                        f"labelled as name under '{over.row.words(over.first, over.last)}'",
                    )


def _from_block(
    sheet: Sheet, block: Block, headings: Sequence[PartyHeading], sender: Part | None
) -> Iterator[NameCandidate]:
    parts = block.parts
    if parts[0].row.page != sheet.numbers[0]:
        return
    if sender is not None:
        at = next((i for i, p in enumerate(parts) if p.row is sender.row), -1)
        parts = parts[at + 1 :]
    postal = next((i for i, p in enumerate(parts) if has_postal(p.text)), None)
    if postal is None:
        return
    lead = [p for p in parts[:postal] if (text := clean(p.text)) and not SALUTATION.fullmatch(text)]
    lead = [p for p in lead if not _labelled(p.row, p.first, p.last)]
    lead = [p for p in lead if not any(h.row is p.row and h.first == p.first for h in headings)]
    if not lead or not 1 <= len(lead) <= 7:
        return
    contact = sum(_is_contact(p) for p in parts[parts.index(lead[0]) :])
    # The nearest lines over the street: headings or slogans may stand further up.
    part = lead[0]
    text = clean(part.text)
    if not text or not is_name(text):
        return
    if STREET.fullmatch(text) and not LEGAL.search(text):
        return
    over = heading_over(part.row, part.row.tokens[part.first].x0, headings, 60)
    if over is not None and over.row is not part.row:
        return
    legal = bool(LEGAL.search(text))
    low = part.row.top > 0.6 * sheet.height
    if low or contact:
        yield NameCandidate(
            "seller",
            part,
            text,
            0.4 + 0.25 * legal + 0.1 * min(contact, 2),
            "heads an address with contact details",
        )
    else:
        follows = (
            sender is not None
            and sender.row.page == part.row.page
            and 0 <= part.row.top - sender.row.bottom < 60
            and abs(part.row.tokens[part.first].x0 - sender.row.tokens[sender.first].x0) < 60
        )
        if follows:
            yield NameCandidate("buyer", part, text, 0.92, "stands under the sender line")
        elif part.row.top < 0.42 * sheet.height:
            yield NameCandidate(
                "buyer",
                part,
                text,
                0.5 + 0.1 * (part.row.top > 0.12 * sheet.height),
                "heads an address without contact details",
            )
            yield NameCandidate(
                "seller",
                part,
                text,
                0.3 + 0.15 * legal + 0.12 * (part.row.top < 0.1 * sheet.height),
                "heads an address at the top",
            )


def _one_over_another(found: Sequence[NameCandidate]) -> Iterator[NameCandidate]:
    """Weigh the names over two addresses at the top: the upper is the letterhead's."""
    buyers = [c.part for c in found if c.role == "buyer"]
    highest = min((c.part.row.index for c in found), default=0)
    lower = min((p.row.top for p in buyers if p.row.index > highest), default=None)
    for candidate in found:
        row, score = candidate.part.row, candidate.score
        if lower is not None and row.index == highest and lower - row.bottom > 2.5 * row.height:
            score += 0.2 if candidate.role == "seller" else -0.2
        elif lower is not None and row.top == lower and candidate.role == "seller":
            score -= 0.2
        yield candidate._replace(score=score)


def _is_contact(part: Part) -> bool:
    """Say whether a line is one that only the issuer prints of itself."""
    if CONTACT.search(part.text):
        return True
    words = part.row.keys[part.first : part.last]
    return YOURS.isdisjoint(words) and any(
        part.first <= m.first < part.last and not _OWN.isdisjoint(m.concepts)
        for m in part.row.labels
    )


def _company_names(
    sheet: Sheet, headings: Sequence[PartyHeading], taken: frozenset[int]
) -> Iterator[NameCandidate]:
    for row in sheet.rows:
        if row.index in taken:
            continue
        if FORM_KEYS.isdisjoint(row.keys):
            continue
        for first, last in row.spans:
            if FORM_KEYS.isdisjoint(row.keys[first + 1 : last]):
                continue
            text = row.words(first, last)
            # Where no form stands, the search for a name before one takes longest.
            found = NAMED.search(text) if LEGAL.search(text) else None
            if not found or len(text) > 400:
                continue
            name = clean(
                SPLIT.split(found.group())[0]
                if not LEGAL.search(SPLIT.split(found.group())[-1])
                else SPLIT.split(found.group())[-1]
            )
            if not name or not is_name(name) or len(name.split()) > 8:
                continue
            over = heading_over(row, row.tokens[first].x0, headings)
            if over is not None and over.role in {"buyer", "ship_to"}:
                continue
            if over is not None and over.role == "seller":
                continue
            low = row.top > 0.8 * sheet.height
            high = row.top < 0.12 * sheet.height and row.page == sheet.numbers[0]
            starts = found.start() == 0
            # Registers, tax ids and accounts stand in the issuer's own line.
            own = not all(_OWN.isdisjoint(m.concepts) for m in row.labels)
            score = 0.35 + 0.12 * (low or high) + 0.08 * starts + 0.1 * (low and own)
            yield NameCandidate(
                "seller",
                Part(row, first, last, text),
                name,
                score,
                "a company's name with its legal form",
            )


def sender_line(sheet: Sheet, taken: frozenset[int]) -> Part | None:
    """Find the small line `Company - Street 1 - 12345 City` that windows show over the address."""
    for row in sheet.rows:
        if row.page != sheet.numbers[0] or row.top > 0.35 * sheet.height:
            break
        for first, last in row.spans:
            if last - first < 4 or not any(map(str.isdigit, row.keys[first:last])):
                continue
            text = row.words(first, last)
            pieces = [p for p in SPLIT.split(text) if p.strip()]
            if CONTACT.search(text) or any(map(str.isdigit, pieces[0])):
                continue
            if (
                len(pieces) >= 3
                and has_postal(text)
                and any(c.isdigit() for c in text)
                and is_name(clean(pieces[0]))
            ):
                return Part(row, first, last, text)
    return None


def _labelled(row: Row, first: int, last: int) -> bool:
    """Say whether a phrase begins with a label that is not a party's heading."""
    for match in row.labels:
        if match.first == first:
            concepts = match.concepts
            if match.last == last:
                return True
            colon = row.tokens[match.last - 1].text.endswith(":")
            if colon or not concepts <= {
                "seller",
                "buyer",
                "ship_to",
                "party_name",
                "party_address",
                "other_ref",
                "own_reference",
            }:
                return len(match.key) > 3 or colon
    return False
