"""What the engine and the whole service cost: start-up, documents per second, memory.

    python -m benchmarks.engine [--documents 1000] [--postgres]

Everything is measured on real processes: a `nightclerk serve` takes plain UBL
invoices from a folder of mail to rows of a workbook.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from sqlalchemy import create_engine

from app.engine.backlog import Backlog
from app.engine.worker import Engine
from app.flow import Flow
from app.isolation import Isolated
from app.office import Office
from app.settings import Settings
from benchmarks.kill import database, until
from benchmarks.small_office import SmallOffice, report


class _Steps:
    """Three steps that do nothing, so that only the engine's own work is measured."""

    def run(self, flow: Flow) -> None:
        flow.each(self.process, flow.step(_ids))

    def process(self, flow: Flow, item: str) -> None:
        for _ in range(3):
            flow.step(_nothing)


def _ids(_office: Office) -> list[str]:
    return [f"item {n}" for n in range(300)]


def _nothing(_office: Office) -> None:
    return None


def engine(folder: Path, url: str | None) -> None:
    """Measure flows of three empty steps."""
    office = Office(
        settings=cast(Settings, None),
        database=create_engine("sqlite://"),
        files=folder,
        box=Isolated(1),
    )
    with Engine(office, {"steps": _Steps()}, url=url or f"sqlite:///{folder}/x.db") as one:
        seconds = _seconds(lambda: one.run_and_wait("steps"))
    report("engine", {"flow of three steps, ms": round(seconds / 300 * 1000, 1)})


def service(folder: Path, documents: int, url: str | None) -> None:
    """Measure the whole pipeline."""
    office = SmallOffice(folder, documents, url)
    office.send_mail(documents)
    log = folder / "serve.log"
    log.touch()
    started = time.monotonic()
    process = office.start("serve")
    until(lambda: '"ready"' in log.read_text(), 120, pause=0.01)
    figures: dict[str, object] = {
        "start-up, s": round(time.monotonic() - started, 2),
        "start-up, processor s": _processor(process.pid),
        "memory at start, MiB": _memory(process.pid, "VmRSS"),
    }
    backlog = Backlog(office.database)
    for bot in ("records", "invoices"):
        begun = time.monotonic()
        backlog.hand_in_run(bot, datetime.now(UTC))
        until(lambda b=bot: not backlog.unfinished(b), 3600, pause=0.25)  # type: ignore[misc]
    seconds = time.monotonic() - begun
    tally = office.tally()
    figures |= {
        "documents": documents,
        "posted once": tally.sound,
        "documents per s": round(documents / seconds, 1),
        "processor s per document": round(_processor(process.pid) / documents, 3),
        "memory after, MiB": _memory(process.pid, "VmRSS"),
        "memory at most, MiB": _memory(process.pid, "VmHWM"),
    }
    stopping = time.monotonic()
    process.terminate()
    process.wait()
    figures["stop, s"] = round(time.monotonic() - stopping, 1)
    backlog.close()
    report("service", figures)


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _processor(pid: int) -> float:
    """Return the processor seconds of a process without its isolated children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) // 1024
    return 0


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    report("machine", {"load": os.getloadavg()[0], "processors": os.cpu_count()})
    with (
        tempfile.TemporaryDirectory(prefix="nightclerk-bench-") as scratch,
        database(given.postgres) as url,
    ):
        (Path(scratch) / "steps").mkdir()
        engine(Path(scratch) / "steps", url)
        service(Path(scratch) / "office", given.documents, url)


if __name__ == "__main__":
    main()
