"""Where in a camt message each wanted value stands: the element paths and their slots.

The same paths serve camt.052, .053 and .054 of every version; elements that
moved between versions (Dbtr/Nm, Dbtr/Pty/Nm) share a slot.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

_MAX_DEPTH = 64
_MAX_STRANGE = 4096

KINDS = {
    "BkToCstmrStmt": "camt.053",
    "BkToCstmrStmtV01": "camt.053",
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrAcctRptV01": "camt.052",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
    "BkToCstmrDbtCdtNtfctnV01": "camt.054",
}
CONTAINERS = ("Stmt", "Rpt", "Ntfctn")

# Slots of one Ntry and, from TX on, of one TxDtls. An amount takes two: value, currency.
(
    AMOUNT,
    CURRENCY,
    DIRECTION,
    REVERSAL,
    STATUS,
    BOOKED,
    VALUED,
    REFERENCE,
    DOMAIN,
    FAMILY,
    SUBFAMILY,
    OWN_CODE,
    CHARGES,
    CHARGES_CURRENCY,
    INSTRUCTED,
    INSTRUCTED_CURRENCY,
    BATCH,
    BATCH_ID,
    BATCH_COUNT,
    CHARGE_RECORDS,
    CHARGE_RECORDS_CURRENCY,
    ENTRY_INFO,
) = range(22)
TX = 22
(
    TX_AMOUNT,
    TX_CURRENCY,
    TX_DIRECTION,
    TX_BOOKED_AMOUNT,
    TX_BOOKED_CURRENCY,
    TX_INSTRUCTED,
    TX_INSTRUCTED_CURRENCY,
    TX_END_TO_END,
    TX_MANDATE,
    TX_BATCH_ID,
    TX_REFERENCE,
    TX_DOMAIN,
    TX_FAMILY,
    TX_SUBFAMILY,
    TX_OWN_CODE,
    TX_CHARGES,
    TX_CHARGES_CURRENCY,
    TX_CHARGE_RECORDS,
    TX_CHARGE_RECORDS_CURRENCY,
    TX_DEBTOR,
    TX_DEBTOR_ACCOUNT,
    TX_CREDITOR,
    TX_CREDITOR_ACCOUNT,
    TX_TEXT,
    TX_STRUCTURED,
    TX_MORE,
    TX_RETURN,
    TX_RETURN_TEXT,
    TX_INFO,
) = range(TX, TX + 29)
SLOTS = TX_INFO + 1

ENTRY_PATHS: dict[str, int] = {
    "Amt": AMOUNT,
    "CdtDbtInd": DIRECTION,
    "RvslInd": REVERSAL,
    "Sts": STATUS,
    "Sts/Cd": STATUS,
    "Sts/Prtry": STATUS,
    "BookgDt/Dt": BOOKED,
    "BookgDt/DtTm": BOOKED,
    "ValDt/Dt": VALUED,
    "ValDt/DtTm": VALUED,
    "AcctSvcrRef": REFERENCE,
    "BkTxCd/Domn/Cd": DOMAIN,
    "BkTxCd/Domn/Fmly/Cd": FAMILY,
    "BkTxCd/Domn/Fmly/SubFmlyCd": SUBFAMILY,
    "BkTxCd/Prtry/Cd": OWN_CODE,
    "Chrgs/TtlChrgsAndTaxAmt": CHARGES,
    "Chrgs/Amt": CHARGE_RECORDS,
    "Chrgs/Rcrd/Amt": CHARGE_RECORDS,
    "AmtDtls/InstdAmt/Amt": INSTRUCTED,
    "NtryDtls/Btch/PmtInfId": BATCH_ID,
    "NtryDtls/Btch/NbOfTxs": BATCH_COUNT,
    "Btch/PmtInfId": BATCH_ID,
    "Btch/NbOfTxs": BATCH_COUNT,
    "AddtlNtryInf": ENTRY_INFO,
}
TX_PATHS: dict[str, int] = {
    "Amt": TX_AMOUNT,
    "CdtDbtInd": TX_DIRECTION,
    "AmtDtls/TxAmt/Amt": TX_BOOKED_AMOUNT,
    "AmtDtls/InstdAmt/Amt": TX_INSTRUCTED,
    "Refs/EndToEndId": TX_END_TO_END,
    "Refs/MndtId": TX_MANDATE,
    "Refs/PmtInfId": TX_BATCH_ID,
    "Refs/AcctSvcrRef": TX_REFERENCE,
    "BkTxCd/Domn/Cd": TX_DOMAIN,
    "BkTxCd/Domn/Fmly/Cd": TX_FAMILY,
    "BkTxCd/Domn/Fmly/SubFmlyCd": TX_SUBFAMILY,
    "BkTxCd/Prtry/Cd": TX_OWN_CODE,
    "Chrgs/TtlChrgsAndTaxAmt": TX_CHARGES,
    "Chrgs/Amt": TX_CHARGE_RECORDS,
    "Chrgs/Rcrd/Amt": TX_CHARGE_RECORDS,
    "RltdPties/Dbtr/Nm": TX_DEBTOR,
    "RltdPties/Dbtr/Pty/Nm": TX_DEBTOR,
    "RltdPties/DbtrAcct/Id/IBAN": TX_DEBTOR_ACCOUNT,
    "RltdPties/DbtrAcct/Id/Othr/Id": TX_DEBTOR_ACCOUNT,
    "RltdPties/DbtrAcct/Id/PrtryAcct/Id": TX_DEBTOR_ACCOUNT,
    "RltdPties/DbtrAcct/Id/BBAN": TX_DEBTOR_ACCOUNT,
    "RltdPties/Cdtr/Nm": TX_CREDITOR,
    "RltdPties/Cdtr/Pty/Nm": TX_CREDITOR,
    "RltdPties/CdtrAcct/Id/IBAN": TX_CREDITOR_ACCOUNT,
    "RltdPties/CdtrAcct/Id/Othr/Id": TX_CREDITOR_ACCOUNT,
    "RltdPties/CdtrAcct/Id/PrtryAcct/Id": TX_CREDITOR_ACCOUNT,
    "RltdPties/CdtrAcct/Id/BBAN": TX_CREDITOR_ACCOUNT,
    "RmtInf/Ustrd": TX_TEXT,
    "RmtInf/Strd/CdtrRefInf/Ref": TX_STRUCTURED,
    "RmtInf/Strd/CdtrRefInf/CdtrRef": TX_STRUCTURED,
    "RmtInf/Strd/RfrdDocInf/Nb": TX_MORE,
    "RmtInf/Strd/RfrdDocInf/RfrdDocNb": TX_MORE,
    "RmtInf/Strd/AddtlRmtInf": TX_MORE,
    "RtrInf/Rsn/Cd": TX_RETURN,
    "RtrInf/Rsn/Prtry": TX_RETURN,
    "RtrInf/RtrRsn/Cd": TX_RETURN,
    "RtrInf/RtrRsn/Prtry": TX_RETURN,
    "RtrInf/AddtlInf": TX_RETURN_TEXT,
    "AddtlTxInf": TX_INFO,
}
# Elements that repeat; all their texts count. Everywhere else the first one is taken.
REPEATED = frozenset(
    {CHARGE_RECORDS, TX_CHARGE_RECORDS, TX_TEXT, TX_STRUCTURED, TX_MORE, TX_RETURN_TEXT}
)
# Amounts; the slot behind each takes the Ccy attribute.


WITH_CURRENCY = frozenset(
    {
        AMOUNT,
        CHARGES,
        CHARGE_RECORDS,
        INSTRUCTED,
        TX_AMOUNT,
        TX_BOOKED_AMOUNT,
        TX_INSTRUCTED,
        TX_CHARGES,
        TX_CHARGE_RECORDS,
    }
)


class Refused(Exception):
    """Stops the parser; carries the code and the reason of the finding."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Node(dict[str, "Node"]):
    """One element path. `slot` is where its text goes, `finish` what its end tag does.

    Unknown children are made when met, so the tree never forgets where it is;
    their number and depth are bounded, which also stops hostile nesting. A
    message (`KINDS`) is recognised below any envelope, by `root.populate`.
    """

    __slots__ = (
        "depth",
        "finish",
        "is_amount",
        "parent",
        "populate",
        "repeated",
        "root",
        "slot",
        "strange",
    )

    def __init__(self, parent: Node | None) -> None:
        """Hang a node below its parent."""
        super().__init__()
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.root: Node = self if parent is None else parent.root
        self.slot = -1
        self.repeated = self.is_amount = False
        self.finish: Callable[[], None] | None = None
        self.populate: Callable[[Node, str], None] | None = None
        self.strange = 0

    def __missing__(self, name: str) -> Node:
        local = name.rpartition(":")[2]
        known = self.get(local) if local != name else None
        if known is None:
            root = self.root
            root.strange += 1
            if self.depth >= _MAX_DEPTH:
                raise Refused("hostile", f"Elements are nested deeper than {_MAX_DEPTH}")
            if root.strange > _MAX_STRANGE:
                raise Refused("hostile", "The file has too many elements that no statement has")
            known = Node(self)
            if local in KINDS and root.populate is not None:
                root.populate(known, KINDS[local])
        self[name] = known
        return known

    def take(self, slot: int) -> None:
        """Let the texts of this element go to the slot."""
        self.slot = slot
        self.repeated = slot in REPEATED
        self.is_amount = slot in WITH_CURRENCY

    def grow(self, path: str) -> Node:
        """Return the node at the path below this one, made where it is missing."""
        node = self
        for name in path.split("/"):
            below = node.get(name)
            if below is None:
                below = node[sys.intern(name)] = Node(node)
            node = below
        return node
