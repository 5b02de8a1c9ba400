"""pain.001.001.09: SEPA credit transfers (ISO 20022, EPC132-08 rulebook).

One PmtInf per file, charges shared (SLEV), euro only. Addresses are structured
or left out: free lines end with November 2026.
"""

from __future__ import annotations

import re
from datetime import UTC

from lxml import etree

from connectors.payments import Account, Address, PaymentFile, Transfer, Unwritable, check_file
from connectors.payments.letters import latin

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
#: Countries of the SEPA schemes by the letters of their IBANs (EPC409-09).
_SEPA = re.compile(
    "A[DLT]|B[EG]|C[HYZ]|D[EK]|E[ES]|F[IR]|G[BIR]|H[RU]|I[EST]|L[ITUV]"
    "|M[CDEKT]|N[LO]|P[LT]|R[OS]|S[EIKM]|VA"
)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_REFERENCE = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9+?:().,' \-]{0,34}")


def write(given: PaymentFile) -> bytes:
    """Return the file as UTF-8 XML. Raises Unwritable for what it cannot say exactly."""
    check_file(given, "EUR")
    for identity in (given.id, *(t.end_to_end_id for t in given.transfers)):
        if not _ID.fullmatch(identity):
            raise Unwritable(f"{identity!r} is no identifier of at most 35 SEPA characters.")
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    message = _add(root, "CstmrCdtTrfInitn")
    header = _add(message, "GrpHdr")
    _add(header, "MsgId", given.id)
    made_at = given.made_at.astimezone(UTC)
    _add(header, "CreDtTm", made_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _add(header, "NbOfTxs", str(len(given.transfers)))
    _add(header, "CtrlSum", f"{given.total:.2f}")
    _add(_add(header, "InitgPty"), "Nm", _name(given.payer))
    batch = _add(message, "PmtInf")
    _add(batch, "PmtInfId", given.id)
    _add(batch, "PmtMtd", "TRF")
    _add(batch, "BtchBookg", "true")
    _add(batch, "NbOfTxs", str(len(given.transfers)))
    _add(batch, "CtrlSum", f"{given.total:.2f}")
    _add(_add(_add(batch, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _add(_add(batch, "ReqdExctnDt"), "Dt", given.execution_date.isoformat())
    _party(batch, "Dbtr", given.payer)
    _account(batch, "DbtrAcct", given.payer)
    agent = _add(_add(batch, "DbtrAgt"), "FinInstnId")
    if _bic(given.payer):
        _add(agent, "BICFI", _bic(given.payer))
    else:
        _add(_add(agent, "Othr"), "Id", "NOTPROVIDED")
    _add(batch, "ChrgBr", "SLEV")
    for one in given.transfers:
        _transfer(batch, one)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def is_iban(text: str) -> bool:
    """Say whether the text is an IBAN whose check digits hold (ISO 13616, mod 97)."""
    return bool(_IBAN.fullmatch(text)) and _proves_itself(text)


def _transfer(batch: etree._Element, one: Transfer) -> None:
    entry = _add(batch, "CdtTrfTxInf")
    _add(_add(entry, "PmtId"), "EndToEndId", one.end_to_end_id)
    amount = _add(_add(entry, "Amt"), "InstdAmt", f"{one.amount.amount:.2f}")
    amount.set("Ccy", "EUR")
    if _bic(one.payee):
        _add(_add(_add(entry, "CdtrAgt"), "FinInstnId"), "BICFI", _bic(one.payee))
    _party(entry, "Cdtr", one.payee)
    _account(entry, "CdtrAcct", one.payee)
    reference = (one.creditor_reference or "").replace(" ", "").upper()
    text = latin(one.remittance, 140)
    if _REFERENCE.fullmatch(reference) and _proves_itself(reference):
        said = _add(_add(_add(entry, "RmtInf"), "Strd"), "CdtrRefInf")
        _add(_add(_add(said, "Tp"), "CdOrPrtry"), "Cd", "SCOR")
        _add(said, "Ref", reference)
    elif text:
        _add(_add(entry, "RmtInf"), "Ustrd", text)


def _proves_itself(text: str) -> bool:
    """Say whether the check digits hold that IBANs and ISO 11649 references share."""
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def _name(party: Account) -> str:
    name = latin(party.name, 70)
    if not name:
        raise Unwritable(f"{party.name!r} has no letter a bank accepts.")
    return name


def _bic(party: Account) -> str:
    """Return the BIC where it is one: SEPA does without, a malformed one is refused by banks."""
    bic = (party.bic or "").replace(" ", "").upper()
    return bic if _BIC.fullmatch(bic) else ""


def _party(parent: etree._Element, tag: str, party: Account) -> None:
    node = _add(parent, tag)
    _add(node, "Nm", _name(party))
    if party.address:
        _address(node, party.address)


def _address(parent: etree._Element, address: Address) -> None:
    node = _add(parent, "PstlAdr")
    for tag, value, longest in (
        ("StrtNm", address.street, 70),
        ("BldgNb", address.building, 16),
        ("PstCd", address.post_code, 16),
        ("TwnNm", address.town, 35),
        ("Ctry", address.country, 2),
    ):
        if value and (text := latin(value, longest)):
            _add(node, tag, text)


def _account(parent: etree._Element, tag: str, party: Account) -> None:
    iban = party.number.replace(" ", "").upper()
    if not is_iban(iban):
        raise Unwritable(f"{party.name}: {party.number!r} is no IBAN.")
    if not _SEPA.match(iban):
        raise Unwritable(f"{party.name}: SEPA does not reach accounts in {iban[:2]}.")
    _add(_add(_add(parent, tag), "Id"), "IBAN", iban)


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    node = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    node.text = text
    return node
