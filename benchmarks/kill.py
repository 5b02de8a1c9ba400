"""Kill the service over and over and count what is in the books.

    python -m benchmarks.kill random   [--kills 100] [--postgres]
    python -m benchmarks.kill save     [--kills 20]    while the workbook is being saved
    python -m benchmarks.kill report   [--kills 5]     between sending the report and recording it
    python -m benchmarks.kill statements [--kills 20] [--postgres]   while the bank is worked on

Every kill is SIGKILL to a real `nightclerk serve`. On SQLite it is started
again under its own name. On PostgreSQL two workers run, and a killed one never
comes back: a new one takes its place under a new name, and its work must be
taken over. Exit code 1 when an invoice is lost or posted twice, or when going
on took more than ten seconds. Bank nights are `nightclerk run`, killed with all
its processes; then 1 when anything differs from an undisturbed night.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from select import select as select_ready

from sqlalchemy import create_engine, func, select

from app.engine.backlog import Backlog
from app.tables import postings
from benchmarks.bank_nights import BankOffice, kill_nights
from benchmarks.small_office import SmallOffice, report


class Shift:
    """The workers of one office, to be killed."""

    def __init__(self, office: SmallOffice, workers: int) -> None:
        """Start so many workers."""
        self.office, self._database = office, create_engine(office.database)
        self._made = 0
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        for _ in range(workers):
            self.start_new()
        until(lambda: "ready" in self._log(), 60)
        self.backlog = Backlog(office.database)

    def _log(self) -> str:
        path = self.office.folder / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start_new(self) -> str:
        """Start a worker under a name that was never used."""
        self._made += 1
        name = f"w{self._made}"
        self.start(name)
        return name

    def start(self, name: str) -> None:
        """Start a worker under a name."""
        config = self.office.config.with_name(f"{name}.yaml")
        text = self.office.config.read_text().replace("port: 0", f"port: 0, worker: {name}")
        config.write_text(text)
        self.workers[name] = self.office.start("serve", "--config", str(config))

    def kill(self, name: str) -> None:
        """End a worker without warning."""
        worker = self.workers.pop(name)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()

    def run(self, bot: str) -> None:
        """Have a bot run as soon as may be; like the clock, not behind one that has not begun.

        Each kill sends a run back to its start: runs handed in faster than they
        end would pile up, and the last ones wait for all before them.
        """
        if not self.backlog.has_waiting_run(bot):
            self.backlog.hand_in_run(bot, datetime.now(UTC))

    def delivered(self, kind: str = "invoice") -> int:
        """Return how many postings the books have confirmed."""
        where = (postings.c.state == "delivered", postings.c.kind == kind)
        with self._database.connect() as tx:
            return int(tx.execute(select(func.count()).where(*where)).scalar_one())

    def dead_letters(self) -> int:
        """Return how much waits for a person."""
        return len(self.backlog.dead_letters())

    def finish(self, seconds: float = 180) -> bool:
        """Let the workers come to an end of the work; say whether they did."""
        for letter in self.backlog.dead_letters():
            self.backlog.replay(letter.bot, letter.id)
        self.run("invoices")
        return until(lambda: not self.backlog.unfinished("invoices"), seconds)

    def end(self) -> None:
        """Stop the workers as a service manager does."""
        for worker in self.workers.values():
            worker.terminate()
        for worker in self.workers.values():
            worker.wait(60)
        self.backlog.close()
        self._database.dispose()


def until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Wait for a condition; say whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def kill_at_random(shift: Shift, kills: int, dice: random.Random, *, peers: bool) -> list[float]:
    """Kill at random moments of ongoing work; return how long it took to go on, in seconds."""
    recovered = []
    for number in range(kills):
        shift.office.send_mail(3)
        shift.run("invoices")
        time.sleep(dice.uniform(0.0, 3.0))
        name = dice.choice(sorted(shift.workers))
        before = shift.delivered()
        shift.kill(name)
        killed = time.monotonic()
        if peers:
            shift.start_new()
            ended = until(lambda n=name: n not in shift.backlog.holders(), 60)  # type: ignore[misc]
        else:
            shift.start(name)
            if dice.random() < 0.2:  # once in a while die again while starting
                continue
            ended = until(lambda b=before: shift.delivered() > b or _idle(shift), 60)  # type: ignore[misc]
        recovered.append(time.monotonic() - killed if ended else 60.0)
        if number % 20 == 19:
            report("so far", {"kills": number + 1, "delivered": shift.delivered()})
    return recovered


def _idle(shift: Shift) -> bool:
    return not shift.backlog.unfinished("invoices")


#: Where the workbook poster builds the new workbook beside the old one.
_WORK = ".ledger.xlsx.work"


def kill_while_saving(shift: Shift, kills: int, dice: random.Random) -> tuple[list[float], int]:
    """Kill while the new workbook is being written.

    Returns how long it took each time to go on, and how often the kill came
    before the new workbook had taken the old one's place.
    """
    out, recovered, hits = shift.office.folder / "out", [], 0
    out.mkdir(exist_ok=True)
    for _ in range(kills):
        before = shift.delivered()
        with NewFiles(out) as files:
            shift.office.send_mail(3)
            shift.run("invoices")
            files.wait_for(_WORK, 60)
        time.sleep(dice.uniform(0.0, 0.01))
        (name,) = shift.workers
        shift.kill(name)
        killed = time.monotonic()
        hits += (out / _WORK).exists()
        shift.start(name)
        ended = until(lambda b=before: shift.delivered() > b, 60)  # type: ignore[misc]
        recovered.append(time.monotonic() - killed if ended else 60.0)
    return recovered, hits


class NewFiles:
    """Hears of every file made in or moved into a folder at once (inotify)."""

    _CREATED, _MOVED_IN = 0x100, 0x80

    def __init__(self, folder: Path) -> None:
        """Listen from now on."""
        libc = ctypes.CDLL(None, use_errno=True)
        self._handle = libc.inotify_init1(os.O_NONBLOCK)
        libc.inotify_add_watch(self._handle, os.fsencode(folder), self._CREATED | self._MOVED_IN)

    def __enter__(self) -> NewFiles:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self._handle)

    def wait_for(self, text: str, seconds: float) -> None:
        """Return as soon as there is a file with `text` in its name, or the time is over."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select_ready([self._handle], [], [], left)[0]:
                events = os.read(self._handle, 1 << 16)
                if text.encode() in events:
                    return


