"""Finding: something a person should know, as a value; and the catalogue of codes.

A blocking Finding holds the document, invoice, account or bank line it is
about: a person decides, nothing is lost. Problems in data are always Findings,
never exceptions, so that one bad entry hides no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How far a Finding stops the work."""

    BLOCK = "block"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of the catalogue: title for people, usual severity, usual remedy."""

    title: str
    severity: Severity
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation.

    `code` is a key of `CATALOGUE`; `where` names the place in the reader's
    words ("invoice 4711, line 3", "page 2", "stmt.xml, entry 14"). `expected`
    and `actual` are short display texts, None where the code has no such pair.
    """

    code: str
    severity: Severity
    where: str = ""
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    remedy: str = ""

    @property
    def blocks(self) -> bool:
        """Say whether this Finding holds what it is about."""
        return self.severity is Severity.BLOCK

    def __str__(self) -> str:
        pair = "" if self.expected is None else f" (expected {self.expected}, found {self.actual})"
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message or CATALOGUE[self.code].title}{pair}"


def finding(
    code: str,
    *,
    where: str = "",
    message: str = "",
    expected: object = None,
    actual: object = None,
    severity: Severity | None = None,
    remedy: str | None = None,
) -> Finding:
    """Make a Finding from the catalogue; severity and remedy default to the code's own.

    Raises KeyError for a code that is not in `CATALOGUE`: a fault of ours.
    """
    entry = CATALOGUE[code]
    return Finding(
        code=code,
        severity=entry.severity if severity is None else severity,
        where=where,
        message=message or entry.title,
        expected=None if expected is None else str(expected),
        actual=None if actual is None else str(actual),
        remedy=entry.remedy if remedy is None else remedy,
    )


_B, _W, _N = Severity.BLOCK, Severity.WARN, Severity.NOTE

#: Every code the program can report. Keys are stable: other programs rely on them.
CATALOGUE: dict[str, Code] = {
    # -- documents: bytes that could not be read, or should not be
    "encrypted": Code(
        "The document is protected by a password", _B, "Ask the sender for an open copy."
    ),
    "damaged": Code(
        "The document is damaged and could not be read", _B, "Ask the sender to send it again."
    ),
    "too_large": Code(
        "The document exceeds a size limit", _B, "Open it by hand, or raise the limit."
    ),
    "took_too_long": Code(
        "Reading took longer than the limit", _B, "Open it by hand; it may be hostile."
    ),
    "out_of_memory": Code(
        "Reading needed more memory than the limit", _B, "Open it by hand; it may be hostile."
    ),
    "reader_crashed": Code("The reading process died", _B, "Open it by hand; it may be hostile."),
    "hostile": Code(
        "The document tries something no invoice does", _B, "Do not open it; tell your IT."
    ),
    "unknown_format": Code(
        "No reader knows this kind of file", _B, "Ask for a PDF or an e-invoice."
    ),
    "no_text": Code(
        "No text could be read from the document",
        _B,
        "Type the values in, or ask for a better copy.",
    ),
    "not_an_invoice": Code(
        "The document is not an invoice; nothing is posted", _N, "File it with the vendor."
    ),
    "several_invoices": Code(
        "The document holds several invoices; each is handled by itself", _N, "Nothing to do."
    ),
    # -- fields
    "missing_field": Code("A required value was not found", _B, "Enter the value."),
    "uncertain_field": Code(
        "A value was read with too little certainty", _B, "Compare with the page and confirm."
    ),
    "fields_disagree": Code(
        "Two readings of the same value disagree", _B, "Decide which one is right."
    ),
    "page_contradicts_xml": Code(
        "The page and its embedded e-invoice disagree; the XML governs",
        _B,
        "Ask the vendor which one is right.",
    ),
    "ambiguous_date": Code("The date can be read in two ways", _B, "Enter the right date."),
    "ambiguous_amount": Code("The amount can be read in two ways", _B, "Enter the right amount."),
    "bad_checksum": Code("The check digits are wrong", _B, "Compare with the page."),
    # -- arithmetic (EN 16931 BR-CO-*)
    "lines_do_not_sum": Code(
        "The lines do not add up to the net total", _B, "Ask the vendor for a corrected invoice."
    ),
    "totals_do_not_sum": Code(
        "Net and tax do not add up to the gross total",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "tax_does_not_sum": Code(
        "The tax does not follow from its base and rate",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
    "due_does_not_sum": Code(
        "The amount due does not follow from gross, prepaid and rounding",
        _B,
        "Ask the vendor for a corrected invoice.",
    ),
}
