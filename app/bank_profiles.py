"""Profiles of banks' CSV and XLSX files as YAML: proposed by a guess, confirmed by a person.

`propose` writes what the guess would be, with its reasons as comments. Saved
into the profile folder under a name, it is fixed: `load_profiles` gives it to
the readers, and files with that header are no longer guessed.
"""

from __future__ import annotations

import io
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from connectors.banks import Columns, Profile, guess_profile
from records.documents import Document
from records.failures import ConfigurationFault

_CHOICES = {
    "decimal": (".", ","),
    "date_order": ("dmy", "mdy", "ymd"),
    "sign": ("as_printed", "inverted"),
}
_TEXTS = ("name", "delimiter", "encoding", "account", "currency")
_KEYS = (*_TEXTS, *_CHOICES, "header", "columns")
_COLUMNS = tuple(f.name for f in fields(Columns))


def propose(document: Document) -> str | None:
    """Return the guessed profile as YAML to confirm; None where nothing could be guessed."""
    profile, reasons = guess_profile(document)
    if profile is None:
        return None
    lines = [f"# A guess from {document.name}: check it, give it a name, save it as NAME.yaml."]
    lines += [f"# - {reason}" for reason in reasons]
    if profile.date_order is None:
        lines.append("# - date_order is not proved: dmy or mdy, if dates are printed like 03/04/26")
    written: dict[str, object] = {"name": "name-me"}
    for key in ("delimiter", "encoding", *_CHOICES, "account", "currency"):
        value = getattr(profile, key)
        if value is not None:
            written[key] = value
    written["header"] = list(profile.header)
    written["columns"] = {
        key: _titled(getattr(profile.columns, key), profile.header)
        for key in _COLUMNS
        if getattr(profile.columns, key) not in (None, ())
    }
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 1000
    yaml.dump(written, text)
    return "\n".join(lines) + "\n" + text.getvalue()


def load_profiles(folder: Path) -> tuple[Profile, ...]:
    """Read every *.yaml of the folder, in the order of their names.

    Raises ConfigurationFault that names every problem of every file.
    """
    profiles: list[Profile] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            profiles.append(parse_profile(path.read_text(encoding="utf-8")))
        except (ValueError, OSError) as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise ConfigurationFault("\n".join(problems))
    return tuple(profiles)


def parse_profile(text: str) -> Profile:
    """Read one profile; ValueError says what is wrong and what may stand there.

    Columns are given by their title, or by their number from 1.
    """
    try:
        data = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(f"not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("a profile is a list of keys and values")
    _known(data, _KEYS, "key")
    values: dict[str, Any] = {}
    for key in _TEXTS:
        if (value := data.get(key)) is not None:
            values[key] = str(value)
    if not values.get("name") or values["name"] == "name-me":
        raise ValueError("name is missing: what you call this bank's file")
    for key, choices in _CHOICES.items():
        if (value := data.get(key)) is not None:
            if value not in choices:
                raise ValueError(f"{key} is {value!r}; it can be {' or '.join(choices)}")
            values[key] = value
    header = tuple(str(title) for title in data.get("header") or ())
    return Profile(header=header, columns=_parse_columns(data.get("columns"), header), **values)


def _parse_columns(data: object, header: tuple[str, ...]) -> Columns:
    if not isinstance(data, dict):
        raise ValueError("columns is missing: which column holds what")
    _known(data, _COLUMNS, "column")
    required = [f.name for f in fields(Columns) if f.default is MISSING]
    for key in required:
        if key not in data:
            raise ValueError(f"columns.{key} is missing")
    if not {"amount", "debit", "credit"} & set(data):
        raise ValueError("columns has neither amount nor debit and credit")
    read: dict[str, Any] = {}
    for key, value in data.items():
        if key == "remittance":
            many = value if isinstance(value, list) else [value]
            read[key] = tuple(_index(key, v, header) for v in many)
        else:
            read[key] = _index(key, value, header)
    return Columns(**read)


def _index(key: str, value: object, header: tuple[str, ...]) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 512:
        return value - 1
    if header.count(str(value)) == 1:
        return header.index(str(value))
    if str(value) in header:
        raise ValueError(f"columns.{key}: {value!r} stands twice in the header; give its number")
    raise ValueError(f"columns.{key}: {value!r} is no title of the header and no number from 1")


def _titled(column: int | tuple[int, ...], header: tuple[str, ...]) -> object:
    if isinstance(column, tuple):
        return [_titled(c, header) for c in column]
    title = header[column] if column < len(header) else ""
    return title if title and header.count(title) == 1 else column + 1


def _known(data: dict[object, object], names: tuple[str, ...], what: str) -> None:
    for key in data:
        if key not in names:
            raise ValueError(f"unknown {what} {key!r}; there are {', '.join(names)}")
