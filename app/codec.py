"""Records to JSON text and back, exactly: Decimals as text, dates as ISO."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import TypeAdapter

from records.postings import Posting, Row, Value

T = TypeVar("T")


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the kind's adapter; building one takes milliseconds, so it is kept."""
    made = _ADAPTERS.get(kind)
    if made is None:
        made = _ADAPTERS[kind] = TypeAdapter(kind)
    return made


def prepare(kind: Any) -> None:
    """Build what a kind needs now; a module that does so at import saves each child the time."""
    _adapter(kind)


def dump(record: object) -> str:
    """Return a record as JSON text."""
    return _adapter(type(record)).dump_json(record).decode()


def load(kind: type[T], text: str) -> T:
    """Return the record that `dump` wrote; pydantic's ValidationError when it is none."""
    made: T = _adapter(kind).validate_json(text)
    return made


def plain(record: object) -> Any:
    """Return a record as JSON values (dict, list, str, …)."""
    return _adapter(type(record)).dump_python(record, mode="json")


def unplain(kind: type[T], value: Any) -> T:
    """Return the record that `plain` gave."""
    made: T = _adapter(kind).validate_python(value)
    return made


#: How a cell's type survives JSON, which knows neither decimals nor dates.
_TAGS: dict[type[Any], str] = {Decimal: "n", date: "d"}
_UNTAG: dict[str, Callable[[str], Value]] = {"n": Decimal, "d": date.fromisoformat}


def dump_posting(posting: Posting) -> str:
    """Return a posting as JSON text, each cell with its type."""
    made = plain(posting)
    for row, kept in zip(posting.rows, made["rows"], strict=True):
        kept["values"] = {name: _tagged(value) for name, value in row.values.items()}
    made["attributes"] = {name: _tagged(value) for name, value in posting.attributes.items()}
    return json.dumps(made, ensure_ascii=False)


def load_posting(text: str) -> Posting:
    """Return the posting that `dump_posting` wrote."""
    made = json.loads(text)
    rows = tuple(
        Row(
            sheet=row["sheet"],
            key=row["key"],
            values={name: _untagged(value) for name, value in row["values"].items()},
        )
        for row in made.pop("rows")
    )
    attributes = {name: _untagged(value) for name, value in made.pop("attributes").items()}
    posting = unplain(Posting, {**made, "rows": (), "attributes": {}})
    return replace(posting, rows=rows, attributes=attributes)


def _tagged(value: Value) -> Any:
    tag = _TAGS.get(type(value))
    return value if tag is None else {tag: str(value)}


def _untagged(value: Any) -> Value:
    if isinstance(value, dict):
        ((tag, text),) = value.items()
        return _UNTAG[tag](text)
    kept: Value = value
    return kept
