"""Who sent the message, as far as its headers can prove it.

Only Authentication-Results (RFC 8601) added by a host of ours count: anybody
can write the others. A domain that resembles one we know is held whatever its
authentication says, because fraudsters authenticate their own domains well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from email.utils import getaddresses, parseaddr

from matching.names import core_name, within_one_edit, word_set
from records.documents import Message
from records.findings import Finding, Severity, finding
from records.purchasing import Vendor

#: Letters that look like Latin ones (Unicode TR 39, those that occur in domain names).
_CONFUSABLE = str.maketrans(
    "аеорсухіјѕԁԛԝһӏսոցɡɩʟαορνικτυⅼ0135ıłøđ",
    "aeopcyxijsdqwhlunggilaopvikt" + "ul" + "oles" + "ilod",
)
#: Letter groups that look like one letter.
_LOOKS_LIKE = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"), ("ii", "u"))
#: Second-level labels under which registries sell names.
_PUBLIC_SECOND = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "gv", "or", "ne"})
#: Mail providers whose domain says nothing about who writes.
FREE_MAIL = word_set(
    """
    gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.de ymail.com
    icloud.com me.com aol.com gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de mail.com
    mail.ru proton.me protonmail.com pm.me posteo.de orange.fr free.fr laposte.net libero.it
    virgilio.it wp.pl o2.pl seznam.cz zoho.com yandex.com
    """
)
#: Names shorter than this resemble too many others by one letter.
_TELLING = 5
_RESULT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*([a-z]+)", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """What a trusted host found: pass, fail, none, …; None where it says nothing."""

    host: str | None = None
    spf: str | None = None
    dkim: str | None = None
    dmarc: str | None = None

    @property
    def failed(self) -> bool:
        """Say whether the domain disowns the message: DMARC fails, or SPF fails without DKIM."""
        if self.dmarc is not None and self.dmarc not in {"none", "temperror"}:
            return self.dmarc in {"fail", "permerror"}
        # A softfail alone is what every forwarded message shows.
        return self.spf == "fail" and self.dkim != "pass"

    @property
    def passed(self) -> bool:
        """Say whether the domain vouches for the message."""
        if self.dmarc == "pass":
            return True
        return not self.failed and "pass" in (self.dkim, self.spf)


def authentication(message: Message, trusted_hosts: Collection[str]) -> Authentication:
    """Read the Authentication-Results of the first trusted host; empty when there is none.

    The header's first word is the host that checked (authserv-id). Forged
    headers further down name our host as well, so only the topmost one of it
    counts: hosts of ours add theirs above whatever came in.
    """
    hosts = {host.lower().rstrip(".") for host in trusted_hosts}
    for raw in (message.headers.get("authentication-results") or "").split("\n"):
        text = _COMMENT.sub(" ", raw).strip()
        words = re.split(r"[\s;]", text, maxsplit=1)
        host = words[0].lower().rstrip(".") if words else ""
        if host not in hosts:
            continue
        found: dict[str, str] = {}
        for method, result in _RESULT.findall(text):
            held = found.get(method.lower())
            # Several DKIM signatures: one that passes is enough.
            if held != "pass":
                found[method.lower()] = result.lower()
        return Authentication(
            host=host, spf=found.get("spf"), dkim=found.get("dkim"), dmarc=found.get("dmarc")
        )
    return Authentication()


def domain_of(address: str) -> str | None:
    """Return the domain of an address in ASCII (punycode), lower case; None when it has none."""
    mailbox = parseaddr(address)[1] or address
    domain = mailbox.rpartition("@")[2].strip().strip(".>").lower()
    if "@" not in mailbox or not domain:
        return None
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def registered_domain(domain: str) -> str:
    """Return the part a registry sold: "mail.example.co.uk" gives "example.co.uk"."""
    labels = domain.lower().strip(".").split(".")
    keep = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _PUBLIC_SECOND else 2
    return ".".join(labels[-keep:])


def lookalike(domain: str, known: Iterable[str]) -> str | None:
    """Return the known domain that `domain` imitates, or None.

    Imitation is: the same letters in look-alike characters of other scripts
    (also behind punycode), 0 for o, 1 for l, rn for m; one letter changed,
    added, lost or swapped; the same name under another ending or with a hyphen
    or a business word added.
    """
    mine = registered_domain(domain)
    candidates = {registered_domain(k) for k in known} - FREE_MAIL
    if mine in candidates:
        return None
    name = _label(mine)
    for other in sorted(candidates):
        theirs = _label(other)
        if len(theirs) < _TELLING:
            if _skeleton(name) == _skeleton(theirs) and name != theirs:
                return other
            continue
        if _skeleton(name) == _skeleton(theirs) or within_one_edit(name, theirs):
            return other
        bare, target = _bare(name), _bare(theirs)
        if within_one_edit(bare, target) or _skeleton(bare) == _skeleton(target):
            return other
    return None


def check_sender(
    message: Message,
    vendor: Vendor | None,
    trusted_hosts: Collection[str] = (),
    known_domains: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Report what speaks against the sender of a message.

    `vendor` is whom the invoice claims to be from, `known_domains` the domains
    that invoices came from before, and those of the master. Nothing here ever
    proves a sender; it only raises doubts.
    """
    where = f"message from {message.sender}" if message.sender else "message"
    domain = domain_of(message.sender)
    if domain is None:
        return (finding("sender_unproved", where=where, actual="no sender address"),)
    problems: list[Finding] = []
    own = tuple(vendor.email_domains) if vendor else ()
    known = {d.lower() for d in (*known_domains, *own)}
    imitated = lookalike(domain, known)
    if imitated:
        # Of several domains it resembles the vendor's own tells the most.
        imitated = lookalike(domain, own) or imitated
        problems.append(
            finding(
                "lookalike_sender",
                where=where,
                expected=imitated,
                actual=_readable(domain),
                severity=None if _hostile(domain, imitated, own) else Severity.WARN,
            )
        )
    problems += _authenticity(message, trusted_hosts, domain, where)
    problems += _reply_to(message, domain, known, where)
    known_registered = {registered_domain(d) for d in known}
    if own and registered_domain(domain) not in {registered_domain(d) for d in own}:
        problems.append(
            finding("sender_not_of_vendor", where=where, expected=", ".join(own), actual=domain)
        )
    if registered_domain(domain) not in known_registered and not imitated:
        problems.append(finding("first_time_sender", where=where, actual=_readable(domain)))
    problems += _display_name(message, vendor, domain, known_registered, where)
    return tuple(problems)


