"""The morning report: three renderings that say the same, safe, and complete."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from lxml import html
from openpyxl import load_workbook
from openpyxl.cell import Cell, MergedCell

from app import night
from app.morning import Morning, gather
from app.office import Office
from app.report import SHOWN, as_html, as_mail, as_text
from app.report_workbook import as_workbook
from app.settings import load
from app.store import note
from app.troubles import Trouble
from records.findings import finding
from tests.app.conftest import write_config

ZONE = ZoneInfo("Europe/Berlin")
OWNERS = {"default": "accounting", "price_variance": "purchasing"}
HOSTILE = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    '=HYPERLINK("http://192.0.2.1/","x")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "https://192.0.2.1/pay",
    "{{ 7 * 7 }}{% raw %}",
    "bell \x07 and \x1b[31m",
    "\u202egpj.exe",
    "x" * 40_000,
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office after a night: posted, a price variance, an unknown vendor, a bomb, a formula."""
    folder = tmp_path_factory.mktemp("office")
    config = write_config(folder, "02", "33", "34", "38", "42", "46", "48")
    made = Office.open(load(config))
    ran = night.run(made, ("records", "invoices", "statements"))
    assert not ran.failures
    yield made
    made.database.dispose()


def told(office: Office, *, at: datetime | None = None, since: datetime | None = None) -> Morning:
    at = at or datetime.now(ZONE)
    with office.database.begin() as tx:
        return gather(tx, company="Nord GmbH", at=at, since=since, owners=OWNERS)


@pytest.fixture(scope="module")
def morning(office: Office) -> Morning:
    return told(office)


def sheets(morning: Morning) -> dict[str, list[list[Cell | MergedCell]]]:
    book = load_workbook(io.BytesIO(as_workbook(morning)))
    return {page.title: [list(row) for row in page.iter_rows()] for page in book}


def values(rows: list[list[Cell | MergedCell]]) -> list[list[object]]:
    return [[cell.value for cell in row] for row in rows[1:]]


def page(morning: Morning) -> html.HtmlElement:
    return html.fromstring(as_html(morning))


def words(text: str) -> str:
    return " ".join(text.split())


# -- the same in all three


def test_each_held_document_stands_in_all_three_with_reason_and_remedy(morning: Morning) -> None:
    assert len(morning.held) >= 4
    seen, text = words(page(morning).text_content()), words(as_text(morning))
    rows = values(sheets(morning)["Held"])
    for row in morning.held:
        mine = [r for r in rows if r[0] == row.id[:12]]
        reasons = [f for f in row.findings if f.blocks]
        assert len(mine) == len(reasons) > 0
        assert row.id[:12] in seen and row.id[:12] in text
        assert words(row.title) in seen and words(row.title) in text
        for item, told_row in zip(reasons, mine, strict=True):
            assert told_row[4] == item.code
            for said in filter(None, (item.message, item.remedy, item.expected, item.actual)):
                assert words(said) in seen
                assert words(said) in text or said == item.actual
                assert said in told_row


def test_posted_filed_and_bank_lines_are_the_same_in_all_three(morning: Morning) -> None:
    assert morning.posted and morning.filed and morning.bank_open
    seen, text, book = words(page(morning).text_content()), words(as_text(morning)), sheets(morning)
    for row in morning.posted:
        assert str(row.number) in seen and str(row.number) in text
        assert str(row.gross) in seen and str(row.gross) in text
    assert [r[0] for r in values(book["Posted"])] == [r.id[:12] for r in morning.posted]
    assert [r[4] for r in values(book["Posted"])] == [
        pytest.approx(float(r.gross.amount)) for r in morning.posted if r.gross
    ]
    for row in morning.filed:
        assert words(row.title) in seen and words(row.title) in text
    assert [r[0] for r in values(book["Filed"])] == [r.id[:12] for r in morning.filed]
    for line in morning.bank_open:
        name = words(line.transaction.counterparty_name or "")
        assert str(line.transaction.amount) in seen and str(line.transaction.amount) in text
        assert name in seen and name in text
        for reason in line.match.reasons if line.match else ():
            assert words(reason) in seen and words(reason) in text
    assert len(values(book["Bank"])) == len(morning.bank_open)


def test_a_trouble_says_of_what_and_how_to_close_it(morning: Morning) -> None:
    (bomb,) = [t for t in morning.troubles if t.finding.code == "too_large"]
    assert bomb.subject.startswith('message "Rechnung" from ')
    message = next(m for m in morning.messages if any(f.blocks for f in m.findings))
    assert bomb.commands == (f'nightclerk reject {message.id} --reason "…"',)
    for said in (page(morning).text_content(), as_text(morning)):
        assert words(said).count(words(str(bomb))) == 1
        assert bomb.commands[0] in words(said)
    assert [r[0] for r in values(sheets(morning)["Troubles"])] == [
        t.subject for t in morning.troubles
    ]


