"""Till receipts: shop, day and total, from OCR that is seldom clean.

A receipt has no invoice number worth trusting and no lines worth posting. It
does have an arithmetic of its own: what was given less the change is what was
paid, and that names the total among all the sums printed around it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from extractors.pages.dates import Order, dates_in
from extractors.shops import shop_name
from extractors.words import Box, PageWords, Word
from records.documents import Field, Kind, Place, Reading
from records.findings import finding
from records.vocabulary import FIELDS

_MAX_WORDS = 600
#: Below this a total that nothing proves, or a day, is shown to a person.
_SURE = 0.85
#: Kinds of evidence that paper came out of a till; two of them make a receipt.
_SIGNS = (
    r"\b(?:cash(?!\s*flow)|tender(?:ed)?|bargeld|bar\b|esp[eè]ces|contant|efectivo|contanti|got[oó]wka|numer[aá]rio)",
    r"\b(?:change|r[uü]ckgeld|rendu|monnaie|wisselgeld|cambio|resto|reszta|troco)\b",
    r"\b(?:receipt|cash bill|kassenbon|kassenzettel|quittung|ticket de caisse|kassabon|scontrino|paragon|recibo|tal[aã]o|guest check)\b",
    r"\b(?:cashier|kassierer|es bediente|caissier|caisse|kassa|cajero|cassiere|kasjer|operator|counter|server|salesperson|staff|terminal|pos no)\b",
    r"\b(?:visa|master ?card|maestro|amex|girocard|ec-karte|bancontact|pin betaling|carte bancaire|debit card|credit card|mastercard)\b",
    r"(?:thank you|please come again|vielen dank f[uü]r ihren (?:einkauf|besuch)|merci de votre visite|bedankt|gracias por su|grazie e arrivederci|dzi[eę]kujemy|goods sold are not)",
    r"\b(?:rounding|rundung|arrondi|afronding)\b",
    r"\b(?:table(?: no)?|tisch|pax|covers?|item count|item\(s\)|qty\(s\)|total qty|tot qty|no\. of items)\b",
)

# -- labels of amounts, most telling first; a row gets the first that fits

_NOT_TOTAL = re.compile(
    r"sub[- ]?total|zwischensumme|sous[- ]?total|subtotaal|subtotale|exclu|excl|before|without|netto?\b(?! total)"
    r"|qty|quantity|qúantity|item|count|saving|discount|disc\b|rabatt|remise|korting|sconto|descuento"
    r"|total (?:gst|tax|vat|sst|mwst|ust|iva|btw|tva)|(?:gst|tax|vat|sst) (?:total|payable|amt|amount)|gst @"
    r"|points|summary|service|serv\b|svc|tip\b",
    re.IGNORECASE,
)
_ROUNDING = re.compile(r"round(?!e?d? ?d? ?total)|rundung|arrondi|afronding", re.IGNORECASE)
_CHANGE = re.compile(
    r"change|r[uü]ckgeld|zur[uü]ck|rendu|monnaie|wisselgeld|cambio|vuelto|resto\b|reszta|troco",
    re.IGNORECASE,
)
_GIVEN = re.compile(
    r"\bcash\b|\bcb\b|tender|\bpaid\b|\bpay\b|payment|\bvisa\b|master|amex|debit|credit|\bcard\b|maestro|gegeben|\bbar\b"
    r"|esp[eè]ces|contant|efectivo|contanti|got[oó]wka|\bkarte\b|carte|girocard|amount paid|paid amount",
    re.IGNORECASE,
)
_PAYABLE = re.compile(
    r"grand ?total|nett? ?total|total (?:amt |amount )?(?:payable|due)|amount due|\bdue\b|balance due|to ?pay\b"
    r"|total after|after rounding|round(?:e?d? ?d) ?total|total rounded|total \(?rounded|total amount"
    r"|zu zahlen|zahlbetrag|gesamtbetrag|endbetrag|[aà] payer|te betalen|total a pagar|da pagare|do zap[lł]aty",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    r"\bt[o0a]ta[l1iì]\b|total|\bsumme\b|\bgesamt\b|totaal|totale|\bsuma\b|razem|importe",
    re.IGNORECASE,
)

_AMOUNT = re.compile(
    r"(?<![\d.,/:\-])(?P<sign>-\s?)?(?:(?:RM|RH|RN|MYR|EUR|USD|GBP|CHF|[$€£])\s?\.?)?"
    r"(?P<digits>\d{1,3}(?:[ ,.']\d{3})*[.,]\s?[\dOo]{2}|\d{1,6}[.,]\s?[\dOoSs]{2}|[OoUD][.,][\dOo]{2}|\d{1,4} \d{2}(?=\s*$))"
    r"(?![\d%/]|[.,:]\d)"
)
_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}(?:[:.]\d{2})?\s?(?:[AP][MHN]\b|Uhr|h\b)?", re.IGNORECASE)
_DATE_LABEL = re.compile(r"\bdat(?:e|um|a|o)\b|fecha|\bdt\b|giorno", re.IGNORECASE)
#: Separators that OCR bends, in something that is otherwise a date.
_BENT_DATE = re.compile(
    r"(?<!\d)(\d{1,2})\s?([-/.~=])\s?(\d{1,2})\s?[-/.~= ]\s?((?:20)?\d{2})(?!\d)|(?<!\d)(\d{2}) (\d{2})[-/.](\d{2})(?!\d)"
)

#: How far a date is trusted whose separators are not what they should be.
_BENT = 0.5
_LATEST_BENT_YEAR = 2039
_NUMBERS = re.compile(
    r"\b(?:tel|fax|phone|t[eé]l|fon|mobile|reg|gst|vat|siret|siren|rcs|iban|no)\b", re.I
)


@dataclass(frozen=True, slots=True)
class _Amount:
    value: Decimal
    row: int
    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    words: tuple[Word, ...]

    @property
    def box(self) -> Box:
        return _around(self.words)


def is_receipt(pages: Sequence[PageWords]) -> bool:
    """Say whether these pages are one till receipt: short, and with two signs of a till."""
    if len(pages) != 1 or not 5 <= len(pages[0].words) <= _MAX_WORDS:
        return False
    text = " ".join(word.text for word in pages[0].words)
    return sum(bool(re.search(sign, text, re.IGNORECASE)) for sign in _SIGNS) >= 2


def has_amount(text: str) -> bool:
    """Say whether an amount with its cents stands in a text."""
    return _AMOUNT.search(text) is not None


def read_receipt(page: PageWords, reading: Reading) -> Reading:
    """Return `reading` as a receipt: shop, day and total decided by a receipt's own rules."""
    rows = _rows(page)
    # Lines that do not add up to it are no lines of the receipt.
    stray = any(f.code == "lines_do_not_sum" for f in reading.findings)
    fields = [
        f
        for f in reading.fields
        if f.name not in _REPLACED and not (stray and FIELDS[f.name].scope == "line")
    ]
    for found in (_shop(rows, page), _day(rows, page), *_total(rows, page)):
        if found is not None:
            fields.append(found)
    names = {f.name for f in fields}
    missing = tuple(
        finding("missing_field", where=label)
        for name, label in (("issue_date", "Issue date"), ("gross_total", "Gross total"))
        if name not in names
    )
    kept = tuple(f for f in reading.findings if f.code not in _SUPERSEDED)
    unsure = tuple(
        finding("uncertain_field", where=FIELDS[f.name].label, message=f.why, actual=f.text)
        for f in fields
        if f.name in {"issue_date", "gross_total"} and not f.proved and f.confidence < _SURE
    )
    findings = (*kept, *missing, *unsure)
    return replace(reading, kind=Kind.RECEIPT, fields=tuple(fields), findings=findings)


