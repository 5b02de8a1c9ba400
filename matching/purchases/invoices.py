"""One invoice explained: who sent it, whether it came before, what it bills."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from matching.checks import check_invoice
from matching.duplicates import Repetition
from matching.names import squeezed
from matching.policy import Policy, Tolerances
from matching.purchases.assignment import Assignment, assign
from matching.purchases.books import PREPAYMENT, PurchaseBooks
from matching.purchases.comparison import (
    allocate,
    check_leftover,
    check_prices,
    check_quantities,
    sure_of,
)
from matching.purchases.evidence import goods_of, is_allowance, is_charge
from matching.purchases.references import References, named_orders
from matching.vendors import Identification, VendorGroup, check_vendor
from records.findings import Finding, Severity, finding
from records.invoices import Invoice
from records.matches import InvoiceMatch, OrderAllocation, Rejected
from records.purchasing import Contract

_ZERO = Decimal(0)
#: UNTDID 1001: replaces an earlier invoice.
CORRECTION = "384"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Explanation:
    """What the invoice bills, before vendor and invoice checks are added."""

    allocations: tuple[OrderAllocation, ...] = ()
    findings: tuple[Finding, ...] = ()
    confidence: float = 0.995
    reasons: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def match_invoice(
    invoice_id: str,
    invoice: Invoice,
    books: PurchaseBooks,
    policy: Policy,
    *,
    message_key: str | None = None,
    sender_domain: str | None = None,
    received_on: date | None = None,
) -> InvoiceMatch:
    """Match one invoice against vendor, earlier invoices, orders and receipts.

    Quantities are compared in the order line's unit, cumulated over earlier
    invoices; prices are net, per unit, in the invoice currency. Bad data never
    raises. An unknown vendor or a duplicate is the only thing that blocks such
    an invoice: everything else about it is told as a warning, because it is
    about an invoice nobody will post. The books do not change: that is
    `PurchaseBooks.consume`. `message_key` is the message it came with,
    `sender_domain` the domain that sent it, `received_on` the day it came.
    Source: EN 16931 BT-13, BT-129, BT-132, BT-146.
    """
    found = books.vendors.identify(invoice.seller, invoice.ibans, sender_domain)
    vendor = check_vendor(invoice, found, policy.bank_change_cool_off_days, received_on)
    checks = check_invoice(invoice, policy, vendor=found.vendor, received_on=received_on)
    if found.group is None or found.vendor is None:
        return InvoiceMatch(
            invoice_id=invoice_id,
            status="exception",
            findings=(*vendor, *_softened(checks)),
            reasons=("no vendor of the master fits the seller",),
        )
    seen = books.history.check(invoice_id, invoice, found.group.id, message_key)
    if seen.duplicate_of or seen.second_view_of:
        return _repeated(invoice_id, found, seen, (*vendor, *checks))
    explained = _explain(invoice, found.group, books, policy.tolerances_for(found.vendor))
    findings = (*vendor, *seen.findings, *checks, *explained.findings)
    status = "matched" if explained.allocations else "non_po"
    if any(f.blocks for f in findings):
        status = "exception"
    return InvoiceMatch(
        invoice_id=invoice_id,
        status=status,
        vendor_id=found.vendor.id,
        allocations=explained.allocations,
        findings=findings,
        confidence=min(explained.confidence, _sure_of_vendor(found)),
        reasons=(f"vendor {found.vendor.id} by {' and '.join(found.by)}", *explained.reasons),
        rejected=explained.rejected,
    )


def _repeated(
    invoice_id: str, found: Identification, seen: Repetition, others: tuple[Finding, ...]
) -> InvoiceMatch:
    first = seen.duplicate_of or seen.second_view_of
    assert first is not None and found.vendor is not None
    return InvoiceMatch(
        invoice_id=invoice_id,
        status="exception" if seen.duplicate_of else "non_po",
        vendor_id=found.vendor.id,
        findings=(*seen.findings, *_softened(others)),
        confidence=0.99,
        duplicate_of=first.id,
        reasons=tuple(f.message for f in seen.findings),
    )


def _softened(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(
        dataclasses.replace(f, severity=Severity.WARN) if f.blocks else f for f in findings
    )


def _sure_of_vendor(found: Identification) -> float:
    return 0.999 if found.by[0] in {"VAT id", "bank account"} else 0.95


def _explain(
    invoice: Invoice, group: VendorGroup, books: PurchaseBooks, tolerances: Tolerances
) -> _Explanation:
    if invoice.is_credit_note:
        return _credit_note(invoice, group, books)
    if invoice.type_code == CORRECTION:
        return _correction(invoice, group, books)
    references = named_orders(invoice, group.id, books)
    foreign = [
        finding("order_of_other_vendor", where=f"invoice {invoice.number}", actual=order_id)
        for order_id in references.foreign
        if not references.orders
    ]
    if invoice.type_code == PREPAYMENT:
        return _prepayment(invoice, group, references, tuple(foreign))
    goods = [goods_of(line) for line in invoice.lines]
    if not goods and references.exact:
        return _by_total(invoice, references, books)
    assignment = assign(goods, references, group.id, invoice, books, tolerances.price_percent)
    if assignment.pairs and _accidental(invoice, assignment, references):
        assignment = Assignment(pairs={}, leftover=tuple(goods), rejected=assignment.rejected)
    if not assignment.pairs:
        return _without_order(invoice, group, references, assignment, books, foreign)
    allocations = allocate(assignment, books)
    orders = ", ".join(dict.fromkeys(a.order_id for a in allocations))
    findings = [
        *foreign,
        *check_prices(invoice, assignment.pairs.values(), tolerances),
        *check_quantities(invoice, allocations, books, tolerances),
        *check_leftover(invoice, assignment.leftover, tolerances, f"order {orders}"),
        *_prepayments_netted(invoice, allocations, books),
    ]
    return _Explanation(
        allocations=allocations,
        findings=tuple(findings),
        confidence=sure_of(assignment, bool(references.exact)),
        reasons=_reasons(assignment, references, orders),
        rejected=assignment.rejected,
    )


def _reasons(assignment: Assignment, references: References, orders: str) -> tuple[str, ...]:
    if references.exact and not assignment.inferred:
        how = f"order {orders} as printed"
    elif references.orders and not assignment.inferred:
        printed = ", ".join(references.printed)
        how = f'order {orders}, printed as "{printed}"'
    else:
        how = f"order {orders} found by the vendor's articles, prices and quantities"
    count = len(assignment.pairs)
    return (how, f"{count} line{'s' if count > 1 else ''} on order lines")


def _accidental(invoice: Invoice, assignment: Assignment, references: References) -> bool:
    """Say whether an order nobody named explains less than half of the invoice.

    One line alike is a coincidence where the vendor sells the same things
    again and again.
    """
    if references.exact or not assignment.inferred:
        return False
    rest = sum(
        (
            g.line.net_amount or _ZERO
            for g in assignment.leftover
            if not is_charge(g) and not is_allowance(g)
        ),
        _ZERO,
    )
    explained = sum((p.goods.line.net_amount or _ZERO for p in assignment.pairs.values()), _ZERO)
    return explained < rest


def _without_order(
    invoice: Invoice,
    group: VendorGroup,
    references: References,
    assignment: Assignment,
    books: PurchaseBooks,
    foreign: Iterable[Finding],
) -> _Explanation:
    where = f"invoice {invoice.number}"
    contract, problem = _contract(invoice, group, books, where)
    if contract is not None:
        text = f"contract {contract.contract_number or contract.id} ({contract.kind})"
        if contract.owner:
            text += f", owner {contract.owner}"
        return _Explanation(findings=(*foreign, *([problem] if problem else [])), reasons=(text,))
    findings = list(foreign)
    reasons: tuple[str, ...] = ("no order needed for this vendor",)
    if references.exact:
        findings.append(
            finding(
                "unordered_line",
                where=where,
                expected=f"lines of order {', '.join(references.exact)}",
                actual="none of the invoice's lines",
            )
        )
        reasons = ("the order named has none of the lines invoiced",)
    elif group.order_required:
        printed = ", ".join(references.printed)
        findings.append(
            finding(
                "no_po",
                where=where,
                expected="an order of this vendor",
                actual=f'"{printed}"' if printed else "no order named, none open with these lines",
            )
        )
        reasons = ("no order fits",)
    return _Explanation(findings=tuple(findings), reasons=reasons, rejected=assignment.rejected)


def _contract(
    invoice: Invoice, group: VendorGroup, books: PurchaseBooks, where: str
) -> tuple[Contract | None, Finding | None]:
    """Find the contract of a recurring invoice: its number printed, or its amount met."""
    contracts = books.contracts_of(group.id, invoice.ibans)
    if not contracts:
        return None, None
    texts = [invoice.contract_ref, invoice.buyer_reference, invoice.payment_reference]
    texts += [*invoice.order_refs, *(line.description for line in invoice.lines)]
    printed = squeezed(" ".join(t for t in texts if t))
    amounts = [a for a in (invoice.gross_total, invoice.net_total) if a is not None]
    named = [c for c in contracts if c.contract_number and squeezed(c.contract_number) in printed]
    for contract in named or contracts:
        if any(abs(a - contract.amount) <= contract.tolerance for a in amounts):
            return contract, None
    if not named:
        return None, None
    contract = named[0]
    problem = finding(
        "contract_variance",
        where=where,
        expected=f"{contract.amount} ± {contract.tolerance} {contract.currency}",
        actual=invoice.gross_total,
    )
    return contract, problem


def _credit_note(invoice: Invoice, group: VendorGroup, books: PurchaseBooks) -> _Explanation:
    """Link a credit note to its invoice. It reopens no quantity: a return is a receipt's business."""
    where = f"credit note {invoice.number}"
    ref = invoice.preceding_invoice_ref
    if not ref:
        return _Explanation(reasons=("credit note without a reference",), confidence=0.98)
    originals = [e for e in books.history.by_number(group.id, ref) if e.gross > 0]
    if not originals:
        missing = finding("preceding_invoice_unknown", where=where, actual=ref)
        return _Explanation(findings=(missing,), reasons=(f"corrects {ref}",), confidence=0.98)
    original = max(originals, key=lambda e: e.gross)
    reasons = (f"credit note for {original.number} ({original.id})",)
    gross = invoice.gross_total or _ZERO
    if gross > original.gross:
        excess = finding(
            "credit_exceeds_invoice",
            where=where,
            expected=f"up to {original.gross} ({original.number})",
            actual=gross,
        )
        return _Explanation(findings=(excess,), reasons=reasons)
    return _Explanation(reasons=reasons)


