"""Parsing: what a template finds in a text, as values under invoice2data's own names.

Patterns come from a person's file and run on a stranger's text, so all of them
together have a few seconds: `OutOfTime` ends one that tries every way to match.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import regex

from extractors.pages.dates import Order, dates_in
from extractors.templates.files import (
    Block,
    Grid,
    Replacement,
    Rule,
    Template,
    Type,
    implied_type,
)
from extractors.templates.text import layout_text
from extractors.words import PageWords

Value = str | Decimal | date
Row = dict[str, Value]

#: For all patterns of one template on one document.
_SECONDS = 2.0
_NUMBER = regex.compile(r"[-+]?\d+(?:[.,\s']\d+)*")


class OutOfTime(Exception):
    """A template's patterns took too long on this document."""


@dataclass(slots=True)
class Found:
    """What a template found: single values, and rows of lines and taxes."""

    values: Row = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)


def fits(template: Template, text: str) -> bool:
    """Say whether all of a template's keywords stand in a text, and none that exclude it."""
    prepared = _Run(template).prepare(text)
    return all(k in prepared for k in template.keywords) and not any(
        k in prepared for k in template.exclude
    )


def parse(template: Template, pages: Sequence[PageWords]) -> Found:
    """Run a template on pages. Raises OutOfTime."""
    run = _Run(template)
    text = run.prepare(layout_text(pages))
    found = Found()
    for rule in template.rules:
        own = text if rule.area is None else run.prepare(layout_text(pages, rule.area))
        value = run.value(rule, own)
        if isinstance(value, list):
            found.unclear.append(rule.name)
        elif value is not None:
            found.values[rule.name] = value
    for block in template.blocks:
        found.rows.setdefault(block.name, []).extend(run.rows(block, text))
    for grid in template.grids:
        for name, value in run.cells(grid, text):
            found.values.setdefault(name, value)
    return found


