"""What a document is and says: a bank file for the statements bot, or invoices.

`read_isolated` has it read in a limited process, where `read_document` runs.
The bank's formats are known by their first bytes, so they are asked before
anything is read as an invoice; tables (CSV, XLSX) only where a profile that a
person confirmed fits, because a guess would take any list for a bank file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.isolation import Crashed, Isolated, IsolationFailure, Limits, OutOfMemory, TookTooLong
from connectors.banks import Profile, reader_for
from extractors.containers import BODY_NAMES
from extractors.layouts import learn
from extractors.pages.memory import Layout
from extractors.reading import ReadOptions, pages_of, read
from records.documents import Document, Field, Kind, Reading
from records.findings import finding

_FAILURES: dict[type[Exception], str] = {
    TookTooLong: "took_too_long",
    OutOfMemory: "out_of_memory",
    Crashed: "reader_crashed",
}


def read_isolated(
    box: Isolated,
    document: Document,
    options: ReadOptions,
    profiles: Sequence[Profile],
    limits: Limits,
) -> list[Reading]:
    """Read a document in a limited process; whatever becomes of that is a Finding, never raised."""
    try:
        return box.run(read_document, document, options, profiles, limits=limits)
    except IsolationFailure as failure:
        if options.rules is None:
            return [unread(failure, document.name)]
        less = replace(options, rules=None)
        first, *others = read_isolated(box, document, less, profiles, limits)
        return [without_rules(first, failure), *others]


def unread(failure: Exception, name: str = "") -> Reading:
    """Return what is known of a document whose reading failed: why."""
    code = _FAILURES.get(type(failure), "reader_crashed")
    problem = finding(code, where=name, message=str(failure))
    return Reading(kind=Kind.UNKNOWN, findings=(problem,))


def without_rules(reading: Reading, failure: Exception) -> Reading:
    """Add to a reading that its rules could not be checked, where there are any."""
    if not any(f.by in {"ubl", "cii"} for f in reading.fields):
        return reading
    told = finding("rules_not_checked", message=f"checking the rules failed: {failure}")
    return replace(reading, findings=(*reading.findings, told))


def read_document(
    document: Document, options: ReadOptions, profiles: Sequence[Profile] = ()
) -> list[Reading]:
    """Return one Reading per invoice of a file, or one that says it is a bank file."""
    if is_bank_file(document, profiles):
        return [Reading(kind=Kind.BANK_STATEMENT)]
    return read(document, options)


def study_document(
    document: Document, options: ReadOptions, fields: Sequence[Field], known: Sequence[Layout]
) -> Layout | None:
    """Return what a person's corrections among `fields` teach of a document's layout."""
    return learn(pages_of(document, options), document.pages, fields, known, document.id)


#: What no bank file is, whatever stands among its first bytes.
_NEVER = ("application/pdf", "text/html", "message/", "image/")


def is_bank_file(document: Document, profiles: Sequence[Profile] = ()) -> bool:
    """Say whether a bank reader knows these bytes for certain; a mail's own text never counts."""
    if document.name in BODY_NAMES or document.media_type.startswith(_NEVER):
        return False
    reader = reader_for(document, profiles)
    if reader is None:
        return False
    profile = getattr(reader, "profile", None)
    if profile is None:
        return True
    found: Profile | None = profile(document)
    return found is not None and found.name is not None
