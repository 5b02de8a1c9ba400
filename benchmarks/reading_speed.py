"""How fast invoices are read: beside invoice2data, on two processes, and beside the bare OCR engine.

usage: python -m benchmarks.reading_speed [FOLDER…] [--scans FOLDER] [--beside PYTHON]
                                          [--rounds N] [--jobs N]

Each FOLDER holds PDFs with text; without any, fresh ones are generated. Every
document is read in full (`extractors.reading.read`), XML left out. Processor time
is counted, child processes included, and the programs take turns, so that a busy
machine slows all of them; the best round of each counts.

- `beside` names a Python with invoice2data installed, which reads the same files
  with its own templates;
- `jobs` compares `nightclerk extract --jobs 1` with N jobs, by the clock: that
  one figure means something on an idle machine only;
- `scans` is a folder of pictures: they are read in full, and by rapidocr alone.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.extraction import extraction_lines
from extractors.images import image_pages
from extractors.reading import ReadOptions, read
from fixtures.collection import write_invoices
from fixtures.wording import LANGUAGES
from records.documents import Document

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
_TEXT = ReadOptions(use_einvoice=False, ocr="none")


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
        programs: dict[str, Callable[[], float]] = {"nightclerk": lambda: _own(paths, _TEXT)}
        if given.beside:
            programs["invoice2data"] = lambda: _beside(given.beside, paths)
        _compare(programs, len(paths), given.rounds)
        if given.jobs:
            clocks = {f"--jobs {n}": _jobs(paths, n) for n in (1, given.jobs)}
            _compare(clocks, len(paths), given.rounds)
    if given.scans:
        pictures = sorted(path for path in given.scans.iterdir() if path.suffix in {".jpg", ".png"})
        bare = _bare(pictures)
        options = ReadOptions()
        _compare(
            {"read": lambda: _own(pictures, options), "rapidocr": bare}, len(pictures), given.rounds
        )


def _compare(programs: dict[str, Callable[[], float]], count: int, rounds: int) -> None:
    """Run programs in turns; print documents a second of each, and the first beside the others."""
    seconds = {name: min(t) for name, t in _turns(programs, rounds).items()}
    first, *others = seconds
    for name, total in seconds.items():
        print(f"{name:14}{total / count * 1000:9.1f} ms a document{count / total:9.1f} a second")
    for name in others:
        print(f"{name} takes {seconds[name] / seconds[first]:.2f} times as long as {first}")


def _turns(programs: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            taken[name].append(program())
    return taken


def _own(paths: Sequence[Path], options: ReadOptions) -> float:
    start = time.process_time()
    for path in paths:
        read(Document(id=path.name, media_type="", path=path), options)
    return time.process_time() - start


def _beside(python: Path, paths: Sequence[Path]) -> float:
    command = [str(python), "-c", _BESIDE, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def _jobs(paths: Sequence[Path], jobs: int) -> Callable[[], float]:
    def run() -> float:
        # The first lines are waited for outside: processes start once a night.
        lines = extraction_lines([*paths[:4], *paths], _TEXT, jobs)
        for _ in range(4):
            next(lines)
        start = time.monotonic()
        for _ in lines:
            pass
        return time.monotonic() - start

    return run


def _bare(pictures: Sequence[Path]) -> Callable[[], float]:
    from rapidocr import RapidOCR

    settings = {
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    engine: Any = RapidOCR(params=settings)

    def run() -> float:
        start = time.process_time()
        for path in pictures:
            for page in image_pages(path.read_bytes(), max_pages=9, max_pixels=10**8):
                engine(page.pixels)
        return time.process_time() - start

    return run


if __name__ == "__main__":
    main()
