"""The same invoice arriving again: exact, disguised, through a double of the vendor.

An invoice is known by vendor group, number and gross amount. The number is
compared in a form that survives re-typing, OCR and what senders add to a copy;
because that form is generous, the gross amount must agree to the cent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from matching.names import fold, squeezed, word_set
from records.findings import Finding, Severity, finding
from records.invoices import Invoice

#: What OCR takes for one another, written as digits.
_OCR = str.maketrans("oqilszbg", "00115286")
#: Words in front of a number.
_PREFIXES = word_set(
    """
    rechnungsnummer rechnungsnr rechnung rechn invoicenumber invoiceno invoice
    inv re rg rnr rn facture fact fatt fattura factura factuur fac faktura fa nr no
    num bill belegnr beleg gutschrift creditnote credit gs cn
    """
)


def _prefixed(words: Iterable[str]) -> re.Pattern[str]:
    longest_first = "|".join(sorted(words, key=len, reverse=True))
    return re.compile(f"(?:{longest_first})(?P<number>[0-9].*)")


_PREFIX = _prefixed(_PREFIXES)
#: The same as OCR may leave them; without those that turn into bare digits.
_MISREAD_PREFIX = _prefixed(
    [p for p in (prefix.translate(_OCR) for prefix in _PREFIXES) if not p.isdigit()]
)
#: What senders add to a number when they send it again.
_SUFFIXES = tuple(
    sorted(
        {
            word.translate(_OCR)
            for word in [
                "mahnung",
                "zahlungserinnerung",
                "erinnerung",
                "kopie",
                "copy",
                "duplikat",
                "duplicate",
                "duplicata",
                "kopia",
                "copia",
                "rev",
                "neu",
                "korr",
                "reminder",
                "zweitschrift",
            ]
        },
        key=len,
        reverse=True,
    )
)
#: Short marks of a copy: "-K", "/1", "A" behind a digit, again and again.
_SHORT_SUFFIX = re.compile(r"(?:(?<=\d) ?a+|(?<=[\da]) (?:k|d|1|2x))$")
#: How much of a text is compared; hostile documents carry megabytes.
_LONGEST = 300
#: Shorter numbers are too common to tell invoices of different vendors apart.
_TELLING = 5


@lru_cache(maxsize=262144)
def number_forms(number: str) -> tuple[str, ...]:
    """Return the forms by which two prints of one invoice number are recognised.

    Two numbers may be the same when any form is shared: "RE-2026-00471",
    "2026 471 Kopie" and "Rechnung 2O26/00471". The second form drops the zeros
    that lead each part, the first only those of the whole. Not a name of the
    invoice: different numbers may share a form.
    """
    text = _without_suffix(fold(number.strip()[:_LONGEST]))
    parts = _without_prefix(text.split(), _PREFIX)
    parts = _without_prefix([part.translate(_OCR) for part in parts], _MISREAD_PREFIX)
    whole = "".join(parts).lstrip("0") or "0"
    bare = "".join(part.lstrip("0") or "0" for part in parts) or whole
    return (whole,) if whole == bare else (whole, bare)


def _without_suffix(text: str) -> str:
    while True:
        head, _, last = text.rpartition(" ")
        shorter = head if head and last.translate(_OCR).startswith(_SUFFIXES) else text
        shorter = _SHORT_SUFFIX.sub("", shorter)
        if shorter == text or not shorter:
            return text
        text = shorter


def _without_prefix(parts: list[str], prefix: re.Pattern[str]) -> list[str]:
    """Drop words such as "Rechnung Nr.", whether by themselves or glued to the number."""
    while len(parts) > 1 and prefix.fullmatch(parts[0] + "0"):
        parts = parts[1:]
    if parts:
        glued = prefix.fullmatch(parts[0])
        if glued:
            return [glued.group("number"), *parts[1:]]
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierInvoice:
    """What must be remembered of every invoice seen, whatever became of it.

    `vendor_id` is any record of the vendor, empty when it was not known.
    `gross` is signed: credit notes negative. `message_key` is the message it
    came with, `prepaid` what it asked for in advance (type 386), `lines` what
    `lines_mark` says of it, `held` whether a person still has to decide.
    """

    id: str
    vendor_id: str
    number: str
    gross: Decimal
    currency: str | None = None
    issue_date: date | None = None
    message_key: str | None = None
    order_ids: tuple[str, ...] = ()
    lines: str = ""
    prepaid: Decimal = Decimal(0)
    prepaid_tax: Decimal = Decimal(0)
    deducted: Decimal = Decimal(0)
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """What is known of an invoice's earlier arrivals."""

    duplicate_of: EarlierInvoice | None = None
    second_view_of: EarlierInvoice | None = None
    findings: tuple[Finding, ...] = ()


