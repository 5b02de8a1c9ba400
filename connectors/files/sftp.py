"""A folder on a bank's SFTP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from connectors.arrivals import name_of
from connectors.keeping import keep_bytes
from records.documents import Document
from records.failures import ConfigurationFault, Rejected, Unavailable
from records.media import HEAD, sniff
from records.secrets import Secret

try:
    import asyncssh
except ImportError:  # the extra is not installed, and nobody may need it
    asyncssh = None  # type: ignore[assignment]

_PIECE = 1 << 18


class Source:
    """Bank files from an SFTP server; nothing is changed or deleted there.

    The server must show the host key that `known_hosts` names. A file counts
    as complete when size and time stay the same over two looks at the folder;
    one that changed after it was taken is taken again. A file that never
    changes is read once: the cursor remembers name, size and time of each.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which server, which folder, and how we prove who we are.

        host: the server's name. Required.
        user: the login name. Required.
        known_hosts: file with the server's key, as OpenSSH writes it. Get the
            key from the bank, not from the network. Required.
        port: Default: 22.
        key: file with our private key. Default: none.
        passphrase: what opens our private key. Default: none.
        password: a password instead of a key. Default: none.
        folder: the folder on the server. Default: the login folder.
        pattern: file names to take, as the shell writes them. Default: all.
        quiet_seconds: how long to wait between the two looks. Default: 2.
        max_bytes: a larger file stops the source with a clear message.
            Default: 2 GB.
        timeout_seconds: how long to wait for any answer. Default: 60.
        """

        host: str
        user: str
        known_hosts: Path
        port: int = 22
        key: Path | None = None
        passphrase: Secret | None = None
        password: Secret | None = None
        folder: str = "."
        pattern: str = "*"
        quiet_seconds: float = 2.0
        max_bytes: int = 2_000_000_000
        timeout_seconds: float = 60.0

    def __init__(self, settings: Settings, keep: Path) -> None:
        """Take bank files by SFTP; copies are kept under `keep`."""
        if asyncssh is None:
            raise ConfigurationFault("SFTP needs a library: pip install 'nightclerk[sftp]'.")
        if settings.key is None and settings.password is None:
            raise ConfigurationFault("key or password is missing: how shall we log in?")
        self._settings = settings
        self._keep = keep

    def fetch(self, since: str | None) -> Iterator[tuple[Document, str]]:
        """Yield each new file, oldest first.

        Unavailable when the server cannot be reached or goes away; Rejected
        when its key is not the known one, or when it does not let us in.
        """
        seen: dict[str, list[int]] = json.loads(since) if since else {}
        with self._connected() as server:
            listed = server.listing()
            fresh = {name for name, facts in listed.items() if seen.get(name) != facts}
            if fresh and self._settings.quiet_seconds:
                server.wait(self._settings.quiet_seconds)
                again = server.listing()
                fresh = {name for name in fresh if again.get(name) == listed[name]}
            # Names that left the server need not be remembered.
            seen = {name: facts for name, facts in seen.items() if name in listed}
            for name in sorted(fresh, key=lambda n: (listed[n][1], n)):
                document = self._taken(server, name, listed[name][0])
                if document is not None:
                    seen = {**seen, name: listed[name]}
                    yield document, json.dumps(seen)

    def check(self) -> str:
        """Log in and count the files; raises as `fetch` does."""
        with self._connected() as server:
            count = len(server.listing())
        return f"{self._settings.host}: {self._settings.folder} has {count} files"

    def _taken(self, server: _Server, name: str, size: int) -> Document | None:
        """Copy one file; None when it vanished. Unavailable when it is larger than the limit."""
        if size > self._settings.max_bytes:
            raise Unavailable(
                f"{name} on {self._settings.host} has {size:,} bytes, more than "
                f"{self._settings.max_bytes:,}. Raise max_bytes, or have it removed."
            )
        pieces = server.pieces(name)
        try:
            kept = keep_bytes(self._keep, pieces)
        except FileNotFoundError:
            return None
        if kept.size != size:
            raise Unavailable(f"{name} on {self._settings.host} changed while it was read.")
        with kept.path.open("rb") as stream:
            media_type = sniff(stream.read(HEAD))
        return Document(
            id=kept.sha256,
            media_type=media_type,
            path=kept.path,
            name=name_of(name),
            size=kept.size,
            origin=f"sftp://{self._settings.host}/{self._settings.folder}/{name_of(name)}",
        )

    @contextmanager
    def _connected(self) -> Iterator[_Server]:
        server = _Server(self._settings)
        try:
            with _explained(self._settings.host):
                server.connect()
            yield server
        finally:
            server.close()


class _Server:
    """A connection, used one call after the other though its library is asynchronous."""

    def __init__(self, settings: Source.Settings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        # The library reads ahead in tasks of its own. When the connection ends they all fail;
        # one failure is raised to us, the others are the same and would only fill the log.
        self._runner.get_loop().set_exception_handler(lambda _loop, _context: None)
        self._connection: Any = None
        self._client: Any = None

    def connect(self) -> None:
        settings = self._settings

        async def connected() -> None:
            self._connection = await asyncssh.connect(
                settings.host,
                settings.port,
                username=settings.user,
                known_hosts=str(settings.known_hosts),
                client_keys=[str(settings.key)] if settings.key else None,
                passphrase=settings.passphrase.reveal() if settings.passphrase else None,
                password=settings.password.reveal() if settings.password else None,
                agent_path=None,
                config=None,
                connect_timeout=settings.timeout_seconds,
                login_timeout=settings.timeout_seconds,
                keepalive_interval=max(settings.timeout_seconds / 3, 1),
            )
            self._client = await self._connection.start_sftp_client()

        self._run(connected())

    def close(self) -> None:
        async def closed() -> None:
            if self._connection is not None:
                self._connection.abort()
                await self._connection.wait_closed()

        try:
            self._runner.run(closed())
        finally:
            self._runner.close()

    def wait(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    def listing(self) -> dict[str, list[int]]:
        """Return size and time of every file that is wanted."""

        async def listed() -> dict[str, list[int]]:
            found = {}
            async for entry in self._client.scandir(self._settings.folder):
                name = str(entry.filename)
                is_file = entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
                if is_file and not name.startswith(".") and fnmatch(name, self._settings.pattern):
                    found[name] = [int(entry.attrs.size or 0), int(entry.attrs.mtime or 0)]
            return found

        try:
            with _explained(self._settings.host):
                return self._run(listed())  # type: ignore[no-any-return]
        except FileNotFoundError as error:
            raise Unavailable(
                f"{self._settings.host} has no folder {self._settings.folder!r}. Correct `folder`."
            ) from error

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes. FileNotFoundError when it vanished."""
        with _explained(self._settings.host):
            handle = self._run(self._client.open(f"{self._settings.folder}/{name}", "rb"))
            while piece := self._run(handle.read(_PIECE)):
                yield piece
            # After a failure the connection is given up, and the handle with it.
            self._run(handle.close())

    def _run(self, work: Any) -> Any:
        async def limited() -> Any:
            return await asyncio.wait_for(work, self._settings.timeout_seconds + 1)

        return self._runner.run(limited())


@contextmanager
def _explained(host: str) -> Iterator[None]:
    """Turn the failures of asyncssh and sockets into those the engine knows."""
    try:
        yield
    except asyncssh.SFTPNoSuchFile as error:
        raise FileNotFoundError(str(error)) from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise Rejected(
            f"{host} shows another key than known_hosts names ({error}). "
            "Do not go on before the bank has confirmed its new key."
        ) from error
    except (
        asyncssh.PermissionDenied,
        asyncssh.KeyImportError,
        asyncssh.KeyEncryptionError,
    ) as error:
        raise Rejected(f"{host} does not let us in ({error}). Check user and key.") from error
    except asyncssh.SFTPPermissionDenied as error:
        raise Rejected(f"{host} does not let us read there ({error}).") from error
    except (asyncssh.Error, OSError, TimeoutError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise Unavailable(f"{host} went away ({str(error) or type(error).__name__}).") from error
