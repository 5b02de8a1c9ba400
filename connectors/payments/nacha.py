"""Nacha: ACH credits to business accounts at US banks (CCD, Nacha Operating Rules, Appendix 3).

94 characters a record, blocks of ten. Every entry carries one addenda record
with the numbers it pays. Accounts are checking accounts.
"""

from __future__ import annotations

import re

from connectors.payments import PaymentFile, Transfer, Unwritable, check_file
from connectors.payments.letters import latin

_CHECKING_CREDIT = "22"
_CREDITS_ONLY = "220"
#: What the amount field of an entry and of the totals can hold, in cents.
_ENTRY_LIMIT, _TOTAL_LIMIT = 10**10, 10**12


def write(given: PaymentFile) -> bytes:
    """Return the file as ASCII lines. Raises Unwritable for what it cannot say exactly."""
    check_file(given, "USD")
    payer = given.payer
    origin = _routing(payer.routing_number, payer.name)
    company = (given.company_id or "").strip()
    if not re.fullmatch(r"[A-Za-z0-9]{10}", company):
        raise Unwritable("the company id that the bank assigned has 10 characters; set it.")
    total = sum(_cents(one) for one in given.transfers)
    if total >= _TOTAL_LIMIT:
        raise Unwritable(f"{given.id}: {given.total} is more than one file can hold.")
    routes = [_routing(t.payee.routing_number, t.payee.name) for t in given.transfers]
    hashed = sum(int(route[:8]) for route in routes) % 10**10
    name = _text(payer.name, 16)
    day = given.execution_date.strftime("%y%m%d")
    lines = [
        f"101 {origin}{company}{given.made_at:%y%m%d%H%M}A094101"
        f"{'':23}{_text(payer.name, 23)}{_text(given.id[-8:], 8)}",
        f"5{_CREDITS_ONLY}{name}{'':20}{company}CCD{'PAYMENT':10}"
        f"{given.made_at:%y%m%d}{day}{'':3}1{origin[:8]}{1:07}",
    ]
    for number, (one, route) in enumerate(zip(given.transfers, routes, strict=True), 1):
        lines += _entry(one, route, f"{origin[:8]}{number:07}", number)
    count = 2 * len(given.transfers)
    lines.append(
        f"8{_CREDITS_ONLY}{count:06}{hashed:010}{0:012}{total:012}{company}"
        f"{'':19}{'':6}{origin[:8]}{1:07}"
    )
    blocks = -(-(len(lines) + 1) // 10)
    lines.append(f"9{1:06}{blocks:06}{count:08}{hashed:010}{0:012}{total:012}{'':39}")
    lines += ["9" * 94] * (blocks * 10 - len(lines))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def is_routing_number(text: str) -> bool:
    """Say whether the text is an ABA routing number: nine digits, weights 3 7 1."""
    if not re.fullmatch(r"[0-9]{9}", text):
        return False
    return sum(int(c) * w for c, w in zip(text, (3, 7, 1) * 3, strict=True)) % 10 == 0


def _entry(one: Transfer, route: str, trace: str, number: int) -> list[str]:
    account = one.payee.number.strip()
    if not re.fullmatch(r"[A-Za-z0-9-]{1,17}", account):
        raise Unwritable(f"{one.payee.name}: {account!r} is no account number of a US bank.")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,15}", one.end_to_end_id):
        raise Unwritable(f"{one.end_to_end_id!r} is longer than an entry's 15 characters.")
    cents = _cents(one)
    if cents >= _ENTRY_LIMIT:
        raise Unwritable(f"{one.end_to_end_id}: {one.amount} is more than one entry can hold.")
    name = latin(one.payee.name, 22)
    if not name:
        raise Unwritable(f"{one.payee.name!r} has no letter a bank accepts.")
    return [
        f"6{_CHECKING_CREDIT}{route}{account:17}{cents:010}{one.end_to_end_id:15}{name:22}"
        f"{'':2}1{trace}",
        f"705{_text(one.remittance, 80)}{1:04}{number:07}",
    ]


def _cents(one: Transfer) -> int:
    return one.amount.minor


def _routing(text: str | None, name: str) -> str:
    if not text or not is_routing_number(text):
        raise Unwritable(f"{name}: {text!r} is no ABA routing number.")
    return text


def _text(text: str, width: int) -> str:
    return latin(text, width).ljust(width)
