"""A small office for benchmarks: as many orders and plain UBL invoices as wanted.

Every invoice bills one received order line, so every one can be posted without
a person; what is lost or doubled shows at once.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path

import openpyxl
from sqlalchemy import create_engine, func, select

from app.tables import documents, messages, postings

ROOT = Path(__file__).resolve().parent.parent
SELLER, SELLER_VAT, SELLER_IBAN = "Musterwerk GmbH", "DE123456788", "DE75512108001245126199"
BUYER, BUYER_VAT = "Kleines Kontor GmbH", "DE129273398"

_CONFIG = """\
database: {database}
files: var/files
company: {{name: {buyer}, vat_ids: [{vat}], timezone: Europe/Berlin, country: DE}}
mail: [{{name: inbox, use: folder, path: mail}}]
senders: [{{name: outbox, use: outbox, path: out/mail}}]
records:
  - {{name: vendors, use: csv_table, path: records/vendors.csv}}
  - {{name: orders, use: csv_table, path: records/purchase_orders.csv}}
  - {{name: receipts, use: csv_table, path: records/goods_receipts.csv}}
posters: [{{name: ledger, use: workbook, path: out/ledger.xlsx}}]
bots:
  records: {{sources: [vendors, orders, receipts]}}
  invoices: {{mail: [inbox], post_to: ledger}}
  report: {{to: [boss@kontor.example], send_by: outbox, sender: night@kontor.example}}
schedules:
  - {{bot: invoices, cron: "* * * * *"}}