def fill_gaps(page: PageWords, reading: Reading) -> Reading:
    """Return `reading` with shop, day and total where the page reader found none.

    For a photographed slip that shows no sign of a till. The values are weak,
    and a Finding holds the document for each.
    """
    rows = _rows(page)
    names = {f.name for f in reading.fields if f.line is None}
    fields: list[Field] = []
    for found in (_shop(rows, page), _day(rows, page), *_total(rows, page)):
        # A date that OCR bent is too weak on a paper of unknown kind.
        if found is not None and found.name not in names and found.confidence > _BENT:
            fields.append(replace(found, confidence=min(found.confidence, 0.6)))
    doubts = tuple(
        finding("uncertain_field", where=f"{FIELDS[f.name].label}", actual=f.value)
        for f in fields
        if f.name in {"issue_date", "gross_total"}
    )
    return replace(
        reading, fields=(*reading.fields, *fields), findings=(*reading.findings, *doubts)
    )


#: Values decided here; the page reader's own are dropped with its doubts about them.
_REPLACED = {"seller_name", "issue_date", "gross_total", "amount_due", "type_code"}
_SUPERSEDED = {
    "missing_field",
    "uncertain_field",
    "ambiguous_date",
    "fields_disagree",
    "lines_do_not_sum",
}


def _rows(page: PageWords) -> list[_Row]:
    """Group words whose middles lie level, from the top."""
    lines: list[list[Word]] = []
    for word in sorted(page.words, key=lambda w: w.box[1] + w.box[3]):
        middle = (word.box[1] + word.box[3]) / 2
        if lines:
            last = lines[-1]
            level = sum(w.box[1] + w.box[3] for w in last) / (2 * len(last))
            height = max(word.box[3] - word.box[1], 4.0)
            if abs(middle - level) < 0.5 * height:
                last.append(word)
                continue
        lines.append([word])
    rows = []
    for line in lines:
        ordered = tuple(sorted(line, key=lambda w: w.box[0]))
        rows.append(_Row(" ".join(w.text for w in ordered), ordered))
    return rows


