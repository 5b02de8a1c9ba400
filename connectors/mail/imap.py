"""A mailbox on an IMAP server (RFC 3501, RFC 6851, RFC 4315)."""

from __future__ import annotations

import imaplib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from connectors.imap_sessions import Session, explained, security_checked, tls_context
from connectors.keeping import keep_bytes
from connectors.letters import HEAD_BYTES, message_of
from connectors.oauth import TokenStore, tokens_of
from records.documents import Message
from records.failures import ConfigurationFault, Rejected, Unavailable
from records.findings import finding
from records.secrets import Secret

#: One SEARCH answers for so many UIDs: its answer is one line, and lines are limited.
_WINDOW = 20_000
#: Sizes are asked for so many messages at once.
_BATCH = 200
#: Small messages come in one answer up to this many bytes; larger ones in pieces of it.
_PIECE = 1 << 20
_PAUSES = (0.0, 0.2, 1.0, 3.0)


class Mailbox:
    """Mail from an IMAP server.

    Messages are looked at by UID: the cursor remembers UIDVALIDITY and the last
    UID of each folder, so a second run asks only for what came later. Sizes
    come before bodies, bodies come without marking anything as read. When the
    server gives a folder a new UIDVALIDITY, its messages come again under new
    keys; Message-ID and hash tell that they are known. Two connections are
    used, one to read and one to settle.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which server, which account, and what happens to mail afterwards.

        host: the server's name. Required.
        user: the login name. Required.
        name: the account's name in keys and reports. Default: user@host.
        port: Default: 993 for tls, 143 otherwise.
        security: `tls`, `starttls` or `plain`; certificates are always
            verified. Default: tls.
        allow_plain: lets `plain` reach beyond this machine. Default: false.
        ca_file: PEM file with your own certificate authority. Default: the
            system's authorities.
        password: the password. Default: none, for OAuth.
        oauth_token_url: where access tokens come from; turns XOAUTH2 on.
            Default: none.
        oauth_client_id: the application's id. Default: none.
        oauth_client_secret: the application's secret. Default: none.
        oauth_refresh_token: the first refresh token; later ones are kept.
            Default: none, for an application that acts as itself.
        oauth_scope: the scope to ask for. Default: none.
        folders: the folders to read. Default: INBOX.
        start: mail that the server received before this day is left alone.
            Default: none.
        settle: what happens after our commit: `leave`, `move` to `move_to`, or
            `flag` with `keyword`. Default: leave.
        move_to: folder for settled mail, made when absent; `{outcome}` in it is
            replaced by the outcome. Default: Processed.
        keyword: flag for settled mail. Default: $Nightclerk.
        max_message_bytes: larger mails stay unread, with a Finding. Default: 50 MB.
        timeout_seconds: how long to wait for any answer. Default: 60.
        reconnects: how often to connect again when the server goes away
            without having given a single message. Default: 3.
        """

        host: str
        user: str
        name: str = ""
        port: int | None = None
        security: Literal["tls", "starttls", "plain"] = "tls"
        allow_plain: bool = False
        ca_file: Path | None = None
        password: Secret | None = None
        oauth_token_url: str = ""
        oauth_client_id: str = ""
        oauth_client_secret: Secret | None = None
        oauth_refresh_token: Secret | None = None
        oauth_scope: str = ""
        folders: tuple[str, ...] = ("INBOX",)
        start: date | None = None
        settle: Literal["leave", "move", "flag"] = "leave"
        move_to: str = "Processed"
        keyword: str = "$Nightclerk"
        max_message_bytes: int = 50_000_000
        timeout_seconds: float = 60.0
        reconnects: int = 3

    def __init__(self, settings: Settings, keep: Path, state: TokenStore | None = None) -> None:
        """Read mail by IMAP; raw mails are kept under `keep`, rotated tokens in `state`."""
        security_checked(settings.security, settings.host, settings.allow_plain)
        if settings.settle == "move" and settings.move_to in settings.folders:
            raise ConfigurationFault(f"move_to: {settings.move_to} is among the folders to read.")
        if settings.password is None and not settings.oauth_token_url:
            raise ConfigurationFault("password is missing, or the oauth_ settings instead of it.")
        self._settings = settings
        self._keep = keep
        self._account = settings.name or f"{settings.user}@{settings.host}"
        self._context = tls_context(settings.ca_file)
        self._writer: Session | None = None
        #: Messages of this run that nobody tried to settle before.
        self._untried: set[str] = set()
        self._tokens = tokens_of(self._account, settings, state, keep)

    def fetch(self, since: str | None) -> Iterator[tuple[Message, str]]:
        """Yield each new message, folder by folder, in the order of UIDs.

        A connection that breaks is made again as long as messages keep coming.
        Unavailable when the server stays away, Rejected when it refuses us.
        """
        places: dict[str, dict[str, int]] = json.loads(since) if since else {}
        try:
            # How much is asked for at once: less after each fault, or a bad line never gets on.
            share = 1.0
            for folder in self._settings.folders:
                faults = 0
                while True:
                    try:
                        with self._session() as session:
                            start = places.get(folder)
                            for message, place in self._new(session, folder, start, share):
                                places = {**places, folder: place}
                                self._untried.add(message.key)
                                yield message, json.dumps(places, ensure_ascii=False)
                                faults = 0
                                share = min(1.0, share * 1.1)
                        break
                    except Unavailable:
                        if faults >= self._settings.reconnects:
                            raise
                        time.sleep(_PAUSES[min(faults, len(_PAUSES) - 1)])
                        faults += 1
                        share = max(share / 8, 0.001)
        finally:
            self.close()

    def settle(self, message: Message, outcome: str) -> None:
        """Move or flag the message, as configured; a vanished one is fine.

        After a change of UIDVALIDITY the old number means nothing: the message
        comes again under its new one and is settled then.
        """
        if self._settings.settle == "leave":
            return
        folder, validity, uid = message.key.removeprefix(f"imap:{self._account}/").rsplit("/", 2)
        # The server may have closed a connection that was idle; a new one is tried once.
        for is_last in (False, True):
            try:
                self._settle(message, folder, int(validity), int(uid), outcome)
                return
            except Unavailable:
                self._drop()
                if is_last:
                    raise

    def check(self) -> str:
        """Log in, look into every folder, and say what was found; raises as `fetch` does."""
        with self._session() as session:
            counts = []
            for folder in self._settings.folders:
                said = session.select(folder, readonly=True)
                counts.append(f"{folder} {said[b'EXISTS']}")
                if self._settings.settle == "flag":
                    self._keyword_checked(session.select(folder, readonly=False))
            with explained(self._settings.host, "asking for its abilities"):
                moves = session.client.has_capability("MOVE")
        how = "" if self._settings.settle != "move" or moves else "; moves by copying"
        return f"{self._settings.host}: {self._settings.user} has {', '.join(counts)} mails{how}"

    def close(self) -> None:
        """Close the connection that settles; it is made again when needed."""
        self._drop(politely=True)

    def _drop(self, *, politely: bool = False) -> None:
        session, self._writer = self._writer, None
        if session is not None:
            session.close(politely=politely)

    def __del__(self) -> None:
        """Close what a caller left open."""
        with suppress(Exception):
            self.close()

    def _session(self) -> Session:
        settings = self._settings
        for renew in (False, True):
            session = Session(
                host=settings.host,
                port=settings.port or (993 if settings.security == "tls" else 143),
                security=settings.security,
                context=self._context,
                timeout_seconds=settings.timeout_seconds,
            )
            try:
                if session.login(settings.user, settings.password, self._tokens, renew=renew):
                    return session
            except BaseException:
                session.close(politely=False)
                raise
            session.close()
        raise Rejected(f"{settings.host} refuses the login of {settings.user}.")

    def _new(
        self, session: Session, folder: str, place: dict[str, int] | None, share: float
    ) -> Iterator[tuple[Message, dict[str, int]]]:
        said = session.select(folder, readonly=True)
        validity = int(said.get(b"UIDVALIDITY", 0))
        last = place["uid"] if place and place["validity"] == validity else 0
        for uids in self._batches(session, last, said.get(b"UIDNEXT"), share):
            with explained(self._settings.host, f"listing {folder}"):
                facts = session.client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
            for group in self._groups([uid for uid in uids if uid in facts], facts, share):
                for uid, raw in self._bodies(session, folder, group, facts):
                    key = f"imap:{self._account}/{folder}/{validity}/{uid}"
                    message = self._message(session, key, uid, facts[uid], raw)
                    yield message, {"validity": validity, "uid": uid}

    def _batches(
        self, session: Session, last: int, following: int | None, share: float
    ) -> Iterator[list[int]]:
        """Yield the UIDs after `last`, ascending, a batch at a time."""
        batch = max(int(_BATCH * share), 5)
        start = last + 1
        while following is None or start < following:
            end = "*" if following is None else str(min(start + _WINDOW, following) - 1)
            criteria: list[object] = ["UID", f"{start}:{end}"]
            if self._settings.start is not None:
                criteria += ["SINCE", self._settings.start]
            with explained(self._settings.host, "searching"):
                # `n:*` names the last message even when its UID is below n.
                uids = sorted(uid for uid in session.client.search(criteria) if uid > last)
            for at in range(0, len(uids), batch):
                yield uids[at : at + batch]
            if following is None:
                return
            start += _WINDOW

    def _groups(
        self, uids: Sequence[int], facts: dict[int, Any], share: float
    ) -> Iterator[list[int]]:
        """Group small messages so that one answer stays small; any larger one stands alone."""
        limit = min(_PIECE * share, self._settings.max_message_bytes)
        group: list[int] = []
        total = 0
        for uid in uids:
            size = int(facts[uid][b"RFC822.SIZE"])
            if group and total + size > limit:
                yield group
                group, total = [], 0
            group.append(uid)
            total += size
        if group:
            yield group

    def _bodies(
        self, session: Session, folder: str, uids: Sequence[int], facts: dict[int, Any]
    ) -> Iterator[tuple[int, Sequence[bytes] | Iterator[bytes] | None]]:
        """Yield each message's bytes, None for one that is too large; vanished ones are left out."""
        size = facts[uids[0]][b"RFC822.SIZE"]
        if size > self._settings.max_message_bytes:
            yield uids[0], None
        elif size > _PIECE:
            first = self._piece(session, uids[0], 0)
            if first is not None:
                yield uids[0], self._pieces(session, uids[0], first)
        else:
            with explained(self._settings.host, f"reading {folder}"):
                answers = session.client.fetch(uids, ["BODY.PEEK[]"])
            for uid in uids:
                raw = answers.get(uid, {}).get(b"BODY[]")
                if raw is not None:
                    yield uid, [raw]
                elif self._exists(session, uid):
                    raise Unavailable(f"{self._settings.host} keeps back message {uid}.")

    def _exists(self, session: Session, uid: int) -> bool:
        with explained(self._settings.host, "searching"):
            return bool(session.client.search(["UID", str(uid)]))

    def _pieces(self, session: Session, uid: int, first: bytes) -> Iterator[bytes]:
        piece: bytes | None = first
        read = 0
        while piece:
            yield piece
            read += len(piece)
            if len(piece) < _PIECE:
                return
            piece = self._piece(session, uid, read)
            if piece is None:
                # Half a message must not be taken for a whole one; it may be gone the next time.
                raise Unavailable(f"{self._settings.host}: message {uid} vanished while reading.")

    def _piece(self, session: Session, uid: int, start: int) -> bytes | None:
        with explained(self._settings.host, f"reading message {uid}"):
            answer = session.client.fetch([uid], [f"BODY.PEEK[]<{start}.{_PIECE}>"])
        found = answer.get(uid, {}).get(f"BODY[]<{start}>".encode())
        return bytes(found) if found is not None else None

    def _message(
        self,
        session: Session,
        key: str,
        uid: int,
        facts: dict[bytes, Any],
        raw: Sequence[bytes] | Iterator[bytes] | None,
    ) -> Message:
        arrived = facts.get(b"INTERNALDATE")
        # In UTC: imapclient's own time zone class cannot be sent to another process.
        is_known = isinstance(arrived, datetime) and arrived.tzinfo is not None
        received = arrived.astimezone(UTC) if is_known and arrived is not None else None
        if raw is None:
            return self._too_large(session, key, uid, int(facts[b"RFC822.SIZE"]), received)
        kept = keep_bytes(self._keep, raw)
        with kept.path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        return message_of(
            head,
            key=key,
            account=self._account,
            size=kept.size,
            path=kept.path,
            received_at=received,
        )

    def _too_large(
        self, session: Session, key: str, uid: int, size: int, received: datetime | None
    ) -> Message:
        """Describe a message whose body stays on the server: header, size, attachments."""
        with explained(self._settings.host, f"reading the header of message {uid}"):
            answer = session.client.fetch([uid], [f"BODY.PEEK[HEADER]<0.{HEAD_BYTES}>"])
            head = answer.get(uid, {}).get(b"BODY[HEADER]<0>") or b""
        carried: list[str] = []
        try:
            structure = session.client.fetch([uid], ["BODYSTRUCTURE"])
            carried = list(_file_names(structure.get(uid, {}).get(b"BODYSTRUCTURE", ())))
        except imaplib.IMAP4.abort as error:
            raise Unavailable(f"{self._settings.host} went away ({error}).") from error
        except (imaplib.IMAP4.error, ValueError):
            # Servers send broken structures for broken mails; the names are a courtesy.
            pass
        except OSError as error:
            raise Unavailable(f"{self._settings.host} went away ({error}).") from error
        with_what = f" It carries {', '.join(carried[:5])}." if carried else ""
        problem = finding(
            "too_large",
            where=key,
            message=f"The mail is larger than the limit and stays on the server.{with_what}",
            expected=f"at most {self._settings.max_message_bytes:,} bytes",
            actual=f"{size:,} bytes",
        )
        return message_of(
            head,
            key=key,
            account=self._account,
            size=size,
            path=None,
            received_at=received,
            findings=(problem,),
        )

    def _settle(self, message: Message, folder: str, validity: int, uid: int, outcome: str) -> None:
        if self._writer is None:
            self._writer = self._session()
        session = self._writer
        if session.selected is None or session.selected[0] != folder:
            said = session.select(folder, readonly=False)
            if self._settings.settle == "flag":
                self._keyword_checked(said)
        if session.selected != (folder, validity):
            return
        with explained(self._settings.host, "settling"):
            if not session.client.search(["UID", str(uid), "UNDELETED"]):
                return
            if self._settings.settle == "flag":
                session.client.add_flags([uid], [self._settings.keyword], silent=True)
            else:
                target = self._settings.move_to.replace("{outcome}", outcome)
                self._move(session, message, uid, target)

    def _keyword_checked(self, said: dict[bytes, Any]) -> None:
        allowed = {bytes(flag).lower() for flag in said.get(b"PERMANENTFLAGS", ())}
        if not allowed & {b"\\*", self._settings.keyword.lower().encode()}:
            raise Rejected(f"{self._settings.host} keeps no keywords. Use settle: move.")

    def _move(self, session: Session, message: Message, uid: int, target: str) -> None:
        client = session.client
        if target not in session.known_folders:
            if not client.folder_exists(target):
                client.create_folder(target)
                client.subscribe_folder(target)
            session.known_folders.add(target)
        if client.has_capability("MOVE"):
            client.move([uid], target)
            return
        # An earlier try may have ended between copying and marking.
        tried = message.key not in self._untried
        self._untried.discard(message.key)
        if not (tried and self._is_copied(session, message, target)):
            client.copy([uid], target)
        client.add_flags([uid], [b"\\Deleted"], silent=True)
        # A plain EXPUNGE would also remove what people have marked; better leave ours marked.
        if client.has_capability("UIDPLUS"):
            client.uid_expunge([uid])

    def _is_copied(self, session: Session, message: Message, target: str) -> bool:
        """Say whether the target folder holds the very bytes that we keep of the message."""
        place = session.selected
        if place is None or message.path is None:
            return False
        kept = message.path.read_bytes()
        criteria: list[object] = ["UNDELETED", "LARGER", len(kept) - 1, "SMALLER", len(kept) + 1]
        if message.message_id and message.message_id.isascii():
            criteria += ["HEADER", "Message-ID", message.message_id]
        session.select(target, readonly=True)
        client = session.client
        found = any(
            client.fetch([one], ["BODY.PEEK[]"]).get(one, {}).get(b"BODY[]") == kept
            for one in client.search(criteria)
        )
        session.select(place[0], readonly=False)
        if session.selected != place:
            raise Unavailable(f"{self._settings.host} renumbered {place[0]} meanwhile.")
        return found


def _file_names(structure: object) -> Iterator[str]:
    """Yield the file names in a BODYSTRUCTURE, wherever they stand."""
    if isinstance(structure, tuple | list):
        for name, value in pairwise(structure):
            named = isinstance(name, bytes) and name.lower() in {b"name", b"filename"}
            if named and isinstance(value, bytes):
                yield value.decode("utf-8", "replace")
        for part in structure:
            yield from _file_names(part)
