"""Memory: the layouts that corrections taught, kept in the database with how they fared.

What a lesson gave and a person left alone is a hit once the invoice is posted;
what the document contradicts, or a person changes again, is a miss. A lesson
that missed too often is dropped, and the audit trail says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import Connection, Row, delete, select

from app.audit import Entry, record
from app.codec import dump, load
from app.isolation import Limits
from app.office import Office
from app.reading import study_document
from app.store import document, read_fields, upsert
from app.tables import layouts
from extractors.pages.memory import Layout, Lesson
from extractors.reading import ReadOptions
from records.documents import Field
from records.failures import KnownFailure
from records.invoices import chosen
from records.vocabulary import FIELDS


def known_layouts(tx: Connection) -> tuple[Layout, ...]:
    """Return every layout in memory."""
    rows = tx.execute(select(layouts).order_by(layouts.c.key)).all()
    return tuple(_layout(row) for row in rows)


def _layout(row: Row[tuple[str, ...]]) -> Layout:
    return _parsed(row.data)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Layout:
    """Every document of a night meets the same texts: each is parsed once."""
    return load(Layout, text)


def keep(tx: Connection, office: Office, layout: Layout) -> None:
    """Write a layout; one without lessons is deleted."""
    if not layout.lessons:
        tx.execute(delete(layouts).where(layouts.c.key == layout.key))
        return
    row = {
        "key": layout.key,
        "data": dump(layout),
        "hits": sum(lesson.hits for lesson in layout.lessons),
        "misses": sum(lesson.misses for lesson in layout.lessons),
        "changed_at": office.now(),
    }
    upsert(tx, layouts, [row], replace=True)


def learn(office: Office, document_id: str, options: ReadOptions) -> Layout | None:
    """Learn from all corrections of a document; return the layout as it is known now.

    None where its page says nothing of them. Reading it again happens in the
    isolated process; raises IsolationFailure when that fails.
    """
    with office.database.begin() as tx:
        given = document(tx, document_id)
        fields = read_fields(tx, document_id)
        known = known_layouts(tx)
    bounds = office.settings.limits
    limits = Limits(timeout_seconds=bounds.seconds, memory_bytes=bounds.memory_mb << 20)
    work = (given, options, tuple(fields), known)
    learned = office.box.run(study_document, *work, limits=limits)
    if learned is None:
        return None
    with office.database.begin() as tx:
        keep(tx, office, learned)
        taught = [lesson.name for lesson in learned.lessons if lesson.document == document_id]
        evidence = {"layout": learned.key, "vendor": learned.vendor, "fields": taught}
        record(tx, office, [Entry(action="learn", subject=document_id, evidence=evidence)])
    return learned


def credit(tx: Connection, office: Office, document_id: str) -> None:
    """Count a hit for what memory gave to a document that is posted as it stands."""
    found = _recalled(chosen(read_fields(tx, document_id)).values())
    for key, names in found.items():
        _count(tx, office, document_id, key, names, held=True)


def blame(tx: Connection, office: Office, document_id: str, given: Sequence[Field]) -> None:
    """Count a miss for what memory gave and a person now changes."""
    before = chosen(read_fields(tx, document_id))
    changed = {(f.name, f.line): f.value for f in given}
    wrong = [f for place, f in before.items() if place in changed and changed[place] != f.value]
    for key, names in _recalled(wrong).items():
        _count(tx, office, document_id, key, names, held=False)


def contradict(tx: Connection, office: Office, document_id: str, key: str, name: str) -> None:
    """Count a miss for what the document itself contradicts."""
    _count(tx, office, document_id, key, {name}, held=False)


def find_layout(tx: Connection, key: str) -> Layout:
    """Return a layout by its key; raises KnownFailure where there is none."""
    row = tx.execute(select(layouts).where(layouts.c.key == key)).first()
    if row is None:
        raise KnownFailure(f"there is no layout {key}. `nightclerk layouts` lists them.")
    return _layout(row)


def forget(office: Office, key: str, reason: str) -> Layout:
    """Drop a layout; raises KnownFailure where there is none."""
    with office.database.begin() as tx:
        layout = find_layout(tx, key)
        tx.execute(delete(layouts).where(layouts.c.key == key))
        evidence = {"layout": key, "vendor": layout.vendor, "reason": reason}
        record(tx, office, [Entry(action="forget", subject=f"layout {key}", evidence=evidence)])
    return layout


def _recalled(fields: Iterable[Field]) -> dict[str, set[str]]:
    """Return the lessons that fields come from, by layout; those of lines are one lesson."""
    found: dict[str, set[str]] = {}
    for field in fields:
        reader, _, key = field.by.partition(":")
        if reader == "layout":
            name = "lines" if FIELDS[field.name].scope == "line" else field.name
            found.setdefault(key, set()).add(name)
    return found


def _count(
    tx: Connection,
    office: Office,
    document_id: str,
    key: str,
    names: set[str],
    *,
    held: bool,
) -> None:
    row = tx.execute(select(layouts).where(layouts.c.key == key)).first()
    if row is None:
        return
    layout = _layout(row)
    counted = [_counted(x, held) if x.name in names else x for x in layout.lessons]
    dropped = [lesson for lesson in counted if lesson.is_dropped]
    kept = tuple(lesson for lesson in counted if not lesson.is_dropped)
    keep(tx, office, replace(layout, lessons=kept))
    for lesson in dropped:
        evidence = {"layout": key, "field": lesson.name, "taught": lesson.source}
        evidence["reason"] = f"wrong {lesson.misses} times"
        record(tx, office, [Entry(action="forget", subject=document_id, evidence=evidence)])


def _counted(lesson: Lesson, held: bool) -> Lesson:
    """Return a lesson after a hit or a miss; an old record counts half after a miss."""
    if held:
        return replace(lesson, hits=lesson.hits + 1)
    return replace(lesson, hits=lesson.hits // 2, misses=lesson.misses + 1)
