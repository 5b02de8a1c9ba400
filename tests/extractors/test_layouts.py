"""What corrections teach of a layout, and what may not be taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from extractors.layouts import NEVER, learn
from extractors.pages import read_pages
from extractors.pages.anchors import describe, find, kind_of, printed_as
from extractors.pages.layout import sheet_of
from extractors.pages.memory import Layout, Lesson
from extractors.words import PageWords, Word
from records.documents import Field, Kind, Reading

#: An invoice of a vendor whose labels no lexicon knows; {} is filled in per document.
LETTER = """
Wexmar Tools GmbH
Hafenweg 4, 20457 Hamburg                 USt-IdNr. DE136695976

Kunde AG                                  Quorb      {number}
Ringstr. 1                                Zelm       {day}
50667 Koeln                               Trask      {other}

{title}

Fent                     Glims      Prock        Dorf
Bohrer 8 mm                  {q1}      10,00      {a1}
Saege fein                   {q2}      20,00      {a2}

                                     Murx        {net}
                                     MwSt. 19 %  {tax}
                                     Stumm       {gross}

Bank: IBAN {iban}
"""
FIRST = {
    "number": "WX-1001",
    "day": "03.04.2026",
    "other": "17.04.2026",
    "title": "Rechnung",
    "q1": "2",
    "a1": "20,00",
    "q2": "4",
    "a2": "80,00",
    "net": "100,00",
    "tax": "19,00",
    "gross": "119,00",
    "iban": "DE02120300000000202051",
}
SECOND = FIRST | {
    "number": "WX-1077",
    "day": "05.06.2026",
    "other": "19.06.2026",
    "q1": "5",
    "a1": "50,00",
    "q2": "1",
    "a2": "20,00",
    "net": "70,00",
    "tax": "13,30",
    "gross": "83,30",
}
RIGHT = {
    "invoice_number": "WX-1001",
    "issue_date": "2026-04-03",
    "due_date": "2026-04-17",
    "net_total": "100.00",
    "gross_total": "119.00",
}


def _pages(values: Mapping[str, str], by: str = "pdf_text") -> list[PageWords]:
    words = []
    for row, line in enumerate(LETTER.format(**values).splitlines()):
        at = 0
        for part in line.split(" "):
            if part:
                box = (40 + 5.0 * at, 40 + 14.0 * row, 40 + 5.0 * (at + len(part)), 50 + 14.0 * row)
                words.append(Word(part, box, 1.0 if by == "pdf_text" else 0.95))
            at += len(part) + 1
    return [PageWords(number=1, width=595, height=842, words=tuple(words), by=by)]


def _by_anna(values: Mapping[str, str]) -> list[Field]:
    return [
        Field(
            name=name, value=value, text=value, line=int(line) if line else None, by="person:anna"
        )
        for key, value in values.items()
        for name, _, line in [key.partition(":")]
    ]


def _taught(values: Mapping[str, str], pages: list[PageWords] | None = None) -> Layout:
    pages = pages or _pages(FIRST)
    fields = [*read_pages(pages)[0].fields, *_by_anna(values)]
    learned = learn(pages, None, fields, (), "d" * 64)
    assert learned is not None
    return learned


def _read(values: Mapping[str, str], *layouts: Layout, by: str = "pdf_text") -> Reading:
    return read_pages(_pages(values, by), layouts=layouts)[0]


def _header(reading: Reading) -> dict[str, Field]:
    return {f.name: f for f in reading.fields if f.line is None}


def test_a_file_without_pages_teaches_nothing() -> None:
    assert learn([], None, [], (), "0") is None


def test_the_next_document_of_the_layout_is_read() -> None:
    assert "invoice_number" not in _header(_read(SECOND))
    found = _header(_read(SECOND, _taught(RIGHT)))
    assert found["invoice_number"].value == "WX-1077"
    assert found["issue_date"].value == "2026-06-05"
    assert found["due_date"].value == "2026-06-19"
    assert found["gross_total"].value == "83.30"
    number = found["invoice_number"]
    assert "beside 'Quorb', learned from correction of dddddddddddd by anna" in number.why
    assert number.text == "WX-1077" and number.place is not None


def test_lines_teach_the_columns() -> None:
    lines = {
        f"{name}:{line}": value
        for line, row in enumerate((("2", "10.00", "20.00"), ("4", "20.00", "80.00")), 1)
        for name, value in zip(("quantity", "unit_price", "net_amount"), row, strict=True)
    }
    reading = _read(SECOND, _taught(lines))
    read = {(f.name, f.line): f for f in reading.fields if f.line is not None}
    assert read[("quantity", 1)].value == "5"
    assert read[("net_amount", 2)].value == "20.00"
    assert read[("unit_price", 2)].value == "20.00"
    assert "columns were learned from correction" in read[("quantity", 1)].why


def test_a_scan_is_read_by_what_a_text_taught_and_the_other_way_round() -> None:
    assert _header(_read(SECOND, _taught(RIGHT), by="ocr"))["invoice_number"].value == "WX-1077"
    from_scan = _taught(RIGHT, _pages(FIRST, by="ocr"))
    assert _header(_read(SECOND, from_scan))["invoice_number"].value == "WX-1077"


def test_the_account_cannot_be_taught() -> None:
    other = "DE89370400440532013000"
    pages = _pages(FIRST)
    taught = _by_anna(dict.fromkeys(sorted(NEVER), other))
    fields = [*read_pages(pages)[0].fields, *taught]
    learned = learn(pages, None, fields, (), "d")
    assert learned is None or not NEVER & {lesson.name for lesson in learned.lessons}
    layout = _taught(RIGHT | {"iban": other})
    changed = _header(_read(SECOND | {"iban": "DE75512108001245126199"}, layout))
    assert changed["iban"].value == "DE75512108001245126199", "what the page says, and only that"


def test_memory_needs_the_vendors_own_mark() -> None:
    layout = _taught(RIGHT)
    assert layout.marks
    letter = _pages(SECOND)[0]
    others = tuple(
        w._replace(text=w.text.replace("DE136695976", "DE811907980").replace("Wexmar", "Other"))
        for w in letter.words
        if w.text != "DE02120300000000202051"
    )
    look_alike = read_pages([replace(letter, words=others)], layouts=[layout])[0]
    assert look_alike.recalled == ()
    assert not any(f.by.startswith("layout") for f in look_alike.fields)


def test_what_the_arithmetic_proves_stays() -> None:
    layout = _taught({"net_total": "19.00"})  # a slip: the tax
    page = SECOND | {"tax": "13,30"}
    known = {"Murx": "Netto", "Stumm": "Gesamtbetrag"}
    letter = _pages(page)[0]
    words = tuple(w._replace(text=known.get(w.text, w.text)) for w in letter.words)
    reading = read_pages([replace(letter, words=words)], layouts=[layout])[0]
    found = _header(reading)
    assert found["net_total"].value == "70.00" and found["net_total"].proved
    assert [r for r in reading.recalled if r.name == "net_total" and not r.held]
    assert "memory_contradicted" in {f.code for f in reading.findings}


def test_a_field_whose_label_is_gone_is_gone() -> None:
    layout = _taught(RIGHT)
    letter = _pages(SECOND)[0]
    words = tuple(w for w in letter.words if w.text not in {"Trask", "Zelm"})
    found = _header(read_pages([replace(letter, words=words)], layouts=[layout])[0])
    assert "due_date" not in found or not found["due_date"].by.startswith("layout")


def test_a_constant_corrects_the_same_mistake_only() -> None:
    layout = _taught({"currency": "CHF"})
    lesson = layout.lesson("currency")
    assert lesson is not None and [r.relation for r in lesson.rules] == ["constant"]
    assert _header(_read(SECOND, layout))["currency"].value == "CHF"
    in_dollars = SECOND | {"gross": "83,30 USD"}
    assert _header(_read(in_dollars, layout))["currency"].value == "USD"


def test_a_title_may_be_taught_and_another_title_stays_what_it_is() -> None:
    values = FIRST | {"title": "Flurbeleg"}
    layout = _taught({"type_code": "380"} | RIGHT, _pages(values))
    assert _read(SECOND | {"title": "Flurbeleg"}, layout).kind is Kind.INVOICE
    assert _read(SECOND | {"title": "Mahnung"}, layout).kind is Kind.REMINDER


def test_a_lesson_is_dropped_after_two_misses() -> None:
    lesson = Lesson(name="invoice_number", rules=(), document="d", person="anna")
    assert not replace(lesson, misses=1).is_dropped
    assert replace(lesson, misses=2).is_dropped
    assert not replace(lesson, misses=2, hits=9).is_dropped
    assert lesson.trust < replace(lesson, hits=3).trust < 1
    dropped = replace(_taught(RIGHT), lessons=(replace(lesson, misses=2),))
    assert dropped.lesson("invoice_number") is None


def test_a_second_correction_keeps_the_layout_and_adds_to_it() -> None:
    first = _taught({"invoice_number": "WX-1001"})
    pages = _pages(SECOND)
    fields = [*read_pages(pages)[0].fields, *_by_anna({"due_date": "2026-06-19"})]
    second = learn(pages, None, fields, [first], "e" * 64)
    assert second is not None and second.key == first.key
    assert {"invoice_number", "due_date"} <= {lesson.name for lesson in second.lessons}


@pytest.mark.parametrize("value", ["WX-1001", "03.04.2026", "119,00"])
def test_what_is_described_is_found_again(value: str) -> None:
    sheet = sheet_of(_pages(FIRST))
    name = {"WX-1001": "invoice_number", "03.04.2026": "issue_date"}.get(value, "gross_total")
    (unit,) = printed_as(sheet, value)
    rules = list(describe(sheet, unit, kind_of(name)))
    assert {rule.relation for rule in rules} >= {"right", "place"}
    for rule in rules:
        assert find(sheet, rule, kind_of(name)) == unit
