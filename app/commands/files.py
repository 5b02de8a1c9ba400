"""For other programs: extract, statements, profile, export.

What only some of them need is imported by those: `extract` is called in loops.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.commands import must_exist, office_of
from app.extraction import extraction_lines
from app.progress import progress_bar
from extractors.reading import ReadOptions
from extractors.templates import load_templates
from records.documents import Document
from records.failures import KnownFailure
from records.findings import Severity


@contextmanager
def _output(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("w", encoding="utf-8")
    except OSError as error:
        raise KnownFailure(f"{path} cannot be written ({error.strerror}).") from error
    with out:
        yield out


def extract(given: argparse.Namespace) -> int:
    """`nightclerk extract PATH…`."""
    must_exist(given.paths)
    rules = Severity.WARN if given.validate else None
    must_exist([given.templates] if given.templates else [])
    templates = load_templates(given.templates) if given.templates else ()
    options = ReadOptions(use_einvoice=not given.no_einvoice, rules=rules, templates=templates)
    with _output(given.jsonl) as out, progress_bar(enabled=given.jsonl is not None) as progress:
        for number, line in enumerate(extraction_lines(given.paths, options, given.jobs), 1):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            if progress:
                progress(number, 0, str(line["path"]))
    return 0


def statements(given: argparse.Namespace) -> int:
    """`nightclerk statements PATH…`."""
    from app.bank_profiles import load_profiles
    from app.statements import statement_lines

    must_exist([*given.paths, *([given.profiles] if given.profiles else [])])
    profiles = load_profiles(given.profiles) if given.profiles else ()
    with _output(given.jsonl) as out, progress_bar(enabled=given.jsonl is not None) as progress:
        for number, line in enumerate(statement_lines(given.paths, profiles), 1):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            if progress:
                progress(number, 0, str(line["path"]))
    return 0


def profile(given: argparse.Namespace) -> int:
    """`nightclerk profile FILE`."""
    from app.bank_profiles import propose

    must_exist([given.file])
    name = given.file.name
    proposed = propose(Document(id=name, media_type="", path=given.file, name=name))
    if proposed is None:
        raise KnownFailure(f"{given.file}: no row with a date and an amount was found.")
    print(proposed, end="")
    return 0


def export(given: argparse.Namespace) -> int:
    """`nightclerk export invoices|matches`."""
    from app.export import invoice_lines, match_lines

    with office_of(given) as office, office.database.begin() as tx, _output(given.jsonl) as out:
        lines = invoice_lines(tx) if given.what == "invoices" else match_lines(tx)
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0
