"""How long a trial takes, phase by phase, and how much memory all its processes take.

    python -m benchmarks.trial DIR [--statements SUBDIR]

Runs `nightclerk try` on the folder and shows what it says; then the time by the
clock and on the processors, the largest process, and the most that all of them
held at one time (PSS: what they share counts once; sampled, Linux).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_EVERY_SECONDS = 0.5


def main() -> int:
    """Run the trial and print its figures; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--statements")
    given = parser.parse_args()
    command = [sys.executable, "-m", "app", "try", str(given.folder)]
    if given.statements:
        command += ["--statements", given.statements]
    most = 0
    with tempfile.TemporaryDirectory() as out:
        began = time.monotonic()
        trial = subprocess.Popen([*command, "--out", out])
        while trial.poll() is None:
            most = max(most, sum(_held(pid) for pid in (trial.pid, *_descendants(trial.pid))))
            time.sleep(_EVERY_SECONDS)
        seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"by the clock        {seconds:8.1f} s")
    print(f"on the processors   {used.ru_utime + used.ru_stime:8.1f} s")
    print(f"largest process     {used.ru_maxrss / 1024:8.0f} MiB")
    print(f"all at one time     {most / 1024:8.0f} MiB")
    return trial.returncode


def _descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in path.read_text().split()]
        except OSError:
            continue  # it has just ended
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _held(pid: int) -> int:
    """Return a process's proportional memory in KiB; 0 when it has just ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(text.partition("\nPss:")[2].split()[0])


if __name__ == "__main__":
    raise SystemExit(main())
