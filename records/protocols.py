"""One protocol per family of plugins. A plugin is one file with one class.

A class satisfies its protocol by shape, not by inheritance. Connectors take a
frozen `Settings` dataclass, nested in the class, as their only argument;
`use: <file name>` in the configuration chooses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from records.banking import BankTransaction, Statement
from records.documents import Document, Message
from records.findings import Finding
from records.postings import Posting


class StatementReader(Protocol):
    """Reads one bank file format."""

    def accepts(self, document: Document) -> bool:
        """Say whether the bytes are this format, whatever the name says."""
        ...

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        """Stream the file in bounded memory.

        Transactions come first, then the Statement that proves them, per
        account and page. A Finding on its own concerns the file. Bad bytes
        never raise.
        """
        ...


class MailSource(Protocol):
    """A mailbox."""

    def fetch(self, since: str | None) -> Iterator[tuple[Message, str]]:
        """Yield each new message with the cursor to keep once it is committed.

        Raises Unavailable when the server cannot be reached or goes away.
        """
        ...

    def settle(self, message: Message, outcome: str) -> None:
        """Move or flag a message after our commit. Repeatable; a vanished message is fine."""
        ...

    def check(self) -> str:
        """Try the connection; return one line that says what was found, or raise."""
        ...


class MailSender(Protocol):
    """A way to send mail."""

    def send(self, raw: bytes, message_id: str) -> str:
        """Send one RFC 5322 message; return a reference. Unavailable, Rejected or Unclear."""
        ...

    def find(self, message_id: str) -> str | None:
        """Return the reference of a message sent before, or None when it surely was not.

        Raises Unclear when this way out cannot tell (SMTP keeps no record).
        """
        ...

    def check(self) -> str:
        """Try the connection; return one line that says what was found, or raise."""
        ...


class RecordSource(Protocol):
    """Purchase orders, receipts, vendors, open items from somewhere.

    Records are any of the dataclasses of `records.purchasing` and
    `records.banking`; a row that cannot be one is a Finding.
    """

    def changes(self, since: str | None) -> tuple[Iterable[object], str]:
        """Return the records that changed since the cursor, and the next cursor."""
        ...

    def check(self) -> str:
        """Try the source; return one line that says what was found, or raise."""
        ...


class StatementSource(Protocol):
    """Where bank files come from: a folder, SFTP."""

    def fetch(self, since: str | None) -> Iterator[tuple[Document, str]]:
        """Yield each new file, complete, with the cursor to keep once it is committed."""
        ...

    def check(self) -> str:
        """Try the source; return one line that says what was found, or raise."""
        ...


class Poster(Protocol):
    """A place that results are written to."""

    def find(self, key: str) -> str | None:
        """Return the reference of an earlier delivery with this key, or None."""
        ...

    def post(self, postings: Iterable[Posting]) -> list[str]:
        """Write all, each once by its key; return a reference each.

        Unavailable when nothing was written (locked file), Rejected when the
        target refuses, Unclear when it may have been written.
        """
        ...

    def check(self) -> str:
        """Try the target; return one line that says what was found, or raise."""
        ...
