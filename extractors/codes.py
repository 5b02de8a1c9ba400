"""Payment codes and structured references: what a payer's phone would read.

Codes: EPC069-12 (GiroCode), Swiss QR-bill with Swico S1, Czech SPAYD, Finnish
bank bar code. References by their own check digits: ISO 11649, Swiss QRR,
Belgian OGM; by label and check digits: Finnish viite, Norwegian KID.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from stdnum import iban, iso11649, luhn
from stdnum.be import ogm_vcs
from stdnum.ch import esr

from extractors.images import Picture, code_pictures
from records.documents import Field, Place
from records.findings import Finding, finding

#: So many codes on one page are product labels, not payment slips.
_MAX_CODES = 40
#: The bank bar code's 54 digits take more than this, however finely they are printed.
_LEAST_BAR_POINTS = 150.0


@dataclass(frozen=True, slots=True)
class Code:
    """One code as found: its text, and its place in points on its page."""

    text: str
    place: Place


def codes_in(picture: Picture, left: float = 0.0, top: float = 0.0) -> list[Code]:
    """Find the QR codes and Code 128 bars of a picture whose corner is at (left, top)."""
    import zxingcpp

    kinds: Any = [zxingcpp.BarcodeFormat.QRCode]
    # Bars take eight times as long to look for, and the banks' are long.
    if max(picture.width, picture.height) > _LEAST_BAR_POINTS:
        kinds.append(zxingcpp.BarcodeFormat.Code128)
    # Codes are black on white: any one channel shows them, and none is the other way round.
    found: Sequence[Any] = zxingcpp.read_barcodes(
        picture.pixels[:, :, 1].copy(), formats=kinds, try_invert=False
    )
    x = picture.width / picture.pixels.shape[1]
    y = picture.height / picture.pixels.shape[0]
    codes = []
    for code in found[:_MAX_CODES]:
        corners = (
            code.position.top_left,
            code.position.top_right,
            code.position.bottom_left,
            code.position.bottom_right,
        )
        xs, ys = [left + c.x * x for c in corners], [top + c.y * y for c in corners]
        box = (min(xs), min(ys), max(xs), max(ys))
        codes.append(Code(code.text, Place(page=picture.number, box=box)))
    return codes


def codes_on(page: Any, number: int) -> list[Code]:
    """Find the codes on a pypdfium2 page; `number` is the page's, from 1."""
    return [
        code
        for part, left, top in code_pictures(page, number)
        for code in codes_in(part, left, top)
    ]


def payment_fields(code: Code) -> tuple[Field, ...]:
    """Return what a payment code says; nothing for a code of another kind."""
    for reader in (_epc, _swiss, _spayd, _finnish):
        values = reader(code.text)
        if values:
            return tuple(_fields(values, code))
    return ()


def _fields(values: dict[str, str], code: Code) -> Iterator[Field]:
    for name, value in values.items():
        if not value:
            continue
        proved = name == "iban" and iban.is_valid(value)
        yield Field(
            name=name,
            value=value,
            text=value,
            # The payee's name in a code is often short; the page knows better.
            confidence=0.5 if name in {"seller_name", "buyer_name"} else 0.95,
            proved=proved or (name == "payment_reference" and is_structured(value)),
            place=code.place,
            by="code",
            why="stands in the payment code",
        )


def _epc(text: str) -> dict[str, str]:
    """EPC069-12: one element a line, BCD first."""
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) < 7 or lines[0] != "BCD" or lines[3] != "SCT":
        return {}
    lines += [""] * (12 - len(lines))
    amount = re.fullmatch(r"([A-Z]{3})([\d.]+)", lines[7])
    return {
        "bic": lines[4],
        "seller_name": lines[5],
        "iban": _compact(lines[6]),
        "currency": amount[1] if amount else "",
        "amount_due": _amount(amount[2]) if amount else "",
        "payment_reference": lines[9] or lines[10],
    }


