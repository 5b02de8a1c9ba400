"""The dialects of MT940 field 86, "information to account owner".

Four families, told apart by the text itself: numbered subfields after a
three-digit code (`166?00…?20…`; the separator varies), code words between
slashes (`/EREF/…/REMI/…`), labels with colons (`IBAN: …`), and plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from connectors.banks._values import iban

# A bank's line holds 65 characters; the tag `:86:` may or may not count on the first one.
_LINE = 65
_FIRST_LINES = (61, 65)
# A numbered text subfield holds 27 characters; a shorter one ended at a word.
_CHUNK = 27

_SEPARATORS = frozenset("?><~^@|+&!")
_KEYWORDS = frozenset(
    [
        "EREF",
        "KREF",
        "MREF",
        "CRED",
        "DEBT",
        "SVWZ",
        "ABWA",
        "ABWE",
        "IBAN",
        "BIC",
        "COAM",
        "OAMT",
        "RREF",
        "PURP",
    ]
)


# What a numbered subfield holds.
_KIND, _TEXT, _ACCOUNT, _NAME, _ACCOUNT_TOO, _OTHER = range(6)
_PARTS = {f"{code:02}": _OTHER for code in range(100)}
_PARTS |= {f"{code}": _TEXT for code in (*range(20, 30), *range(60, 64))}
_PARTS |= {"00": _KIND, "31": _ACCOUNT, "32": _NAME, "33": _NAME, "38": _ACCOUNT_TOO}
# Slices made once: a field is cut some ten times, and cutting is what takes the time.
_CODE, _VALUE = slice(2), slice(2, None)
_SLASHED = re.compile(
    r"(?:^|(?<=/)|/)(EREF|MARF|CSID|CNTP|REMI|RTRN|BENM|ORDP|NAME|IBAN|BIC|TRTP|KREF|PREF|IREF"
    r"|PURP|ULTD|ULTC|ULTB|UDTR|UCRD|ISDT|ADDR|TRCD|SVCL|USTD|STRD|INIT|OCMT|CHGS|EXCH|BUSP|SWOC"
    r"|ACCW|BENE|BO|BE|ORDB|RTRN|IACC|TCDT)/"
)
_ISO_REASON = re.compile(
    r"\b(AC0[1-6]|AC1[3-6]|AG0[1-9]|AGNT|AM0[1-9]|ARDT|BE0[1-7]|CNOR|CUST|DNOR|DUPL|ED05|FF0[1-7]"
    r"|FOCR|FRAD|FRAU|MD0[1-9]|MS0[23]|NARR|NOAS|NOOR|RC0[1-8]|RR0[1-4]|SL0[1-4]|SVNR|TECH|TM01"
    r"|UPAY|DT01|CURR|LEGL|AEXR|ED01|ED03|TD03)\b"
)
_LABEL_NAME = re.compile(r"(?:NAAM|NAME|NAZWA|NOM|NOMBRE|OD|DLA)\s*:\s*([^;\n/]+)", re.IGNORECASE)
_LABEL_TEXT = re.compile(r"(?:TYT\.?|TYTUŁEM|OMSCHRIJVING|CONCEPTO)\s*:\s*([^;\n]+)", re.IGNORECASE)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b")


@dataclass(slots=True)
class Details:
    """What field 86 says of an entry; unknown is None."""

    gvc: str = ""
    name: str | None = None
    account: str | None = None
    text: str = ""
    end_to_end: str | None = None
    customer_reference: str | None = None
    mandate: str | None = None
    return_reason: str | None = None


def details(value: str, own: str) -> Details:
    """Read field 86; `own` is our account, never the counterparty."""
    if value[:1] == " ":
        value = value.lstrip()
    separator = value[3:4]
    if separator in _SEPARATORS and value[:3].isdigit() and value[4:6].replace("\n", "").isdigit():
        return _numbered(value, separator)
    if "/" in value:
        joined = _join(value, "")
        if _SLASHED.match(joined):
            return _slashed(joined)
    return _plain(_join(value, "\n"), own)


def _join(value: str, between: str) -> str:
    """Undo the wrapping of long lines; shorter lines are joined by `between`."""
    if "\n" not in value:
        return value
    lines = value.split("\n")
    out = [lines[0]]
    full = len(lines[0]) in _FIRST_LINES or len(lines[0]) > _LINE
    for line in lines[1:]:
        out.append(line if full else between + line)
        full = len(line) >= _LINE
    return "".join(out)


def _numbered(value: str, separator: str) -> Details:
    """`166?00text?10prima nota?20..29 ?60..63 purpose?30 BIC?31 account?32 ?33 name?34 key`."""
    if "\n" in value:
        value = _unwrap(value, separator)
    pieces = value.split(separator)
    found = Details(gvc=pieces.pop(0).strip())
    purpose: list[str] = []
    names: list[str] = []
    open_ended: list[str] | None = None
    for piece in pieces:
        part = _PARTS.get(piece[_CODE])
        if part is None:
            # The separator inside a text.
            if open_ended:
                open_ended[-1] += separator + piece
            continue
        open_ended = None
        if part == _TEXT:
            purpose.append(piece[_VALUE])
            open_ended = purpose
        elif part == _NAME:
            names.append(piece[_VALUE])
            open_ended = names
        elif part == _ACCOUNT:
            found.account = piece[_VALUE].replace(" ", "") or None
        elif part == _ACCOUNT_TOO:
            found.account = iban(piece[_VALUE]) or found.account
        elif part == _KIND:
            found.text = piece[_VALUE]
    if names:
        name = names.pop(0)
        for more in names:
            name += f" {more}" if name and len(name) < _CHUNK else more
        found.name = " ".join(name.split()) if "  " in name else name.strip() or None
    if purpose and (joined := _purpose(purpose)):
        _keywords(found, joined)
    return found


def _purpose(texts: list[str]) -> str:
    """Join the purpose's subfields; one that is not full ended at a word.

    A keyword that begins a subfield is marked, since no blank need stand before it.
    """
    joined, whole = "", True
    for text in texts:
        if not joined:
            joined = text
        elif not whole:
            joined += f" {text}"
        elif text[4:5] == "+" and text[:4] in _KEYWORDS:
            joined += f"\x1f{text}"
        else:
            joined += text
        whole = len(text) >= _CHUNK or not text
    return joined


def _unwrap(value: str, separator: str) -> str:
    """Join the lines; where a bank cut the blanks at a line's end, one blank comes back."""
    lines = value.split("\n")
    if len(lines[0]) in _FIRST_LINES:
        for line in lines[1:-1]:
            if len(line) != _LINE:
                break
        else:
            return "".join(lines)
    out = ""
    room = _FIRST_LINES[0] if len(lines[0]) <= _FIRST_LINES[0] else _LINE
    for line, following in pairwise(lines):
        out += line
        if len(line) < room and following[:1] != separator and line[-1:] not in ("", separator):
            width = len(out) - max(out.rfind(separator), 0) - 3
            if room - len(line) <= 3 and width < _CHUNK:
                out += " "
        room = _LINE
    return out + lines[-1]


