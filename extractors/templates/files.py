"""Template files: YAML into checked, typed templates. Source: invoice2data's template format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import regex
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from records.failures import ConfigurationFault

Type = Literal["text", "int", "float", "date"]
Group = Literal["sum", "min", "max", "first", "last", "join", ""]

_TYPES: Mapping[str, Type] = {
    "int": "int",
    "float": "float",
    "date": "date",
    "datetime": "date",
    "str": "text",
    "string": "text",
}
_GROUPS = ("sum", "min", "max", "first", "last", "join")
#: A template is written by hand; anything larger is none.
_MOST_BYTES = 200_000
_REQUIRED = ("date", "amount", "invoice_number", "issuer")


@dataclass(frozen=True, slots=True)
class Area:
    """Part of a page: in pixels at `resolution`, on pages `first` to `last` (from 1)."""

    first: int
    last: int
    x: float
    y: float
    width: float
    height: float
    resolution: float


@dataclass(frozen=True, slots=True)
class Replacement:
    """Every match of `pattern` becomes `text` (which may name groups)."""

    pattern: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one field is found: a `static` value, or the matches of any of `patterns`."""

    name: str
    patterns: tuple[str, ...] = ()
    static: str | None = None
    type: Type = "text"
    group: Group = ""
    replace: tuple[Replacement, ...] = ()
    extract_number: bool = False
    area: Area | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """How rows are found between `start` and `end`, as fields named by the groups of patterns.

    A row begins at `first`, takes more from `line`, and ends at `last`; without
    `first` and `last` every `line` is a row.
    """

    name: str
    start: str
    end: str
    line: tuple[str, ...]
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    separator: str = r"\n"
    types: tuple[tuple[str, Type], ...] = ()
    end_match: Literal["first", "last"] = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table between `start` and `end` whose rows match `body`: its groups are header fields."""

    start: str
    end: str
    body: str
    separator: str = r"\n"
    types: tuple[tuple[str, Type], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template. `currency` is None unless it is stated: nothing is EUR by default."""

    name: str
    keywords: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    issuer: str | None = None
    priority: int = 5
    rules: tuple[Rule, ...] = ()
    blocks: tuple[Block, ...] = ()
    grids: tuple[Grid, ...] = ()
    required: tuple[str, ...] = _REQUIRED
    currency: str | None = None
    decimal: str = "."
    date_formats: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    remove_whitespace: bool = False
    remove_accents: bool = False
    lowercase: bool = False
    replace: tuple[Replacement, ...] = ()


class _Wrong(ValueError):
    """Something in a template cannot be used; `where` is the path of keys to it."""

    def __init__(self, where: Sequence[str | int], what: str) -> None:
        super().__init__(what)
        self.where = tuple(where)


def load_templates(folder: Path) -> tuple[Template, ...]:
    """Read every template under a folder, the highest priority first.

    Raises ConfigurationFault that names file, line and field of every problem.
    """
    found: list[Template] = []
    problems: list[str] = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".yml", ".yaml", ".json"}):
        try:
            found.append(read_template(path))
        except ConfigurationFault as fault:
            problems.append(str(fault))
    if problems:
        raise ConfigurationFault("\n".join(problems))
    return tuple(sorted(found, key=lambda t: -t.priority))


