"""How fast invoices are read: beside invoice2data, on two processes, and beside the bare OCR engine.

usage: python -m benchmarks.reading_speed [FOLDER…] [--scans FOLDER] [--beside PYTHON]
                                          [--rounds N] [--jobs N]

Each FOLDER holds PDFs with text; without any, fresh ones are generated. Every
document is read in full (`extractors.reading.read`), embedded XML left out.
Processor time is counted, child processes included, and the programs take
turns, so that a busy machine slows all of them; the best round of each counts.
`answered` are the documents of which a program told anything: for us, an
invoice's number or total.

- `beside` names a Python with invoice2data installed. It reads the same files
  with its own templates, as `extract_data(path, templates)` does: through
  PDFium, and again through pdftotext where no template matched. `PDFium only`
  is its fastest reader alone (`input_module="pdfium"`): the text without
  places, and the search for a template.
- `scans` is a folder of pictures: they are read in full, and by rapidocr alone,
  as it comes, each with one thread.
- `jobs` compares, by the clock, `nightclerk extract --jobs 1` with N jobs, and
  N jobs on the scans with rapidocr on N threads: those figures mean something on
  an idle machine only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from app.extraction import extraction_lines
from extractors.images import image_pages
from extractors.reading import ReadOptions, read
from fixtures.collection import write_invoices
from fixtures.wording import LANGUAGES
from records.documents import Document, Reading

_BESIDE = """
import logging, os, sys
from invoice2data import extract_data
from invoice2data.extract.loader import read_templates
logging.disable(logging.CRITICAL)
templates, reader = read_templates(), sys.argv[1] or None
start, answered = sum(os.times()[:4]), 0
for path in sys.argv[2:]:
    # Without raise_on_error it answers {} where it fails.
    answered += bool(extract_data(path, templates=templates, input_module=reader))
print(sum(os.times()[:4]) - start, answered)
"""
_TEXT = ReadOptions(use_einvoice=False, ocr="none")
_TELLING = {"invoice_number", "gross_total"}


class _Pass(NamedTuple):
    """One pass over all documents: seconds, and how many were answered, where that is known."""

    seconds: float
    answered: int | None = None


_Program = Callable[[], _Pass]


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("folders", nargs="*", type=Path)
    arguments.add_argument("--scans", type=Path, help="a folder of pictures")
    arguments.add_argument("--beside", type=Path, help="a Python with invoice2data")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--jobs", type=int, default=0)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if not given.folders:
            write_invoices(Path(scratch), seed=20_000, count=64, languages=list(LANGUAGES))
        folders = given.folders or [Path(scratch)]
        paths = sorted(path for folder in folders for path in folder.rglob("*.pdf"))
        programs: dict[str, _Program] = {"nightclerk": lambda: _own(paths, _TEXT)}
        if given.beside:
            programs["invoice2data"] = lambda: _beside(given.beside, paths, "")
            programs["… PDFium only"] = lambda: _beside(given.beside, paths, "pdfium")
        _compare(programs, len(paths), given.rounds)
        if given.jobs:
            clocks = {f"--jobs {n}": _clock(paths, _TEXT, n) for n in (1, given.jobs)}
            _compare(clocks, len(paths), given.rounds)
    if given.scans:
        pictures = sorted(path for path in given.scans.iterdir() if path.suffix in {".jpg", ".png"})
        options, count = ReadOptions(), len(pictures)
        scanned: dict[str, _Program] = {
            "scans": lambda: _own(pictures, options),
            "rapidocr": _bare(pictures, 1, _processor_seconds),
        }
        _compare(scanned, count, given.rounds)
        if given.jobs:
            clocks = {
                f"scans, {given.jobs} jobs": _clock(pictures, options, given.jobs),
                f"rapidocr, {given.jobs} threads": _bare(pictures, given.jobs, time.monotonic),
            }
            _compare(clocks, count, given.rounds)


def _compare(programs: dict[str, _Program], count: int, rounds: int) -> None:
    """Run programs in turns; print documents a second of each, and the first beside the others."""
    taken: dict[str, list[_Pass]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            taken[name].append(program())
    best = {name: min(passes) for name, passes in taken.items()}
    first, *others = best
    for name, (seconds, answered) in best.items():
        told = "" if answered is None else f"   answered {answered} of {count}"
        rate = f"{seconds / count * 1000:9.1f} ms a document{count / seconds:9.1f} a second"
        print(f"{name:20}{rate}{told}")
    for name in others:
        share = best[name].seconds / best[first].seconds
        print(f"{name} takes {share:.2f} times as long as {first}")


def _processor_seconds() -> float:
    """Return the processor time of this process and of the children it waited for."""
    return sum(os.times()[:4])


def _own(paths: Sequence[Path], options: ReadOptions) -> _Pass:
    start, answered = _processor_seconds(), 0
    for path in paths:
        answered += _is_answer(read(Document(id=path.name, media_type="", path=path), options))
    return _Pass(_processor_seconds() - start, answered)


def _is_answer(readings: Sequence[Reading]) -> bool:
    return any(field.name in _TELLING for reading in readings for field in reading.fields)


def _beside(python: Path, paths: Sequence[Path], reader: str) -> _Pass:
    command = [str(python), "-c", _BESIDE, reader, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, answered = done.stdout.strip().splitlines()[-1].split()
    return _Pass(float(seconds), int(answered))


def _clock(paths: Sequence[Path], options: ReadOptions, jobs: int) -> _Program:
    def run() -> _Pass:
        # The first lines are waited for outside: processes start once a night.
        lines = extraction_lines([*paths[:4], *paths], options, jobs)
        for _ in range(4):
            next(lines)
        start = time.monotonic()
        for _ in lines:
            pass
        return _Pass(time.monotonic() - start)

    return run


def _bare(pictures: Sequence[Path], threads: int, clock: Callable[[], float]) -> _Program:
    from rapidocr import RapidOCR

    settings = {
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    engine: Any = RapidOCR(params=settings)

    def run() -> _Pass:
        start = clock()
        for path in pictures:
            for page in image_pages(path.read_bytes(), max_pages=9, max_pixels=10**8):
                engine(page.pixels)
        return _Pass(clock() - start)

    return run


if __name__ == "__main__":
    main()
