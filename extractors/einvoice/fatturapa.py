"""FatturaPA 1.2, ordinary and simplified: one Reading per invoice body.

The format names no totals except the document's; net and tax are the sums of
its DatiRiepilogo rows, and those sums must reach the total. Tax withheld by
the buyer (DatiRitenuta, or the whole VAT under split payment) reduces what is
paid to the seller: it is kept as a prepaid amount and says so.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from extractors.einvoice.sheet import Sheet, first_line, kind_of
from extractors.einvoice.tree import Node
from records.documents import Reading
from records.findings import finding

ROOTS = frozenset({"FatturaElettronica", "FatturaElettronicaSemplificata"})

#: TipoDocumento as UNTDID 1001. TD16 to TD23, TD28 and TD29 are issued by the buyer.
_TYPE_CODES = {
    "TD01": "380",
    "TD02": "386",
    "TD03": "386",
    "TD04": "381",
    "TD05": "383",
    "TD06": "380",
    "TD07": "380",
    "TD08": "381",
    "TD09": "383",
    "TD24": "380",
    "TD25": "380",
    "TD26": "380",
    "TD27": "389",
    **dict.fromkeys(
        ("TD16", "TD17", "TD18", "TD19", "TD20", "TD21", "TD22", "TD23", "TD28", "TD29"), "389"
    ),
}
#: ModalitaPagamento as UNTDID 4461 (BT-81): cash, cheque, transfer, card, a bill the
#: vendor's bank presents (RIBA), direct debit before SEPA, SEPA direct debit.
_MEANS = {
    "MP01": "10", "MP02": "20", "MP05": "30", "MP08": "48", "MP12": "70",
    "MP09": "49", "MP10": "49", "MP11": "49", "MP16": "49", "MP17": "49",
    "MP19": "59", "MP20": "59", "MP21": "59",
}  # fmt: skip
_ZERO = Decimal(0)


def accepts(root: Node) -> bool:
    """Say whether this is a FatturaPA file."""
    return root.name in ROOTS


def read(root: Node) -> list[Reading]:
    """Read every body. Source: Agenzia delle Entrate, specifiche tecniche 1.2."""
    header = root.one("FatturaElettronicaHeader")
    return [_body(header, body) for body in root.all("FatturaElettronicaBody")]


def _body(header: Node | None, body: Node) -> Reading:
    sheet = Sheet("fatturapa")
    add = sheet.add
    general = body.one("DatiGenerali/DatiGeneraliDocumento")
    if general is not None:
        add("invoice_number", general.one("Numero"))
        add("issue_date", general.one("Data"))
        kind = general.one("TipoDocumento")
        if kind is not None:
            add("type_code", kind, value=_TYPE_CODES.get(kind.text, "380"), why=kind.text)
        add("currency", general.one("Divisa"))
    for name, tag in (
        ("purchase_order_ref", "DatiOrdineAcquisto"),
        ("contract_ref", "DatiContratto"),
        ("preceding_invoice_ref", "DatiFattureCollegate"),
    ):
        add(name, body.one(f"DatiGenerali/{tag}/IdDocumento"))
    add("delivery_note_ref", body.one("DatiGenerali/DatiDDT/NumeroDDT"))
    add("delivery_date", body.one("DatiGenerali/DatiTrasporto/DataOraConsegna"))
    if header is not None:
        _party(sheet, "seller", header.one("CedentePrestatore"))
        _party(sheet, "buyer", header.one("CessionarioCommittente"))
    goods = body.one("DatiBeniServizi")
    if goods is not None and body.one("DatiBeniServizi/DettaglioLinee") is None:
        _simplified(sheet, list(body.all("DatiBeniServizi")))
    else:
        _lines(sheet, body)
        _totals(sheet, body, general)
    _payment(sheet, body)
    return sheet.reading(kind_of(sheet.text("type_code")))


def _party(sheet: Sheet, prefix: str, party: Node | None) -> None:
    if party is None:
        return
    data = party.one("DatiAnagrafici|IdentificativiFiscali") or party
    names = party.one("DatiAnagrafici/Anagrafica") or party.one("AltriDatiIdentificativi") or party
    name = names.one("Denominazione")
    if name is not None:
        sheet.add(f"{prefix}_name", name)
    else:
        person = " ".join(filter(None, (names.value("Nome"), names.value("Cognome"))))
        sheet.add(f"{prefix}_name", names, value=person)
    vat = data.one("IdFiscaleIVA")
    if vat is not None:
        number = (vat.value("IdPaese") or "") + (vat.value("IdCodice") or "")
        sheet.add(f"{prefix}_vat_id", vat, value=number)
    if prefix == "seller":
        sheet.add("seller_tax_id", data.one("CodiceFiscale"))
        sheet.add("seller_email", party.one("Contatti/Email"))
    seat = party.one("Sede") or party.one("AltriDatiIdentificativi/Sede")
    if seat is not None:
        street = " ".join(filter(None, (seat.value("Indirizzo"), seat.value("NumeroCivico"))))
        town = " ".join(
            filter(None, (seat.value("CAP"), seat.value("Comune"), seat.value("Provincia")))
        )
        sheet.add(f"{prefix}_address", seat, value=first_line((street, town)) or "")
        sheet.add(f"{prefix}_country", seat.one("Nazione"))


def _lines(sheet: Sheet, body: Node) -> None:
    orders = {
        reference.text: order.value("IdDocumento")
        for order in body.all("DatiGenerali/DatiOrdineAcquisto")
        for reference in order.all("RiferimentoNumeroLinea")
    }
    for number, item in enumerate(body.all("DatiBeniServizi/DettaglioLinee"), 1):
        for name, path in (
            ("line_id", "NumeroLinea"),
            ("description", "Descrizione"),
            ("quantity", "Quantita"),
            ("unit", "UnitaMisura"),
            ("unit_price", "PrezzoUnitario"),
            ("net_amount", "PrezzoTotale"),
            ("vat_rate", "AliquotaIVA"),
            ("vat_category", "Natura"),
            ("article_number", "CodiceArticolo/CodiceValore"),
        ):
            sheet.add(name, item.one(path), line=number)
        order = orders.get(item.value("NumeroLinea") or "")
        sheet.add("line_order_ref", None, value=order or "", line=number)


def _totals(sheet: Sheet, body: Node, general: Node | None) -> None:
    rows = list(body.all("DatiBeniServizi/DatiRiepilogo"))
    for number, row in enumerate(rows, 1):
        for name, path in (
            ("tax_basis", "ImponibileImporto"),
            ("tax_amount", "Imposta"),
            ("tax_rate", "AliquotaIVA"),
            ("tax_category", "Natura"),
            ("tax_exemption_reason", "RiferimentoNormativo"),
        ):
            sheet.add(name, row.one(path), line=number)
    if general is None or not rows:
        return
    net, tax = _sum(rows, "ImponibileImporto"), _sum(rows, "Imposta")
    split = _sum([row for row in rows if row.value("EsigibilitaIVA") == "S"], "Imposta")
    lines = _sum(list(body.all("DatiBeniServizi/DettaglioLinee")), "PrezzoTotale")
    fund = _sum(list(general.all("DatiCassaPrevidenziale")), "ImportoContributoCassa")
    withheld = _sum(list(general.all("DatiRitenuta")), "ImportoRitenuta")
    rounding = _number(general.value("Arrotondamento"))
    stamp = _sum(list(general.all("DatiBollo")), "ImportoBollo")
    stated = general.one("ImportoTotaleDocumento")

    def add(name: str, amount: Decimal, why: str) -> None:
        sheet.add(name, None, value=format(amount, "f"), why=why)

    add("lines_total", lines, "sum of PrezzoTotale")
    if fund:
        add("charge_total", fund, "social security contribution (DatiCassaPrevidenziale)")
    add("net_total", net, "sum of ImponibileImporto")
    add("tax_total", tax, "sum of Imposta")
    gross = net + tax
    add("gross_total", gross, "sum of ImponibileImporto and Imposta")
    total = None if stated is None else _number(stated.text)
    # The stated total may or may not hold the stamp duty and the rounding.
    reached = total in {gross, gross + rounding, gross + stamp, gross + stamp + rounding}
    if total is not None and not reached:
        sheet.findings.append(
            finding(
                "totals_do_not_sum", where="ImportoTotaleDocumento", expected=gross, actual=total
            )
        )
    if rounding:
        add("rounding_amount", rounding, "Arrotondamento")
    if withheld or split:
        add(
            "prepaid_total",
            withheld + split,
            "tax the buyer withholds and pays to the tax office (DatiRitenuta, split payment)",
        )
    due = gross + rounding - withheld - split
    paid = [
        amount
        for detail in body.all("DatiPagamento/DettaglioPagamento")
        if (amount := _number(detail.value("ImportoPagamento")))
    ]
    asked = sum(paid, _ZERO)
    add("amount_due", asked if paid else due, "sum of ImportoPagamento" if paid else "what is left")
    agrees = paid and asked in {due, due + stamp, gross, gross + rounding, gross + stamp}
    if reached or (agrees and total is None):
        why = "the sums reach the document's total" if reached else "the sums reach the payment"
        sheet.prove(why, "net_total", "tax_total", "gross_total")
    if agrees:
        sheet.prove("the payments asked for agree with the sums", "amount_due")
    elif paid:
        sheet.findings.append(
            finding("due_does_not_sum", where="ImportoPagamento", expected=due, actual=asked)
        )


def _simplified(sheet: Sheet, goods: list[Node]) -> None:
    """Read the simplified invoice: each row is a gross amount with its tax inside."""
    gross = tax = _ZERO
    known = True
    for number, item in enumerate(goods, 1):
        amount = _number(item.value("Importo"))
        stated = item.value("DatiIVA/Imposta")
        rate = item.value("DatiIVA/Aliquota")
        sheet.add("description", item.one("Descrizione"), line=number)
        sheet.add("vat_rate", item.one("DatiIVA/Aliquota"), line=number)
        sheet.add("vat_category", item.one("Natura"), line=number)
        gross += amount
        if stated is not None:
            tax += _number(stated)
        elif rate is not None and _number(rate) >= 0:
            part = amount * _number(rate) / (100 + _number(rate))
            tax += part.quantize(Decimal("0.01"))
        else:
            known = known and item.one("Natura") is not None
    sheet.add("gross_total", None, value=format(gross, "f"), why="sum of Importo")
    sheet.add("amount_due", None, value=format(gross, "f"), why="sum of Importo")
    if known:
        sheet.add("tax_total", None, value=format(tax, "f"), why="sum of the rows' tax")
        sheet.add("net_total", None, value=format(gross - tax, "f"), why="gross less tax")


def _payment(sheet: Sheet, body: Node) -> None:
    details = list(body.all("DatiPagamento/DettaglioPagamento"))
    dates = {d.text: d for p in details if (d := p.one("DataScadenzaPagamento")) is not None}
    if len(dates) == 1:
        sheet.add("due_date", next(iter(dates.values())))
    elif dates:
        plan = "; ".join(
            f"{p.value('ImportoPagamento') or '?'} by {p.value('DataScadenzaPagamento') or '?'}"
            for p in details
        )
        sheet.add("payment_terms", None, value=plan, why="instalments (DettaglioPagamento)")
    seen: set[str] = set()
    for detail in details:
        means = detail.one("ModalitaPagamento")
        if means is not None and sheet.text("payment_means_code") is None:
            sheet.add("payment_means_code", means, value=_MEANS.get(means.text, "ZZZ"))
        account = detail.one("IBAN")
        if account is not None and account.text not in seen:
            seen.add(account.text)
            sheet.add("iban", account)
        if sheet.text("bic") is None:
            sheet.add("bic", detail.one("BIC"))
        if sheet.text("payment_reference") is None:
            sheet.add("payment_reference", detail.one("CodicePagamento"))


def _sum(nodes: list[Node], tag: str) -> Decimal:
    return sum((_number(node.value(tag)) for node in nodes), _ZERO)


def _number(raw: str | None) -> Decimal:
    """Return the number, 0 where there is none: an absent addend adds nothing."""
    try:
        number = Decimal(raw or "0")
    except InvalidOperation:
        return _ZERO
    return number if number.is_finite() else _ZERO
