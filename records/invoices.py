"""Invoice, Line, TaxLine, Party; and `assemble`, which makes one from Fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from records.documents import Field
from records.findings import Finding, finding
from records.vocabulary import FIELDS

#: UNTDID 1001 codes whose amounts reduce what is owed.
CREDIT_NOTE_CODES = frozenset(
    {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Seller (BG-4) or buyer (BG-7) as printed."""

    name: str | None = None
    vat_id: str | None = None
    address: str | None = None
    country: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Invoice line (BG-25). Amounts are net, in the invoice currency.

    `unit_price` is for `price_base_quantity` units (None means 1). `allowance`
    and `charge` (BT-136, BT-141) are already in `net_amount`.
    """

    number: int
    id: str | None = None
    description: str | None = None
    article_number: str | None = None
    buyer_article_number: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price: Decimal | None = None
    price_base_quantity: Decimal | None = None
    net_amount: Decimal | None = None
    vat_rate: Decimal | None = None
    vat_category: str | None = None
    order_ref: str | None = None
    order_line_ref: str | None = None
    allowance: Decimal | None = None
    charge: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxLine:
    """VAT breakdown row (BG-23); `rate` in per cent."""

    category: str | None = None
    rate: Decimal | None = None
    basis: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice or credit note in the words of EN 16931.

    All amounts are in `currency` and as printed: a credit note (type code 381)
    carries positive amounts, `sign` gives the direction. Unknown is None.
    """

    number: str | None = None
    issue_date: date | None = None
    type_code: str | None = None
    currency: str | None = None
    due_date: date | None = None
    delivery_date: date | None = None
    order_refs: tuple[str, ...] = ()
    contract_ref: str | None = None
    delivery_note_ref: str | None = None
    preceding_invoice_ref: str | None = None
    buyer_reference: str | None = None
    seller: Party = Party()
    buyer: Party = Party()
    lines: tuple[Line, ...] = ()
    tax_lines: tuple[TaxLine, ...] = ()
    lines_total: Decimal | None = None
    allowance_total: Decimal | None = None
    charge_total: Decimal | None = None
    net_total: Decimal | None = None
    tax_total: Decimal | None = None
    gross_total: Decimal | None = None
    prepaid_total: Decimal | None = None
    rounding_amount: Decimal | None = None
    amount_due: Decimal | None = None
    ibans: tuple[str, ...] = ()
    bic: str | None = None
    payment_reference: str | None = None
    payment_means_code: str | None = None
    skonto_percent: Decimal | None = None
    skonto_until: date | None = None

    @property
    def is_credit_note(self) -> bool:
        """Say whether the type code (UNTDID 1001) makes it a credit note."""
        return self.type_code in CREDIT_NOTE_CODES

    @property
    def sign(self) -> int:
        """Return -1 for a credit note, 1 otherwise; applies to every amount."""
        return -1 if self.is_credit_note else 1

    @property
    def payable(self) -> Decimal | None:
        """Return what the totals leave to be paid (BT-112 less BT-113 plus BT-114), None unknown."""
        if self.gross_total is None:
            return None
        return self.gross_total - (self.prepaid_total or 0) + (self.rounding_amount or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedInvoice:
    """A supplier invoice that another system already holds, under its id there.

    A table's order is the order of receipt, which cumulative checks rely on.
    """

    id: str
    invoice: Invoice


#: A person outranks the XML, the XML the text layer, the text OCR.
_RANK = {
    "person": 0,
    "ubl": 1,
    "cii": 1,
    "fatturapa": 1,
    "zugferd1": 1,
    "layout": 2,
    "template": 2,
    "habit": 2,
    "pdf_text": 3,
    "html": 3,
    "code": 3,
    "ocr": 4,
}


def rank(by: str) -> int:
    """Return the precedence of a reader; lower wins. Unknown readers come last."""
    return _RANK.get(by.split(":", 1)[0], 5)


def chosen(fields: Iterable[Field]) -> dict[tuple[str, int | None], Field]:
    """Choose one Field per (name, line): by rank of reader, then the later, then confidence.

    Among corrections of the same rank by persons the last in order wins, so a
    list in the order of time explains itself.
    """
    best: dict[tuple[str, int | None], Field] = {}
    for item in fields:
        key = (item.name, item.line)
        held = best.get(key)
        if held is None or _beats(item, held):
            best[key] = item
    return best


def _beats(item: Field, held: Field) -> bool:
    if rank(item.by) != rank(held.by):
        return rank(item.by) < rank(held.by)
    if item.by.startswith("person"):
        return True
    return (item.proved, item.confidence) > (held.proved, held.confidence)


def assemble(fields: Sequence[Field]) -> tuple[Invoice, tuple[Finding, ...]]:
    """Make the Invoice that the Fields describe, with a Finding for each bad value.

    A person's empty value removes what others read. Several `iban` and
    `purchase_order_ref` Fields of the winning reader are all kept, in order.
    Never raises on bad data.
    """
    best = chosen(fields)
    problems: list[Finding] = []

    def text(name: str, line: int | None = None) -> str | None:
        item = best.get((name, line))
        return item.value.strip() or None if item else None

    def number(name: str, line: int | None = None) -> Decimal | None:
        raw = text(name, line)
        if raw is None:
            return None
        try:
            value = Decimal(raw)
        except InvalidOperation:
            value = Decimal("NaN")
        if value.is_finite():
            return value
        problems.append(_malformed(name, line, raw, "a number such as 1234.56"))
        return None

    def day(name: str) -> date | None:
        raw = text(name)
        if raw is None:
            return None
        try:
            return date.fromisoformat(raw)
        except ValueError:
            problems.append(_malformed(name, None, raw, "a date such as 2026-03-31"))
            return None

    def several(name: str) -> tuple[str, ...]:
        winner = best.get((name, None))
        if winner is None:
            return ()
        same = [f.value.strip() for f in fields if f.name == name and f.by == winner.by]
        if winner.by.startswith("person"):
            same = [winner.value.strip()]
        return tuple(dict.fromkeys(v for v in same if v))

    def party(prefix: str) -> Party:
        return Party(
            name=text(f"{prefix}_name"),
            vat_id=text(f"{prefix}_vat_id"),
            address=text(f"{prefix}_address"),
            country=text(f"{prefix}_country"),
            email=text("seller_email") if prefix == "seller" else None,
        )

    def rows(scope: str) -> list[int]:
        names = {name for name, term in FIELDS.items() if term.scope == scope}
        return sorted({n for name, n in best if name in names and n is not None})

    invoice = Invoice(
        number=text("invoice_number"),
        issue_date=day("issue_date"),
        type_code=text("type_code"),
        currency=text("currency"),
        due_date=day("due_date"),
        delivery_date=day("delivery_date"),
        order_refs=several("purchase_order_ref"),
        contract_ref=text("contract_ref"),
        delivery_note_ref=text("delivery_note_ref"),
        preceding_invoice_ref=text("preceding_invoice_ref"),
        buyer_reference=text("buyer_reference"),
        seller=party("seller"),
        buyer=party("buyer"),
        lines=tuple(
            Line(
                number=n,
                id=text("line_id", n),
                description=text("description", n),
                article_number=text("article_number", n),
                buyer_article_number=text("buyer_article_number", n),
                quantity=number("quantity", n),
                unit=text("unit", n),
                unit_price=number("unit_price", n),
                price_base_quantity=number("price_base_quantity", n),
                net_amount=number("net_amount", n),
                vat_rate=number("vat_rate", n),
                vat_category=text("vat_category", n),
                order_ref=text("line_order_ref", n),
                order_line_ref=text("order_line_ref", n),
                allowance=number("line_allowance", n),
                charge=number("line_charge", n),
            )
            for n in rows("line")
        ),
        tax_lines=tuple(
            TaxLine(
                category=text("tax_category", n),
                rate=number("tax_rate", n),
                basis=number("tax_basis", n),
                amount=number("tax_amount", n),
            )
            for n in rows("tax")
        ),
        lines_total=number("lines_total"),
        allowance_total=number("allowance_total"),
        charge_total=number("charge_total"),
        net_total=number("net_total"),
        tax_total=number("tax_total"),
        gross_total=number("gross_total"),
        prepaid_total=number("prepaid_total"),
        rounding_amount=number("rounding_amount"),
        amount_due=number("amount_due"),
        ibans=several("iban"),
        bic=text("bic"),
        payment_reference=text("payment_reference"),
        payment_means_code=text("payment_means_code"),
        skonto_percent=number("skonto_percent"),
        skonto_until=day("skonto_until"),
    )
    return invoice, tuple(problems)


def _malformed(name: str, line: int | None, raw: str, wanted: str) -> Finding:
    where = FIELDS[name].label + ("" if line is None else f", line {line}")
    return finding("uncertain_field", where=where, expected=wanted, actual=raw)