def _correction(invoice: Invoice, group: VendorGroup, books: PurchaseBooks) -> _Explanation:
    """Hold a corrected invoice: posted beside the one it replaces, both would be paid."""
    ref = invoice.preceding_invoice_ref
    originals = books.history.by_number(group.id, ref) if ref else []
    known = ", ".join(f"{e.number} ({e.id}, {e.gross})" for e in originals)
    held = finding(
        "corrected_invoice",
        where=f"invoice {invoice.number}",
        expected=known or "the invoice it replaces",
        actual=f"replaces {ref or 'an invoice it does not name'}",
    )
    return _Explanation(findings=(held,), reasons=("replaces an earlier invoice",))


def _prepayment(
    invoice: Invoice, group: VendorGroup, references: References, foreign: tuple[Finding, ...]
) -> _Explanation:
    """Accept a prepayment for a named order; it bills no quantity, so it consumes none."""
    if references.exact or not group.order_required:
        orders = ", ".join(references.exact) or "no order"
        return _Explanation(findings=foreign, reasons=(f"prepayment for {orders}",))
    missing = finding(
        "no_po",
        where=f"invoice {invoice.number}",
        expected="the order paid in advance",
        actual=", ".join(references.printed) or "no order named",
    )
    return _Explanation(findings=(*foreign, missing), reasons=("no order fits",))


