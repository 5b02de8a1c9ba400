"""VAT rates by country and date, in per cent.

Sources: European Commission, "VAT rates applied in the Member States" and the
Taxes in Europe Database (TEDB); for Switzerland and Liechtenstein the Federal
Tax Administration, for the United Kingdom HMRC, for Norway Skatteetaten, for
Iceland Skatturinn. The table begins in 2020; earlier dates are unknown. Zero is
valid everywhere (exports, intra-community supply, reverse charge) and is not
listed. Rates for single regions (Canaries, Azores, Corsica) are listed where
invoices across borders carry them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache

_BEGIN = date(2020, 1, 1)


def _rates(text: str) -> frozenset[Decimal]:
    return frozenset(Decimal(part) for part in text.split())


#: Per country: from when which rates are in force, oldest first.
_TABLE: dict[str, tuple[tuple[date, frozenset[Decimal]], ...]] = {
    country: tuple((date.fromisoformat(day), _rates(rates)) for day, rates in rows)
    for country, rows in {
        "AT": [("2020-01-01", "20 13 10 19"), ("2020-07-01", "20 13 10 5 19"), ("2022-01-01", "20 13 10 19"), ("2026-07-01", "20 13 10 4.9 19")],
        "BE": [("2020-01-01", "21 12 6")],
        "BG": [("2020-01-01", "20 9")],
        "CY": [("2020-01-01", "19 9 5"), ("2023-07-01", "19 9 5 3")],
        "CZ": [("2020-01-01", "21 15 10"), ("2024-01-01", "21 12")],
        "DE": [("2020-01-01", "19 7"), ("2020-07-01", "16 5"), ("2021-01-01", "19 7")],
        "DK": [("2020-01-01", "25")],
        "EE": [("2020-01-01", "20 9"), ("2022-08-01", "20 9 5"), ("2024-01-01", "22 9 5"), ("2025-01-01", "22 13 9"), ("2025-07-01", "24 13 9")],
        "ES": [("2020-01-01", "21 10 4"), ("2021-06-26", "21 10 5 4"), ("2024-10-01", "21 10 7.5 5 4 2"), ("2025-01-01", "21 10 4")],
        "FI": [("2020-01-01", "24 14 10"), ("2024-09-01", "25.5 14 10"), ("2026-01-01", "25.5 13.5 10")],
        "FR": [("2020-01-01", "20 10 5.5 2.1 8.5 13 0.9 1.75 1.05")],
        "GR": [("2020-01-01", "24 13 6 17 9 4")],
        "HR": [("2020-01-01", "25 13 5")],
        "HU": [("2020-01-01", "27 18 5")],
        "IE": [("2020-01-01", "23 13.5 9 4.8"), ("2020-09-01", "21 13.5 9 4.8"), ("2021-03-01", "23 13.5 9 4.8")],
        "IT": [("2020-01-01", "22 10 5 4")],
        "LT": [("2020-01-01", "21 9 5"), ("2026-01-01", "21 12 5")],
        "LU": [("2020-01-01", "17 14 8 3"), ("2023-01-01", "16 13 7 3"), ("2024-01-01", "17 14 8 3")],
        "LV": [("2020-01-01", "21 12 5")],
        "MT": [("2020-01-01", "18 7 5"), ("2024-01-01", "18 12 7 5")],
        "NL": [("2020-01-01", "21 9")],
        "PL": [("2020-01-01", "23 8 5 7 4")],
        "PT": [("2020-01-01", "23 13 6 22 18 12 9 5 16 4")],
        "RO": [("2020-01-01", "19 9 5"), ("2025-08-01", "21 11 9")],
        "SE": [("2020-01-01", "25 12 6")],
        "SI": [("2020-01-01", "22 9.5 5")],
        "SK": [("2020-01-01", "20 10"), ("2023-01-01", "20 10 5"), ("2025-01-01", "23 19 5")],
        "XI": [("2020-01-01", "20 5")],
        "GB": [("2020-01-01", "20 5"), ("2021-10-01", "20 12.5 5"), ("2022-04-01", "20 5")],
        "CH": [("2020-01-01", "7.7 3.7 2.5"), ("2024-01-01", "8.1 3.8 2.6")],
        "LI": [("2020-01-01", "7.7 3.7 2.5"), ("2024-01-01", "8.1 3.8 2.6")],
        "NO": [("2020-01-01", "25 15 12 11.11"), ("2020-04-01", "25 15 12 6 11.11"), ("2021-10-01", "25 15 12 11.11")],
        "IS": [("2020-01-01", "24 11")],
    }.items()
}  # fmt: skip

#: VAT id prefixes that are not the country's ISO code.
_PREFIXES = {"EL": "GR"}
#: The United States tax retail sales only; the others have no tax on turnover at all.
_WITHOUT_VAT = frozenset({"US", "HK", "MO", "QA", "KW", "BM", "KY", "VG", "GG", "GI"})


@lru_cache(maxsize=4096)
def country_of_vat_id(vat_id: str) -> str | None:
    """Return the ISO country of a VAT id's prefix, None when it has none we know."""
    prefix = vat_id.strip()[:2].upper()
    prefix = _PREFIXES.get(prefix, prefix)
    return prefix if prefix in _TABLE else None


def levies_no_vat(country: str) -> bool:
    """Say whether a country (ISO 3166) is known to have neither VAT nor GST."""
    return country in _WITHOUT_VAT


@lru_cache(maxsize=4096)
def rates_in_force(country: str, day: date) -> frozenset[Decimal] | None:
    """Return the country's VAT rates on that day, without zero; None when unknown.

    Credit notes and late invoices carry the rate of the supply, so callers ask
    for each day that may be meant.
    """
    rows = _TABLE.get(_PREFIXES.get(country, country))
    if rows is None or day < _BEGIN:
        return None
    current = rows[0][1]
    for start, rates in rows:
        if start > day:
            break
        current = rates
    return current