def test_many_findings_of_one_reason_are_one_trouble(office: Office) -> None:
    rows = [finding("bad_row", where=f"row {n}") for n in range(12)]
    with office.database.connect() as tx, tx.begin() as undone:
        note(tx, office, "source", "exports", "import", rows)
        at = datetime.now(ZONE)
        morning = gather(tx, company="Nord GmbH", at=at, since=None, owners=OWNERS)
        undone.rollback()
    (rest,) = [t for t in morning.troubles if t.subject == "exports"]
    assert (rest.more, rest.finding.where) == (11, "row 0")
    for said in (page(morning).text_content(), as_text(morning)):
        assert words(said).count("and 11 more like it") == 1
        assert "row 7" not in said


def test_what_is_held_says_what_to_type(morning: Morning) -> None:
    rows = values(sheets(morning)["Held"])
    seen, text = words(page(morning).text_content()), words(as_text(morning))
    for row in morning.held:
        typed = morning.commands(row)
        assert typed and all(row.short_id in command for command in typed)
        assert all(words(command) in seen and words(command) in text for command in typed)
        assert {r[12] for r in rows if r[0] == row.short_id} == {"\n".join(typed)}
    for line in morning.bank_open:
        assert all(c in seen and c in text for c in morning.commands(line))


def test_the_mail_carries_all_three(morning: Morning) -> None:
    mail = as_mail(morning, sender="n@nord.example", to=("a@x.example",), message_id="<1@x>")
    assert isinstance(mail, EmailMessage)
    assert morning.headline in str(mail["Subject"])
    assert mail["Message-ID"] == "<1@x>"
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and rich is not None
    assert words(plain.get_content()) == words(as_text(morning))
    assert words(rich.get_content()) == words(as_html(morning))
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == f"nightclerk-{morning.today}.xlsx"
    assert load_workbook(io.BytesIO(attached.get_content())).sheetnames[0] == "Held"


# -- what comes from documents


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:12])
def test_text_from_documents_is_only_text(morning: Morning, text: str) -> None:
    bad = finding("price_variance", where=text, message=text, expected=text, actual=text)
    held = dataclasses.replace(
        morning.held[0], name=text, number=text, vendor_name=text, sender=text, findings=(bad,)
    )
    line = morning.bank_open[0]
    moved = dataclasses.replace(line.transaction, remittance=text, counterparty_name=text)
    hostile = dataclasses.replace(
        morning,
        company=text,
        held=(held,),
        posted=(held,),
        filed=(held,),
        bank_open=(dataclasses.replace(line, transaction=moved),),
        troubles=(Trouble(subject=text, finding=bad),),
    )
    tree = page(hostile)
    assert tree.xpath("//script | //img | //a | //*[@onerror]") == []
    assert "49{%" not in as_html(hostile) and "49{%" not in as_text(hostile)
    for rows in sheets(hostile).values():
        for cell in (cell for row in rows for cell in row):
            assert cell.data_type in {"s", "n", "d"}, cell.value
            assert cell.hyperlink is None
    number = values(sheets(hostile)["Posted"])[0][2]
    assert isinstance(number, str)
    assert number == text or number.endswith("…") or "\x07" in text


def test_a_formula_of_the_sample_mail_stays_text(morning: Morning) -> None:
    cells = [cell for rows in sheets(morning).values() for row in rows for cell in row]
    formulas = [c for c in cells if isinstance(c.value, str) and c.value[:1] in "=+-@" and c.value]
    assert formulas
    assert {cell.data_type for cell in formulas} == {"s"}


# -- completeness


def test_the_proof_adds_up_in_all_three(morning: Morning) -> None:
    complete = morning.complete
    assert complete.is_complete
    assert complete.messages == len(morning.messages) == 7
    groups = {
        "messages": (complete.messages, complete.messages_by_outcome),
        "documents": (complete.documents, complete.documents_by_outcome),
        "bank lines": (complete.bank_lines, complete.bank_lines_by_outcome),
    }
    proof = values(sheets(morning)["Proof"])
    text, seen = as_text(morning), words(" ".join(page(morning).itertext()))
    for what, (total, by) in groups.items():
        assert sum(by.values()) == total > 0
        counts = [r for r in proof if r[0] == what]
        assert counts[0][1:] == ["came in", total]
        assert {str(r[1]): r[2] for r in counts[1:]} == by
        (said,) = re.findall(rf"^{total} {what} = (.*)$", text, re.M)
        assert sum(int(n) for n in re.findall(r"(?:^|\+ )(\d+) ", said)) == total
        assert f"{what} {total} " + ", ".join(f"{n} {k}" for k, n in sorted(by.items())) in seen
    assert [c.text for c in complete.checks if c.text not in seen or c.text not in text] == []
    assert complete.bank_lines_by_outcome["posted"] == morning.bank_posted
    assert complete.documents_by_outcome["held"] == len(morning.held)
    assert complete.documents_by_outcome["posted"] == len(morning.posted)


