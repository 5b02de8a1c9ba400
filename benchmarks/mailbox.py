"""Documents from a folder through a real Dovecot mailbox into workbook rows.

    python -m benchmarks.mailbox DIR [--truth FILE --score SCRIPT]

Every file of DIR is sent as one mail. The night runs twice: the second run
must fetch and post nothing. Prints what became of each kind of outcome; with a
truth file and a scorer, how right the fields were.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

from openpyxl import load_workbook

from app import night, queries
from app.completeness import completeness
from app.office import Office
from app.settings import load
from app.store import read_fields
from records.documents import Field
from records.invoices import chosen
from records.vocabulary import FIELDS
from tests.servers.dovecot import Dovecot

_CONFIG = """\
database: sqlite:///night.db
files: files
mail:
  - {{name: inbox, use: imap, host: localhost, port: {port}, user: {user}, ca_file: {ca},
      password: {{file: password}}}}
posters: [{{name: ledger, use: workbook, path: ledger.xlsx}}]
bots: {{invoices: {{mail: [inbox], post_to: ledger}}}}
"""


def mail_of(path: Path) -> bytes:
    """Return a mail that carries the file."""
    mail = EmailMessage()
    mail["From"] = "vendor@example.org"
    mail["To"] = "invoices@example.org"
    mail["Subject"] = path.stem
    mail["Message-ID"] = f"<{path.name}@example.org>"
    mail.set_content("Please find our invoice attached.")
    mail.add_attachment(
        path.read_bytes(), maintype="application", subtype="octet-stream", filename=path.name
    )
    return mail.as_bytes()


def prediction(path: str, fields: list[Field]) -> dict[str, object]:
    """Return the record a scorer reads: header fields, and lines as a list."""
    best = chosen(fields)
    head: dict[str, object] = {name: f.value for (name, line), f in best.items() if line is None}
    rows: dict[int, dict[str, str]] = {}
    for (name, line), field in best.items():
        if line is not None and FIELDS[name].scope == "line":
            rows.setdefault(line, {})[name] = field.value
    head["lines"] = [rows[number] for number in sorted(rows)]
    if rows:
        head["line_count"] = len(rows)
    return {"path": path, "fields": head}


def main() -> int:
    """Run the benchmark; exit code 1 when anything was lost or done twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--score", type=Path, help="a scorer: SCRIPT PREDICTIONS --truth FILE")
    given = parser.parse_args()
    paths = sorted(p for p in given.folder.iterdir() if p.is_file())
    with tempfile.TemporaryDirectory() as temporary, Dovecot() as server:
        folder = Path(temporary)
        server.deliver(*(mail_of(path) for path in paths))
        (folder / "password").write_text(server.password)
        config = folder / "config.yaml"
        config.write_text(_CONFIG.format(port=server.tls_port, user=server.user, ca=server.ca_file))
        office = Office.open(load(config))
        started = time.perf_counter()
        first = night.run(office, ("invoices",))
        seconds = time.perf_counter() - started
        for failure in first.failures:
            print("FAILED", failure)
        second = night.run(office, ("invoices",))
        with office.database.begin() as tx:
            complete = completeness(tx)
            rows = queries.document_rows(tx)
            predictions = [
                prediction(f"{given.folder.name}/{row.name}", read_fields(tx, row.id))
                for row in rows
                if row.state != "split"
            ]
        sheets = load_workbook(folder / "ledger.xlsx")
        written = {name: sheets[name].max_row - 1 for name in sheets.sheetnames}
        office.database.dispose()
        print(f"{len(paths)} files, {seconds:.1f} s, {len(paths) / seconds:.2f} documents/s")
        print("messages", complete.messages_by_outcome)
        print("documents", complete.documents_by_outcome)
        print("kinds", dict(Counter(row.kind for row in rows)))
        reasons = Counter(f.code for row in rows for f in row.findings if f.blocks)
        print("held for", dict(reasons.most_common(12)))
        print("workbook rows", written)
        print("second run changed something:", second.changed)
        if given.score and given.truth:
            out = folder / "predictions.jsonl"
            out.write_text("".join(json.dumps(p) + "\n" for p in predictions))
            command = [sys.executable, str(given.score), str(out), "--truth", str(given.truth)]
            print(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    whole = complete.is_complete and complete.messages == len(paths)
    return 0 if whole and not second.changed and not first.failures else 1


if __name__ == "__main__":
    raise SystemExit(main())
