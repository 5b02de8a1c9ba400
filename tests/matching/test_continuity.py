"""Continuity of statements: cases beside expected results, and what order must not change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.continuity import Continuity, Span, check_continuity

DAY = date(2026, 1, 1)


def span(
    name: str,
    days: tuple[int, int],
    opening: int | None,
    movements: dict[str, int],
    closing: int | None,
    number: str | None = None,
) -> Span:
    first, last = (DAY + timedelta(days=d) for d in days)
    return Span(
        id=name,
        label=name,
        first=first,
        last=last,
        number=number,
        opening=opening,
        closing=closing,
        movements=movements,
    )


JAN = span("jan", (0, 30), 100, {"a": 20, "b": -5}, 115)
FEB = span("feb", (31, 58), 115, {"c": 10, "d": 5}, 130)
MAR = span("mar", (59, 89), 130, {"e": -30}, 100)


@dataclass(frozen=True)
class Case:
    name: str
    spans: tuple[Span, ...]
    accepted: set[str]
    codes: tuple[str, ...] = ()


CASES = (
    Case("nothing", (), set()),
    Case("in a row", (JAN, FEB, MAR), {"jan", "feb", "mar"}),
    Case("out of order", (MAR, JAN, FEB), {"jan", "feb", "mar"}),
    Case("gap", (JAN, MAR), {"jan"}, ("statement_gap",)),
    Case("the first one missing shows nothing", (FEB, MAR), {"feb", "mar"}),
    Case(
        "repeated in other bytes",
        (JAN, FEB, span("again", (31, 58), 115, {"c": 10, "d": 5}, 130)),
        {"jan", "feb", "again"},
    ),
    Case(
        "an overlapping week",
        (JAN, FEB, span("week", (27, 33), 120, {"b": -5, "c": 10}, 125), MAR),
        {"jan", "feb", "week", "mar"},
    ),
    Case(
        "a longer file covers the gap",
        (JAN, MAR, span("year", (0, 89), 100, {"a": 20, "b": -5, "c": 10, "d": 5, "e": -30}, 100)),
        {"jan", "mar", "year"},
    ),
    Case(
        "unbalanced stops what follows, not what came before",
        (JAN, span("feb", (31, 58), 115, {"c": 10}, 130), MAR),
        {"jan"},
        ("statement_unbalanced",),
    ),
    Case(
        "without balances: accepted with a note",
        (span("list", (0, 30), None, {"a": 20}, None),),
        {"list"},
        ("statement_unproved",),
    ),
    Case(
        "without balances, proved by its neighbours",
        (JAN, span("list", (31, 58), None, {"c": 10, "d": 5}, None), MAR),
        {"jan", "list", "mar"},
        ("statement_unproved",),
    ),
    Case(
        "without balances, and incomplete",
        (JAN, span("list", (31, 58), None, {"c": 10}, None), MAR),
        {"jan", "list"},
        ("statement_unproved", "statement_gap"),
    ),
    Case(
        "lists that overlap each other after the proof",
        (
            JAN,
            span("l1", (31, 40), None, {"c": 10}, None),
            span("l2", (35, 50), None, {"c": 10, "d": 5}, None),
            MAR,
        ),
        {"jan", "l1", "l2", "mar"},
        ("statement_unproved", "statement_unproved"),
    ),
    Case(
        "the same days in other words, after the proof",
        (JAN, FEB, span("list", (31, 59), None, {"c'": 10, "d'": 5}, None)),
        {"jan", "feb"},
        ("statement_contradicts",),
    ),
    Case(
        "the same days in other words, before the proof",
        (span("list", (0, 20), None, {"a'": 20}, None), JAN),
        {"list"},
        ("statement_unproved", "statement_contradicts"),
    ),
    Case(
        "a shorter file with a movement that the next one does not know",
        (JAN, FEB, span("old", (5, 25), 100, {"a": 20, "x": 7}, 127)),
        {"old"},
        ("statement_gap",),
    ),
    Case(
        "a file that covers a gap was made before the last movement of its day",
        (
            JAN,
            span("mar", (59, 89), 130, {"e": -30, "x": 1}, 101),
            span("year", (0, 89), 100, {"a": 20, "b": -5, "c": 10, "d": 5, "e": -30}, 100),
        ),
        {"jan", "mar", "year"},
    ),
    Case(
        "a file that covers a gap and more does not know a movement",
        (
            JAN,
            span("mar", (59, 79), 130, {"e": -30, "x": 1}, 101),
            span("year", (0, 89), 100, {"a": 20, "b": -5, "c": 10, "d": 5, "e": -30}, 100),
        ),
        {"jan", "year"},
        ("statement_contradicts",),
    ),
    Case(
        "new movements that add up to nothing contradict as well",
        (
            span("q", (0, 89), 100, {"a": 20, "b": -20}, 100),
            span("o", (1, 9), 0, {"x": 7, "y": -7}, 0),
        ),
        {"o"},
        ("statement_gap",),
    ),
    Case(
        "several of one day, without numbers, in the order of their balances",
        (
            span("z", (0, 0), 100, {"a": 1}, 101),
            span("m", (0, 0), 101, {"b": 2}, 103),
            span("a", (0, 0), 103, {"c": 3}, 106),
        ),
        {"z", "m", "a"},
    ),
    Case(
        "equal payments in two statements of a day are not one",
        (span("s1", (0, 0), 100, {"x": 5}, 105), span("s2", (0, 0), 105, {"x": 5}, 110)),
        {"s1"},
        ("statement_gap",),
    ),
    Case(
        "days without movements",
        (JAN, span("empty", (31, 31), 115, {}, 115), FEB),
        {"jan", "empty", "feb"},
    ),
    Case(
        "closing balances only",
        (span("o1", (0, 9), None, {"a": 5}, 50), span("o2", (5, 19), None, {"a": 5, "b": 7}, 57)),
        {"o1", "o2"},
        ("statement_unproved", "statement_unproved"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Case) -> None:
    for spans in (case.spans, case.spans[::-1]):
        result = check_continuity("A", spans)
        assert set(result.accepted) == case.accepted
        assert set(result.stopped) == {s.id for s in case.spans} - case.accepted
        assert tuple(f.code for f in result.findings) == case.codes


def test_the_balance_is_the_one_after_the_last_proven_day() -> None:
    result = check_continuity("A", [FEB, JAN, FEB])
    assert (result.balance, result.end) == (130, FEB.last)
    result = check_continuity("A", [JAN, MAR])
    assert (result.balance, result.end) == (115, JAN.last)
    assert check_continuity("A", []).balance is None


def test_the_missing_file_releases_what_waited() -> None:
    assert check_continuity("A", [JAN, MAR]).stopped == ("mar",)
    assert check_continuity("A", [JAN, MAR, FEB]).stopped == ()


def test_a_gap_says_what_was_expected_and_found() -> None:
    (problem,) = check_continuity("A", [JAN, MAR]).findings
    assert problem.blocks
    assert (problem.expected, problem.actual) == ("0.85", "1.00")
    assert "mar" in problem.where


@st.composite
def files_of_one_account(draw: st.DrawFn) -> list[Span]:
    """Return statements cut at will from one account's days, some with balances, some lost."""
    days = draw(st.lists(st.lists(st.integers(-9, 9), max_size=3), min_size=1, max_size=8))
    balances = [draw(st.integers(-50, 50))]
    for day in days:
        balances.append(balances[-1] + sum(day))
    made = []
    for number in range(draw(st.integers(1, 7))):
        first = draw(st.integers(0, len(days) - 1))
        last = draw(st.integers(first, len(days) - 1))
        proved = draw(st.integers(0, 3)) > 0
        wrong = draw(st.integers(0, 5)) == 0
        made.append(
            span(
                f"s{number}",
                (first, last),
                balances[first] if proved else None,
                {
                    f"{d}.{n}": amount
                    for d in range(first, last + 1)
                    for n, amount in enumerate(days[d])
                },
                balances[last + 1] + wrong if proved else None,
            )
        )
    return made


