"""The documentation says what the program does: compared with the program itself."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import re
import textwrap
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from app import families, reference
from app.cli import _parser
from app.settings import examine
from tests.test_imports import RULES

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "fixtures").rglob("*.md"))
PLUGINS = [(family, name) for family in families.FAMILIES for name in families.names(family)]


def _commands() -> dict[str, argparse.ArgumentParser]:
    action = next(a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


@pytest.mark.parametrize("name", reference.pages())
def test_a_reference_page_is_up_to_date(name: str) -> None:
    said = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert said == reference.pages()[name], "run `python -m app.reference`"


@pytest.mark.parametrize(("family", "name"), PLUGINS)
def test_every_key_of_a_plugin_is_explained(family: str, name: str) -> None:
    settings = families.implementation(family, name).Settings
    keys = [field.name for field in dataclasses.fields(settings)]
    _, meanings = reference.split(settings.__doc__, keys)
    assert [key for key in keys if not meanings[key]] == []


def test_every_command_is_in_the_guide() -> None:
    pages = (ROOT / "README.md", ROOT / "docs/operators.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    missing = [c for c in _commands() if not re.search(rf"[`/ ]{c}[`\n ]", text)]
    assert missing == []


def test_every_command_that_is_shown_exists() -> None:
    """Every `nightclerk …` in the pages is parsed as a shell would hand it over."""
    wrong = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for shown in re.findall(r"(?:`|^|/)nightclerk((?: [^`\n#]+)?)(?:`|$|#)", text, re.M):
            options = re.sub(r"--config \S+", "", shown).split()
            if options and options[0] not in _commands():
                wrong.append(f"{page.name}: nightclerk{shown}")
                continue
            known = (
                {o for a in _commands()[options[0]]._actions for o in a.option_strings}
                if options
                else set()
            )
            wrong += [
                f"{page.name}: nightclerk{shown}: no {o}"
                for o in options
                if o.startswith("--") and o not in known
            ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [
        link
        for link in links
        if not re.match(r"[a-z]+:", link) and not (page.parent / link).exists()
    ]
    assert broken == []


def test_every_dependency_is_explained_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {_distribution(one) for group in groups for one in group} - {"nightclerk"}
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    said = set()
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not set(cells[0]) <= set("-"):
            said |= set(cells[-3].split(", "))
    assert said - {"library"} == wanted


#: What is used without an import of ours: data, programs, and what rapidocr runs on.
NOT_IMPORTED = {"tzdata", "onnxruntime", "mypy", "pytest-xdist", "ruff", "lxml-stubs"}
NOT_IMPORTED |= {"types-openpyxl", "types-regex"}


def canonical(distribution: str) -> str:
    """Return a distribution's name as all its spellings agree on it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_dependency_is_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {_distribution(one) for group in groups for one in group} - {"nightclerk"}
    named: set[str] = set()
    for package in (*RULES, "fixtures", "tests"):
        for path in set((ROOT / package).rglob("*.py")) - {Path(__file__)}:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    named |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    named.add(node.module.split(".")[0])
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    named.add(node.value)  # found by name: fonts, stylesheets
    homes: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for one in distributions:
            homes.setdefault(canonical(one), set()).add(module)
    idle = {one for one in wanted if not homes.get(canonical(one), set()) & named}
    assert idle - NOT_IMPORTED == set()


def _distribution(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found.group()


def test_every_make_target_that_is_shown_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for page in PAGES:
        shown = re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.M)
        assert set(shown) <= set(targets), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_configuration_that_is_shown_is_understood(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INBOX_PASSWORD", "x")
    text = page.read_text(encoding="utf-8")
    for shown in re.findall(r"^ *```yaml\n(.*?)^ *```", text, re.M | re.S):
        path = tmp_path / "config.yaml"
        path.write_text(textwrap.dedent(shown), encoding="utf-8")
        assert list(map(str, examine(path)[1])) == []
