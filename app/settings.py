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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import keyring
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from app.bank_profiles import load_profiles
from app.families import implementation
from connectors.banks import Profile
from matching.payments import PaymentPolicy
from matching.policy import Policy
from records.failures import ConfigurationFault
from records.secrets import Secret

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


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Company(_Model):
    """Who we are: the buyer on the invoices we receive."""

    name: str = Field("", description="Our legal name, as vendors print it.")
    names: tuple[str, ...] = Field((), description="Other names we are billed under.")
    vat_ids: tuple[str, ...] = Field((), description="Our VAT ids.")
    timezone: str = Field("UTC", description="IANA time zone of the office.")
    country: str = Field("", description="ISO country, for holidays and VAT rules.")
    domains: tuple[str, ...] = Field((), description="Our own mail domains.")
    trusted_hosts: tuple[str, ...] = Field(
        (), description="Mail hosts whose Authentication-Results we believe."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no IANA time zone. Use e.g. Europe/Berlin") from None
        return value


class Limits(_Model):
    """What one document may cost before it is held instead of read."""

    seconds: float = Field(120, gt=0, description="Wall clock per document.")
    memory_mb: int = Field(3072, ge=256, description="Address space of the reading process.")
    processes: int = Field(
        default_factory=lambda: os.cpu_count() or 2,
        ge=1,
        description="Readings at a time; by default one per processor.",
    )


class Reading(_Model):
    """How documents are read."""

    ocr: str = Field("rapidocr", pattern="^(rapidocr|tesseract|none)$", description="OCR engine.")
    archive_html: bool = Field(
        True, description="Render HTML invoices to PDF for the archive where a browser is found."
    )


class Ledger(_Model):
    """Accounts of the ledger lines nightclerk proposes."""

    payables: str = Field("1600", description="Payables control account.")
    expenses: str = Field("4900", description="Expense account when nothing better is known.")
    input_tax: str = Field("1570", description="Input tax.")
    prepayments: str = Field("1510", description="Money paid in advance, until it is set off.")
    retentions: str = Field("1625", description="Owed, but kept back until an agreed day.")


class Paying(_Model):
    """How invoices are paid: files for the bank, which a second person releases."""

    folder: Path = Field(Path("out/payments"), description="Where released payment files go.")
    accounts: dict[str, str] = Field(
        {}, description="Own account to pay from, by currency; needed where there are several."
    )
    company_id: str = Field("", description="Our id at a US bank (10 characters), for Nacha files.")
    interest_percent: Decimal = Field(
        Decimal(8), ge=0, description="What money costs a year; a discount must earn more."
    )
    transfer_days: int = Field(1, ge=0, description="Days until a transfer arrives.")
    days_between_runs: int = Field(7, ge=1, description="When the next run pays, unless told.")
    smallest: Decimal = Field(Decimal(1), ge=0, description="Least amount worth a transfer.")


class ScheduleEntry(_Model):
    """When a bot runs by itself."""

    bot: str = Field(description="A configured bot.")
    cron: str = Field(description="Five fields: minute hour day month weekday.")
    timezone: str | None = Field(None, description="Defaults to the company's.")
    calendar: str | None = Field(None, description="Business days only: TARGET, DE, DE-BY, US …")
    jitter_seconds: int = Field(
        0,
        ge=0,
        le=3600,
        description="Spread starts by up to so much, the same for a slot anywhere.",
    )
    catch_up: str = Field("once", pattern="^(once|each|none)$", description="After downtime.")


class Service(_Model):
    """The unattended service."""

    host: str = Field("127.0.0.1", description="Where /healthz and /metrics listen.")
    port: int = Field(8642, ge=0, le=65535, description="0 picks a free port.")
    worker: str = Field("", description="Unique, stable id of this worker; default: host name.")


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
    matching: Policy
    payments: PaymentPolicy
    plugins: Mapping[str, Mapping[str, Plugin]]
    bots: Mapping[str, Any]
    schedules: tuple[ScheduleEntry, ...]
    version: str
    folder: Path
    #: Confirmed profiles of banks' CSV and XLSX files, from the folder `bank_profiles`.
    bank_profiles: tuple[Profile, ...] = ()

    def plugin(self, section: str, name: str) -> Plugin:
        """Return the plugin `name` of a section; dangling names were refused at loading."""
        return self.plugins[section][name]


_MODELS: dict[str, type[_Model]] = {
    "company": Company,
    "limits": Limits,
    "reading": Reading,
    "ledger": Ledger,
    "paying": Paying,
    "service": Service,
}
_DATACLASSES: dict[str, type[Any]] = {"matching": Policy, "payments": PaymentPolicy}
_TOP = (
    "database",
    "files",
    "bank_profiles",
    *_MODELS,
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
    if settings is None:
        raise ConfigurationFault("\n".join(map(str, faults)))
    return settings


def load(path: Path) -> Settings:
    """Read the configuration; ConfigurationFault lists every fault, one per line."""
    settings, faults = examine(path)
    if settings is None:
        raise ConfigurationFault("\n".join(map(str, faults)))
    return settings


def examine(path: Path, sections: Sequence[str] = ()) -> tuple[Settings | None, list[Fault]]:
    """Read the configuration; return it, or every fault in the order of the file.

    With `sections`, the others count as absent.
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
    faults = sorted(loader.faults, key=lambda f: f.line)
    return (None if faults else settings), faults


class _Loader:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.folder = path.resolve().parent
        self.version = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.faults: list[Fault] = []

    def fault(self, line: int, message: str) -> None:
        self.faults.append(Fault(self.path.name, line, message))

    def settings(self, tree: CommentedMap) -> Settings:
        for key in tree:
            if key not in _TOP:
                self.fault(_line(tree, key), _unknown(str(key), _TOP))
        models = {
            name: self.model(name, model, tree.get(name), _line(tree, name))
            for name, model in _MODELS.items()
        }
        plain = {
            name: self.typed(name, kind, tree.get(name), _line(tree, name))
            for name, kind in _DATACLASSES.items()
        }
        plugins = {section: self.plugins(section, tree) for section in PLUGIN_SECTIONS}
        bots = self.bots(tree, plugins)
        schedules = self.schedules(tree, bots)
        return Settings(
            database=self.database(tree),
            files=self.rooted(Path(str(tree.get("files", "var/files")))),
            plugins=MappingProxyType(plugins),
            bots=MappingProxyType(bots),
            schedules=schedules,
            version=self.version,
            folder=self.folder,
            bank_profiles=self.bank_profiles(tree),
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

    def model(self, name: str, model: type[_Model], raw: Any, line: int) -> Any:
        try:
            return model.model_validate(_plain(raw or {}))
        except ValidationError as error:
            self.invalid(name, raw, line, error, tuple(model.model_fields))
            return model.model_construct()

    def typed(self, where: str, kind: type[Any], raw: Any, line: int) -> Any:
        """Validate a stdlib dataclass, forbidding unknown keys; secrets and paths resolved."""
        if not dataclasses.is_dataclass(kind):
            raise TypeError(f"{kind} must be a dataclass")
        if "__pydantic_config__" not in vars(kind):
            config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
            setattr(kind, "__pydantic_config__", config)  # noqa: B010 - pydantic's documented hook
        known = tuple(f.name for f in dataclasses.fields(kind))
        try:
            values = self.resolved(raw if raw is not None else CommentedMap())
            made = TypeAdapter(kind).validate_python(values)
        except ValidationError as error:
            self.invalid(where, raw, line, error, known)
            return None
        rooted = {
            f.name: self.rooted(value)
            for f in dataclasses.fields(kind)
            if isinstance(value := getattr(made, f.name), Path)
        }
        return dataclasses.replace(made, **rooted) if rooted else made

    def plugins(self, section: str, tree: CommentedMap) -> Mapping[str, Plugin]:
        found: dict[str, Plugin] = {}
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
            if name in found:
                self.fault(line, f"{section} has two entries called {name}. Rename one.")
            try:
                kind = implementation(section, use).Settings
            except ConfigurationFault as error:
                self.fault(_line(entry, "use"), str(error))
                continue
            takes_name = any(f.name == "name" for f in dataclasses.fields(kind))
            drop = {"use"} if takes_name else {"use", "name"}
            rest = CommentedMap({k: v for k, v in entry.items() if k not in drop})
            setattr(rest, "_yaml_line_col", entry.lc)  # noqa: B010 - keeps the lines for faults
            found[name] = Plugin(name, use, self.typed(f"{section} {name}:", kind, rest, line))
        return MappingProxyType(found)

    def bots(
        self, tree: CommentedMap, plugins: Mapping[str, Mapping[str, Plugin]]
    ) -> Mapping[str, Any]:
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
            found[str(name)] = made
            for key, family in getattr(kind, "refers", {}).items():
                wanted = getattr(made, key, ())
                for one in (wanted,) if isinstance(wanted, str) else wanted or ():
                    if one not in plugins[family]:
                        here = _line(raw, key) if isinstance(raw, CommentedMap) else line
                        known = ", ".join(plugins[family]) or f"none; add one under `{family}:`"
                        self.fault(here, f"bots.{name}.{key}: no {family} {one!r}. Known: {known}.")
        return found

    def schedules(self, tree: CommentedMap, bots: Mapping[str, Any]) -> tuple[ScheduleEntry, ...]:
        entries: Any = tree.get("schedules") or []
        made = []
        for index, raw in enumerate(entries):
            line = entries.lc.item(index)[0] + 1
            entry = self.model("schedules", ScheduleEntry, raw, line)
            if isinstance(raw, CommentedMap) and raw.get("bot") not in bots:
                known = ", ".join(bots)
                self.fault(line, f"schedules: no bot {raw.get('bot')!r}. Configured: {known}.")
            made.append(entry)
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
                shown = problem["input"]
                value = "" if isinstance(shown, Secret | Mapping) else f", not {shown!r}"
                self.fault(here, f"{label}: {problem['msg']}{value}.")


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


def described() -> Iterator[tuple[str, str, str]]:
    """Yield (section.key, default, description) of every core setting, for the reference."""
    described: dict[str, type[_Model]] = {**_MODELS, "schedules[]": ScheduleEntry}
    for section, model in described.items():
        for key, entry in model.model_fields.items():
            if entry.is_required():
                default = "required"
            else:  # What a factory makes differs from machine to machine.
                default = "computed" if entry.default_factory else repr(entry.get_default())
            yield f"{section}.{key}", default, entry.description or ""
