"""The memory of layouts from a terminal: what corrections taught, and dropping it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import IO

from app.commands import office_of
from app.memory import find_layout, forget, known_layouts
from app.terminal import seen
from extractors.pages.memory import Layout, Lesson, Rule


def layouts(given: argparse.Namespace) -> int:
    """`nightclerk layouts [KEY] [--forget]`."""
    with office_of(given) as office:
        if given.key is None:
            with office.database.begin() as tx:
                _show_all(known_layouts(tx), sys.stdout)
        elif given.forget:
            layout = forget(office, given.key, given.reason)
            print(f"What corrections taught of {layout.vendor or layout.key} is forgotten.")
        else:
            with office.database.begin() as tx:
                _show_one(find_layout(tx, given.key), sys.stdout)
    return 0


def _show_all(known: tuple[Layout, ...], out: IO[str]) -> None:
    if not known:
        out.write("Nothing was learned yet: `nightclerk correct` teaches.\n")
        return
    width = max(len(one.vendor) for one in known)
    for one in known:
        taught = ", ".join(x.name for x in one.lessons if x.corrected)
        hits = sum(lesson.hits for lesson in one.lessons)
        misses = sum(lesson.misses for lesson in one.lessons)
        out.write(
            seen(f"{one.key}  {one.vendor:{width}}  {hits} right, {misses} wrong  {taught}\n")
        )
    out.write("\nNext: `nightclerk layouts KEY` for one; with --forget it is dropped.\n")


def _show_one(layout: Layout, out: IO[str]) -> None:
    out.write(seen(f"{layout.key}  {layout.vendor}\n"))
    for lesson in sorted(layout.lessons, key=lambda x: not x.corrected):
        kind = lesson.source if lesson.corrected else "left as it was read; fills gaps only"
        out.write(seen(f"  {lesson.name}: {lesson.hits} right, {lesson.misses} wrong; {kind}\n"))
        for line in _told(lesson):
            out.write(seen(f"      {line}\n"))


def _told(lesson: Lesson) -> Iterator[str]:
    yield from (f"{head.role} under '{head.key}'" for head in lesson.heads)
    yield from dict.fromkeys(_rule(rule) for rule in lesson.rules if not rule.rank)


def _rule(rule: Rule) -> str:
    if rule.relation == "constant":
        return f"always '{rule.value}', printed nowhere"
    if rule.relation == "printed":
        return f"'{rule.value}', where it is printed again"
    if rule.relation == "place":
        page = "on the first page" if rule.on_first else "on a later page"
        return f"{rule.x0:.0%} from the left, {rule.top:.0%} from the top {page}"
    return f"{'beside' if rule.relation == 'right' else 'below'} '{rule.label}'"
