"""VAT on an invoice: the sums, the rates in force, the form of the seller's id.

The issuer's VAT total stands when rounding per line or per total reproduces
it (EN 16931 BR-CO-14, BR-CO-17); zero rates are valid everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from matching.amounts import lines_include_vat
from matching.names import code
from matching.vat_rates import country_of_vat_id, levies_no_vat, rates_in_force
from records.findings import Finding, finding
from records.invoices import Invoice
from records.money import round_half_up

_ZERO = Decimal(0)

#: Forms of VAT ids (VIES technical information; HMRC, FTA for GB and CH).
_VAT_FORMS = {
    "AT": r"U\d{8}",
    "BE": r"[01]?\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-Z0-9]{2}\d{9}",
    "GB": r"\d{9}|\d{12}|GD\d{3}|HA\d{3}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"\d{9}|\d{12}",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "CHE": r"\d{9}(?:MWST|TVA|IVA)?",
}
#: UNTDID 5305, as EN 16931 uses it: zero rated, exempt, reverse charge, intra-community,
#: export, outside VAT. The buyer owes the tax, or nobody does; the seller charges none.
_UNTAXED = frozenset({"Z", "E", "AE", "K", "G", "O"})
#: Currencies whose tax is stated in whole units, whatever their minor unit.
_WHOLE = frozenset({"HUF", "ISK", "JPY", "KRW", "CLP", "IDR", "VND", "TWD"})


def tax_of(invoice: Invoice) -> Decimal | None:
    """Return the VAT an invoice charges: as printed, or as it follows; None unknown, never zero.

    What nobody printed as a total (BT-110) is the sum of the breakdown
    (BR-CO-14), or what gross leaves over net (BR-CO-15). It is nothing where
    every line or row of the breakdown says so, and where the seller is known to
    be in a country without VAT.
    """
    if invoice.tax_total is not None:
        return invoice.tax_total
    printed = [row.amount for row in invoice.tax_lines]
    known = [amount for amount in printed if amount is not None]
    if known and len(known) == len(printed):
        return sum(known, _ZERO)
    if invoice.net_total is not None and invoice.gross_total is not None:
        return invoice.gross_total - invoice.net_total
    said = [(row.category, row.rate) for row in invoice.tax_lines]
    said = said or [(line.vat_category, line.vat_rate) for line in invoice.lines]
    if said and all(rate == 0 or category in _UNTAXED for category, rate in said):
        return _ZERO
    country = country_of_vat_id(invoice.seller.vat_id or "") or invoice.seller.country
    return _ZERO if country and levies_no_vat(country) else None


def check_tax_known(invoice: Invoice, where: str, rounding: Decimal) -> Iterable[Finding]:
    """Miss the VAT that nobody printed and nothing proves: a posting may not guess it."""
    vat = tax_of(invoice)
    if invoice.gross_total is None or invoice.tax_total is not None:
        return
    if vat is None or not (vat == 0 or _is_proved(invoice, vat, rounding)):
        yield finding("missing_field", where=where, expected="Tax total", actual="nothing")


def _is_proved(invoice: Invoice, vat: Decimal, rounding: Decimal) -> bool:
    """Say whether the breakdown, the lines' rates or one rate in force lead to this VAT."""
    if any(row.amount is not None for row in invoice.tax_lines):
        return True
    from_lines = _vat_of_lines(invoice)
    rates = _rates_of(invoice) or frozenset()
    wanted = [from_lines] if from_lines is not None else []
    if invoice.net_total is not None:
        wanted += [invoice.net_total * rate / 100 for rate in rates]
    return any(abs(vat - one) <= rounding for one in wanted)


def check_vat(
    invoice: Invoice, where: str, rounding: Decimal, per_line: Decimal
) -> Iterable[Finding]:
    """Compare VAT amounts with bases and rates; `per_line` is allowed for each invoice line."""
    vat = tax_of(invoice)
    tolerance = per_line * max(len(invoice.lines), 1)
    if invoice.currency in _WHOLE:
        tolerance = max(tolerance, Decimal(max(len(invoice.tax_lines), 1)))
    rows = [t for t in invoice.tax_lines if t.basis is not None and t.rate is not None]
    for row in rows:
        assert row.basis is not None and row.rate is not None
        if row.amount is None:
            continue
        wanted = row.basis * row.rate / 100
        if abs(wanted - row.amount) > tolerance:
            yield _wrong_vat(where, f"VAT at {row.rate} %", wanted, row.amount, tolerance)
    printed = [t.amount for t in invoice.tax_lines]
    if vat is not None and printed and None not in printed:
        rows_sum = sum((a for a in printed if a is not None), _ZERO)
        if abs(rows_sum - vat) > rounding:
            yield _wrong_vat(where, "the sum of the VAT rows", rows_sum, vat, rounding)
    wanted_total = _vat_of_lines(invoice)
    if vat is None or wanted_total is None or abs(wanted_total - vat) <= tolerance:
        return
    if not lines_include_vat(invoice, rounding):
        yield _wrong_vat(where, "VAT of all lines", wanted_total, vat, tolerance)


