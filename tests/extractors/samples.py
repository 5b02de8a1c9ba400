"""One invoice of ours, as XML and as the lines of its page."""

from __future__ import annotations

UBL_INVOICE = b"""<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">
  <ID>R-77</ID><IssueDate>2026-03-02</IssueDate><InvoiceTypeCode>380</InvoiceTypeCode>
  <DocumentCurrencyCode>EUR</DocumentCurrencyCode>
  <AccountingSupplierParty><Party><PartyLegalEntity><RegistrationName>Registered GmbH</RegistrationName>
  </PartyLegalEntity></Party></AccountingSupplierParty>
  <TaxTotal><TaxAmount currencyID="EUR">19.00</TaxAmount></TaxTotal>
  <LegalMonetaryTotal><TaxExclusiveAmount>100.00</TaxExclusiveAmount>
    <TaxInclusiveAmount>119.00</TaxInclusiveAmount><PayableAmount>119.00</PayableAmount></LegalMonetaryTotal>
</Invoice>"""


def page_lines(*, number: str = "R-77", gross: str = "119.00") -> list[str]:
    """Return the same invoice as text, line by line."""
    return [
        "Registered GmbH",
        "Station Road 5, 10115 Berlin",
        "INVOICE",
        f"Invoice number: {number}",
        "Invoice date: 2 March 2026",
        "All amounts in EUR",
        "Consulting in February as agreed with your office, one day on site",
        "Net total: 100.00 EUR",
        "VAT 19%: 19.00 EUR",
        f"Total amount: {gross} EUR",
    ]
