"""Kinds: which records a table holds, under which column names, and how a row becomes one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from connectors.tables.cells import BadCell, Cells
from connectors.tables.rows import Builder, Parted, Table
from records.banking import (
    CardSettlement,
    FxRate,
    OpenItem,
    OwnAccount,
    PaymentRun,
    PaymentRunItem,
    PayrollRun,
)
from records.bookings import CodedLine
from records.findings import Finding, Severity, finding
from records.invoices import Invoice, Line, Party, ReceivedInvoice
from records.money import Money
from records.purchasing import (
    Contract,
    Customer,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    UnitConversion,
    Vendor,
)

_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{10,30}", re.ASCII)


def _money(cells: Cells, column: str = "amount") -> Money:
    return Money(cells.needed_number(column), cells.currency("currency", own=True))


def _iban(text: str | None) -> str | None:
    return None if text is None else "".join(text.split()).upper()


def _remarks(ibans: Iterable[str | None]) -> Iterator[Finding]:
    """Yield a warning for each IBAN whose check digits are wrong (ISO 7064, MOD 97-10).

    The record is kept: a mistyped account on file makes us hold its invoices.
    Account numbers that are no IBAN have no check digits of this kind.
    """
    for iban in ibans:
        if iban and _IBAN.fullmatch(iban):
            digits = "".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])
            if int(digits) % 97 != 1:
                yield finding("bad_checksum", severity=Severity.WARN, actual=iban)


def _own_account(cells: Cells) -> Iterator[object]:
    iban = _iban(cells.needed("iban")) or ""
    yield from _remarks([iban])
    yield OwnAccount(
        id=cells.needed("account_id"),
        iban=iban,
        bic=cells.text("bic"),
        currency=cells.currency("currency", own=True),
        label=cells.text("label") or "",
        routing_number=cells.text("routing_number"),
    )


def _vendor(cells: Cells) -> Iterator[object]:
    printed = (cells.text("iban") or "").replace(",", ";").replace("|", ";").split(";")
    ibans = tuple(iban for text in printed if (iban := _iban(text)))
    yield from _remarks(ibans)
    domains = (cells.text("email_domains") or "").replace(",", " ").replace(";", " ").split()
    yield Vendor(
        id=cells.needed("vendor_id"),
        name=cells.needed("name"),
        ibans=ibans,
        bic=cells.text("bic"),
        vat_id=cells.text("vat_id"),
        country=cells.text("country"),
        currency=cells.text("currency"),
        terms_days=cells.whole("terms_days"),
        skonto_percent=cells.number("skonto_pct"),
        order_required=cells.flag("po_required"),
        pays_by=cells.text("pay_method") or "transfer",
        email_domains=tuple(domain.lower() for domain in domains),
        category=cells.text("category"),
        address=cells.text("address"),
        blocked=cells.flag("blocked"),
        ibans_changed_on=cells.day("iban_changed_on"),
        routing_number=cells.text("routing_number"),
    )


def _customer(cells: Cells) -> Iterator[object]:
    yield from _remarks([_iban(cells.text("iban"))])
    yield Customer(
        id=cells.needed("customer_id"),
        name=cells.needed("name"),
        iban=_iban(cells.text("iban")),
    )


def _order_line(cells: Cells) -> Iterator[object]:
    yield OrderLine(
        order_id=cells.needed("po_id"),
        line=cells.needed_whole("po_line"),
        revision=cells.whole("revision") or 1,
        valid_from=cells.day("valid_from"),
        vendor_id=cells.needed("vendor_id"),
        order_date=cells.day("order_date"),
        article_number=cells.text("sku"),
        description=cells.text("description") or "",
        quantity=cells.needed_number("qty"),
        unit=cells.text("uom"),
        unit_price=cells.needed_number("unit_price"),
        currency=cells.currency("currency"),
        vat_rate=cells.number("vat_rate"),
        retention_percent=cells.number("retention_pct"),
        retention_days=cells.whole("retention_days") or 0,
    )


def _receipt_line(cells: Cells) -> Iterator[object]:
    yield ReceiptLine(
        receipt_id=cells.needed("gr_id"),
        date=cells.needed_day("date"),
        order_id=cells.needed("po_id"),
        order_line=cells.needed_whole("po_line"),
        quantity=cells.needed_number("qty"),
        unit=cells.text("uom"),
    )


def _unit_conversion(cells: Cells) -> Iterator[object]:
    article = cells.text("sku")
    factor = cells.needed_number("factor")
    if factor <= 0:
        raise BadCell(f"factor: {factor} is not positive")
    yield UnitConversion(
        article_number=None if article == "*" else article,
        from_unit=cells.needed("from_uom"),
        to_unit=cells.needed("to_uom"),
        factor=factor,
    )


def _is_credit(cells: Cells) -> bool:
    kind = (cells.text("type") or "invoice").lower()
    if kind not in {"invoice", "credit_note"}:
        raise BadCell(f"type: {kind!r} is neither invoice nor credit_note")
    return kind == "credit_note"


def _signed(cells: Cells, *, payable: bool, credit: bool) -> Money:
    """Return the gross with the sign of the cash that settles it.

    The size is the table's, the sign follows from the kind: systems disagree
    on whether a credit note carries a minus.
    """
    gross = _money(cells, "gross")
    return -abs(gross) if payable != credit else abs(gross)


def _received_invoice(cells: Cells) -> Iterator[object]:
    credit = _is_credit(cells)
    iban = _iban(cells.text("vendor_iban"))
    gross = cells.needed_number("gross")
    # EN 16931: a credit note's amounts are positive, its type code gives the sign.
    direction = -1 if credit and gross < 0 else 1

    def amount(column: str) -> Decimal | None:
        value = cells.number(column)
        return None if value is None else value * direction

    refs = (cells.text("po_ref") or "").replace(";", ",").split(",")
    yield ReceivedInvoice(
        id=cells.needed("item_id"),
        invoice=Invoice(
            number=cells.text("invoice_no"),
            issue_date=cells.day("invoice_date"),
            type_code="381" if credit else "380",
            currency=cells.currency("currency", own=True),
            due_date=cells.day("due_date"),
            order_refs=tuple(ref.strip() for ref in refs if ref.strip()),
            preceding_invoice_ref=cells.text("ref_invoice_no"),
            seller=Party(name=cells.text("vendor_name"), vat_id=cells.text("vendor_vat_id")),
            net_total=amount("net"),
            tax_total=amount("vat"),
            gross_total=gross * direction,
            ibans=(iban,) if iban else (),
            skonto_percent=cells.number("skonto_pct"),
            skonto_until=cells.day("skonto_until"),
        ),
    )


def _payable(cells: Cells) -> Iterator[object]:
    credit = _is_credit(cells)
    gross = _signed(cells, payable=True, credit=credit)
    yield OpenItem(
        id=cells.needed("item_id"),
        kind="ap_credit_note" if credit else "ap_invoice",
        party_name=cells.text("vendor_name") or "",
        party_iban=_iban(cells.text("vendor_iban")),
        party_vat_id=cells.text("vendor_vat_id"),
        number=cells.text("invoice_no"),
        order_ref=cells.text("po_ref"),
        issue_date=cells.day("invoice_date"),
        due_date=cells.day("due_date"),
        gross=gross,
        open=gross,
        skonto_percent=cells.number("skonto_pct"),
        skonto_until=cells.day("skonto_until"),
    )


def _supplier_invoice_line(cells: Cells) -> Iterator[object]:
    yield Parted(
        owner=cells.needed("item_id"),
        part=Line(
            number=cells.needed_whole("line_no"),
            description=cells.text("description"),
            article_number=cells.text("sku"),
            quantity=cells.number("qty"),
            unit=cells.text("uom"),
            unit_price=cells.number("unit_price"),
            net_amount=cells.number("net"),
            vat_rate=cells.number("vat_rate"),
        ),
    )


def _customer_invoice(cells: Cells) -> Iterator[object]:
    credit = _is_credit(cells)
    gross = _signed(cells, payable=False, credit=credit)
    yield OpenItem(
        id=cells.needed("item_id"),
        kind="ar_credit_note" if credit else "ar_invoice",
        party_id=cells.text("customer_id"),
        party_name=cells.text("customer_name") or "",
        number=cells.text("invoice_no"),
        structured_ref=cells.text("structured_ref"),
        order_ref=cells.text("customer_order_ref"),
        issue_date=cells.day("invoice_date"),
        due_date=cells.day("due_date"),
        gross=gross,
        open=gross,
        skonto_percent=cells.number("skonto_pct"),
        skonto_until=cells.day("skonto_until"),
    )


_PAYABLE = {
    "ap_invoice": True,
    "ap_credit_note": True,
    "ar_invoice": False,
    "ar_credit_note": False,
}


def _open_item(cells: Cells) -> Iterator[object]:
    kind = cells.needed("kind").lower()
    if kind not in _PAYABLE:
        raise BadCell(f"kind: {kind!r} is none of {', '.join(_PAYABLE)}")
    gross = _signed(cells, payable=_PAYABLE[kind], credit=kind.endswith("credit_note"))
    left = cells.number("open")
    yield OpenItem(
        id=cells.needed("item_id"),
        kind=kind,
        party_id=cells.text("party_id"),
        party_name=cells.text("party_name") or "",
        party_iban=_iban(cells.text("party_iban")),
        party_vat_id=cells.text("party_vat_id"),
        number=cells.text("invoice_no"),
        structured_ref=cells.text("structured_ref"),
        order_ref=cells.text("order_ref"),
        issue_date=cells.day("invoice_date"),
        due_date=cells.day("due_date"),
        gross=gross,
        open=gross
        if left is None
        else Money(abs(left) if gross.amount >= 0 else -abs(left), gross.currency),
        skonto_percent=cells.number("skonto_pct"),
        skonto_until=cells.day("skonto_until"),
        pays_by=cells.text("pay_method"),
    )


def _payment_run(cells: Cells) -> Iterator[object]:
    yield PaymentRun(
        id=cells.needed("run_id"),
        kind=cells.needed("kind"),
        execution_date=cells.needed_day("execution_date"),
        account_id=cells.needed("account_id"),
        batch_id=cells.text("batch_id"),
        count=cells.needed_whole("n"),
        total=_money(cells, "total"),
    )


def _payment_run_item(cells: Cells) -> Iterator[object]:
    yield PaymentRunItem(
        run_id=cells.needed("run_id"),
        end_to_end_id=cells.needed("end_to_end_id"),
        item_id=cells.needed("item_id"),
        amount=_money(cells),
    )


def _card_settlement(cells: Cells) -> Iterator[object]:
    yield CardSettlement(
        id=cells.needed("settlement_id"),
        processor=cells.text("processor") or "",
        date=cells.needed_day("date"),
        gross=cells.needed_number("gross"),
        fee=cells.needed_number("fee"),
        net=cells.needed_number("net"),
        currency=cells.currency("currency", own=True),
    )


def _card_settlement_item(cells: Cells) -> Iterator[object]:
    part = (cells.needed("item_id"), cells.needed_number("amount"))
    yield Parted(owner=cells.needed("settlement_id"), part=part)


def _payroll_run(cells: Cells) -> Iterator[object]:
    yield PayrollRun(
        id=cells.needed("item_id"),
        date=cells.needed_day("date"),
        batch_id=cells.text("batch_id") or "",
        count=cells.needed_whole("n"),
        total=cells.needed_number("total"),
        currency=cells.currency("currency", own=True),
    )


def _contract(cells: Cells) -> Iterator[object]:
    yield from _remarks([_iban(cells.text("iban"))])
    yield Contract(
        id=cells.needed("item_id"),
        kind=cells.needed("kind"),
        counterparty=cells.needed("counterparty"),
        iban=_iban(cells.text("iban")),
        amount=cells.needed_number("amount"),
        currency=cells.currency("currency", own=True),
        contract_number=cells.text("contract_no"),
        vendor_id=cells.text("vendor_id"),
        tolerance=cells.number("tolerance") or Decimal(0),
        owner=cells.text("owner"),
    )


def _fx_rate(cells: Cells) -> Iterator[object]:
    yield FxRate(
        date=cells.needed_day("date"),
        currency=cells.currency("currency"),
        eur_per_unit=cells.needed_number("eur_per_unit"),
    )


def _booking(cells: Cells) -> Iterator[object]:
    yield CodedLine(
        id=cells.needed("booking_id"),
        vendor_id=cells.needed("vendor_id"),
        account=cells.needed("account"),
        booked_on=cells.day("date"),
        cost_centre=cells.text("cost_centre"),
        tax_code=cells.text("tax_code"),
        article_number=cells.text("sku"),
        description=cells.text("description"),
        vat_rate=cells.number("vat_rate"),
    )


def _table(needed: str, optional: str, builds: Mapping[type, Builder]) -> Table:
    return Table(needed=tuple(needed.split()), optional=tuple(optional.split()), builds=builds)


#: Every kind by the name of its file; a record's columns are listed needed first.
TABLES: dict[str, Table] = {
    "own_accounts": _table(
        "account_id iban", "bic currency label routing_number", {OwnAccount: _own_account}
    ),
    "vendors": _table(
        "vendor_id name",
        "iban bic vat_id country currency terms_days skonto_pct po_required"
        " pay_method email_domains category address blocked iban_changed_on"
        " routing_number",
        {Vendor: _vendor},
    ),
    "customers": _table(
        "customer_id name",
        "iban",
        {Customer: _customer},
    ),
    "purchase_orders": _table(
        "po_id po_line vendor_id qty unit_price currency",
        "revision valid_from order_date sku description uom vat_rate retention_pct retention_days",
        {OrderLine: _order_line},
    ),
    "goods_receipts": _table("gr_id date po_id po_line qty", "uom", {ReceiptLine: _receipt_line}),
    "uom_conversions": _table("from_uom to_uom factor", "sku", {UnitConversion: _unit_conversion}),
    "supplier_invoices": _table(
        "item_id invoice_no gross",
        "type invoice_date due_date vendor_name vendor_iban vendor_vat_id po_ref"
        " currency net vat skonto_pct skonto_until ref_invoice_no",
        {ReceivedInvoice: _received_invoice, OpenItem: _payable},
    ),
    "supplier_invoice_lines": _table(
        "item_id line_no",
        "sku description qty uom unit_price net vat_rate",
        {Parted: _supplier_invoice_line},
    ),
    "customer_invoices": _table(
        "item_id invoice_no gross",
        "type structured_ref customer_order_ref customer_id customer_name invoice_date due_date"
        " currency skonto_pct skonto_until",
        {OpenItem: _customer_invoice},
    ),
    "open_items": _table(
        "item_id kind gross",
        "party_id party_name party_iban party_vat_id invoice_no structured_ref order_ref"
        " invoice_date due_date currency open skonto_pct skonto_until pay_method",
        {OpenItem: _open_item},
    ),
    "payment_runs": _table(
        "run_id kind execution_date account_id n total",
        "batch_id currency",
        {PaymentRun: _payment_run},
    ),
    "payment_run_items": _table(
        "run_id end_to_end_id item_id amount", "currency", {PaymentRunItem: _payment_run_item}
    ),
    "card_settlements": _table(
        "settlement_id date gross fee net", "processor currency", {CardSettlement: _card_settlement}
    ),
    "card_settlement_items": _table(
        "settlement_id item_id amount", "", {Parted: _card_settlement_item}
    ),
    "payroll_runs": _table("item_id date n total", "batch_id currency", {PayrollRun: _payroll_run}),
    "recurring_contracts": _table(
        "item_id kind counterparty amount",
        "iban currency contract_no vendor_id tolerance owner",
        {Contract: _contract},
    ),
    "bookings": _table(
        "booking_id vendor_id account",
        "date cost_centre tax_code sku description vat_rate",
        {CodedLine: _booking},
    ),
    "fx_rates": _table("date currency eur_per_unit", "", {FxRate: _fx_rate}),
}

#: Kinds whose records have parts in a second table.
DETAILS: dict[str, str] = {
    "supplier_invoices": "supplier_invoice_lines",
    "card_settlements": "card_settlement_items",
}


def orders_of(lines: Iterable[object]) -> Iterator[object]:
    """Group order lines into orders, in the order they first appear; Findings pass through.

    An order whose lines name two vendors is left out with a Finding.
    """
    grouped: dict[str, list[OrderLine]] = {}
    for item in lines:
        if isinstance(item, OrderLine):
            grouped.setdefault(item.order_id, []).append(item)
        else:
            yield item
    for order, members in grouped.items():
        vendors = {line.vendor_id for line in members}
        if len(vendors) == 1:
            yield PurchaseOrder(id=order, vendor_id=members[0].vendor_id, lines=tuple(members))
        else:
            named = ", ".join(sorted(vendors))
            yield finding(
                "bad_row",
                where=f"order {order}",
                message=f"Its lines name several vendors: {named}",
            )