class _Run:
    """One run of one template, within its time."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._until = time.monotonic() + _SECONDS

    def prepare(self, text: str) -> str:
        template = self._template
        if template.remove_whitespace:
            text = text.replace(" ", "")
        if template.remove_accents:
            plain = unicodedata.normalize("NFKD", text)
            text = "".join(c for c in plain if not unicodedata.combining(c))
        if template.lowercase:
            text = text.lower()
        return self._replaced(text, template.replace)

    def value(self, rule: Rule, text: str) -> Value | list[Value] | None:
        """Return a rule's value; a list where it finds several that differ."""
        if rule.static is not None:
            return rule.static
        found: list[str] = []
        for pattern in rule.patterns:
            for match in self._matches(pattern, text):
                found.append(match.group(1) if match.re.groups else match.group())
        values: list[Value] = []
        for item in found:
            plain = self._replaced(item or "", rule.replace)
            if rule.extract_number and (number := _NUMBER.search(plain)):
                plain = number.group()
            value = self._typed(plain, rule.type)
            # Equal values are one, except where they are added up.
            if value is not None and (value not in values or rule.group == "sum"):
                values.append(value)
        if rule.group and values:
            return _grouped(rule, values)
        return values[0] if len(values) == 1 else values or None

    def rows(self, block: Block, text: str) -> Iterator[Row]:
        """Yield the rows of every part of the text between a block's start and end."""
        while (start := self._search((block.start,), text)) is not None:
            text = text[start.end() :]
            ends = list(self._matches(block.end, text))
            if not ends:
                return
            end = ends[-1 if block.end_match == "last" else 0]
            for row in self._block(block, text[: end.start()]):
                types = dict(block.types)
                typed = {n: self._typed(v, types.get(n, "text")) for n, v in row.items()}
                yield {n: v for n, v in typed.items() if v is not None}
            text = text[end.end() :]

    def _block(self, block: Block, text: str) -> Iterator[dict[str, str]]:
        first = block.first or (() if block.last else block.line)
        row: dict[str, str] = {}
        is_open = False
        for line in regex.split(block.separator, text, timeout=self._left()):
            if not line or self._search(block.skip, line):
                continue
            if (match := self._search(first, line)) is not None:
                if row:
                    yield row
                row = {name: (value or "").strip() for name, value in match.groupdict().items()}
                is_open = True
            elif is_open and (match := self._search(block.last, line)) is not None:
                _extend(row, match)
                yield row
                row, is_open = {}, False
            elif is_open and (match := self._search(block.line, line)) is not None:
                _extend(row, match)
        if row:
            yield row

    def cells(self, grid: Grid, text: str) -> Iterator[tuple[str, Value]]:
        """Yield the named groups of a table's rows."""
        start = self._search((grid.start,), text)
        end = self._search((grid.end,), text)
        if start is None or end is None:
            return
        types = dict(grid.types)
        body = text[start.end() : end.start()]
        for line in regex.split(grid.separator, body, timeout=self._left()):
            match = self._search((grid.body,), line)
            for name, value in (match.groupdict() if match else {}).items():
                typed = self._typed(value or "", types.get(name, implied_type(name)))
                if typed is not None:
                    yield name, typed

    # -- within the time

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise OutOfTime(self._template.name)
        return left

    def _search(self, patterns: Sequence[str], text: str) -> regex.Match[str] | None:
        for pattern in patterns:
            try:
                found = regex.search(pattern, text, timeout=self._left())
            except TimeoutError:
                raise OutOfTime(self._template.name) from None
            if found:
                return found
        return None

    def _matches(self, pattern: str, text: str) -> list[regex.Match[str]]:
        try:
            return list(regex.finditer(pattern, text, timeout=self._left()))
        except TimeoutError:
            raise OutOfTime(self._template.name) from None

    def _replaced(self, text: str, replacements: Sequence[Replacement]) -> str:
        for one in replacements:
            try:
                text = regex.sub(one.pattern, one.text, text, timeout=self._left())
            except TimeoutError:
                raise OutOfTime(self._template.name) from None
            except (regex.error, IndexError):
                continue  # the replacement names a group that the pattern lacks
        return text

    # -- values

    def _typed(self, text: str, kind: Type) -> Value | None:
        text = text.strip()
        if not text:
            return None
        if kind == "text":
            return text
        if kind == "date":
            return self._date(text)
        number = self._number(text)
        return number if kind == "float" or number is None else Decimal(int(number))

    def _number(self, text: str) -> Decimal | None:
        decimal = self._template.decimal
        other = "," if decimal == "." else "."
        plain = regex.sub(r"[\s'’]", "", text.replace(other, "")).replace(decimal, ".")
        try:
            value = Decimal(plain)
        except InvalidOperation:
            return None
        return value if value.is_finite() else None

    def _date(self, text: str) -> date | None:
        """Read a date by the template's formats, else by what it can only mean."""
        for form in self._template.date_formats:
            try:
                return datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
            except ValueError:
                continue
        order = None
        for form in self._template.date_formats:
            day, month = form.find("%d"), form.find("%m")
            if min(day, month) >= 0:
                order = Order.DAY if day < month else Order.MONTH
                break
        printed = dates_in(" ".join(text.split()))
        return printed[0].read(order) if len(printed) == 1 else None


def _extend(row: dict[str, str], match: regex.Match[str]) -> None:
    for name, value in match.groupdict().items():
        held, more = row.get(name, ""), (value or "").strip()
        row[name] = f"{held}\n{more}" if held and more else held or more


def _grouped(rule: Rule, values: list[Value]) -> Value | None:
    if rule.group == "first":
        return values[0]
    if rule.group == "last":
        return values[-1]
    if rule.group == "join":
        return " ".join(str(v) for v in values)
    numbers = [v for v in values if isinstance(v, Decimal)]
    if len(numbers) == len(values):
        if rule.group == "sum":
            return sum(numbers, Decimal(0))
        return min(numbers) if rule.group == "min" else max(numbers)
    days = [v for v in values if isinstance(v, date)]
    if len(days) == len(values) and rule.group in {"min", "max"}:
        return min(days) if rule.group == "min" else max(days)
    return None