def _hostile(domain: str, imitated: str, own: Collection[str]) -> bool:
    """Tell imitation from honest firms with similar names.

    A known domain that is not the vendor's own may resemble the sender's by
    chance (Becker and Decker), unless only look-alike letters tell them apart.
    """
    mine, theirs = _label(registered_domain(domain)), _label(imitated)
    if mine != theirs and _skeleton(mine) == _skeleton(theirs):
        return True
    return not own or imitated in {registered_domain(d) for d in own}


def _authenticity(
    message: Message, trusted_hosts: Collection[str], domain: str, where: str
) -> list[Finding]:
    result = authentication(message, trusted_hosts)
    found = (
        f"SPF {result.spf or 'none'}, DKIM {result.dkim or 'none'}, DMARC {result.dmarc or 'none'}"
    )
    if result.failed:
        return [
            finding(
                "sender_not_authentic",
                where=where,
                expected=f"a pass for {domain}",
                actual=f"{found} ({result.host})",
            )
        ]
    if not result.passed:
        return [finding("sender_unproved", where=where, actual=found if result.host else None)]
    return []


def _reply_to(message: Message, domain: str, known: Collection[str], where: str) -> list[Finding]:
    problems = []
    for _, address in getaddresses([message.headers.get("reply-to") or ""]):
        other = domain_of(address)
        if other is None or registered_domain(other) == registered_domain(domain):
            continue
        imitated = lookalike(other, {*known, domain})
        if imitated:
            problems.append(
                finding(
                    "lookalike_sender",
                    where=f"{where}, reply-to",
                    expected=imitated,
                    actual=_readable(other),
                )
            )
        else:
            problems.append(
                finding("reply_to_differs", where=where, expected=domain, actual=_readable(other))
            )
    return problems


def _display_name(
    message: Message,
    vendor: Vendor | None,
    domain: str,
    known: Collection[str],
    where: str,
) -> list[Finding]:
    """Report a sender who bears the vendor's name but writes from a free-mail account."""
    shown = parseaddr(message.sender)[0]
    if not shown or vendor is None or registered_domain(domain) not in FREE_MAIL:
        return []
    if registered_domain(domain) in known or core_name(shown) != core_name(vendor.name):
        return []
    return [
        finding(
            "lookalike_sender",
            where=where,
            message="The sender bears the vendor's name but writes from a free-mail account",
            expected=", ".join(vendor.email_domains) or "a domain of the vendor",
            actual=domain,
        )
    ]


def _label(domain: str) -> str:
    label = domain.split(".")[0]
    if label.startswith("xn--"):
        try:
            return label.encode("ascii").decode("idna")
        except UnicodeError:
            return label
    return label


def _readable(domain: str) -> str:
    """Show a punycode domain with its letters, so that a person sees the trick."""
    shown = ".".join(_label(part) for part in domain.split("."))
    return domain if shown == domain else f"{domain} ({shown})"


def _skeleton(label: str) -> str:
    plain = unicodedata.normalize("NFKD", label.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(_CONFUSABLE)
    for pair, single in _LOOKS_LIKE:
        plain = plain.replace(pair, single)
    return plain.replace("l", "i")


#: Words fraudsters put beside a known name to register it again.
_BUSINESS_WORDS = word_set(
    """
    rechnung rechnungen invoice invoices billing buchhaltung accounting accounts payment payments
    finance online gmbh group gruppe shop mail office service support de eu com
    """
)


def _bare(label: str) -> str:
    parts = [part for part in label.split("-") if part and part not in _BUSINESS_WORDS]
    return "".join(parts) or label
