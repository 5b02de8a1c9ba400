"""Money paid in advance: asked for by one invoice, set off by the final one, expensed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from matching.duplicates import EarlierInvoice
from matching.names import word_set, words
from matching.purchases.books import PREPAYMENT, PurchaseBooks
from matching.purchases.papers import Explanation
from matching.purchases.references import References
from matching.vendors import VendorGroup
from records.findings import Finding, finding
from records.invoices import Invoice, Line
from records.matches import Netted, OrderAllocation
from records.money import round_half_up

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
#: Words that name an advance, folded; not those that also mean a discount or bottles.
_ADVANCE = word_set(
    """
    anzahlung anzahlungen anzahlungsrechnung abschlagszahlung abschlagszahlungen
    abschlagsrechnung vorauszahlung vorauszahlungen vorauszahlungsrechnung prepayment prepayments
    downpayment acompte acomptes acconto acconti anticipo anticipos aanbetaling vooruitbetaling
    zaliczka zaliczkowa adiantamento
    """
)


def names_an_advance(line: Line) -> bool:
    """Say whether a line asks for, or sets off, money paid in advance."""
    return not _ADVANCE.isdisjoint(words(line.description or ""))


def is_prepayment(invoice: Invoice) -> bool:
    """Say whether an invoice asks for an advance: by its type, or as all of its lines do."""
    if invoice.type_code == PREPAYMENT:
        return True
    return bool(invoice.lines) and all(
        names_an_advance(line) and (line.net_amount or _ZERO) > 0 for line in invoice.lines
    )


def prepayment(
    invoice: Invoice,
    group: VendorGroup,
    references: References,
    foreign: tuple[Finding, ...],
    books: PurchaseBooks,
) -> Explanation:
    """Accept a prepayment for a named order; it bills no quantity, so it consumes none.

    What is asked in advance, all together, is never more than what is left of
    the order to be billed.
    """
    where = f"invoice {invoice.number}"
    if references.exact:
        why = (f"prepayment for {', '.join(references.exact)}",)
        found = (*foreign, *_too_much(invoice, references.exact, books, where))
        return Explanation(findings=found, reasons=why, prepayment=True)
    if not group.order_required:
        found = (*foreign, finding("without_order", where=where))
        why = ("prepayment; no order needed for this vendor",)
        return Explanation(findings=found, reasons=why, prepayment=True)
    missing = finding(
        "no_po",
        where=where,
        expected="the order paid in advance",
        actual=", ".join(references.printed) or "no order named",
    )
    return Explanation(findings=(*foreign, missing), reasons=("no order fits",), prepayment=True)


def _too_much(
    invoice: Invoice, orders: Sequence[str], books: PurchaseBooks, where: str
) -> list[Finding]:
    lines = [p for order_id in orders for p in books.positions(order_id)]
    currencies = {p.latest.currency for p in lines}
    if invoice.currency and currencies != {invoice.currency}:
        told = ", ".join(sorted(currencies))
        return [finding("currency_differs", where=where, expected=told, actual=invoice.currency)]
    earlier = [e for e in books.history.advances(orders) if e.prepaid]
    asked = sum((e.prepaid - e.prepaid_tax for e in earlier), _ZERO)
    asked += invoice.net_total or invoice.gross_total or _ZERO
    left = sum(
        (max(p.latest.quantity - books.billed(p), _ZERO) * p.latest.unit_price for p in lines),
        _ZERO,
    )
    if asked <= left + _CENT:
        return []
    expected = f"up to {left} net, what is left of {', '.join(orders)}"
    return [finding("prepayment_too_high", where=where, expected=expected, actual=asked)]


def net_prepayments(
    invoice: Invoice, allocations: Sequence[OrderAllocation], books: PurchaseBooks
) -> tuple[Netted | None, list[Finding]]:
    """Return what an invoice sets off of its orders' prepayments, and what is wrong with that.

    Final invoices deduct in one of two ways: from the amount due (BT-113,
    gross), or by negative lines (net, so that their VAT is deducted as well).
    What was paid in advance must be set off once, by the invoice that
    completes the order at the latest.
    """
    where = f"invoice {invoice.number}"
    orders = tuple(dict.fromkeys(a.order_id for a in allocations))
    earlier = books.history.advances(orders)
    asked = [e for e in earlier if e.prepaid]
    asked_gross = sum((e.prepaid for e in asked), _ZERO)
    asked_tax = sum((e.prepaid_tax for e in asked), _ZERO)
    left = asked_gross - sum((e.deducted for e in earlier), _ZERO)
    lines = _deducting(invoice, asked_gross - asked_tax)
    on_lines = -sum((line.net_amount or _ZERO for line in lines), _ZERO)
    deducted = invoice.prepaid_total or _ZERO
    if on_lines and asked_gross:
        deducted = round_half_up(on_lines * asked_gross / (asked_gross - asked_tax))
    if not deducted and not on_lines:
        if left <= 0:
            return None, []
        forgotten = finding(
            "prepayment_open", where=where, expected=_told(asked), actual="nothing deducted"
        )
        return None, [forgotten]
    numbers = tuple(line.number for line in lines)
    if not asked:
        unknown = finding("prepayment_unknown", where=where, actual=on_lines or deducted)
        return Netted(net=on_lines or deducted, tax=_ZERO, lines=numbers), [unknown]
    problems = []
    held = [e for e in asked if e.held]
    if held:
        problems.append(finding("prepayment_held", where=where, actual=_told(held)))
    too_little = deducted < left - _CENT and _completes(allocations, orders, books)
    if deducted > left + _CENT or too_little:
        expected = f"{left} left of {_told(asked)}"
        problems.append(
            finding("prepayment_differs", where=where, expected=expected, actual=deducted)
        )
    if lines:
        return Netted(net=on_lines, tax=_ZERO, lines=numbers), problems
    tax = round_half_up(asked_tax * deducted / asked_gross)
    return Netted(net=deducted - tax, tax=tax), problems


def _deducting(invoice: Invoice, asked_net: Decimal) -> tuple[Line, ...]:
    """Return the lines that set off an advance: named so, or of just its amount."""
    negative = [line for line in invoice.lines if (line.net_amount or _ZERO) < 0]
    named = tuple(line for line in negative if names_an_advance(line))
    return named or tuple(line for line in negative if -(line.net_amount or _ZERO) == asked_net)


def _told(asked: Iterable[EarlierInvoice]) -> str:
    return ", ".join(f"{e.prepaid} of {e.number}" for e in asked)


def _completes(
    allocations: Iterable[OrderAllocation], orders: Iterable[str], books: PurchaseBooks
) -> bool:
    """Say whether nothing of the orders is left to be billed after this invoice."""
    now: dict[tuple[str, int], Decimal] = {}
    for one in allocations:
        key = (one.order_id, one.order_line)
        now[key] = now.get(key, _ZERO) + one.quantity
    return all(
        books.billed(p) + now.get(p.key, _ZERO) >= p.latest.quantity
        for order_id in orders
        for p in books.positions(order_id)
    )
