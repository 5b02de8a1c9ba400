"""Papers that are matched in another way than line by line.

Credit notes, corrections, recurring invoices under a contract, invoices that
show nothing but a total. Prepayments have a module of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from matching.names import squeezed
from matching.purchases.books import PurchaseBooks
from matching.purchases.references import References
from matching.vendors import VendorGroup
from records.findings import Finding, finding
from records.invoices import Invoice
from records.matches import Netted, OrderAllocation, Rejected, Retention
from records.purchasing import Contract

_ZERO = Decimal(0)
#: UNTDID 1001: replaces an earlier invoice.
CORRECTION = "384"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the invoice bills, before vendor and invoice checks are added.

    The last three are as `InvoiceMatch` says.
    """

    allocations: tuple[OrderAllocation, ...] = ()
    findings: tuple[Finding, ...] = ()
    confidence: float = 0.995
    reasons: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    prepayment: bool = False
    netted: Netted | None = None
    retention: Retention | None = None


def contract_of(
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


def credit_note(invoice: Invoice, group: VendorGroup, books: PurchaseBooks) -> Explanation:
    """Link a credit note to its invoice. It reopens no quantity: a return is a receipt's business."""
    where = f"credit note {invoice.number}"
    ref = invoice.preceding_invoice_ref
    if not ref:
        return Explanation(reasons=("credit note without a reference",), confidence=0.98)
    originals = [e for e in books.history.by_number(group.id, ref) if e.gross > 0]
    if not originals:
        missing = finding("preceding_invoice_unknown", where=where, actual=ref)
        return Explanation(findings=(missing,), reasons=(f"corrects {ref}",), confidence=0.98)
    original = max(originals, key=lambda e: e.gross)
    reasons = (f"credit note for {original.number} ({original.id})",)
    if original.held:
        held = finding("credit_for_held", where=where, actual=f"{original.number} ({original.id})")
        return Explanation(findings=(held,), reasons=reasons)
    gross = invoice.gross_total or _ZERO
    if gross > original.gross:
        excess = finding(
            "credit_exceeds_invoice",
            where=where,
            expected=f"up to {original.gross} ({original.number})",
            actual=gross,
        )
        return Explanation(findings=(excess,), reasons=reasons)
    return Explanation(reasons=reasons)


def correction(invoice: Invoice, group: VendorGroup, books: PurchaseBooks) -> Explanation:
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
    return Explanation(findings=(held,), reasons=("replaces an earlier invoice",))


def by_total(invoice: Invoice, references: References, books: PurchaseBooks) -> Explanation:
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
        return Explanation(findings=(missing,), reasons=("no lines to compare",), confidence=0.5)
    return Explanation(
        allocations=tuple(allocations),
        confidence=0.97,
        reasons=("no lines printed; the net total is all that is open on the order",),
    )
