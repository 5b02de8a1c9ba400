"""Layouts: what a person's corrections of one document teach about its vendor's layout.

A corrected value is looked for on the page. Where it stands, the words beside
and above it and its place become rules (`extractors.pages.memory`) that find
the same field on the vendor's next document of this layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from statistics import median

from extractors.pages.anchors import Unit, describe, find, kind_of, printed_as
from extractors.pages.dates import Order
from extractors.pages.dates import Printed as PrintedDate
from extractors.pages.figures import Style, style_of
from extractors.pages.headings import headings
from extractors.pages.layout import Row, Sheet
from extractors.pages.memory import (
    SHIFT,
    HeadWord,
    Layout,
    Lesson,
    Rule,
    best_layout,
    key_of,
    titles_of,
)
from extractors.pages.naming import core
from extractors.pages.splitting import documents
from extractors.words import PageWords
from records.documents import Field, Place
from records.invoices import chosen
from records.vocabulary import FIELDS

#: Never from memory: whom and what to pay is read from the page alone.
NEVER = frozenset({"iban", "bic", "payment_reference", "mandate_id", "skonto_until"})
#: What stays the same on a vendor's documents, so that the same text may be looked for.
_SAME = frozenset(
    {
        "seller_name",
        "seller_vat_id",
        "seller_tax_id",
        "seller_address",
        "seller_email",
        "seller_country",
        "customer_number",
        "contract_ref",
        "buyer_name",
        "buyer_vat_id",
        "buyer_address",
    }
)
#: What may be known of a layout without being printed.
_CONSTANT = frozenset({"seller_name", "seller_country", "currency", "type_code"})
#: Constants that hold only under the same title.
_TITLED = frozenset({"type_code"})
_MARKS = ("seller_vat_id", "seller_tax_id", "iban", "seller_name")
_MARK_LENGTH = 6
_MOST_WORDS = 80
_MOST_PLACES = 4
#: So many lines show where the columns are.
_MOST_LINES = 30
#: A row with the cells of one line in it.
_Line = tuple[Row, list[tuple[str, Unit]]]
#: How far above the first line its heading may stand, in heights of a row.
_HEAD_REACH = 8


def learn(
    pages: Sequence[PageWords],
    span: tuple[int, int] | None,
    fields: Sequence[Field],
    known: Sequence[Layout],
    document: str,
) -> Layout | None:
    """Return the layout as it is known after a person's corrections; None if nothing is learned.

    `fields` are all of the document's, in the order of time: what was read, and
    by persons. `span` names its pages, `known` what is known so far; `document`
    is its id. A layout already known keeps its key and its other lessons.
    """
    sheet = next((s for s in documents(pages) if span is None or s.numbers[0] == span[0]), None)
    if sheet is None or not sheet.rows:
        return None
    final = chosen(fields)
    taught = {k: f for k, f in final.items() if f.by.startswith("person")}
    if not taught:
        return None
    read = chosen(f for f in fields if not f.by.startswith("person"))
    rows = _line_rows(sheet, list(final.values()))
    person = next(iter(taught.values())).by.partition(":")[2]
    lessons = []
    for (name, line), field in final.items():
        corrected = (name, line) in taught
        if line is not None or not field.value or name in NEVER:
            continue
        rules = tuple(_rules(sheet, field, corrected, list(final.values()), rows))
        if rules:
            before = read.get((name, None))
            lessons.append(
                Lesson(
                    name=name,
                    rules=rules,
                    document=document,
                    person=person,
                    corrected=corrected,
                    instead_of=before.value if before and corrected else "",
                    titles=titles_of(sheet) if name in _TITLED else (),
                )
            )
    lessons = _sided(lessons)
    lines = [f for (name, line), f in taught.items() if line and FIELDS[name].scope == "line"]
    if lines:
        heads = tuple(_heads(sheet, rows))
        if len(heads) >= 2:
            lessons.append(
                Lesson(name="lines", rules=(), document=document, person=person, heads=heads)
            )
    if not lessons:
        return None
    return _merged(sheet, list(final.values()), lessons, known, rows)


def _merged(
    sheet: Sheet,
    final: Sequence[Field],
    lessons: Sequence[Lesson],
    known: Sequence[Layout],
    rows: Sequence[_Line],
) -> Layout:
    """Put new lessons into the layout the document has, or into a new one."""
    held = best_layout(sheet, known)
    marks = tuple(_marks(sheet, final))
    words = _words(sheet, final, rows)
    order = _order(sheet, final)
    if held is None:
        name = "\n".join([*marks, *(w for w, _ in words)])
        held = Layout(
            key=hashlib.blake2b(name.encode(), digest_size=6).hexdigest(),
            marks=marks,
            words=words,
            vendor=_vendor(final),
        )
    else:
        both = tuple(
            (key, x)
            for key, x in held.words
            if any(key == other and abs(x - at) <= SHIFT for other, at in words)
        )
        held = replace(held, words=both or held.words, marks=held.marks or marks)
    new = {lesson.name for lesson in lessons}
    kept = [lesson for lesson in held.lessons if lesson.name not in new]
    return replace(
        held,
        lessons=(*kept, *(_joined(sheet, held, lesson) for lesson in lessons)),
        style=_style(sheet, final) or held.style,
        order=order.value if order else held.order,
    )


def _joined(sheet: Sheet, held: Layout, lesson: Lesson) -> Lesson:
    """Keep the older rules of a lesson that do not lead elsewhere on this document.

    Where both documents agree on some rules, the others were chance. Its misses
    stay; the correction itself was counted as one.
    """
    before = held.lesson(lesson.name)
    if before is None or before.document == lesson.document:
        return lesson
    gists = {_gist(rule) for rule in lesson.rules}
    agreed = {_gist(rule) for rule in before.rules} & gists
    new = tuple(r for r in lesson.rules if not agreed or _gist(r) in agreed or not r.anchor)
    kind = kind_of(lesson.name) if lesson.name in FIELDS else "text"
    older = tuple(
        replace(rule, spot=0)
        for rule in before.rules
        if _gist(rule) not in gists and rule.anchor and find(sheet, rule, kind) is None
    )
    rules = (*new, *older)[: 3 * _MOST_PLACES]
    return replace(lesson, rules=rules, hits=before.hits, misses=before.misses)


def _gist(rule: Rule) -> tuple[str, tuple[str, ...], int, str]:
    return rule.relation, rule.anchor, rule.skip, rule.value


# -- rules


def _rules(
    sheet: Sheet,
    field: Field,
    corrected: bool,
    final: Sequence[Field],
    rows: Sequence[_Line],
) -> Iterator[Rule]:
    """Yield the rules for one field; what was left as it was read stands where it was read."""
    name, value = field.name, field.value
    places = list(_places(sheet, name, value))
    if kind_of(name) == "date":
        order = _order(sheet, final)
        places = [u for u in places if _dated(u).read(order) == _day(value)]
    if not corrected:
        places = [u for u in places if _is_at(u, field.place)]
    elif name in _SAME and places and kind_of(name) == "text":
        yield Rule(relation="printed", value=value)
    elif name in _CONSTANT and not places:
        yield Rule(relation="constant", value=value)
    free = _free(name, places, final, rows) if corrected else places
    if name == "tax_total":
        # A row with a rate is one of the breakdown: the next document may have several.
        free = [u for u in free if not any(f.percent for f in u.row.figures)]
    for spot, unit in enumerate(_shared(name, value, free, final)[:_MOST_PLACES]):
        yield from (replace(r, spot=spot) for r in describe(sheet, unit, kind_of(name)))


def _is_at(unit: Unit, place: Place | None) -> bool:
    return place is not None and (unit.row.page, unit.row.box(unit.first, unit.last)) == (
        place.page,
        place.box,
    )


def _sided(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Prefer the side on which this layout has its labels, where a value has words on both."""
    sides = [
        {rule.relation for rule in lesson.rules if not rule.rank} & {"right", "below"}
        for lesson in lessons
    ]
    right = sum(side == {"right"} for side in sides)
    below = sum(side == {"below"} for side in sides)
    lesser = "below" if right >= below else "right"
    return [
        replace(
            lesson,
            rules=tuple(
                replace(r, rank=1) if r.relation == lesser and len(side) == 2 else r
                for r in lesson.rules
            ),
        )
        for lesson, side in zip(lessons, sides, strict=True)
    ]


