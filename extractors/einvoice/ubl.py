"""UBL 2.x Invoice and CreditNote (and their self-billed relatives)."""

from __future__ import annotations

from extractors.einvoice.sheet import Sheet, first_line, kind_of
from extractors.einvoice.tree import Node
from records.documents import Kind, Reading

ROOTS = frozenset(
    {"Invoice", "CreditNote", "DebitNote", "SelfBilledInvoice", "SelfBilledCreditNote"}
)
#: The type a document has by its root alone, where it carries no code (UNTDID 1001).
_DEFAULT_CODE = {
    "Invoice": "380",
    "CreditNote": "381",
    "DebitNote": "383",
    "SelfBilledInvoice": "389",
    "SelfBilledCreditNote": "261",
}


def accepts(root: Node) -> bool:
    """Say whether this is UBL and not another vocabulary that calls its root Invoice."""
    return (
        root.name in ROOTS
        and (not root.space or "ubl" in root.space.lower())
        and root.one("AccountingSupplierParty") is not None
    )


def read(root: Node) -> list[Reading]:
    """Read one UBL document. Source: EN 16931-3-2."""
    sheet = Sheet("ubl")
    add = sheet.add
    add("invoice_number", root.one("ID"))
    add("issue_date", root.one("IssueDate"))
    code = root.one("InvoiceTypeCode|CreditNoteTypeCode|DebitNoteTypeCode")
    if code is not None and code.text:
        add("type_code", code)
    else:
        add("type_code", root, value=_DEFAULT_CODE[root.name], why=f"the root is {root.name}")
    add("currency", root.one("DocumentCurrencyCode"))
    add("tax_point_date", root.one("TaxPointDate"))
    # A UBL CreditNote keeps its due date with the payment means (BT-9).
    add("due_date", root.one("DueDate") or root.one("PaymentMeans/PaymentDueDate"))
    add("buyer_reference", root.one("BuyerReference"))
    add("contract_ref", root.one("ContractDocumentReference/ID"))
    add("purchase_order_ref", root.one("OrderReference/ID"))
    add("sales_order_ref", root.one("OrderReference/SalesOrderID"))
    add("delivery_note_ref", root.one("DespatchDocumentReference/ID"))
    add("preceding_invoice_ref", root.one("BillingReference/InvoiceDocumentReference/ID"))
    _party(sheet, "seller", root.one("AccountingSupplierParty/Party"))
    _party(sheet, "buyer", root.one("AccountingCustomerParty/Party"))
    delivery = root.one("Delivery/ActualDeliveryDate")
    add("delivery_date", delivery)
    _payment(sheet, root)
    _totals(sheet, root)
    for number, item in enumerate(root.all("InvoiceLine|CreditNoteLine|DebitNoteLine"), 1):
        _line(sheet, item, number)
    sheet.prove_totals()
    kind = kind_of(sheet.text("type_code"))
    if root.name == "CreditNote" and kind is Kind.INVOICE:
        kind = Kind.CREDIT_NOTE
    return [sheet.reading(kind)]


def _party(sheet: Sheet, prefix: str, party: Node | None) -> None:
    if party is None:
        return
    # The registered name is BT-27; PartyName is the trading name.
    name = (
        _filled(party.one("PartyLegalEntity/RegistrationName"))
        or _filled(party.one("PartyName/Name"))
        or _filled(party.one("PartyLegalEntity/CompanyID"))
    )
    sheet.add(f"{prefix}_name", name)
    for scheme in party.all("PartyTaxScheme"):
        kind = (scheme.value("TaxScheme/ID") or "").upper()
        number = scheme.one("CompanyID")
        if kind in {"VAT", ""} and sheet.text(f"{prefix}_vat_id") is None:
            sheet.add(f"{prefix}_vat_id", number)
        elif prefix == "seller" and sheet.text("seller_tax_id") is None:
            sheet.add("seller_tax_id", number)
    if prefix == "buyer":
        sheet.add("customer_number", party.one("PartyIdentification/ID"))
    address = party.one("PostalAddress")
    if address is not None:
        town = " ".join(filter(None, (address.value("PostalZone"), address.value("CityName"))))
        sheet.add(
            f"{prefix}_address",
            address,
            value=first_line(
                (
                    address.value("StreetName"),
                    address.value("AdditionalStreetName"),
                    address.value("AddressLine/Line"),
                    town,
                )
            )
            or "",
        )
        sheet.add(f"{prefix}_country", address.one("Country/IdentificationCode"))
    if prefix == "seller":
        sheet.add("seller_email", party.one("Contact/ElectronicMail"))


