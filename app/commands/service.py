"""The unattended service: check and serve; it starts without what only terminals need."""

from __future__ import annotations

import argparse

from app.checkup import check as check_configuration
from app.commands import office_of
from app.service import serve as serve_office


def check(given: argparse.Namespace) -> int:
    """`nightclerk check`."""
    return check_configuration(given.config)


def serve(given: argparse.Namespace) -> int:
    """`nightclerk serve`."""
    with office_of(given) as office:
        host = given.host or office.settings.service.host
        port = given.port if given.port is not None else office.settings.service.port
        return serve_office(office, host=host, port=port)
