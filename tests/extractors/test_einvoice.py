"""E-invoices: every syntax field by field, and what is no invoice or no XML."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.einvoice import read_xml
from records.documents import Field, Kind, Reading

UBL = b"""<?xml version="1.0" encoding="UTF-8"?>
<ns4:Invoice xmlns:ns4="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
  xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <b:ID>R-77</b:ID><b:IssueDate>2026-03-02+01:00</b:IssueDate><b:DueDate>2026-04-01</b:DueDate>
  <b:InvoiceTypeCode>380</b:InvoiceTypeCode>
  <b:DocumentCurrencyCode>EUR</b:DocumentCurrencyCode>
  <b:TaxCurrencyCode>SEK</b:TaxCurrencyCode>
  <a:OrderReference><b:ID>PO 9</b:ID></a:OrderReference>
  <a:AccountingSupplierParty><a:Party><a:PartyName><b:Name>Trade name</b:Name></a:PartyName>
    <a:PartyTaxScheme><b:CompanyID>201/113/40209</b:CompanyID><a:TaxScheme><b:ID>FC</b:ID></a:TaxScheme></a:PartyTaxScheme>
    <a:PartyTaxScheme><b:CompanyID>DE136695976</b:CompanyID><a:TaxScheme><b:ID>VAT</b:ID></a:TaxScheme></a:PartyTaxScheme>
    <a:PartyLegalEntity><b:RegistrationName>Registered GmbH</b:RegistrationName></a:PartyLegalEntity>
  </a:Party></a:AccountingSupplierParty>
  <a:AccountingCustomerParty><a:Party><a:PartyName><b:Name>Buyer</b:Name></a:PartyName></a:Party></a:AccountingCustomerParty>
  <a:PaymentMeans><b:PaymentMeansCode>58</b:PaymentMeansCode>
    <a:PayeeFinancialAccount><b:ID>DE02 1203 0000 0000 2020 51</b:ID></a:PayeeFinancialAccount></a:PaymentMeans>
  <a:PaymentTerms><b:Note>#SKONTO#TAGE=14#PROZENT=2.00#
</b:Note></a:PaymentTerms>
  <a:TaxTotal><b:TaxAmount currencyID="SEK">220.00</b:TaxAmount></a:TaxTotal>
  <a:TaxTotal><b:TaxAmount currencyID="EUR">19.00</b:TaxAmount>
    <a:TaxSubtotal><b:TaxableAmount>100.00</b:TaxableAmount><b:TaxAmount>19.00</b:TaxAmount>
    <a:TaxCategory><b:ID>S</b:ID><b:Percent>19</b:Percent></a:TaxCategory></a:TaxSubtotal></a:TaxTotal>
  <a:LegalMonetaryTotal><b:LineExtensionAmount>100.00</b:LineExtensionAmount>
    <b:TaxExclusiveAmount>100.00</b:TaxExclusiveAmount><b:TaxInclusiveAmount>119.00</b:TaxInclusiveAmount>
    <b:PrepaidAmount>19.00</b:PrepaidAmount><b:PayableAmount>100.00</b:PayableAmount></a:LegalMonetaryTotal>
  <a:InvoiceLine><b:ID>10</b:ID><b:InvoicedQuantity unitCode="H87">4</b:InvoicedQuantity>
    <b:LineExtensionAmount>100.00</b:LineExtensionAmount>
    <a:OrderLineReference><b:LineID>3</b:LineID></a:OrderLineReference>
    <a:Item><b:Name>Chair</b:Name><a:ClassifiedTaxCategory><b:Percent>19</b:Percent></a:ClassifiedTaxCategory></a:Item>
    <a:Price><b:PriceAmount>25.00</b:PriceAmount></a:Price></a:InvoiceLine>