def _vat_of_lines(invoice: Invoice) -> Decimal | None:
    """Return the VAT that the lines' rates give on the net total; None when a rate is missing.

    Allowances and charges of the whole document are spread over the rates in
    proportion when no VAT breakdown says otherwise; with a breakdown its rows
    carry them and the sum of rows is the check.
    """
    by_rate: dict[Decimal, Decimal] = {}
    for line in invoice.lines:
        if line.vat_rate is None or line.net_amount is None:
            return None
        by_rate[line.vat_rate] = by_rate.get(line.vat_rate, _ZERO) + line.net_amount
    if not by_rate:
        return None
    lines = sum(by_rate.values(), _ZERO)
    net = invoice.net_total if invoice.net_total is not None else lines
    adjusted = invoice.allowance_total or invoice.charge_total
    if len(by_rate) == 1:
        return net * next(iter(by_rate)) / 100
    if adjusted and invoice.tax_lines:
        return None
    share = net / lines if lines else Decimal(1)
    return sum((rate * basis * share / 100 for rate, basis in by_rate.items()), _ZERO)


def _wrong_vat(
    where: str, what: str, wanted: Decimal, printed: Decimal, tolerance: Decimal
) -> Finding:
    return finding(
        "vat_mismatch",
        where=where,
        message=f"{what[0].upper()}{what[1:]} is off by more than {tolerance}",
        expected=round_half_up(wanted),
        actual=printed,
    )


def check_vat_rates(invoice: Invoice, where: str) -> Iterable[Finding]:
    """Every rate must have been in force in the seller's country, or the buyer's.

    The buyer's country counts because sellers may register there.
    """
    allowed = _rates_of(invoice)
    if allowed is None:
        return
    printed = {line.vat_rate for line in invoice.lines} | {row.rate for row in invoice.tax_lines}
    wrong = sorted(rate for rate in printed if rate and rate not in allowed)
    if wrong:
        yield finding(
            "vat_rate_invalid",
            where=where,
            expected=" or ".join(f"{rate} %" for rate in sorted(allowed, reverse=True)),
            actual=", ".join(f"{rate} %" for rate in wrong),
        )


def _rates_of(invoice: Invoice) -> frozenset[Decimal] | None:
    """Return the rates that may stand on an invoice, zero aside; None when nobody knows."""
    seller, buyer = invoice.seller, invoice.buyer
    countries = {
        country
        for country in (
            seller.country,
            country_of_vat_id(seller.vat_id or ""),
            buyer.country,
            country_of_vat_id(buyer.vat_id or ""),
        )
        if country
    }
    days = [day for day in (invoice.issue_date, invoice.delivery_date) if day]
    if not days or not (seller.country or country_of_vat_id(seller.vat_id or "")):
        return None
    return _allowed(frozenset(countries), tuple(_supply_days(invoice, days)))


@lru_cache(maxsize=4096)
def _allowed(countries: frozenset[str], days: tuple[date, ...]) -> frozenset[Decimal] | None:
    """Return the rates in force in any of the countries on any of the days; None when unknown."""
    allowed: set[Decimal] = set()
    for country in countries:
        for day in days:
            rates = rates_in_force(country, day)
            if rates is None:
                return None
            allowed |= rates
    return frozenset(allowed)


def _supply_days(invoice: Invoice, days: list[date]) -> list[date]:
    # A credit note carries the rate of the supply it corrects, which may be a year back.
    if invoice.is_credit_note or invoice.type_code == "384":
        return [*days, *(min(days) - timedelta(days=n) for n in (90, 180, 365))]
    return [*days, min(days) - timedelta(days=45)]


def check_vat_id(invoice: Invoice, where: str) -> Iterable[Finding]:
    """Compare the seller's VAT id with the form its country gives it."""
    if not invoice.seller.vat_id:
        return
    text = code(invoice.seller.vat_id)
    prefix = "CHE" if text.startswith("CHE") else text[:2]
    form = _VAT_FORMS.get(prefix)
    if form and not re.fullmatch(form, text[len(prefix) :]):
        yield finding("malformed_vat_id", where=where, actual=invoice.seller.vat_id)
