"""What the program says of its own bugs: ready to paste, without any configured secret."""

from __future__ import annotations

import dataclasses
import platform
import traceback
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import make_url

from app.settings import Settings, examine
from records.secrets import Secret


def bug_report(config: Path) -> str:
    """Tell of the exception at hand; call it from its handler.

    What a library puts into an exception is not ours to know, so the values of
    the secrets in `config` are looked for and blotted out.
    """
    text = (
        "nightclerk: this is a bug. Nothing half-done is kept; please report the following.\n"
        f"--- nightclerk {version('nightclerk')}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}\n{traceback.format_exc()}---"
    )
    try:
        settings, _ = examine(config)
    except Exception:
        # The bug is in reading the configuration itself: nothing was opened with it.
        return text
    for value in sorted(_secrets(settings) if settings else (), key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def _secrets(settings: Settings) -> Iterator[str]:
    plugins = [p.settings for section in settings.plugins.values() for p in section.values()]
    for given in (*plugins, *settings.bots.values()):
        for field in dataclasses.fields(given):
            value = getattr(given, field.name)
            if isinstance(value, Secret) and value.reveal():
                yield value.reveal()
    if password := make_url(settings.database).password:
        yield password