def kill_after_sending(folder: Path, kills: int) -> dict[str, object]:
    """Kill as soon as the report is in the outbox; count reports and unrecorded sendings."""
    hits = wrong = 0
    for number in range(kills):
        shift = Shift(SmallOffice(folder / str(number), 1), 1)
        mail = shift.office.folder / "out" / "mail"
        mail.mkdir(parents=True)
        with NewFiles(mail) as files:
            shift.run("report")
            files.wait_for(".eml", 60)
        (name,) = shift.workers
        shift.kill(name)
        hits += not shift.delivered("report")
        shift.start(name)
        recorded = until(lambda s=shift: s.delivered("report") == 1, 60)  # type: ignore[misc]
        wrong += not recorded or len(list(mail.glob("*.eml"))) != 1
        shift.end()
    return {"kills": kills, "killed before it was recorded": hits, "lost or doubled": wrong}


@contextmanager
def database(postgres: bool) -> Iterator[str | None]:
    """Give the URL of an empty PostgreSQL database, or None for SQLite."""
    if not postgres:
        yield None
        return
    from tests.servers.postgres import Cluster, find_binaries

    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("no PostgreSQL server on this machine (Debian: apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="nightclerk-pg-") as folder:
        cluster = Cluster(binaries, Path(folder))
        try:
            yield cluster.new_database()
        finally:
            cluster.stop()


def main() -> int:
    """Run one test and print its figures; 1 when something was lost, doubled or too slow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("when", choices=["random", "save", "report", "statements"])
    parser.add_argument("--kills", type=int, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    kills = given.kills or {"random": 100, "save": 20, "report": 5, "statements": 20}[given.when]
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="nightclerk-kill-") as scratch:
        folder = Path(scratch)
        if given.when == "report":
            figures = kill_after_sending(folder, kills)
            report("killed between sending the report and recording it", figures)
            return int(bool(figures["lost or doubled"]))
        if given.when == "statements":
            with database(given.postgres) as first, database(given.postgres) as second:
                offices = (
                    BankOffice(folder / "a", database=first),
                    BankOffice(folder / "b", database=second),
                )
                outcome = kill_nights(offices, kills, dice)
            store = "PostgreSQL" if given.postgres else "SQLite"
            report(f"bank nights killed at random, {store}", asdict(outcome))
            return int(bool(outcome.differing))
        with database(given.postgres) as url:
            office = SmallOffice(folder / "office", 3 * kills + 3, url)
            shift = Shift(office, 2 if given.postgres else 1)
            shift.run("records")
            until(lambda: not shift.backlog.unfinished("records"), 60)
            hits = 0
            if given.when == "save":
                took, hits = kill_while_saving(shift, kills, dice)
            else:
                took = kill_at_random(shift, kills, dice, peers=given.postgres)
            set_aside = shift.dead_letters()
            finished = shift.finish()
            tally = office.tally()
            shift.end()
        figures = {
            "kills": kills,
            **({"in the middle of saving": hits} if given.when == "save" else {}),
            "invoices": tally.sent,
            "missing": tally.missing,
            "doubled": tally.doubled,
            "undelivered": tally.undelivered,
            "states": tally.states,
            "dead letters replayed": set_aside,
            "seconds to go on, median": round(statistics.median(took), 1),
            "seconds to go on, most": round(max(took), 1),
        }
        store = "PostgreSQL, two workers" if given.postgres else "SQLite, one worker"
        report(f"{given.when} kills, {store}", figures)
        if not (finished and tally.sound):
            print(shift.office.folder.joinpath("serve.log").read_text()[-3000:])
        return int(not (finished and tally.sound and max(took) < 10))


if __name__ == "__main__":
    raise SystemExit(main())
