"""Seller and buyer: address blocks, the headings over them, and what else names a company."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from extractors.pages.identifiers import Identifier
from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import fold, lexicon

_POSTAL = re.compile(
    r"(?:^|[\s,·•|\-–])(?:"
    r"(?:[A-Z]{1,3}[\s\-–])?\d{5}\s+[^\W\d]"
    r"|(?:[A-Z]{1,3}[\s\-–])?\d{4}\s+[^\W\d][^\W\d]"
    r"|\d{4}\s?[A-Z]{2}(?:\s|,|$)"
    r"|(?:PL[\s\-–])?\d{2}-\d{3}\s+[^\W\d]"
    r"|(?:PT[\s\-–])?\d{4}-\d{3}(?:\s+[^\W\d]|$)"
    r"|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b"
    r"|[A-Z]{2}\.?,?\s+\d{5}(?:-\d{4})?\b"
    r"|[A-Z]\d[A-Z]\s?\d[A-Z]\d\b"
    r"|(?:[A-Z]{1,2}[\s\-–])?\d{3}\s\d{2}\s+[^\W\d]"
    r"|[^\W\d]{3,}[ ,]+\d{5,6}\b"
    r")"
)
_FORMS = (
    r"GmbH\s?&\s?Co\.?(?:\s?(?:KGaA|KG|OHG))?|gGmbH|mbH|GmbH|GesmbH|AG(?:\s?&\s?Co\.?\s?KGaA)?|KGaA|KG|OHG|GbR|e\.\s?K\.?|e\.\s?V\.?|e\.\s?G\.?|eG|UG(?:\s?\(haftungsbeschränkt\))?|PartG(?:\s?mbB)?|SE|a\.\s?G\.?|"
    r"SARL|S\.A\.R\.L\.?|SAS|S\.A\.S\.?|SASU|EURL|SNC|SCOP|SCI|S\.A\.|SA|SPRL|SRL|S\.R\.L\.?|BVBA|"
    r"Ltd\.?|Limited|DAC|CIC|LLC|L\.L\.C\.?|Inc\.?|Incorporated|Corp\.?|Corporation|PLC|plc|LLP|L\.P\.|Pvt\.?\s+Ltd\.?|Private\s+Limited|Pty\.?\s+Ltd\.?|Co\.,?\s+Ltd\.?|Company|"
    r"B\.\s?V\.?|BV|N\.\s?V\.?|NV|V\.\s?O\.\s?F\.?|VOF|C\.V\.|"
    r"S\.L\.U\.?|S\.L\.|SL|SLU|S\.A\.U\.?|S\.\s?Coop\.?|S\.C\.|"
    r"S\.r\.l\.?s?|Srls?|S\.p\.A\.?|SpA|S\.n\.c\.?|S\.a\.s\.?|Soc\.\s?Coop\.?|"
    r"Lda\.?|Unipessoal,?\s+Lda\.?|S\.\s?A\.|"
    r"[Ss]p\.\s?z\s?o\.\s?o\.?(?:\s?[Ss]p\.\s?k\.)?|[Ss]p\.\s?j\.?|[Ss]p\.\s?k\.?|[Ss]p\.\s?c\.?|S\.K\.A\.|P\.S\.A\.|"
    r"AB|AS|A/S|ApS|Oy|Oyj|Kft\.?|Zrt\.?|s\.r\.o\.|a\.s\.|d\.o\.o\.|EOOD|OOD|S\.C\.A\."
)
_LEGAL = re.compile(rf"(?<![\w.&])(?:{_FORMS})(?![\w])")
_NAMED = re.compile(rf"[^\W_][^|•·●;:]{{1,70}}?[ ,]\s?(?:{_FORMS})(?![\w])")
_SPLIT = re.compile(r"\s+[-–—|•·●∙*◦/]+\s+|\s*[|•·●∙◦]\s*|,\s+(?=\D*\d)")
# A street with its number, either way round.
_STREET = re.compile(
    r"\D{3,}[ ,]\s?(?:n[.°º]?\s?)?\d{1,4}\s?[a-zA-Z]?(?:[/-]\d+)?|\d{1,4}[a-zA-Z]?,?\s(?:\D{3,})"
)
_SALUTATION = re.compile(
    r"(?:herrn?|frau|firma|fa\.?|company|mr\.?|mrs\.?|ms\.?|dhr\.?|mevr\.?|mw\.?|m\.|mme|monsieur|madame|sr\.?|sra\.?|spett\.?(?:le)?|to|an|aan|à|pan|pani|exmo.*|messrs\.?|gentile|sig\.?(?:ra)?|egr\.?)",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"@|www\.|https?:|(?:\+|\(0)\d|\b(?:tel|fax|fon|phone|e-?mail|mobil|tél)\b", re.IGNORECASE
)
_DOMAIN = re.compile(
    r"(?:@|www\.|https?://(?:www\.)?)([a-z0-9\-]+(?:\.[a-z0-9\-]+)*)\.[a-z]{2,}", re.IGNORECASE
)
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
_OWN = frozenset(
    {"contact", "vat_id", "iban", "bic", "seller_tax_id", "company_number", "bank_account"}
)
_YOURS = frozenset(
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


class Part(NamedTuple):
    """A phrase in a block: tokens `first` to `last` of a row."""

    row: Row
    first: int
    last: int
    text: str


@dataclass(slots=True)
class Block:
    """Phrases printed under each other."""

    parts: list[Part]
    role: str = ""
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def x0(self) -> float:
        """Return the left edge in points."""
        return min(p.row.tokens[p.first].x0 for p in self.parts)

    @property
    def top(self) -> float:
        """Return the upper edge in points."""
        return self.parts[0].row.top


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


def find_parties(sheet: Sheet, taken: frozenset[int], vats: Sequence[Identifier]) -> Parties:
    """Tell seller and buyer apart; what stays unclear is left out."""
    blocks = _blocks(sheet, taken)
    headings = list(_headings(sheet, taken))
    domains = _domains(sheet)
    sender = _sender_line(sheet, taken)
    names = list(_names(sheet, blocks, headings, sender, taken))
    seller = _best(names, "seller", domains, None, sheet)
    buyer = _best(names, "buyer", domains, seller, sheet)
    seller_vat, buyer_vat = _vat_owners(vats, headings, sheet, seller, buyer)
    return Parties(
        seller=seller,
        buyer=buyer,
        seller_address=_address(blocks, seller),
        buyer_address=_address(blocks, buyer),
        seller_vat=seller_vat,
        buyer_vat=buyer_vat,
    )


# -- blocks


def _blocks(sheet: Sheet, taken: frozenset[int]) -> list[Block]:
    """Stack phrases under each other that share an edge or their middle."""
    done: list[Block] = []
    open_: list[Block] = []
    for row in sheet.rows:
        if row.index in taken:
            continue
        still: list[Block] = []
        for block in open_:
            end = block.parts[-1].row
            near = end.page == row.page and row.top - end.bottom < 1.5 * max(row.height, end.height)
            (still if near else done).append(block)
        open_ = still
        for first, last in row.phrases():
            part = Part(row, first, last, row.words(first, last))
            home, least = None, 4.0
            for block in open_:
                off = _misfit(block.parts[-1], part)
                # Left edges first; right-aligned and centred lines must fit better.
                if off < least:
                    home, least = block, off
            if home is None:
                open_.append(Block([part]))
            else:
                home.parts.append(part)
    return done + open_


def _misfit(above: Part, part: Part) -> float:
    """Measure in points how badly a phrase stands under another; infinite when it does not."""
    one, other = above.row.tokens[above.first], part.row.tokens[part.first]
    height, below = one.bottom - one.top, other.bottom - other.top
    gap = other.top - one.bottom
    if above.row is part.row or gap > 0.75 * min(height, below) or below > 1.5 * height:
        return float("inf")
    left, x0 = one.x0, other.x0
    right, x1 = above.row.tokens[above.last - 1].x1, part.row.tokens[part.last - 1].x1
    return min(abs(left - x0), 1 + abs(right - x1), 2 + abs((left + right) - (x0 + x1)) / 2)


def _has_postal(text: str) -> bool:
    return _POSTAL.search(text) is not None


# -- headings


class _Heading(NamedTuple):
    role: str
    row: Row
    first: int
    last: int
    x0: float
    right: float


_HEADING_ROLES = ("seller", "buyer", "ship_to")


def _headings(sheet: Sheet, taken: frozenset[int]) -> Iterator[_Heading]:
    for row in sheet.rows:
        if row.index in taken:
            continue
        found: list[tuple[str, int, int]] = []
        for match in row.labels:
            roles = [s.concept for s in match.senses if s.concept in _HEADING_ROLES]
            # Low on the page the same words introduce a bank account's holder.
            banked = any(s.concept == "bank_account" for s in match.senses)
            if banked and row.top > 0.4 * sheet.height:
                continue
            if not roles or (match.first and row.joined[match.first]):
                continue
            short = len(match.key) < 4
            end = row.phrase_end(match.last - 1)
            colon = row.tokens[match.last - 1].text.endswith(":") or (
                match.last < len(row.tokens) and row.tokens[match.last].text == ":"
            )
            alone = end == match.last
            other = any(s.concept not in _HEADING_ROLES for s in match.senses)
            tail = row.tokens[match.last : end]
            # `Nabywca usługi`: a small word more, but no name.
            if len(tail) == 1 and len(match.key) > 5 and tail[0].text.islower():
                alone = True
            # `Debitor: 4711`: a number, not a heading.
            value = row.tokens[match.last : end] or row.tokens[end : end + 1]
            if colon and value and value[0].text.strip(".,").isdigit():
                continue
            if not (alone or colon) or (short and not colon and not (alone and len(match.key) > 1)):
                continue
            if other and not colon and not alone:
                continue
            found.append((roles[0], match.first, match.last))
        for role, first, last in found:
            after = [m.first for m in row.labels if m.first >= last and not row.joined[m.first]]
            reach = row.tokens[first].x0 + 0.42 * sheet.width
            right = row.tokens[after[0]].x0 - 4 if after else min(reach, sheet.width)
            yield _Heading(role, row, first, last, row.tokens[first].x0, right)


def _heading_over(
    row: Row, x0: float, headings: Sequence[_Heading], reach: float = 130
) -> _Heading | None:
    best = None
    for heading in headings:
        above = heading.row.page == row.page and heading.row.index <= row.index
        if above and row.top - heading.row.bottom < reach:
            # A value can start a little left of its centred heading.
            if heading.x0 - 12 <= x0 < heading.right:
                best = heading
    return best


# -- names


class _Name(NamedTuple):
    role: str
    part: Part
    text: str
    score: float
    why: str


def _names(
    sheet: Sheet,
    blocks: Sequence[Block],
    headings: Sequence[_Heading],
    sender: Part | None,
    taken: frozenset[int],
) -> Iterator[_Name]:
    yield from _under_headings(sheet, headings, taken)
    yield from _labelled_names(sheet, headings, taken)
    if sender is not None:
        yield from _under_sender(sheet, sender)
        text = _clean(_SPLIT.split(sender.text)[0])
        if text:
            yield _Name("seller", sender, text, 0.85, "first in the sender line over the address")
    for block in blocks:
        yield from _from_block(sheet, block, headings, sender)
    yield from _company_names(sheet, headings, taken)


def _under_headings(
    sheet: Sheet, headings: Sequence[_Heading], taken: frozenset[int]
) -> Iterator[_Name]:
    for heading in headings:
        if heading.role == "ship_to":
            continue
        row = heading.row
        beside = [
            (first, last)
            for first, last in row.phrases()
            if last > heading.last and row.tokens[last - 1].x1 <= heading.right + 4
        ]
        if beside:
            first, last = max(beside[0][0], heading.last), beside[0][1]
            text = _clean(row.words(first, last))
            far = row.tokens[first].x0 - row.tokens[heading.last - 1].x1
            colon = row.tokens[heading.last - 1].text.endswith(":")
            if (
                text
                and _is_name(text)
                and far < 220
                and not _labelled(row, first, last)
                and (colon or far < 90)
            ):
                # `Vendedor: Inês Carvalho` names whoever sold, not the company.
                sure = 0.9 if heading.role == "buyer" or _LEGAL.search(text) else 0.5
                why = f"beside '{row.words(heading.first, heading.last)}'"
                yield _Name(heading.role, Part(row, first, last, text), text, sure, why)
                continue
        edge = row
        for other in sheet.below(row, 6):
            if other.top - edge.bottom > 2.6 * max(row.height, other.height):
                break
            hit = None
            for first, last in other.phrases():
                x0 = other.tokens[first].x0
                if heading.x0 - 12 <= x0 < heading.right:
                    hit = (first, last)
                    break
            if hit is None:
                continue
            edge = other
            text = _clean(other.words(*hit))
            if not text or _SALUTATION.fullmatch(text):
                continue
            # Numbers of the party may stand between heading and name.
            if _labelled(other, *hit):
                continue
            if _STREET.fullmatch(text) or other.index in taken:
                break
            if not _is_name(text):
                continue
            weight = 0.95 if len(row.tokens) - heading.first < 8 else 0.8
            why = f"under '{row.words(heading.first, heading.last)}'"
            yield _Name(heading.role, Part(other, *hit, text), text, weight, why)
            break


def _under_sender(sheet: Sheet, sender: Part) -> Iterator[_Name]:
    """Read the addressee: the first line under the sender line, where the window is."""
    x0 = sender.row.tokens[sender.first].x0
    for row in sheet.below(sender.row, 6):
        if row.top - sender.row.bottom > 75:
            return
        for first, last in row.phrases():
            if abs(row.tokens[first].x0 - x0) < 60:
                text = _clean(row.words(first, last))
                if _SALUTATION.fullmatch(text):
                    break
                if not _labelled(row, first, last) and _is_name(text) and not _STREET.fullmatch(text):
                    why = "stands under the sender line"
                    yield _Name("buyer", Part(row, first, last, text), text, 0.9, why)
                return


def _labelled_names(
    sheet: Sheet, headings: Sequence[_Heading], taken: frozenset[int]
) -> Iterator[_Name]:
    for row in sheet.rows:
        if row.index in taken:
            continue
        for match in row.labels:
            if not any(s.concept == "party_name" for s in match.senses):
                continue
            if match.first and row.joined[match.first]:
                continue
            over = _heading_over(row, row.tokens[match.first].x0, headings)
            if over is None or over.role == "ship_to" or over.row is row:
                continue
            nxt = [p for p in row.phrases() if p[1] > match.last]
            if nxt:
                first, last = max(nxt[0][0], match.last), nxt[0][1]
                text = _clean(row.words(first, last))
                if text and _is_name(text):
                    yield _Name(
                        over.role,
                        Part(row, first, last, text),
                        text,
                        0.97,
                        f"labelled as name under '{over.row.words(over.first, over.last)}'",
                    )


def _from_block(
    sheet: Sheet, block: Block, headings: Sequence[_Heading], sender: Part | None
) -> Iterator[_Name]:
    parts = block.parts
    if sender is not None:
        at = next((i for i, p in enumerate(parts) if p.row is sender.row), -1)
        parts = parts[at + 1 :]
    postal = [i for i, p in enumerate(parts) if _has_postal(p.text)]
    if not postal:
        return
    lead = [
        p
        for p in parts[: postal[0]]
        if _clean(p.text) and not _SALUTATION.fullmatch(_clean(p.text))
    ]
    lead = [p for p in lead if not _labelled(p.row, p.first, p.last)]
    if not lead or not 1 <= len(lead) <= 7:
        return
    contact = sum(_is_contact(p) for p in parts[parts.index(lead[0]) :])
    # The nearest lines over the street: headings or slogans may stand further up.
    part = lead[0]
    text = _clean(part.text)
    if not text or not _is_name(text):
        return
    if _STREET.fullmatch(text) and not _LEGAL.search(text):
        return
    over = _heading_over(part.row, part.row.tokens[part.first].x0, headings, 60)
    if over is not None and over.row is not part.row:
        return
    first_page = part.row.page == sheet.numbers[0]
    if not first_page:
        return
    legal = bool(_LEGAL.search(text))
    low = part.row.top > 0.6 * sheet.height
    if low or contact:
        yield _Name(
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
            yield _Name("buyer", part, text, 0.92, "stands under the sender line")
        elif part.row.top < 0.42 * sheet.height:
            yield _Name(
                "buyer",
                part,
                text,
                0.5 + 0.1 * (part.row.top > 0.12 * sheet.height),
                "heads an address without contact details",
            )
            yield _Name(
                "seller",
                part,
                text,
                0.3 + 0.15 * legal + 0.12 * (part.row.top < 0.1 * sheet.height),
                "heads an address at the top",
            )


def _is_contact(part: Part) -> bool:
    """Say whether a line is one that only the issuer prints of itself."""
    if _CONTACT.search(part.text):
        return True
    words = {t.key for t in part.row.tokens[part.first : part.last]}
    return not words & _YOURS and any(
        part.first <= m.first < part.last and any(s.concept in _OWN for s in m.senses)
        for m in part.row.labels
    )


def _company_names(
    sheet: Sheet, headings: Sequence[_Heading], taken: frozenset[int]
) -> Iterator[_Name]:
    for row in sheet.rows:
        if row.index in taken:
            continue
        for first, last in row.phrases():
            text = row.words(first, last)
            found = _NAMED.search(text)
            if not found or len(text) > 160:
                continue
            name = _clean(
                _SPLIT.split(found.group())[0]
                if not _LEGAL.search(_SPLIT.split(found.group())[-1])
                else _SPLIT.split(found.group())[-1]
            )
            if not name or not _is_name(name) or len(name.split()) > 8:
                continue
            over = _heading_over(row, row.tokens[first].x0, headings)
            if over is not None and over.role in {"buyer", "ship_to"}:
                continue
            if over is not None and over.role == "seller":
                continue
            low = row.top > 0.8 * sheet.height
            high = row.top < 0.12 * sheet.height and row.page == sheet.numbers[0]
            starts = found.start() == 0
            score = 0.35 + 0.12 * (low or high) + 0.08 * starts
            yield _Name(
                "seller",
                Part(row, first, last, text),
                name,
                score,
                "a company's name with its legal form",
            )


def _sender_line(sheet: Sheet, taken: frozenset[int]) -> Part | None:
    """Find the small line `Company - Street 1 - 12345 City` that windows show over the address."""
    for row in sheet.rows:
        if row.page != sheet.numbers[0] or row.top > 0.35 * sheet.height:
            break
        for first, last in row.phrases():
            if last - first < 4:
                continue
            text = row.words(first, last)
            pieces = [p for p in _SPLIT.split(text) if p.strip()]
            if _CONTACT.search(text) or any(map(str.isdigit, pieces[0])):
                continue
            if (
                len(pieces) >= 3
                and _has_postal(" " + text)
                and any(c.isdigit() for c in text)
                and _is_name(_clean(pieces[0]))
            ):
                return Part(row, first, last, text)
    return None


def _labelled(row: Row, first: int, last: int) -> bool:
    """Say whether a phrase begins with a label that is not a party's heading."""
    for match in row.labels:
        if match.first == first:
            concepts = {s.concept for s in match.senses}
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


