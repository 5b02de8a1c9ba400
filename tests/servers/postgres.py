"""A private PostgreSQL for tests: own cluster, own port, thrown away afterwards."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_names = itertools.count(1)


class Cluster:
    """A running server that trusts everybody on the loopback address."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        """Make a cluster in `folder` and start it on a free port, never as root."""
        self._binaries, self._data = binaries, folder / "data"
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = "postgres" if _exists("postgres") else "nobody"
            shutil.chown(folder, self._user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self._settings = (
            f"-p {self.port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=200"
        )
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), "-D", str(self._data), *arguments]
        done = subprocess.run(
            command, user=self._user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            pytest.fail(f"{program}: {done.stdout.decode(errors='replace')}")

    def start(self) -> None:
        """Start the server, again after a stop."""
        log = str(self._data.with_name("log"))
        self._run("pg_ctl", "-w", "-l", log, "-o", self._settings, "start")

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(_names)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Stop the server, whoever is still connected."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def find_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server on this machine, None without one."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if (found := shutil.which("initdb")) and shutil.which("pg_ctl"):
        places.insert(0, Path(found).resolve().parent)
    return next((p for p in reversed(places) if (p / "postgres").exists()), None)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a server of its own; skip where there is none."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server on this machine (Debian: apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="nightclerk-pg-") as folder:
        cluster = Cluster(binaries, Path(folder))
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """Return one server for the whole session."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> str:
    """Return the URL of a fresh, empty database."""
    return postgres_cluster.new_database()
