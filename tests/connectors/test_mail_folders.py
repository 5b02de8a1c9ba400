"""Folders as mailbox and as outbox."""

from __future__ import annotations

import os
from email import message_from_bytes
from pathlib import Path

import pytest

from connectors.mail.folder import Mailbox
from connectors.mail.outbox import Sender
from records.documents import Message
from records.failures import Unavailable
from tests.connectors.mails import mail


def mailbox(path: Path, **changes: object) -> Mailbox:
    settings = Mailbox.Settings(path=path, name="inbox", **changes)  # type: ignore[arg-type]
    return Mailbox(settings, path.parent / "kept")


def take(box: Mailbox, since: str | None = None) -> tuple[list[Message], str | None]:
    found = []
    for message, since in box.fetch(since):  # noqa: B007, B020 - the cursor moves on
        found.append(message)
    return found, since


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "mail"
    path.mkdir()
    return path


@pytest.fixture
def maildir(folder: Path) -> Path:
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir()
    return folder


def test_eml_files_are_taken_once(folder: Path) -> None:
    (folder / "a.eml").write_bytes(mail(1))
    (folder / "b.EML").write_bytes(mail(2))
    box = mailbox(folder)
    found, since = take(box)
    assert {m.subject for m in found} == {"Invoice 1", "Invoice 2"}
    assert all(m.path and m.path.is_relative_to(folder.parent / "kept") for m in found)
    assert take(box, since)[0] == []
    (folder / "c.eml").write_bytes(mail(3))
    assert [m.subject for m in take(box, since)[0]] == ["Invoice 3"]


def test_files_of_one_instant_are_all_taken_from_any_cursor(folder: Path) -> None:
    for number in range(300):
        (folder / f"{number}.eml").write_bytes(mail(number))
    box = mailbox(folder)
    everything = list(box.fetch(None))
    assert len(everything) == 300
    for at in (0, 100, 298, 299):
        rest = [m.key for m, _ in box.fetch(everything[at][1])]
        assert rest == [m.key for m, _ in everything[at + 1 :]]


def test_a_file_with_new_content_is_a_new_message(folder: Path) -> None:
    (folder / "a.eml").write_bytes(mail(1))
    box = mailbox(folder)
    (first,), since = take(box)
    (folder / "a.eml").write_bytes(mail(2))
    (second,), _ = take(box, since)
    assert first.key != second.key


def test_a_dropped_document_becomes_a_mail_that_carries_it(folder: Path) -> None:
    (folder / "Scan 12.pdf").write_bytes(b"%PDF-1.7 scanned")
    (message,), _ = take(mailbox(folder))
    assert message.subject == "Scan 12.pdf" and message.path is not None
    parsed = message_from_bytes(message.path.read_bytes())
    parts = [p.get_payload(decode=True) for p in parsed.walk() if p.get_filename()]
    assert parts == [b"%PDF-1.7 scanned"]


def test_hidden_files_links_and_subfolders_are_left_alone(folder: Path) -> None:
    (folder / ".hidden.eml").write_bytes(mail(1))
    (folder / "sub").mkdir()
    (folder / "sub" / "a.eml").write_bytes(mail(2))
    (folder / "link.eml").symlink_to("/etc/passwd")
    assert take(mailbox(folder))[0] == []


def test_an_oversized_mail_is_described_and_not_read(folder: Path) -> None:
    (folder / "a.eml").write_bytes(mail(1, attachment=bytes(100_000)))
    (message,), _ = take(mailbox(folder, max_message_bytes=50_000))
    assert message.path is None and message.subject == "Invoice 1"
    assert [f.code for f in message.findings] == ["too_large"]


def test_settling_moves_exactly_what_was_taken(folder: Path) -> None:
    (folder / "a.eml").write_bytes(mail(1))
    box = mailbox(folder, settle="move", move_to="done/{outcome}")
    (message,), since = take(box)
    box.settle(message, "posted")
    box.settle(message, "posted")
    assert [p.name for p in (folder / "done" / "posted").iterdir()] == ["a.eml"]

    (folder / "a.eml").write_bytes(mail(2))
    box.settle(message, "posted")
    assert (folder / "a.eml").exists(), "a newer file of the same name is not settled yet"
    (newer,), _ = take(box, since)
    box.settle(newer, "posted")
    kept = {p.read_bytes() for p in (folder / "done" / "posted").iterdir()}
    assert kept == {mail(1), mail(2)}, "nothing is overwritten"


def test_an_outcome_never_steers_the_path(folder: Path) -> None:
    (folder / "a.eml").write_bytes(mail(1))
    box = mailbox(folder, settle="move", move_to="done/{outcome}")
    (message,), _ = take(box)
    box.settle(message, "../../up")
    assert (folder / "done" / "_up" / "a.eml").exists()


def test_a_maildir_keeps_its_rules(maildir: Path) -> None:
    (maildir / "tmp" / "half").write_bytes(b"half a mail")
    (maildir / "new" / "1.M1.host").write_bytes(mail(1))
    (maildir / "cur" / "2.M2.host:2,S").write_bytes(mail(2))
    box = mailbox(maildir, settle="move")
    found, since = take(box)
    assert {m.subject for m in found} == {"Invoice 1", "Invoice 2"}
    # A mail program moves and flags meanwhile.
    (maildir / "new" / "1.M1.host").rename(maildir / "cur" / "1.M1.host:2,RS")
    for message in found:
        box.settle(message, "posted")
    assert len(list((maildir / ".Processed" / "cur").iterdir())) == 2
    assert take(box, since)[0] == []


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="missing"):
        take(mailbox(tmp_path / "missing"))


def test_the_outbox_holds_each_mail_once(tmp_path: Path) -> None:
    out = Sender(Sender.Settings(path=tmp_path / "out"))
    assert out.find("<r1@office.example>") is None
    first = out.send(mail(1), "<r1@office.example>")
    assert out.send(mail(1), "<r1@office.example>") == first
    assert out.find("<r1@office.example>") == first
    assert [p.name for p in (tmp_path / "out").iterdir()] == [first]


@pytest.mark.parametrize("message_id", ["<../../etc/passwd>", "<a/b@c>", "", "<" + "x" * 500 + ">"])
def test_no_message_id_steers_the_path(tmp_path: Path, message_id: str) -> None:
    name = Sender(Sender.Settings(path=tmp_path)).send(b"x", message_id)
    assert (tmp_path / name).read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\nBcc: everybody.pdf", r"a\nBcc: everybody.pdf"),
        (b"caf\xe9.pdf", r"caf\xe9.pdf"),
        (b"\x1b]0;title\x07.pdf", r"\x1b]0;title\x07.pdf"),
        ("invoice\u202efdp.pdf".encode(), r"invoice\u202efdp.pdf"),
        ("Müller & Söhne 東京.pdf".encode(), "Müller & Söhne 東京.pdf"),
    ],
    ids=["two lines", "not UTF-8", "a terminal's command", "turned round", "as it is"],
)
def test_a_file_of_any_name_comes_in_and_is_put_away(folder: Path, name: bytes, shown: str) -> None:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    path.write_bytes(b"%PDF-1.4 a scan")
    box = mailbox(folder, settle="move")
    (message,), since = take(box)
    assert message.subject == shown
    assert f"{message.key}{since}".encode(), "both are kept as UTF-8"
    box.settle(message, "posted")
    assert [p.name for p in (folder / "Processed").iterdir()] == [path.name]
    assert take(box, since)[0] == []
