"""Policy: what the office tolerates, in plain terms; and `decide`, which applies it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from records.findings import Finding, Severity, finding
from records.invoices import Invoice
from records.matches import InvoiceMatch
from records.purchasing import Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How far an invoice may stray from its order before a person must look.

    Percentages are in per cent (1 means 1 %), of the price or quantity
    ordered or received. `price_amount` and `freight` are net, in the invoice's
    currency. A price variance below `price_amount` for the whole line passes
    whatever its percentage. Both directions count: a price far too low is as
    often an error as one too high.
    """

    price_percent: Decimal = Decimal("1")
    price_amount: Decimal = Decimal("0")
    over_received_percent: Decimal = Decimal("0")
    over_ordered_percent: Decimal = Decimal("5")
    freight: Decimal = Decimal("50.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything the office decides about matching and posting purchases.

    `vendors` and `categories` override `tolerances`, the vendor first. Amounts
    are gross in the invoice's currency; `unordered_limit` holds for invoices
    that neither an order nor a contract stands behind. `rounding` is the cent allowed in any
    sum, `vat_rounding` the VAT difference allowed per invoice line (both
    rounding methods of EN 16931 lie within it). Invoices dated on or before
    `closed_until` are flagged, never back-dated. `min_confidence` is the
    probability of being right, all of it, below which nothing is posted: one
    minus the error budget. `company_vat_ids` and `company_names` are our own:
    without them nobody asks whom an invoice is addressed to. An invoice dated
    more than `oldest_days` before it came is held; invoices for the same thing
    within `split_days` of each other are taken together against the limits.
    `einvoice_missing` says what becomes of a domestic invoice that had to come
    as an e-invoice by law and did not: ignore, note or hold; `einvoices_since`
    sets another day than the law's, by country of the vendor.
    """

    tolerances: Tolerances = Tolerances()
    vendors: Mapping[str, Tolerances] = field(default_factory=dict)
    categories: Mapping[str, Tolerances] = field(default_factory=dict)
    rounding: Decimal = Decimal("0.01")
    vat_rounding: Decimal = Decimal("0.02")
    approval_limit: Decimal | None = None
    four_eyes_limit: Decimal | None = None
    unordered_limit: Decimal | None = None
    min_confidence: float = 0.98
    closed_until: date | None = None
    bank_change_cool_off_days: int = 7
    oldest_days: int = 365
    split_days: int = 3
    einvoice_missing: Literal["ignore", "note", "hold"] = "note"
    einvoices_since: Mapping[str, date] = field(default_factory=dict)
    company_vat_ids: frozenset[str] = frozenset()
    company_names: frozenset[str] = frozenset()

    def tolerances_for(self, vendor: Vendor | None) -> Tolerances:
        """Return the vendor's own tolerances, else its category's, else the office's."""
        if vendor is None:
            return self.tolerances
        own = self.vendors.get(vendor.id)
        if own is not None:
            return own
        return self.categories.get(vendor.category or "", self.tolerances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The invoice may be posted without a person."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A person decides; `findings` are the blocking ones, `reasons` their texts."""

    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """The document is a second view of `invoice_id`: file it there, post nothing."""

    invoice_id: str
    reasons: tuple[str, ...]


Verdict = Post | Hold | Join


def decide(
    invoice: Invoice, match: InvoiceMatch, findings: Iterable[Finding], policy: Policy
) -> Verdict:
    """Decide what happens to a matched invoice.

    `findings` are all others about the invoice: from reading, from the sender,
    from the document; those of `match` are taken from it. One blocking Finding
    holds. The amount limits are compared with the gross amount without sign.
    """
    known = [*findings, *match.findings]
    if match.duplicate_of and any(f.code == "second_view" for f in known):
        return Join(invoice_id=match.duplicate_of, reasons=match.reasons)
    blocking = [f for f in known if f.blocks]
    # Not an exception of the credit note itself, but nothing to book before its invoice.
    blocking += [
        dataclasses.replace(f, severity=Severity.BLOCK)
        for f in known
        if f.code == "credit_for_held" and not f.blocks
    ]
    unordered = any(f.code == "without_order" for f in known)
    blocking += _limits(invoice, policy, unordered)
    if not blocking and match.confidence < policy.min_confidence:
        blocking.append(
            finding(
                "low_confidence",
                where=f"invoice {invoice.number}",
                expected=f"at least {policy.min_confidence:.3f}",
                actual=f"{match.confidence:.3f}",
            )
        )
    if blocking:
        return Hold(findings=tuple(blocking), reasons=tuple(str(f) for f in blocking))
    return Post(reasons=match.reasons)


def _limits(invoice: Invoice, policy: Policy, unordered: bool) -> list[Finding]:
    gross = invoice.gross_total
    if gross is None:
        return []
    limits = [
        ("needs_second_person", policy.four_eyes_limit, ""),
        ("needs_approval", policy.approval_limit, ""),
    ]
    if unordered:
        limits.append(("needs_approval", policy.unordered_limit, " and without an order"))
    for code, limit, condition in limits:
        if limit is not None and abs(gross) > limit:
            return [
                finding(
                    code,
                    where=f"invoice {invoice.number}",
                    expected=f"up to {limit} without approval{condition}",
                    actual=abs(gross),
                )
            ]
    return []
