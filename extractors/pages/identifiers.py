"""Identifiers that check digits prove: IBANs, BICs, VAT ids; and who they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from stdnum.ch import uid
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as gb_vat
from stdnum.no import mva

from extractors.pages.layout import Row, Sheet
from extractors.pages.lexicon import spellings

_DIGIT = re.compile(r"\d")
# A search that begins with a digit passes over most rows fast.
_IBAN_BEGINS = re.compile(r"\d(?:(?<=[^\W\d_]{2}\d)|(?<=[^\W\d_]-\d))-*\d")
_IBAN_START = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]*")
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "BA": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22,
    "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21,
    "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18,
    "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "TR": 26, "UA": 29, "XK": 20,
}  # fmt: skip
_BIC = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
#: What VAT ids begin with: the EU, Northern Ireland, Great Britain, Switzerland, Norway.
_VAT_PREFIXES = frozenset([
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    "XI", "GB", "CH", "NO",
])  # fmt: skip
_VAT = re.compile(
    r"(?:AT\s?U\d{8}|BE\s?[01]?\d{9}|BG\d{9,10}|CY\d{8}[A-Z]|CZ\d{8,10}|DE\d{9}|DK\d{8}|EE\d{9}|"
    r"(?:EL|GR)\d{9}|ES[A-Z0-9]\d{7}[A-Z0-9]|FI\d{8}|FR[A-Z0-9]{2}\d{9}|HR\d{11}|HU\d{8}|"
    r"IE\d[A-Z0-9+*]\d{5}[A-Z]{1,2}|IT\d{11}|LT(?:\d{9}|\d{12})|LU\d{8}|LV\d{11}|MT\d{8}|"
    r"NL\d{9}B\d{2}|PL\d{10}|PT\d{9}|RO\d{2,10}|SE\d{12}|SI\d{8}|SK\d{10}|GB(?:\d{9}|\d{12})|"
    r"XI\d{9}|CHE\d{9}(?:MWST|TVA|IVA)?|NO\d{9}(?:MVA)?)"
)
_MARKS = re.compile(r"[\s.\-/,:;()]")
_NATIONAL_NAMES = spellings(["nif", "cif", "nip", "piva", "nipc", "dni", "gstin", "abn"])
_NATIONAL = re.compile(r"[A-Z]?\d{7,11}[A-Z]?\d?")


class Identifier(NamedTuple):
    """An identifier as printed (tokens `first` to `last` of a row), compact, and proved or not."""

    row: Row
    first: int
    last: int
    value: str
    proved: bool
    labelled: bool


def ibans(sheet: Sheet) -> Iterator[Identifier]:
    """Yield IBANs, printed in one piece or in groups; `proved` by length and mod 97."""
    for row in sheet.rows:
        at = 0 if _IBAN_BEGINS.search(row.text) else len(row.tokens)
        while at < len(row.tokens):
            text = row.tokens[at].text
            if text[:2].upper() not in _IBAN_LENGTHS and text[:1] not in "(|:":
                at += 1
                continue
            text = text.strip(":,;.()|").replace("-", "").upper()
            length = _IBAN_LENGTHS.get(text[:2], 0)
            if not length or not _IBAN_START.fullmatch(text) or len(text) > length:
                at += 1
                continue
            last, whole = at + 1, text
            while len(whole) < length and last < len(row.tokens) and row.joined[last]:
                piece = row.tokens[last].text.strip(",;.()|").upper()
                if not piece.isalnum():
                    break
                whole += piece
                last += 1
            labelled = any(
                m.last <= at and at - m.last <= 2 and "iban" in m.concepts for m in row.labels
            )
            labelled = labelled or (at == 0 and _ends_with_label(sheet, row))
            if len(whole) == length:
                yield Identifier(row, at, last, whole, iban_is_sound(whole), labelled)
                at = last
            else:
                at += 1


def _ends_with_label(sheet: Sheet, row: Row) -> bool:
    """Say whether the row above ends with the word IBAN: in running text the line may break there."""
    if row.index == 0:
        return False
    above = sheet.rows[row.index - 1]
    return any(m.last == len(above.tokens) and "iban" in m.concepts for m in above.labels)


def iban_is_sound(value: str) -> bool:
    """Say whether length, structure and check digits of an IBAN are right (ISO 13616)."""
    try:
        IBAN(value)
    except (SchwiftyException, ValueError):
        return False
    return True


def bics(sheet: Sheet) -> Iterator[Identifier]:
    """Yield BICs that stand beside their label; nothing else tells one from a word."""
    for row in sheet.rows:
        for match in row.labels:
            if "bic" not in match.concepts:
                continue
            for at in range(match.last, min(match.last + 3, len(row.tokens))):
                text = row.tokens[at].text.strip(":,;.()|")
                if _BIC.fullmatch(text):
                    yield Identifier(row, at, at + 1, text, False, True)
                    break
            else:
                found = _bic_below(sheet, row, row.tokens[match.first].x0)
                if found:
                    yield found


def _bic_below(sheet: Sheet, row: Row, x0: float) -> Identifier | None:
    for other in sheet.below(row, 1):
        for at, token in enumerate(other.tokens):
            text = token.text.strip(":,;.()|")
            if _BIC.fullmatch(text) and abs(token.x0 - x0) < 40:
                return Identifier(other, at, at + 1, text, False, True)
    return None


def vat_ids(sheet: Sheet, accounts: Sequence[Identifier] = ()) -> Iterator[Identifier]:
    """Yield VAT ids: with a country prefix anywhere, national ones only beside their label.

    Groups of an IBAN in `accounts` are none, whatever their check digits.
    """
    grouped = {(a.row.index, at) for a in accounts for at in range(a.first, a.last)}
    for row in sheet.rows:
        seen = -1
        for at, token in enumerate(row.tokens if _DIGIT.search(row.text) else ()):
            text = token.text
            if text[:2].upper() not in _VAT_PREFIXES or at < seen or (row.index, at) in grouped:
                continue
            # No id begins with five letters: most words that begin like one do.
            if len(text) > 4 and text[:5].isalpha():
                continue
            found = _vat_at(row, at)
            if found:
                seen = found.last
                yield found
        if seen >= 0:
            continue
        for match in row.labels:
            # Bare `VAT` or `IVA` stands before rates and titles as well.
            if len(match.key) < 5 and match.key not in _NATIONAL_NAMES:
                continue
            if "vat_id" not in match.concepts:
                continue
            found = _national(row, match.last)
            if found:
                yield found


def _vat_at(row: Row, at: int) -> Identifier | None:
    whole, last, best = "", at, None
    while last < len(row.tokens) and last - at < 6 and (last == at or row.joined[last]):
        piece = _MARKS.sub("", row.tokens[last].text).upper()
        if (
            last > at
            and not any(map(str.isdigit, piece))
            and piece not in {"B", "MWST", "TVA", "IVA", "MVA"}
        ):
            break
        whole += piece
        last += 1
        if _VAT.fullmatch(whole):
            best = (last, whole)
            if whole.startswith("NO") and last < len(row.tokens) and row.joined[last]:
                continue  # `MVA` may follow
            break
        if len(whole) > 18:
            break
    if best is None:
        return None
    labelled = any(m.last <= at and at - m.last <= 3 and "vat_id" in m.concepts for m in row.labels)
    value = best[1]
    # `No.` before a number is no Norway, one in eleven of which would have right check digits.
    norway = value.startswith("NO") and not value.endswith("MVA")
    if norway and not row.tokens[at].text.startswith(value[:3]):
        return None
    proved = vat_id_is_sound(value)
    return Identifier(row, at, best[0], value, proved, labelled) if proved or labelled else None


def _national(row: Row, first: int) -> Identifier | None:
    for at in range(first, min(first + 2, len(row.tokens))):
        text = re.sub(r"[.\-\s]", "", row.tokens[at].text.strip(":,;()|")).upper()
        if _NATIONAL.fullmatch(text) and len(text) >= 8:
            return Identifier(row, at, at + 1, text, False, True)
    return None


def vat_id_is_sound(value: str) -> bool:
    """Say whether a prefixed VAT id's check digits are right, for the EU and United Kingdom."""
    try:
        if value.startswith(("CHE", "GB", "NO")):
            return _other_is_sound(value)
        eu_vat.validate("EL" + value[2:] if value.startswith("GR") else value)
    except ValidationError:
        return False
    return True


def _other_is_sound(value: str) -> bool:
    if value.startswith("CHE"):
        uid.validate(value[:12])
    elif value.startswith("GB"):
        gb_vat.validate(value)
    else:
        mva.validate(value if value.endswith("MVA") else value + "MVA")
    return True