def _free(
    name: str, places: Sequence[Unit], final: Sequence[Field], rows: Sequence[_Line]
) -> list[Unit]:
    """Leave out where invoice lines stand, and what other fields were read from, if any is left."""
    lines = {row.index for row, _ in rows}
    others = {
        (f.place.page, f.place.box)
        for f in final
        if f.place is not None
        and f.name != name
        and kind_of(f.name) == kind_of(name)
        and not f.by.startswith("person")
    }
    below = [u for u in places if u.row.index not in lines]
    free = [u for u in below if (u.row.page, u.row.box(u.first, u.last)) not in others]
    return free or below


#: Totals that are equal on many invoices, in the order in which they are printed.
_TOTALS = ("net_total", "gross_total", "amount_due")


def _shared(name: str, value: str, places: list[Unit], final: Sequence[Field]) -> list[Unit]:
    """Divide the places of one amount among the totals that are equal on this page.

    The gross total may be any of them, the net total only the first, the
    amount due only the last; one place alone is the gross total's.
    """
    number = _number(value)
    equal = [f.name for f in final if f.name in _TOTALS and _number(f.value) == number]
    if name not in _TOTALS or len(equal) < 2:
        return places
    if name == "gross_total":
        return places[1:-1] if len(places) > len(equal) - 1 > 1 else places
    if len(places) < 2:
        return []
    return places[:1] if name == "net_total" else places[-1:]


