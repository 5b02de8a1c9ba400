"""The same bank files end in the same books, whatever night and order they come in."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.actions import bank, reconciliation
from app.codec import load
from app.database import connect
from app.masterdata import save
from app.office import Office
from app.statement_files import read_file
from app.tables import allocations, findings, matches, statements, transactions
from records.banking import OpenItem, OwnAccount
from records.documents import Document
from records.matches import Match
from records.money import Money
from records.purchasing import Customer
from tests.app.conftest import SAMPLE, MakeOffice

IBAN = "DE02120300000000202051"
SAVINGS = "DE02500105170137075030"
PAYER = "NL91ABNA0417164300"


@dataclasses.dataclass(frozen=True)
class Booked:
    """One movement of the small account, as MT940 prints it. `day` is of October."""

    day: int
    cents: int
    text: str
    name: str = ""
    iban: str = ""
    code: str = "166"


#: Four weeks: invoices, two equal payments on one day, a fee, a transfer, a returned debit.
ACCOUNT = (
    Booked(5, 119_00, "Rechnung AR-1001", "Kontor Nord GmbH", PAYER),
    Booked(6, -4_90, "Kontofuehrung", code="808"),
    Booked(8, 238_00, "AR-1002", "Kontor Nord GmbH", PAYER),
    Booked(8, 50_00, "Teilzahlung", "Brandt Holz e.K.", "FR1420041010050500013M02606"),
    Booked(8, 50_00, "Teilzahlung", "Brandt Holz e.K.", "FR1420041010050500013M02606"),
    Booked(13, 357_00, "unsere Zahlung", "Kontor Nord GmbH", PAYER),
    Booked(14, -500_00, "Umbuchung", "Muster GmbH", SAVINGS),
    Booked(15, 476_00, "AR-1004 und AR-1005", "Kontor Nord GmbH", PAYER),
    Booked(20, -59_50, "Rechnung 4711", "Stadtwerke", "DE75512108001245126199"),
    Booked(22, -238_00, "RUECKLASTSCHRIFT AR-1002", "Kontor Nord GmbH", PAYER, code="109"),
    Booked(27, 595_00, "AR1006", "Kontor N0rd", "DE02100500000054540402"),
    Booked(28, 714_00, "danke", "Kontor N0rd", "DE02100500000054540402"),
)
OPENING = 1000_00

MASTER = (
    OwnAccount(id="A1", iban=IBAN),
    OwnAccount(id="A2", iban=SAVINGS),
    Customer(id="C1", name="Kontor Nord GmbH", iban=PAYER),
    Customer(id="C2", name="Brandt Holz e.K.", iban="FR1420041010050500013M02606"),
    *(
        OpenItem(
            id=f"I{number}",
            kind="ar_invoice",
            party_id="C1",
            party_name="Kontor Nord GmbH",
            number=f"AR-{number}",
            gross=Money.of_minor(cents, "EUR"),
        )
        for number, cents in (
            (1001, 119_00),
            (1002, 238_00),
            (1003, 357_00),
            (1004, 119_00),
            (1005, 357_00),
            (1006, 595_00),
            (1007, 714_00),
        )
    ),
)


def mt940(first: int, last: int, account: Sequence[Booked] = ACCOUNT) -> bytes:
    """Return the account's statement from one day of October to another, both included."""
    before = OPENING + sum(b.cents for b in account if b.day < first)
    lines = [":20:STATEMENT", f":25:{IBAN}", ":28C:1/1", f":60F:{_balance(first, before)}"]
    for one in account:
        if first <= one.day <= last:
            before += one.cents
            mark = "C" if one.cents > 0 else "D"
            lines.append(f":61:2610{one.day:02}10{one.day:02}{mark}{_comma(one.cents)}NTRFNONREF")
            parts = f"{one.code}?00UMSATZ?20{one.text}"
            parts += f"?31{one.iban}?32{one.name}" if one.name else ""
            lines.append(f":86:{parts}")
    lines += [f":62F:{_balance(last, before)}", "-", ""]
    return "\r\n".join(lines).encode()


def _balance(day: int, cents: int) -> str:
    return f"{'C' if cents >= 0 else 'D'}2610{day:02}EUR{_comma(cents)}"


def _comma(cents: int) -> str:
    return f"{abs(cents) // 100},{abs(cents) % 100:02}"


class Desk:
    """An office whose nights can be begun anew from the same records."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office, self.folder = office, folder
        self._template = Path(office.settings.database.removeprefix("sqlite:///"))
        office.database.dispose()
        self._count = itertools.count()

    def after(
        self, nights: Sequence[Sequence[bytes]], broken_off: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Return the books after these nights, each with its files.

        Before each night, it is begun and broken off after so many steps.
        """
        copy = self.folder / f"nights-{next(self._count)}.db"
        shutil.copy(self._template, copy)
        office = dataclasses.replace(self.office, database=connect(f"sqlite:///{copy}"))
        try:
            for night in nights:
                for steps in broken_off:
                    self._night(office, night, steps)
                self._night(office, night)
            return books(office)
        finally:
            office.database.dispose()
            copy.unlink()

    def _night(self, office: Office, files: Sequence[bytes], steps: int = 1000) -> None:
        todo: list[Callable[[], object]] = []
        for content in files:
            digest = hashlib.sha256(content).hexdigest()
            path = self.folder / digest
            path.write_bytes(content)
            given = Document(
                id=digest, media_type="", path=path, name=digest[:6], size=len(content)
            )
            todo.append(partial(self._add, office, given))
            todo.append(partial(self._keep, office, given))
        todo.append(partial(bank.prove_accounts, office))
        todo.append(partial(reconciliation.reconcile_bank, office, None))
        for step in todo[:steps]:
            step()

    def _add(self, office: Office, given: Document) -> None:
        with office.database.begin() as tx:
            bank.add_file(tx, office, given)

    def _keep(self, office: Office, given: Document) -> None:
        bank.keep_statements(office, given, read_file(given))