def test_what_is_missing_is_said_in_all_three(morning: Morning) -> None:
    lost = dataclasses.replace(morning.complete, documents=morning.complete.documents + 1)
    assert not lost.is_complete
    broken = dataclasses.replace(morning, complete=lost)
    assert "NOT COMPLETE" in as_text(broken)
    assert "Not complete." in as_html(broken)
    assert values(sheets(broken)["Proof"])[-1][1] == "NOT COMPLETE"
    assert values(sheets(morning)["Proof"])[-1][1] == "complete"


def test_the_proof_misses_what_was_never_written_and_what_a_file_held_twice(
    morning: Morning,
) -> None:
    complete = morning.complete
    assert complete.entries_kept > complete.bank_lines > 0 < complete.decided
    for changed in (
        {"unwritten": 1},
        {"entries": complete.entries + 1},
        {"entries_kept": complete.bank_lines - 1, "entries": complete.bank_lines - 1},
    ):
        assert not dataclasses.replace(complete, **changed).is_complete


def test_every_message_and_bank_line_stands_in_the_workbook(morning: Morning) -> None:
    book = sheets(morning)
    assert len(values(book["Messages"])) == morning.complete.messages
    told_lines = values(book["Bank lines"])
    assert len(told_lines) == morning.complete.bank_lines
    outcomes = [str(r[6]) for r in told_lines]
    assert {o: outcomes.count(o) for o in outcomes} == morning.complete.bank_lines_by_outcome


def test_a_long_list_is_cut_in_the_mail_and_whole_in_the_workbook(morning: Morning) -> None:
    many = dataclasses.replace(
        morning,
        held=(morning.held[0],) * (SHOWN + 3),
        posted=(morning.posted[0],) * (SHOWN + 4),
        filed=(morning.filed[0],) * (SHOWN + 5),
        bank_open=(morning.bank_open[0],) * (SHOWN + 6),
    )
    for said in (as_text(many), as_html(many)):
        for more in (3, 4, 5, 6):
            assert said.count(f"{more} more in the attached workbook.") == 1
    book = sheets(many)
    assert len(values(book["Posted"])) == SHOWN + 4
    assert len(values(book["Filed"])) == SHOWN + 5
    assert len(values(book["Bank"])) == SHOWN + 6
    assert "more in the attached" not in as_text(morning) + as_html(morning)


# -- owners, ages, and since when


def test_an_owner_follows_from_the_first_reason_that_has_one(morning: Morning) -> None:
    owners = {
        next(f.code for f in row.findings if f.blocks): morning.owner(row) for row in morning.held
    }
    assert owners["price_variance"] == "purchasing"
    assert owners["unknown_vendor"] == "accounting"
    nobody = dataclasses.replace(morning, owners={})
    assert {nobody.owner(row) for row in nobody.held} == {"unassigned"}
    told_owners = {str(r[0]): r[2] for r in values(sheets(morning)["Held"])}
    for row in morning.held:
        assert told_owners[row.id[:12]] == morning.owner(row)
        assert f"owner {morning.owner(row)}, {morning.age(row)} days old" in as_text(morning)


@pytest.mark.parametrize(
    ("seen", "at", "days"),
    [
        ("2026-11-20T07:00", "2026-11-20T08:00", 0),
        ("2026-11-19T22:30", "2026-11-20T07:00", 1),
        ("2026-11-19T23:30", "2026-11-20T07:00", 0),  # after midnight in Berlin
        ("2026-10-24T12:00", "2026-10-26T07:00", 2),  # over the end of summer time
    ],
)
def test_an_age_counts_days_of_the_office(morning: Morning, seen: str, at: str, days: int) -> None:
    row = dataclasses.replace(
        morning.held[0], seen_at=datetime.fromisoformat(seen).replace(tzinfo=UTC)
    )
    then = dataclasses.replace(morning, at=datetime.fromisoformat(at).replace(tzinfo=ZONE))
    assert then.age(row) == days


def test_the_next_report_tells_what_is_new_and_what_still_waits(
    office: Office, morning: Morning
) -> None:
    later = datetime.now(ZONE) + timedelta(minutes=1)
    following = told(office, at=later + timedelta(days=1), since=later)
    assert following.posted == () and following.filed == ()
    assert following.held == morning.held
    assert following.bank_open == morning.bank_open
    assert following.complete == morning.complete
    assert {following.age(row) for row in following.held} == {1}
    assert following.straight_through is None


def test_the_headline_counts(morning: Morning) -> None:
    quiet = dataclasses.replace(morning, troubles=(), bank_open=())
    assert quiet.headline == f"{len(morning.posted)} posted, {len(morning.held)} held"
    one = dataclasses.replace(morning, troubles=morning.troubles[:1], bank_open=())
    assert one.headline.endswith(", 1 trouble")
