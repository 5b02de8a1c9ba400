"""IMAP sessions: connecting and logging in, and what each way of failing means."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError, LoginError, ProtocolError

from connectors.oauth import Tokens
from records.failures import ConfigurationFault, Rejected, Unavailable
from records.secrets import Secret

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: RFC 5530 response codes that mean: not now.
_NOT_NOW = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "TEMPORAR", "TRY AGAIN")


def security_checked(security: str, host: str, allow_plain: bool) -> None:
    """Refuse a configuration that would send a password in the clear over a network."""
    if security == "plain" and host not in _LOOPBACK and not allow_plain:
        raise ConfigurationFault(
            f"security: plain sends the password to {host} unprotected. "
            "Use tls or starttls, or set allow_plain if the network itself is protected."
        )


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies the server's certificate and name, always."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigurationFault(f"ca_file {ca_file} cannot be read ({error}).") from error


def untrusted(host: str, error: ssl.SSLCertVerificationError) -> Rejected:
    """Return what to say of a server whose certificate nobody we trust has signed."""
    return Rejected(
        f"{host}: its certificate is not trusted ({error.verify_message}). "
        "Name your own authority in ca_file; verification cannot be switched off."
    )


@contextmanager
def explained(host: str, doing: str) -> Iterator[None]:
    """Turn the failures of imapclient, imaplib and sockets into those the engine knows."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise untrusted(host, error) from error
    except (ProtocolError, CapabilityError) as error:
        raise Unavailable(f"{host} answers in a way we do not understand ({error}).") from error
    except (imaplib.IMAP4.abort, OSError, EOFError) as error:
        raise Unavailable(
            f"{host} went away while {doing} ({str(error) or type(error).__name__})."
        ) from error
    except imaplib.IMAP4.error as error:
        raise Unavailable(f"{host} refuses {doing} ({error}).") from error


class Session:
    """One connection to an IMAP server. Use it in a `with` block, or `close` it."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: str,
        context: ssl.SSLContext,
        timeout_seconds: float,
    ) -> None:
        """Connect. Unavailable when the server cannot be reached."""
        self._host = host
        self.selected: tuple[str, int] | None = None
        self.known_folders: set[str] = set()
        with explained(host, "connecting"):
            self.client: Any = IMAPClient(
                host,
                port=port,
                ssl=security == "tls",
                ssl_context=context if security == "tls" else None,
                timeout=timeout_seconds,
            )
            # imapclient would turn server times into naive local ones.
            self.client.normalise_times = False
            try:
                if security == "starttls":
                    self.client.starttls(context)
            except BaseException:
                self.close(politely=False)
                raise

    def __enter__(self) -> Session:
        """Return the open session."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Log out, unless the session ends because of a failure."""
        self.close(politely=kind is None or kind is GeneratorExit)

    def close(self, *, politely: bool = True) -> None:
        """Close the connection; politely is with a logout, which a silent server can delay."""
        if politely:
            with suppress(Exception):
                self.client.logout()
        with suppress(Exception):
            self.client.shutdown()

    def login(
        self, user: str, password: Secret | None, tokens: Tokens | None, *, renew: bool = False
    ) -> bool:
        """Log in; return False when an access token was refused that a new one may replace.

        Rejected when the server refuses the account, Unavailable when it asks
        to come back later.
        """
        try:
            with explained(self._host, "logging in"):
                if tokens is not None:
                    self.client.oauth2_login(user, tokens.access(renew=renew).reveal())
                elif self.client.has_capability("AUTH=PLAIN"):
                    self.client.plain_login(user, password.reveal() if password else "")
                else:
                    self.client.login(user, password.reveal() if password else "")
        except Unavailable as failure:
            refusal = failure.__cause__
            # imapclient calls a connection that breaks during the login a refused login, too.
            if not isinstance(refusal, LoginError) or isinstance(
                refusal.__context__, imaplib.IMAP4.abort
            ):
                raise
            said = str(refusal)
            if any(mark in said.upper() for mark in _NOT_NOW):
                raise Unavailable(f"{self._host} lets nobody in at the moment ({said}).") from None
            if tokens is not None and not renew:
                return False
            raise Rejected(
                f"{self._host} refuses the login of {user} ({said}). Check user and password; "
                "with two-step verification the server wants an app password or OAuth."
            ) from None
        return True

    def select(self, folder: str, *, readonly: bool) -> dict[bytes, Any]:
        """Select a folder and return what the server says of it. Rejected when there is none."""
        try:
            with explained(self._host, f"selecting {folder}"):
                said: dict[bytes, Any] = self.client.select_folder(folder, readonly=readonly)
        except Unavailable as failure:
            cause = failure.__cause__
            if isinstance(cause, imaplib.IMAP4.error) and not isinstance(
                cause, imaplib.IMAP4.abort
            ):
                raise Rejected(
                    f"{self._host} has no folder {folder!r} for us ({cause}). "
                    "Correct `folders`, or share the folder with this account."
                ) from None
            raise
        self.selected = (folder, int(said.get(b"UIDVALIDITY", 0)))
        return said