def _prepayments_netted(
    invoice: Invoice, allocations: Iterable[OrderAllocation], books: PurchaseBooks
) -> list[Finding]:
    where = f"invoice {invoice.number}"
    orders = tuple(dict.fromkeys(a.order_id for a in allocations))
    asked = {e.id: e for order_id in orders for e in books.history.prepayments(order_id)}
    negative = any((line.net_amount or _ZERO) < 0 for line in invoice.lines)
    if asked and not invoice.prepaid_total and not negative:
        return [
            finding(
                "prepayment_open",
                where=where,
                expected=", ".join(f"{e.prepaid} of {e.number}" for e in asked.values()),
                actual="nothing deducted",
            )
        ]
    if invoice.prepaid_total and not asked:
        return [finding("prepayment_unknown", where=where, actual=invoice.prepaid_total)]
    return []


def _by_total(invoice: Invoice, references: References, books: PurchaseBooks) -> _Explanation:
    """Match an invoice without lines by its net total: all that is received and unbilled."""
    where = f"invoice {invoice.number}"
    allocations = []
    total = _ZERO
    for order_id in references.exact:
        for position in books.positions(order_id):
            quantity = books.received(position) - books.billed(position)
            if quantity <= 0:
                continue
            amount = quantity * position.in_force(invoice.issue_date).unit_price
            total += amount
            allocations.append(
                OrderAllocation(
                    0, order_id, position.line, quantity, amount.quantize(Decimal("0.01"))
                )
            )
    net = invoice.net_total
    if net is None or abs(net - total) > Decimal("0.01") * max(len(allocations), 1):
        missing = finding(
            "missing_field",
            where=where,
            message="The invoice shows no lines, and its total is not what is open on the order",
            expected=f"{total} net open on order {', '.join(references.exact)}",
            actual=net,
        )
        return _Explanation(findings=(missing,), reasons=("no lines to compare",), confidence=0.5)
    return _Explanation(
        allocations=tuple(allocations),
        confidence=0.97,
        reasons=("no lines printed; the net total is all that is open on the order",),
    )
