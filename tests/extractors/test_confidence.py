"""Calibration: what is proved keeps its confidence, the rest gets what was measured."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.calibration import shares
from benchmarks.reading_scores import Answer
from extractors.confidence import EDGES, TABLES, calibrated
from records.documents import Field, Kind, Reading
from records.vocabulary import FIELDS


def test_the_tables_have_a_share_for_every_class_and_never_fall() -> None:
    for by, table in TABLES.items():
        assert by in {"pdf_text", "ocr"}
        for name, row in table.items():
            assert name in FIELDS
            assert len(row) == len(EDGES) + 1
            assert all(low <= high for low, high in pairwise(row))
            assert all(0 < share < 1 for share in row)


def test_what_is_proved_or_not_in_the_tables_stays() -> None:
    kept = (
        Field(name="gross_total", value="1", confidence=0.99, proved=True, by="pdf_text"),
        Field(name="net_amount", value="1", line=1, confidence=0.8, by="pdf_text"),
        Field(name="buyer_name", value="A", confidence=0.3, by="ubl"),
    )
    assert calibrated(Reading(kind=Kind.INVOICE, fields=kept)).fields == kept


def test_an_unproved_value_gets_the_share_of_its_class() -> None:
    field = Field(name="buyer_name", value="A", confidence=0.72, by="pdf_text")
    (found,) = calibrated(Reading(kind=Kind.INVOICE, fields=(field,))).fields
    assert found.confidence == TABLES["pdf_text"]["buyer_name"][3]


def _answers(confidence: float, right: int, wrong: int) -> list[Answer]:
    return [
        Answer(name="iban", answered=True, right=n < right, confidence=confidence)
        for n in range(right + wrong)
    ]


def test_shares_follow_what_was_counted_and_never_fall() -> None:
    row = shares([*_answers(0.55, 300, 100), *_answers(0.97, 200, 200)])
    assert row[-1] == pytest.approx(0.62, abs=0.03)
    assert list(row) == sorted(row)


def test_a_class_without_values_keeps_its_score() -> None:
    assert shares(_answers(0.97, 50, 0))[2] == pytest.approx(0.65)
