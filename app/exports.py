"""Exports: what a folder that is tried holds, and what is not there.

Tables are files named after their kinds (`vendors.csv`, `open_items.xlsx`).
Bank files and documents lie in folders of their own, or beside the tables;
then their bytes tell which is which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.reading import is_bank_file
from app.statements import document_at
from connectors.tables import table_file
from connectors.tables.kinds import TABLES
from records.failures import KnownFailure

#: Where bank files are looked for when no folder is named; the first with files wins.
STATEMENT_FOLDERS = ("statements/camt053", "statements/mt940", "statements/csv", "statements")
#: Where documents are looked for.
DOCUMENT_FOLDERS = ("invoices", "documents", "mail")

#: What only purchases need; the rest, without them, is what the bank needs.
_ONLY_PURCHASES = frozenset(
    {"purchase_orders", "goods_receipts", "uom_conversions", "supplier_invoice_lines"}
)
PURCHASE_TABLES = _ONLY_PURCHASES | {"vendors", "supplier_invoices", "recurring_contracts"}
BANK_TABLES = frozenset(TABLES) - _ONLY_PURCHASES

#: Without one of each group, that much cannot be tried.
_NEEDED = (
    (("own_accounts",), "transfers between your own accounts are not seen"),
    (
        ("customer_invoices", "supplier_invoices", "open_items"),
        "bank lines are only sorted by what they say themselves",
    ),
    (("vendors",), "every vendor is a stranger, and invoices are held"),
    (("purchase_orders",), "invoices are not compared with orders"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """What one folder holds; `strays` are files that are none of what can be tried."""

    folder: Path
    tables: frozenset[str]
    statements: tuple[Path, ...]
    documents: tuple[Path, ...]
    strays: tuple[Path, ...] = ()

    def gaps(self) -> Iterator[str]:
        """Yield a sentence for every kind of data that is not there, with the names looked for."""
        if not self.statements:
            yield "no bank files: put camt.053, MT940 or other files of the bank into statements/."
        if not self.tables & {"supplier_invoices", "open_items"} and not self.documents:
            yield (
                "no invoices of vendors: put documents into invoices/, or supplier_invoices.csv "
                "beside it."
            )
        for kinds, effect in _NEEDED:
            if self.tables.isdisjoint(kinds):
                yield f"no {_named(kinds)}: {effect}."
        if self.strays:
            shown = ", ".join(path.name for path in self.strays[:3])
            more = f" and {len(self.strays) - 3} more" if len(self.strays) > 3 else ""
            yield f"left alone, because nobody knows what they are: {shown}{more}."


def look(folder: Path, statements: str | None) -> Exports:
    """Return what the folder holds; KnownFailure when there is nothing to try.

    `statements` names the subfolder with the bank files.
    """
    tables = {kind: path for kind in TABLES if (path := table_file(folder, kind))}
    bank_files = _bank_files(folder, statements)
    documents = [p for name in DOCUMENT_FOLDERS for p in _files(folder / name)]
    strays = []
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        if path in tables.values():
            continue
        if path.suffix.lower() in {".csv", ".xlsx"}:
            strays.append(path)
        elif is_bank_file(document_at(path)):
            bank_files.append(path)
        else:
            documents.append(path)
    if not (tables or bank_files or documents):
        raise KnownFailure(
            f"{folder} holds nothing to try. Put tables there ({_named(('vendors', 'open_items'))}"
            ", … as docs/tables.md lists them), the bank's files into statements/, "
            "or documents into invoices/."
        )
    return Exports(
        folder=folder,
        tables=frozenset(tables),
        statements=tuple(bank_files),
        documents=tuple(documents),
        strays=tuple(strays),
    )


def _bank_files(folder: Path, named: str | None) -> list[Path]:
    if named:
        found = _files(folder / named)
        if not found:
            raise KnownFailure(
                f"{folder / named} holds no files. Name the subfolder with the bank's files, "
                f"or leave --statements out: {', '.join(STATEMENT_FOLDERS)} are looked into."
            )
        return found
    return next((found for name in STATEMENT_FOLDERS if (found := _files(folder / name))), [])


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _named(kinds: tuple[str, ...]) -> str:
    return " or ".join(f"{kind}.csv" for kind in kinds)