service: {{port: 0}}
"""

_UBL = """\
<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<b:CustomizationID>urn:cen.eu:en16931:2017</b:CustomizationID>
<b:ID>RE-{n:05}</b:ID><b:IssueDate>2026-09-21</b:IssueDate><b:DueDate>2026-10-21</b:DueDate>
<b:InvoiceTypeCode>380</b:InvoiceTypeCode><b:DocumentCurrencyCode>EUR</b:DocumentCurrencyCode>
<a:OrderReference><b:ID>{order}</b:ID></a:OrderReference>
<a:AccountingSupplierParty><a:Party>
<a:PostalAddress><a:Country><b:IdentificationCode>DE</b:IdentificationCode></a:Country></a:PostalAddress>
<a:PartyTaxScheme><b:CompanyID>{seller_vat}</b:CompanyID><a:TaxScheme><b:ID>VAT</b:ID></a:TaxScheme></a:PartyTaxScheme>
<a:PartyLegalEntity><b:RegistrationName>{seller}</b:RegistrationName></a:PartyLegalEntity>
</a:Party></a:AccountingSupplierParty>
<a:AccountingCustomerParty><a:Party>
<a:PostalAddress><a:Country><b:IdentificationCode>DE</b:IdentificationCode></a:Country></a:PostalAddress>
<a:PartyTaxScheme><b:CompanyID>{buyer_vat}</b:CompanyID><a:TaxScheme><b:ID>VAT</b:ID></a:TaxScheme></a:PartyTaxScheme>
<a:PartyLegalEntity><b:RegistrationName>{buyer}</b:RegistrationName></a:PartyLegalEntity>
</a:Party></a:AccountingCustomerParty>
<a:PaymentMeans><b:PaymentMeansCode>58</b:PaymentMeansCode>
<a:PayeeFinancialAccount><b:ID>{iban}</b:ID></a:PayeeFinancialAccount></a:PaymentMeans>
<a:TaxTotal><b:TaxAmount currencyID="EUR">{tax}</b:TaxAmount><a:TaxSubtotal>
<b:TaxableAmount currencyID="EUR">{net}</b:TaxableAmount><b:TaxAmount currencyID="EUR">{tax}</b:TaxAmount>
<a:TaxCategory><b:ID>S</b:ID><b:Percent>19</b:Percent><a:TaxScheme><b:ID>VAT</b:ID></a:TaxScheme></a:TaxCategory>
</a:TaxSubtotal></a:TaxTotal>
<a:LegalMonetaryTotal><b:LineExtensionAmount currencyID="EUR">{net}</b:LineExtensionAmount>
<b:TaxExclusiveAmount currencyID="EUR">{net}</b:TaxExclusiveAmount>
<b:TaxInclusiveAmount currencyID="EUR">{gross}</b:TaxInclusiveAmount>
<b:PayableAmount currencyID="EUR">{gross}</b:PayableAmount></a:LegalMonetaryTotal>
<a:InvoiceLine><b:ID>1</b:ID><b:InvoicedQuantity unitCode="C62">1</b:InvoicedQuantity>
<b:LineExtensionAmount currencyID="EUR">{net}</b:LineExtensionAmount>
<a:OrderLineReference><b:LineID>1</b:LineID></a:OrderLineReference>
<a:Item><b:Name>Part {n}</b:Name><a:SellersItemIdentification><b:ID>P{n:05}</b:ID></a:SellersItemIdentification>
<a:ClassifiedTaxCategory><b:ID>S</b:ID><b:Percent>19</b:Percent><a:TaxScheme><b:ID>VAT</b:ID></a:TaxScheme></a:ClassifiedTaxCategory></a:Item>
<a:Price><b:PriceAmount currencyID="EUR">{net}</b:PriceAmount></a:Price></a:InvoiceLine>
</Invoice>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the invoices that were sent in.

    `rows` counts invoice rows in the workbook, `doubled` the rows beyond the
    first of an invoice, `missing` the invoices without one.
    """

    sent: int
    messages: int
    states: dict[str, int]
    undelivered: int
    rows: int
    doubled: int
    missing: int

    @property
    def sound(self) -> bool:
        """Say whether every invoice was posted exactly once."""
        once = self.rows == self.sent and not self.doubled and not self.missing
        return once and self.messages == self.sent and not self.undelivered


class SmallOffice:
    """One office in a folder, and the nightclerk that works for it."""

    def __init__(self, folder: Path, invoices: int, database: str | None = None) -> None:
        """Write configuration and records for so many invoices; no mail yet."""
        self.folder, self.sent = folder, 0
        self.database = database or f"sqlite:///{folder}/var/nightclerk.db"
        (folder / "mail").mkdir(parents=True)
        (folder / "records").mkdir()
        self.config = folder / "config.yaml"
        self.config.write_text(
            _CONFIG.format(
                database=database or "sqlite:///var/nightclerk.db", buyer=BUYER, vat=BUYER_VAT
            )
        )
        numbers = range(1, invoices + 1)
        self._table(
            "vendors",
            "vendor_id,name,iban,bic,vat_id,country,currency,terms_days,skonto_pct,skonto_days,"
            "po_required,pay_method,email_domains,category",
            [["V1", SELLER, SELLER_IBAN, "", SELLER_VAT, "DE", "EUR", "30", "", "", "1",
              "transfer", "musterwerk.example", "material"]],
        )  # fmt: skip
        self._table(
            "purchase_orders",
            "po_id,po_line,revision,valid_from,vendor_id,order_date,sku,description,qty,uom,"
            "unit_price,currency,vat_rate",
            [[f"PO{n:05}", "1", "1", "2026-09-01", "V1", "2026-09-01", f"P{n:05}", f"Part {n}",
              "1", "STK", str(_price(n)), "EUR", "19"] for n in numbers],
        )  # fmt: skip
        self._table(
            "goods_receipts",
            "gr_id,date,po_id,po_line,qty,uom",
            [[f"GR{n:05}", "2026-09-10", f"PO{n:05}", "1", "1", "STK"] for n in numbers],
        )

    def _table(self, name: str, header: str, rows: list[list[str]]) -> None:
        with (self.folder / "records" / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *rows])

    def send_mail(self, count: int = 1) -> None:
        """Put the next invoices into the mailbox, one message each."""
        for _ in range(count):
            self.sent += 1
            mail = EmailMessage()
            mail["From"] = f"{SELLER} <billing@musterwerk.example>"
            mail["To"] = "invoices@kontor.example"
            mail["Subject"] = f"Invoice RE-{self.sent:05}"
            mail["Message-ID"] = f"<{self.sent}@musterwerk.example>"
            mail["Date"] = datetime(2026, 9, 21, 8, tzinfo=UTC)
            mail.set_content("Please find our invoice attached.")
            mail.add_attachment(
                _invoice(self.sent), maintype="application", subtype="xml", filename="invoice.xml"
            )
            written = self.folder / "arriving"
            written.write_bytes(mail.as_bytes())
            written.rename(self.folder / "mail" / f"{self.sent:05}.eml")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a nightclerk of this office."""
        return [sys.executable, "-m", "app", "--config", str(self.config), *arguments]

    def start(self, *arguments: str, log: str = "serve.log") -> subprocess.Popen[bytes]:
        """Start a nightclerk process; what it says goes into a log file."""
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                self.command(*arguments), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )

    def tally(self) -> Tally:
        """Count everything that there is to count."""
        database = create_engine(self.database)
        with database.connect() as tx:
            received = tx.execute(select(func.count()).select_from(messages)).scalar_one()
            by_state = select(documents.c.state, func.count()).group_by(documents.c.state)
            states = {str(state): int(count) for state, count in tx.execute(by_state)}
            open_ones = select(func.count()).where(
                postings.c.state != "delivered", postings.c.kind != "report"
            )
            undelivered = tx.execute(open_ones).scalar_one()
        database.dispose()
        rows = Counter(self.posted())
        wanted = {f"RE-{n:05}" for n in range(1, self.sent + 1)}
        return Tally(
            sent=self.sent,
            messages=received,
            states=states,
            undelivered=undelivered,
            rows=rows.total(),
            doubled=rows.total() - len(rows),
            missing=len(wanted - set(rows)),
        )

    def posted(self) -> list[str]:
        """Return the invoice number of every row in the workbook's invoice sheet."""
        path = self.folder / "out" / "ledger.xlsx"
        if not path.exists():
            return []
        book = openpyxl.load_workbook(path, read_only=True)
        try:
            rows = book["Invoices"].iter_rows(values_only=True)
            column = list(next(rows)).index("Invoice number")
            return [str(row[column]) for row in rows]
        finally:
            book.close()


def report(title: str, figures: dict[str, object]) -> None:
    """Print figures, one JSON line under a title."""
    print(f"{title}: {json.dumps(figures, default=str)}", flush=True)


def _price(n: int) -> Decimal:
    return Decimal(100 + n) + Decimal(n % 100) / 100


def _invoice(n: int) -> bytes:
    net = _price(n)
    tax = (net * Decimal("0.19")).quantize(Decimal("0.01"))
    return _UBL.format(
        n=n, order=f"PO{n:05}", net=net, tax=tax, gross=net + tax, seller=SELLER,
        seller_vat=SELLER_VAT, buyer=BUYER, buyer_vat=BUYER_VAT, iban=SELLER_IBAN,
    ).encode()  # fmt: skip