</ns4:Invoice>"""

CII = b"""<CrossIndustryInvoice xmlns="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100">
  <ExchangedDocument><ID>G-5</ID><TypeCode>381</TypeCode>
    <IssueDateTime><DateTimeString format="102">20260302</DateTimeString></IssueDateTime></ExchangedDocument>
  <SupplyChainTradeTransaction>
    <IncludedSupplyChainTradeLineItem>
      <AssociatedDocumentLineDocument><LineID>1</LineID></AssociatedDocumentLineDocument>
      <SpecifiedTradeProduct><SellerAssignedID>A-1</SellerAssignedID><Name>Cable</Name></SpecifiedTradeProduct>
      <SpecifiedLineTradeAgreement><NetPriceProductTradePrice><ChargeAmount>2.5</ChargeAmount>
        <BasisQuantity unitCode="MTR">100</BasisQuantity></NetPriceProductTradePrice></SpecifiedLineTradeAgreement>
      <SpecifiedLineTradeDelivery><BilledQuantity unitCode="MTR">400</BilledQuantity></SpecifiedLineTradeDelivery>
      <SpecifiedLineTradeSettlement><SpecifiedTradeSettlementLineMonetarySummation>
        <LineTotalAmount>10.00</LineTotalAmount></SpecifiedTradeSettlementLineMonetarySummation></SpecifiedLineTradeSettlement>
    </IncludedSupplyChainTradeLineItem>
    <ApplicableHeaderTradeAgreement><SellerTradeParty><Name>Kabel AG</Name>
      <SpecifiedTaxRegistration><ID schemeID="VA">ATU12345675</ID></SpecifiedTaxRegistration></SellerTradeParty>
      <BuyerTradeParty><Name>Buyer</Name></BuyerTradeParty></ApplicableHeaderTradeAgreement>
    <ApplicableHeaderTradeSettlement><InvoiceCurrencyCode>CHF</InvoiceCurrencyCode>
      <SpecifiedTradeSettlementHeaderMonetarySummation><LineTotalAmount>10.00</LineTotalAmount>
        <TaxBasisTotalAmount>10.00</TaxBasisTotalAmount>
        <TaxTotalAmount currencyID="EUR">0.79</TaxTotalAmount><TaxTotalAmount currencyID="CHF">0.81</TaxTotalAmount>
        <GrandTotalAmount>10.81</GrandTotalAmount><DuePayableAmount>10.81</DuePayableAmount>
      </SpecifiedTradeSettlementHeaderMonetarySummation></ApplicableHeaderTradeSettlement>
  </SupplyChainTradeTransaction>
</CrossIndustryInvoice>"""

ZUGFERD_1 = b"""<rsm:CrossIndustryDocument xmlns:rsm="urn:ferd:CrossIndustryDocument:invoice:1p0">
  <rsm:HeaderExchangedDocument><ID>Z-1</ID><TypeCode>380</TypeCode>
    <IssueDateTime><DateTimeString format="102">20140305</DateTimeString></IssueDateTime></rsm:HeaderExchangedDocument>
  <rsm:SpecifiedSupplyChainTradeTransaction>
    <ApplicableSupplyChainTradeAgreement><SellerTradeParty><Name>Alt GmbH</Name></SellerTradeParty></ApplicableSupplyChainTradeAgreement>
    <ApplicableSupplyChainTradeSettlement><InvoiceCurrencyCode>EUR</InvoiceCurrencyCode>
      <SpecifiedTradeSettlementMonetarySummation><GrandTotalAmount currencyID="EUR">5.95</GrandTotalAmount></SpecifiedTradeSettlementMonetarySummation>
    </ApplicableSupplyChainTradeSettlement>
    <IncludedSupplyChainTradeLineItem><AssociatedDocumentLineDocument><IncludedNote><Content>only a note</Content></IncludedNote></AssociatedDocumentLineDocument></IncludedSupplyChainTradeLineItem>
    <IncludedSupplyChainTradeLineItem><SpecifiedTradeProduct><Name>Folder</Name></SpecifiedTradeProduct></IncludedSupplyChainTradeLineItem>
  </rsm:SpecifiedSupplyChainTradeTransaction>
