"""Confidence that means something: scores of the rules turned into how often such values are right.

A rule's score orders candidates; it is no probability. The tables say, for
values that nothing proves, how many of each field and score were right among
documents with known truth: generated ones in eight languages as text and as
scans, and receipts. They are made by

    python -m benchmarks.calibration --seed 52000 --count 480 --scans 32 --receipts FOLDER

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
TABLES: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "ocr": {
        "invoice_number": (0.45, 0.585, 0.65, 0.87, 0.936, 0.947, 0.98),
        "type_code": (0.45, 0.64, 0.677, 0.769, 0.888, 0.947, 0.98),
        "issue_date": (0.45, 0.614, 0.65, 0.842, 0.947, 0.955, 0.98),
        "due_date": (0.45, 0.55, 0.65, 0.75, 0.922, 0.94, 0.98),
        "seller_name": (0.556, 0.556, 0.629, 0.737, 0.879, 0.95, 0.98),
        "buyer_name": (0.45, 0.55, 0.653, 0.793, 0.85, 0.931, 0.98),
        "currency": (0.45, 0.55, 0.65, 0.75, 0.862, 0.947, 0.98),
        "amount_due": (0.45, 0.585, 0.677, 0.75, 0.85, 0.98, 0.98),
        "purchase_order_ref": (0.45, 0.55, 0.65, 0.75, 0.878, 0.936, 0.98),
    },
    "pdf_text": {
        "invoice_number": (0.45, 0.55, 0.65, 0.962, 0.98, 0.98, 0.98),
        "type_code": (0.45, 0.55, 0.838, 0.933, 0.967, 0.976, 0.98),
        "issue_date": (0.45, 0.508, 0.677, 0.897, 0.98, 0.98, 0.98),
        "due_date": (0.45, 0.55, 0.737, 0.85, 0.96, 0.963, 0.98),
        "seller_name": (0.45, 0.55, 0.72, 0.857, 0.95, 0.98, 0.98),
        "buyer_name": (0.45, 0.55, 0.825, 0.956, 0.956, 0.956, 0.98),
        "currency": (0.45, 0.55, 0.65, 0.75, 0.85, 0.965, 0.98),
        "amount_due": (0.45, 0.55, 0.65, 0.75, 0.85, 0.98, 0.98),
        "purchase_order_ref": (0.45, 0.55, 0.65, 0.824, 0.961, 0.961, 0.98),
    },
}


def calibrated(reading: Reading) -> Reading:
    """Return a reading of pages with the measured confidence of each unproved header value."""
    return replace(reading, fields=tuple(map(_calibrated, reading.fields)))


def _calibrated(field: Field) -> Field:
    shares = TABLES.get(field.by, {}).get(field.name)
    if shares is None or field.proved or field.line is not None:
        return field
    return replace(field, confidence=shares[bisect_right(EDGES, field.confidence)])
