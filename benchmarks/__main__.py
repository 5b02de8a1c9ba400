"""Run the benchmarks: all the short ones, or one by its name.

    python -m benchmarks               each that can run here, small, one after the other
    python -m benchmarks NAME …        one, with its own arguments (NAME --help tells them)
    python -m benchmarks --list        what there is

The short runs take some minutes in all and are meant to be compared with
themselves; the figures in the documentation come from the full ones.
"""

from __future__ import annotations

import ast
import email
import email.policy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fixtures.collection import write_invoices

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parent / "fixtures/office/cases"
#: Longer than this, and a short run is not short.
LIMIT_SECONDS = 600


@dataclass(frozen=True)
class Short:
    """A short run: arguments in which {pdf}, {xml} and {out} are folders made for it."""

    arguments: str = ""
    needs: Callable[[], str] = lambda: ""


def _dovecot() -> str:
    found = shutil.which("dovecot") or Path("/usr/sbin/dovecot").exists()
    return "" if found else "needs a Dovecot server: apt install dovecot-imapd"


def _exports() -> str:
    return "needs a folder of exports: python -m benchmarks trial DIR"


def _world() -> str:
    return "needs a folder of tables and bank lines: python -m benchmarks reconcile WORLD"


SHORT = {
    "coding": Short("--vendors 40"),
    "calibration": Short("--count 24"),
    "einvoices": Short("{xml} --rounds 3"),
    "engine": Short("--documents 60"),
    "fuzz": Short("15 {out} {xml} {pdf}"),
    "isolation": Short(),
    "kill": Short("random --kills 3"),
    "learning": Short("--seeds 31 --vendors 8"),
    "mailbox": Short("{pdf}", _dovecot),
    "purchases": Short("--invoices 4000 --steps 2"),
    "reading": Short("--count 24"),
    "reading_speed": Short("{pdf} --rounds 2"),
    "reconcile": Short("", _world),
    "statements": Short("--megabytes 1 --rounds 2"),
    "trial": Short("", _exports),
}


def benchmarks() -> Iterator[tuple[str, str]]:
    """Yield name and first line of every benchmark here; what cannot be started is none."""
    for path in sorted(HERE.glob("[a-z]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            yield path.stem, (ast.get_docstring(tree) or "").partition("\n")[0]


def main(arguments: list[str]) -> int:
    """Run what was asked for; 1 when a benchmark failed."""
    known = dict(benchmarks())
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
    elif arguments == ["--list"]:
        for name, line in known.items():
            print(f"{name:12} {line}")
    elif arguments and arguments[0] in known:
        return _start(arguments[0], arguments[1:], None)
    elif arguments:
        print(f"There is no benchmark {arguments[0]!r}. Known: {', '.join(known)}.")
        return 2
    else:
        return _all(known)
    return 0


def _all(known: dict[str, str]) -> int:
    failed = []
    with tempfile.TemporaryDirectory(prefix="nightclerk-bench-") as scratch:
        folders = _folders(Path(scratch))
        for name, line in known.items():
            print(f"\n== {name}: {line}", flush=True)
            short = SHORT.get(name)
            reason = short.needs() if short else "has no short run: python -m benchmarks NAME"
            if short is None or reason:
                print(f"left out: {reason}")
                continue
            started = time.monotonic()
            given = short.arguments.format(**folders).split()
            if _start(name, given, LIMIT_SECONDS):
                failed.append(name)
            print(f"({time.monotonic() - started:.0f} s)", flush=True)
    print(f"\nFailed: {', '.join(failed)}." if failed else "\nAll ran.")
    return int(bool(failed))


def _start(name: str, arguments: list[str], limit_seconds: float | None) -> int:
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    try:
        return subprocess.run(command, env=environment, timeout=limit_seconds).returncode
    except subprocess.TimeoutExpired:
        print(f"stopped after {limit_seconds} s")
        return 1


def _folders(scratch: Path) -> dict[str, Path]:
    """Make a few printed invoices, and take the e-invoices out of the sample mail."""
    folders = {name: scratch / name for name in ("pdf", "xml", "out")}
    for folder in folders.values():
        folder.mkdir()
    write_invoices(folders["pdf"], seed=5, count=6, languages=["de", "en", "fr"])
    (folders["pdf"] / "truth.jsonl").unlink()
    for path in sorted(SAMPLE.glob("*/message.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for part in message.iter_attachments():
            if (part.get_filename() or "").endswith(".xml"):
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                (folders["xml"] / f"{path.parent.name}.xml").write_bytes(content)
    return folders


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
