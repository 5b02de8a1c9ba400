"""Finds implementations by file name: a plugin is one file with one class.

`use: imap` under `mail:` means the class `Mailbox` in `connectors/mail/imap.py`,
or an entry point called `imap` in the group `nightclerk.mail` of another
distribution. Nothing is imported before somebody asks for it by name.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from records.failures import ConfigurationFault


@dataclass(frozen=True, slots=True)
class Family:
    """Where a family's files lie, and what its class is called in each."""

    package: str
    class_name: str


FAMILIES = {
    "mail": Family("connectors.mail", "Mailbox"),
    "senders": Family("connectors.mail", "Sender"),
    "records": Family("connectors.sources", "Source"),
    "statements": Family("connectors.files", "Source"),
    "posters": Family("connectors.posters", "Poster"),
    "bots": Family("bots", "Bot"),
}


@cache
def names(family: str) -> tuple[str, ...]:
    """Return the names one can `use` in a family, sorted."""
    entry = FAMILIES[family]
    package = importlib.import_module(entry.package)
    own = {
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if hasattr(importlib.import_module(f"{entry.package}.{module.name}"), entry.class_name)
    }
    return tuple(sorted(own | {e.name for e in entry_points(group=f"nightclerk.{family}")}))


def implementation(family: str, use: str) -> type[Any]:
    """Return the class behind `use: NAME`; ConfigurationFault when there is none.

    A plugin that fails to import raises what it raised: `nightclerk check`
    shows the traceback, because only its author can act on it.
    """
    for entry_point in entry_points(group=f"nightclerk.{family}", name=use):
        loaded: type[Any] = entry_point.load()
        return loaded
    entry = FAMILIES[family]
    if use not in names(family):
        near = difflib.get_close_matches(use, names(family), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(names(family))}."
        raise ConfigurationFault(f"there is no {use!r} among {family}. {hint}")
    found: type[Any] = getattr(importlib.import_module(f"{entry.package}.{use}"), entry.class_name)
    return found
