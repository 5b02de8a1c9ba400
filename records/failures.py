"""How a call to the outside world can fail.

OutsideFailure
├── Unavailable   nothing happened; trying again may help
├── Rejected      the other side said no; becomes a Finding
└── Unclear       sent, no answer; look before sending again
ConfigurationFault  the configuration is wrong; one line says what to do
"""

from __future__ import annotations


class KnownFailure(Exception):
    """A failure we can explain in one line: what, where, what to do. Exit code 1."""


class ConfigurationFault(KnownFailure):
    """The configuration cannot be used; the text names file, line and remedy."""


class OutsideFailure(KnownFailure):
    """A call to another system failed."""


class Unavailable(OutsideFailure):
    """Nothing happened on the other side; the engine retries with backoff."""


class Rejected(OutsideFailure):
    """The other side refused; a person must act. Never retried."""


class Unclear(OutsideFailure):
    """Sent, but no answer came: `find` decides, else a person. Never resent blindly."""