</rsm:CrossIndustryDocument>"""


def fattura(body: str, bodies: int = 1) -> bytes:
    return f"""<p:FatturaElettronica versione="FPR12" xmlns:p="http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2">
    <FatturaElettronicaHeader><CedentePrestatore><DatiAnagrafici>
      <IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>00743110157</IdCodice></IdFiscaleIVA>
      <Anagrafica><Nome>Ada</Nome><Cognome>Rossi</Cognome></Anagrafica></DatiAnagrafici></CedentePrestatore>
    </FatturaElettronicaHeader>{body * bodies}</p:FatturaElettronica>""".encode()


BODY = """<FatturaElettronicaBody><DatiGenerali><DatiGeneraliDocumento>
  <TipoDocumento>TD06</TipoDocumento><Divisa>EUR</Divisa><Data>2026-05-04</Data><Numero>12/A</Numero>
  <DatiRitenuta><ImportoRitenuta>200.00</ImportoRitenuta></DatiRitenuta>
  <ImportoTotaleDocumento>{total}</ImportoTotaleDocumento></DatiGeneraliDocumento></DatiGenerali>
  <DatiBeniServizi><DettaglioLinee><NumeroLinea>1</NumeroLinea><Descrizione>Consulenza</Descrizione>
    <PrezzoUnitario>1000.00</PrezzoUnitario><PrezzoTotale>1000.00</PrezzoTotale><AliquotaIVA>22.00</AliquotaIVA></DettaglioLinee>
  <DatiRiepilogo><AliquotaIVA>22.00</AliquotaIVA><ImponibileImporto>1000.00</ImponibileImporto><Imposta>220.00</Imposta></DatiRiepilogo></DatiBeniServizi>
  <DatiPagamento><DettaglioPagamento><ModalitaPagamento>MP05</ModalitaPagamento>
    <DataScadenzaPagamento>2026-06-03</DataScadenzaPagamento><ImportoPagamento>1020.00</ImportoPagamento></DettaglioPagamento></DatiPagamento>