class InvoiceHistory:
    """All earlier invoices, indexed for the question "did we have this one?"."""

    def __init__(self) -> None:
        """Start empty."""
        self._anywhere: dict[tuple[str, Decimal, date | None], list[EarlierInvoice]] = {}
        self._by_number: dict[tuple[str, str], list[EarlierInvoice]] = {}
        self._by_order: dict[str, list[EarlierInvoice]] = {}
        self._by_day: dict[tuple[str, date | None], list[EarlierInvoice]] = {}

    def add(self, earlier: EarlierInvoice, group_id: str) -> None:
        """Remember an invoice under its vendor group; the first of equal ones is kept."""
        forms = number_forms(earlier.number)
        for form in forms:
            self._by_number.setdefault((group_id, form), []).append(earlier)
        key = (forms[0], earlier.gross, earlier.issue_date)
        self._anywhere.setdefault(key, []).append(earlier)
        self._by_day.setdefault((group_id, earlier.issue_date), []).append(earlier)
        if earlier.prepaid or earlier.deducted:
            for order_id in earlier.order_ids:
                self._by_order.setdefault(order_id, []).append(earlier)

    def by_number(self, group_id: str, number: str) -> list[EarlierInvoice]:
        """Return the vendor's invoices whose number is that one, however it is printed."""
        found: list[EarlierInvoice] = []
        for form in number_forms(number):
            found += [e for e in self._by_number.get((group_id, form), ()) if e not in found]
        return found

    def _same(self, invoice_id: str, invoice: Invoice, group_id: str) -> EarlierInvoice | None:
        gross, forms = signed_gross(invoice), number_forms(invoice.number or "")
        for form in forms:
            for known in self._by_number.get((group_id, form), ()):
                same = known.gross == gross and _same_currency(known, invoice)
                if same and known.id != invoice_id:
                    return known
        if len(forms[0]) < _TELLING or invoice.issue_date is None:
            return None
        # The same paper through another vendor: only when number, date, amount and lines agree.
        for known in self._anywhere.get((forms[0], gross, invoice.issue_date), ()):
            if known.id != invoice_id and known.lines == lines_mark(invoice):
                return known
        return None

    def advances(self, orders: Iterable[str]) -> list[EarlierInvoice]:
        """Return the invoices that asked for money in advance for these orders, or set it off."""
        return list({e.id: e for o in orders for e in self._by_order.get(o, ())}.values())

    def around(self, group_id: str, day: date, days: int) -> list[EarlierInvoice]:
        """Return the vendor's invoices dated within so many days of `day`."""
        return [
            earlier
            for offset in range(-days, days + 1)
            for earlier in self._by_day.get((group_id, day + timedelta(days=offset)), ())
        ]

    def check(
        self, invoice_id: str, invoice: Invoice, group_id: str, message_key: str | None = None
    ) -> Repetition:
        """Say whether the vendor sent this invoice before.

        The same number and gross out of the same message is a second view of
        one invoice (a PDF beside its XML), not a duplicate. The same number
        with another amount is a warning, because numbering restarts; within a
        year it holds, and out of the same message it is a contradiction.
        """
        if not invoice.number or invoice.gross_total is None:
            return Repetition()
        gross = signed_gross(invoice)
        where = f"invoice {invoice.number}"
        known = self._same(invoice_id, invoice, group_id)
        if known is not None:
            if message_key is not None and known.message_key == message_key:
                view = finding("second_view", where=where, actual=known.id)
                return Repetition(second_view_of=known, findings=(view,))
            return Repetition(duplicate_of=known, findings=(_duplicate(where, known, invoice),))
        others = [
            e
            for e in self.by_number(group_id, invoice.number)
            if e.id != invoice_id and (e.gross < 0) == (gross < 0)
        ]
        for other in others:
            if message_key is not None and other.message_key == message_key:
                clash = finding("views_disagree", where=where, expected=other.gross, actual=gross)
                return Repetition(findings=(clash,))
        if others:
            reused = finding(
                "number_reused",
                where=where,
                expected=f"{others[-1].gross} on {others[-1].issue_date}",
                actual=f"{gross} on {invoice.issue_date}",
                severity=Severity.BLOCK if any(_same_year(o, invoice) for o in others) else None,
            )
            return Repetition(findings=(reused,))
        # One line alone repeats too easily: a flat fee, two deliveries on a day.
        that_day = self._by_day.get((group_id, invoice.issue_date), ())
        same_day = [e for e in that_day if e.gross == gross]
        mark = lines_mark(invoice) if same_day and len(invoice.lines) > 1 else None
        for twin in same_day:
            if twin.id != invoice_id and twin.lines == mark:
                alike = finding(
                    "possible_duplicate",
                    where=where,
                    expected="other lines or date",
                    actual=f"{twin.number} ({twin.id})",
                )
                return Repetition(findings=(alike,))
        return Repetition()


def signed_gross(invoice: Invoice) -> Decimal:
    """Return the gross total with the sign of the document's direction."""
    return invoice.sign * (invoice.gross_total or Decimal(0))


def lines_mark(invoice: Invoice) -> str:
    """Return what the lines of two prints of one invoice share: texts, quantities, amounts."""
    return "|".join(
        f"{fold((x.description or x.article_number or '')[:_LONGEST])}~{x.quantity}~{x.net_amount}"
        for x in invoice.lines
    )


def _same_year(known: EarlierInvoice, invoice: Invoice) -> bool:
    """Say whether one number was printed twice in a year, letter for letter: numbering forbids it."""
    if known.issue_date is None or invoice.issue_date is None:
        return False
    same = squeezed(known.number) == squeezed(invoice.number or "")
    return same and known.issue_date.year == invoice.issue_date.year


def _same_currency(known: EarlierInvoice, invoice: Invoice) -> bool:
    return None in (known.currency, invoice.currency) or known.currency == invoice.currency


def _duplicate(where: str, known: EarlierInvoice, invoice: Invoice) -> Finding:
    exact = known.number == invoice.number
    said = "the same number" if exact else "the number differently written"
    return finding(
        "duplicate",
        where=where,
        message=f'Received before as "{known.number}": {said}, the same vendor and gross amount',
        expected="an invoice not seen before",
        actual=f"{known.number} of {known.issue_date} ({known.id})",
    )
