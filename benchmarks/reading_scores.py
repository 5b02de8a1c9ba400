"""What was read against what is true: one Result a document, and tables over many."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from records.documents import Field, Reading
from records.invoices import chosen

AMOUNTS = frozenset({"net_total", "tax_total", "gross_total", "amount_due"})
CORE = ("invoice_number", "issue_date", "currency", "gross_total")
FIELDS = (
    "invoice_number", "type_code", "issue_date", "due_date", "seller_name", "seller_vat_id",
    "buyer_name", "currency", "net_total", "tax_total", "gross_total", "amount_due", "iban",
    "purchase_order_ref",
)  # fmt: skip
#: Part of a description's words that must be read.
_WORDS = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One field that is visible: whether a value was read, whether it is right, how sure."""

    name: str
    answered: bool
    right: bool
    confidence: float = 0.0
    proved: bool = False
    read: str = ""
    truth: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One document: every visible field, its lines, and whether it was held.

    `by` names the reader; `loose` counts lines whose net amount and quantity were read, `strict` those
    with unit price and most of the description as well.
    """

    name: str
    group: str
    language: str
    layout: str
    by: str
    answers: tuple[Answer, ...] = ()
    lines: int = 0
    loose: int = 0
    strict: int = 0
    held: bool = False
    reasons: tuple[str, ...] = field(default=())

    @property
    def wrong(self) -> tuple[str, ...]:
        """Return the core fields that are on the page and were not read right."""
        return tuple(a.name for a in self.answers if a.name in CORE and not a.right)

    @property
    def posted_wrong(self) -> tuple[str, ...]:
        """Return the core fields with a wrong value in a document that nothing holds."""
        if self.held:
            return ()
        return tuple(a.name for a in self.answers if a.name in CORE and not a.right)


def result(name: str, group: str, record: Mapping[str, Any], readings: Sequence[Reading]) -> Result:
    """Compare the first reading of a file with its record of truth."""
    reading = readings[0]
    best = chosen(reading.fields)
    found = {name: item for (name, line), item in best.items() if line is None}
    truth, visible = record["truth"], record["visible"]
    # A credit note over 10 and an invoice over -10 book the same.
    turned = (_code(found, "type_code") == "381") != (truth.get("type_code") == "381")
    answers = tuple(
        _answer(key, found.get(key), str(truth[key]), turned)
        for key in FIELDS
        if visible.get(key) and truth.get(key) is not None
    )
    wanted = list(zip(truth.get("lines") or [], record.get("lines_visible") or [], strict=False))
    wanted = [(line, shown) for line, shown in wanted if shown.get("net_amount")]
    loose, strict = _lines(wanted, best)
    blocking = [f for r in readings for f in r.findings if f.blocks]
    return Result(
        name=name,
        group=group,
        language=record.get("lang") or "?",
        layout=record.get("layout") or "?",
        by=next((f.by for f in reading.fields if f.by != "code"), "?"),
        answers=answers,
        lines=len(wanted),
        loose=loose,
        strict=strict,
        held=bool(blocking),
        reasons=tuple(f"{f.code} {f.where}".strip() for f in blocking),
    )


def _code(found: Mapping[str, Field], name: str) -> str | None:
    return found[name].value if name in found else None


def _answer(name: str, item: Field | None, truth: str, turned: bool) -> Answer:
    if item is None:
        return Answer(name=name, answered=False, right=False, truth=truth)
    return Answer(
        name=name,
        answered=True,
        right=same(name, item.value, truth)
        or (turned and name in AMOUNTS and _number(item.value) == -(_number(truth) or 0)),
        confidence=item.confidence,
        proved=item.proved,
        read=item.value,
        truth=truth,
    )


def same(name: str, value: str, truth: str) -> bool:
    """Say whether two values are equal; names without case, accents and punctuation."""
    if name in AMOUNTS:
        return _number(value) is not None and _number(value) == _number(truth)
    return _plain(value) == _plain(truth)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return re.sub(r"[\W_]", "", "".join(c for c in text if not unicodedata.combining(c)))


def _lines(
    wanted: Sequence[tuple[Mapping[str, str], Mapping[str, bool]]],
    best: Mapping[tuple[str, int | None], Field],
) -> tuple[int, int]:
    """Match every true line with one that was read: (loose, strict) matches."""
    read: dict[int, dict[str, str]] = defaultdict(dict)
    for (name, number), item in best.items():
        if number is not None:
            read[number][name] = item.value
    left = list(read.values())
    loose = strict = 0
    for line, shown in wanted:
        fits = [c for c in left if _fits(c, line, shown, ("net_amount", "quantity"))]
        exact = [
            c for c in fits if _fits(c, line, shown, ("unit_price",)) and _described(c, line, shown)
        ]
        if fits:
            left.remove((exact or fits)[0])
            loose += 1
            strict += bool(exact)
    return loose, strict


def _fits(
    candidate: Mapping[str, str],
    line: Mapping[str, str],
    shown: Mapping[str, bool],
    names: Iterable[str],
) -> bool:
    return all(
        not shown.get(name) or _number(candidate.get(name, "")) == _number(line[name])
        for name in names
        if line.get(name) is not None
    )


def _described(
    candidate: Mapping[str, str], line: Mapping[str, str], shown: Mapping[str, bool]
) -> bool:
    if not shown.get("description"):
        return True
    wanted = set(re.findall(r"[^\W_]+", line["description"].casefold()))
    given = set(re.findall(r"[^\W_]+", candidate.get("description", "").casefold()))
    return len(wanted & given) >= _WORDS * len(wanted)


# -- tables


def print_accuracy(results: Sequence[Result]) -> None:
    """Print accuracy and precision per field, over the values visible on the page."""
    print(f"{'field':20}{'asked':>7}{'answered':>10}{'right':>7}{'accuracy':>10}{'precision':>11}")
    answers = [a for r in results for a in r.answers]
    for name in (*FIELDS, "all"):
        own = [a for a in answers if name in {a.name, "all"}]
        if own:
            answered = sum(a.answered for a in own)
            right = sum(a.right for a in own)
            print(
                f"{name:20}{len(own):7}{answered:10}{right:7}{right / len(own):10.3f}"
                f"{right / max(answered, 1):11.3f}"
            )


def print_groups(results: Sequence[Result]) -> None:
    """Print core fields, lines and holds by kind of document, language and layout."""
    print(
        f"\n{'':22}{'documents':>9}{'core four':>11}{'fields':>8}{'lines':>7}"
        f"{'loose':>8}{'strict':>8}{'held':>6}{'passed':>8}{'wrong':>7}"
    )
    keys: tuple[tuple[str, Callable[[Result], str]], ...] = (
        ("", lambda r: r.group),
        ("language ", lambda r: r.language),
        ("layout ", lambda r: r.layout),
    )
    groups = list(dict.fromkeys(r.group for r in results))
    for name in groups:
        own = [r for r in results if r.group == name]
        for title, key in keys:
            values = sorted({key(r) for r in own})
            if len(values) > 1 or not title:
                for value in values:
                    _group_row(title + value, [r for r in own if key(r) == value])
    _group_row("all", results)
    for r in results:
        if r.posted_wrong:
            shown = ", ".join(
                f"{a.name} {a.read!r} for {a.truth!r}"
                for a in r.answers
                if a.name in r.posted_wrong
            )
            print(f"  passed and wrong: {r.group} {r.name}: {shown}")


def _group_row(name: str, results: Sequence[Result]) -> None:
    count = len(results)
    core = sum(not r.wrong for r in results)
    answers = [a for r in results for a in r.answers]
    lines = sum(r.lines for r in results)
    held = sum(r.held for r in results)
    print(
        f"{name:22}{count:9}{core / count:11.3f}"
        f"{sum(a.right for a in answers) / max(len(answers), 1):8.3f}{lines:7}"
        f"{sum(r.loose for r in results) / max(lines, 1):8.3f}"
        f"{sum(r.strict for r in results) / max(lines, 1):8.3f}{held:6}{count - held:8}"
        f"{sum(bool(r.posted_wrong) for r in results):7}"
    )


def print_reliability(results: Sequence[Result]) -> None:
    """Print how often values of each confidence were right; what is proved stands by itself."""
    print("\nreliability: values of each confidence, how many of them were right")
    bins = [*_BINS, "proved"]
    print(f"{'field':20}" + "".join(f"{b:>13}" for b in bins))
    answers = [a for r in results for a in r.answers if a.answered]
    for name in (*FIELDS, "all"):
        own = [a for a in answers if name in {a.name, "all"}]
        if own:
            cells = (_reliable(a for a in own if _bin(a) == b) for b in bins)
            print(f"{name:20}" + "".join(f"{c:>13}" for c in cells))
    unproved = [a for a in answers if not a.proved]
    gap = sum(
        abs(sum(a.right for a in own) - sum(a.confidence for a in own))
        for b in _BINS
        if (own := [a for a in unproved if _bin(a) == b])
    )
    print(f"expected calibration error of what is not proved: {gap / max(len(unproved), 1):.3f}")


_BINS = ("<.50", ".50-.69", ".70-.79", ".80-.89", ".90-.94", ".95-1")
_EDGES = (0.495, 0.695, 0.795, 0.895, 0.945)


def _bin(answer: Answer) -> str:
    return "proved" if answer.proved else _BINS[sum(answer.confidence >= e for e in _EDGES)]


def _reliable(answers: Iterator[Answer]) -> str:
    right = [a.right for a in answers]
    return f"{sum(right) / len(right):.3f}/{len(right)}" if right else ""
