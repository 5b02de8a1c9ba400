"""Bank lines as a statement: what a case says of each, written as camt.053.001.08."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

SPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def statement(iban: str, day: date, lines: Sequence[Mapping[str, Any]]) -> bytes:
    """Write one statement of one day that opens with 50,000.00.

    A line has `amount` (signed) and maybe `name`, `iban`, `text`, `end_to_end`,
    `batch` with `parts`, `code` (domain-family-subfamily), and `instructed`
    (amount, currency) where it was ordered in another currency.
    """
    root = etree.Element(f"{{{SPACE}}}Document", nsmap={None: SPACE})
    report = _add(root, "BkToCstmrStmt")
    _put(report, "GrpHdr/MsgId", f"M{day}")
    _put(report, "GrpHdr/CreDtTm", f"{day}T22:00:00Z")
    told = _add(report, "Stmt")
    _put(told, "Id", f"S{day}")
    _put(told, "CreDtTm", f"{day}T22:00:00Z")
    _put(told, "Acct/Id/IBAN", iban)
    _put(told, "Acct/Ccy", "EUR")
    opening = Decimal("50000.00")
    closing = opening + sum(Decimal(str(line["amount"])) for line in lines)
    for code, amount in (("OPBD", opening), ("CLBD", closing)):
        balance = _add(told, "Bal")
        _put(balance, "Tp/CdOrPrtry/Cd", code)
        _sided(balance, amount)
        _put(balance, "Dt/Dt", day)
    for number, line in enumerate(lines, 1):
        _entry(_add(told, "Ntry"), line, day, number)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _entry(entry: etree._Element, line: Mapping[str, Any], day: date, number: int) -> None:
    amount = Decimal(str(line["amount"]))
    _sided(entry, amount)
    _put(entry, "Sts/Cd", "BOOK")
    _put(entry, "BookgDt/Dt", day)
    _put(entry, "ValDt/Dt", day)
    _put(entry, "AcctSvcrRef", line.get("id", f"B{day}-{number}"))
    domain, family, sub = str(line.get("code", "PMNT-ICDT-ESCT")).split("-")
    code = _add(_add(entry, "BkTxCd"), "Domn")
    _put(code, "Cd", domain)
    kind = _add(code, "Fmly")
    _put(kind, "Cd", family)
    _put(kind, "SubFmlyCd", sub)
    details = _add(entry, "NtryDtls")
    parts = line.get("parts", ())
    if "batch" in line:
        batch = _add(details, "Btch")
        _put(batch, "PmtInfId", line["batch"])
        _put(batch, "NbOfTxs", len(parts) or 2)
    for part in parts or ([line] if "batch" not in line else ()):
        _part(_add(details, "TxDtls"), part)


def _part(part: etree._Element, told: Mapping[str, Any]) -> None:
    amount = Decimal(str(told["amount"]))
    _put(part, "Refs/EndToEndId", told.get("end_to_end", "NOTPROVIDED"))
    _sided(part, amount)
    if "instructed" in told:
        figure, currency = told["instructed"]
        item = _put(part, "AmtDtls/InstdAmt/Amt", figure)
        item.set("Ccy", currency)
    sides = ("Cdtr", "CdtrAcct") if amount < 0 else ("Dbtr", "DbtrAcct")
    parties = _add(part, "RltdPties")
    _put(parties, f"{sides[0]}/Pty/Nm", told.get("name", ""))
    if "iban" in told:
        _put(parties, f"{sides[1]}/Id/IBAN", told["iban"])
    _put(part, "RmtInf/Ustrd", told.get("text", ""))


def _sided(parent: etree._Element, amount: Decimal) -> None:
    _put(parent, "Amt", f"{abs(amount):.2f}").set("Ccy", "EUR")
    _put(parent, "CdtDbtInd", "CRDT" if amount >= 0 else "DBIT")


def _add(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{SPACE}}}{name}")


def _put(parent: etree._Element, path: str, value: object) -> etree._Element:
    """Write a value below a path; elements of the path that stand last are used again."""
    *above, last = path.split("/")
    for name in above:
        found = parent[-1] if len(parent) and parent[-1].tag == f"{{{SPACE}}}{name}" else None
        parent = found if found is not None else _add(parent, name)
    element = _add(parent, last)
    element.text = str(value)
    return element
