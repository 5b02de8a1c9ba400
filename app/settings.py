"""config.yaml -> Settings: typed, frozen, every fault reported at once with its line.

Each section is a list of named plugins (`use` picks the implementation, whose
nested `Settings` dataclass declares the other keys) or a model below. Secrets
are references (`{env: NAME}`, `{file: PATH}`, `{keyring: SERVICE/NAME}`) and
are resolved here, once; a secret that cannot be had is a fault, never None.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keyring
from pydantic import ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from app.bank_profiles import load_profiles
from app.families import implementation
from app.sections import (
    MODELS,
    Company,
    Ledger,
    Limits,
    Paying,
    Reading,
    ScheduleEntry,
    Section,
    Service,
    Vies,
)
from connectors.banks import Profile
from extractors.templates.files import Template, load_templates
from matching.payments import PaymentPolicy
from matching.policy import Policy
from records.failures import ConfigurationFault
from records.secrets import Secret
from schedules.schedule import Schedule

#: Sections that are lists of named plugins, with their family.
PLUGIN_SECTIONS = ("mail", "senders", "records", "statements", "posters")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the configuration: file and line, what, what to do."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.message}"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One named entry: which implementation, with which of its settings."""

    name: str
    use: str
    settings: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the program was told. `version` is the hash of the file's text."""

    database: str
    files: Path
    company: Company
    limits: Limits
    reading: Reading
    ledger: Ledger
    paying: Paying
    service: Service
    vies: Vies
    matching: Policy
    payments: PaymentPolicy
    plugins: Mapping[str, Mapping[str, Plugin]]
    bots: Mapping[str, Any]
    schedules: tuple[Schedule, ...]
    version: str
    folder: Path
    #: Confirmed profiles of banks' CSV and XLSX files, from the folder `bank_profiles`.
    bank_profiles: tuple[Profile, ...] = ()
    #: invoice2data templates, from the folder `reading.templates`.
    templates: tuple[Template, ...] = ()

    def plugin(self, section: str, name: str) -> Plugin:
        """Return the plugin `name` of a section; dangling names were refused at loading."""
        return self.plugins[section][name]


_DATACLASSES: dict[str, type[Any]] = {"matching": Policy, "payments": PaymentPolicy}
_TOP = (
    "database",
    "files",
    "bank_profiles",
    *MODELS,
    *_DATACLASSES,
    *PLUGIN_SECTIONS,
    "bots",
    "schedules",
)


#: The sections that say how to read and decide, and connect to nothing.
_RULES = ("company", "limits", "reading", "ledger", "matching", "payments", "bank_profiles")


def rules(path: Path) -> Settings:
    """Read only what the configuration says about reading and deciding.

    What connects to the outside is not looked at, so its secrets may be absent.
    """
    settings, faults = examine(path, _RULES)
    if settings is None or faults:
        raise ConfigurationFault("\n".join(map(str, faults)))
    return settings


def load(path: Path) -> Settings:
    """Read the configuration; ConfigurationFault lists every fault, one per line."""
    settings, faults = examine(path)
    if settings is None or faults:
        raise ConfigurationFault("\n".join(map(str, faults)))
    return settings