def _swiss(text: str) -> dict[str, str]:
    """Swiss Implementation Guidelines QR-bill 2.x: 31 or more lines, SPC first."""
    lines = [line.strip() for line in text.split("\n")]
    if len(lines) < 28 or lines[0] != "SPC":
        return {}
    values = {
        "iban": _compact(lines[3]),
        "seller_name": lines[5],
        "seller_country": lines[10],
        "amount_due": _amount(lines[18]),
        "currency": lines[19],
        "buyer_name": lines[21],
        "payment_reference": lines[28] if len(lines) > 28 else "",
    }
    billing = next((line for line in lines[29:] if line.startswith("//S1/")), "")
    return values | _swico(billing)


def _swico(billing: str) -> dict[str, str]:
    """Swico S1: `/10/` invoice number, `/11/` its date, `/20/` the customer's reference."""
    parts = re.split(r"(?<!\\)/", billing)
    tags = dict(zip(parts[3::2], parts[4::2], strict=False))
    issued = tags.get("11", "")
    day = ""
    if re.fullmatch(r"\d{6}", issued):
        day = _date(2000 + int(issued[:2]), int(issued[2:4]), int(issued[4:]))
    return {"invoice_number": tags.get("10", "").replace("\\/", "/"), "issue_date": day}


def _spayd(text: str) -> dict[str, str]:
    """Short Payment Descriptor (Czech and Slovak banks): `SPD*1.0*ACC:..*AM:..`."""
    if not text.startswith("SPD*"):
        return {}
    tags = dict(part.split(":", 1) for part in text.split("*") if ":" in part)
    due = tags.get("DT", "")
    day = ""
    if re.fullmatch(r"\d{8}", due):
        day = _date(int(due[:4]), int(due[4:6]), int(due[6:]))
    return {
        "iban": _compact(tags.get("ACC", "").split("+")[0]),
        "amount_due": _amount(tags.get("AM", "")),
        "currency": tags.get("CC", ""),
        "payment_reference": tags.get("X-VS", "") or tags.get("RF", ""),
        "due_date": day,
    }


_FINNISH = re.compile(r"[45](\d{16})(\d{6})(\d{2})(\d{23})(\d{6})")


def _finnish(text: str) -> dict[str, str]:
    """Finnish bank bar code, versions 4 (national reference) and 5 (RF reference)."""
    match = _FINNISH.fullmatch(text)
    if match is None:
        return {}
    account = "FI" + match[1]
    if not iban.is_valid(account):
        return {}
    due, reference = match[5], match[4].lstrip("0")
    if text[0] == "5":
        reference = "RF" + match[4][:2] + match[4][2:].lstrip("0")
    day = ""
    if due != "000000":
        day = _date(2000 + int(due[:2]), int(due[2:4]), int(due[4:]))
    amount = Decimal(f"{match[2]}.{match[3]}")
    return {
        "iban": account,
        "amount_due": format(amount, "f") if amount else "",
        "currency": "EUR",
        "payment_reference": reference,
        "due_date": day,
    }


def _compact(account: str) -> str:
    return re.sub(r"\s", "", account).upper()


def _amount(raw: str) -> str:
    try:
        amount = Decimal(raw)
    except InvalidOperation:
        return ""
    return format(amount, "f") if amount.is_finite() and amount > 0 else ""


