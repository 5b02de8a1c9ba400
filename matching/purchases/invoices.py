"""One invoice explained: who sent it, whether it came before, what it bills."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from matching.checks import check_invoice
from matching.duplicates import EarlierInvoice, Repetition, lines_mark
from matching.policy import Policy, Tolerances
from matching.purchases.assignment import Assignment, assign
from matching.purchases.books import PurchaseBooks
from matching.purchases.comparison import (
    allocate,
    check_leftover,
    check_prices,
    check_quantities,
    sure_of,
)
from matching.purchases.evidence import goods_of, is_allowance, is_charge
from matching.purchases.papers import (
    CORRECTION,
    Explanation,
    by_total,
    contract_of,
    correction,
    credit_note,
)
from matching.purchases.prepayments import is_prepayment, net_prepayments, prepayment
from matching.purchases.references import References, named_orders
from matching.purchases.retention import agreed_retention, without_retained
from matching.vendors import Identification, VendorGroup, check_vendor
from records.findings import Finding, Severity, finding
from records.invoices import Invoice
from records.matches import InvoiceMatch, OrderAllocation

_ZERO = Decimal(0)


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
    checks = without_retained(checks, invoice, explained.retention)
    split = _split(invoice_id, invoice, found.group.id, explained.allocations, books, policy)
    findings = (*vendor, *seen.findings, *checks, *explained.findings, *split)
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
        prepayment=explained.prepayment,
        netted=explained.netted,
        retention=explained.retention,
    )


def _split(
    invoice_id: str,
    invoice: Invoice,
    group_id: str,
    allocations: Iterable[OrderAllocation],
    books: PurchaseBooks,
    policy: Policy,
) -> list[Finding]:
    """Look for one amount cut into invoices that each stay below a limit.

    The same thing is the same order, or the same lines where no order is named.
    """
    limits = [x for x in (policy.approval_limit, policy.four_eyes_limit) if x is not None]
    gross, day = invoice.gross_total, invoice.issue_date
    if not limits or gross is None or day is None or invoice.is_credit_note:
        return []
    orders = {a.order_id for a in allocations} or set(invoice.order_refs)
    mark = lines_mark(invoice)
    parts = [
        e
        for e in books.history.around(group_id, day, policy.split_days)
        if e.id != invoice_id
        and e.gross > 0
        and e.currency == invoice.currency
        and (orders.intersection(e.order_ids) if orders else not e.order_ids and _alike(e, mark))
    ]
    together = gross + sum((e.gross for e in parts), _ZERO)
    for limit in sorted(limits):
        if parts and gross <= limit < together and all(e.gross <= limit for e in parts):
            return [
                finding(
                    "split_below_limit",
                    where=f"invoice {invoice.number}",
                    expected=f"up to {limit} without approval",
                    actual=f"{together} with {', '.join(f'{e.number} ({e.id})' for e in parts)}",
                )
            ]
    return []


def _alike(earlier: EarlierInvoice, mark: str) -> bool:
    """Say whether two invoices name the same goods, whatever quantities and amounts they give."""
    mine, theirs = ({part.split("~")[0] for part in m.split("|")} for m in (mark, earlier.lines))
    return bool(mine & theirs)


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
) -> Explanation:
    if invoice.is_credit_note:
        return credit_note(invoice, group, books)
    if invoice.type_code == CORRECTION:
        return correction(invoice, group, books)
    references = named_orders(invoice, group.id, books)
    foreign = [
        finding("order_of_other_vendor", where=f"invoice {invoice.number}", actual=order_id)
        for order_id in references.foreign
        if not references.orders
    ]
    if is_prepayment(invoice):
        return prepayment(invoice, group, references, tuple(foreign), books)
    goods = [goods_of(line) for line in invoice.lines]
    if not goods and references.exact:
        return _with_terms(by_total(invoice, references, books), invoice, books)
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
    ]
    explained = Explanation(
        allocations=allocations,
        findings=tuple(findings),
        confidence=sure_of(assignment, bool(references.exact)),
        reasons=_reasons(assignment, references, orders),
        rejected=assignment.rejected,
    )
    return _with_terms(explained, invoice, books)


def _with_terms(explained: Explanation, invoice: Invoice, books: PurchaseBooks) -> Explanation:
    """Add what the orders billed agree beyond prices: money in advance, money kept back."""
    if not explained.allocations:
        return explained
    netted, advances = net_prepayments(invoice, explained.allocations, books)
    retention, kept = agreed_retention(invoice, explained.allocations, books)
    findings = (*explained.findings, *advances, *kept)
    return dataclasses.replace(explained, findings=findings, netted=netted, retention=retention)


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
) -> Explanation:
    where = f"invoice {invoice.number}"
    contract, problem = contract_of(invoice, group, books, where)
    if contract is not None:
        text = f"contract {contract.contract_number or contract.id} ({contract.kind})"
        if contract.owner:
            text += f", owner {contract.owner}"
        return Explanation(findings=(*foreign, *([problem] if problem else [])), reasons=(text,))
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
    else:
        findings.append(finding("without_order", where=where))
    return Explanation(findings=tuple(findings), reasons=reasons, rejected=assignment.rejected)
