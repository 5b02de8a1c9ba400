"""How well text PDFs are read: accuracy, honesty, calibration and speed.

usage: python -m benchmarks.reading FOLDER… [--seed N --count N] [--beside PYTHON] [--rounds N]

Each FOLDER holds PDFs and a `truth.jsonl` (the shape `python -m fixtures.generate`
writes: path, truth, visible). Without a folder, fresh documents are generated.
XML inside a PDF is not looked at. Prints, over the values visible on the page:

- per field: answered, right, accuracy and precision;
- held, passed, and passed with a wrong core field (must be none);
- a reliability table: how often values of each confidence were right;
- milliseconds of processor time a document, and the same for invoice2data (with
  its child processes) when `--beside` names a Python that has it installed; the
  two take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from extractors.pdf_text import Extractor
from fixtures.collection import write_invoices
from fixtures.wording import LANGUAGES
from records.documents import Document, Field, Reading

_AMOUNTS = {"net_total", "tax_total", "gross_total", "amount_due"}
_CORE = ("invoice_number", "issue_date", "currency", "gross_total")
_FIELDS = (
    "invoice_number", "type_code", "issue_date", "due_date", "seller_name", "seller_vat_id",
    "buyer_name", "currency", "net_total", "tax_total", "gross_total", "amount_due", "iban",
    "purchase_order_ref",
)  # fmt: skip

_BESIDE = """
import os, sys
from invoice2data import extract_data
from invoice2data.extract.loader import read_templates
import logging; logging.disable(logging.CRITICAL)
templates = read_templates()
start = sum(os.times()[:4])
for path in sys.argv[1:]:
    try: extract_data(path, templates=templates)
    except Exception: pass
print(sum(os.times()[:4]) - start)
"""


@dataclass
class Score:
    """What was counted."""

    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    core: int = 0
    documents: int = 0
    held: int = 0
    wrong: list[str] = field(default_factory=list)
    lines: int = 0
    lines_right: int = 0
    reliability: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folders", nargs="*", type=Path)
    arguments.add_argument("--seed", type=int, default=20_000)
    arguments.add_argument("--count", type=int, default=96)
    arguments.add_argument("--beside", type=Path, help="a Python with invoice2data")
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = given.folders
        if not folders:
            folders = [Path(scratch)]
            write_invoices(
                folders[0],
                seed=given.seed,
                count=given.count,
                vendors=None,
                languages=list(LANGUAGES),
                scan=None,
            )
        score, paths = Score(), []
        for path, truth, visible in _documents(folders):
            paths.append(path)
            _count(score, path, truth, visible, _read(path)[0])
        _print(score)
        _speed(paths, given.beside, given.rounds)


def _documents(
    folders: Sequence[Path],
) -> Iterator[tuple[Path, dict[str, object], dict[str, bool]]]:
    for folder in folders:
        for line in (folder / "truth.jsonl").read_text("utf-8").splitlines():
            record = json.loads(line)
            path = folder / record["path"]
            usable = path.suffix == ".pdf" and not record.get("mismatch")
            if usable and not record.get("dup_of"):
                truth = record["truth"] | {"_lines_visible": record.get("lines_visible", [])}
                yield path, truth, record["visible"]


def _read(path: Path) -> list[Reading]:
    document = Document(id=path.name, media_type="application/pdf", path=path)
    return list(Extractor().extract(document))


def _count(
    score: Score, path: Path, truth: dict[str, object], visible: dict[str, bool], reading: Reading
) -> None:
    found: dict[str, Field] = {}
    for field_ in reading.fields:
        held = found.get(field_.name)
        if field_.line is None and (held is None or held.confidence < field_.confidence):
            found[field_.name] = field_
    score.documents += 1
    wrong = []
    for name in _FIELDS:
        if not visible.get(name) or truth.get(name) is None:
            continue
        score.asked[name] += 1
        item = found.get(name)
        good = item is not None and _same(name, item.value, str(truth[name]))
        if item is not None:
            score.answered[name] += 1
            score.right[name] += good
            decile = "proved" if item.proved else f"{int(item.confidence * 10) / 10:.1f}"
            score.reliability[decile].append(good)
        if name in _CORE and not good:
            wrong.append(name)
    score.core += not wrong
    if any(f.blocks for f in reading.findings):
        score.held += 1
    elif wrong:
        score.wrong.append(f"{path.name}: {', '.join(wrong)}")
    _count_lines(score, truth, reading)


def _count_lines(score: Score, truth: dict[str, object], reading: Reading) -> None:
    """Count the lines whose net amount and quantity, where visible, were read."""
    read: dict[int, dict[str, str]] = defaultdict(dict)
    for item in reading.fields:
        if item.line is not None:
            read[item.line].setdefault(item.name, item.value)
    left = list(read.values())
    wanted = truth.get("lines") or []
    seen = truth["_lines_visible"]
    assert isinstance(wanted, list) and isinstance(seen, list)
    for line, shown in zip(wanted, seen, strict=False):
        if not shown.get("net_amount"):
            continue
        score.lines += 1
        names = ["net_amount"] + (["quantity"] if shown.get("quantity") else [])
        for candidate in left:
            if all(_same("net_total", candidate.get(n, ""), str(line[n])) for n in names):
                left.remove(candidate)
                score.lines_right += 1
                break


def _same(name: str, value: str, truth: str) -> bool:
    if name in _AMOUNTS:
        try:
            return Decimal(value) == Decimal(truth)
        except InvalidOperation:
            return False
    return _plain(value) == _plain(truth)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return re.sub(r"[\W_]", "", "".join(c for c in text if not unicodedata.combining(c)))


def _print(score: Score) -> None:
    print(f"{'field':20}{'asked':>7}{'answered':>10}{'right':>7}{'accuracy':>10}{'precision':>11}")
    rows = [(n, score.asked[n], score.answered[n], score.right[n]) for n in _FIELDS]
    rows.append(("all", score.asked.total(), score.answered.total(), score.right.total()))
    for name, asked, answered, right in rows:
        accuracy, precision = right / max(asked, 1), right / max(answered, 1)
        print(f"{name:20}{asked:7}{answered:10}{right:7}{accuracy:10.3f}{precision:11.3f}")
    print(f"\nall four core fields right: {score.core} of {score.documents}")
    print(f"lines right: {score.lines_right} of {score.lines}")
    passed = score.documents - score.held
    print(f"held {score.held}, passed {passed}, of these wrong {len(score.wrong)}")
    for line in score.wrong:
        print(f"  {line}")
    print("\nconfidence   values   right")
    for decile, results in sorted(score.reliability.items()):
        print(f"{decile:>10}{len(results):9}{sum(results) / len(results):8.3f}")


def _speed(paths: Sequence[Path], beside: Path | None, rounds: int) -> None:
    own: list[float] = []
    other: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        for path in paths:
            _read(path)
        own.append(time.process_time() - start)
        if beside is not None:
            command = [str(beside), "-c", _BESIDE, *map(str, paths)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            other.append(float(done.stdout.strip().splitlines()[-1]))
    each = min(own) / len(paths)
    print(f"\nnightclerk    {each * 1000:7.1f} ms a document, {1 / each:6.1f} a second")
    if other:
        theirs = min(other) / len(paths)
        print(f"invoice2data  {theirs * 1000:7.1f} ms a document, {1 / theirs:6.1f} a second")
        print(f"ratio {theirs / each:.1f}")


if __name__ == "__main__":
    main()
