"""The one vocabulary of field names, each with its EN 16931 term and type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "code", "date", "amount", "quantity", "percent", "iban", "vat_id"]


@dataclass(frozen=True, slots=True)
class Term:
    """A field name's meaning: business term, type of value, scope, label for people."""

    bt: str
    type: Type
    label: str
    scope: Literal["header", "line", "tax"] = "header"


FIELDS: dict[str, Term] = {
    "invoice_number": Term("BT-1", "text", "Invoice number"),
    "issue_date": Term("BT-2", "date", "Issue date"),
    "type_code": Term("BT-3", "code", "Type (UNTDID 1001)"),
    "currency": Term("BT-5", "code", "Currency"),
    "tax_point_date": Term("BT-7", "date", "Tax point date"),
    "due_date": Term("BT-9", "date", "Due date"),
    "buyer_reference": Term("BT-10", "text", "Buyer reference"),
    "contract_ref": Term("BT-12", "text", "Contract"),
    "purchase_order_ref": Term("BT-13", "text", "Purchase order"),
    "sales_order_ref": Term("BT-14", "text", "Sales order"),
    "delivery_note_ref": Term("BT-16", "text", "Delivery note"),
    "customer_number": Term("BT-46", "text", "Customer number"),
    "payment_terms": Term("BT-20", "text", "Payment terms"),
    "skonto_percent": Term("", "percent", "Early-payment discount"),
    "skonto_until": Term("", "date", "Discount until"),
    "preceding_invoice_ref": Term("BT-25", "text", "Preceding invoice"),
    "seller_name": Term("BT-27", "text", "Seller"),
    "seller_vat_id": Term("BT-31", "vat_id", "Seller VAT id"),
    "seller_tax_id": Term("BT-32", "text", "Seller tax number"),
    "seller_address": Term("BT-35", "text", "Seller address"),
    "seller_country": Term("BT-40", "code", "Seller country"),
    "seller_email": Term("BT-43", "text", "Seller email"),
    "buyer_name": Term("BT-44", "text", "Buyer"),
    "buyer_vat_id": Term("BT-48", "vat_id", "Buyer VAT id"),
    "buyer_address": Term("BT-50", "text", "Buyer address"),
    "buyer_country": Term("BT-55", "code", "Buyer country"),
    "delivery_date": Term("BT-72", "date", "Delivery date"),
    "payment_means_code": Term("BT-81", "code", "Payment means"),
    "payment_reference": Term("BT-83", "text", "Payment reference"),
    "iban": Term("BT-84", "iban", "IBAN"),
    "bic": Term("BT-86", "code", "BIC"),
    "mandate_id": Term("BT-89", "text", "Direct debit mandate"),
    "allowance_total": Term("BT-107", "amount", "Allowances"),
    "charge_total": Term("BT-108", "amount", "Charges"),
    "lines_total": Term("BT-106", "amount", "Sum of lines"),
    "net_total": Term("BT-109", "amount", "Net total"),
    "tax_total": Term("BT-110", "amount", "Tax total"),
    "gross_total": Term("BT-112", "amount", "Gross total"),
    "prepaid_total": Term("BT-113", "amount", "Prepaid"),
    "rounding_amount": Term("BT-114", "amount", "Rounding"),
    "amount_due": Term("BT-115", "amount", "Amount due"),
    # tax breakdown rows (BG-23)
    "tax_basis": Term("BT-116", "amount", "Tax base", "tax"),
    "tax_amount": Term("BT-117", "amount", "Tax amount", "tax"),
    "tax_category": Term("BT-118", "code", "Tax category", "tax"),
    "tax_rate": Term("BT-119", "percent", "Tax rate", "tax"),
    "tax_exemption_reason": Term("BT-120", "text", "Exemption reason", "tax"),
    # invoice lines (BG-25)
    "line_id": Term("BT-126", "text", "Position", "line"),
    "quantity": Term("BT-129", "quantity", "Quantity", "line"),
    "unit": Term("BT-130", "code", "Unit", "line"),
    "net_amount": Term("BT-131", "amount", "Line net amount", "line"),
    "order_line_ref": Term("BT-132", "text", "Order line", "line"),
    "line_order_ref": Term("", "text", "Order of the line", "line"),
    "unit_price": Term("BT-146", "amount", "Unit price", "line"),
    "price_base_quantity": Term("BT-149", "quantity", "Price per", "line"),
    "vat_rate": Term("BT-152", "percent", "VAT rate", "line"),
    "vat_category": Term("BT-151", "code", "VAT category", "line"),
    "description": Term("BT-153", "text", "Description", "line"),
    "article_number": Term("BT-155", "text", "Seller article number", "line"),
    "buyer_article_number": Term("BT-156", "text", "Buyer article number", "line"),
    "line_allowance": Term("BT-136", "amount", "Line allowance", "line"),
    "line_charge": Term("BT-141", "amount", "Line charge", "line"),
}
