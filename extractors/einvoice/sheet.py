"""Sheet: collects the Fields of one invoice, cleaning values on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from stdnum import iban

from extractors.einvoice.tree import Node
from records.documents import Field, Kind, Place, Reading
from records.findings import Finding, finding
from records.invoices import CREDIT_NOTE_CODES
from records.vocabulary import FIELDS

_SKONTO = re.compile(r"#SKONTO#TAGE=(\d{1,3})#PROZENT=(\d{1,2}(?:\.\d+)?)#")
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,}\Z")
_ZERO = Decimal(0)


class Sheet:
    """What one e-invoice says so far. `by` names the syntax."""

    def __init__(self, by: str) -> None:
        """Start empty."""
        self._by = by
        self.fields: list[Field] = []
        self.findings: list[Finding] = []
        self._values: dict[tuple[str, int | None], str] = {}
        self._accounts: set[str] = set()
        self._proofs: dict[str, str] = {}

    def add(
        self,
        name: str,
        node: Node | None,
        *,
        value: str | None = None,
        line: int | None = None,
        why: str = "",
    ) -> None:
        """Keep the value of `node` (or `value`, made from it) under `name`; empty adds nothing."""
        raw = value if value is not None else (node.text if node is not None else "")
        raw = raw.strip()
        if not raw:
            return
        clean = self._clean(name, raw, line)
        if clean is None or (name == "iban" and clean in self._accounts):
            return
        if name == "iban":
            self._accounts.add(clean)
        place = None if node is None else Place(xpath=node.xpath)
        self._values.setdefault((name, line), clean)
        proved = name == "iban" and iban.is_valid(clean)
        self.fields.append(
            Field(
                name=name,
                value=clean,
                text=raw,
                line=line,
                proved=proved,
                place=place,
                by=self._by,
                why=why or ("the check digits are right" if proved else ""),
            )
        )

    def text(self, name: str, line: int | None = None) -> str | None:
        """Return the first value kept under `name`."""
        return self._values.get((name, line))

    def number(self, name: str, line: int | None = None) -> Decimal | None:
        """Return the first value kept under `name` as a number."""
        value = self._values.get((name, line))
        return None if value is None else Decimal(value)

    def skonto(self, terms: str) -> None:
        """Keep an early-payment discount written as XRechnung's `#SKONTO#TAGE=..#PROZENT=..#`."""
        match = _SKONTO.search(terms.replace(" ", "").upper())
        issued = self.text("issue_date")
        if match and issued and self.text("skonto_percent") is None:
            until = days_after(date.fromisoformat(issued), int(match[1]))
            self.add("skonto_percent", None, value=match[2], why=f"payment terms {match[0]}")
            self.add("skonto_until", None, value=until, why=f"payment terms {match[0]}")

    def prove(self, why: str, *names: str) -> None:
        """Say that arithmetic confirms the header values `names`."""
        self._proofs |= dict.fromkeys(names, why)

    def prove_totals(self) -> None:
        """Prove the totals that add up (EN 16931 BR-CO-10 to BR-CO-16)."""
        self._proofs |= _proofs(self)

    def reading(self, kind: Kind) -> Reading:
        """Return the Reading, with what was proved marked."""
        proofs = self._proofs
        fields = tuple(
            replace(f, proved=True, why=f.why or proofs[f.name])
            if f.name in proofs and f.line is None
            else f
            for f in self.fields
        )
        return Reading(kind=kind, fields=fields, findings=tuple(self.findings))

    def _account(self, raw: str) -> str:
        """Check an account that looks like an IBAN; other accounts (BT-84) pass as they are."""
        account = re.sub(r"\s", "", raw).upper()
        plain = re.sub(r"[^A-Z0-9]", "", account).removeprefix("IBAN")
        if iban.is_valid(plain):
            return plain
        if _IBAN.match(plain):
            self.findings.append(
                finding(
                    "bad_checksum",
                    where="IBAN",
                    message="the e-invoice names an account that cannot exist",
                    expected="valid check digits",
                    actual=account,
                    remedy="Do not pay to it; ask the vendor for the right one, "
                    "over a number you know.",
                )
            )
            return plain
        return account

    def _clean(self, name: str, raw: str, line: int | None) -> str | None:
        kind = FIELDS[name].type
        if kind in {"amount", "quantity", "percent"}:
            clean = plain_number(raw)
            wanted = "a number such as 1234.56"
        elif kind == "date":
            clean = iso_date(raw)
            wanted = "a date such as 2026-03-31"
        elif kind == "iban":
            return self._account(raw)
        else:
            return " ".join(raw.split()) if kind == "text" else re.sub(r"\s", "", raw)
        if clean is None:
            label = FIELDS[name].label + ("" if line is None else f", line {line}")
            self.findings.append(
                finding("uncertain_field", where=label, expected=wanted, actual=raw[:80])
            )
        return clean


def plain_number(raw: str) -> str | None:
    """Return an XML decimal as plain text (no exponent, no plus), None when it is none."""
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return None
    return format(number, "f")


def iso_date(raw: str) -> str | None:
    """Return an ISO date from `2026-03-31`, `2026-03-31+02:00` or `20260331`."""
    match = _DATE.match(raw)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
    except ValueError:
        return None


def days_after(day: date, days: int) -> str:
    """Return the ISO date so many days later, empty where the calendar ends before."""
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        return ""


def kind_of(type_code: str | None) -> Kind:
    """Return what a document with this UNTDID 1001 code is."""
    if type_code in CREDIT_NOTE_CODES:
        return Kind.CREDIT_NOTE
    return {
        "384": Kind.CORRECTED_INVOICE,
        "389": Kind.SELF_BILLED_INVOICE,
        "325": Kind.PRO_FORMA,
        "220": Kind.ORDER,
        "231": Kind.ORDER_CONFIRMATION,
        "351": Kind.DELIVERY_NOTE,
    }.get(type_code or "", Kind.INVOICE)


def first_line(parts: Iterable[str | None]) -> str | None:
    """Join the parts of an address with commas, leaving out the missing ones."""
    return ", ".join(p for p in parts if p) or None


def _proofs(sheet: Sheet) -> dict[str, str]:
    """Name the totals that add up, with the sum that shows it (EN 16931 BR-CO-10 to -16)."""
    amounts = {name: sheet.number(name) for name in FIELDS if FIELDS[name].type == "amount"}
    net, tax, gross = amounts["net_total"], amounts["tax_total"], amounts["gross_total"]
    proofs: dict[str, str] = {}
    rows = [Decimal(f.value) for f in sheet.fields if f.name == "tax_amount"]
    if tax is not None and rows and sum(rows, _ZERO) == tax:
        proofs["tax_total"] = "the tax rows add up to it"
    if net is not None and tax is not None and gross is not None and net + tax == gross:
        why = f"net {net} + tax {tax} = gross {gross}"
        proofs |= {"net_total": why, "tax_total": why, "gross_total": why}
    due = amounts["amount_due"]
    if gross is not None and due is not None:
        prepaid = amounts["prepaid_total"] or _ZERO
        rounding = amounts["rounding_amount"] or _ZERO
        if gross - prepaid + rounding == due:
            proofs["amount_due"] = f"gross {gross} - prepaid {prepaid} + rounding {rounding}"
    lines = [Decimal(f.value) for f in sheet.fields if f.name == "net_amount"]
    total = amounts["lines_total"]
    if total is not None and lines and sum(lines, _ZERO) == total:
        proofs["lines_total"] = "the lines add up to it"
    return proofs
