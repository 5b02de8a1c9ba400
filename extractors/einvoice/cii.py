"""UN/CEFACT Cross Industry Invoice: Factur-X, ZUGFeRD 2, XRechnung; and ZUGFeRD 1.0.

ZUGFeRD 1.0 (root CrossIndustryDocument) has the same leaves in containers with
older names, so one reader knows both names of each container.
"""

from __future__ import annotations

from datetime import date

from extractors.einvoice.sheet import Sheet, days_after, first_line, iso_date, kind_of
from extractors.einvoice.tree import Node
from records.documents import Reading

ROOTS = frozenset({"CrossIndustryInvoice", "CrossIndustryDocument"})

_HEADER = "ExchangedDocument|HeaderExchangedDocument"
_TRADE = "SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction"
_AGREEMENT = "ApplicableHeaderTradeAgreement|ApplicableSupplyChainTradeAgreement"
_DELIVERY = "ApplicableHeaderTradeDelivery|ApplicableSupplyChainTradeDelivery"
_SETTLEMENT = "ApplicableHeaderTradeSettlement|ApplicableSupplyChainTradeSettlement"
_SUMMATION = (
    "SpecifiedTradeSettlementHeaderMonetarySummation|SpecifiedTradeSettlementMonetarySummation"
)
_PART = "PartialPaymentAmount"
_LINE_AGREEMENT = "SpecifiedLineTradeAgreement|SpecifiedSupplyChainTradeAgreement"
_LINE_DELIVERY = "SpecifiedLineTradeDelivery|SpecifiedSupplyChainTradeDelivery"
_LINE_SETTLEMENT = "SpecifiedLineTradeSettlement|SpecifiedSupplyChainTradeSettlement"
_LINE_SUMMATION = (
    "SpecifiedTradeSettlementLineMonetarySummation|SpecifiedTradeSettlementMonetarySummation"
)


def accepts(root: Node) -> bool:
    """Say whether this is a Cross Industry Invoice (an Order-X order is not).

    The release candidate of ZUGFeRD 1.0, still found in archives, called its root Invoice.
    """
    return root.name in ROOTS or (
        root.name == "Invoice" and root.one("HeaderExchangedDocument") is not None
    )


def read(root: Node) -> list[Reading]:
    """Read one CII document. Source: EN 16931-3-3 and the ZUGFeRD 1.0 specification."""
    sheet = Sheet("cii" if root.name == "CrossIndustryInvoice" else "zugferd1")
    add = sheet.add
    empty = Node("", "", {}, None)
    header = root.one(_HEADER) or empty
    trade = root.one(_TRADE) or empty
    agreement = trade.one(_AGREEMENT) or empty
    delivery = trade.one(_DELIVERY) or empty
    settlement = trade.one(_SETTLEMENT) or empty

    add("invoice_number", header.one("ID"))
    add("issue_date", _date(header, "IssueDateTime"))
    add("type_code", header.one("TypeCode"))
    add("currency", settlement.one("InvoiceCurrencyCode"))
    add("tax_point_date", settlement.one("ApplicableTradeTax/TaxPointDate/DateString"))
    add("buyer_reference", agreement.one("BuyerReference"))
    for name, tag in (
        ("purchase_order_ref", "BuyerOrderReferencedDocument"),
        ("sales_order_ref", "SellerOrderReferencedDocument"),
        ("contract_ref", "ContractReferencedDocument"),
    ):
        add(name, agreement.one(f"{tag}/IssuerAssignedID|ID"))
    add(
        "delivery_note_ref",
        delivery.one(
            "DespatchAdviceReferencedDocument|DeliveryNoteReferencedDocument/IssuerAssignedID|ID"
        ),
    )
    add("delivery_date", _date(delivery, "ActualDeliverySupplyChainEvent/OccurrenceDateTime"))
    add(
        "preceding_invoice_ref",
        settlement.one("InvoiceReferencedDocument/IssuerAssignedID|ID"),
    )
    _party(sheet, "seller", agreement.one("SellerTradeParty"))
    _party(sheet, "buyer", agreement.one("BuyerTradeParty"))
    _payment(sheet, settlement)
    _totals(sheet, settlement)
    number = 0
    for item in trade.all("IncludedSupplyChainTradeLineItem"):
        # ZUGFeRD 1.0 writes pure text notes as lines without product and amount.
        if item.one("SpecifiedTradeProduct") is None and item.one(_LINE_SETTLEMENT) is None:
            continue
        number += 1
        _line(sheet, item, number)
    sheet.prove_totals()
    return [sheet.reading(kind_of(sheet.text("type_code")))]


