"""Payment files: pain.001 against the ISO schema, Nacha against its sums and another reader."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files

import achkit
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.payments import Account, Address, PaymentFile, Transfer, Unwritable, nacha, pain001
from connectors.payments.letters import latin
from records.money import Money

PAYER = Account(name="Brinkhof Anlagentechnik GmbH", number="DE75512108001245126199")
PAYEE = Account(
    name="Łódź Śruby & Söhne",
    number="PL61109010140000071219812874",
    bic="WBKPPLPP",
    address=Address(town="Łódź", country="PL", post_code="90-001", street="Piotrkowska"),
)
US_PAYER = Account(name="Brinkhof Inc", number="55501", routing_number="021000021")
US_PAYEE = Account(name="Müller Tools LLC", number="123456789", routing_number="011401533")
ALLOWED = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The published schema, as the package sepaxml carries it."""
    found = files("sepaxml").joinpath("schemas/pain.001.001.09.xsd")
    return etree.XMLSchema(etree.fromstring(found.read_bytes()))


def sepa(*transfers: Transfer, **changes: object) -> PaymentFile:
    made = PaymentFile(
        id="P26112201E",
        payer=PAYER,
        execution_date=date(2026, 11, 23),
        made_at=datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
        transfers=transfers,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def transfer(number: int, amount: str, currency: str = "EUR", **changes: object) -> Transfer:
    made = Transfer(
        end_to_end_id=f"P26112201E-{number:04d}",
        payee=PAYEE if currency == "EUR" else US_PAYEE,
        amount=Money(Decimal(amount), currency),
        remittance=f"R-{number}",
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def said(raw: bytes, path: str) -> list[str]:
    tree = etree.fromstring(raw)
    found = tree.findall(f".//{path}", namespaces={None: pain001.NAMESPACE})  # type: ignore[dict-item]
    return [node.text or "" for node in found]


def test_it_validates_and_balances(schema: etree.XMLSchema) -> None:
    reference = "RF18539007547034"
    raw = pain001.write(
        sepa(
            transfer(1, "0.10"),
            transfer(2, "12345678.90", creditor_reference=reference),
            transfer(3, "7", payee=dataclasses.replace(PAYEE, bic="no bic", address=None)),
        )
    )
    schema.assertValid(etree.fromstring(raw))
    amounts = [Decimal(a) for a in said(raw, "InstdAmt")]
    assert amounts == [Decimal("0.10"), Decimal("12345678.90"), Decimal(7)]
    assert said(raw, "CtrlSum") == [str(sum(amounts))] * 2
    assert said(raw, "NbOfTxs") == ["3", "3"]
    assert said(raw, "CdtrRefInf/Ref") == [reference]
    assert said(raw, "Cdtr/Nm")[0] == "Lodz Sruby + Soehne"
    assert said(raw, "Cdtr/PstlAdr/TwnNm") == ["Lodz", "Lodz"]
    assert not said(raw, "AdrLine")


names = st.text(min_size=1, max_size=90).filter(lambda text: latin(text, 70))
cents = st.integers(1, 99_999_999_999)


@given(st.lists(st.tuples(names, cents, st.text(max_size=200)), min_size=1, max_size=8))
def test_whatever_names_say_it_validates_and_sums(
    schema: etree.XMLSchema, given_: list[tuple[str, int, str]]
) -> None:
    transfers = [
        transfer(
            number,
            str(Money.of_minor(minor, "EUR").amount),
            payee=dataclasses.replace(PAYEE, name=name),
            remittance=text,
        )
        for number, (name, minor, text) in enumerate(given_, 1)
    ]
    raw = pain001.write(sepa(*transfers))
    schema.assertValid(etree.fromstring(raw))
    assert sum(map(Decimal, said(raw, "InstdAmt"))) == Decimal(said(raw, "CtrlSum")[0])
    for text in said(raw, "Nm") + said(raw, "Ustrd"):
        assert set(text) <= ALLOWED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe & Straße", "Groesse + Strasse"),
        ("ΑΘΗΝΑ Χαλκός", "AThINA Chalkos"),
        ("София ООД", "Sofiya OOD"),
        ("a//b;c_d", "a/b,c-d"),
        ("名前 Ltd", "Ltd"),
        ("=cmd|' /C calc'!A0", "cmd/' /C calc' A0"),
    ],
)
def test_letters(text: str, expected: str) -> None:
    assert latin(text, 70) == expected


