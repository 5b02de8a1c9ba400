"""A real OpenSSH server that offers one folder by SFTP."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.servers.ports import free_port

BINARY = Path("/usr/sbin/sshd")


class Sshd:
    """Use it in a `with` block: `root` is the folder, `key` our private key."""

    def __init__(self) -> None:
        if not BINARY.exists() or shutil.which("ssh-keygen") is None:
            pytest.skip("OpenSSH's server is not installed: apt-get install openssh-server")
        self.folder = Path(tempfile.mkdtemp(prefix="sshd-"))
        self.root = self.folder / "drop"
        self.user = getpass.getuser()

    def __enter__(self) -> Sshd:
        d = self.folder
        d.chmod(0o755)
        self.root.mkdir()
        for name in ("host", "other", "client"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(d / name)]
            subprocess.run(command, check=True)
        shutil.copy(d / "client.pub", d / "authorized_keys")
        self.key = d / "client"
        self.port = free_port()
        self.known_hosts = self._known("host")
        self.other_hosts = self._known("other")
        (d / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {d}/host\nPidFile {d}/pid\n"
            f"AuthorizedKeysFile {d}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin prohibit-password\nAllowTcpForwarding no\nX11Forwarding no\n"
            f"PermitTTY no\nSubsystem sftp internal-sftp -d {self.root}\n"
            f"ForceCommand internal-sftp -d {self.root}\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [str(BINARY), "-D", "-e", "-f", str(d / "sshd_config")], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "sshd did not start"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError("sshd did not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _known(self, name: str) -> Path:
        path = self.folder / f"known_{name}"
        kind, key = (self.folder / f"{name}.pub").read_text().split()[:2]
        path.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        return path
