"""A folder as a mailbox: .eml files, a Maildir, or whatever a scanner drops there."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from connectors.arrivals import Arrival, arrivals, name_of
from connectors.keeping import chunks_of, keep_bytes
from connectors.letters import HEAD_BYTES, message_of
from records.documents import Message
from records.failures import Unavailable
from records.findings import finding
from records.media import HEAD, sniff


class Mailbox:
    """Mail from a folder.

    A folder with `new` and `cur` inside is a Maildir; any other is taken file
    by file: .eml files as they are, other files (a scan, a PDF) wrapped into a
    mail that carries them, so that nothing put there is overlooked. Hidden
    files are left alone, subfolders unless they are asked for.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Where the mail lies and what happens to it afterwards.

        path: the folder. Required.
        pattern: file names to take, as the shell writes them. Default: all.
        subfolders: take the files of folders below, too. Default: false.
        name: the account's name in keys and reports. Default: the folder's name.
        settle: what happens after our commit: `leave` keeps every file where it
            is, `move` puts it into `move_to`. Default: leave.
        move_to: subfolder for settled mail; `{outcome}` in it is replaced by the
            outcome. In a Maildir it becomes a Maildir++ folder. Default: Processed.
        max_message_bytes: larger mails stay unread, with a Finding. Default: 50 MB.
        quiet_seconds: a file must be unchanged for so long to count as complete;
            senders that write elsewhere and rename need none. Default: 0.
        """

        path: Path
        pattern: str = "*"
        subfolders: bool = False
        name: str = ""
        settle: Literal["leave", "move"] = "leave"
        move_to: str = "Processed"
        max_message_bytes: int = 50_000_000
        quiet_seconds: float = 0.0

    def __init__(self, settings: Settings, keep: Path) -> None:
        """Read mail from a folder; raw mails are kept under `keep`."""
        self._settings = settings
        self._keep = keep
        self._account = settings.name or settings.path.name

    def fetch(self, since: str | None) -> Iterator[tuple[Message, str]]:
        """Yield each new mail, oldest arrival first. Unavailable when the folder is not there."""
        for arrival in arrivals(self._folders(), since, self._settings.quiet_seconds):
            if not fnmatch(arrival.path.name, self._settings.pattern):
                continue
            # Another program may take a file away between listing and reading.
            with suppress(FileNotFoundError):
                yield self._message(arrival), arrival.since

    def settle(self, message: Message, outcome: str) -> None:
        """Move the file aside, when so configured; a vanished file is fine."""
        if self._settings.settle == "leave":
            return
        for source in self._named(message.key):
            target = self._settled_folder(outcome) / source.name
            if target.exists():
                target = target.with_name(f"{message.key.rsplit('/', 1)[-1]}-{source.name}")
            with suppress(FileNotFoundError):
                source.replace(target)

    def check(self) -> str:
        """Count what lies in the folder; Unavailable when it cannot be read."""
        names = [a.path.name for a in arrivals(self._folders(), None, 0)]
        count = sum(fnmatch(name, self._settings.pattern) for name in names)
        what = "Maildir" if self._is_maildir else "folder"
        return f"{self._settings.path}: {what} with {count} mails"

    @property
    def _is_maildir(self) -> bool:
        return all((self._settings.path / part).is_dir() for part in ("new", "cur"))

    def _folders(self) -> list[Path]:
        root = self._settings.path
        if self._is_maildir:
            return [root / "new", root / "cur"]
        below = root.rglob("*") if self._settings.subfolders else ()
        return [root, *sorted(p for p in below if p.is_dir() and not p.is_symlink())]

    def _settled_folder(self, outcome: str) -> Path:
        safe = re.sub(r"[^\w-]+", "_", outcome) or "done"
        name = self._settings.move_to.replace("{outcome}", safe)
        if not self._is_maildir:
            target = self._settings.path / name
            target.mkdir(parents=True, exist_ok=True)
            return target
        box = self._settings.path / ("." + name.replace("/", "."))
        for part in ("tmp", "new", "cur"):
            (box / part).mkdir(parents=True, exist_ok=True)
        return box / "cur"

    def _message(self, arrival: Arrival) -> Message:
        path = arrival.path
        received = datetime.fromtimestamp(arrival.modified_ns / 1e9, UTC)
        if arrival.size > self._settings.max_message_bytes:
            with path.open("rb") as stream:
                head = stream.read(HEAD_BYTES)
            key = self._key(path, hashlib.sha256(head + str(arrival.size).encode()).hexdigest())
            problem = finding(
                "too_large",
                where=name_of(path.name),
                expected=f"at most {self._settings.max_message_bytes:,} bytes",
                actual=f"{arrival.size:,} bytes",
            )
            return message_of(
                head,
                key=key,
                account=self._account,
                size=arrival.size,
                path=None,
                received_at=received,
                findings=(problem,),
            )
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        is_mail = self._is_maildir or path.suffix.lower() == ".eml"
        if is_mail or sniff(head) == "message/rfc822":
            kept = keep_bytes(self._keep, chunks_of(path))
        else:
            kept = keep_bytes(self._keep, [_wrapped(path, received)])
        with kept.path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        return message_of(
            head,
            key=self._key(path, kept.sha256),
            account=self._account,
            size=kept.size,
            path=kept.path,
            received_at=received,
        )

    def _key(self, path: Path, sha256: str) -> str:
        """Name the file and its content: the same name may come again with other bytes."""
        return f"folder:{self._account}/{_stem(name_of(path.name))}/{sha256[:16]}"

    def _named(self, key: str) -> list[Path]:
        """Return the file a key stands for.

        Maildir flags may have renamed it meanwhile, and odd names stand escaped in the key.
        """
        name, digest = key.removeprefix(f"folder:{self._account}/").rsplit("/", 1)
        found = [folder / name for folder in self._folders() if (folder / name).exists()]
        if not found:
            try:
                entries = [e for folder in self._folders() for e in os.scandir(folder)]
            except OSError as error:
                raise Unavailable(
                    f"{self._settings.path} cannot be read ({error.strerror})."
                ) from error
            found = [Path(e.path) for e in entries if _stem(name_of(e.name)) == name]
        return [path for path in found if self._still(path, digest)]

    def _still(self, path: Path, digest: str) -> bool:
        """Say whether the file holds what was taken in; a newer one of that name is not settled."""
        with suppress(FileNotFoundError):
            stat = path.stat()
            arrival = Arrival(path=path, size=stat.st_size, modified_ns=stat.st_mtime_ns, since="")
            return self._message(arrival).key.endswith(f"/{digest}")
        return False


def _stem(name: str) -> str:
    """Return a Maildir name without its flags, which change; other names as they are."""
    return name.split(":2,", 1)[0]


def _wrapped(path: Path, received: datetime) -> bytes:
    """Wrap a dropped file into a mail; the same file always gives the same bytes."""
    name = name_of(path.name)
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = name
    mail["Date"] = received
    mail.set_content(f"{name} was put into the folder {name_of(path.parent.name)}.\n")
    mail.add_attachment(
        path.read_bytes(), maintype="application", subtype="octet-stream", filename=name
    )
    mail.set_boundary("dropped-" + hashlib.sha256(name.encode()).hexdigest()[:24])
    return mail.as_bytes()
