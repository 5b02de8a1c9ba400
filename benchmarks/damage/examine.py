"""Read a damaged document in every way the program might, and look at what came of it."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.codec import dump
from app.extraction import read_file
from app.reading import read_document, study_document
from app.statement_files import read_file as read_bank_file
from benchmarks.damage.seeds import TEMPLATE_PAGE
from connectors.banks import guess_profile
from connectors.tables import Style, read_table
from connectors.tables.grids import csv_grid, workbook_grid
from connectors.tables.kinds import DETAILS, TABLES
from extractors.containers import recognise
from extractors.einvoice.validation import is_installed
from extractors.html import text_page
from extractors.reading import ReadOptions
from extractors.templates import apply_templates, read_template
from records.documents import Document, Kind, Reading
from records.failures import ConfigurationFault
from records.findings import Severity
from records.vocabulary import FIELDS

_TABLES = [kind for kind in TABLES if kind not in DETAILS.values()]


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged document, how it came about, and whether pictures are read."""

    kind: str
    origin: str
    data: bytes
    ocr: str = "none"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one reading took, and the most its process has ever held."""

    seconds: float
    peak_bytes: int


def examine(case: Case) -> Cost:
    """Read a document in every way the program might; an AssertionError is a bad result."""
    start = time.perf_counter()
    rules = Severity.WARN if case.kind == "xml" and is_installed() else None
    options = ReadOptions(ocr=case.ocr, rules=rules)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document"
        path.write_bytes(case.data)
        document = Document(
            id="0",
            media_type=recognise(case.data),
            path=path,
            name=case.origin,
            size=len(case.data),
        )
        if case.kind == "table":
            _read_as_table(case)
        if case.kind == "template":
            _apply_template(path)
        elif case.kind in {"bank", "table"}:
            _check_text(dump(read_bank_file(document)))
            guess_profile(document)
            read_document(document, options)
        else:
            outcome = read_file(path, options)
            _check_text(dump(outcome))
            if case.kind == "pdf" and case.ocr == "none":
                _learn(document, options, outcome.readings)
            for reading in outcome.readings:
                assert reading.fields or reading.findings or reading.kind is not Kind.INVOICE
                for field in reading.fields:
                    assert field.name in FIELDS and field.value, field
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(time.perf_counter() - start, peak)


def _learn(document: Document, options: ReadOptions, readings: Sequence[Reading]) -> None:
    """Correct whatever was read, and read again with what that teaches."""
    fields = readings[0].fields
    corrections = [replace(f, by="person:fuzz") for f in fields[::3]]
    learned = study_document(document, options, [*fields, *corrections], ())
    if learned is not None:
        _check_text(dump(learned))
        again = replace(options, layouts=(learned,))
        study_document(document, again, [*fields, *corrections], (learned,))
        read_document(document, again)


def _apply_template(path: Path) -> None:
    """Read a template, and run it on a page where one stands; a fault is an answer."""
    try:
        template = read_template(path)
    except ConfigurationFault as fault:
        assert "\n" not in str(fault), "one line for each fault"
        return
    page = text_page(TEMPLATE_PAGE.encode())
    _check_text(dump(apply_templates(Reading(kind=Kind.UNKNOWN), [page], [template])))


def _read_as_table(case: Case) -> None:
    kind = Path(case.origin).stem
    rows = workbook_grid(case.data) if case.data.startswith(b"PK") else csv_grid(case.data)
    for record in read_table(
        kind if kind in _TABLES else _TABLES[0], rows, name=case.origin, style=Style()
    ):
        _check_text(dump(record))


def _check_text(text: str) -> None:
    """Every text goes into a database and a report, which take no half characters and no zeros."""
    text.encode()
    assert "\x00" not in text and "\\u0000" not in text, "a text with a zero character"
