"""The same invoice written in UBL and in CII reads the same."""

from __future__ import annotations

import pytest

from extractors.einvoice import read_xml
from fixtures.bills import Bill
from fixtures.collection import invent_specimens
from fixtures.einvoices import cii, ubl
from fixtures.wording import LANGUAGES
from records.documents import Kind, Reading

#: What the generator writes in one of the two only: a reference, totals of nothing, and the due
#: date of a credit note, for which UBL has no element of its own.
_APART = {"buyer_reference"}
_OF_NOTHING = {("allowance_total", "0.00"), ("charge_total", "0.00")}


def said(reading: Reading) -> dict[tuple[str, int | None], str]:
    return {
        (f.name, f.line): f.value
        for f in reading.fields
        if f.name not in _APART
        and (f.name != "due_date" or reading.kind is not Kind.CREDIT_NOTE)
        and (f.name, f.value) not in _OF_NOTHING
    }


def bills(seed: int, count: int) -> list[Bill]:
    specimens = invent_specimens(seed, count, list(LANGUAGES), None)
    return [s.bill for s in specimens if not s.bill.gross_priced]


@pytest.mark.parametrize("seed", [3, 4])
def test_both_syntaxes_say_the_same(seed: int) -> None:
    for bill in bills(seed, 12):
        (one,), (two,) = read_xml(ubl(bill)), read_xml(cii(bill))
        assert said(one) == said(two)
        assert one.kind is two.kind
        assert not one.findings
        proved = {f.name for f in one.fields if f.proved}
        assert {"net_total", "tax_total", "gross_total", "amount_due"} <= proved