def _places(sheet: Sheet, name: str, value: str) -> Iterator[Unit]:
    """Yield where a value is printed, in whatever way its kind can be written."""
    kind = kind_of(name)
    if kind == "text":
        yield from printed_as(sheet, value)
        return
    for row in sheet.rows:
        if kind == "figure":
            number = _number(value)
            for figure in row.figures:
                both = {abs(figure.read(Style.COMMA)), abs(figure.read(Style.POINT))}
                if not figure.percent and number is not None and abs(number) in both:
                    yield Unit(row, figure.first, figure.last)
        else:
            day = _day(value)
            for dated in row.dates:
                if day in dated.printed.readings:
                    yield Unit(row, dated.first, dated.last)


def _number(value: str) -> Decimal | None:
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _order(sheet: Sheet, final: Sequence[Field]) -> Order | None:
    """Return the order of day and month that the right dates show on this page.

    `11/10` and `10/11` as issue and due date leave it open; then the day comes
    first, except in dollars.
    """
    votes: list[Order] = []
    for field in final:
        if FIELDS[field.name].type == "date" and (day := _day(field.value)) is not None:
            for unit in _places(sheet, field.name, field.value):
                readings = _dated(unit).readings
                if len(readings) == 2:
                    votes.append(Order.DAY if readings[0] == day else Order.MONTH)
    if not votes:
        return None
    usual = Order.MONTH if any(f.value == "USD" for f in final) else Order.DAY
    other = Order.DAY if usual is Order.MONTH else Order.MONTH
    return usual if votes.count(usual) >= votes.count(other) else other


def _dated(unit: Unit) -> PrintedDate:
    return next(d.printed for d in unit.row.dates if d.first == unit.first)


def _style(sheet: Sheet, final: Sequence[Field]) -> str:
    """Return the decimal sign that the right amounts show, where the page leaves it open."""
    figures = [f for row in sheet.rows for f in row.figures]
    if style_of(figures) is not None:
        return ""
    values = {abs(n) for f in final if FIELDS[f.name].type == "amount" and (n := _number(f.value))}
    fits = {s: sum(abs(f.read(s)) in values for f in figures) for s in Style}
    best, other = sorted(Style, key=lambda s: -fits[s])
    return best.value if fits[best] > fits[other] else ""


# -- the layout's own marks and words


def _vendor(final: Sequence[Field]) -> str:
    named = {f.name: f.value for f in final if f.line is None}
    return named.get("seller_name") or named.get("seller_vat_id") or ""


def _marks(sheet: Sheet, final: Sequence[Field]) -> Iterator[str]:
    """Yield what only this vendor prints, folded, as far as it stands on the page."""
    text = "".join(key_of(t.text) for row in sheet.rows for t in row.tokens)
    for field in final:
        if field.name in _MARKS and field.line is None:
            value = core(field.value) if field.name == "seller_name" else field.value
            mark = key_of(value)
            if len(mark) >= _MARK_LENGTH and mark in text:
                yield mark


