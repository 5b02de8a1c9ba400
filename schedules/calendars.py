"""Calendars: which days are business days, by country or by clearing system."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import holidays

from records.failures import ConfigurationFault

#: Clearing systems and exchanges whose holidays are not a country's.
_FINANCIAL = {"TARGET": "XECB", "FED": "XFED", "NYSE": "XNYS"}


def business_days(name: str) -> Callable[[date], bool]:
    """Return a test for business days.

    `name` is TARGET (euro clearing), FED, NYSE, a country (`DE`) or a country with
    a subdivision (`DE-BY`), ISO 3166. ConfigurationFault when it is none.
    """
    country, _, subdivision = name.upper().partition("-")
    try:
        if name.upper() in _FINANCIAL:
            calendar = holidays.financial_holidays(_FINANCIAL[name.upper()])
        else:
            calendar = holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError as error:
        raise ConfigurationFault(
            f"calendar {name!r} is not known; write TARGET, a country such as DE, "
            "or a country and region such as DE-BY"
        ) from error
    return lambda day: bool(calendar.is_working_day(day))
