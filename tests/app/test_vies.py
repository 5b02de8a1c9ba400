"""VAT ids at VIES: a server that answers like it, and one that does not."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app import night, queries
from app.office import Office
from app.settings import load
from connectors.vies import Registration, ask
from records.failures import Unavailable
from tests.app.conftest import write_config

VALID = {"countryCode": "DE", "vatNumber": "811907980", "valid": True, "name": "---"}


class Service:
    """VIES in this process: `answer` is what it says next, `asked` what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.answer: object = VALID
        self.delay_seconds = 0.0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append(given["countryCode"] + given["vatNumber"])
                time.sleep(service.delay_seconds)
                said = service.answer
                body = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(service.status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/check-vat-number"


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_what_vies_says_is_taken(service: Service) -> None:
    assert ask("DE811907980", url=service.url) == Registration(is_valid=True)
    service.answer = {**VALID, "valid": False, "name": ""}
    assert ask("DE811907981", url=service.url) == Registration(is_valid=False)
    service.answer = {**VALID, "name": "HANSA SCHRAUBEN GMBH"}
    assert ask("DE811907980", url=service.url).name == "HANSA SCHRAUBEN GMBH"
    assert service.asked == ["DE811907980", "DE811907981", "DE811907980"]


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {"actionSucceed": False, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]}),
        (200, {"valid": False, "errorWrappers": [{"error": "MS_MAX_CONCURRENT_REQ"}]}),
        (200, {}),
        (200, []),
        (200, b"<html>maintenance</html>"),
        (200, {"valid": "true"}),
        (500, VALID),
        (400, {"actionSucceed": False}),
        (200, json.dumps({"pad": "x" * 100_000, "valid": True}).encode()),
    ],
)
def test_anything_else_is_no_verdict(service: Service, status: int, answer: object) -> None:
    service.status, service.answer = status, answer
    with pytest.raises(Unavailable):
        ask("DE811907980", url=service.url)


def test_a_slow_or_absent_service_is_not_waited_for(service: Service) -> None:
    service.delay_seconds = 1.0
    with pytest.raises(Unavailable):
        ask("DE811907980", url=service.url, timeout_seconds=0.1)
    with pytest.raises(Unavailable):
        ask("DE811907980", url="http://127.0.0.1:9/nobody", timeout_seconds=0.5)
    with pytest.raises(ValueError, match="not in VIES"):
        ask("GB123456782", url=service.url)


def _office(folder: Path, service: Service, *cases: str) -> Office:
    path = write_config(
        folder,
        *cases,
        extra=f"\nvies: {{enabled: true, url: '{service.url}', timeout_seconds: 2}}\n",
    )
    return Office.open(load(path))


def _codes(office: Office) -> dict[str, set[str]]:
    with office.database.begin() as tx:
        rows = queries.document_rows(tx)
    return {f"{row.state} {row.name}": {f.code for f in row.findings} for row in rows}


def test_an_unregistered_id_is_held_and_a_registered_one_asked_once(
    tmp_path: Path, service: Service
) -> None:
    # Three invoices of one vendor and one of another.
    office = _office(tmp_path, service, "02", "23", "13")
    assert not night.run(office, ("records", "invoices")).failures
    assert len(service.asked) == len(set(service.asked)) == 2
    told = _codes(office)
    assert {name.split()[0] for name in told} == {"posted"}
    service.answer = {**VALID, "valid": False}
    (tmp_path / "inbox" / "04.eml").write_bytes(
        next(Path(__file__).parents[2].glob("fixtures/office/cases/04-*/message.eml")).read_bytes()
    )
    assert not night.run(office, ("invoices",)).failures
    (held,) = [codes for name, codes in _codes(office).items() if name.startswith("held")]
    assert "vat_id_unregistered" in held
    office.database.dispose()


def test_a_night_goes_on_while_vies_is_away(tmp_path: Path, service: Service) -> None:
    service.status = 503
    office = _office(tmp_path, service, "02", "04", "13")
    assert not night.run(office, ("records", "invoices")).failures
    told = _codes(office)
    assert {name.split()[0] for name in told} == {"posted"}
    assert all("vat_id_unchecked" in codes for codes in told.values())
    # All three are German: after the first silence nobody waits again for a while.
    assert len(service.asked) == 1
    service.status = 200
    later = dataclasses.replace(office, clock=lambda: office.clock() + timedelta(hours=1))
    (tmp_path / "inbox" / "23.eml").write_bytes(
        next(Path(__file__).parents[2].glob("fixtures/office/cases/23-*/message.eml")).read_bytes()
    )
    assert not night.run(later, ("invoices",)).failures
    assert len(service.asked) == 2
    office.database.dispose()
