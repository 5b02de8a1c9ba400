"""Banks' own CSV exports, read by a profile: a given one, else a guess that says so."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TextIO

from connectors.banks._container import is_packed
from connectors.banks._guess import guess
from connectors.banks._profile import Profile
from connectors.banks._table import HEADER_WITHIN, fits, read_table
from connectors.banks._values import code_page
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding, finding

_HEAD = 1 << 16
_MAX_LINE = 1 << 20
_DELIMITERS = ";,\t|"


class Reader:
    """Reads delimited text (records.protocols.StatementReader)."""

    def __init__(self, profiles: Sequence[Profile] = ()) -> None:
        """Take the profiles people have confirmed; the first that fits a file reads it."""
        self._profiles = tuple(profiles)

    def accepts(self, document: Document) -> bool:
        """Say whether the file is text in which a profile, or a guess, finds dates and amounts."""
        return self.profile(document) is not None

    def profile(self, document: Document) -> Profile | None:
        """Return the profile to read the file with; a guessed one has no name."""
        with document.path.open("rb") as file:
            head = file.read(_HEAD)
        if is_packed(head):
            return None
        encoding = _encoding(head)
        text = _decoded(head, encoding)
        if text is None or text.lstrip()[:1] in ("<", "{", "!"):
            return None
        if len(head) == _HEAD:
            text = text[: text.rfind("\n") + 1]
        for profile in self._profiles:
            if fits(profile, _rows(text, profile.delimiter)[:HEADER_WITHIN]):
                return profile
        delimiter = _delimiter(text)
        if delimiter is None:
            return None
        found = guess(_rows(text, delimiter), document.name)
        if found is None:
            return None
        return replace(found, delimiter=delimiter, encoding=encoding)

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the file; see records.protocols.StatementReader."""
        profile = self.profile(document)
        if profile is None:
            yield finding("profile_unknown")
            return
        with document.path.open(
            encoding=profile.encoding, errors="surrogateescape", newline=""
        ) as file:
            try:
                rows = csv.reader(_lines(file), delimiter=profile.delimiter)
                yield from read_table(rows, profile, "csv")
            except csv.Error as error:
                yield finding("statement_malformed", message=f"Not a readable table: {error}")


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines; one that is not in the file's encoding is in the likeliest code page."""
    while line := file.readline(_MAX_LINE):
        if "\0" in line:
            line = line.replace("\0", "")
        if not line.isascii() and any("\udc80" <= c <= "\udcff" for c in line):
            raw = line.encode("utf-8", "surrogateescape")
            line = raw.decode(code_page(raw), "replace")
        yield line


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character cut in two at the end of the sample is none of the file's faults.
        if error.start < len(head) - 4 or len(head) < _HEAD:
            return code_page(head)
    return "utf-8-sig"


def _decoded(head: bytes, encoding: str) -> str | None:
    """Return the text, or None for bytes that are no text."""
    text = head.decode(encoding, "replace").replace("\0", "")
    odd = len(re.findall(r"[\x01-\x08\x0e-\x1f\ufffd]", text))
    return None if not text.strip() or odd * 50 > len(text) else text


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))
    except csv.Error:
        return []


def _delimiter(text: str) -> str | None:
    """Return the delimiter that gives the most rows the same number (two or more) of cells."""
    best, best_score = None, 0
    sample = text[:20_000]
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _rows(sample, delimiter) if len(row) > 1]
        if not widths:
            continue
        common = max(set(widths), key=lambda w: (widths.count(w), w))
        score = widths.count(common) * 100 + common
        if score > best_score:
            best, best_score = delimiter, score
    return best
