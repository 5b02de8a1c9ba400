"""Bank files for the tests: small builders, and reading bytes in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from connectors.banks import Profile, read
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding

IBAN = "DE02120300000000202051"
OTHER = "NL91ABNA0417164300"


@dataclass(frozen=True, slots=True)
class Result:
    """What a reader said of one file."""

    entries: list[BankTransaction]
    statements: list[Statement]
    findings: list[Finding]

    @property
    def codes(self) -> set[str]:
        """All finding codes, of the file and of its statements."""
        return {f.code for f in self.findings} | {
            f.code for s in self.statements for f in s.findings
        }

    @property
    def blocked(self) -> bool:
        """Say whether any finding blocks."""
        found = [*self.findings, *(f for s in self.statements for f in s.findings)]
        return any(f.blocks for f in found)

    @property
    def amounts(self) -> list[Decimal]:
        """The entries' signed amounts."""
        return [e.amount.amount for e in self.entries]


def document(path: Path) -> Document:
    """Wrap a file."""
    return Document(
        id=path.name, media_type="", path=path, name=path.name, size=path.stat().st_size
    )


def read_file(path: Path, profiles: Sequence[Profile] = ()) -> Result:
    """Read a file to its end, checking the order a reader promises."""
    result = Result([], [], [])
    since = 0
    for item in read(document(path), profiles):
        if isinstance(item, BankTransaction):
            result.entries.append(item)
            since += 1
        elif isinstance(item, Statement):
            assert item.entry_count == since, "a Statement proves the entries before it"
            result.statements.append(item)
            since = 0
        else:
            result.findings.append(item)
    return result


def read_bytes(
    folder: Path, data: bytes | str, name: str = "file", profiles: Sequence[Profile] = ()
) -> Result:
    """Write the bytes and read them."""
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_file(path, profiles)


def balance(code: str, amount: str, extra: str = "") -> str:
    """Return a camt Bal."""
    side = "DBIT" if amount.startswith("-") else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry>{extra}</Tp>"
        f'<Amt Ccy="EUR">{amount.lstrip("-")}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
        "<Dt><Dt>2026-03-02</Dt></Dt></Bal>"
    )


def entry(amount: str, inside: str = "", *, status: str = "<Cd>BOOK</Cd>", before: str = "") -> str:
    """Return a camt Ntry; a negative amount goes out."""
    side = "DBIT" if amount.startswith("-") else "CRDT"
    return (
        f'<Ntry><Amt Ccy="EUR">{amount.lstrip("-")}</Amt><CdtDbtInd>{side}</CdtDbtInd>{before}'
        f"<Sts>{status}</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>"
        f"<ValDt><Dt>2026-03-03</Dt></ValDt>{inside}</Ntry>"
    )


def camt(
    body: str,
    *,
    head: str = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>",
    message: str = "BkToCstmrStmt",
    container: str = "Stmt",
    version: str = "camt.053.001.08",
    group: str = "",
) -> str:
    """Return a camt message with one statement."""
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}"><{message}>'
        f"<GrpHdr><MsgId>1</MsgId>{group}</GrpHdr>"
        f"<{container}><Id>77</Id>{head}{body}</{container}></{message}></Document>"
    )


def mt940(*fields: str, opening: str = "C260301EUR100,00", closing: str | None = None) -> str:
    """Return an MT940 with the fields between its balances; lines end in CRLF."""
    lines = [":20:START", f":25:{IBAN}", ":28C:7/1", f":60F:{opening}", *fields]
    if closing is not None:
        lines.append(f":62F:{closing}")
    return "\r\n".join([*lines, "-", ""])
