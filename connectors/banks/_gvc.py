"""Bank transaction codes of the old formats, in ISO 20022 words where a table exists.

GVC: Deutsche Kreditwirtschaft, DFÜ agreement annex 3, "Geschäftsvorfallcodes".
SWIFT types: MT940 field 61 subfield 6. A code depends on the direction of the
money; where the two contradict each other the bank's own code stays.
"""

from __future__ import annotations

_FEE, _INTEREST_PAID, _INTEREST = "ACMT-MDOP-CHRG", "ACMT-MDOP-INTR", "ACMT-MCOP-INTR"

#: Three digits -> code when money goes out.
_GVC_DEBIT = {
    "004": "PMNT-RDDT-OODD",
    "005": "PMNT-RDDT-PMDD",
    "008": "PMNT-ICDT-STDO",
    "020": "PMNT-ICDT-DMCT",
    "082": "PMNT-CNTR-CWDL",
    "083": "PMNT-CNTR-CWDL",
    "104": "PMNT-RDDT-BBDD",
    "105": "PMNT-RDDT-ESDD",
    "106": "PMNT-CCRD-POSD",
    "107": "PMNT-RDDT-ESDD",
    "108": "PMNT-IDDT-UPDD",
    "109": "PMNT-IDDT-UPDD",
    "111": "PMNT-IDDT-UPDD",
    "116": "PMNT-ICDT-ESCT",
    "117": "PMNT-ICDT-STDO",
    "118": "PMNT-IRCT-ESCT",
    "119": "PMNT-ICDT-ESCT",
    "177": "PMNT-ICDT-ESCT",
    "188": "PMNT-IRCT-ESCT-B",
    "191": "PMNT-ICDT-ESCT-B",
    "193": "PMNT-IDDT-PRDD-B",
    "195": "PMNT-RDDT-ESDD-B",
    "197": "PMNT-RDDT-BBDD-B",
    "201": "PMNT-ICDT-XBCT",
    "805": _FEE,
    "807": _FEE,
    "808": _FEE,
    "809": _FEE,
    "814": _INTEREST_PAID,
    "820": "PMNT-ICDT-BOOK",
    "833": "CAMT-ACCB-ZABA",
}

#: Three digits -> code when money comes in.
_GVC_CREDIT = {
    "051": "PMNT-RCDT-DMCT",
    "052": "PMNT-RCDT-STDO",
    "053": "PMNT-RCDT-SALA",
    "082": "PMNT-CNTR-CDPT",
    "083": "PMNT-CNTR-CDPT",
    "152": "PMNT-RCDT-STDO",
    "153": "PMNT-RCDT-SALA",
    "154": "PMNT-RCDT-ESCT",
    "155": "PMNT-RCDT-ESCT",
    "156": "PMNT-RCDT-ESCT",
    "159": "PMNT-ICDT-RRTN",
    "160": "PMNT-IRCT-RRTN",
    "166": "PMNT-RCDT-ESCT",
    "167": "PMNT-RCDT-VCOM",
    "168": "PMNT-RRCT-ESCT",
    "169": "PMNT-RCDT-ESCT",
    "171": "PMNT-IDDT-ESDD",
    "174": "PMNT-IDDT-BBDD",
    "181": "PMNT-RDDT-UPDD",
    "184": "PMNT-RDDT-UPDD",
    "189": "PMNT-RRCT-ESCT-B",
    "192": "PMNT-IDDT-ESDD-B",
    "194": "PMNT-RCDT-ESCT-B",
    "196": "PMNT-IDDT-BBDD-B",
    "202": "PMNT-RCDT-XBCT",
    "814": _INTEREST,
    "820": "PMNT-RCDT-BOOK",
    "833": "CAMT-ACCB-ZABA",
}

#: SWIFT three-letter types that mean one thing: (debit, credit).
_SWIFT = {
    "BRF": (_FEE, ""),
    "CHG": (_FEE, ""),
    "CHK": ("PMNT-ICHQ-CCHQ", "PMNT-RCHQ-CCHQ"),
    "CMZ": ("CAMT-ACCB-ZABA", "CAMT-ACCB-ZABA"),
    "COM": (_FEE, ""),
    "DDT": ("PMNT-RDDT-PMDD", "PMNT-IDDT-PMDD"),
    "INT": (_INTEREST_PAID, _INTEREST),
    "STO": ("PMNT-ICDT-STDO", "PMNT-RCDT-STDO"),
}

#: GVCs that undo an earlier payment.
RETURNS = frozenset({"108", "109", "110", "111", "159", "160", "181", "184"})
#: GVCs of batch bookings: KREF is the id of our own payment run there.
BATCHES = frozenset({"188", "189", *(str(n) for n in range(190, 200))})


def transaction_code(gvc: str, swift: str, incoming: bool) -> str | None:
    """Return the ISO code, else the bank's own GVC or SWIFT type (`NTRF`), else None."""
    if gvc:
        known = (_GVC_CREDIT if incoming else _GVC_DEBIT).get(gvc)
        if known is not None:
            return known
    pair = _SWIFT.get(swift[1:])
    if pair is not None and pair[incoming]:
        return pair[incoming]
    return gvc or swift or None
