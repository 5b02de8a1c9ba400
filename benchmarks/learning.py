"""What one correction teaches: the next document of the layout, before and after.

usage: python -m benchmarks.learning [CORPUS] [--seeds N…] [--vendors N] [--scan LEVEL]

For every vendor with two documents, the first is read and everything wrong in
it corrected from the truth, as a person would in one sitting; then the second
is read with that memory (invoices teach of invoices, credit notes of credit
notes: their labels differ). CORPUS is a folder with a `truth.jsonl` (path, truth,
visible, lines_visible, layout); without it, only generated documents are
measured, of ordinary vendors and of strange ones, who print words of their own
for labels. Counted are the values visible on the second document, and its
lines (net amount and quantity). `harm` counts values that the memories of all
other vendors changed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.reading_scores import Result, result, same
from extractors.layouts import learn
from extractors.pages.memory import Layout
from extractors.reading import ReadOptions, pages_of, read
from fixtures.collection import write_invoices
from fixtures.scans import LEVELS
from fixtures.wording import LANGUAGES
from records.documents import Document, Field, Reading
from records.invoices import chosen

_LINE = ("description", "quantity", "unit_price", "net_amount")
_OPTIONS = ReadOptions(use_einvoice=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A document and what is true of it."""

    document: Document
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """The second document of one vendor, before and after the first was corrected."""

    name: str
    vendor: str
    corrected: int
    learned: Layout | None
    second: Specimen
    before: Result
    after: Result


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("corpus", nargs="?", type=Path)
    arguments.add_argument("--seeds", nargs="*", type=int, default=[31, 32])
    arguments.add_argument("--vendors", type=int, default=32)
    arguments.add_argument("--scan", choices=LEVELS)
    given = arguments.parse_args()
    if given.corpus:
        _measure("corpus", _by_vendor(given.corpus))
    for seed in given.seeds:
        for strange in (False, True):
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                write_invoices(
                    folder,
                    seed=seed,
                    count=3 * given.vendors,
                    vendors=given.vendors,
                    languages=list(LANGUAGES),
                    scan=given.scan,
                    strange=strange,
                )
                name = f"{'strange' if strange else 'ordinary'} vendors, seed {seed}"
                _measure(name, _by_vendor(folder))


def _by_vendor(folder: Path) -> list[list[Specimen]]:
    """Return the documents of every vendor that has two of one layout."""
    vendors: dict[str, list[Specimen]] = defaultdict(list)
    for text in (folder / "truth.jsonl").read_text("utf-8").splitlines():
        record = json.loads(text)
        if record.get("mismatch") or record.get("dup_of"):
            continue
        path = folder / record["path"]
        document = Document(id=record["sha256"], media_type="", path=path, name=path.name)
        vendors[_vendor(record)].append(Specimen(document=document, record=record))
    return [found for found in vendors.values() if len(found) > 1]


def _vendor(record: Mapping[str, Any]) -> str:
    """Name a vendor's layout."""
    return f"{record['layout']} {record.get('vendor') or record['truth'].get('seller_name')}"


def _measure(name: str, vendors: Sequence[Sequence[Specimen]]) -> None:
    lessons = [lesson for found in vendors for lesson in _lessons(found)]
    print(f"\n== {name}: {len(lessons)} second documents of {len(vendors)} vendors")
    taught = [lesson for lesson in lessons if lesson.corrected]
    print(f"{'':34}{'documents':>10}{'fields':>8}{'right':>8}{'lines':>8}{'right':>8}{'both':>8}")
    for title, part in (("all", lessons), ("after a correction", taught)):
        _row(f"{title}, without memory", [lesson.before for lesson in part])
        _row(f"{title}, with memory", [lesson.after for lesson in part])
    for lesson in taught:
        wrong = [
            f"{a.name} {a.read!r} for {a.truth!r}" for a in lesson.after.answers if not a.right
        ]
        if wrong or lesson.after.loose < lesson.after.lines:
            lines = f"lines {lesson.after.loose}/{lesson.after.lines}"
            print(f"  {lesson.name}: {lines}; {'; '.join(wrong)}")
        for a, b in zip(lesson.before.answers, lesson.after.answers, strict=True):
            if a.right and not b.right:
                print(f"  made wrong: {lesson.name}: {a.name} {b.read!r} for {b.truth!r}")
    passed = [lesson for lesson in lessons if lesson.after.posted_wrong]
    print(f"passed and wrong, with memory: {[lesson.name for lesson in passed] or 'none'}")
    _harm(lessons)


