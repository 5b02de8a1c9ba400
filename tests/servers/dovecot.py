"""A real Dovecot: Maildir, TLS and STARTTLS, passwords, and XOAUTH2 by signed tokens."""

from __future__ import annotations

import base64
import grp
import hashlib
import hmac
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.servers.ports import free_port, self_signed

BINARY = Path("/usr/sbin/dovecot")
_COUNT = itertools.count()

_CONFIGURATION = """
base_dir = {d}/run
state_dir = {d}/state
log_path = {d}/dovecot.log
protocols = imap
listen = 127.0.0.1
instance_name = {d.name}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
last_valid_uid = 0
mail_location = maildir:{d}/mail/%u/Maildir
mail_uid = {uid}
mail_gid = {gid}
mail_fsync = never
mail_max_userip_connections = 100
ssl = yes
ssl_cert = <{d}/cert.pem
ssl_key = <{d}/key.pem
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {d}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {d}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={d}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  process_min_avail = 2
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 64
}}
service stats {{
  chroot =
}}
protocol imap {{
  imap_capability = {capability}
}}
"""


class Dovecot:
    """Use it in a `with` block; `capability` replaces what the server says it can do."""

    user = "office"
    password = "not for production"

    def __init__(self, capability: str = "") -> None:
        if not BINARY.exists():
            pytest.skip("Dovecot is not installed: apt-get install dovecot-imapd")
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        as_root = os.geteuid() == 0
        account = pwd.getpwnam("nobody") if as_root else pwd.getpwuid(os.geteuid())
        self._owner = (account.pw_uid, account.pw_gid) if as_root else None
        self._account = account
        self._capability = capability
        self._secret = os.urandom(32)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Dovecot:
        d, account = self.folder, self._account
        for part in ("run", "state", "mail", "keys/default/HS256"):
            (d / part).mkdir(parents=True)
        self.ca_file = self_signed(d).certificate
        (d / "users").write_text(f"{self.user}:{{PLAIN}}{self.password}\n")
        encoded = base64.b64encode(self._secret).decode()
        (d / "keys/default/HS256/default").write_text(encoded)
        (d / "oauth2.conf").write_text(
            "introspection_mode = local\n"
            f"local_validation_key_dict = fs:posix:prefix={d}/keys/\n"
            "username_attribute = sub\n"
        )
        self.port, self.tls_port = free_port(), free_port()
        text = _CONFIGURATION.format(
            d=d,
            user=account.pw_name,
            group=grp.getgrgid(account.pw_gid).gr_name,
            uid=account.pw_uid,
            gid=account.pw_gid,
            port=self.port,
            tls_port=self.tls_port,
            capability=self._capability,
        )
        if not self._capability:
            text = text[: text.index("protocol imap {")]
        (d / "dovecot.conf").write_text(text)
        self._give(d, *d.rglob("*"))
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give(self, *paths: Path) -> None:
        for path in paths if self._owner else ():
            os.chown(path, *self._owner)  # type: ignore[misc]

    def _start(self) -> None:
        drop = {"user": self._owner[0], "group": self._owner[1]} if self._owner else {}
        log = self.folder / "stdout.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [str(BINARY), "-F", "-c", str(self.folder / "dovecot.conf")],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                extra_groups=[] if self._owner else None,
                **drop,  # type: ignore[arg-type]
            )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            assert self._process.poll() is None, log.read_text()[-2000:]
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    if probe.recv(4) == b"* OK":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError("Dovecot did not start: " + log.read_text()[-2000:])

    def _stop(self) -> None:
        if self._process is not None:
            # Dovecot waits long for clients; none of what it would save matters here.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def box(self, folder: str = "INBOX") -> Path:
        """Return the Maildir of a folder, made when absent."""
        path = self.folder / "mail" / self.user / "Maildir"
        wanted = path if folder == "INBOX" else path / f".{folder.replace('/', '.')}"
        for part in ("tmp", "new", "cur"):
            (wanted / part).mkdir(parents=True, exist_ok=True)
        self._give(path.parent, path, wanted, *(wanted / part for part in ("tmp", "new", "cur")))
        return wanted

    def deliver(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Put mails into a folder, as a delivery agent does."""
        box = self.box(folder)
        for raw in mails:
            name = f"{time.time():.0f}.M{next(_COUNT):09d}P{os.getpid()}.localhost"
            path = box / "tmp" / name
            path.write_bytes(raw)
            self._give(path)
            path.rename(box / "new" / name)

    def count(self, folder: str = "INBOX") -> int:
        """Count the mails of a folder."""
        box = self.box(folder)
        return sum(1 for part in ("new", "cur") for _ in (box / part).iterdir())

    def flags(self, folder: str = "INBOX") -> str:
        """Return all flag letters in a folder, and the names of its keywords."""
        box = self.box(folder)
        letters = "".join(path.name.partition(":2,")[2] for path in (box / "cur").iterdir())
        keywords = box / "dovecot-keywords"
        return letters + (keywords.read_text() if keywords.exists() else "")

    def renumber(self) -> None:
        """Give the inbox a new UIDVALIDITY and UIDs from 1, as a restored mailbox has."""
        self._stop()
        head = (self.box() / "dovecot-uidlist").read_text().split("\n", 1)[0]
        validity = next(int(word[1:]) for word in head.split() if word[0] == "V")
        for path in self.box().glob("dovecot*"):
            path.unlink()
        # Dovecot numbers a new box by the second: within the same one it would not be new.
        while time.time() < validity + 1:
            time.sleep(0.02)
        self._start()

    def access_token(self, seconds: int = 3600) -> str:
        """Return an access token (JWT) that the server takes for the user."""

        def encoded(raw: bytes) -> bytes:
            return base64.urlsafe_b64encode(raw).rstrip(b"=")

        now = int(time.time())
        head = encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        claims = {"sub": self.user, "iat": now - 5, "nbf": now - 5, "exp": now + seconds}
        body = head + b"." + encoded(json.dumps(claims).encode())
        return (
            body + b"." + encoded(hmac.new(self._secret, body, hashlib.sha256).digest())
        ).decode()
