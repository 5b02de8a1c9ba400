"""Records to JSON text and back, exactly: Decimals as text, dates as ISO."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

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
