"""References in any disguise: whole, split, cut at either end, mistyped.

Numbers are compared as letters and digits only. A reference is *whole* when
the pieces of the text, joined where they touch, contain it exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from matching.payments.text import compact

#: A reference shorter than this says nothing without the party.
SPECIFIC_LENGTH = 7
_LONGEST = 24
_PIECES = 5
_DATE = re.compile(r"\b\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})\b|\b\d{4}-\d{2}-\d{2}\b")
_PRINTED_DATE = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})\b|\b(\d{4})-(\d{2})-(\d{2})\b")
_SUFFIX = re.compile(r"(?:MAHNUNG|KOPIE|COPY|DUPLIKAT|\bK|/1|(?<=\d)A)$")
_NOT_A_DIGIT = re.compile(r"\D+")
_CONFUSED = str.maketrans("OISBGZ", "015862")
_NOT_PRINTED = frozenset({"NOTPROVIDED", "NOTAVAILABLE", "NONREF", "NONE", ""})


def digits(normal: str) -> str:
    """Return the digits of a compact number, without leading zeros."""
    return _NOT_A_DIGIT.sub("", normal).lstrip("0")


def identifier(text: str | None) -> str | None:
    """Return an identifier as compact text; None where a bank says there is none."""
    if text is None:
        return None
    normal = compact(text)
    return None if normal in _NOT_PRINTED else normal


def loose(number: str) -> str:
    """Return the number as duplicates of it share it (case, OCR slips, prefixes, suffixes)."""
    text = number.upper().strip()
    text = _SUFFIX.sub("", text).strip(" -/")
    text = re.sub(r"^(?:RE|RG|INV|RECHNUNG|INVOICE)[\s.:#-]*", "", text)
    text = _SUFFIX.sub("", text)
    return compact(text).translate(_CONFUSED).lstrip("0")


def without_dates(folded: str) -> str:
    """Blank out dates, whose digits would pose as numbers."""
    return _DATE.sub(" / ", folded) if "." in folded or "-" in folded else folded


def dates_in(text: str) -> set[int]:
    """Return the days printed in a text."""
    found = set()
    for match in _PRINTED_DATE.finditer(text):
        d, m, y, y2, m2, d2 = match.groups()
        try:
            if y2:
                found.add(date(int(y2), int(m2), int(d2)).toordinal())
            else:
                found.add(date(int(y) + (2000 if len(y) == 2 else 0), int(m), int(d)).toordinal())
        except ValueError:
            continue
    return found


def joined(pieces: list[str]) -> Iterator[str]:
    """Yield every run of neighbouring pieces joined, shortest first at each start."""
    count = len(pieces)
    for start in range(count):
        text = pieces[start]
        yield text
        for end in range(start + 1, min(count, start + _PIECES)):
            text += pieces[end]
            if len(text) > _LONGEST:
                break
            yield text


def uncovered(pieces: list[str], numbers: Iterable[str]) -> list[str]:
    """Return the pieces without these numbers, wherever pieces were split or glued."""
    text = "".join(pieces)
    covered = bytearray(len(text))
    for number in numbers:
        for form in (number, digits(number)):
            start = text.find(form) if len(form) >= 3 else -1
            while start >= 0:
                covered[start : start + len(form)] = b"\1" * len(form)
                start = text.find(form, start + len(form))
            if form in text:
                break
    rest: list[str] = []
    position = 0
    for piece in pieces:
        kept = ""
        for character in piece:
            if covered[position]:
                rest.append(kept)
                kept = ""
            else:
                kept += character
            position += 1
        rest.append(kept)
    return [piece for piece in rest if piece]


def near(number: str, texts: Iterable[str]) -> int:
    """Say how well joined pieces of a text fit a number they do not contain whole.

    3: one slip away (a digit wrong, missing, too many, or two swapped);
    2: the end of it, at least four characters, or its beginning, up to three short;
    1: its last three digits, or a shorter beginning; 0: not at all.
    """
    best = 0
    plain = ""
    size = len(number)
    for text in texts:
        length = len(text)
        if length < 3 or length > size + 1:
            continue
        if size >= 5 and length >= size - 1 and one_slip(text, number):
            return 3
        if best == 2:
            continue
        if length < size:
            if number.endswith(text):
                if not text.isalpha():
                    best = max(best, 2 if length >= 4 else 1)
            elif length >= 5 and number.startswith(text) and not text.isalpha():
                best = max(best, 2 if size - length <= 3 else 1)
        if text.isdigit():
            plain = plain or digits(number)
            stripped = text.lstrip("0")
            gap = len(plain) - len(stripped)
            if len(plain) < 5 or plain == number:
                continue
            if -1 <= gap <= 1 and (stripped == plain or one_slip(stripped, plain)):
                best = 2
            elif len(stripped) >= 3 and plain.endswith(stripped):
                best = max(best, 2 if len(stripped) >= 4 else 1)
    return best


def one_slip(a: str, b: str) -> bool:
    """Say whether two texts are one substitution, insertion, deletion or swap apart."""
    la, lb = len(a), len(b)
    if la > lb:
        a, b, la, lb = b, a, lb, la
    if lb - la > 1:
        return False
    start = 0
    while start < la and a[start] == b[start]:
        start += 1
    if la == lb:
        if start == la:
            return True
        if a[start + 1 :] == b[start + 1 :]:
            return True
        return (
            start + 1 < la
            and a[start] == b[start + 1]
            and a[start + 1] == b[start]
            and a[start + 2 :] == b[start + 2 :]
        )
    return a[start:] == b[start + 1 :]