def _date(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


# -- references in the text

_RF = re.compile(r"\bRF\d{2}(?: ?[A-Z0-9]{1,4}){1,6}\b")
# A search that begins with what can stand there is much the faster.
_QRR = re.compile(r"\d(?<!\d\d)\d(?: ?\d{5}){5}(?!\d)")
_OGM = re.compile(r"(?:\+{3}|\*{3})\s?(\d{3}/\d{4}/\d{5})\s?(?:\+{3}|\*{3})")
_VIITE = re.compile(r"\bviite(?:numero|nro)?\b[:.\s]*(\d[\d ]{2,24}\d)", re.IGNORECASE)
_KID = re.compile(r"\bKID(?:[- ]?n(?:umme)?r)?\b[:.\s]*(\d[\d ]{2,28}\d)", re.IGNORECASE)


def is_structured(reference: str) -> bool:
    """Say whether a reference carries check digits, and they are right."""
    return iso11649.is_valid(reference) or _is_qrr(reference) or ogm_vcs.is_valid(reference)


def references_in(text: str) -> Iterator[Field]:
    """Find structured references in a page's text, each proved by its check digits."""
    folded = text.casefold()
    for marked, pattern, valid, kind in (
        ("RF" in text, _RF, iso11649.is_valid, "creditor reference (ISO 11649)"),
        (True, _QRR, _is_qrr, "Swiss QR reference"),
        (
            "+++" in text or "***" in text,
            _OGM,
            ogm_vcs.is_valid,
            "Belgian structured communication",
        ),
        ("viite" in folded, _VIITE, _is_viite, "Finnish reference"),
        ("kid" in folded, _KID, _is_kid, "Norwegian KID"),
    ):
        # Looking for a mark takes no time beside the search for all that follows one.
        for match in pattern.finditer(text) if marked else ():
            printed = match[1] if pattern.groups else match[0]
            reference = _longest_valid(re.sub(r"\s", "", printed), valid)
            if reference:
                yield Field(
                    name="payment_reference",
                    value=reference,
                    text=printed,
                    proved=True,
                    by="code",
                    why=f"{kind}: its check digits are right",
                )
                return


def _longest_valid(reference: str, valid: Any) -> str:
    # An ISO reference may have swallowed the next word.
    ends = range(len(reference), 4, -1) if reference.startswith("RF") else [len(reference)]
    return next((reference[:end] for end in ends if valid(reference[:end])), "")


def _is_qrr(reference: str) -> bool:
    return len(reference) == 27 and esr.is_valid(reference)


def _is_viite(reference: str) -> bool:
    """Finnish national reference: weights 7, 3, 1 from the right."""
    digits = [int(c) for c in reference[:-1]]
    total = sum(d * (7, 3, 1)[n % 3] for n, d in enumerate(reversed(digits)))
    return 4 <= len(reference) <= 20 and (10 - total % 10) % 10 == int(reference[-1])


def _is_kid(reference: str) -> bool:
    """Norwegian KID: modulus 10 (Luhn) or modulus 11."""
    if not 4 <= len(reference) <= 25:
        return False
    if luhn.is_valid(reference):
        return True
    total = sum(int(c) * (2 + n % 6) for n, c in enumerate(reversed(reference[:-1])))
    return (11 - total % 11) % 11 == int(reference[-1])


# -- against what was read elsewhere


def contradictions(code: Iterable[Field], read: Sequence[Field], text: str) -> Iterator[Finding]:
    """Compare a payment code with the values read from XML or page.

    `text` is the page's: a code may name one of several accounts printed there.
    """
    shown = re.sub(r"\s", "", text).upper()
    said = {f.name: f.value for f in code if f.line is None}
    accounts = {f.value for f in read if f.name == "iban"}
    account = said.get("iban")
    if account and accounts and account not in accounts and account not in shown:
        yield _differs("the account", ", ".join(sorted(accounts)), account)
    asked = said.get("amount_due")
    amounts = {
        Decimal(f.value) for f in read if f.line is None and f.name in {"amount_due", "gross_total"}
    }
    if asked and amounts and Decimal(asked) not in amounts:
        yield _differs("the amount", ", ".join(str(a) for a in sorted(amounts)), asked)


def _differs(what: str, expected: str, actual: str) -> Finding:
    return finding(
        "fields_disagree",
        where="payment code",
        message=f"{what} in the payment code is not the one of the invoice",
        expected=expected,
        actual=actual,
    )