def _words(
    sheet: Sheet, final: Sequence[Field], rows: Sequence[_Line]
) -> tuple[tuple[str, float], ...]:
    """Return the words that will stand on the next document too: none of values or lines."""
    lines = [row.index for row, _ in rows]
    table = set(range(min(lines), max(lines) + 1)) if lines else set()
    table |= {row.index for h in headings(sheet) for row in sheet.rows[h.last + 1 : h.last + 3]}
    values = {
        key_of(word)
        for f in final
        if not f.name.startswith("seller") and f.name != "currency"
        for word in f.value.split()
    }
    found: dict[tuple[str, float], None] = {}
    for row in sheet.rows:
        if row.index in table or row.page != sheet.numbers[0]:
            continue
        for token in row.tokens:
            key = key_of(token.text)
            if len(key) < 3 or any(map(str.isdigit, token.text)) or key in values:
                continue
            found[(key, round(token.x0 / sheet.width, 3))] = None
    return tuple(found)[:_MOST_WORDS]


# -- the line table


def _heads(sheet: Sheet, rows: Sequence[_Line]) -> Iterator[HeadWord]:
    """Yield the words over the columns in which the right lines stand."""
    if not rows:
        return
    columns: dict[str, list[Unit]] = {}
    for _, cells in rows:
        for role, unit in cells:
            columns.setdefault(role, []).append(unit)
    texts = columns.pop("description", [])
    top = min((row for row, _ in rows), key=lambda r: r.index)
    best = max((list(_over(row, columns)) for row in _rows_over(sheet, top)), key=len, default=[])
    yield from (HeadWord(role=role, key=row.tokens[at].key) for role, row, at in best)
    if len(best) >= 2 and texts:
        row, used = best[0][1], {at for _, _, at in best}
        left = median(unit.x0 for unit in texts)
        free = [at for at, t in enumerate(row.tokens) if at not in used and t.key]
        near = min(free, key=lambda at: abs(row.tokens[at].x0 - left), default=None)
        if near is not None and abs(row.tokens[near].x0 - left) < 4 * SHIFT * sheet.width:
            yield HeadWord(role="description", key=row.tokens[near].key)


def _rows_over(sheet: Sheet, top: Row) -> Iterator[Row]:
    """Yield the rows above the first line that may head its columns, the nearest first."""
    for row in reversed(sheet.rows[: top.index]):
        if row.page != top.page or top.top - row.bottom > _HEAD_REACH * top.height:
            return
        if row.bottom <= top.top + 1 and not any(f.is_money for f in row.figures):
            yield row


def _over(row: Row, columns: Mapping[str, Sequence[Unit]]) -> Iterator[tuple[str, Row, int]]:
    """Yield, for each column, the word of a row that stands over it."""
    used: set[int] = set()
    for role, units in columns.items():
        x0, x1 = median(u.x0 for u in units), median(u.x1 for u in units)
        for at, token in enumerate(row.tokens):
            over = min(token.x1, x1) - max(token.x0, x0) > 0
            if over and at not in used and token.key and not token.key.isdigit():
                used.add(at)
                yield role, row, at
                break


def _line_rows(sheet: Sheet, final: Sequence[Field]) -> list[_Line]:
    """Return the rows in which the first lines stand, with the cells recognised there."""
    lines: dict[int, dict[str, str]] = {}
    for field in final:
        if field.line is not None and FIELDS[field.name].scope == "line":
            lines.setdefault(field.line, {})[field.name] = field.value
    rows = [row for row in sheet.rows if len(row.figures) >= 2]
    found: list[_Line] = []
    taken: set[int] = set()
    for number in sorted(lines)[:_MOST_LINES]:
        values = lines[number]
        best: _Line | None = None
        for row in rows:
            cells = list(_cells(row, values)) if row.index not in taken else []
            if len(cells) >= 2 and (best is None or len(cells) > len(best[1])):
                best = (row, cells)
        if best is not None:
            taken.add(best[0].index)
            found.append((best[0], best[1] + list(_described(best[0], values))))
    return found


def _cells(row: Row, values: dict[str, str]) -> Iterator[tuple[str, Unit]]:
    """Yield the cells of a row whose figures are the line's, each figure once, from the right."""
    used: set[int] = set()
    for role in ("net_amount", "unit_price", "quantity", "vat_rate"):
        wanted = _number(values.get(role, ""))
        for figure in reversed(row.figures):
            both = {figure.read(Style.COMMA), figure.read(Style.POINT)}
            if wanted is not None and figure.first not in used and wanted in both:
                used.add(figure.first)
                yield role, Unit(row, figure.first, figure.last)
                break


def _described(row: Row, values: dict[str, str]) -> Iterator[tuple[str, Unit]]:
    words = values.get("description", "").split()
    for at, token in enumerate(row.tokens):
        if words and key_of(token.text) == key_of(words[0]):
            yield "description", Unit(row, at, row.phrase_end(at))
            return
