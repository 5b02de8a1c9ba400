"""Our reading of templates beside invoice2data's own, on the templates it ships.

Both run over the text as we lay it out, so that only what templates mean is
compared. Left out are documents its templates refuse, and its dates where it
takes the month first on pages that have the day first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from extractors.reading import pages_of
from extractors.templates import Template, read_template
from extractors.templates.parsing import Found, fits, parse
from extractors.templates.text import layout_text
from records.documents import Document
from records.failures import ConfigurationFault

try:
    from invoice2data.extract import loader as peer
except ImportError:
    pytest.skip("invoice2data is not installed", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")
#: What invoice2data adds by itself.
_ADDED = {"issuer", "template_name", "currency", "desc"}


def _templates() -> Iterator[Template]:
    for path in sorted((Path(peer.__file__).parent / "templates").rglob("*.yml")):
        try:
            yield read_template(path)
        except ConfigurationFault:
            continue  # a pattern that no engine compiles


def test_nearly_every_template_it_ships_is_read() -> None:
    every = list((Path(peer.__file__).parent / "templates").rglob("*.yml"))
    assert len(list(_templates())) >= len(every) - 1


def test_values_are_those_of_invoice2data(corpus: Path) -> None:
    ours = sorted(_templates(), key=lambda t: -t.priority)
    theirs = {t["template_name"]: t for t in peer.read_templates()}
    equal = compared = 0
    different = []
    for path in sorted((corpus / "invoices" / "pdf").glob("*.pdf")):
        pages = pages_of(Document(id=path.name, media_type="", path=path))
        text = layout_text(pages)
        template = next((t for t in ours if fits(t, text)), None)
        if template is None:
            continue
        other = theirs[template.name]
        assert other.matches_input(other.prepare_input(text))
        try:
            wanted = other.extract(other.prepare_input(text), str(path), None)
        except ValueError:
            continue  # it asks for more than it finds here
        found = parse(template, pages)
        for name, value in wanted.items():
            if name in _ADDED:
                continue
            compared += 1
            if _same(found, name, value):
                equal += 1
            else:
                different.append((path.name, name, value))
    assert compared >= 20
    assert equal / compared >= 0.98, different


def _same(found: Found, name: str, value: object) -> bool:
    if isinstance(value, list):
        return len(found.rows.get(name, ())) == len(value)
    own = found.values.get(name)
    if isinstance(own, Decimal):
        return own == Decimal(str(value))
    if isinstance(own, date) and isinstance(value, datetime):
        return own == value.date()
    return own == value
