"""The IMAP mailbox against a real Dovecot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.mail.imap import Mailbox
from connectors.oauth import TokenFiles
from records.documents import Message
from records.failures import ConfigurationFault, Rejected, Unavailable
from records.secrets import Secret
from tests.connectors.mails import mail
from tests.servers.chaos import ChaosProxy
from tests.servers.dovecot import Dovecot
from tests.servers.token_server import TokenServer

pytestmark = pytest.mark.servers


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


def settings(server: Dovecot, **changes: object) -> Mailbox.Settings:
    usual = Mailbox.Settings(
        name="inbox",
        host="localhost",
        port=server.tls_port,
        ca_file=server.ca_file,
        user=server.user,
        password=Secret(server.password),
        timeout_seconds=10,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def take(mailbox: Mailbox, since: str | None = None) -> tuple[list[Message], str | None]:
    found = []
    for message, since in mailbox.fetch(since):  # noqa: B007, B020 - the cursor moves on
        found.append(message)
    return found, since


def test_messages_are_kept_whole_and_described(dovecot: Dovecot, tmp_path: Path) -> None:
    raw = mail(7, attachment=b"%PDF-1.7 " + bytes(range(256)) * 20_000)
    dovecot.deliver(mail(1), raw)
    mailbox = Mailbox(settings(dovecot), tmp_path)

    found, since = take(mailbox)

    assert [m.message_id for m in found] == ["<1@vendor.example>", "<7@vendor.example>"]
    big = found[1]
    assert big.path is not None and big.path.read_bytes() == raw
    assert big.sender == "Vendor 7 <billing7@vendor.example>"
    assert big.recipients == ("invoices@office.example",)
    assert big.headers["authentication-results"] == "mx.office.example; dmarc=pass"
    assert big.received_at is not None and big.received_at.tzinfo is not None
    assert big.key.startswith("imap:inbox/INBOX/") and big.key.endswith("/2")
    assert take(mailbox, since)[0] == []
    assert dovecot.flags() == "", "reading must not mark anything as read"


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
def test_every_way_to_connect(dovecot: Dovecot, tmp_path: Path, security: str) -> None:
    port = dovecot.tls_port if security == "tls" else dovecot.port
    mailbox = Mailbox(settings(dovecot, security=security, port=port), tmp_path)
    assert mailbox.check() == "localhost: office has INBOX 0 mails"


def test_a_certificate_nobody_vouches_for_is_refused(dovecot: Dovecot, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="not trusted"):
        Mailbox(settings(dovecot, ca_file=None), tmp_path).check()


def test_plain_text_over_a_network_is_refused(dovecot: Dovecot, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="unprotected"):
        Mailbox(settings(dovecot, security="plain", host="imap.example.org"), tmp_path)


def test_a_wrong_password_is_refused_and_not_shown(dovecot: Dovecot, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="refuses the login of office") as caught:
        Mailbox(settings(dovecot, password=Secret("hunter2")), tmp_path).check()
    assert "hunter2" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(dovecot: Dovecot, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="'Invoices'"):
        take(Mailbox(settings(dovecot, folders=("Invoices",)), tmp_path))


def test_several_folders_share_one_cursor(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(mail(1))
    # Names travel in modified UTF-7, and Dovecot keeps them so in the Maildir.
    dovecot.deliver(mail(4), folder="Rechnungen S&APw-d")
    both = Mailbox(settings(dovecot, folders=("INBOX", "Rechnungen Süd")), tmp_path)
    found, since = take(both)
    assert [m.message_id for m in found] == ["<1@vendor.example>", "<4@vendor.example>"]
    dovecot.deliver(mail(5))
    assert [m.message_id for m in take(both, since)[0]] == ["<5@vendor.example>"]


def test_an_oversized_mail_stays_on_the_server(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(mail(1, attachment=bytes(300_000)), mail(2))
    found, _ = take(Mailbox(settings(dovecot, max_message_bytes=100_000), tmp_path))
    large, small = found
    assert large.path is None and large.subject == "Invoice 1"
    assert [f.code for f in large.findings] == ["too_large"]
    assert "i.pdf" in large.findings[0].message
    assert small.path is not None


def test_malformed_mail_is_kept_as_it_came(dovecot: Dovecot, tmp_path: Path) -> None:
    bad = [
        b"no header at all, just text",
        b"From: \xe9\xe8\xff\r\nSubject: =?utf-8?B?!!!!?=\r\nDate: yesterday\r\n\r\n--zz",
        b"Content-Type: message/rfc822\r\n\r\n" * 150 + b"deep",
        b"Subject: " + b"x" * 200_000 + b"\r\n\r\nlong",
        b"\x00\x01\x02",
    ]
    dovecot.deliver(*bad)
    found, _ = take(Mailbox(settings(dovecot), tmp_path))
    kept = [m.path.read_bytes().replace(b"\r\n", b"\n") for m in found if m.path]
    assert len(kept) == len(bad)
    # A NUL cannot travel in IMAP; Dovecot sends 0x80 in its place.
    assert kept[:4] == [raw.replace(b"\r\n", b"\n") for raw in bad[:4]]
    assert [f.code for f in found[0].findings] == ["mail_without_header"]


@pytest.mark.parametrize(
    "capability", ["", "IMAP4rev1 UIDPLUS AUTH=PLAIN", "IMAP4rev1 AUTH=PLAIN"], ids=len
)
def test_settled_mail_is_moved_once(tmp_path: Path, capability: str) -> None:
    with Dovecot(capability) as server:
        server.deliver(mail(1), mail(2))
        mailbox = Mailbox(settings(server, settle="move", move_to="Done/{outcome}"), tmp_path)
        found, _ = take(mailbox)
        for message in (found[0], found[0]):
            mailbox.settle(message, "posted")
        mailbox.close()
        assert server.count("Done/posted") == 1
        left = server.count()
        assert left == 1 or (left == 2 and "T" in server.flags()), "without UIDPLUS it is marked"


@pytest.mark.parametrize("with_id", [True, False])
def test_a_copy_of_an_earlier_try_is_not_made_again(tmp_path: Path, with_id: bool) -> None:
    """Without MOVE, a process may die between copying a message and marking the original."""
    first, second = (
        raw if with_id else re.sub(rb"(?im)^message-id:.*\r?\n", b"", raw)
        for raw in (mail(1), mail(2))
    )
    with Dovecot("IMAP4rev1 UIDPLUS AUTH=PLAIN") as server:
        server.deliver(first, second)
        wanted = settings(server, settle="move")
        found, _ = take(Mailbox(wanted, tmp_path))
        with Mailbox(wanted, tmp_path)._session() as session:
            session.client.create_folder("Processed")
            session.select("INBOX", readonly=False)
            session.client.copy([int(found[0].key.rsplit("/", 1)[1])], "Processed")
        again = Mailbox(wanted, tmp_path)
        for message in found:
            again.settle(message, "posted")
        again.close()
        assert (server.count(), server.count("Processed")) == (0, 2)


def test_a_message_that_vanished_is_fine(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(mail(1), mail(2))
    mailbox = Mailbox(settings(dovecot, settle="move"), tmp_path)
    found, _ = take(mailbox)
    for part in ("new", "cur"):
        for path in (dovecot.box() / part).iterdir():
            path.unlink()
    mailbox.settle(found[0], "posted")
    mailbox.close()
    assert dovecot.count("Processed") == 0


def test_settled_mail_can_be_flagged(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(mail(1))
    mailbox = Mailbox(settings(dovecot, settle="flag"), tmp_path)
    (message,), since = take(mailbox)
    mailbox.settle(message, "posted")
    mailbox.close()
    assert "$Nightclerk" in dovecot.flags()
    assert take(mailbox, since)[0] == []


def test_a_renumbered_folder_comes_again_under_new_keys(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(mail(1), mail(2))
    mailbox = Mailbox(settings(dovecot, settle="move"), tmp_path)
    before, since = take(mailbox)
    dovecot.renumber()
    dovecot.deliver(mail(3))
    mailbox.settle(before[0], "posted")
    assert dovecot.count() == 3, "an old number must not move another message"

    after, _ = take(mailbox, since)

    assert [m.path for m in after[:2]] == [m.path for m in before], "same bytes, same file"
    assert {m.key for m in after}.isdisjoint({m.key for m in before})
    assert after[2].message_id == "<3@vendor.example>"


def test_mail_before_the_start_is_left_alone(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(mail(1))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert take(Mailbox(settings(dovecot, start=tomorrow), tmp_path))[0] == []


@pytest.mark.slow
def test_ten_thousand_messages_are_taken_in_incrementally(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(*(mail(n) for n in range(10_000)))
    mailbox = Mailbox(settings(dovecot, timeout_seconds=60), tmp_path)
    found, since = take(mailbox)
    assert len({m.message_id for m in found}) == 10_000

    with ChaosProxy(dovecot.tls_port, faults=0) as proxy:
        again = Mailbox(settings(dovecot, port=proxy.port), tmp_path)
        assert take(again, since)[0] == []
    assert proxy.passed < 20_000, "the second run asks for no sizes and no bodies"


def test_xoauth2_keeps_each_rotated_token(dovecot: Dovecot, tmp_path: Path) -> None:
    with TokenServer(dovecot.access_token) as tokens:
        oauth = settings(
            dovecot,
            password=None,
            oauth_token_url=tokens.url,
            oauth_client_id="nightclerk",
            oauth_refresh_token=Secret("first"),
        )
        for _ in range(3):
            assert "INBOX 0" in Mailbox(oauth, tmp_path).check()
        used = [form["refresh_token"] for form in tokens.asked]
        assert used == ["first", "rotated-1", "rotated-2"], "every start uses the latest token"
        secret_files = [
            p for p in tmp_path.rglob("*") if p.is_file() and not p.name.startswith(".")
        ]
        assert {p.stat().st_mode & 0o077 for p in secret_files} == {0}, "only our user may read it"

        tokens.valid = "given by a person"
        with pytest.raises(Rejected, match="Give consent again"):
            Mailbox(oauth, tmp_path).check()
        again = replace(oauth, oauth_refresh_token=Secret("given by a person"))
        assert "INBOX 0" in Mailbox(again, tmp_path).check()

        tokens.fails_with = 503
        with pytest.raises(Unavailable, match="not ready"):
            Mailbox(again, tmp_path).check()


def test_an_access_token_that_ended_is_renewed_once(dovecot: Dovecot, tmp_path: Path) -> None:
    made: list[str] = []

    def access_token() -> str:
        made.append(dovecot.access_token(seconds=3600 if made else -60))
        return made[-1]

    with TokenServer(access_token) as tokens:
        oauth = settings(
            dovecot, password=None, oauth_token_url=tokens.url, oauth_client_id="nightclerk"
        )
        assert "INBOX 0" in Mailbox(oauth, tmp_path, state=TokenFiles(tmp_path)).check()
    assert len(made) == 2


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    gone = Mailbox.Settings(
        host="localhost", port=1, user="x", password=Secret("x"), reconnects=1, timeout_seconds=2
    )
    with pytest.raises(Unavailable, match="localhost went away while connecting"):
        take(Mailbox(gone, tmp_path))


def test_the_cursor_is_plain_json(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(mail(1))
    _, since = take(Mailbox(settings(dovecot), tmp_path))
    assert since is not None and set(json.loads(since)["INBOX"]) == {"validity", "uid"}


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_over_two_hundred_faults(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    count = 300
    sent = [mail(n, attachment=bytes([n % 256]) * (n % 20) * 1000) for n in range(count)]
    sent[299] = mail(299, attachment=bytes(2_500_000))
    dovecot.deliver(*sent)
    taken: dict[str, Message] = {}
    settled: set[str] = set()
    since: str | None = None
    during = 0
    ways = ("cut", "reset", "cut", "reset", "stall")
    with ChaosProxy(
        dovecot.tls_port, faults=220, limits=(1500, 50_000), ways=ways, seed=2
    ) as proxy:
        mailbox = Mailbox(
            settings(dovecot, port=proxy.port, settle="move", timeout_seconds=0.4, reconnects=2),
            tmp_path,
        )

        def settle(message: Message) -> None:
            mailbox.settle(message, "posted")
            settled.add(message.key)

        is_done = False
        while not is_done:
            try:
                for key in taken.keys() - settled:
                    settle(taken[key])
                for message, since in mailbox.fetch(since):  # noqa: B007, B020
                    assert message.key not in taken, "a message came twice"
                    taken[message.key] = message
                    during += proxy.struck.total() < 200
                    settle(message)
                is_done = True
            except Unavailable:
                continue
        struck = proxy.struck

    assert struck.total() >= 200, struck
    assert during > 100, "most messages came while connections still broke"
    kept = sorted(m.path.read_bytes() for m in taken.values() if m.path)
    assert kept == sorted(sent)
    assert (dovecot.count(), dovecot.count("Processed")) == (0, count)
