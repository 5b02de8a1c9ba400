"""Records to JSON text and back, exactly: Decimals as text, dates as ISO."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


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