def read_template(path: Path) -> Template:
    """Read one file; raises ConfigurationFault with file, line and field."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigurationFault(
                f"{path}: more than {_MOST_BYTES:,} bytes; that is no template"
            )
        text = path.read_text(encoding="utf-8")
        data = _yaml().load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationFault(f"{path}: {error}") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        told = " ".join(str(error.problem).split())
        raise ConfigurationFault(f"{path}:{line}: not valid YAML: {told}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise ConfigurationFault(f"{path}: not valid YAML: {told}") from error
    try:
        return _template(path.name, data)
    except _Wrong as wrong:
        where = "".join(f"{part}." for part in wrong.where).rstrip(".")
        told = f"{where}: {wrong}" if where else str(wrong)
        line = _line_of(text, wrong.where)
        raise ConfigurationFault(f"{path}:{line}: {' '.join(told.split())}") from None


def _yaml(typ: str = "safe") -> YAML:
    """Return a reader that takes the last of two equal keys, as invoice2data does."""
    yaml = YAML(typ=typ)
    yaml.allow_duplicate_keys = True
    return yaml


def _line_of(text: str, where: Sequence[str | int]) -> int:
    """Return the line of a key, or of the nearest one above it that has a line."""
    node: Any = _yaml("rt").load(text)
    line = 0
    for part in where:
        try:
            places = node.lc
            line = places.key(part)[0] if isinstance(part, str) else places.item(part)[0]
            node = node[part]
        except (AttributeError, KeyError, TypeError, IndexError):
            break
    return int(line) + 1


# -- checking


def _template(name: str, data: object) -> Template:
    if not isinstance(data, dict):
        raise _Wrong((), "a template is a list of keys and values")
    if "keywords" not in data:
        raise _Wrong((), "keywords is missing: texts that stand on this vendor's invoices")
    if "camelot" in data:
        raise _Wrong(("camelot",), "is not supported; use `lines` or `tables`")
    options = _mapping(data.get("options") or {}, ("options",))
    fields = _mapping(data.get("fields") or {}, ("fields",))
    blocks: list[Block] = []
    rules: list[Rule] = []
    for key, value in fields.items():
        where: tuple[str | int, ...] = ("fields", str(key))
        if value is None:
            continue  # a field left empty finds nothing
        if isinstance(value, dict) and value.get("parser") == "lines":
            blocks += _blocks(str(key), value, where)
        else:
            rules.append(_rule(str(key), value, where))
    if "lines" in data:
        blocks += _blocks("lines", data["lines"], ("lines",))
    decimal = options.get("decimal_separator", ".")
    if decimal not in (".", ","):
        raise _Wrong(("options", "decimal_separator"), "must be '.' or ','")
    currency = options.get("currency")
    return Template(
        name=name,
        keywords=_texts(data["keywords"], ("keywords",)),
        exclude=_texts(data.get("exclude_keywords") or (), ("exclude_keywords",)),
        issuer=str(data["issuer"]) if data.get("issuer") else None,
        priority=_whole(data.get("priority", 5), ("priority",)),
        rules=tuple(rules),
        blocks=tuple(blocks),
        grids=tuple(_grids(data.get("tables") or ())),
        required=_texts(data.get("required_fields", _REQUIRED) or (), ("required_fields",)),
        currency=str(currency).upper() if currency else None,
        decimal=str(decimal),
        date_formats=_texts(options.get("date_formats") or (), ("options", "date_formats")),
        languages=_texts(options.get("languages") or (), ("options", "languages")),
        remove_whitespace=bool(options.get("remove_whitespace")),
        remove_accents=bool(options.get("remove_accents")),
        lowercase=bool(options.get("lowercase")),
        replace=_replacements(options.get("replace") or (), ("options", "replace")),
    )


def _rule(name: str, value: object, where: tuple[str | int, ...]) -> Rule:
    """Read a field: `amount: regex`, `static_x: value`, or a mapping with its parser."""
    if isinstance(value, dict):
        parser = value.get("parser")
        if parser == "static":
            return Rule(name=name, static=_static(value.get("value"), (*where, "value")))
        if parser != "regex":
            raise _Wrong((*where, "parser"), f"{parser!r} is none of regex, lines, static")
        group = value.get("group", "")
        if group and group not in _GROUPS:
            raise _Wrong((*where, "group"), f"{group!r} is none of {', '.join(_GROUPS)}")
        return Rule(
            name=name,
            patterns=_patterns(value.get("regex"), (*where, "regex")),
            type=_type(value.get("type", "str"), (*where, "type")),
            group=group,
            replace=_replacements(value.get("replace") or (), (*where, "replace")),
            extract_number=bool(value.get("extract_number")),
            area=_area(value["area"], (*where, "area")) if "area" in value else None,
        )
    if name.startswith("static_"):
        return Rule(name=name.removeprefix("static_"), static=_static(value, where))
    patterns = _patterns(value, where)
    if name.startswith("sum_amount"):
        return Rule(name=name[4:], patterns=patterns, type="float", group="sum")
    return Rule(name=name, patterns=patterns, type=implied_type(name))


def implied_type(name: str) -> Type:
    """Return the type that a field's name implies in invoice2data's older templates."""
    if name.startswith("date") or name.endswith("date"):
        return "date"
    return "float" if name.startswith("amount") else "text"


def _static(value: object, where: tuple[str | int, ...]) -> str:
    if isinstance(value, list):
        return " ".join(_static(item, where) for item in value)
    if isinstance(value, str | int | float | date):
        return str(value)
    raise _Wrong(where, "a static value is a text, a number or a date")


def _blocks(name: str, value: object, where: tuple[str | int, ...]) -> Iterator[Block]:
    """Read one block, a list of them, or a list under `rules`."""
    if isinstance(value, dict) and "rules" in value:
        value, where = value["rules"], (*where, "rules")
    if isinstance(value, list):
        for at, rule in enumerate(value):
            yield _block(name, _mapping(rule, (*where, at)), (*where, at))
    else:
        yield _block(name, _mapping(value, where), where)


def _block(name: str, given: dict[str, Any], where: tuple[str | int, ...]) -> Block:
    for key in ("start", "end", "line"):
        if key not in given:
            raise _Wrong((*where, key), "is missing")
    end_match = given.get("end_match", "first")
    if end_match not in ("first", "last"):
        raise _Wrong((*where, "end_match"), "must be 'first' or 'last'")
    return Block(
        name=name,
        start=_pattern(given["start"], (*where, "start")),
        end=_pattern(given["end"], (*where, "end")),
        line=_patterns(given["line"], (*where, "line")),
        first=_patterns(given.get("first_line") or (), (*where, "first_line")),
        last=_patterns(given.get("last_line") or (), (*where, "last_line")),
        skip=_patterns(given.get("skip_line") or (), (*where, "skip_line")),
        separator=_pattern(given.get("line_separator", r"\n"), (*where, "line_separator")),
        types=_types(given.get("types") or {}, (*where, "types")),
        end_match=end_match,
    )


def _grids(value: object) -> Iterator[Grid]:
    if not isinstance(value, list | tuple):
        raise _Wrong(("tables",), "must be a list")
    for at, item in enumerate(value):
        where = ("tables", at)
        given = _mapping(item, where)
        for key in ("start", "end", "body"):
            if key not in given:
                raise _Wrong((*where, key), "is missing")
        yield Grid(
            start=_pattern(given["start"], (*where, "start")),
            end=_pattern(given["end"], (*where, "end")),
            body=_pattern(given["body"], (*where, "body")),
            separator=_pattern(given.get("line_separator", r"\n"), (*where, "line_separator")),
            types=_types(given.get("types") or {}, (*where, "types")),
        )


def _mapping(value: object, where: Sequence[str | int]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(where, "must be keys with values")
    return value


def _texts(value: object, where: Sequence[str | int]) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(item, dict | list) or item is None for item in items):
        raise _Wrong(where, "must be a text or a list of texts")
    return tuple(str(item) for item in items)


def _whole(value: object, where: Sequence[str | int]) -> int:
    if isinstance(value, int):
        return value
    raise _Wrong(where, "must be a whole number")


def _type(value: object, where: Sequence[str | int]) -> Type:
    if str(value) not in _TYPES:
        raise _Wrong(where, f"{value!r} is none of {', '.join(_TYPES)}")
    return _TYPES[str(value)]


def _types(value: object, where: tuple[str | int, ...]) -> tuple[tuple[str, Type], ...]:
    given = _mapping(value, where)
    return tuple((str(k), _type(v, (*where, str(k)))) for k, v in given.items())


def _patterns(value: object, where: Sequence[str | int]) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(_pattern(item, where) for item in items)


def _pattern(value: object, where: Sequence[str | int]) -> str:
    if not isinstance(value, str | int | float):
        raise _Wrong(where, "must be a regular expression")
    try:
        regex.compile(str(value))
    except (regex.error, OverflowError, RecursionError) as error:
        raise _Wrong(where, f"not a regular expression: {error}") from error
    return str(value)


def _replacements(value: object, where: Sequence[str | int]) -> tuple[Replacement, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    if len(items) == 2 and all(isinstance(item, str) for item in items):
        items = [items]
    made = []
    for item in items:
        if not isinstance(item, list | tuple) or len(item) != 2:
            raise _Wrong(where, "must be pairs of pattern and replacement")
        made.append(Replacement(_pattern(item[0], where), str(item[1])))
    return tuple(made)


def _area(value: object, where: tuple[str | int, ...]) -> Area:
    given = _mapping(value, where)
    try:
        return Area(
            int(given.get("f", 1)),
            int(given.get("l", given.get("f", 1))),
            float(given["x"]),
            float(given["y"]),
            float(given["W"]),
            float(given["H"]),
            float(given.get("r", 72)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _Wrong(where, "needs the numbers x, y, W and H (and f, l, r)") from error
