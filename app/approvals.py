"""What a person released: the very Findings that were seen, not others of their kind."""

from __future__ import annotations

import json
from collections import defaultdict

from sqlalchemy import Connection, func, select

from app.store import brief
from app.tables import approvals, fields
from records.findings import Finding


def seal(found: Finding) -> str:
    """Return what makes a Finding the one that was seen: code, place, expected and actual value."""
    said = (found.code, found.where, found.expected, found.actual)
    return json.dumps([None if text is None else brief(text) for text in said], ensure_ascii=False)


def released_by(tx: Connection, document_id: str) -> dict[str, set[str]]:
    """Return the persons that released each seal of a document.

    What was released of other values counts no more once they were read or
    corrected anew.
    """
    newest = select(func.max(fields.c.revision)).where(fields.c.document_id == document_id)
    query = select(approvals.c.person, approvals.c.codes).where(
        approvals.c.document_id == document_id,
        approvals.c.revision > (tx.execute(newest).scalar() or 0),
    )
    people: defaultdict[str, set[str]] = defaultdict(set)
    for person, seals in tx.execute(query):
        for one in seals:
            people[one].add(person)
    return dict(people)
