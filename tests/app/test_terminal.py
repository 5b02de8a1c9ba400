"""What senders write is shown as it is: it commands no terminal and hides nothing."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from app.terminal import Terminal

CASES = {
    "a terminal's title": ("Invoice\x1b]0;all is well\x07 12", "Invoice\ufffd]0;all is well\ufffd 12"),
    "a line over the one before": ("held\r\x1b[1Aposted", "held\ufffd\ufffd[1Aposted"),
    "an eight-bit command": ("a\x9b2Jb", "a\ufffd2Jb"),
    "an account turned round": ("DE\u202e00 75\u202c", "DE\ufffd00 75\ufffd"),
    "letters nobody sees": ("hansa\u200b.example", "hansa\ufffd.example"),
    "markup": ("[bold]RE-1[/bold] [link=http://x]y[/link]", "[bold]RE-1[/bold] [link=http://x]y[/link]"),
    "emoji names": ("RE:100:2026", "RE:100:2026"),
    "what people write": ("Müller & Söhne 東京 «ok»", "Müller & Söhne 東京 «ok»"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "shown"), CASES.values(), ids=CASES)
def test_text_from_outside_stays_text(written: str, shown: str) -> None:
    out = io.StringIO()
    console = Terminal(out)
    console.print(written)
    table = Table("What", box=None)
    table.add_row(written)
    console.print(table)
    line, _head, cell = out.getvalue().splitlines()
    assert line == shown
    assert cell.strip() == shown
