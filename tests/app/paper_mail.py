"""Invoices as mail: each Invoice as XML or as a page, in a message with its headers.

The writers are deliberately plain and refuse nothing: what they write may
contradict itself, as attempts do.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import zxingcpp
from lxml import etree
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from fixtures.einvoices import hybrid
from records.invoices import Invoice, Line, Party, TaxLine
from records.money import round_half_up

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"

#: The office that gets the mail; its bots come last, for others to add.
WERK_NORD = """\
database: sqlite:///nightclerk.db
files: files
company:
  name: Werk Nord AG
  vat_ids: [DE129273398]
  timezone: Europe/Berlin
  country: DE
  domains: [werk-nord.example]
  trusted_hosts: [mx.werk-nord.example]
reading: {ocr: none, archive_html: false}
mail: [{name: inbox, use: folder, path: inbox, pattern: "*.eml"}]
records: [{name: exports, use: folder, path: records}]
posters: [{name: ledger, use: workbook, path: ledger.xlsx}]
bots:
  records: {sources: [exports]}
  invoices: {mail: [inbox], post_to: ledger}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail with one invoice. `form` is xml, page, hybrid, or code (a page with a QR code).

    `other_iban` is the account in the part that lies: the page's, the XML's of
    a hybrid, the payment code's. `text` is printed as it stands, in columns as
    typed, in place of the invoice.
    """

    invoice: Invoice
    sender: str
    text: str = ""
    subject: str = ""
    form: str = "xml"
    other_iban: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def write_mailbox(folder: Path, letters: Sequence[Letter], first: int = 0) -> list[str]:
    """Write one .eml per letter, in the order of arrival; return their file names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, letter in enumerate(letters, first):
        path = folder / f"{number:04d}.eml"
        path.write_bytes(_message(letter, number))
        names.append(path.name)
    return names


def write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write records as the CSV export of another system."""
    written = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(written[0]))
        table.writeheader()
        table.writerows(written)


def _message(letter: Letter, number: int) -> bytes:
    mail = EmailMessage(policy=SMTP)
    for name, value in letter.headers.items():
        mail[name] = value
    mail["From"] = letter.sender
    mail["To"] = "rechnung@werk-nord.example"
    mail["Subject"] = letter.subject or f"Rechnung {letter.invoice.number}"
    mail["Date"] = "Wed, 11 Mar 2026 08:00:00 +0000"
    mail["Message-ID"] = f"<{number}@mail.example>"
    mail.set_content("Guten Tag,\n\nanbei unsere Rechnung.\n")
    kind = "xml" if letter.form == "xml" and not letter.text else "pdf"
    content = _content(letter)
    mail.add_attachment(
        content, maintype="application", subtype=kind, filename=f"Rechnung-{number}.{kind}"
    )
    return mail.as_bytes()


def _content(letter: Letter) -> bytes:
    invoice, right = letter.invoice, letter.invoice.ibans
    other = (letter.other_iban,) if letter.other_iban else right
    if letter.text:
        return typed(letter.text)
    if letter.form == "xml":
        return ubl(invoice, right)
    if letter.form == "hybrid":
        return hybrid(page(invoice, right), ubl(invoice, other), name="xrechnung.xml")
    if letter.form == "code":
        return page(invoice, right, coded=other[0])
    return page(invoice, other)


def typed(text: str) -> bytes:
    """Print a text on one page in a font of one width, so that its columns stay."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(595, 842), invariant=True)
    canvas.setFont("Courier", 9)
    for number, line in enumerate(text.splitlines()):
        canvas.drawString(50, 790 - 14 * number, line)
    canvas.save()
    return target.getvalue()


