"""VIES: asks the European Commission whether a VAT id is registered.

The REST service's own words (`check-vat-number`): a member state that does not
answer, too many requests and every other trouble are `Unavailable`, never a
"no". Nothing about an invoice leaves the house but the id itself.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from records.failures import Unavailable

#: The Commission's service, as of 2026.
URL = "https://ec.europa.eu/taxation_customs/vies/rest-api/check-vat-number"
#: Whose ids VIES knows; XI are those of Northern Ireland, EL is Greece.
COUNTRIES = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
})  # fmt: skip
#: More than any answer has.
_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Registration:
    """What VIES says of an id; `name` where the member state tells it."""

    is_valid: bool
    name: str | None = None


def ask(vat_id: str, *, url: str = URL, timeout_seconds: float = 5.0) -> Registration:
    """Ask about an id with its country's prefix and no spaces.

    Unavailable when there is no clear answer. ValueError for a country VIES
    does not know.
    """
    country, number = vat_id[:2], vat_id[2:]
    if country not in COUNTRIES:
        raise ValueError(f"{country} is not in VIES")
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{url} is no web address")
    body = json.dumps({"countryCode": country, "vatNumber": number}).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as reply:  # noqa: S310
            answer = json.loads(reply.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        raise Unavailable(f"VIES answers {error.code}") from None
    except (OSError, ValueError) as error:
        raise Unavailable(f"VIES cannot be asked: {error}") from None
    valid = answer.get("valid") if isinstance(answer, dict) else None
    # A trouble of the member state comes as an answer without a verdict, or with a "no" beside it.
    troubles = answer.get("errorWrappers") if isinstance(answer, dict) else None
    if troubles or not isinstance(valid, bool):
        raise Unavailable(f"VIES gives no verdict: {str(troubles or answer)[:200]}")
    name = str(answer.get("name") or "").strip(" -")
    return Registration(is_valid=valid, name=name or None)