@given(files_of_one_account(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_the_answer(
    spans: list[Span], shuffle: object
) -> None:
    expected = check_continuity("A", spans)
    mixed = list(spans)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    assert check_continuity("A", mixed) == expected
    again = [*spans, *(_copy(s) for s in spans)]
    repeated = check_continuity("A", again)
    assert _names(repeated) == _names(expected) | {f"{n}-copy" for n in _names(expected)}


def _copy(one: Span) -> Span:
    return Span(
        id=f"{one.id}-copy",
        label=one.label,
        first=one.first,
        last=one.last,
        number=one.number,
        opening=one.opening,
        closing=one.closing,
        movements=one.movements,
    )


def _names(result: Continuity) -> set[str]:
    return set(result.accepted)


@given(st.lists(st.lists(st.integers(-9, 9), max_size=3), min_size=1, max_size=8), st.data())
def test_complete_files_are_all_accepted(days: list[list[int]], data: st.DataObject) -> None:
    """Daily statements, whatever overlapping ones come along, tell the same account."""
    balances = [0]
    for day in days:
        balances.append(balances[-1] + sum(day))
    pairs = [(d, d) for d in range(len(days))]
    for _ in range(data.draw(st.integers(0, 5))):
        first = data.draw(st.integers(0, len(days) - 1))
        pairs.append((first, data.draw(st.integers(first, len(days) - 1))))
    spans = [
        span(
            f"s{number}",
            (first, last),
            balances[first],
            {f"{d}.{n}": a for d in range(first, last + 1) for n, a in enumerate(days[d])},
            balances[last + 1],
        )
        for number, (first, last) in enumerate(pairs)
    ]
    result = check_continuity("A", spans)
    assert result.stopped == ()
    assert result.findings == ()
