"""Nights in this terminal: run and try."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from app import night
from app.commands import office_of
from app.progress import progress_bar
from app.show import tell_night
from app.trial import run_trial
from records.failures import KnownFailure


def run(given: argparse.Namespace) -> int:
    """`nightclerk run BOT…`."""
    with office_of(given) as office:
        known = [*night.ORDER, *(b for b in office.settings.bots if b not in night.ORDER)]
        known = [name for name in known if name in office.settings.bots]
        names = known if given.bots == ["all"] else given.bots
        for name in names:
            if name not in office.settings.bots:
                raise KnownFailure(
                    f"no bot {name!r} is configured. Configured: {', '.join(known)}."
                )
        with progress_bar() as progress, tempfile.TemporaryDirectory() as folder:
            acting = office.rehearsal(Path(folder)) if given.dry_run else office
            result = night.run(acting, names, progress)
        tell_night(acting, result, sys.stdout)
        return 1 if result.failures else 0


def trial(given: argparse.Namespace) -> int:
    """`nightclerk try DIR`."""
    if not given.folder.is_dir():
        raise KnownFailure(f"{given.folder} is not a folder. Give the folder with your exports.")
    out = given.out or given.folder.resolve().with_name(f"{given.folder.resolve().name}-trial")
    with progress_bar() as progress:
        return run_trial(
            given.folder,
            given.statements,
            out,
            sys.stdout,
            config=given.config if given.config.exists() else None,
            against=given.against,
            progress=progress,
        )
