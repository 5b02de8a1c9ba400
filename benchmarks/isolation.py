"""What isolation costs: a call, an item of many, a new process; and memory over 1,000 documents.

usage: python -m benchmarks.isolation [--documents N]

The documents are generated PDFs, hybrids and XML, read as the program reads
them; the memory is that of the worker which read the last of each hundred.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import tempfile
import time
from pathlib import Path

from app.extraction import read_file
from app.isolation import Isolated
from extractors.reading import ReadOptions
from fixtures.collection import invent_specimens
from fixtures.einvoices import cii, hybrid, ubl
from fixtures.press.printing import print_bill
from fixtures.wording import LANGUAGES


def main() -> None:
    """Measure with a function that does nothing to speak of, then with documents."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--documents", type=int, default=1000)
    given = arguments.parse_args()
    warm = Isolated(1, preload=["app.extraction", "fixtures.collection", "fixtures.einvoices"])
    warm.run(math.sqrt, 1)
    cold = Isolated(1, serves=1)
    started = time.monotonic()
    for n in range(1000):
        warm.run(math.sqrt, n)
    called = time.monotonic()
    count = sum(1 for _ in warm.map(math.sqrt, range(1000)))
    mapped = time.monotonic()
    for n in range(50):
        cold.run(math.sqrt, n)
    figures = {
        "load": os.getloadavg()[0],
        "a call, ms": round(called - started, 3),
        "an item of many, ms": round((mapped - called) * 1000 / count, 3),
        "a new process, ms": round((time.monotonic() - mapped) * 20, 1),
    }
    print(json.dumps(figures))
    _documents(warm, given.documents)


def _documents(box: Isolated, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = _written(Path(folder))
        started = time.monotonic()
        many = itertools.islice(itertools.cycle(paths), count)
        for number, (_, memory) in enumerate(box.map(_read, many), 1):
            if number % 100 == 0 and isinstance(memory, int):
                print(f"{number:5} documents, the worker holds {memory >> 20} MiB")
        seconds = time.monotonic() - started
        print(f"{count / seconds:.0f} documents a second from {len(paths)} files")


def _written(folder: Path) -> list[Path]:
    for specimen in invent_specimens(4, 24, list(LANGUAGES), None):
        pdf = print_bill(specimen.bill, specimen.house).pdf
        (folder / f"{specimen.name}.pdf").write_bytes(pdf)
        if not specimen.bill.gross_priced:
            (folder / f"{specimen.name}-hybrid.pdf").write_bytes(hybrid(pdf, cii(specimen.bill)))
            (folder / f"{specimen.name}.xml").write_bytes(ubl(specimen.bill))
    return sorted(folder.iterdir())


def _read(path: Path) -> int:
    """Read one file; return the process's resident memory in bytes."""
    read_file(path, ReadOptions(ocr="none"))
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
