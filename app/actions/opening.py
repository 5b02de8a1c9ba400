"""Opens the connectors that the settings name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, cast

from app.families import implementation
from app.office import Office
from records.documents import Message
from records.postings import Posting
from records.protocols import MailSender, MailSource, Poster, RecordSource, StatementSource


def mailbox(office: Office, name: str) -> MailSource:
    """Open a mailbox of the `mail` section; a rehearsal leaves every message where it is."""
    opened = cast(MailSource, _opened(office, "mail", name))
    return Unsettled(opened) if office.rehearses else opened


def sender(office: Office, name: str) -> MailSender:
    """Open a way out of the `senders` section; a rehearsal sends nothing."""
    opened = cast(MailSender, _opened(office, "senders", name))
    return Unsent(opened) if office.rehearses else opened


def record_source(office: Office, name: str) -> RecordSource:
    """Open a source of the `records` section."""
    return cast(RecordSource, _opened(office, "records", name))


def statement_source(office: Office, name: str) -> StatementSource:
    """Open a source of the `statements` section."""
    return cast(StatementSource, _opened(office, "statements", name))


def poster(office: Office, name: str) -> Poster:
    """Open a target of the `posters` section; a rehearsal writes nothing."""
    opened = cast(Poster, _opened(office, "posters", name))
    return Unwritten(opened) if office.rehearses else opened


def _opened(office: Office, section: str, name: str) -> Any:
    """Make the plugin, handing it what its constructor asks for by name."""
    plugin = office.settings.plugin(section, name)
    kind = implementation(section, plugin.use)
    offered = {"keep": office.files}
    wanted = inspect.signature(kind).parameters
    return kind(plugin.settings, **{k: v for k, v in offered.items() if k in wanted})


class Unsettled:
    """A mailbox that is read and left as it is."""

    def __init__(self, inner: MailSource) -> None:
        """Read from `inner`."""
        self.fetch = inner.fetch
        self.check = inner.check

    def settle(self, message: Message, outcome: str) -> None:
        """Leave the message."""


class Unsent:
    """A way out through which nothing goes."""

    def __init__(self, inner: MailSender) -> None:
        """Look through `inner`."""
        self.find = inner.find
        self.check = inner.check

    def send(self, raw: bytes, message_id: str) -> str:
        """Say what would have been sent."""
        return f"rehearsal: {len(raw)} bytes not sent"


class Unwritten:
    """A target that is read and not written."""

    def __init__(self, inner: Poster) -> None:
        """Look at `inner`."""
        self.find = inner.find
        self.check = inner.check

    def post(self, postings: Iterable[Posting]) -> list[str]:
        """Say what would have been written."""
        return ["rehearsal: not written" for _ in postings]
