"""Secret: a value that never shows itself in logs, reports or reprs."""

from __future__ import annotations


class Secret:
    """A password or token; `reveal()` is the only way to see it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)
