"""Banks' .xlsx exports, read by a profile: a given one, else a guess that says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from connectors.banks._guess import guess
from connectors.banks._profile import Profile
from connectors.banks._sheet import SheetFault, Workbook
from connectors.banks._table import HEADER_WITHIN, fits, read_table
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, finding


class Reader:
    """Reads .xlsx workbooks (records.protocols.StatementReader)."""

    def __init__(self, profiles: Sequence[Profile] = ()) -> None:
        """Take the profiles people have confirmed; the first that fits a sheet reads it."""
        self._profiles = tuple(profiles)

    def accepts(self, document: Document) -> bool:
        """Say whether the file is a workbook with worksheets."""
        with document.path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return False
        try:
            book = Workbook(document.path)
        except SheetFault:
            return False
        book.close()
        return bool(book.sheets)

    def profile(self, document: Document) -> Profile | None:
        """Return the profile to read the file with; a guessed one has no name."""
        if not self.accepts(document):
            return None
        book = Workbook(document.path)
        try:
            found = self._sheet(book, document.name)
        except SheetFault:
            return None
        finally:
            book.close()
        return None if found is None else found[1]

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the first sheet a profile fits; see records.protocols.StatementReader."""
        try:
            book = Workbook(document.path)
        except SheetFault as fault:
            yield finding(fault.code, message=str(fault))
            return
        try:
            found = self._sheet(book, document.name)
            if found is None:
                yield finding("profile_unknown", message="No sheet holds a table of entries")
                return
            sheet, profile = found
            yield from read_table(book.rows(sheet), profile, "xlsx")
        except SheetFault as fault:
            yield finding(fault.code, message=str(fault))
        finally:
            book.close()

    def _sheet(self, book: Workbook, name: str) -> tuple[str, Profile] | None:
        for sheet in book.sheets:
            for profile in self._profiles:
                if fits(profile, islice(book.rows(sheet), HEADER_WITHIN)):
                    return sheet, profile
            guessed = guess(book.rows(sheet), name)
            if guessed is not None:
                return sheet, guessed
        return None
