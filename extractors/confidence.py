"""Confidence that means something: scores of the rules turned into how often such values are right.

A rule's score orders candidates; it is no probability. The tables say, for
values that nothing proves, how many of each field and score were right among
documents with known truth: generated ones in eight languages as text and as
scans, and receipts. They are made by

    python -m benchmarks.calibration --seed 41000 --count 640 --scans 64 --receipts FOLDER

What arithmetic or check digits prove keeps its own confidence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace

from records.documents import Field, Reading

#: From these scores on, a value falls into the next class of the tables.
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

#: Share of right values per field and class of scores, by the reader's name.
TABLES: Mapping[str, Mapping[str, tuple[float, ...]]] = {}


def calibrated(reading: Reading) -> Reading:
    """Return a reading of pages with the measured confidence of each unproved header value."""
    return replace(reading, fields=tuple(map(_calibrated, reading.fields)))


def _calibrated(field: Field) -> Field:
    shares = TABLES.get(field.by, {}).get(field.name)
    if shares is None or field.proved or field.line is not None:
        return field
    return replace(field, confidence=shares[bisect_right(EDGES, field.confidence)])