def _date(parent: Node, path: str) -> Node | None:
    """Return the element that holds the date: a DateTimeString, or its parent in old files."""
    return parent.one(f"{path}/DateTimeString") or parent.one(path)


def _party(sheet: Sheet, prefix: str, party: Node | None) -> None:
    if party is None:
        return
    name = party.one("Name")
    if name is None or not name.text:
        name = party.one("SpecifiedLegalOrganization/TradingBusinessName")
    sheet.add(f"{prefix}_name", name)
    for number in party.all("SpecifiedTaxRegistration/ID"):
        scheme = number.attributes.get("schemeID", "").upper()
        if scheme in {"VA", "VAT", ""} and sheet.text(f"{prefix}_vat_id") is None:
            sheet.add(f"{prefix}_vat_id", number)
        elif prefix == "seller" and sheet.text("seller_tax_id") is None:
            sheet.add("seller_tax_id", number)
    if prefix == "buyer":
        sheet.add("customer_number", party.one("ID"))
    address = party.one("PostalTradeAddress")
    if address is not None:
        town = " ".join(filter(None, (address.value("PostcodeCode"), address.value("CityName"))))
        parts = (address.value(tag) for tag in ("LineOne", "LineTwo", "LineThree"))
        sheet.add(f"{prefix}_address", address, value=first_line((*parts, town)) or "")
        sheet.add(f"{prefix}_country", address.one("CountryID"))
    if prefix == "seller":
        sheet.add(
            "seller_email",
            party.one("DefinedTradeContact/EmailURIUniversalCommunication/URIID"),
        )


def _payment(sheet: Sheet, settlement: Node) -> None:
    sheet.add("payment_reference", settlement.one("PaymentReference"))
    for means in settlement.all("SpecifiedTradeSettlementPaymentMeans"):
        if sheet.text("payment_means_code") is None:
            sheet.add("payment_means_code", means.one("TypeCode"))
        account = "PayeePartyCreditorFinancialAccount"
        sheet.add("iban", means.one(f"{account}/IBANID") or means.one(f"{account}/ProprietaryID"))
        if sheet.text("bic") is None:
            sheet.add("bic", means.one("PayeeSpecifiedCreditorFinancialInstitution/BICID"))
    several = list(settlement.all("SpecifiedTradePaymentTerms"))
    _instalments(sheet, several)
    for terms in several:
        note = terms.one("Description")
        if sheet.text("payment_terms") is None:
            sheet.add("payment_terms", note)
        if sheet.text("due_date") is None and terms.one(_PART) is None:
            sheet.add("due_date", _date(terms, "DueDateDateTime"))
        if sheet.text("mandate_id") is None:
            sheet.add("mandate_id", terms.one("DirectDebitMandateID"))
        if note is not None:
            sheet.skonto(note.text)
        _discount(sheet, terms.one("ApplicableTradePaymentDiscountTerms"))


def _instalments(sheet: Sheet, several: list[Node]) -> None:
    """Keep a plan of partial payments as terms: none of its dates is that of the whole."""
    parts = [
        f"{amount} by {iso_date(day.text) or '?'}"
        for terms in several
        if (amount := terms.value(_PART)) and (day := _date(terms, "DueDateDateTime"))
    ]
    if parts:
        sheet.add("payment_terms", None, value="; ".join(parts), why="instalments")


