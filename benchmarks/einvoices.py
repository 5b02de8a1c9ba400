"""How fast e-invoice XML is read, and its rules checked: milliseconds a file, single process.

usage: python -m benchmarks.einvoices FILE_OR_FOLDER… [--rounds N]

Prints the median over all files of each file's best round, the mean, and the
slowest files. Reading from disk is not counted; parsing, collecting fields and
proving totals are. Where the extra `validation` is installed, the processor
time of checking the rules of EN 16931 follows, twice: the first round compiles
each stylesheet once.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from pathlib import Path

from extractors.einvoice import is_invoice, read_xml
from extractors.einvoice.validation import is_installed, validate


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("paths", nargs="+", type=Path)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    files = [
        file
        for path in given.paths
        for file in (sorted(path.rglob("*.xml")) if path.is_dir() else [path])
    ]
    best: list[tuple[float, Path]] = []
    invoices = 0
    for file in files:
        data = file.read_bytes()
        seconds = []
        for _ in range(given.rounds):
            start = time.perf_counter()
            readings = read_xml(data)
            seconds.append(time.perf_counter() - start)
        best.append((min(seconds) * 1000, file))
        invoices += is_invoice(readings)
    times = [milliseconds for milliseconds, _ in best]
    print(f"{len(files)} files, {invoices} e-invoices")
    print(f"median {statistics.median(times):.2f} ms, mean {statistics.fmean(times):.2f} ms")
    for milliseconds, file in sorted(best, reverse=True)[:3]:
        print(f"{milliseconds:8.2f} ms  {file.stat().st_size:>10,} bytes  {file.name}")
    if is_installed():
        _rules(files)


def _rules(files: list[Path]) -> None:
    invoices = [data for file in files if is_invoice(read_xml(data := file.read_bytes()))]
    spent: list[float] = []
    broken = 0
    for _ in range(2):
        spent = []
        first = time.process_time()
        for data in invoices:
            start = time.process_time()
            broken += bool(validate(data))
            spent.append((time.process_time() - start) * 1000)
        print(f"rules: {time.process_time() - first:.2f} s for {len(spent)} e-invoices, ", end="")
        print(f"median {statistics.median(spent):.1f} ms, slowest {max(spent):.0f} ms")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{broken // 2} break rules; most memory {most} MiB")


if __name__ == "__main__":
    main()
