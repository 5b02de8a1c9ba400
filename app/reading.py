"""What a document is and says: a bank file for the statements bot, or invoices.

Runs in the isolated process. The bank's formats are known by their first
bytes, so they are asked before anything is read as an invoice; tables (CSV,
XLSX) only where a profile that a person confirmed fits, because a guess would
take any list for a bank file.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.banks import Profile, reader_for
from extractors.containers import BODY_NAMES
from extractors.layouts import learn
from extractors.pages.memory import Layout
from extractors.reading import ReadOptions, pages_of, read
from records.documents import Document, Field, Kind, Reading


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