def _discount(sheet: Sheet, discount: Node | None) -> None:
    if discount is None or sheet.text("skonto_percent") is not None:
        return
    percent = discount.one("CalculationPercent")
    period = discount.one("BasisPeriodMeasure")
    issued = sheet.text("issue_date")
    start = discount.one("BasisDateTime/DateTimeString")
    if percent is None or period is None or issued is None or not period.text.isdigit():
        return
    if period.attributes.get("unitCode", "DAY") != "DAY":
        return
    sheet.add("skonto_percent", percent)
    begin = date.fromisoformat((iso_date(start.text) if start else None) or issued)
    until = days_after(begin, min(int(period.text), 999))
    sheet.add("skonto_until", period, value=until, why=f"{period.text} days")


def _totals(sheet: Sheet, settlement: Node) -> None:
    totals = settlement.one(_SUMMATION)
    currency = sheet.text("currency")
    if totals is not None:
        for name, tag in (
            ("lines_total", "LineTotalAmount"),
            ("allowance_total", "AllowanceTotalAmount"),
            ("charge_total", "ChargeTotalAmount"),
            ("net_total", "TaxBasisTotalAmount"),
            ("gross_total", "GrandTotalAmount"),
            ("prepaid_total", "TotalPrepaidAmount"),
            ("rounding_amount", "RoundingAmount"),
            ("amount_due", "DuePayableAmount"),
        ):
            # Some of these may repeat in the accounting currency.
            sheet.add(name, _in_currency(totals, tag, currency))
        sheet.add("tax_total", _in_currency(totals, "TaxTotalAmount", currency))
    for row, part in enumerate(settlement.all("ApplicableTradeTax"), 1):
        sheet.add("tax_basis", part.one("BasisAmount"), line=row)
        sheet.add("tax_amount", part.one("CalculatedAmount"), line=row)
        sheet.add("tax_category", part.one("CategoryCode"), line=row)
        sheet.add("tax_rate", part.one("RateApplicablePercent|ApplicablePercent"), line=row)
        sheet.add("tax_exemption_reason", part.one("ExemptionReason"), line=row)


def _in_currency(totals: Node, tag: str, currency: str | None) -> Node | None:
    found = list(totals.all(tag))
    for node in found:
        if node.attributes.get("currencyID", currency) == currency:
            return node
    return found[0] if len(found) == 1 else None


def _line(sheet: Sheet, item: Node, number: int) -> None:
    def add(name: str, path: str) -> None:
        sheet.add(name, item.one(path), line=number)

    add("line_id", "AssociatedDocumentLineDocument/LineID")
    quantity = item.one(f"{_LINE_DELIVERY}/BilledQuantity")
    sheet.add("quantity", quantity, line=number)
    if quantity is not None:
        sheet.add("unit", quantity, value=quantity.attributes.get("unitCode", ""), line=number)
    price = f"{_LINE_AGREEMENT}/NetPriceProductTradePrice"
    add("unit_price", f"{price}/ChargeAmount")
    add("price_base_quantity", f"{price}/BasisQuantity")
    add("order_line_ref", f"{_LINE_AGREEMENT}/BuyerOrderReferencedDocument/LineID")
    add("line_order_ref", f"{_LINE_AGREEMENT}/BuyerOrderReferencedDocument/IssuerAssignedID|ID")
    add("net_amount", f"{_LINE_SETTLEMENT}/{_LINE_SUMMATION}/LineTotalAmount")
    add("vat_category", f"{_LINE_SETTLEMENT}/ApplicableTradeTax/CategoryCode")
    add(
        "vat_rate",
        f"{_LINE_SETTLEMENT}/ApplicableTradeTax/RateApplicablePercent|ApplicablePercent",
    )
    add("description", "SpecifiedTradeProduct/Name")
    add("article_number", "SpecifiedTradeProduct/SellerAssignedID")
    add("buyer_article_number", "SpecifiedTradeProduct/BuyerAssignedID")
    for charge in item.all(f"{_LINE_SETTLEMENT}/SpecifiedTradeAllowanceCharge"):
        is_charge = (charge.value("ChargeIndicator/Indicator") or "").lower() in {"true", "1"}
        sheet.add(
            "line_charge" if is_charge else "line_allowance",
            charge.one("ActualAmount"),
            line=number,
        )
