"""Who may import whom: the shape of the program, read from the imports themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"records", "matching", "extractors", "connectors", "app", "bots", "schedules", "fixtures"}
#: package -> which of ours it may import, and whether other libraries are allowed.
RULES: dict[str, tuple[set[str], bool]] = {
    "records": ({"records"}, False),
    "matching": ({"records", "matching"}, False),
    "extractors": ({"records", "extractors"}, True),
    "connectors": ({"records", "connectors"}, True),
    "app": ({"records", "matching", "extractors", "connectors", "app", "schedules"}, True),
    "bots": ({"records", "app", "bots"}, True),
    "schedules": ({"records", "schedules"}, True),
}
#: Libraries confined to one place.
CONFINED = {"dbos": ("app/engine",), "sqlalchemy": ("app/",)}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


@pytest.mark.parametrize("package", sorted(RULES))
def test_package_imports_only_what_it_may(package: str) -> None:
    allowed, others = RULES[package]
    wrong = []
    for path in sorted((ROOT / package).rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        for line, name in imports(path):
            top = name.split(".")[0]
            foreign = top not in OURS and top not in sys.stdlib_module_names
            if (top in OURS and top not in allowed) or (foreign and not others):
                wrong.append(f"{where}:{line} imports {name}")
            homes = CONFINED.get(top)
            if homes and not where.startswith(homes):
                wrong.append(f"{where}:{line} imports {name}, which belongs in {homes[0]} only")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("commands", ["desk", "files", "layouts", "nights", "pay"])
def test_only_the_service_loads_the_engine(commands: str) -> None:
    """It takes half a second, and people wait for each command."""
    asked = f"import sys, app.commands.{commands}; print('dbos' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, check=True)
    assert told.stdout.decode().strip() == "False"
