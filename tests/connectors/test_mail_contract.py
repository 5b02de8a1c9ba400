"""What every mailbox and every way out promises, over all implementations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.mail import folder, imap, outbox, smtp
from records.protocols import MailSender, MailSource
from records.secrets import Secret
from tests.connectors.mails import mail
from tests.servers.dovecot import Dovecot
from tests.servers.smtp import SmtpServer


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox with a way to put mail into it and to count what is left there."""

    open: Callable[[], MailSource]
    deliver: Callable[[bytes], None]
    left: Callable[[], int]


def _folder(tmp_path: Path) -> Place:
    path = tmp_path / "mail"
    path.mkdir()
    settings = folder.Mailbox.Settings(path=path, name="inbox", settle="move")

    def deliver(raw: bytes) -> None:
        (path / f"{time.time_ns()}.eml").write_bytes(raw)

    return Place(
        lambda: folder.Mailbox(settings, tmp_path / "kept"),
        deliver,
        lambda: sum(1 for _ in path.glob("*.eml")),
    )


def _maildir(tmp_path: Path) -> Place:
    path = tmp_path / "mail"
    for part in ("tmp", "new", "cur"):
        (path / part).mkdir(parents=True)
    settings = folder.Mailbox.Settings(path=path, name="inbox", settle="move")

    def deliver(raw: bytes) -> None:
        (path / "new" / f"{time.time_ns()}.M1.host").write_bytes(raw)

    return Place(
        lambda: folder.Mailbox(settings, tmp_path / "kept"),
        deliver,
        lambda: sum(1 for part in ("new", "cur") for _ in (path / part).iterdir()),
    )


def _imap(server: Dovecot, tmp_path: Path) -> Place:
    settings = imap.Mailbox.Settings(
        host="localhost",
        port=server.tls_port,
        ca_file=server.ca_file,
        user=server.user,
        password=Secret(server.password),
        name="inbox",
        settle="move",
    )
    return Place(
        lambda: imap.Mailbox(settings, tmp_path / "kept"),
        lambda raw: server.deliver(raw),
        server.count,
    )


@pytest.fixture(params=["folder", "maildir", pytest.param("imap", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "imap":
        with Dovecot() as server:
            yield _imap(server, tmp_path)
    else:
        yield {"folder": _folder, "maildir": _maildir}[request.param](tmp_path)


def test_every_message_comes_once_whatever_the_cursor(place: Place) -> None:
    sent = [mail(n, attachment=bytes(1000 * n)) for n in range(12)]
    for raw in sent:
        place.deliver(raw)
    found = list(place.open().fetch(None))
    assert sorted(m.path.read_bytes() for m, _ in found if m.path) == sorted(sent)
    assert len({m.key for m, _ in found}) == 12
    assert {m.account for m, _ in found} == {"inbox"}
    for at, (_, since) in enumerate(found):
        rest = [m.key for m, _ in place.open().fetch(since)]
        assert rest == [m.key for m, _ in found[at + 1 :]]
    place.deliver(mail(99))
    assert [m.message_id for m, _ in place.open().fetch(found[-1][1])] == ["<99@vendor.example>"]


def test_a_run_that_stops_halfway_goes_on_where_it_stopped(place: Place) -> None:
    for number in range(6):
        place.deliver(mail(number))
    run = place.open().fetch(None)
    first, since = next(run)
    run.close()  # type: ignore[attr-defined]
    keys = [m.key for m, _ in place.open().fetch(since)]
    assert first.key not in keys and len(keys) == 5


def test_settling_is_repeatable_and_reads_nothing_again(place: Place) -> None:
    for number in range(4):
        place.deliver(mail(number))
    box = place.open()
    since = None
    for message, since in box.fetch(since):  # noqa: B007, B020 - the cursor moves on
        box.settle(message, "posted")
        box.settle(message, "posted")
    assert place.left() == 0
    assert list(place.open().fetch(since)) == []
    assert list(place.open().fetch(None)) == [], "settled mail is out of the way"
    assert " 0 mails" in place.open().check()


def test_an_empty_mailbox_is_fine(place: Place) -> None:
    assert list(place.open().fetch(None)) == []


@pytest.mark.parametrize("way", ["outbox", "smtp"])
def test_a_sent_mail_is_the_mail_that_was_given(tmp_path: Path, way: str) -> None:
    raw = mail(1)
    if way == "outbox":
        out: MailSender = outbox.Sender(outbox.Sender.Settings(path=tmp_path))
        out.check()
        reference = out.send(raw, "<1@vendor.example>")
        assert (tmp_path / reference).read_bytes() == raw
        return
    with SmtpServer() as server:
        settings = smtp.Sender.Settings(
            host="localhost",
            port=server.port,
            ca_file=server.ca_file,
            user=server.user,
            password=Secret(server.password),
        )
        out = smtp.Sender(settings, tmp_path)
        out.check()
        assert out.send(raw, "<1@vendor.example>")
        assert server.taken == [(["invoices@office.example"], raw)]
