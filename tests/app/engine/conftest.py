"""Worker processes of the toy office, to be killed; and the databases they share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.postgres import postgres_cluster, postgres_url

#: Fixtures of the servers, for the tests in this folder.
__all__ = ["postgres_cluster", "postgres_url"]

HERE = Path(__file__).parent


class Workers:
    """Worker processes on one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, name: str, deaths: int = 20) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                *(sys.executable, str(HERE / "worker_process.py")),
                *(str(self.folder), self.url, name, str(deaths)),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


@pytest.fixture
def sqlite_workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path, f"sqlite:///{tmp_path}/office.db")
    yield workers
    workers.end()


@pytest.fixture
def postgres_workers(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workers]:
    workers = Workers(tmp_path, request.getfixturevalue("postgres_url"))
    yield workers
    workers.end()
