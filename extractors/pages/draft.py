"""The draft of a Reading: fields and findings as they are collected, with their places."""

from __future__ import annotations

from decimal import Decimal

from extractors.pages.layout import Row, Sheet
from records.documents import Field, Place
from records.findings import Finding


class Draft:
    """Collects the fields and findings of one document."""

    def __init__(self, sheet: Sheet) -> None:
        """Begin an empty draft of what `sheet` says."""
        self.sheet = sheet
        self.fields: list[Field] = []
        self.findings: list[Finding] = []

    def place(self, row: Row, first: int, last: int) -> Place:
        """Return the place of tokens `first` to `last` (exclusive) of a row."""
        return Place(page=row.page, box=row.box(first, last))

    def field(
        self,
        name: str,
        value: str,
        row: Row | None,
        first: int,
        last: int,
        confidence: float,
        why: str,
        *,
        line: int | None = None,
        proved: bool = False,
    ) -> Field:
        """Make a field from tokens of a row; None is a value that is printed nowhere."""
        text, place = "", None
        if row is not None and last > first:
            text, place = row.words(first, last), self.place(row, first, last)
            confidence *= min([t.confidence for t in row.tokens[first:last]])
        return Field(
            name=name,
            value=value,
            text=text,
            line=line,
            confidence=round(confidence, 3),
            proved=proved,
            place=place,
            by=self.sheet.by,
            why=why,
        )


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without a negative zero."""
    return format(value if value else abs(value), "f")
