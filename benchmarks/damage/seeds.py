"""Whole documents of every kind that is read, made by the generator: what is damaged."""

from __future__ import annotations

import email
import email.policy
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pypdfium2
from openpyxl import Workbook

from fixtures.collection import invent_specimens
from fixtures.einvoices import cii, hybrid, ubl
from fixtures.press.printing import print_bill
from fixtures.scans import scan
from fixtures.wording import LANGUAGES
from records.media import HEAD, sniff

_OFFICE = Path(__file__).resolve().parent.parent.parent / "fixtures/office"


@dataclass(frozen=True, slots=True)
class Seed:
    """One whole document. `kind` says which readers get it: pdf, xml, picture, mail, bank, table,
    template."""

    kind: str
    name: str
    data: bytes


def seeds(number: int) -> list[Seed]:
    """Return two invoices in each language in every clothing, the sample's files, templates."""
    return [*_invoices(number), *_mail(), *_bank(), *_tables(), *_templates()]


def kind_of(data: bytes) -> str:
    """Return the kind of a file that somebody else brings along."""
    media_type = sniff(data[:HEAD])
    if media_type == "application/xml":
        return "bank" if b":camt.05" in data[:HEAD] else "xml"
    if media_type.startswith("image/"):
        return "picture"
    kinds = {"application/pdf": "pdf", "text/plain": "bank", "application/zip": "mail"}
    return kinds.get(media_type, "table" if "spreadsheet" in media_type else "mail")


def _invoices(number: int) -> Iterator[Seed]:
    languages = list(LANGUAGES)
    for specimen in invent_specimens(number, 2 * len(languages), languages, None):
        bill, chance = specimen.bill, Random(specimen.name)
        pdf = print_bill(bill, specimen.house).pdf
        yield Seed("pdf", f"{specimen.name}.pdf", pdf)
        if not bill.gross_priced:
            yield Seed("pdf", f"{specimen.name}-hybrid.pdf", hybrid(pdf, cii(bill)))
            yield Seed("xml", f"{specimen.name}-ubl.xml", ubl(bill))
            yield Seed("xml", f"{specimen.name}-cii.xml", cii(bill))
        if chance.random() < 0.3:
            yield Seed("pdf", f"{specimen.name}-scan.pdf", scan(pdf, chance, "MILD").content)
            page = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil()
            out = io.BytesIO()
            page.save(out, "PNG")
            yield Seed("picture", f"{specimen.name}.png", out.getvalue())
    yield Seed("xml", "fattura.xml", _FATTURA)
    yield Seed("xml", "zugferd1.xml", _ZUGFERD_1)


def _templates() -> Iterator[Seed]:
    for number, text in enumerate(_TEMPLATES):
        yield Seed("template", f"{number}.yml", text.encode())


def _mail() -> Iterator[Seed]:
    for path in sorted(_OFFICE.glob("cases/*/message.eml")):
        if "bomb" in path.parent.name:
            continue  # takes all the time there is, and is tested by itself
        data = path.read_bytes()
        yield Seed("mail", path.parent.name, data)
        for part in email.message_from_bytes(data, policy=email.policy.default).walk():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and part.get_filename():
                kind = kind_of(content)
                if kind in {"xml", "picture", "mail"}:
                    yield Seed(kind, f"{path.parent.name}/{part.get_filename()}", content)


def _bank() -> Iterator[Seed]:
    for path in sorted((_OFFICE / "statements").iterdir()):
        if path.suffix != ".yaml":
            yield Seed("bank", path.name, path.read_bytes())
    for name, text in _BANK.items():
        yield Seed("bank", name, text.encode())
    yield Seed("bank", "statement.xlsx", _workbook(_BANK["statement.csv"], ";"))


def _tables() -> Iterator[Seed]:
    for path in sorted((_OFFICE / "records").glob("*.csv")):
        data = path.read_bytes()
        yield Seed("table", path.name, data)
        if path.stem in {"vendors", "purchase_orders"}:
            yield Seed("table", f"{path.stem}.xlsx", _workbook(data.decode(), ","))


def _workbook(text: str, separator: str) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in text.splitlines():
        sheet.append(row.split(separator))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


