"""Where bank files come from: a folder, and a real SFTP server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.files import folder, sftp
from records.documents import Document
from records.failures import ConfigurationFault, Rejected, Unavailable
from records.protocols import StatementSource
from records.secrets import Secret
from tests.servers.chaos import ChaosProxy
from tests.servers.openssh import Sshd


def take(source: StatementSource, since: str | None = None) -> tuple[list[Document], str | None]:
    found = []
    for document, since in source.fetch(since):  # noqa: B007, B020 - the cursor moves on
        found.append(document)
    return found, since


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with Sshd() as server:
        yield server


def settings(server: Sshd, **changes: object) -> sftp.Source.Settings:
    usual = sftp.Source.Settings(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        key=server.key,
        known_hosts=server.known_hosts,
        quiet_seconds=0,
        timeout_seconds=10,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.fixture(params=["folder", pytest.param("sftp", marks=pytest.mark.servers)])
def place(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Path, StatementSource, StatementSource]:
    """Return a folder with its source, and the same source for .sta files only."""
    if request.param == "folder":
        path = tmp_path / "in"
        path.mkdir()
        usual = folder.Source.Settings(path=path)
        narrow = replace(usual, pattern="*.sta")
        return path, folder.Source(usual, tmp_path), folder.Source(narrow, tmp_path)
    server: Sshd = request.getfixturevalue("sshd")
    for old in server.root.iterdir():
        old.unlink()
    far = settings(server)
    narrow_far = replace(far, pattern="*.sta")
    return server.root, sftp.Source(far, tmp_path), sftp.Source(narrow_far, tmp_path)


def test_each_file_comes_once_and_again_when_it_changed(
    place: tuple[Path, StatementSource, StatementSource],
) -> None:
    path, source, narrow = place
    (path / "b.sta").write_bytes(b":20:STARTUMS\r\n")
    os.utime(path / "b.sta", (1_700_000_000, 1_700_000_000))
    (path / "a.xml").write_bytes(b"<?xml version='1.0'?><Document/>")
    (path / ".part").write_bytes(b"half")
    found, since = take(source)
    assert {(d.name, d.media_type) for d in found} == {
        ("b.sta", "text/plain"),
        ("a.xml", "application/xml"),
    }
    assert found[0].read() == (path / found[0].name).read_bytes()
    assert take(source, since)[0] == []
    (path / "a.xml").write_bytes(b"<?xml version='1.0'?><Document><Stmt/></Document>")
    assert [d.name for d in take(source, since)[0]] == ["a.xml"]
    assert [d.name for d in take(narrow)[0]] == ["b.sta"]
    assert "2 files" in source.check() or "3 files" in source.check()


@pytest.mark.servers
def test_another_host_key_stops_everything(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="another key than known_hosts names"):
        sftp.Source(settings(sshd, known_hosts=sshd.other_hosts), tmp_path).check()


@pytest.mark.servers
def test_a_key_the_server_does_not_know(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="does not let us in"):
        sftp.Source(settings(sshd, key=sshd.folder / "other"), tmp_path).check()
    with pytest.raises(Rejected, match="does not let us in"):
        sftp.Source(settings(sshd, key=None, password=Secret("x")), tmp_path).check()


@pytest.mark.servers
def test_a_server_or_folder_that_is_not_there(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        sftp.Source(settings(sshd, port=1), tmp_path).check()
    with pytest.raises(Unavailable, match="missing"):
        sftp.Source(settings(sshd, folder="missing"), tmp_path).check()
    with pytest.raises(ConfigurationFault, match="key or password"):
        sftp.Source(settings(sshd, key=None), tmp_path)


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is no folder"):
        take(folder.Source(folder.Source.Settings(path=tmp_path / "x"), tmp_path))


def test_a_file_that_grows_is_left_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.mkdir()
    (path / "whole.sta").write_bytes(b":20:WHOLE")
    growing = (path / "growing.sta").open("wb")
    growing.write(b":20:")
    growing.flush()
    source = folder.Source(folder.Source.Settings(path=path, quiet_seconds=0.3), tmp_path)

    writer = threading.Timer(0.1, lambda: (growing.write(b"MORE"), growing.flush()))
    writer.start()
    found, since = take(source)
    writer.join()
    growing.close()
    assert [d.name for d in found] == ["whole.sta"]
    assert [d.read() for d in take(source, since)[0]] == [b":20:MORE"]


@pytest.mark.slow
@pytest.mark.servers
def test_no_file_is_lost_when_connections_break(sshd: Sshd, tmp_path: Path) -> None:
    for old in sshd.root.iterdir():
        old.unlink()
    sent = {f"{n:02}.sta": bytes([n]) * 20_000 for n in range(30)}
    for name, raw in sent.items():
        (sshd.root / name).write_bytes(raw)
    taken: list[Document] = []
    since: str | None = None
    with ChaosProxy(sshd.port, faults=15, limits=(100, 90_000), seed=3) as proxy:
        hosts = tmp_path / "known_hosts"
        key = sshd.known_hosts.read_text().split(maxsplit=1)[1]
        hosts.write_text(f"[127.0.0.1]:{proxy.port} {key}")
        far = settings(sshd, port=proxy.port, known_hosts=hosts, timeout_seconds=1)
        source = sftp.Source(far, tmp_path)
        is_done = False
        while not is_done:
            try:
                for document, since in source.fetch(since):  # noqa: B007, B020
                    taken.append(document)
                is_done = True
            except Unavailable:
                continue
        assert proxy.struck.total() >= 8
    assert {d.name: d.read() for d in taken} == sent
    assert len(taken) == len(sent), "nothing came twice"
