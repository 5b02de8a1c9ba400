"""What a terminal is shown: text from outside stays text.

A sender chooses subjects, names and numbers; as they stand, they could move the
cursor, hide lines, or turn the writing round so that an account reads otherwise.
"""

from __future__ import annotations

import re
from typing import IO, Any

from rich.console import Console
from rich.text import Text

#: Columns where nobody sees the terminal's own: a pipe's reader wants whole lines.
_PIPED_WIDTH = 400
#: Control characters but tab and line feed, and marks that direct or hide writing.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)


def seen(text: str) -> str:
    """Return text as a person sees it: what is not seen is shown as U+FFFD."""
    return _UNSEEN.sub("\ufffd", text)


class Terminal(Console):
    """A console on `out` that interprets nothing of what it is given."""

    def __init__(self, out: IO[str]) -> None:
        """Write to a terminal, or in whole lines to a pipe."""
        piped = not out.isatty()
        width = _PIPED_WIDTH if piped else None
        super().__init__(
            file=out, highlight=False, markup=False, emoji=False, soft_wrap=piped, width=width
        )

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text to print, here and in the cells of tables."""
        return super().render_str(seen(text), **options)