def _filled(node: Node | None) -> Node | None:
    return node if node is not None and node.text else None


def _payment(sheet: Sheet, root: Node) -> None:
    for means in root.all("PaymentMeans"):
        if sheet.text("payment_means_code") is None:
            sheet.add("payment_means_code", means.one("PaymentMeansCode"))
        if sheet.text("payment_reference") is None:
            sheet.add("payment_reference", means.one("PaymentID"))
        sheet.add("iban", means.one("PayeeFinancialAccount/ID"))
        if sheet.text("bic") is None:
            sheet.add("bic", means.one("PayeeFinancialAccount/FinancialInstitutionBranch/ID"))
        if sheet.text("mandate_id") is None:
            sheet.add("mandate_id", means.one("PaymentMandate/ID"))
    for terms in root.all("PaymentTerms"):
        note = terms.one("Note")
        if sheet.text("payment_terms") is None:
            sheet.add("payment_terms", note)
        if note is not None:
            sheet.skonto(note.text)
        percent = terms.one("SettlementDiscountPercent")
        until = terms.one("SettlementPeriod/EndDate")
        if percent is not None and until is not None and sheet.text("skonto_percent") is None:
            sheet.add("skonto_percent", percent)
            sheet.add("skonto_until", until)


def _totals(sheet: Sheet, root: Node) -> None:
    totals = root.one("LegalMonetaryTotal|RequestedMonetaryTotal")
    if totals is not None:
        for name, tag in (
            ("lines_total", "LineExtensionAmount"),
            ("allowance_total", "AllowanceTotalAmount"),
            ("charge_total", "ChargeTotalAmount"),
            ("net_total", "TaxExclusiveAmount"),
            ("gross_total", "TaxInclusiveAmount"),
            ("prepaid_total", "PrepaidAmount"),
            ("rounding_amount", "PayableRoundingAmount"),
            ("amount_due", "PayableAmount"),
        ):
            sheet.add(name, totals.one(tag))
    currency = sheet.text("currency")
    # A second TaxTotal in the accounting currency (BT-111) is not the invoice's tax.
    own = [
        tax
        for tax in root.all("TaxTotal")
        if (amount := tax.one("TaxAmount")) is not None
        and amount.attributes.get("currencyID", currency) == currency
    ]
    own.sort(key=lambda tax: tax.one("TaxSubtotal") is None)
    if own:
        sheet.add("tax_total", own[0].one("TaxAmount"))
        for row, part in enumerate(own[0].all("TaxSubtotal"), 1):
            sheet.add("tax_basis", part.one("TaxableAmount"), line=row)
            sheet.add("tax_amount", part.one("TaxAmount"), line=row)
            sheet.add("tax_category", part.one("TaxCategory/ID"), line=row)
            sheet.add("tax_rate", part.one("TaxCategory/Percent"), line=row)
            sheet.add("tax_exemption_reason", part.one("TaxCategory/TaxExemptionReason"), line=row)


def _line(sheet: Sheet, item: Node, number: int) -> None:
    def add(name: str, path: str) -> None:
        sheet.add(name, item.one(path), line=number)

    quantity = item.one("InvoicedQuantity|CreditedQuantity|DebitedQuantity")
    sheet.add("line_id", item.one("ID"), line=number)
    sheet.add("quantity", quantity, line=number)
    if quantity is not None:
        sheet.add("unit", quantity, value=quantity.attributes.get("unitCode", ""), line=number)
    add("net_amount", "LineExtensionAmount")
    add("order_line_ref", "OrderLineReference/LineID")
    add("line_order_ref", "OrderLineReference/OrderReference/ID")
    add("unit_price", "Price/PriceAmount")
    add("price_base_quantity", "Price/BaseQuantity")
    add("vat_category", "Item/ClassifiedTaxCategory/ID")
    add("vat_rate", "Item/ClassifiedTaxCategory/Percent")
    sheet.add("description", item.one("Item/Name") or item.one("Item/Description"), line=number)
    add("article_number", "Item/SellersItemIdentification/ID")
    add("buyer_article_number", "Item/BuyersItemIdentification/ID")
    for charge in item.all("AllowanceCharge"):
        is_charge = (charge.value("ChargeIndicator") or "").lower() in {"true", "1"}
        sheet.add(
            "line_charge" if is_charge else "line_allowance", charge.one("Amount"), line=number
        )