def ubl(invoice: Invoice, ibans: Sequence[str]) -> bytes:
    """Write an invoice as UBL 2.1, whatever its sums."""
    kind = "CreditNote" if invoice.type_code == "381" else "Invoice"
    space = f"urn:oasis:names:specification:ubl:schema:xsd:{kind}-2"
    root = etree.Element(f"{{{space}}}{kind}", nsmap={None: space, "cac": CAC, "cbc": CBC})

    def add(path: str, value: object, parent: etree._Element = root, **more: str) -> None:
        if value is None:
            return
        *above, last = path.split("/")
        for name in above:
            parent = etree.SubElement(parent, f"{{{CAC}}}{name}")
        element = etree.SubElement(parent, f"{{{CBC}}}{last}", more)
        element.text = f"{value:f}" if isinstance(value, Decimal) else str(value)

    def money(path: str, value: Decimal | None, parent: etree._Element = root) -> None:
        add(path, value, parent, currencyID=invoice.currency or "EUR")

    add("CustomizationID", "urn:cen.eu:en16931:2017")
    add("ID", invoice.number)
    add("IssueDate", invoice.issue_date)
    add("DueDate", invoice.due_date)
    add(f"{kind}TypeCode", invoice.type_code)
    add("DocumentCurrencyCode", invoice.currency)
    for reference in invoice.order_refs:
        add("OrderReference/ID", reference or None)
    add("ContractDocumentReference/ID", invoice.contract_ref)
    add("BillingReference/InvoiceDocumentReference/ID", invoice.preceding_invoice_ref)
    for role, party in (("Supplier", invoice.seller), ("Customer", invoice.buyer)):
        who = etree.SubElement(
            etree.SubElement(root, f"{{{CAC}}}Accounting{role}Party"), f"{{{CAC}}}Party"
        )
        add("PostalAddress/Country/IdentificationCode", party.country, who)
        if party.vat_id:
            scheme = etree.SubElement(who, f"{{{CAC}}}PartyTaxScheme")
            add("CompanyID", party.vat_id, scheme)
            add("TaxScheme/ID", "VAT", scheme)
        add("PartyLegalEntity/RegistrationName", party.name, who)
    for account in ibans:
        means = etree.SubElement(root, f"{{{CAC}}}PaymentMeans")
        add("PaymentMeansCode", invoice.payment_means_code or "58", means)
        add("PayeeFinancialAccount/ID", account, means)
    for charge, amount in ((False, invoice.allowance_total), (True, invoice.charge_total)):
        if amount:
            item = etree.SubElement(root, f"{{{CAC}}}AllowanceCharge")
            add("ChargeIndicator", str(charge).lower(), item)
            money("Amount", amount, item)
            _category(etree.SubElement(item, f"{{{CAC}}}TaxCategory"), _rate(invoice), add)
    tax = etree.SubElement(root, f"{{{CAC}}}TaxTotal")
    money("TaxAmount", invoice.tax_total, tax)
    whole = TaxLine(rate=_rate(invoice), basis=invoice.net_total, amount=invoice.tax_total)
    for row in invoice.tax_lines or (whole,):
        part = etree.SubElement(tax, f"{{{CAC}}}TaxSubtotal")
        money("TaxableAmount", row.basis, part)
        money("TaxAmount", row.amount, part)
        kept = etree.SubElement(part, f"{{{CAC}}}TaxCategory")
        _category(kept, row.rate, add, row.category)
    sums = etree.SubElement(root, f"{{{CAC}}}LegalMonetaryTotal")
    lines_total = sum((x.net_amount or Decimal(0) for x in invoice.lines), Decimal(0))
    money("LineExtensionAmount", lines_total, sums)
    money("TaxExclusiveAmount", invoice.net_total, sums)
    money("TaxInclusiveAmount", invoice.gross_total, sums)
    money("AllowanceTotalAmount", invoice.allowance_total, sums)
    money("ChargeTotalAmount", invoice.charge_total, sums)
    money("PrepaidAmount", invoice.prepaid_total, sums)
    money("PayableRoundingAmount", invoice.rounding_amount, sums)
    money("PayableAmount", _due(invoice), sums)
    for line in invoice.lines:
        item = etree.SubElement(root, f"{{{CAC}}}{kind}Line")
        add("ID", line.number, item)
        counted = "CreditedQuantity" if kind == "CreditNote" else "InvoicedQuantity"
        add(counted, line.quantity, item, unitCode=line.unit or "C62")
        money("LineExtensionAmount", line.net_amount, item)
        thing = etree.SubElement(item, f"{{{CAC}}}Item")
        add("Name", line.description, thing)
        add("SellersItemIdentification/ID", line.article_number, thing)
        _category(etree.SubElement(thing, f"{{{CAC}}}ClassifiedTaxCategory"), line.vat_rate, add)
        price = etree.SubElement(item, f"{{{CAC}}}Price")
        money("PriceAmount", line.unit_price, price)
        add("BaseQuantity", line.price_base_quantity, price)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _rate(invoice: Invoice) -> Decimal | None:
    return invoice.lines[0].vat_rate


