"""A real SMTP server (aiosmtpd) that can be told how to answer."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.servers.ports import free_port, self_signed


class SmtpServer:
    """Use it in a `with` block. `taken` holds each accepted mail with its recipients.

    Addresses decide the answer: `full@…` gets 452, `nobody@…` 550. `data_answer`
    replaces the answer to a mail; `hang_up` drops the connection in its place.
    """

    user = "office"
    password = "not for production"

    def __init__(self, *, with_login: bool = True) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.data_answer = "250 2.0.0 queued as 4711"
        self.hang_up = False
        self.access_token = ""
        self._with_login = with_login

    def __enter__(self) -> SmtpServer:
        self._scratch = tempfile.TemporaryDirectory(prefix="smtp-")
        certificate = self_signed(Path(self._scratch.name))
        self.ca_file = certificate.certificate
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            tls_context=certificate.context(),
            require_starttls=True,
            auth_required=self._with_login,
            authenticator=self._knows,
        )
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
        self._scratch.cleanup()

    def _knows(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        right = (data.login, data.password) == (self.user.encode(), self.password.encode())
        return AuthResult(success=right, handled=False)

    async def auth_XOAUTH2(self, server: Any, arguments: list[str]) -> AuthResult:
        said = base64.b64decode(arguments[1]).decode()
        right = f"user={self.user}\1auth=Bearer {self.access_token}\1\1"
        return AuthResult(success=bool(self.access_token) and said == right, handled=False)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address.startswith("full@"):
            return "452 4.2.2 mailbox full"
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data_answer.startswith("250"):
            self.taken.append((list(envelope.rcpt_tos), bytes(envelope.content)))
        if self.hang_up:
            server.transport.abort()
            await asyncio.sleep(0)
        return self.data_answer
