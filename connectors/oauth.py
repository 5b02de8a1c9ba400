"""OAuth 2.0 access tokens for mail servers (RFC 6749), with rotation that survives a crash."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from connectors.keeping import write_whole
from connectors.locking import only_writer
from records.failures import ConfigurationFault, Rejected, Unavailable
from records.secrets import Secret

#: An access token is renewed this long before it ends.
_MARGIN_SECONDS = 120
_MAX_ANSWER = 256 * 1024


class TokenStore(Protocol):
    """Where rotated refresh tokens are kept; what `save` was given is safe when it returns."""

    def load(self, name: str) -> str | None:
        """Return what was saved last under this name, or None."""
        ...

    def save(self, name: str, value: str) -> None:
        """Keep a value; it must survive a crash from now on."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Keep other workers away: a refresh token that is used twice is revoked."""
        ...


class TokenFiles:
    """Keeps each token in a file that only our user can read."""

    def __init__(self, folder: Path) -> None:
        """Keep tokens under `folder`."""
        self._folder = folder

    def _file(self, name: str) -> Path:
        readable = re.sub(r"[^A-Za-z0-9]+", "_", name)[:40]
        return self._folder / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"

    def load(self, name: str) -> str | None:
        """Return what was saved last under this name, or None."""
        try:
            return self._file(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self._file(name)} cannot be read ({error.strerror}).") from error

    def save(self, name: str, value: str) -> None:
        """Keep a value; it is on disk when this returns."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Temporary files are made with mode 0600, and the rename keeps it.
            write_whole(self._file(name), value.encode())
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be written ({error.strerror}).") from error

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Keep other processes away."""
        return only_writer(self._file(name), 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How to get access tokens: by refresh token, or as the application itself.

    Without `refresh_token` the client-credentials grant is used, which
    Microsoft 365 offers for unattended programs.
    """

    token_url: str
    client_id: str
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    scope: str = ""
    timeout_seconds: float = 60.0
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a token address that would send secrets in the clear."""
        address = urllib.parse.urlsplit(self.token_url)
        local = address.hostname in {"localhost", "127.0.0.1", "::1"}
        if address.scheme != "https" and not (address.scheme == "http" and local):
            raise ConfigurationFault("oauth_token_url must begin with https://.")


class Tokens:
    """Access tokens of one account."""

    def __init__(self, name: str, grant: Grant, store: TokenStore) -> None:
        """Get tokens by `grant`, keeping rotated refresh tokens in `store` under `name`."""
        self._name = name
        self._grant = grant
        self._store = store
        self._access: Secret | None = None
        self._until = 0.0

    def access(self, *, renew: bool = False) -> Secret:
        """Return an access token, a new one when asked to or when the last one ends.

        Unavailable when the token server cannot be reached; Rejected when it
        refuses, so that somebody must give consent again.
        """
        if self._access is not None and not renew and time.monotonic() < self._until:
            return self._access
        if self._grant.refresh_token is None:
            answer = self._ask({"grant_type": "client_credentials"})
        else:
            with self._store.exclusive(self._name):
                token = self._refresh_token(self._grant.refresh_token)
                answer = self._ask({"grant_type": "refresh_token", "refresh_token": token})
                rotated = answer.get("refresh_token")
                if isinstance(rotated, str) and rotated and rotated != token:
                    # Before the access token is used: the old refresh token may be dead already.
                    self._keep(self._grant.refresh_token, rotated)
        access = answer.get("access_token")
        if not isinstance(access, str) or not access:
            raise Unavailable(f"{self._grant.token_url} answered without an access token.")
        self._access = Secret(access)
        lasts = answer.get("expires_in")
        seconds = (
            float(lasts) if isinstance(lasts, int | float | str) and str(lasts).isdigit() else 300
        )
        self._until = time.monotonic() + max(seconds - _MARGIN_SECONDS, 0)
        return self._access

    def _refresh_token(self, configured: Secret) -> str:
        """Return the latest token; a newly configured one outranks what was kept before."""
        kept = self._store.load(self._name)
        if kept is not None:
            held = json.loads(kept)
            if held["configured"] == _digest(configured):
                return str(held["token"])
        return configured.reveal()

    def _keep(self, configured: Secret, rotated: str) -> None:
        held = {"configured": _digest(configured), "token": rotated}
        self._store.save(self._name, json.dumps(held))

    def _ask(self, form: dict[str, str]) -> dict[str, Any]:
        grant = self._grant
        form["client_id"] = grant.client_id
        if grant.client_secret is not None:
            form["client_secret"] = grant.client_secret.reveal()
        if grant.scope:
            form["scope"] = grant.scope
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked in Grant
            grant.token_url, urllib.parse.urlencode(form).encode(), {"Accept": "application/json"}
        )
        context = ssl.create_default_context(cafile=grant.ca_file)
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, timeout=grant.timeout_seconds, context=context
            ) as answer:
                return _object(answer.read(_MAX_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                said = _object(error.read(_MAX_ANSWER))
            reason = f"{said.get('error', error.code)} {said.get('error_description', '')}".strip()
            if error.code in {408, 429} or error.code >= 500:
                raise Unavailable(f"{grant.token_url} is not ready ({reason}).") from None
            raise Rejected(
                f"{grant.token_url} refuses a token for {self._name} ({reason[:300]}). "
                "Give consent again and put the new refresh token into the configuration."
            ) from None
        except (OSError, ValueError) as error:
            raise Unavailable(f"{grant.token_url} cannot be reached ({error}).") from None


def _digest(secret: Secret) -> str:
    return hashlib.sha256(secret.reveal().encode()).hexdigest()


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class Configured(Protocol):
    """Settings of a connector that may log in by OAuth."""

    @property
    def oauth_token_url(self) -> str:
        """Return where tokens come from, "" without OAuth."""
        ...

    @property
    def oauth_client_id(self) -> str: ...
    @property
    def oauth_client_secret(self) -> Secret | None: ...
    @property
    def oauth_refresh_token(self) -> Secret | None: ...
    @property
    def oauth_scope(self) -> str: ...
    @property
    def timeout_seconds(self) -> float: ...
    @property
    def ca_file(self) -> Path | None: ...


def tokens_of(
    account: str, settings: Configured, state: TokenStore | None, keep: Path
) -> Tokens | None:
    """Return the tokens of an account, None without OAuth.

    Without a store they are kept beside the files.
    """
    if not settings.oauth_token_url:
        return None
    grant = Grant(
        token_url=settings.oauth_token_url,
        client_id=settings.oauth_client_id,
        client_secret=settings.oauth_client_secret,
        refresh_token=settings.oauth_refresh_token,
        scope=settings.oauth_scope,
        timeout_seconds=settings.timeout_seconds,
        ca_file=settings.ca_file,
    )
    return Tokens(account, grant, state or TokenFiles(keep / ".oauth"))
