"""Does the page say what its embedded e-invoice says?

An XML value that stands anywhere on the page, in any notation, agrees. One
that does not may simply not be printed (a tax total under two rates, say), so
absence alone proves nothing: it counts when the page names another value for
the same thing, or when two of the values every invoice prints are absent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from stdnum import iban

from extractors.pages.dates import dates_in
from extractors.pages.figures import currency_codes
from records.documents import Field
from records.findings import Finding, finding
from records.vocabulary import FIELDS

#: What every invoice prints.
_PRINTED = ("invoice_number", "issue_date", "net_total", "gross_total")
#: What must not differ where the page names it.
_CORE = (*_PRINTED, "amount_due", "due_date", "currency")
#: A page reading counts as naming a value from this confidence on.
_NAMED = 0.6
#: So few words are no page: a stamp, a cover, an image with a caption.
_MIN_WORDS = 20

_AMOUNT = re.compile(
    r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f'’.,]\d{3})+(?:[.,]\d{1,4})?(?!\d)|\d+(?:[.,]\d{1,4})?"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]{1,4}){3,9}\b")
_CURRENCY = re.compile(
    r"(?<![^\W\d_])(?:[A-Z]{3}|[A-Z]{0,3}\$|Euros?|Kč|zł|Ft|kr|lei)(?![^\W\d_])|[€£¥₹₺]"
)
#: A number shorter than this stands somewhere on every page; it must stand by itself.
_SHORT = 6


def disagreements(
    xml: Sequence[Field], text: str, read_page: Callable[[], Sequence[Field]]
) -> Iterator[Finding]:
    """Compare the fields of the XML with the page's text and with what can be read from it.

    `text` is all words of all pages; `read_page` is asked only when a value is
    missing there. Yields one Finding per value that differs; nothing at all
    when the page has hardly any text.
    """
    if len(text.split()) < _MIN_WORDS:
        return
    printed = _Page(text)
    values = {f.name: f for f in reversed(xml) if f.line is None}
    absent = [name for name in _CORE if name in values and not printed.shows(values[name])]
    named = {
        f.name: f
        for f in (read_page() if absent else ())
        if f.line is None and f.name in _CORE and (f.proved or f.confidence >= _NAMED)
    }
    told: set[str] = set()
    for name in absent:
        other = named.get(name)
        if name == "due_date" and other is not None and _is_discount_day(other.value, values):
            continue
        if other is not None and not _same(name, values[name].value, other.value):
            told.add(name)
            yield _finding(name, values[name].value, other.text or other.value)
    yield from _accounts(xml, printed, told)
    number = values.get("invoice_number")
    if number is not None and "invoice_number" not in told and printed.lacks_number(number.value):
        told.add("invoice_number")
        yield _finding("invoice_number", number.value, "not on the page")
    missing = [name for name in absent if name in _PRINTED and name not in told]
    # What is to be paid stands on every invoice, as the total or as the amount due.
    unpayable = {"gross_total", "amount_due"}.issubset(absent)
    if unpayable or len(missing) + len(told.intersection(_PRINTED)) >= 2:
        for name in missing:
            yield _finding(name, values[name].value, "not on the page")


def _is_discount_day(day: str, xml: Mapping[str, Field]) -> bool:
    """Say whether a day the page names for paying is the XML's day for paying less."""
    until, terms = xml.get("skonto_until"), xml.get("payment_terms")
    if until is not None and until.value == day:
        return True
    told = dates_in(terms.value) if terms is not None else []
    return any(day == each.isoformat() for printed in told for each in printed.readings)


def _accounts(xml: Sequence[Field], printed: _Page, told: set[str]) -> Iterator[Finding]:
    """The page names accounts, and none of the XML's is among them: money would go elsewhere."""
    ours = [f.value for f in xml if f.name == "iban"]
    theirs = printed.accounts()
    if ours and theirs and not any(printed.squeezed_has(account) for account in ours):
        told.add("iban")
        yield _finding("iban", ", ".join(ours), ", ".join(sorted(theirs)))


def _finding(name: str, expected: str, actual: str) -> Finding:
    return finding(
        "page_contradicts_xml",
        where=FIELDS[name].label,
        message=f"the e-invoice and the page differ in: {FIELDS[name].label}",
        expected=expected,
        actual=actual,
    )


def _same(name: str, one: str, two: str) -> bool:
    if FIELDS[name].type == "amount":
        try:
            return abs(Decimal(one)) == abs(Decimal(two))
        except InvalidOperation:
            return False
    if name == "invoice_number":
        # Pages drop or add a prefix, a year or a suffix; that is not another invoice.
        first, second = _squeezed(one), _squeezed(two)
        return first in second or second in first
    return one == two


class _Page:
    """The text of all pages, ready to be asked whether a value stands there."""

    def __init__(self, text: str) -> None:
        self._text = unicodedata.normalize("NFKC", text)
        self._squeezed = _squeezed(self._text)
        self._amounts = _amounts(self._text)
        self._days = {day for printed in dates_in(self._text) for day in printed.readings}

    def shows(self, field: Field) -> bool:
        kind = FIELDS[field.name].type
        if kind == "amount":
            # Zero is often a dash or nothing at all.
            amount = abs(Decimal(field.value))
            return amount == 0 or amount.normalize() in self._amounts
        if kind == "date":
            day = date.fromisoformat(field.value)
            return day in self._days or f"{day:%Y%m%d}" in self._text
        if field.name == "currency":
            found = {c for sign in _CURRENCY.findall(self._text) for c in currency_codes(sign)}
            return not found or field.value in found
        return self.squeezed_has(field.value)

    def squeezed_has(self, value: str) -> bool:
        """Say whether a code stands on the page, however it is spaced."""
        if len(_squeezed(value)) < _SHORT:
            alone = rf"(?<![^\W_]){re.escape(value)}(?![^\W_])"
            return re.search(alone, self._text, re.IGNORECASE) is not None
        return _squeezed(value) in self._squeezed

    def lacks_number(self, number: str) -> bool:
        """Say whether not even a counter out of a document's number stands on the page.

        Pages write numbers shorter or longer, but no page leaves out all of its counters.
        """
        counters = [digits.lstrip("0") for digits in re.findall(r"\d{3,}", number)]
        counters = [digits for digits in counters if len(digits) >= 2]
        return bool(counters) and not any(digits in self._squeezed for digits in counters)

    def accounts(self) -> set[str]:
        """The valid IBANs on the page."""
        found = set()
        for match in _IBAN.finditer(self._text.upper()):
            account = re.sub(r"\s", "", match[0])
            # The pattern may have taken the next word along.
            for end in range(len(account), 14, -1):
                if iban.is_valid(account[:end]):
                    found.add(account[:end])
                    break
        return found


def _squeezed(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())


def _amounts(text: str) -> set[Decimal]:
    """Every number on the page, under every reading of its separators."""
    found: set[Decimal] = set()
    for match in _AMOUNT.finditer(text):
        digits = re.sub(r"[ \u00a0\u202f'’]", "", match[0])
        for reading in (
            digits.replace(".", "").replace(",", "."),
            digits.replace(",", ""),
            re.sub(r"[.,]", "", digits),
        ):
            try:
                found.add(Decimal(reading).normalize())
            except InvalidOperation:
                continue
    # Grouping with spaces may have glued two columns: count the plain tokens, too.
    for token in re.findall(r"\d+[.,]\d{1,4}(?!\d)", text):
        found.add(Decimal(token.replace(",", ".")).normalize())
    return found