_PREFIX = re.compile(
    r"(?:name|firma|company|raison sociale|nom|nazwa|naam|nombre|nome)\s*:\s*"
    r"|(?:dhr|mevr|mw|mr|mrs|ms|mme|sr|sra|sig|sig\.ra|spett\.le|spett)\.?\s+(?=\S)"
    r"|(?:attn|t\.?a\.?v|z\.?\s?hd|att)\.?\s*:?\s+(?=\S)",
    re.IGNORECASE,
)


def _clean(text: str) -> str:
    """Take a name out of its line: no salutation, no initials of a logo before it."""
    text = text.strip(" ,;:|-–•·*#")
    prefix = _PREFIX.match(text)
    text = text[prefix.end() :] if prefix else text
    head, _, rest = text.partition(" ")
    if rest and head.isupper() and 1 < len(head) <= 3 and not _LEGAL.fullmatch(head):
        words = [w for w in map(fold, rest.split()) if w]
        initials = "".join(w[0] for w in words)
        if words and (words[0].startswith(fold(head)) or initials.startswith(fold(head))):
            return rest
    return text


def _is_name(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    key = fold(text)
    if lexicon("kinds").senses(key) or lexicon("labels").senses(key):
        return False
    if not _core(text):
        return False
    if text[0] in "([" or ":" in text:
        return False
    if letters < 3 or len(text) > 90 or "@" in text or len(text.split()) > 10:
        return False
    digits = sum(map(str.isdigit, text))
    if digits > 4 or digits > letters / 2:
        return False
    if _CONTACT.search(text) or (
        text.endswith((".", ":")) and not _LEGAL.search(text) and len(text.split()) > 4
    ):
        return False
    return not re.fullmatch(r"(?:page|seite|pagina)\b.*", text, re.IGNORECASE)


# -- choice


def _domains(sheet: Sheet) -> list[str]:
    found = []
    for match in _DOMAIN.finditer(sheet.text):
        for label in match.group(1).split("."):
            key = fold(label)
            if len(key) >= 4 and key not in _PUBLIC:
                found.append(key)
    return found


def _core(text: str) -> str:
    return fold(_LEGAL.sub("", text))


def _best(
    names: Sequence[_Name],
    role: str,
    domains: Sequence[str],
    other: Named | None,
    sheet: Sheet,
) -> Named | None:
    scores: dict[str, float] = {}
    first: dict[str, _Name] = {}
    opposite = {_core(n.text) for n in names if n.role not in {role, ""} and n.score >= 0.85}
    taken = _core(other.text) if other else ""
    for name in names:
        if name.role != role:
            continue
        key = _core(name.text)
        if not key or (taken and (key == taken or (len(taken) > 5 and taken in key))):
            continue
        held = first.get(key)
        if held is None:
            first[key] = name
            scores[key] = name.score
        else:
            if name.score > held.score:
                first[key] = name
            scores[key] = max(scores[key], name.score) + 0.06
    for key in scores:
        if key in opposite:
            scores[key] -= 0.5
        if role == "seller" and any(
            d in key or key in d or _initials(first[key].text) == d for d in domains if len(key) > 3
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
    return Named(name.part, _whole_name(name, sheet), sure, name.why)


def _whole_name(name: _Name, sheet: Sheet) -> str:
    """Join a name that is broken over two lines before its legal form."""
    text, row = name.text, name.part.row
    if _LEGAL.search(text):
        return text
    x0 = row.tokens[name.part.first].x0
    for other in sheet.below(row, 2):
        if other.top - row.bottom > row.height:
            break
        for first, last in other.phrases():
            more = other.words(first, last).strip(" ,")
            form = _LEGAL.search(more)
            ends = form is not None and form.end() >= len(more) - 1
            short = len(more.split()) <= 4 and not any(map(str.isdigit, more))
            if abs(other.tokens[first].x0 - x0) < 4 and ends and short:
                return f"{text} {more}"
    return text


def _initials(text: str) -> str:
    return "".join(word[0] for word in text.split() if word[:1].isalpha()).lower()


def _vat_owners(
    vats: Sequence[Identifier],
    headings: Sequence[_Heading],
    sheet: Sheet,
    seller: Named | None,
    buyer: Named | None,
) -> tuple[Identifier | None, Identifier | None]:
    sellers: list[Identifier] = []
    buyers: list[Identifier] = []
    unclear: list[Identifier] = []
    for found in vats:
        owner = _vat_owner(found, headings, sheet, seller, buyer)
        {"seller": sellers, "buyer": buyers, "": unclear}[owner].append(found)
    known = {b.value for b in buyers}
    unclear = [u for u in unclear if u.value not in known]
    if not sellers and unclear:
        labelled = [u for u in unclear if u.labelled] or unclear
        low = [u for u in labelled if u.row.top > 0.85 * sheet.height]
        for choice in (labelled, low):
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
    headings: Sequence[_Heading],
    sheet: Sheet,
    seller: Named | None,
    buyer: Named | None,
) -> str:
    """Say whose a VAT id is: by the words before or above it, its heading, its neighbours."""
    row = found.row
    x0, x1 = row.tokens[found.first].x0, row.tokens[found.last - 1].x1
    words = {t.key for t in row.tokens[max(0, found.first - 6) : found.first]}
    if not found.labelled:
        for other in sheet.rows[max(0, row.index - 2) : row.index]:
            for first, last in other.phrases():
                if other.tokens[last - 1].x1 > x0 and other.tokens[first].x0 < x1:
                    words |= {t.key for t in other.tokens[first:last]}
    if words & _YOURS or any(k.startswith(("customer", "client", "kunden")) for k in words):
        return "buyer"
    start = found.first
    while start and row.joined[start]:
        start -= 1
    over = _heading_over(row, row.tokens[start].x0, headings, 160) or _heading_over(
        row, x0, headings, 160
    )
    if over is not None and over.role != "ship_to":
        return over.role
    for role, named in (("seller", seller), ("buyer", buyer)):
        if named is None or named.part.row.page != row.page:
            continue
        part = named.part
        near = abs(row.tokens[start].x0 - part.row.tokens[part.first].x0) < 25
        if part.row is row or (near and 0 <= row.top - part.row.top < 90):
            return role
    if seller is not None and _core(seller.text) in fold(row.text):
        return "seller"
    return ""


def _address(blocks: Iterable[Block], named: Named | None) -> tuple[Part, ...]:
    """Return the lines of the block that the name heads, down to the town."""
    if named is None:
        return ()
    for block in blocks:
        for at, part in enumerate(block.parts):
            if part.row is named.part.row and part.first <= named.part.first < part.last:
                rest = block.parts[at + 1 : at + 7]
                for end, line in enumerate(rest):
                    if _has_postal(line.text):
                        return tuple(rest[: end + 1])
                return ()
    return ()


def lines_of(parts: Sequence[Part]) -> str:
    """Join the lines of an address with commas."""
    kept = [a for a, b in pairwise([*parts, None]) if a is not None]
    return ", ".join(p.text.strip(" ,") for p in kept)