def _row(title: str, results: Sequence[Result]) -> None:
    asked = sum(len(r.answers) for r in results)
    right = sum(a.right for r in results for a in r.answers)
    lines, loose = sum(r.lines for r in results), sum(r.loose for r in results)
    both = (right + loose) / max(asked + lines, 1)
    print(
        f"{title:34}{len(results):10}{asked:8}{right / max(asked, 1):8.3f}"
        f"{lines:8}{loose / max(lines, 1):8.3f}{both:8.3f}"
    )


def _lessons(found: Sequence[Specimen]) -> Iterator[Lesson]:
    for first, second in pairwise(found):
        if first.record["truth"].get("type_code") != second.record["truth"].get("type_code"):
            continue
        plain = read(second.document, _OPTIONS)
        corrections = list(_corrections(first, read(first.document, _OPTIONS)[0]))
        learned = _learned(first, corrections)
        layouts = (learned,) if learned else ()
        with_memory = read(second.document, replace(_OPTIONS, layouts=layouts))
        name = second.document.name
        yield Lesson(
            name=name,
            vendor=_vendor(second.record),
            corrected=len(corrections),
            learned=learned,
            second=second,
            before=result(name, "", second.record, plain),
            after=result(name, "", second.record, with_memory),
        )


def _learned(specimen: Specimen, corrections: Sequence[Field]) -> Layout | None:
    document = specimen.document
    fields = [*read(document, _OPTIONS)[0].fields, *corrections]
    return learn(pages_of(document, _OPTIONS), None, fields, (), document.id)


def _corrections(specimen: Specimen, reading: Reading) -> Iterator[Field]:
    """Yield what a person would enter: every visible value that was not read right."""
    truth = specimen.record["truth"]
    scored = result("", "", specimen.record, [reading])
    for answer in scored.answers:
        if not answer.right:
            yield _by_person(answer.name, answer.truth)
    lines = truth.get("lines") or []
    seen = specimen.record.get("lines_visible") or []
    read_lines = chosen(reading.fields)
    for number, (line, shown) in enumerate(zip(lines, seen, strict=False), 1):
        for name in _LINE:
            held = read_lines.get((name, number))
            wrong = held is None or not same("net_total", held.value, line.get(name, ""))
            if shown.get(name) and line.get(name) and name != "description" and wrong:
                yield _by_person(name, line[name], number)


def _by_person(name: str, value: str, line: int | None = None) -> Field:
    return Field(name=name, value=value, text=value, line=line, by="person:benchmark")


def _harm(lessons: Sequence[Lesson]) -> None:
    """Read every second document with the memories of all other vendors."""
    checked = changed = 0
    for lesson in lessons:
        others = tuple(
            other.learned for other in lessons if other.learned and other.vendor != lesson.vendor
        )
        own = read(lesson.second.document, replace(_OPTIONS, layouts=others))
        again = result(lesson.name, "", lesson.second.record, own)
        for before, after in zip(lesson.before.answers, again.answers, strict=True):
            checked += 1
            changed += before.right and not after.right
            if before.right and not after.right:
                print(f"  harmed: {lesson.name}: {after.name} {after.read!r} for {after.truth!r}")
    print(f"harm: {changed} of {checked} values made wrong by other vendors' memories")


if __name__ == "__main__":
    main()