def examine(path: Path, sections: Sequence[str] = ()) -> tuple[Settings | None, list[Fault]]:
    """Read the configuration; return it, and every fault in the order of the file.

    Where there are faults it is what could be understood without them; None
    when the file is no configuration at all. With `sections`, the others count
    as absent.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        remedy = "Start in a folder with a config.yaml, or give --config PATH."
        return None, [Fault(str(path), 1, f"cannot be read ({error.strerror}). {remedy}")]
    try:
        tree = YAML(typ="rt").load(text) or CommentedMap()
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [Fault(path.name, line, f"is not YAML: {error.problem}. Mend the line.")]
    if not isinstance(tree, CommentedMap):
        return None, [Fault(path.name, 1, "must be a mapping of sections, e.g. `database: …`.")]
    for section in _TOP:
        if sections and section not in sections:
            tree.pop(section, None)
    loader = _Loader(path, text)
    settings = loader.settings(tree)
    return settings, sorted(loader.faults, key=lambda f: f.line)


class _Loader:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.folder = path.resolve().parent
        self.version = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.faults: list[Fault] = []
        #: Names of the entries of each plugin section, also of those with faults.
        self.named: dict[str, list[str]] = {}

    def fault(self, line: int, message: str) -> None:
        self.faults.append(Fault(self.path.name, line, message))

    def settings(self, tree: CommentedMap) -> Settings:
        for key in tree:
            if key not in _TOP:
                self.fault(_line(tree, key), _unknown(str(key), _TOP))
        models = {
            name: self.model(name, model, tree.get(name), _line(tree, name))
            for name, model in MODELS.items()
        }
        plain = {
            name: self.typed(name, kind, tree.get(name), _line(tree, name)) or kind()
            for name, kind in _DATACLASSES.items()
        }
        plugins = {section: self.plugins(section, tree) for section in PLUGIN_SECTIONS}
        bots = self.bots(tree)
        schedules = self.schedules(tree, models["company"].timezone)
        return Settings(
            database=self.database(tree),
            files=self.rooted(Path(str(tree.get("files", "var/files")))),
            plugins=MappingProxyType(plugins),
            bots=MappingProxyType(bots),
            schedules=schedules,
            version=self.version,
            folder=self.folder,
            bank_profiles=self.bank_profiles(tree),
            templates=self.templates(tree, models["reading"].templates),
            **models,
            **plain,
        )

    def database(self, tree: CommentedMap) -> str:
        value = self.secret(tree.get("database", "sqlite:///var/nightclerk.db"), tree, "database")
        url = value.reveal() if isinstance(value, Secret) else str(value)
        if url.startswith("sqlite:///"):
            return f"sqlite:///{self.rooted(Path(url.removeprefix('sqlite:///')))}"
        if not url.startswith("postgresql"):
            self.fault(
                _line(tree, "database"),
                "database must be sqlite:///FILE or postgresql://USER@HOST/NAME.",
            )
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    def bank_profiles(self, tree: CommentedMap) -> tuple[Profile, ...]:
        if tree.get("bank_profiles") is None:
            return ()
        folder = self.rooted(Path(str(tree["bank_profiles"])))
        line = _line(tree, "bank_profiles")
        if not folder.is_dir():
            self.fault(line, f"bank_profiles: {folder} is no folder. Make it, or correct the path.")
            return ()
        try:
            return load_profiles(folder)
        except ConfigurationFault as error:
            for problem in str(error).splitlines():
                self.fault(line, f"bank_profiles: {problem}")
            return ()

    def templates(self, tree: CommentedMap, path: Path | None) -> tuple[Template, ...]:
        if path is None:
            return ()
        line = _line(tree["reading"], "templates")
        folder = self.rooted(path)
        if not folder.is_dir():
            self.fault(line, f"reading.templates: {folder} is no folder. Make it, or correct it.")
            return ()
        try:
            return load_templates(folder)
        except ConfigurationFault as error:
            for problem in str(error).splitlines():
                self.fault(line, f"reading.templates: {problem}")
            return ()

    def model(self, name: str, model: type[Section], raw: Any, line: int) -> Any:
        try:
            return model.model_validate(_plain(raw or {}))
        except ValidationError as error:
            self.invalid(name, raw, line, error, tuple(model.model_fields))
            return model.model_construct()

    def typed(self, where: str, kind: type[Any], raw: Any, line: int) -> Any:
        """Validate a stdlib dataclass, forbidding unknown keys; secrets and paths resolved.

        None where there is a fault.
        """
        if not dataclasses.is_dataclass(kind):
            raise TypeError(f"{kind} must be a dataclass")
        if "__pydantic_config__" not in vars(kind):
            config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
            setattr(kind, "__pydantic_config__", config)  # noqa: B010 - pydantic's documented hook
        known = tuple(f.name for f in dataclasses.fields(kind))
        count = len(self.faults)
        try:
            values = self.resolved(raw if raw is not None else CommentedMap())
            made = TypeAdapter(kind).validate_python(values)
        except ValidationError as error:
            self.invalid(where, raw, line, error, known)
            return None
        if len(self.faults) > count:  # a secret that cannot be had: never try without it
            return None
        rooted = {
            f.name: self.rooted(value)
            for f in dataclasses.fields(kind)
            if isinstance(value := getattr(made, f.name), Path)
        }
        return dataclasses.replace(made, **rooted) if rooted else made

    def plugins(self, section: str, tree: CommentedMap) -> Mapping[str, Plugin]:
        found: dict[str, Plugin] = {}
        names = self.named.setdefault(section, [])
        entries = tree.get(section) or []
        if not isinstance(entries, CommentedSeq):
            if entries:
                self.fault(_line(tree, section), f"{section} must be a list: `- {{name: …}}`.")
            return found
        for index, entry in enumerate(entries):
            line = entries.lc.item(index)[0] + 1
            if not isinstance(entry, CommentedMap) or "name" not in entry or "use" not in entry:
                self.fault(line, f"{section}: each entry needs `name` and `use`.")
                continue
            name, use = str(entry["name"]), str(entry["use"])
            if name in names:
                self.fault(line, f"{section} has two entries called {name}. Rename one.")
            names.append(name)
            try:
                kind = implementation(section, use).Settings
            except ConfigurationFault as error:
                self.fault(_line(entry, "use"), str(error))
                continue
            takes_name = any(f.name == "name" for f in dataclasses.fields(kind))
            drop = {"use"} if takes_name else {"use", "name"}
            rest = CommentedMap({k: v for k, v in entry.items() if k not in drop})
            setattr(rest, "_yaml_line_col", entry.lc)  # noqa: B010 - keeps the lines for faults
            made = self.typed(f"{section} {name}:", kind, rest, line)
            if made is not None:
                found[name] = Plugin(name, use, made)
        return MappingProxyType(found)

    def bots(self, tree: CommentedMap) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        section = tree.get("bots") or CommentedMap()
        if not isinstance(section, CommentedMap):
            self.fault(_line(tree, "bots"), "bots must be a mapping: `invoices: {mail: …}`.")
            return found
        for name, raw in section.items():
            line = _line(section, name)
            try:
                kind = implementation("bots", str(name)).Settings
            except ConfigurationFault as error:
                self.fault(line, str(error))
                continue
            made = self.typed(f"bots.{name}:", kind, raw, line)
            if made is None:
                continue
            found[str(name)] = made
            for key, family in getattr(kind, "refers", {}).items():
                wanted = getattr(made, key, ())
                for one in (wanted,) if isinstance(wanted, str) else wanted or ():
                    if one not in self.named[family]:
                        here = _line(raw, key) if isinstance(raw, CommentedMap) else line
                        known = ", ".join(self.named[family]) or f"none; add one under `{family}:`"
                        self.fault(here, f"bots.{name}.{key}: no {family} {one!r}. Known: {known}.")
        return found

    def schedules(self, tree: CommentedMap, timezone: str) -> tuple[Schedule, ...]:
        """Read every schedule, in the company's time zone unless it names its own."""
        entries: Any = tree.get("schedules") or []
        bots: Any = tree.get("bots") or {}
        made = []
        for index, raw in enumerate(entries):
            line = entries.lc.item(index)[0] + 1
            count = len(self.faults)
            entry = self.model("schedules", ScheduleEntry, raw, line)
            if isinstance(raw, CommentedMap) and raw.get("bot") not in bots:
                known = ", ".join(bots)
                self.fault(line, f"schedules: no bot {raw.get('bot')!r}. Configured: {known}.")
            if len(self.faults) > count:
                continue
            values = entry.model_dump()
            try:
                made.append(Schedule(**{**values, "timezone": entry.timezone or timezone}))
            except ConfigurationFault as fault:
                self.fault(line, f"{fault}.")
        return tuple(made)

    def rooted(self, path: Path) -> Path:
        """Resolve a relative path against the folder of the configuration file."""
        return path if path.is_absolute() else self.folder / path

    def resolved(self, raw: Any, parent: Any = None, key: Any = None) -> Any:
        """Return plain Python values with secret references replaced."""
        if isinstance(raw, Mapping):
            if len(raw) == 1 and next(iter(raw)) in {"env", "file", "keyring"}:
                return self.secret(raw, parent if parent is not None else raw, key)
            return {str(k): self.resolved(v, raw, k) for k, v in raw.items()}
        if isinstance(raw, Sequence) and not isinstance(raw, str):
            return [self.resolved(item, raw) for item in raw]
        return raw

    def secret(self, raw: Any, parent: Any, key: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        line = _line(parent, key)
        how, name = next((str(k), str(v)) for k, v in raw.items())
        if how == "env":
            if (value := os.environ.get(name)) is not None:
                return Secret(value)
            self.fault(line, f"{key}: the environment variable {name} is not set. Set it.")
        elif how == "file":
            try:
                return Secret(self.rooted(Path(name)).read_text(encoding="utf-8").strip())
            except OSError as error:
                self.fault(line, f"{key}: the secret file {name}: {error.strerror}. Create it.")
        elif how == "keyring":
            service, _, user = name.partition("/")
            try:
                if (kept := keyring.get_password(service, user)) is not None:
                    return Secret(kept)
                self.fault(
                    line, f"{key}: the keyring has no {name}. `keyring set {service} {user}`."
                )
            except keyring.errors.KeyringError as error:
                self.fault(line, f"{key}: no keyring here ({error}). Use env or file instead.")
        return Secret("")

    def invalid(
        self, where: str, raw: Any, line: int, error: ValidationError, known: tuple[str, ...]
    ) -> None:
        for problem in error.errors():
            location = [str(part) for part in problem["loc"]]
            key = location[0] if location else ""
            here = _line(raw, key) if isinstance(raw, CommentedMap) and key in raw else line
            label = " ".join([where.rstrip(":"), ".".join(location)]) if location else where
            if problem["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
                self.fault(here, f"{where.rstrip(':')}: {_unknown(key, known)}")
            elif problem["type"] in {
                "missing",
                "missing_argument",
                "missing_keyword_only_argument",
            }:
                self.fault(here, f"{label} is missing. Add `{key}:`.")
            else:
                shown, said = problem["input"], problem["msg"].removeprefix("Value error, ")
                told = isinstance(shown, Secret | Mapping) or repr(shown) in said
                self.fault(here, f"{label}: {said}{'' if told else f', not {shown!r}'}.")


def _unknown(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
    return f"{key!r} is not a setting. {hint}"


def _line(node: Any, key: Any) -> int:
    """Return the 1-based line of a key, or of its node, or 1."""
    places = getattr(node, "lc", None)
    if places is None:
        return 1
    try:
        return int(places.key(key)[0]) + 1
    except (KeyError, TypeError, AttributeError):
        return int(places.line or 0) + 1


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(k): _plain(v) for k, v in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(v) for v in node]
    return node
