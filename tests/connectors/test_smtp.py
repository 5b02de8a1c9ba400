"""The SMTP sender against a real server, and what each answer means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest

from connectors.mail.smtp import Sender
from records.failures import ConfigurationFault, Rejected, Unavailable, Unclear
from records.secrets import Secret
from tests.connectors.mails import mail
from tests.servers.smtp import SmtpServer
from tests.servers.token_server import TokenServer


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def sender(server: SmtpServer, folder: Path, **changes: object) -> Sender:
    usual = Sender.Settings(
        host="localhost",
        port=server.port,
        ca_file=server.ca_file,
        user=server.user,
        password=Secret(server.password),
        timeout_seconds=5,
    )
    return Sender(replace(usual, **changes), folder)  # type: ignore[arg-type]


def to(*recipients: str, body: str = "Good morning.\n.\n..two dots\n") -> bytes:
    head = "".join(f"To: {r}\r\n" for r in recipients)
    text = (
        f"From: Night <night@office.example>\r\n{head}Message-ID: <r1@office.example>\r\n\r\n{body}"
    )
    return text.encode()


def test_a_mail_arrives_as_it_was_written(server: SmtpServer, tmp_path: Path) -> None:
    reference = sender(server, tmp_path).send(to("anna@office.example"), "<r1@office.example>")
    assert reference == "<r1@office.example> 2.0.0 queued as 4711"
    ((recipients, raw),) = server.taken
    assert recipients == ["anna@office.example"]
    assert message_from_bytes(raw).get_payload() == "Good morning.\r\n.\r\n..two dots\r\n"


def test_blind_copies_are_sent_but_not_shown(server: SmtpServer, tmp_path: Path) -> None:
    raw = to("anna@office.example").replace(
        b"Message-ID", b"Bcc: boss@office.example\r\nMessage-ID"
    )
    sender(server, tmp_path).send(raw, "<r1@office.example>")
    ((recipients, taken),) = server.taken
    assert recipients == ["anna@office.example", "boss@office.example"]
    assert b"boss" not in taken


@pytest.mark.parametrize(
    ("recipients", "failure", "said"),
    [
        (["full@office.example"], Unavailable, "452 4.2.2 mailbox full"),
        (["nobody@office.example"], Rejected, "550 5.1.1 no such user"),
        (["anna@office.example", "nobody@office.example"], Rejected, "nobody@office.example"),
        ([], Rejected, "names no recipient"),
    ],
)
def test_a_refused_recipient_stops_the_mail_for_all(
    server: SmtpServer,
    tmp_path: Path,
    recipients: list[str],
    failure: type[Exception],
    said: str,
) -> None:
    with pytest.raises(failure, match=said):
        sender(server, tmp_path).send(to(*recipients), "<r1@office.example>")
    assert server.taken == []


@pytest.mark.parametrize(
    ("answer", "failure"),
    [("451 4.7.1 greylisted, try again", Unavailable), ("554 5.7.1 looks like spam", Rejected)],
)
def test_a_refused_mail(
    server: SmtpServer, tmp_path: Path, answer: str, failure: type[Exception]
) -> None:
    server.data_answer = answer
    with pytest.raises(failure, match=answer[4:9]):
        sender(server, tmp_path).send(to("anna@office.example"), "<r1@office.example>")


def test_no_answer_after_the_last_byte_is_unclear(server: SmtpServer, tmp_path: Path) -> None:
    server.hang_up = True
    with pytest.raises(Unclear, match="did not confirm <r1@office"):
        sender(server, tmp_path).send(to("anna@office.example"), "<r1@office.example>")
    assert len(server.taken) == 1, "the mail was taken all the same: resending would double it"
    with pytest.raises(Unclear):
        sender(server, tmp_path).find("<r1@office.example>")


def test_the_login_is_checked_and_the_password_not_shown(
    server: SmtpServer, tmp_path: Path
) -> None:
    assert "office logged in" in sender(server, tmp_path).check()
    with pytest.raises(Rejected) as caught:
        sender(server, tmp_path, password=Secret("hunter2")).check()
    assert "hunter2" not in str(caught.value)


def test_an_untrusted_certificate_and_a_missing_server(server: SmtpServer, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="not trusted"):
        sender(server, tmp_path, ca_file=None).check()
    with pytest.raises(Unavailable, match="went away while connecting"):
        sender(server, tmp_path, port=1).send(mail(1), "<1@vendor.example>")
    with pytest.raises(ConfigurationFault, match="unprotected"):
        sender(server, tmp_path, security="plain", host="smtp.example.org")


def test_xoauth2_with_a_rotated_token(server: SmtpServer, tmp_path: Path) -> None:
    made = iter(["stale", "fresh", "fresh"])
    server.access_token = "fresh"
    with TokenServer(lambda: next(made)) as tokens:
        oauth = {
            "password": None,
            "oauth_token_url": tokens.url,
            "oauth_client_id": "nightclerk",
            "oauth_refresh_token": Secret("first"),
        }
        with_token = sender(server, tmp_path, **oauth)
        with_token.send(to("anna@office.example"), "<r1@office.example>")
        assert [form["refresh_token"] for form in tokens.asked] == ["first", "rotated-1"]
    assert len(server.taken) == 1