def _keywords(found: Details, joined: str) -> None:
    """SEPA keywords inside the purpose: `EREF+… MREF+… SVWZ+…`.

    A keyword begins the text, follows a blank, or begins a subfield. Text
    before the first one is purpose too.
    """
    pieces = joined.split("+")
    key, text = "", ""
    value = pieces[0]
    for piece in pieces[1:]:
        word = value[-4:]
        if word not in _KEYWORDS:
            word = word[-3:]
            if word not in _KEYWORDS:
                value += f"+{piece}"
                continue
        before = value[: -len(word)]
        if before:
            if before[-1] not in " \x1f":
                value += f"+{piece}"
                continue
            text = _keep(found, key, before, text)
        key, value = word, piece
    found.text = _keep(found, key, value, text)


def _keep(found: Details, key: str, raw: str, text: str) -> str:
    """Put what stands behind a keyword into its place; return the purpose so far."""
    value = raw.replace("\x1f", "").strip()
    if not value:
        return text
    if key == "SVWZ" or not key:
        return f"{text} {value}" if text else value
    if key == "EREF":
        found.end_to_end = value
    elif key == "MREF":
        found.mandate = value
    elif key == "KREF":
        found.customer_reference = value
    elif key == "IBAN":
        found.account = found.account or iban(value)
    elif key in ("ABWA", "ABWE"):
        found.name = found.name or value
    return text


def _slashed(joined: str) -> Details:
    """`/EREF/…/BENM//NAME/…/REMI/…` (SWIFT code words, Dutch and other banks)."""
    found = Details()
    pieces = _SLASHED.split(joined)
    text: list[str] = []
    for key, raw in zip(pieces[1::2], pieces[2::2], strict=True):
        value = raw.strip("/ \n")
        if not value:
            continue
        if key in ("REMI", "USTD"):
            text.append(value)
        elif key == "STRD":
            text.append(value.rpartition("/")[2])
        elif key == "EREF":
            found.end_to_end = value
        elif key in ("KREF", "PREF"):
            found.customer_reference = value
        elif key == "MARF":
            found.mandate = value
        elif key == "NAME" and found.name is None:
            found.name = value
        elif key == "IBAN":
            found.account = value.replace(" ", "")
        elif key in ("BENM", "ORDP", "BENE", "BO", "BE") and found.name is None:
            found.name = value
        elif key == "CNTP":
            account, _, rest = value.partition("/")
            found.account = account or None
            party = rest.split("/")
            if len(party) > 1:
                found.name = party[1].strip() or None
        elif key == "RTRN":
            found.return_reason = value.split("/")[0]
        elif key == "TRTP" and not text and not found.text:
            found.text = value
    if text:
        found.text = " ".join(text)
    return found


def _plain(joined: str, own: str) -> Details:
    """Text without structure; only a checksum-proved IBAN and clear labels are taken from it."""
    found = Details(text=joined.strip())
    gvc = joined[:3]
    if gvc.isdigit() and joined[3:5] == "PN":
        found.gvc = gvc
    accounts = {a for a in map(iban, _IBAN.findall(joined)) if a and a != own}
    if len(accounts) == 1:
        found.account = accounts.pop()
    if ":" in joined:
        flat = joined.replace("\n", " ") if ";" in joined else joined
        name = _LABEL_NAME.search(flat)
        if name is not None:
            found.name = " ".join(name[1].split()) or None
        text = _LABEL_TEXT.search(flat)
        if text is not None:
            found.text = " ".join(text[1].split())
    return found


def iso_reason(text: str) -> str | None:
    """Return an ISO 20022 external return reason code printed in the text."""
    match = _ISO_REASON.search(text)
    return None if match is None else match[1]
