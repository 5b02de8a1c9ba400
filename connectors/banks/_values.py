"""Amounts, dates and IBANs as bank files print them; unreadable is None, never a guess."""

from __future__ import annotations

import codecs
import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

#: ISO 4217 "no currency involved": the file does not say which currency an amount has.
NO_CURRENCY = "XXX"

_LONGEST = 64
# 18 integer digits keep every sum exact within the 28 digits of a Decimal context.
_PLAIN = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\Z")
#: RF is no country: a creditor reference (ISO 11649) has the same check digits.
_IBAN = re.compile(r"(?!RF)[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\Z")
# ISO 4217, with the currencies the euro replaced: old files are read too.
_CURRENCIES = frozenset(
    [
        "AED",
        "AFN",
        "ALL",
        "AMD",
        "ANG",
        "AOA",
        "ARS",
        "AUD",
        "AWG",
        "AZN",
        "BAM",
        "BBD",
        "BDT",
        "BGN",
        "BHD",
        "BIF",
        "BMD",
        "BND",
        "BOB",
        "BRL",
        "BSD",
        "BTN",
        "BWP",
        "BYN",
        "BZD",
        "CAD",
        "CDF",
        "CHF",
        "CLF",
        "CLP",
        "CNH",
        "CNY",
        "COP",
        "CRC",
        "CUP",
        "CVE",
        "CYP",
        "CZK",
        "DEM",
        "DJF",
        "DKK",
        "DOP",
        "DZD",
        "EEK",
        "EGP",
        "ERN",
        "ETB",
        "EUR",
        "FIM",
        "FJD",
        "FKP",
        "FRF",
        "GBP",
        "GEL",
        "GHS",
        "GIP",
        "GMD",
        "GNF",
        "GRD",
        "GTQ",
        "GYD",
        "HKD",
        "HNL",
        "HRK",
        "HTG",
        "HUF",
        "IDR",
        "IEP",
        "ILS",
        "INR",
        "IQD",
        "IRR",
        "ISK",
        "ITL",
        "JMD",
        "JOD",
        "JPY",
        "KES",
        "KGS",
        "KHR",
        "KMF",
        "KPW",
        "KRW",
        "KWD",
        "KYD",
        "KZT",
        "LAK",
        "LBP",
        "LKR",
        "LRD",
        "LSL",
        "LTL",
        "LUF",
        "LVL",
        "LYD",
        "MAD",
        "MDL",
        "MGA",
        "MKD",
        "MMK",
        "MNT",
        "MOP",
        "MRU",
        "MTL",
        "MUR",
        "MVR",
        "MWK",
        "MXN",
        "MYR",
        "MZN",
        "NAD",
        "NGN",
        "NIO",
        "NLG",
        "NOK",
        "NPR",
        "NZD",
        "OMR",
        "PAB",
        "PEN",
        "PGK",
        "PHP",
        "PKR",
        "PLN",
        "PTE",
        "PYG",
        "QAR",
        "RON",
        "RSD",
        "RUB",
        "RWF",
        "SAR",
        "SBD",
        "SCR",
        "SDG",
        "SEK",
        "SGD",
        "SHP",
        "SIT",
        "SKK",
        "SLE",
        "SLL",
        "SOS",
        "SRD",
        "SSP",
        "STN",
        "SVC",
        "SYP",
        "SZL",
        "THB",
        "TJS",
        "TMT",
        "TND",
        "TOP",
        "TRY",
        "TTD",
        "TWD",
        "TZS",
        "UAH",
        "UGX",
        "USD",
        "UYU",
        "UZS",
        "VED",
        "VES",
        "VND",
        "VUV",
        "WST",
        "XAF",
        "XAG",
        "XAU",
        "XCD",
        "XOF",
        "XPF",
        "YER",
        "ZAR",
        "ZMW",
        "ZWL",
        "ATS",
        "BEF",
        "ESP",
    ]
)


def plain_decimal(text: str) -> Decimal | None:
    """Read `[+-]1234.56` (XML Schema decimal, ASCII digits only); None for anything else."""
    return Decimal(text) if _PLAIN.match(text) else None


def iso_date(text: str) -> date | None:
    """Read the date of an ISO 8601 date or date-time; the day as the bank printed it.

    A zone offset is not applied: a booking belongs to the bank's own day.
    """
    # Long texts are none, and would fill the cache.
    return _iso_date(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _iso_date(text: str) -> date | None:
    text = text.strip()
    try:
        if len(text) >= 10 and text[4] == "-":
            return date.fromisoformat(text[:10])
        return compact_date(text[:8])
    except ValueError:
        return None


def compact_date(text: str) -> date | None:
    """Read YYYYMMDD, or YYMMDD of the years 1980 to 2079 (SWIFT, BAI2)."""
    return _compact_date(text) if len(text) in (6, 8) else None


@lru_cache(maxsize=4096)
def _compact_date(text: str) -> date | None:
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) == 6:
        text = ("19" if text >= "80" else "20") + text
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def iban(text: str) -> str | None:
    """Return the IBAN without spaces when its check digits are right (ISO 13616), else None."""
    return _iban(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=8192)
def _iban(text: str) -> str | None:
    bare = re.sub(r"[\s]", "", text).upper()
    if not _IBAN.match(bare):
        return None
    digits = "".join(str(int(c, 36)) for c in bare[4:] + bare[:4])
    return bare if int(digits) % 97 == 1 else None


def text_encoding(name: str) -> str | None:
    """Return Python's name of an encoding that a file declares in ASCII.

    None where there is no such encoding, or where ASCII is not part of it:
    then the declaration contradicts itself.
    """
    ascii_text = "".join(map(chr, range(32, 127)))
    try:
        agrees = ascii_text.encode().decode(name) == ascii_text
        return codecs.lookup(name).name if agrees else None
    except (LookupError, ValueError):
        return None


#: Code pages of bank files that do not say which they use, the commonest first.
_CODE_PAGES = ("cp1252", "cp1250", "cp850")
#: Signs that stand between two letters in earnest: apostrophes, hyphens, blanks.
_WITHIN_WORDS = frozenset("\u2019\u2018\xb4\xb7\xad\xa0\u2013")
_JUDGED = 1 << 16


def code_page(raw: bytes) -> str:
    """Return the code page of text that is no UTF-8: the one that makes words of its letters.

    `Gef\\x81hl` is a word in the old DOS page only, `op\\xb3ata` in the Central
    European one. Without such evidence it is the Western page.
    """
    counts = {page: len(odd.findall(raw, 0, _JUDGED)) for page, odd in _ODD_WITHIN_WORDS.items()}
    return min(_CODE_PAGES, key=lambda page: counts[page])


def _odd_within_words(page: str) -> re.Pattern[bytes]:
    """Return what finds a byte between two letters that is no letter in this code page."""
    odd = b""
    for code in range(0x80, 0x100):
        sign = bytes([code]).decode(page, "replace")
        if not (sign.isalpha() or sign in _WITHIN_WORDS):
            odd += b"\\x%02x" % code
    return re.compile(b"[A-Za-z][" + odd + b"](?=[A-Za-z])")


_ODD_WITHIN_WORDS = {page: _odd_within_words(page) for page in _CODE_PAGES}


def is_currency(text: str) -> bool:
    """Say whether the text is an ISO 4217 code."""
    return text in _CURRENCIES