def _category(
    element: etree._Element, rate: Decimal | None, add: object, category: str | None = None
) -> None:
    add("ID", category or ("S" if rate else "Z"), element)  # type: ignore[operator]
    add("Percent", rate, element)  # type: ignore[operator]
    add("TaxScheme/ID", "VAT", element)  # type: ignore[operator]


def _due(invoice: Invoice) -> Decimal | None:
    return invoice.gross_total if invoice.amount_due is None else invoice.amount_due


def page(invoice: Invoice, ibans: Sequence[str], coded: str | None = None) -> bytes:
    """Draw an invoice on one page; `coded` is the account in its payment code (EPC069-12)."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(595, 842), invariant=True)
    seller, buyer = invoice.seller, invoice.buyer
    canvas.setFont("Helvetica-Bold", 14)
    canvas.drawString(60, 790, seller.name or "")
    canvas.setFont("Helvetica", 10)
    for row, text in enumerate((*_address(seller), "", *_address(buyer))):
        canvas.drawString(60, 770 - 14 * row, text)
    canvas.setFont("Helvetica-Bold", 14)
    canvas.drawString(60, 620, "Rechnung")
    canvas.setFont("Helvetica", 10)
    day = invoice.issue_date.strftime("%d.%m.%Y") if invoice.issue_date else ""
    heads = (
        ("Rechnungsnummer:", invoice.number or ""),
        ("Rechnungsdatum:", day),
        ("Bestellnummer:", ", ".join(invoice.order_refs)),
    )
    for row, (label, value) in enumerate(heads):
        canvas.drawString(330, 700 - 14 * row, label)
        canvas.drawString(440, 700 - 14 * row, value)
    _table(canvas, invoice.lines)
    _sums(canvas, invoice, 560 - 18 * (len(invoice.lines) + 2))
    canvas.drawString(60, 90, f"Bankverbindung: {seller.name}")
    for row, account in enumerate(ibans):
        grouped = " ".join(account[i : i + 4] for i in range(0, len(account), 4))
        canvas.drawString(60, 76 - 12 * row, f"IBAN: {grouped}")
    canvas.drawString(60, 50, f"USt-IdNr.: {seller.vat_id}")
    if coded:
        said = f"BCD\n002\n1\nSCT\n\n{seller.name}\n{coded}\nEUR{_due(invoice)}\n\n\n{invoice.number}\n"
        code = zxingcpp.create_barcode(said, zxingcpp.BarcodeFormat.QRCode)
        image = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=4))
        canvas.drawImage(ImageReader(image), 420, 60, 100, 100)
    canvas.save()
    return target.getvalue()


def _address(party: Party) -> tuple[str, ...]:
    return (party.name or "", "Industriestraße 4", "20457 Hamburg")


#: Columns of the table: heading, x, whether flush right.
_COLUMNS = (
    ("Pos.", 60, False),
    ("Artikel", 90, False),
    ("Bezeichnung", 160, False),
    ("Menge", 360, True),
    ("Einheit", 375, False),
    ("Einzelpreis", 470, True),
    ("Gesamtpreis", 540, True),
)


def _table(canvas: Canvas, lines: Sequence[Line]) -> None:
    rows = [tuple(heading for heading, _, _ in _COLUMNS)]
    for line in lines:
        amounts = [_german(x) for x in (line.unit_price, line.net_amount)]
        who = (str(line.number), line.article_number or "", line.description or "")
        rows.append((*who, f"{line.quantity:f}", "Stk", *amounts))
    for number, row in enumerate(rows):
        for (_, x, flush_right), text in zip(_COLUMNS, row, strict=True):
            draw = canvas.drawRightString if flush_right else canvas.drawString
            draw(x, 570 - 18 * number, text)


def _sums(canvas: Canvas, invoice: Invoice, top: float) -> None:
    rate = invoice.lines[0].vat_rate
    sums = (
        ("Nettobetrag", invoice.net_total),
        (f"zzgl. {rate:f} % MwSt.", invoice.tax_total),
        ("Rechnungsbetrag EUR", invoice.gross_total),
    )
    for row, (label, amount) in enumerate(sums):
        canvas.drawString(360, top - 16 * row, label)
        canvas.drawRightString(540, top - 16 * row, _german(amount))


def _german(amount: Decimal | None) -> str:
    text = f"{round_half_up(amount or Decimal(0)):,.2f}"
    return text.translate(str.maketrans(",.", ".,"))