_BANK = {
    "statement.csv": (
        "Konto;DE02120300000000202051\nBuchungstag;Valuta;Empfänger;Verwendungszweck;Betrag;Saldo\n"
        "02.03.2026;02.03.2026;Muster GmbH;Rechnung 4711;-119,00;881,00\n"
        "03.03.2026;04.03.2026;Kunde AG;RE 12/2026;1.190,00;2.071,00\n"
    ),
    "statement.ofx": (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\n\n"
        "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>121000248"
        "<ACCTID>12345<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20260301"
        "<DTEND>20260331<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260302120000[-5:EST]<TRNAMT>-119.00"
        "<FITID>77<NAME>Vendor<MEMO>Invoice 4711</STMTTRN></BANKTRANLIST><LEDGERBAL>"
        "<BALAMT>881.00<DTASOF>20260331</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    ),
    "statement.qif": (
        "!Type:Bank\nD03/02'26\nT-119.00\nPVendor\nMInvoice 4711\n^\nD03/04'26\nT1,190.00\nPBuyer\n^\n"
    ),
    "statement.bai": (
        "01,122099999,123456789,260302,0200,1,,,2/\n02,031001234,122099999,1,260302,2359,USD,2/\n"
        "03,0123456,USD,010,100000,,,015,88100,,/\n16,475,11900,,77,4711,INVOICE 4711\n"
        "88,CONTINUED TEXT\n49,199900,4/\n98,199900,1,6/\n99,199900,1,8/\n"
    ),
    "statement.942": (
        ":20:START\n:25:DE02120300000000202051\n:28C:7/1\n:34F:EUR0,\n:13D:2603021200+0100\n"
        ":61:2603020302D119,00NTRFNONREF//77\n:86:116?00UEBERWEISUNG?20EREF+E1?21SVWZ+RE 4711"
        "?30BYLADEM1001?31DE71110220330123456789?32MUSTER GMBH\n:90D:1EUR119,00\n-\n"
    ),
}

_FATTURA = b"""<?xml version="1.0" encoding="UTF-8"?>
<p:FatturaElettronica versione="FPR12" xmlns:p="http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2">
<FatturaElettronicaHeader><CedentePrestatore><DatiAnagrafici><IdFiscaleIVA><IdPaese>IT</IdPaese>
<IdCodice>00743110157</IdCodice></IdFiscaleIVA><Anagrafica><Denominazione>Prova SRL</Denominazione></Anagrafica>
</DatiAnagrafici><Sede><Indirizzo>Via Roma</Indirizzo><NumeroCivico>1</NumeroCivico><CAP>20121</CAP>
<Comune>Milano</Comune><Nazione>IT</Nazione></Sede></CedentePrestatore></FatturaElettronicaHeader>
<FatturaElettronicaBody><DatiGenerali><DatiGeneraliDocumento><TipoDocumento>TD01</TipoDocumento><Divisa>EUR</Divisa>
<Data>2026-05-04</Data><Numero>12/A</Numero><DatiRitenuta><ImportoRitenuta>20.00</ImportoRitenuta></DatiRitenuta>
<DatiBollo><ImportoBollo>2.00</ImportoBollo></DatiBollo>
<ImportoTotaleDocumento>122.00</ImportoTotaleDocumento></DatiGeneraliDocumento></DatiGenerali>
<DatiBeniServizi><DettaglioLinee><NumeroLinea>1</NumeroLinea><Descrizione>Consulenza</Descrizione>
<Quantita>1.00</Quantita><PrezzoUnitario>100.00</PrezzoUnitario><PrezzoTotale>100.00</PrezzoTotale>
<AliquotaIVA>22.00</AliquotaIVA></DettaglioLinee><DatiRiepilogo><AliquotaIVA>22.00</AliquotaIVA>
<ImponibileImporto>100.00</ImponibileImporto><Imposta>22.00</Imposta></DatiRiepilogo></DatiBeniServizi>
<DatiPagamento><DettaglioPagamento><ModalitaPagamento>MP05</ModalitaPagamento>
<DataScadenzaPagamento>2026-06-03</DataScadenzaPagamento><ImportoPagamento>102.00</ImportoPagamento>
<IBAN>IT60X0542811101000000123456</IBAN></DettaglioPagamento></DatiPagamento>
</FatturaElettronicaBody></p:FatturaElettronica>"""

_ZUGFERD_1 = b"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryDocument xmlns:rsm="urn:ferd:CrossIndustryDocument:invoice:1p0">
<rsm:HeaderExchangedDocument><ID>Z-1</ID><TypeCode>380</TypeCode>
<IssueDateTime><DateTimeString format="102">20140305</DateTimeString></IssueDateTime></rsm:HeaderExchangedDocument>
<rsm:SpecifiedSupplyChainTradeTransaction><ApplicableSupplyChainTradeAgreement><SellerTradeParty><Name>Alt GmbH</Name>
<SpecifiedTaxRegistration><ID schemeID="VA">DE136695976</ID></SpecifiedTaxRegistration></SellerTradeParty>
</ApplicableSupplyChainTradeAgreement><ApplicableSupplyChainTradeSettlement><InvoiceCurrencyCode>EUR</InvoiceCurrencyCode>
<SpecifiedTradeSettlementPaymentMeans><PayeePartyCreditorFinancialAccount><IBANID>DE02120300000000202051</IBANID>
</PayeePartyCreditorFinancialAccount></SpecifiedTradeSettlementPaymentMeans>
<SpecifiedTradePaymentTerms><Description>#SKONTO#TAGE=14#PROZENT=2.00#</Description><DueDateDateTime>
<DateTimeString format="102">20140404</DateTimeString></DueDateDateTime></SpecifiedTradePaymentTerms>
<SpecifiedTradeSettlementMonetarySummation><TaxBasisTotalAmount>5.00</TaxBasisTotalAmount>
<TaxTotalAmount currencyID="EUR">0.95</TaxTotalAmount><GrandTotalAmount currencyID="EUR">5.95</GrandTotalAmount>
</SpecifiedTradeSettlementMonetarySummation></ApplicableSupplyChainTradeSettlement>
<IncludedSupplyChainTradeLineItem><SpecifiedTradeProduct><Name>Folder</Name></SpecifiedTradeProduct>
</IncludedSupplyChainTradeLineItem></rsm:SpecifiedSupplyChainTradeTransaction></rsm:CrossIndustryDocument>"""

#: A page that every template among the seeds fits.
TEMPLATE_PAGE = """
ACME Pumps Ltd                          VAT GB123456789
Document 77-4/26          Day 03.04.2026

Pump A       2    10,00     20,00
  with hose
Pump B       1     5,50      5,50
Carriage                     4,50

Goods 30,00   Levy 6,00   All in 36,00
"""
_TEMPLATES = (
    r"""
issuer: ACME Pumps Ltd
keywords: [ACME]
fields:
  invoice_number: Document\s+(\S+)
  date: Day\s+(\d\d\.\d\d\.\d{4})
  amount: All in\s+([\d,]+)
  amount_tax: {parser: regex, regex: 'Levy ([\d,]+)', type: float, group: sum}
  static_vat: GB123456789
  sum_amount_goods: ['Pump [AB]\s+\d\s+[\d,]+\s+([\d,]+)', 'Carriage\s+([\d,]+)']
lines:
  start: Day.*
  end: Carriage
  first_line: ^(?P<name>Pump \w)\s+(?P<qty>\d+)\s+(?P<price_unit>[\d,]+)\s+(?P<price_subtotal>[\d,]+)
  line: ^\s+(?P<name>\w.*)
  last_line: never
  types: {qty: float, price_unit: float, price_subtotal: float}
options: {currency: GBP, date_formats: ['%d.%m.%Y'], decimal_separator: ','}
""",
    r"""
keywords: [ACME]
exclude_keywords: Statement
fields:
  invoice_number: {parser: regex, regex: '(\d+)-4', replace: [['7', 'x'], ['x', '7']]}
  date: {parser: regex, regex: ['Day (\S+)', 'Date (\S+)'], type: date}
  amount: {parser: regex, regex: 'in (.*)', type: float, extract_number: true}
  box: {parser: regex, regex: '(\S+)', group: first, area: {f: 1, l: 1, x: 0, y: 0, W: 99, H: 99, r: 72}}
  lines:
    parser: lines
    rules:
      - {start: Day, end: Carriage, line: '(?P<name>\w+) .* (?P<price_subtotal>[\d,]+)'}
tables:
  - {start: Goods, end: '$', body: '(?P<amount_untaxed>[\d,]+)', line_separator: '  +'}
options: {remove_accents: true, lowercase: false, replace: ['Levy', 'Tax'], decimal_separator: ','}
""",
)
