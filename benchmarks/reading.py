"""How well invoices are read: accuracy, honesty and calibration.

usage: python -m benchmarks.reading [FOLDER…] [--seed N --count N --scans N]
                                    [--receipts FOLDER] [--xml] [--jobs N] [--jsonl FILE]

Each FOLDER holds PDFs and a `truth.jsonl` (the shape `python -m fixtures.generate`
writes: path, truth, visible). Without any, fresh documents are generated: `count`
of them as text, and `scans` of other seeds each as MILD and as HARD scans.
`receipts` is a folder with `img` and `key` (company, date, total). XML inside a
PDF is not looked at, except that `--xml` reads the folders a second time with it.
Every document is read as `nightclerk extract` reads it. Prints, over the values
visible on the page:

- per field: answered, right, accuracy and precision;
- per kind of document, language and layout: all four core fields right, lines,
  and how many were held, passed, and passed with a wrong core field (must be none);
- a reliability table: how often values of each confidence were right.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app.extraction import read_file
from benchmarks.reading_scores import (
    Result,
    print_accuracy,
    print_groups,
    print_reliability,
    result,
)
from extractors.pages.dates import Order, dates_in
from extractors.reading import ReadOptions
from fixtures.collection import write_invoices
from fixtures.wording import LANGUAGES


@dataclass(frozen=True, slots=True)
class Job:
    """A file, its record of truth, and the kind of document it counts as."""

    group: str
    path: Path
    record: dict[str, Any]
    use_einvoice: bool = False


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--jsonl", type=Path, help="also write one line a document")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = list(measured(list(jobs_of(given, Path(scratch))), given.jobs))
    print_accuracy(results)
    print_groups(results)
    print_reliability(results)
    if given.jsonl:
        lines = (json.dumps(asdict(r), ensure_ascii=False) for r in results)
        given.jsonl.write_text("\n".join(lines) + "\n", encoding="utf-8")


def arguments(described: str | None) -> argparse.ArgumentParser:
    """Return a parser of what says which documents are read."""
    parser = argparse.ArgumentParser(description=(described or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=20_000)
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--scans", type=int, default=0)
    parser.add_argument("--receipts", type=Path)
    parser.add_argument("--xml", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    return parser


def jobs_of(given: argparse.Namespace, scratch: Path) -> Iterator[Job]:
    """Yield the documents asked for; generated ones are written to `scratch`."""
    if given.scans or not (given.folders or given.receipts):
        yield from _generated(scratch, given.seed, given.count, given.scans)
    for folder in given.folders:
        yield from _recorded(folder, folder.name)
        if given.xml:
            yield from _recorded(folder, f"{folder.name} xml", use_einvoice=True)
    if given.receipts:
        yield from _receipts(given.receipts)


def measured(
    jobs: Sequence[Job], processes: int = 1, *, calibrate: bool = True
) -> Iterator[Result]:
    """Read the documents and compare, in order."""
    read_one = partial(measure, calibrate=calibrate)
    if processes == 1:
        yield from map(read_one, jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(read_one, jobs)


def measure(job: Job, *, calibrate: bool = True) -> Result:
    """Read one file and compare."""
    options = ReadOptions(use_einvoice=job.use_einvoice, calibrate=calibrate)
    readings = read_file(job.path, options).readings
    return result(job.path.name, job.group, job.record, readings)


# -- what to read


def _generated(scratch: Path, seed: int, count: int, scans: int) -> Iterator[Job]:
    write = partial(write_invoices, languages=list(LANGUAGES))
    write(scratch / "text", seed=seed, count=count)
    yield from _recorded(scratch / "text", "text")
    for shift, level in enumerate(("MILD", "HARD"), 1):
        if scans:
            write(scratch / level, seed=seed + shift, count=scans, scan=level)
            yield from _recorded(scratch / level, level)


def _recorded(folder: Path, group: str, *, use_einvoice: bool = False) -> Iterator[Job]:
    for line in (folder / "truth.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if not record.get("mismatch") and not record.get("dup_of"):
            yield Job(group, folder / record["path"], record, use_einvoice)


def _receipts(folder: Path) -> Iterator[Job]:
    """Yield the receipts; the rules were written looking at the first half only."""
    paths = sorted((folder / "img").iterdir())
    for number, path in enumerate(paths):
        key = json.loads((folder / "key" / f"{path.stem}.json").read_text("utf-8"))
        day = next((d.read(Order.DAY) for d in dates_in(key["date"])), None)
        truth = {
            "seller_name": key["company"],
            "issue_date": day.isoformat() if day else None,
            "gross_total": key["total"].strip("RM$ ").replace(",", ""),
        }
        half = "first" if number < len(paths) // 2 else "second"
        record = {"truth": truth, "visible": dict.fromkeys(truth, True), "lang": "en"}
        yield Job(f"receipts, {half} half", path, record | {"layout": "receipt"})


if __name__ == "__main__":
    main()
