"""Checks of the invoice itself: what can be told without orders or vendors.

Arithmetic follows EN 16931 (BR-CO-10 to BR-CO-17). The issuer's VAT total
stands when rounding per line or per total reproduces it. All amounts are taken
as printed: in a credit note (381) they are positive.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from matching.amounts import computed_amount, lines_include_vat, rounding_slack, sum_of_lines
from matching.names import code, core_name, name_words
from matching.policy import Policy
from matching.vat import check_tax_known, check_vat, check_vat_id, check_vat_rates, tax_of
from records.findings import Finding, Severity, finding
from records.invoices import Invoice, Line, Party
from records.money import round_half_up
from records.purchasing import Vendor

_ZERO = Decimal(0)

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
        *check_tax_known(invoice, where, rules.rounding),
        *check_vat(invoice, where, rules.rounding, rules.vat_rounding),
        *_amount_due(invoice, where, rules),
        *check_vat_rates(invoice, where),
        *check_vat_id(invoice, where),
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
    Where shops print amounts with VAT beside prices without, the totals tell.
    """
    percent = policy.tolerances.price_percent
    problems = []
    for line in invoice.lines:
        amount = computed_amount(line)
        if amount is None or line.net_amount is None:
            continue
        wanted = amount + (line.charge or _ZERO) - (line.allowance or _ZERO)
        difference = line.net_amount - wanted
        # The slack is only worked out where the plain cent does not do.
        if abs(difference) <= policy.rounding or (
            abs(difference) <= policy.rounding + rounding_slack(line)
        ):
            continue
        problems.append(
            finding(
                "line_mismatch",
                where=f"{where}, line {line.number}",
                expected=round_half_up(wanted),
                actual=line.net_amount,
                severity=Severity.BLOCK if difference > abs(wanted) * percent / 100 else None,
            )
        )
    if problems and lines_include_vat(invoice, policy.rounding):
        problems = []
    return problems


def _totals(invoice: Invoice, where: str, policy: Policy) -> Iterable[Finding]:
    net, vat, gross = invoice.net_total, tax_of(invoice), invoice.gross_total
    if net is not None and gross is not None and vat is not None:
        wanted = net + vat
        if abs(wanted - gross) > policy.rounding:
            yield finding(
                "total_mismatch",
                where=where,
                message="Net and VAT do not add up to the gross total",
                expected=wanted,
                actual=gross,
            )
    lines = sum_of_lines(invoice)
    if lines is None:
        return
    if lines != net and lines_include_vat(invoice, policy.rounding):
        yield finding("lines_include_vat", where=where)
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


def _amount_due(invoice: Invoice, where: str, policy: Policy) -> Iterable[Finding]:
    wanted = invoice.payable
    if wanted is None or invoice.amount_due is None:
        return
    if abs(wanted - invoice.amount_due) > policy.rounding:
        yield finding(
            "amount_due_mismatch", where=where, expected=wanted, actual=invoice.amount_due
        )


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
    if received_on and (received_on - issued).days > policy.oldest_days:
        yield finding(
            "very_old",
            where=where,
            expected=f"at most {policy.oldest_days} days old",
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
    numbers: dict[tuple[object, ...], list[str]] = {}
    for line in invoice.lines:
        key = _line_key(line)
        if key is not None:
            numbers.setdefault(key, []).append(str(line.number))
    for same in numbers.values():
        if len(same) > 1:
            yield finding(
                "duplicate_line",
                where=f"{where}, lines {', '.join(same)}",
                actual=f"{len(same)} times the same",
            )


def _line_key(line: Line) -> tuple[object, ...] | None:
    if line.quantity is None or line.net_amount is None or line.net_amount == 0:
        return None
    if not (line.article_number or line.description):
        return None
    return (line.article_number, line.description, line.quantity, line.net_amount)
