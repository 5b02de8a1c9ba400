"""`nightclerk extract`: documents in, one JSON line each out; no database needed.

The field names are those of `records.vocabulary`; values are canonical text.
`fields` holds the first invoice of a file with its `lines`; a file with
several has all of them under `parts`. `evidence` says for every field how it
was printed, where, how sure it is and why.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from app.isolation import Isolated, IsolationFailure, Limits
from app.reading import unread, without_rules
from extractors.containers import Unpacked, is_container, recognise, unpack
from extractors.reading import ReadOptions, read
from matching.checks import check_invoice
from records.documents import Document, Field, Kind, Reading
from records.failures import KnownFailure
from records.findings import Finding
from records.invoices import assemble, chosen
from records.vocabulary import FIELDS

Json = dict[str, Any]

_POSTABLE = {
    Kind.INVOICE,
    Kind.CREDIT_NOTE,
    Kind.CORRECTED_INVOICE,
    Kind.SELF_BILLED_INVOICE,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes back from the isolated process for one file."""

    sha256: str
    readings: tuple[Reading, ...]
    seconds: float


def extraction_lines(paths: Iterable[Path], options: ReadOptions, jobs: int) -> Iterator[Json]:
    """Yield one JSON object per file, in order; folders are walked.

    Each file is read in a limited process that stays warm from file to file
    and is replaced when it fails. Raises nothing for bad files: they are
    Findings.
    """
    box = Isolated(max(1, jobs), preload=(__name__,))
    reader = partial(read_file, options=options)
    limits = Limits(timeout_seconds=300, cpu_seconds=300)
    for path, outcome in box.map(reader, _files(paths), limits=limits):
        if isinstance(outcome, IsolationFailure | KnownFailure):
            yield _line(path, _again(box, path, options, limits, outcome))
        else:
            yield _line(path, outcome)


def _again(
    box: Isolated, path: Path, options: ReadOptions, limits: Limits, failure: Exception
) -> Outcome:
    """Return what is left to say of a file whose reading failed: the rules may be to blame."""
    if options.rules is not None:
        try:
            outcome = box.run(read_file, path, replace(options, rules=None), limits=limits)
        except (IsolationFailure, KnownFailure) as again:
            failure = again
        else:
            readings = (without_rules(r, failure) for r in outcome.readings)
            return replace(outcome, readings=tuple(readings))
    return Outcome(_sha256(path), (unread(failure),), 0.0)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file())
        else:
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- in the isolated process


def read_file(path: Path, options: ReadOptions) -> Outcome:
    """Read one file, or what a mail or archive holds, in this process."""
    start = time.perf_counter()
    sha256 = _sha256(path)
    with path.open("rb") as file:
        media_type = recognise(file.read(1 << 16))
    document = Document(
        id=sha256,
        media_type=media_type,
        path=path,
        name=path.name,
        size=path.stat().st_size,
        origin=str(path),
    )
    if is_container(media_type):
        readings = _read_container(document, options)
    else:
        readings = [_checked(reading) for reading in read(document, options)]
    return Outcome(sha256, tuple(readings), round(time.perf_counter() - start, 4))


def _read_container(document: Document, options: ReadOptions) -> list[Reading]:
    """Read every document inside a mail or archive."""
    readings: list[Reading] = []
    problems: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, item in enumerate(unpack(document.path)):
            if isinstance(item, Finding):
                problems.append(item)
                continue
            readings += [
                _checked(r) for r in read(_kept(item, Path(folder) / str(number)), options)
            ]
    if not readings:
        return [Reading(kind=Kind.OTHER, findings=tuple(problems))]
    first = readings[0]
    return [replace(first, findings=(*first.findings, *problems)), *readings[1:]]


def _kept(item: Unpacked, path: Path) -> Document:
    path.write_bytes(item.content)
    return Document(
        id=hashlib.sha256(item.content).hexdigest(),
        media_type=item.media_type,
        path=path,
        name=item.name,
        size=len(item.content),
        origin=item.origin,
    )


def _checked(reading: Reading) -> Reading:
    """Add what the arithmetic says of an invoice."""
    if reading.kind not in _POSTABLE:
        return reading
    invoice, malformed = assemble(reading.fields)
    told = {(f.code, place) for f in reading.findings for place in (f.where, f.expected)}
    found = [
        f
        for f in (*malformed, *check_invoice(invoice))
        if not told.intersection({(f.code, f.where), (f.code, f.expected)})
    ]
    return replace(reading, findings=(*reading.findings, *found))


# -- the line


def _line(path: Path, outcome: Outcome) -> Json:
    parts = [_part(reading) for reading in outcome.readings]
    line: Json = {"path": str(path), "sha256": outcome.sha256, **parts[0]}
    line["seconds"] = outcome.seconds
    if len(parts) > 1:
        line["parts"] = parts
    return line


def _part(reading: Reading) -> Json:
    best = chosen(reading.fields)
    fields: Json = {name: f.value for (name, line), f in best.items() if line is None and f.value}
    lines = _rows(best.values(), "line")
    taxes = _rows(best.values(), "tax")
    if lines:
        fields["line_count"] = len(lines)
        fields["lines"] = lines
    return {
        "kind": reading.kind.value,
        "pages": reading.pages,
        "fields": fields,
        "lines": lines,
        "taxes": taxes,
        "findings": [_finding(f) for f in reading.findings],
        "evidence": {name: _evidence(f) for (name, line), f in best.items() if line is None},
    }


def _rows(fields: Iterable[Field], scope: str) -> list[Json]:
    """Return the invoice lines or tax rows, in order, each value under its name."""
    rows: dict[int, Json] = {}
    for field in fields:
        if field.line is not None and FIELDS[field.name].scope == scope and field.value:
            rows.setdefault(field.line, {})[field.name] = field.value
    return [rows[number] for number in sorted(rows)]


def _finding(item: Finding) -> Json:
    return {
        "code": item.code,
        "severity": item.severity.value,
        "where": item.where,
        "message": item.message,
        "expected": item.expected,
        "actual": item.actual,
        "remedy": item.remedy,
    }


def _evidence(field: Field) -> Json:
    place = field.place
    return {
        "text": field.text,
        "confidence": field.confidence,
        "proved": field.proved,
        "page": place.page if place else None,
        "box": [round(v, 1) for v in place.box] if place and place.box else None,
        "xpath": place.xpath if place else None,
        "by": field.by,
        "why": field.why,
    }