</FatturaElettronicaBody>"""


def values(fields: Iterable[Field], line: int | None = None) -> dict[str, str]:
    return {f.name: f.value for f in reversed(tuple(fields)) if f.line == line}


@pytest.mark.parametrize(
    ("data", "kind", "header", "line"),
    [
        (
            UBL,
            Kind.INVOICE,
            {
                "invoice_number": "R-77",
                "issue_date": "2026-03-02",
                "due_date": "2026-04-01",
                "currency": "EUR",
                "seller_name": "Registered GmbH",
                "seller_vat_id": "DE136695976",
                "seller_tax_id": "201/113/40209",
                "buyer_name": "Buyer",
                "purchase_order_ref": "PO 9",
                "iban": "DE02120300000000202051",
                "tax_total": "19.00",
                "gross_total": "119.00",
                "prepaid_total": "19.00",
                "amount_due": "100.00",
                "skonto_percent": "2.00",
                "skonto_until": "2026-03-16",
            },
            {
                "line_id": "10",
                "description": "Chair",
                "quantity": "4",
                "unit": "H87",
                "unit_price": "25.00",
                "net_amount": "100.00",
                "order_line_ref": "3",
                "vat_rate": "19",
            },
        ),
        (
            CII,
            Kind.CREDIT_NOTE,
            {
                "invoice_number": "G-5",
                "type_code": "381",
                "issue_date": "2026-03-02",
                "currency": "CHF",
                "seller_name": "Kabel AG",
                "seller_vat_id": "ATU12345675",
                "tax_total": "0.81",
                "gross_total": "10.81",
            },
            {
                "description": "Cable",
                "article_number": "A-1",
                "quantity": "400",
                "unit": "MTR",
                "unit_price": "2.5",
                "price_base_quantity": "100",
                "net_amount": "10.00",
            },
        ),
        (
            ZUGFERD_1,
            Kind.INVOICE,
            {
                "invoice_number": "Z-1",
                "issue_date": "2014-03-05",
                "seller_name": "Alt GmbH",
                "gross_total": "5.95",
            },
            {"description": "Folder"},
        ),
        (
            fattura(BODY.format(total="1220.00")),
            Kind.INVOICE,
            {
                "invoice_number": "12/A",
                "type_code": "380",
                "seller_name": "Ada Rossi",
                "seller_vat_id": "IT00743110157",
                "net_total": "1000.00",
                "tax_total": "220.00",
                "gross_total": "1220.00",
                "prepaid_total": "200.00",
                "amount_due": "1020.00",
                "due_date": "2026-06-03",
            },
            {"description": "Consulenza", "unit_price": "1000.00", "net_amount": "1000.00"},
        ),
    ],
    ids=["ubl", "cii", "zugferd-1", "fatturapa"],
)
def test_each_syntax_field_by_field(
    data: bytes, kind: Kind, header: dict[str, str], line: dict[str, str]
) -> None:
    (reading,) = read_xml(data)
    assert reading.kind is kind
    assert not reading.findings
    found = values(reading.fields)
    assert {name: found.get(name) for name in header} == header
    found = values(reading.fields, 1)
    assert {name: found.get(name) for name in line} == line
    assert not values(reading.fields, 3)


def test_a_value_says_where_it_stands_and_what_proves_it() -> None:
    (reading,) = read_xml(UBL)
    total = next(f for f in reading.fields if f.name == "gross_total")
    assert total.proved
    assert total.why == "net 100.00 + tax 19.00 = gross 119.00"
    assert total.place is not None
    assert total.place.xpath == "/Invoice/LegalMonetaryTotal/TaxInclusiveAmount"
    row = next(f for f in reading.fields if f.name == "tax_amount")
    assert row.place is not None
    assert row.place.xpath == "/Invoice/TaxTotal[2]/TaxSubtotal/TaxAmount"


def test_sums_that_do_not_hold_prove_nothing() -> None:
    (reading,) = read_xml(UBL.replace(b"119.00</b:TaxIncl", b"118.00</b:TaxIncl"))
    assert not any(f.proved for f in reading.fields if f.name in {"gross_total", "net_total"})


def test_a_fattura_proves_itself_by_its_own_sums() -> None:
    (right,) = read_xml(fattura(BODY.format(total="1220.00")))
    assert all(f.proved for f in right.fields if f.name in {"net_total", "gross_total"})
    (wrong,) = read_xml(fattura(BODY.format(total="1225.00")))
    assert [f.code for f in wrong.findings] == ["totals_do_not_sum"]
    assert not any(f.proved for f in wrong.fields if f.name in {"net_total", "gross_total"})


def test_each_body_of_a_fattura_is_an_invoice() -> None:
    readings = read_xml(fattura(BODY.format(total="1220.00"), bodies=3))
    assert [values(r.fields)["invoice_number"] for r in readings] == ["12/A"] * 3


def wrapped(content: bytes, *, pieces: int = 1, indefinite: bool = False) -> bytes:
    """Return a CMS SignedData around `content`, as signing programs write it."""

    def element(tag: int, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return bytes([tag, 0x84]) + len(body).to_bytes(4) + body

    size = -(-len(content) // pieces)
    chunks = [element(0x04, content[n : n + size]) for n in range(0, len(content), size)]
    octets = chunks[0] if pieces == 1 else element(0x24, *chunks)
    if indefinite:
        octets = b"\x24\x80" + b"".join(chunks) + b"\x00\x00"
        octets = b"\xa0\x80" + octets + b"\x00\x00"
    else:
        octets = element(0xA0, octets)
    data = bytes.fromhex("06092a864886f70d010701")
    signed = element(0x30, b"\x02\x01\x01", element(0x31), element(0x30, data, octets))
    return element(0x30, bytes.fromhex("06092a864886f70d010702"), element(0xA0, signed))


@pytest.mark.parametrize(
    "envelope",
    [
        wrapped(UBL),
        wrapped(UBL, pieces=5),
        wrapped(UBL, pieces=5, indefinite=True),
        base64.b64encode(wrapped(UBL)),
        b"-----BEGIN PKCS7-----\n" + base64.encodebytes(wrapped(UBL)) + b"-----END PKCS7-----\n",
    ],
    ids=["der", "pieces", "indefinite", "base64", "pem"],
)
def test_signed_envelopes_are_opened(envelope: bytes) -> None:
    (reading,) = read_xml(envelope)
    assert values(reading.fields)["invoice_number"] == "R-77"


def test_an_envelope_of_another_vocabulary_is_looked_through() -> None:
    body = UBL.split(b"?>", 1)[1]
    data = (
        b"<StandardBusinessDocument><Header><Scope/></Header>"
        + body
        + b"</StandardBusinessDocument>"
    )
    (reading,) = read_xml(data)
    assert values(reading.fields)["invoice_number"] == "R-77"


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (
            b"<SCRDMCCBDACIOMessageStructure><ExchangedDocument><TypeCode>220</TypeCode></ExchangedDocument></SCRDMCCBDACIOMessageStructure>",
            Kind.ORDER,
            "not_an_invoice",
        ),
        (
            b"<SCRDMCCBDACIOMessageStructure><ExchangedDocument><TypeCode>231</TypeCode></ExchangedDocument></SCRDMCCBDACIOMessageStructure>",
            Kind.ORDER_CONFIRMATION,
            "not_an_invoice",
        ),
        (
            b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>',
            Kind.ORDER,
            "not_an_invoice",
        ),
        (b"<Reminder/>", Kind.REMINDER, "not_an_invoice"),
        (
            b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"/>',
            Kind.BANK_STATEMENT,
            "not_an_invoice",
        ),
        (
            b'<Invoice xmlns="http://isdoc.cz/namespace/2013"><AccountingSupplierParty/></Invoice>',
            Kind.UNKNOWN,
            "unknown_format",
        ),
        (b"<html/>", Kind.UNKNOWN, "unknown_format"),
    ],
)
def test_what_is_not_an_invoice_is_said(data: bytes, kind: Kind, code: str) -> None:
    (reading,) = read_xml(data)
    assert reading.kind is kind
    assert [f.code for f in reading.findings] == [code]
    assert not reading.fields


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Invoice/>', "hostile"),
        (b'<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><Invoice/>', "hostile"),
        (b"<a>" * 5000, "hostile"),
        (b"<Invoice><ID>", "damaged"),
        (b"", "damaged"),
        (b'<?xml version="1.0" encoding="no-such"?><Invoice/>', "damaged"),
        (wrapped(UBL)[:40], "damaged"),
    ],
)
def test_bytes_that_are_no_acceptable_xml(data: bytes, code: str) -> None:
    (reading,) = read_xml(data)
    assert [f.code for f in reading.findings] == [code]


def test_a_file_cut_off_after_its_last_value_is_read_and_held() -> None:
    (reading,) = read_xml(UBL.removesuffix(b"</ns4:Invoice>"))
    assert values(reading.fields)["gross_total"] == "119.00"
    assert [(f.code, f.blocks) for f in reading.findings] == [("damaged", True)]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b">119.00<", b">1.190,00<", "uncertain_field"),
        (b">2026-04-01<", b">2026-02-30<", "uncertain_field"),
        (b"DE02 1203 0000 0000 2020 51", b"DE03 1203 0000 0000 2020 51", "bad_checksum"),
        (b">119.00<", b">1E+999999<", "uncertain_field"),
        (b">119.00<", b">NaN<", "uncertain_field"),
    ],
)
def test_a_value_that_cannot_be_one_is_a_finding(old: bytes, new: bytes, code: str) -> None:
    (reading,) = read_xml(UBL.replace(old, new))
    assert [f.code for f in reading.findings] == [code]


@settings(max_examples=200, deadline=None)
@given(data=st.data(), base=st.sampled_from([UBL, CII, ZUGFERD_1, wrapped(UBL, pieces=3)]))
def test_damage_never_raises(data: st.DataObject, base: bytes) -> None:
    raw = bytearray(base)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    readings = read_xml(bytes(raw))
    assert readings
    for field in (f for r in readings for f in r.fields if f.name.endswith("_total")):
        assert Decimal(field.value).is_finite()


def test_the_public_samples_field_by_field(corpus: Path) -> None:
    folder = corpus / "einvoices"
    wrong: list[str] = []
    for text in (folder / "truth.jsonl").read_text().splitlines():
        record = json.loads(text)
        readings = read_xml((folder / record["path"]).read_bytes())
        if record["truth"] is None:
            wrong += _unproved(record["path"], readings)
        else:
            wrong += _differences(record["path"], record["truth"][0], readings[0])
    # One sample names two accounts, "A" being the second; the first is ours.
    assert wrong == ["cen-cii_CII_example5.xml iban: A, not DK1212341234123412"]


def _unproved(path: str, readings: list[Reading]) -> list[str]:
    return [
        f"{path}: {f.name} {f.value}"
        for r in readings
        for f in r.fields
        if f.name in {"net_total", "tax_total", "gross_total"} and not f.proved
    ]


def _differences(path: str, truth: dict[str, object], reading: Reading) -> list[str]:
    found = values(reading.fields)
    wrong = []
    for name, expected in truth.items():
        if name in {"syntax", "profile", "lines"}:
            continue
        actual = found.get(name)
        if not _equal(name, expected, actual):
            wrong.append(f"{path} {name}: {expected}, not {actual}")
    lines = truth["lines"]
    assert isinstance(lines, list)
    rows = sorted({f.line for f in reading.fields if f.line and f.name == "line_id"})
    if len(rows) != len(lines):
        wrong.append(f"{path}: {len(lines)} lines, not {len(rows)}")
    for row, expected_line in zip(rows, lines, strict=False):
        cells = values(reading.fields, row)
        for name, expected in expected_line.items():
            if not _equal(name, expected, cells.get(name)):
                wrong.append(f"{path} line {row} {name}: {expected}, not {cells.get(name)}")
    return wrong


def _equal(name: str, expected: object, actual: str | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    if name.endswith(("_total", "_due", "amount", "price", "quantity")):
        return Decimal(str(expected)) == Decimal(actual)
    return "".join(str(expected).split()) == "".join(actual.split())
