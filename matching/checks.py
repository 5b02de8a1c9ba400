"""Checks of the invoice itself: what can be told without orders or vendors.

Arithmetic follows EN 16931 (BR-CO-10 to BR-CO-17). The issuer's VAT total
stands when rounding per line or per total reproduces it. All amounts are taken
as printed: in a credit note (381) they are positive.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from matching.names import code, core_name, name_words
from matching.policy import Policy
from matching.vat_rates import country_of_vat_id, rates_in_force
from records.findings import Finding, Severity, finding
from records.invoices import Invoice, Line, Party
from records.money import round_half_up
from records.purchasing import Vendor

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
#: Currencies whose tax is stated in whole units, whatever their minor unit.
_WHOLE = frozenset({"HUF", "ISK", "JPY", "KRW", "CLP", "IDR", "VND", "TWD"})
_REQUIRED = (
    ("number", "Invoice number"),
    ("issue_date", "Issue date"),
    ("currency", "Currency"),
    ("gross_total", "Gross total"),
)
#: UNTDID 1001 codes of papers that ask for nothing yet, or only for advance payment.
NEVER_POSTED = frozenset({"325", "310", "220", "231", "351", "130"})


def check_invoice(
    invoice: Invoice,
    policy: Policy | None = None,
    *,
    vendor: Vendor | None = None,
    received_on: date | None = None,
) -> tuple[Finding, ...]:
    """Report everything wrong with an invoice taken by itself.

    `vendor` adds the terms agreed, `received_on` the test for dates in the
    future. Unknown values are only missed where they are required; no sum is
    checked against a value nobody printed.
    """
    rules = policy or Policy()
    where = f"invoice {invoice.number}"
    return (
        *_required(invoice, where),
        *_signs(invoice, where),
        *_parties(invoice, where, rules),
        *_lines(invoice, where, rules),
        *_totals(invoice, where, rules),
        *_vat(invoice, where, rules),
        *_amount_due(invoice, where, rules),
        *_vat_rates(invoice, where),
        *_vat_id(invoice, where),
        *_dates(invoice, where, rules, vendor, received_on),
        *_repeated_lines(invoice, where),
    )


def _required(invoice: Invoice, where: str) -> Iterable[Finding]:
    for name, label in _REQUIRED:
        if getattr(invoice, name) is None:
            yield finding("missing_field", where=where, expected=label, actual="nothing")
    if not (invoice.seller.name or invoice.seller.vat_id):
        yield finding("missing_field", where=where, expected="Seller", actual="nothing")
    if invoice.type_code in NEVER_POSTED:
        yield finding("not_postable", where=where, actual=f"type {invoice.type_code}")


def _signs(invoice: Invoice, where: str) -> Iterable[Finding]:
    gross, net = invoice.gross_total, invoice.net_total
    # A correction (384) may reduce what it corrects; it is held anyway.
    if invoice.type_code == "384":
        return
    if gross is not None and gross < 0 and (net is None or net <= 0):
        kind = "a credit note" if invoice.is_credit_note else "an invoice"
        yield finding(
            "negative_amount",
            where=where,
            expected=f"a positive total on {kind}",
            actual=gross,
        )


def _parties(invoice: Invoice, where: str, policy: Policy) -> Iterable[Finding]:
    """Look who is seller and who is buyer; matters most in self-billing (389).

    A VAT id decides. A name alone only decides that we are meant: it is
    printed in too many ways to prove that somebody else is.
    """
    ids = {code(v) for v in policy.company_vat_ids}
    names = {core_name(n) for n in policy.company_names}
    seller, buyer = invoice.seller, invoice.buyer
    if _is_us(seller, ids, names):
        yield finding("we_are_seller", where=where, actual=seller.name or seller.vat_id)
    elif ids and buyer.vat_id and code(buyer.vat_id) not in ids:
        yield finding(
            "wrong_buyer",
            where=where,
            expected=", ".join(sorted(policy.company_vat_ids)),
            actual=f"{buyer.name or ''} {buyer.vat_id}".strip(),
        )
    elif names and buyer.name and not buyer.vat_id and not _is_us(buyer, ids, names):
        ours = frozenset().union(*(name_words(n) for n in policy.company_names))
        if ours.isdisjoint(name_words(buyer.name)):
            yield finding(
                "wrong_buyer",
                where=where,
                expected=", ".join(sorted(policy.company_names)),
                actual=buyer.name,
            )


def _is_us(party: Party, ids: set[str], names: set[str]) -> bool:
    if party.vat_id and ids:
        return code(party.vat_id) in ids
    return bool(party.name) and core_name(party.name or "") in names


def _lines(invoice: Invoice, where: str, policy: Policy) -> Iterable[Finding]:
    """Quantity times price, less allowance and with charge, against the line's amount.

    A lower amount may be an allowance nobody printed. A higher one is money
    nobody agreed to; within the price tolerance it is told, beyond it holds.
    """
    if _lines_include_vat(invoice, policy):
        yield finding("lines_include_vat", where=where)
        return
    percent = policy.tolerances.price_percent
    for line in invoice.lines:
        amount = computed_amount(line)
        if amount is None or line.net_amount is None:
            continue
        wanted = amount + (line.charge or _ZERO) - (line.allowance or _ZERO)
        difference = line.net_amount - wanted
        if abs(difference) <= policy.rounding + rounding_slack(line):
            continue
        yield finding(
            "line_mismatch",
            where=f"{where}, line {line.number}",
            expected=round_half_up(wanted),
            actual=line.net_amount,
            severity=Severity.BLOCK if difference > abs(wanted) * percent / 100 else None,
        )


def computed_amount(line: Line) -> Decimal | None:
    """Return quantity times price, before allowance and charge; None when either is missing."""
    if line.quantity is None or line.unit_price is None:
        return None
    return line.quantity * line.unit_price / (line.price_base_quantity or 1)


def rounding_slack(line: Line) -> Decimal:
    """Return what a price rounded for print does to the line's amount, at most.

    Half a unit of the last decimal printed, of a cent at least, times the quantity.
    """
    if line.quantity is None or line.unit_price is None:
        return _ZERO
    exponent = line.unit_price.as_tuple().exponent
    places = max(-exponent, 2) if isinstance(exponent, int) else 2
    return abs(line.quantity / (line.price_base_quantity or 1)) * Decimal(5).scaleb(-places - 1)


def _sum_of_lines(invoice: Invoice) -> Decimal | None:
    amounts = [line.net_amount for line in invoice.lines]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, _ZERO) if amounts and len(known) == len(amounts) else None


def _lines_include_vat(invoice: Invoice, policy: Policy) -> bool:
    """Say whether the lines add up to the gross total instead of the net, as shops print them."""
    lines, net, gross = _sum_of_lines(invoice), invoice.net_total, invoice.gross_total
    if lines is None or net is None or gross is None or not invoice.tax_total:
        return False
    lines += (invoice.charge_total or _ZERO) - (invoice.allowance_total or _ZERO)
    return abs(lines - gross) <= policy.rounding < abs(lines - net)


def _totals(invoice: Invoice, where: str, policy: Policy) -> Iterable[Finding]:
    net, vat, gross = invoice.net_total, invoice.tax_total, invoice.gross_total
    if net is not None and gross is not None:
        wanted = net + (vat or _ZERO)
        if abs(wanted - gross) > policy.rounding:
            yield finding(
                "total_mismatch",
                where=where,
                message="Net and VAT do not add up to the gross total",
                expected=wanted,
                actual=gross,
            )
    lines = _sum_of_lines(invoice)
    if lines is None or _lines_include_vat(invoice, policy):
        return
    if invoice.lines_total is not None and abs(lines - invoice.lines_total) > policy.rounding:
        yield finding(
            "total_mismatch",
            where=where,
            message="The lines do not add up to their printed sum",
            expected=lines,
            actual=invoice.lines_total,
        )
    if net is None:
        return
    wanted = lines - (invoice.allowance_total or _ZERO) + (invoice.charge_total or _ZERO)
    if abs(wanted - net) > policy.rounding:
        yield finding(
            "total_mismatch",
            where=where,
            message="The lines, less allowances and with charges, do not add up to the net total",
            expected=wanted,
            actual=net,
        )


def _vat(invoice: Invoice, where: str, policy: Policy) -> Iterable[Finding]:
    vat = invoice.tax_total
    tolerance = policy.vat_rounding * max(len(invoice.lines), 1)
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
        if abs(rows_sum - vat) > policy.rounding:
            yield _wrong_vat(where, "the sum of the VAT rows", rows_sum, vat, policy.rounding)
    wanted_total = _vat_of_lines(invoice)
    if vat is None or wanted_total is None or _lines_include_vat(invoice, policy):
        return
    if abs(wanted_total - vat) > tolerance:
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


def _amount_due(invoice: Invoice, where: str, policy: Policy) -> Iterable[Finding]:
    if invoice.gross_total is None or invoice.amount_due is None:
        return
    wanted = (
        invoice.gross_total - (invoice.prepaid_total or _ZERO) + (invoice.rounding_amount or _ZERO)
    )
    if abs(wanted - invoice.amount_due) > policy.rounding:
        yield finding(
            "amount_due_mismatch", where=where, expected=wanted, actual=invoice.amount_due
        )


def _vat_rates(invoice: Invoice, where: str) -> Iterable[Finding]:
    """Every rate must have been in force in the seller's country, or the buyer's.

    The buyer's country counts because sellers may register there.
    """
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
        return
    allowed: set[Decimal] = set()
    for country in countries:
        for day in _supply_days(invoice, days):
            rates = rates_in_force(country, day)
            if rates is None:
                return
            allowed |= rates
    printed = {line.vat_rate for line in invoice.lines} | {row.rate for row in invoice.tax_lines}
    wrong = sorted(rate for rate in printed if rate and rate not in allowed)
    if wrong:
        yield finding(
            "vat_rate_invalid",
            where=where,
            expected=" or ".join(f"{rate} %" for rate in sorted(allowed, reverse=True)),
            actual=", ".join(f"{rate} %" for rate in wrong),
        )


def _supply_days(invoice: Invoice, days: list[date]) -> list[date]:
    # A credit note carries the rate of the supply it corrects, which may be a year back.
    if invoice.is_credit_note or invoice.type_code == "384":
        return [*days, *(min(days) - timedelta(days=n) for n in (90, 180, 365))]
    return [*days, min(days) - timedelta(days=45)]


def _vat_id(invoice: Invoice, where: str) -> Iterable[Finding]:
    if not invoice.seller.vat_id:
        return
    text = code(invoice.seller.vat_id)
    prefix = "CHE" if text.startswith("CHE") else text[:2]
    form = _VAT_FORMS.get(prefix)
    if form and not re.fullmatch(form, text[len(prefix) :]):
        yield finding("malformed_vat_id", where=where, actual=invoice.seller.vat_id)


def _dates(
    invoice: Invoice,
    where: str,
    policy: Policy,
    vendor: Vendor | None,
    received_on: date | None,
) -> Iterable[Finding]:
    issued = invoice.issue_date
    if issued is None:
        return
    if policy.closed_until and issued <= policy.closed_until:
        yield finding(
            "period_closed",
            where=where,
            expected=f"after {policy.closed_until.isoformat()}",
            actual=issued.isoformat(),
        )
    # One day of grace: the sender's date line may be ahead of ours.
    if received_on and issued > received_on + timedelta(days=1):
        yield finding(
            "future_date",
            where=where,
            expected=f"up to {received_on.isoformat()}",
            actual=issued.isoformat(),
        )
    if invoice.due_date and vendor and vendor.terms_days is not None:
        agreed = issued + timedelta(days=vendor.terms_days)
        if invoice.due_date < agreed:
            yield finding(
                "due_date_differs",
                where=where,
                expected=agreed.isoformat(),
                actual=invoice.due_date.isoformat(),
            )


def _repeated_lines(invoice: Invoice, where: str) -> Iterable[Finding]:
    seen = Counter(_line_key(line) for line in invoice.lines)
    for key, times in seen.items():
        if times > 1 and key is not None:
            numbers = [str(x.number) for x in invoice.lines if _line_key(x) == key]
            yield finding(
                "duplicate_line",
                where=f"{where}, lines {', '.join(numbers)}",
                actual=f"{times} times the same",
            )


def _line_key(line: Line) -> tuple[object, ...] | None:
    if line.quantity is None or line.net_amount is None or line.net_amount == 0:
        return None
    if not (line.article_number or line.description):
        return None
    return (line.article_number, line.description, line.quantity, line.net_amount)
