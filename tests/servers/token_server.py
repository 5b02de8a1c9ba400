"""An OAuth 2.0 token endpoint that rotates refresh tokens and revokes the old ones."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class TokenServer:
    """Knows one refresh token at a time; every use replaces it."""

    def __init__(self, access_token: Callable[[], str], first: str = "first") -> None:
        self.valid = first
        self.asked: list[dict[str, str]] = []
        self.fails_with = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                form = dict(urllib.parse.parse_qsl(self.rfile.read(size).decode()))
                outer.asked.append(form)
                if outer.fails_with:
                    self._say(outer.fails_with, {"error": "temporarily_unavailable"})
                elif form["grant_type"] == "client_credentials":
                    self._say(200, {"access_token": access_token(), "expires_in": 3600})
                elif form.get("refresh_token") != outer.valid:
                    self._say(400, {"error": "invalid_grant", "error_description": "revoked"})
                else:
                    outer.valid = f"rotated-{len(outer.asked)}"
                    answer = {"access_token": access_token(), "expires_in": 3600}
                    self._say(200, {**answer, "refresh_token": outer.valid})

            def _say(self, code: int, answer: dict[str, object]) -> None:
                raw = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def __enter__(self) -> TokenServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