def _around(words: Sequence[Word]) -> Box:
    return (
        min(w.box[0] for w in words),
        min(w.box[1] for w in words),
        max(w.box[2] for w in words),
        max(w.box[3] for w in words),
    )


# -- the total


def _amounts(row: _Row, index: int) -> Iterator[_Amount]:
    for match in _AMOUNT.finditer(row.text):
        digits = re.sub(r"[OoUD]", "0", match["digits"]).replace("S", "5").replace("s", "5")
        digits = re.sub(r"(?<=[.,]) ", "", digits)
        if re.fullmatch(r"\d{1,4} \d{2}", digits):
            digits = digits.replace(" ", ".")
        whole, cents = digits[:-3], digits[-2:]
        value = Decimal(f"{re.sub(r'[^0-9]', '', whole) or '0'}.{cents}")
        yield _Amount(-value if match["sign"] else value, index, match[0].strip(), row.box)


def _total(rows: list[_Row], page: PageWords) -> list[Field]:
    votes: Counter[Decimal] = Counter()
    where: dict[Decimal, _Amount] = {}
    reasons: dict[Decimal, list[str]] = {}
    given: list[Decimal] = []
    change: list[Decimal] = []
    settled = len(rows)

    def vote(amount: _Amount, weight: int, reason: str) -> None:
        if amount.value <= 0:
            return
        votes[amount.value] += weight
        where.setdefault(amount.value, amount)
        reasons.setdefault(amount.value, []).append(reason)

    for index, row in enumerate(rows):
        found = list(_amounts(row, index))
        text = row.text
        if not found and (_PAYABLE.search(text) or _TOTAL.search(text)) and index + 1 < len(rows):
            # A large total may stand on the next row, beside nothing.
            below = list(_amounts(rows[index + 1], index + 1))
            if len(below) == 1 and len(rows[index + 1].words) <= 2:
                found = below
        if not found:
            continue
        last = found[-1]
        if _CHANGE.search(text):
            change.append(abs(last.value))
        elif _ROUNDING.search(text) and not _PAYABLE.search(text):
            continue
        elif _PAYABLE.search(text) and not _NOT_TOTAL.search(text):
            vote(last, 5 if index < settled else 2, "labelled as payable")
        elif _GIVEN.search(text) and not re.search(r"total", text, re.IGNORECASE):
            settled = min(settled, index)
            given.append(abs(last.value))
        elif _TOTAL.search(text) and not _NOT_TOTAL.search(text):
            vote(last, 4 if index < settled else 1, "labelled as total")
        elif _TOTAL.search(text) and re.search(r"incl", text, re.IGNORECASE):
            vote(last, 4, "labelled as total with tax")
    known = {a.value: a for i, r in enumerate(rows) for a in _amounts(r, i)}
    proved: set[Decimal] = set()
    for paid in given:
        for back in change or [Decimal(0)]:
            rest = paid - back
            if rest > 0 and rest in known and (back or rest in votes or not change):
                strong = rest in votes and bool(change or len(given) == 1)
                vote(known[rest], 5 if strong else 2, f"given {paid} less change {back}")
                if strong:
                    proved.add(rest)
    if not votes:
        return []
    best, weight = max(votes.items(), key=lambda item: (item[1], where[item[0]].row))
    rival = max((w for v, w in votes.items() if v != best), default=0)
    confidence = 0.95 if best in proved else 0.8 if weight >= rival + 3 else 0.55
    amount = where[best]
    why = ", ".join(dict.fromkeys(reasons[best]))
    return [
        Field(
            name=name,
            value=format(best, "f"),
            text=amount.text,
            confidence=confidence,
            proved=best in proved,
            place=Place(page=page.number, box=amount.box),
            by=page.by,
            why=why,
        )
        for name in ("gross_total", "amount_due")
    ]


