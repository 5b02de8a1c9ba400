"""Mail out by SMTP (RFC 5321), with the three ways a delivery can fail kept apart."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message as Parsed
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from typing import Literal

from connectors.imap_sessions import security_checked, tls_context, untrusted
from connectors.letters import recipients_of
from connectors.oauth import TokenStore, tokens_of
from records.failures import Rejected, Unavailable, Unclear
from records.secrets import Secret


class Sender:
    """Sends mail through a server, to all recipients or to none.

    What the server refuses for now (4xx) or cannot be reached for is
    Unavailable; what it refuses for good (5xx) is Rejected; a connection that
    breaks between the last byte and the answer is Unclear, because the mail may
    be on its way.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Which server and which account.

        host: the server's name. Required.
        port: Default: 465 for tls, 587 for starttls, 25 for plain.
        security: `starttls`, `tls` or `plain`; certificates are always
            verified. Default: starttls.
        allow_plain: lets `plain` reach beyond this machine. Default: false.
        ca_file: PEM file with your own certificate authority. Default: the
            system's authorities.
        user: the login name. Default: none, for a server that asks for none.
        password: the password. Default: none.
        oauth_token_url: where access tokens come from; turns XOAUTH2 on.
            Default: none.
        oauth_client_id: the application's id. Default: none.
        oauth_client_secret: the application's secret. Default: none.
        oauth_refresh_token: the first refresh token; later ones are kept.
            Default: none.
        oauth_scope: the scope to ask for. Default: none.
        sender: the envelope's sender. Default: the From address of the mail.
        timeout_seconds: how long to wait for any answer. Default: 60.
        """

        host: str
        port: int | None = None
        security: Literal["tls", "starttls", "plain"] = "starttls"
        allow_plain: bool = False
        ca_file: Path | None = None
        user: str = ""
        password: Secret | None = None
        oauth_token_url: str = ""
        oauth_client_id: str = ""
        oauth_client_secret: Secret | None = None
        oauth_refresh_token: Secret | None = None
        oauth_scope: str = ""
        sender: str = ""
        timeout_seconds: float = 60.0

    def __init__(self, settings: Settings, keep: Path, state: TokenStore | None = None) -> None:
        """Send mail by SMTP; rotated OAuth tokens are kept in `state`, else under `keep`."""
        security_checked(settings.security, settings.host, settings.allow_plain)
        self._settings = settings
        self._context = tls_context(settings.ca_file)
        self._tokens = tokens_of(f"{settings.user}@{settings.host}", settings, state, keep)

    def send(self, raw: bytes, message_id: str) -> str:
        """Send one mail to everybody it names; return what the server called it.

        Unavailable (nothing was sent), Rejected, or Unclear.
        """
        sender, recipients = recipients_of(raw)
        sender = self._settings.sender or sender
        if not recipients:
            raise Rejected(f"{message_id} names no recipient. Add one to the report's settings.")
        with self._session() as smtp:
            with self._explained("offering the mail"):
                self._accepted(smtp, *smtp.mail(sender), what=f"the sender {sender}")
                for recipient in recipients:
                    self._accepted(smtp, *smtp.rcpt(recipient), what=f"the recipient {recipient}")
                code, answer = smtp.docmd("DATA")
                if code != 354:
                    self._accepted(smtp, code, answer, what="the mail")
                # Without the closing dot the server must throw the mail away.
                smtp.send(_dotted(_without_bcc(raw)))
            try:
                smtp.send(b".\r\n")
                code, answer = smtp.getreply()
            except (OSError, smtplib.SMTPException) as error:
                raise Unclear(
                    f"{self._settings.host} did not confirm {message_id} ({error}). "
                    "Ask a recipient, or look into the server's log, before sending again."
                ) from error
            self._accepted(smtp, code, answer, what="the mail")
        return f"{message_id} {_line(answer)}"

    def find(self, message_id: str) -> str | None:
        """Raise Unclear: SMTP keeps no record of what was sent."""
        raise Unclear(
            f"{self._settings.host} cannot say whether {message_id} was sent. "
            "Ask a recipient, or look into the server's log."
        )

    def check(self) -> str:
        """Connect and log in; say what the server offers, or raise as `send` does."""
        with self._session() as smtp:
            limit = smtp.esmtp_features.get("size", "")
            who = f"{self._settings.user} logged in" if self._settings.user else "no login"
        return f"{self._settings.host}: {who}" + (f", mails up to {limit} bytes" if limit else "")

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        settings = self._settings
        ports = {"tls": 465, "starttls": 587, "plain": 25}
        port = settings.port or ports[settings.security]
        with self._explained("connecting"):
            smtp = (
                smtplib.SMTP_SSL(
                    settings.host, port, timeout=settings.timeout_seconds, context=self._context
                )
                if settings.security == "tls"
                else smtplib.SMTP(settings.host, port, timeout=settings.timeout_seconds)
            )
        try:
            with self._explained("greeting"):
                smtp.ehlo_or_helo_if_needed()
                if settings.security == "starttls":
                    smtp.starttls(context=self._context)
                    smtp.ehlo()
            if settings.user:
                self._login(smtp)
            yield smtp
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()
        finally:
            smtp.close()

    def _login(self, smtp: smtplib.SMTP) -> None:
        user = self._settings.user
        with self._explained("logging in"):
            if self._tokens is None:
                password = self._settings.password
                smtp.login(user, password.reveal() if password else "")
                return
            for renew in (False, True):
                token = self._tokens.access(renew=renew).reveal()
                said = f"user={user}\1auth=Bearer {token}\1\1"
                try:
                    # A refusal comes as a challenge, which is answered with nothing.
                    smtp.auth("XOAUTH2", lambda asked=None, said=said: "" if asked else said)
                    return
                except smtplib.SMTPAuthenticationError:
                    if renew:
                        raise

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Turn the failures of smtplib and sockets into those the engine knows."""
        host = self._settings.host
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise untrusted(host, error) from error
        except smtplib.SMTPResponseException as error:
            answer = (
                error.smtp_error
                if isinstance(error.smtp_error, bytes)
                else str(error.smtp_error).encode()
            )
            self._refused(error.smtp_code, answer, doing)
        except smtplib.SMTPNotSupportedError as error:
            raise Rejected(f"{host} cannot do what `security` or `user` asks ({error}).") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"{host} went away while {doing} ({error}).") from error

    def _accepted(self, smtp: smtplib.SMTP, code: int, answer: bytes, *, what: str) -> None:
        if not 200 <= code < 300:
            with suppress(OSError, smtplib.SMTPException):
                smtp.rset()
            self._refused(code, answer, what)

    def _refused(self, code: int, answer: bytes, what: str) -> None:
        said = f"{self._settings.host} refuses {what}: {code} {_line(answer)}"
        if code == 535 or code >= 500:
            raise Rejected(f"{said}. Correct the address or the account, then send it again.")
        raise Unavailable(f"{said}.")


def _line(answer: bytes) -> str:
    return " ".join(answer.decode("utf-8", "replace").split())[:200]


def _without_bcc(raw: bytes) -> bytes:
    """Return the mail without its Bcc header; untouched when it has none."""
    head, _, _ = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    if b"\nbcc:" not in b"\n" + head.lower():
        return raw
    mail: Parsed = BytesParser(policy=SMTP).parsebytes(raw)
    del mail["Bcc"]
    return mail.as_bytes()


def _dotted(raw: bytes) -> bytes:
    """Return the mail as DATA wants it: CRLF line ends, leading dots doubled."""
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = b"\r\n".join(
        b"." + line if line.startswith(b".") else line for line in lines.split(b"\n")
    )
    return text if text.endswith(b"\r\n") else text + b"\r\n"
