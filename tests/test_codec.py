"""Every record that is kept must come back exactly as it was."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.codec import dump, dump_posting, load, load_posting, plain, unplain
from app.masterdata import KINDS
from records.banking import BankTransaction, FxRate
from records.documents import Field, Message, Place
from records.invoices import Invoice, Line
from records.matches import Allocation, Decision, InvoiceMatch, Match
from records.money import Money
from records.postings import Posting, PostingLine, Row


@pytest.mark.parametrize("kind", [*KINDS, BankTransaction, Message, Match, InvoiceMatch])
def test_every_kept_kind_has_a_form(kind: type[object]) -> None:
    with pytest.raises(ValueError, match=r"validation error|Invalid JSON"):
        load(kind, "[]")


@pytest.mark.parametrize(
    "record",
    [
        FxRate(date=date(2026, 3, 29), currency="USD", eur_per_unit=Decimal("0.920400")),
        Field(name="iban", value="DE02", place=Place(page=1, box=(1.5, 2, 3, 4)), by="pdf_text"),
        Invoice(number="0042", gross_total=Decimal("12345678901234567.8901"), ibans=("A", "B")),
        Invoice(lines=(Line(number=1, quantity=Decimal("1.000"), description="=1+1"),)),
        BankTransaction(account="A", amount=Money(Decimal("-0.10"), "EUR")),
        Match(
            transaction_id="t",
            category="settlement",
            allocations=(Allocation("i", Money(Decimal("5.00"), "EUR")),),
            decision=Decision.POST,
        ),
    ],
)
def test_a_record_comes_back_as_it_was(record: object) -> None:
    assert load(type(record), dump(record)) == record
    assert unplain(type(record), plain(record)) == record


def test_a_posting_keeps_the_type_of_every_cell() -> None:
    cells = {"n": Decimal("1.10"), "d": date(2026, 1, 2), "t": "007", "i": 3, "b": True, "x": None}
    posting = Posting(
        key="k",
        target="t",
        kind="invoice",
        subject="s",
        lines=(PostingLine(account="1", amount=Decimal("1.10")),),
        rows=(Row(sheet="S", key="1", values=cells),),
        attributes={"due": date(2026, 2, 1)},
    )
    kept = load_posting(dump_posting(posting))
    assert kept == posting
    assert [type(v) for v in kept.rows[0].values.values()] == [type(v) for v in cells.values()]
