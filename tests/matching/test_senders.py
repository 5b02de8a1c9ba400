"""Sender signals: the cases of `cases/senders.yaml`, and the names of domains."""

from __future__ import annotations

from typing import Any

import pytest
from casebook import load

from matching.senders import check_sender, domain_of, lookalike, registered_domain
from records.documents import Message
from records.purchasing import Vendor

VENDORS = {
    "hansa": Vendor(
        id="V1", name="Hansa Schrauben GmbH", email_domains=("hansa-schrauben.example",)
    ),
    "delta": Vendor(id="V2", name="Delta Metall KG", email_domains=("delta-metall.example",)),
}
KNOWN = ("hansa-schrauben.example", "delta-metall.example")


@pytest.mark.parametrize("case", load("senders.yaml"))
def test_case(case: dict[str, Any]) -> None:
    headers = {"authentication-results": "\n".join(case["results"])}
    if "reply_to" in case:
        headers["reply-to"] = case["reply_to"]
    message = Message(key="m", account="inbox", sender=case["from"], headers=headers)
    vendor = VENDORS[case.get("vendor", "hansa")]
    found: dict[str, set[str]] = {}
    for problem in check_sender(message, vendor, ["mx.werk-nord.example"], KNOWN):
        found.setdefault(problem.severity.value, set()).add(problem.code)
    assert found == {severity: set(codes) for severity, codes in dict(case["expect"]).items()}


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("Anna <anna@Example.ORG>", "example.org"),
        ("anna@bücher.example", "xn--bcher-kva.example"),
        ('"a@b.example" <anna@example.org>', "example.org"),
        ("anna", None),
        ("", None),
    ],
)
def test_domain_of_an_address(address: str, domain: str | None) -> None:
    assert domain_of(address) == domain


@pytest.mark.parametrize(
    ("domain", "registered"),
    [
        ("mail.example.org", "example.org"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("example.de", "example.de"),
        ("localhost", "localhost"),
    ],
)
def test_registered_domain(domain: str, registered: str) -> None:
    assert registered_domain(domain) == registered


@pytest.mark.parametrize("domain", ["acne.example", "meier-bau.example", "gmail.com", "web.de"])
def test_short_names_and_mail_providers_resemble_too_much(domain: str) -> None:
    assert lookalike(domain, ["acme.example", "mayr-bau.example", "gmx.de", "hotmail.com"]) is None


def test_imitating_the_vendor_counts_though_another_known_domain_is_as_near() -> None:
    """One letter from the vendor's domain and one from a stranger's, who comes first by name."""
    vendor = Vendor(id="V1", name="Wecker Bau GmbH", email_domains=("wecker-bau.example",))
    message = Message(key="m", account="inbox", sender="rechnung@zecker-bau.example")
    known = ("becker-bau.example", "wecker-bau.example")
    imitated = [f for f in check_sender(message, vendor, (), known) if f.code == "lookalike_sender"]
    assert [(f.blocks, f.expected) for f in imitated] == [(True, "wecker-bau.example")]
