"""Messages go to isolated processes and back: each source must give ones that can."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from connectors.mail import folder, imap
from records.documents import Message
from records.secrets import Secret
from tests.connectors.mails import mail
from tests.servers.dovecot import Dovecot


def _travels(message: Message) -> None:
    assert pickle.loads(pickle.dumps(message)) == message
    assert message.received_at is not None
    assert message.received_at.tzinfo is not None


def test_a_message_from_a_folder_travels(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.eml").write_bytes(mail(1))
    box = folder.Mailbox(folder.Mailbox.Settings(path=tmp_path / "in"), tmp_path / "keep")
    (message,) = [m for m, _ in box.fetch(None)]
    _travels(message)


@pytest.mark.servers
def test_a_message_from_imap_travels(tmp_path: Path) -> None:
    with Dovecot() as server:
        server.deliver(mail(1))
        settings = imap.Mailbox.Settings(
            host="localhost",
            port=server.tls_port,
            user=server.user,
            password=Secret(server.password),
            ca_file=server.ca_file,
        )
        (message,) = [m for m, _ in imap.Mailbox(settings, tmp_path).fetch(None)]
    _travels(message)
