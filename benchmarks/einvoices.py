"""How fast e-invoice XML is read: milliseconds a file, single process.

usage: python -m benchmarks.einvoices FILE_OR_FOLDER… [--rounds N]

Prints the median over all files of each file's best round, the mean, and the
slowest files. Reading from disk is not counted; parsing, collecting fields and
proving totals are.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from extractors.einvoice import is_invoice, read_xml


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


if __name__ == "__main__":
    main()