def us(*transfers: Transfer) -> PaymentFile:
    return dataclasses.replace(sepa(*transfers), payer=US_PAYER, company_id="1234567890")


def test_nacha_blocks_sums_and_hash() -> None:
    raw = nacha.write(us(*(transfer(n, f"{n}.05", "USD") for n in range(1, 6))))
    lines = raw.decode("ascii").splitlines()
    assert {len(line) for line in lines} == {94}
    assert len(lines) % 10 == 0
    entries = [line for line in lines if line[0] == "6"]
    control = next(line for line in lines if line[0] == "8")
    closing = next(line for line in lines if line[0] == "9")
    cents = sum(int(line[29:39]) for line in entries)
    assert cents == 1525
    assert int(control[32:44]) == int(closing[43:55]) == cents
    assert int(control[4:10]) == int(closing[13:21]) == 10
    assert int(control[10:20]) == sum(int(line[3:11]) for line in entries) % 10**10
    assert int(closing[7:13]) == len(lines) // 10
    assert entries[0][39:54] == "P26112201E-0001"
    assert entries[0][54:76] == "Mueller Tools LLC".ljust(22)
    assert [line[83:87] for line in lines if line[0] == "7"] == ["0001"] * 5
    traces = [line[79:94] for line in entries]
    assert traces == sorted(set(traces))


@given(
    st.lists(st.decimals("0.01", "99999999.99", places=2), min_size=1, max_size=30),
    st.text(min_size=1, max_size=90),
)
def test_another_reader_finds_the_file_sound_and_reads_what_was_written(
    amounts: list[Decimal], text: str
) -> None:
    given_ = [
        transfer(n, str(amount), "USD", remittance=text) for n, amount in enumerate(amounts, 1)
    ]
    written = nacha.write(us(*given_)).decode("ascii")
    assert achkit.validate(written) == {"ok": True, "errors": []}
    read = achkit.parse(written)
    (batch,) = read["batches"]
    assert (batch["service_class"], batch["sec"], batch["company_id"]) == (220, "CCD", "1234567890")
    assert (read["destination_routing"], batch["effective_date"]) == ("021000021", "261123")
    assert [
        (e["id_number"], e["amount_cents"], e["routing"], e["account"], e["txn_code"])
        for e in batch["entries"]
    ] == [(t.end_to_end_id, t.amount.minor, "011401533", "123456789", 22) for t in given_]
    assert {a["info"] for e in batch["entries"] for a in e["addenda"]} == {latin(text, 80)}


Write = Callable[[PaymentFile], bytes]


@pytest.mark.parametrize(
    ("write", "bad"),
    [
        (pain001.write, sepa()),
        (pain001.write, sepa(transfer(1, "1.005"))),
        (pain001.write, sepa(transfer(1, "-1"))),
        (pain001.write, sepa(transfer(1, "1", "USD"))),
        (pain001.write, sepa(transfer(1, "1"), transfer(1, "2"))),
        (pain001.write, sepa(transfer(1, "1"), id="x" * 36)),
        (
            pain001.write,
            sepa(
                transfer(1, "1", payee=dataclasses.replace(PAYEE, number="DE75512108001245126190"))
            ),
        ),
        (pain001.write, sepa(transfer(1, "1", payee=dataclasses.replace(PAYEE, name="名前")))),
        (
            pain001.write,
            sepa(
                transfer(
                    1, "1", payee=dataclasses.replace(PAYEE, number="TR330006100519786457841326")
                )
            ),
        ),
        (nacha.write, sepa(transfer(1, "1", "USD"))),
        (nacha.write, us(transfer(1, "100000000", "USD"))),
        (
            nacha.write,
            us(
                transfer(
                    1, "1", "USD", payee=dataclasses.replace(US_PAYEE, routing_number="021000022")
                )
            ),
        ),
        (nacha.write, us(transfer(1, "1", "USD", end_to_end_id="x" * 16))),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(write: Write, bad: PaymentFile) -> None:
    with pytest.raises(Unwritable):
        write(bad)