# -- the day


def _day(rows: list[_Row], page: PageWords) -> Field | None:
    best: tuple[int, date, str, _Row, bool] | None = None
    seen: Counter[date] = Counter()
    order, certain = _order(rows)
    for index, row in enumerate(rows):
        for day, text, bent in _days(row.text, order):
            seen[day] += 1
            score = 3 * bool(_DATE_LABEL.search(row.text)) + 2 * bool(
                _TIME.search(_without(row.text, text))
            )
            score -= 4 * bent + (index == 0)
            if best is None or score > best[0]:
                best = (score, day, text, row, bent)
    if best is None:
        return None
    _, day, text, row, bent = best
    # A slip of one digit goes unnoticed in a date: the engine's own doubt counts.
    doubt = min(w.confidence for w in row.words if any(c.isdigit() for c in w.text))
    both_ways = not certain and any(len(set(p.readings)) > 1 for p in dates_in(text))
    confidence = _BENT if bent or both_ways else (0.97 if len(seen) == 1 else 0.9) * doubt
    why = "day or month may come first" if both_ways else "the date beside the time or its label"
    return Field(
        name="issue_date",
        value=day.isoformat(),
        text=text,
        confidence=round(confidence, 2),
        place=Place(page=page.number, box=row.box),
        by=page.by,
        why=why,
    )


def _without(text: str, part: str) -> str:
    return text.replace(part, " ")


def _order(rows: list[_Row]) -> tuple[Order, bool]:
    """Say what stands first in dates, and whether that is certain.

    Most of the world writes the day first. Dollars alone say little: some who
    pay in them write the month first.
    """
    orders = {
        p.certain_order for r in rows for p in dates_in(r.text) if p.certain_order is not None
    }
    if len(orders) == 1:
        return orders.pop(), True
    text = " ".join(r.text for r in rows)
    if re.search(r"\b[A-Z]{2} \d{5}(?:-\d{4})?\b", text) and "$" in text:
        return Order.MONTH, True
    return Order.DAY, "$" not in text


def _days(text: str, order: Order) -> Iterator[tuple[date, str, bool]]:
    printed = dates_in(text)
    for item in printed:
        day = item.read(order)
        if day is not None:
            yield day, item.text, False
    if printed:
        return
    for match in _BENT_DATE.finditer(text):
        first, second, third = (
            (match[1], match[3], match[4]) if match[1] else (match[5], match[6], match[7])
        )
        year = int(third) + (2000 if len(third) == 2 else 0)
        if year > _LATEST_BENT_YEAR or _NUMBERS.search(text):
            continue  # a telephone or registration number, more likely
        numbers = (int(second), int(first)) if order is Order.DAY else (int(first), int(second))
        try:
            yield date(year, *numbers), match[0], True
        except ValueError:
            continue


# -- the shop


def _shop(rows: list[_Row], page: PageWords) -> Field | None:
    found = shop_name([row.text for row in rows])
    if found is None:
        return None
    words = [word for row in rows[found.first : found.last + 1] for word in row.words]
    sure = sum(w.confidence for w in words) / len(words)
    return Field(
        name="seller_name",
        value=found.name,
        text=" ".join(word.text for word in words),
        confidence=round(0.85 * sure, 2),
        place=Place(page=page.number, box=_around(words)),
        by=page.by,
        why=found.why,
    )