def books(office: Office) -> dict[str, Any]:
    """Return what the database says of the bank, without times and revisions."""
    with office.database.begin() as tx:
        newest = {r.transaction_id: r for r in tx.execute(select(matches).order_by("revision"))}
        said = {name: load(Match, row.data) for name, row in newest.items()}
        return {
            "statements": _rows(tx, statements, "read_at"),
            # A movement remembers the first statement that told it.
            "transactions": _rows(tx, transactions, "seen_at", "statement_id"),
            "matches": {
                name: (m.category, m.decision, m.allocations, m.adjustments)
                for name, m in sorted(said.items())
            },
            "allocations": _rows(tx, allocations, "revision"),
            "findings": sorted(
                (r.subject, r.code)
                for r in tx.execute(
                    select(findings).where(
                        findings.c.subject_kind == "account", findings.c.closed_at.is_(None)
                    )
                )
            ),
        }


def _rows(tx: Any, table: Any, *without: str) -> list[dict[str, Any]]:
    keys = list(table.primary_key)
    return [
        {k: v for k, v in row._mapping.items() if k not in without}
        for row in tx.execute(select(table).order_by(*keys))
    ]


@pytest.fixture
def small(make_office: MakeOffice, tmp_path: Path) -> Desk:
    """Return an office with one small account."""
    office = make_office()
    with office.database.begin() as tx:
        save(tx, office, "test", MASTER)
    return Desk(office, tmp_path)


@pytest.fixture
def sample(make_office: MakeOffice, tmp_path: Path) -> Desk:
    """Return the sample office with its records."""
    from app import night

    office = make_office()
    night.run(office, ("records",))
    return Desk(office, tmp_path)


WEEKS = (mt940(5, 11), mt940(12, 18), mt940(19, 25), mt940(26, 31))


def _states(found: dict[str, Any]) -> list[str]:
    return [row["state"] for row in found["transactions"]]


def test_all_at_once_is_what_a_bookkeeper_would_do(small: Desk) -> None:
    found = small.after([WEEKS])
    assert len(found["transactions"]) == len(ACCOUNT)
    assert _states(found).count("posted") >= 7
    assert {row["state"] for row in found["statements"]} == {"accepted"}
    assert found["findings"] == []


def test_one_file_a_night_in_any_order(small: Desk) -> None:
    once = small.after([WEEKS])
    for order in itertools.permutations(WEEKS):
        assert small.after([[one] for one in order]) == once


def test_the_same_night_twice_and_again(small: Desk) -> None:
    assert small.after([WEEKS, WEEKS, (), WEEKS[::-1]]) == small.after([WEEKS])


def test_broken_off_anywhere_and_begun_again(small: Desk) -> None:
    once = small.after([WEEKS])
    assert small.after([WEEKS], broken_off=range(11)) == once
    assert small.after([[w] for w in WEEKS], broken_off=(3, 1, 2)) == once


def test_overlapping_files_add_nothing(small: Desk) -> None:
    once = small.after([WEEKS])
    month = mt940(5, 31)
    for nights in (
        [[month], WEEKS],
        [WEEKS, [month]],
        [[mt940(5, 15)], [mt940(8, 25)], [mt940(20, 31)], WEEKS, [month]],
        [[mt940(19, 31)], [month], WEEKS],
    ):
        found = small.after(nights)
        for part in ("transactions", "matches", "allocations", "findings"):
            assert found[part] == once[part], part
        assert {row["state"] for row in found["statements"]} == {"accepted"}


def test_the_sample_office_in_any_order(sample: Desk) -> None:
    paths = sorted(p for p in (SAMPLE / "statements").iterdir() if p.suffix in {".xml", ".sta"})
    files = [p.read_bytes() for p in paths]
    assert len(files) == 4
    once = sample.after([files])
    for order in itertools.permutations(files):
        assert sample.after([[one] for one in order]) == once
    assert sample.after([files, files, files[::-1]]) == once


#: One invoice paid twice, weeks apart.
TWICE = (
    Booked(5, 119_00, "Rechnung AR-1001", "Kontor Nord GmbH", PAYER),
    Booked(20, 119_00, "Rechnung AR-1001", "Kontor Nord GmbH", PAYER),
)


def test_the_second_payment_of_an_invoice_is_one_on_any_later_night(small: Desk) -> None:
    early, late = mt940(1, 11, TWICE), mt940(12, 25, TWICE)
    once = small.after([[early, late]])
    assert small.after([[early], [late]]) == once
    assert [m[0] for m in once["matches"].values()].count("double_payment") == 1


def test_an_older_payment_that_comes_later_takes_nothing_from_what_is_posted(small: Desk) -> None:
    """The later payment was posted when nobody knew the earlier one; a person looks at both."""
    early, late = mt940(1, 11, TWICE), mt940(12, 25, TWICE)
    found = small.after([[late], [early]])
    assert sorted(_states(found)) == ["posted", "suggested"]
    assert [row["amount_minor"] for row in found["allocations"]] == [119_00]


def test_a_missing_file_holds_what_comes_after_until_it_is_there(small: Desk) -> None:
    found = small.after([[WEEKS[0], WEEKS[2], WEEKS[3]]])
    assert found["findings"] == [(IBAN, "statement_gap")]
    assert _states(found).count("waiting") == sum(b.day >= 19 for b in ACCOUNT)
    assert small.after([[WEEKS[0], WEEKS[2], WEEKS[3]], [WEEKS[1]]]) == small.after([WEEKS])
