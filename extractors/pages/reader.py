"""The reader: one document's rows in, one Reading out, every field with its evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from extractors.pages import header, identifiers, kinds, parties
from extractors.pages.currency import Evidence, find_currency
from extractors.pages.dates import Order
from extractors.pages.figures import Style, style_of
from extractors.pages.layout import Row, Sheet
from extractors.pages.table import Item, Table, extends, read_table
from extractors.pages.totals import CENT, Occurrence, Sums, Totals, choose
from records.documents import Field, Kind, Place, Reading
from records.findings import Finding, finding
from records.vocabulary import FIELDS

#: How much page text a Reading keeps, in characters.
TEXT_LIMIT = 60_000
#: Below this a core value is held for a person.
SURE = 0.7
#: Below this a party is rather left out than named wrongly.
NAMED = 0.6

_POSTABLE = frozenset(
    {Kind.INVOICE, Kind.CREDIT_NOTE, Kind.CORRECTED_INVOICE, Kind.SELF_BILLED_INVOICE}
)
_CORE = ("invoice_number", "issue_date", "currency", "gross_total")


def read_sheet(sheet: Sheet, pages: tuple[int, int] | None) -> Reading:
    """Read one document. Never raises on bad data; what is unsure is a Finding."""
    return _Reader(sheet).read(pages)


class _Reader:
    """Collects the fields and findings of one document, step by step."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.fields: list[Field] = []
        self.findings: list[Finding] = []

    def read(self, pages: tuple[int, int] | None) -> Reading:
        sheet = self.sheet
        found = kinds.titles(sheet)
        kind, sure, title = kinds.classify(sheet, found)
        style, table, totals = self._amounts()
        vats = list(identifiers.vat_ids(sheet))
        people = parties.find_parties(sheet, table.rows, vats)
        references = header.references(sheet, table.rows)
        kind = self._kind(kind, sure, title, totals)
        evidence = self._currency(totals)
        number = self._references(references, kind)
        self._dates(table.rows, evidence, people, vats)
        self._parties(people)
        self._payment()
        sign = self._sign(kind, totals)
        self._totals(totals, sign, style)
        self._lines(table, totals, style, sign)
        if kind in _POSTABLE:
            self._demand_core(number)
        elif kind is not Kind.UNKNOWN:
            self.findings.append(
                finding("not_an_invoice", actual=kind.value.replace("_", " "), expected="invoice")
            )
        return Reading(
            kind=kind,
            fields=tuple(self.fields),
            findings=tuple(self.findings),
            pages=pages,
            text=sheet.text[:TEXT_LIMIT],
        )

    # -- what it is

    def _kind(self, kind: Kind, sure: float, title: kinds.Title | None, totals: Totals) -> Kind:
        if kind is Kind.UNKNOWN and "gross_total" in totals.proved:
            self.findings.append(
                finding(
                    "uncertain_field",
                    where="Kind of document",
                    message="The amounts look like an invoice, but no title says so",
                )
            )
            return Kind.INVOICE
        code = kinds.TYPE_CODES.get(kind)
        if code:
            place, text = None, ""
            if title is not None:
                place = self._place(title.row, title.first, title.last)
                text = title.row.words(title.first, title.last)
            self.fields.append(
                Field(
                    name="type_code",
                    value=code,
                    text=text,
                    confidence=round(min(sure, 0.98), 2),
                    place=place,
                    by=self.sheet.by,
                    why=f"titled '{text}'" if text else "the word invoice occurs, without a title",
                )
            )
        return kind

    def _sign(self, kind: Kind, totals: Totals) -> int:
        """Return -1 where a credit note prints negative amounts: its code carries the sign."""
        gross = totals.value("gross_total")
        return -1 if kind is Kind.CREDIT_NOTE and gross is not None and gross < 0 else 1

    # -- amounts

    def _amounts(self) -> tuple[Style, Table, Totals]:
        figures = [f for row in self.sheet.rows for f in row.figures]
        style = style_of(figures)
        if style is not None:
            table = read_table(self.sheet, style)
            return style, table, self._chosen(table, style)
        tried = []
        for option in (Style.POINT, Style.COMMA):
            table = read_table(self.sheet, option)
            tried.append((option, table, self._chosen(table, option)))
        tried.sort(key=lambda t: -t[2].score)
        best, other = tried
        gross = best[2].chosen.get("gross_total")
        if gross is not None and gross.figure.is_ambiguous and other[2].score > best[2].score - 0.5:
            self.findings.append(
                finding("ambiguous_amount", where="Gross total", actual=gross.figure.text)
            )
        return best

    def _chosen(self, table: Table, style: Style) -> Totals:
        return choose(self.sheet, style, table.rows, sums_of(table.items, style))

    def _totals(self, totals: Totals, sign: int, style: Style) -> None:
        for name in (
            "lines_total",
            "allowance_total",
            "charge_total",
            "net_total",
            "tax_total",
            "gross_total",
            "prepaid_total",
            "rounding_amount",
            "amount_due",
        ):
            held = totals.chosen.get(name)
            value = totals.value(name)
            if value is None:
                continue
            proved = name in totals.proved and name not in totals.doubtful
            confidence = self._amount_confidence(name, totals, held)
            if confidence < 0.5:
                continue
            if name in {"allowance_total", "charge_total", "prepaid_total"}:
                value = abs(value)
            else:
                value *= sign
            self.fields.append(
                self._field(
                    name,
                    _plain(value),
                    held.row if held else None,
                    held.figure.first if held else 0,
                    held.figure.last if held else 0,
                    confidence,
                    totals.why.get(name, f"printed beside '{held.label}'" if held else "computed"),
                    proved=proved,
                )
            )
        for number, row in enumerate(totals.taxes, 1):
            self._tax_row(
                number, row.rate, row.percent, row.basis, row.tax, row.row, row.proved, sign
            )
        if totals.chosen and not totals.taxes:
            self._single_tax_row(totals, sign)

    def _tax_row(
        self,
        number: int,
        rate: Decimal | None,
        percent: object,
        basis: Occurrence | None,
        tax: Occurrence | None,
        row: Row,
        proved: bool,
        sign: int,
    ) -> None:
        why = "rate times base is the tax" if proved else "printed in one row"
        sure = 0.98 if proved else 0.85
        if rate is not None:
            first, last = percent.first, percent.last  # type: ignore[attr-defined]
            self.fields.append(
                self._field(
                    "tax_rate",
                    _plain(rate),
                    row,
                    first,
                    last,
                    sure,
                    why,
                    line=number,
                    proved=proved,
                )
            )
        for name, item in (("tax_basis", basis), ("tax_amount", tax)):
            if item is not None:
                self.fields.append(
                    self._field(
                        name,
                        _plain(item.value * sign),
                        item.row,
                        item.figure.first,
                        item.figure.last,
                        sure,
                        why,
                        line=number,
                        proved=proved,
                    )
                )

    def _single_tax_row(self, totals: Totals, sign: int) -> None:
        """Make the breakdown of an invoice with one rate from net, tax and the rate printed."""
        net, tax = totals.value("net_total"), totals.value("tax_total")
        if net is None or tax is None or not tax or "tax_total" not in totals.proved:
            return
        rows = [r for r in self.sheet.rows if any(f.percent for f in r.figures)]
        for row in rows:
            for figure in row.figures:
                if not figure.percent:
                    continue
                rate = abs(figure.read(Style.COMMA if "," in figure.digits else Style.POINT))
                if rate and abs(abs(net) * rate / 100 - abs(tax)) <= 2 * CENT:
                    why = "the printed rate of the net total is the tax"
                    self.fields.append(
                        self._field(
                            "tax_rate",
                            _plain(rate),
                            row,
                            figure.first,
                            figure.last,
                            0.95,
                            why,
                            line=1,
                            proved=True,
                        )
                    )
                    for name, value in (("tax_basis", net), ("tax_amount", tax)):
                        self.fields.append(
                            self._field(
                                name,
                                _plain(value * sign),
                                None,
                                0,
                                0,
                                0.95,
                                why,
                                line=1,
                                proved=True,
                            )
                        )
                    return

    def _amount_confidence(self, name: str, totals: Totals, held: Occurrence | None) -> float:
        if name in totals.doubtful:
            label = max(held.concepts.values(), default=0.0) if held else 0.0
            return 0.45 + 0.2 * label
        if name in totals.proved:
            return 0.99
        if name == "amount_due":
            return min(0.93, self._amount_confidence("gross_total", totals, None))
        if held is None:
            return 0.85
        return min(0.9, 0.35 + 0.6 * max(held.concepts.values(), default=0.0))

    # -- lines

    def _lines(self, table: Table, totals: Totals, style: Style, sign: int) -> None:
        if not table.items:
            return
        sums = sums_of(table.items, style)
        targets = [totals.value(n) for n in ("lines_total", "net_total", "gross_total")]
        known = [t for t in targets if t is not None]
        summed = any(sums.has(t) for t in known)
        use_reduced = (
            summed
            and sums.reduced is not None
            and sums.reduced != sums.plain
            and any(abs(abs(sums.reduced) - abs(t)) <= CENT for t in known)
        )
        for number, item in enumerate(table.items, 1):
            self._line(number, item, style, sign, summed, use_reduced)
        if not summed and known and sums.plain is not None:
            self.findings.append(
                finding(
                    "lines_do_not_sum",
                    message="The lines as read do not add up to a printed total",
                    expected=_plain(known[0]),
                    actual=_plain(sums.plain * sign),
                    remedy="Compare the lines with the page.",
                )
            )

    def _line(
        self, number: int, item: Item, style: Style, sign: int, summed: bool, reduced: bool
    ) -> None:
        multiplied = extends(item, style)
        proved = summed or multiplied is True
        sure = (
            0.99
            if summed and multiplied
            else 0.96
            if proved
            else 0.8
            if multiplied is None
            else 0.6
        )
        why = (
            "quantity times price is the amount"
            if multiplied
            else "the lines add up"
            if summed
            else "read from its column"
        )
        names = {
            "position": "line_id",
            "quantity": "quantity",
            "unit_price": "unit_price",
            "price_base": "price_base_quantity",
            "vat_rate": "vat_rate",
        }
        if "unit_price" not in item.cells and "gross_price" in item.cells:
            names["gross_price"] = "unit_price"
        for role, name in names.items():
            cell = item.cells.get(role)
            if cell is None:
                continue
            value = cell.text.strip(".:") if cell.figure is None else None
            if cell.figure is not None:
                amount = cell.figure.read(style)
                if name == "quantity" and sign < 0:
                    amount = abs(amount)
                elif name == "vat_rate":
                    amount = cell.figure.read(
                        Style.COMMA if "," in cell.figure.digits else Style.POINT
                    )
                value = _plain(amount)
            if value is None or (name != "line_id" and cell.figure is None):
                continue
            certain = multiplied is True and name in {"quantity", "unit_price"}
            self.fields.append(
                self._field(
                    name,
                    value,
                    cell.row,
                    cell.first,
                    cell.last,
                    sure if name != "line_id" else 0.9,
                    why,
                    line=number,
                    proved=certain,
                )
            )
        rate = item.cells.get("vat_text")
        if rate is not None and "vat_rate" not in item.cells:
            found = re.search(r"\d{1,2}(?:[.,]\d{1,2})?(?=\s?%)", rate.text)
            if found:
                value = _plain(Decimal(found.group().replace(",", ".")))
                self.fields.append(
                    self._field(
                        "vat_rate",
                        value,
                        rate.row,
                        rate.first,
                        rate.last,
                        0.9,
                        "read from its column",
                        line=number,
                    )
                )
        amount_cell = item.cells.get("net_amount") or item.cells.get("gross_amount")
        if amount_cell is None:
            amount_cell = item.cells.get("unit_price")
        if amount_cell is not None and amount_cell.figure is not None:
            amount = amount_cell.figure.read(style)
            if reduced:
                for allowance in item.allowances:
                    if allowance.figure is not None:
                        cut = abs(allowance.figure.read(style))
                        amount -= cut
                        self.fields.append(
                            self._field(
                                "line_allowance",
                                _plain(cut),
                                allowance.row,
                                allowance.first,
                                allowance.last,
                                0.95,
                                "printed under the line",
                                line=number,
                            )
                        )
            self.fields.append(
                self._field(
                    "net_amount",
                    _plain(amount * sign),
                    amount_cell.row,
                    amount_cell.first,
                    amount_cell.last,
                    sure,
                    why,
                    line=number,
                    proved=proved,
                )
            )
        text = " ".join(c.text for c in item.description).strip()
        if text:
            head = item.description[0]
            self.fields.append(
                self._field(
                    "description",
                    text[:500],
                    head.row,
                    head.first,
                    head.last,
                    0.9,
                    "read from its column",
                    line=number,
                )
            )
        for role in ("article_number", "unit"):
            cell = item.cells.get(role)
            if cell is not None and cell.text.strip(" -.:"):
                self.fields.append(
                    self._field(
                        role,
                        cell.text.strip(" .:"),
                        cell.row,
                        cell.first,
                        cell.last,
                        0.85,
                        "read from its column",
                        line=number,
                    )
                )

    # -- header

    def _currency(self, totals: Totals) -> Evidence | None:
        signs = tuple(
            (o.row, o.figure.first, o.figure.last, o.figure.sign)
            for name, o in totals.chosen.items()
            if name in {"gross_total", "net_total", "amount_due"}
        )
        found = find_currency(self.sheet, signs)
        if found is not None and found.score >= 0.5:
            self.fields.append(
                self._field(
                    "currency",
                    found.code,
                    found.row,
                    found.first,
                    found.last,
                    found.score,
                    found.why,
                )
            )
        return found

    def _references(
        self, found: dict[str, list[header.Candidate]], kind: Kind
    ) -> header.Candidate | None:
        taken: set[str] = set()
        number = None
        for name in (
            "preceding_invoice_ref",
            "invoice_number",
            "purchase_order_ref",
            "customer_number",
            "contract_ref",
            "delivery_note_ref",
            "payment_reference",
            "mandate_id",
            "buyer_reference",
            "sales_order_ref",
        ):
            items = found.get(name, [])
            if name == "invoice_number":
                others = {
                    c.text
                    for other, cs in found.items()
                    if other not in {"invoice_number", "payment_reference"}
                    for c in cs
                    if c.score >= 0.8
                }
                items = [c for c in items if c.text not in others or c.score >= 0.95]
            if name == "purchase_order_ref" and not any(c.score >= 0.7 for c in items):
                # `Your reference` is the order, where nothing else is called so.
                yours = [c for c in found.get("buyer_reference", []) if len(c.text) >= 4]
                items = [c._replace(score=c.score * 0.85) for c in yours[:1]] + items
            if not items or items[0].score < 0.4:
                continue
            best = items[0]
            if name == "preceding_invoice_ref" and kind is Kind.INVOICE and best.score < 0.9:
                continue
            rivals = [
                c
                for c in items[1:]
                if c.score > best.score - 0.1 and _key(c.text) != _key(best.text)
            ]
            agreeing = sum(_key(c.text) == _key(best.text) for c in items)
            sure = min(0.97, best.score + 0.03 * (agreeing - 1))
            if name != "invoice_number" and (best.score < 0.7 or best.text in taken):
                continue
            if rivals and name == "invoice_number":
                sure = min(sure, 0.6)
            if name == "invoice_number":
                number = best
                taken.add(best.text)
            self.fields.append(
                self._field(
                    name,
                    best.text,
                    best.row,
                    best.first,
                    best.last,
                    sure,
                    f"stands with '{best.label}'",
                )
            )
        return number

    def _dates(
        self,
        taken: frozenset[int],
        evidence: Evidence | None,
        people: parties.Parties,
        vats: Sequence[identifiers.Identifier],
    ) -> None:
        found = header.date_candidates(self.sheet, taken)
        order = header.order_of(self.sheet) or self._order(evidence, vats)
        issue = self._date("issue_date", found, order, None)
        due = self._date("due_date", found, order, issue)
        self._date("delivery_date", found, order, None)
        if due is None and issue is not None:
            self._due_from_terms(issue)

    def _date(
        self,
        name: str,
        found: dict[str, list[header.DateCandidate]],
        order: Order | None,
        after: date | None,
    ) -> date | None:
        items = list(found.get(name, []))
        if name == "issue_date":
            # A labelled date of another kind is no issue date unless its label says so too.
            others = {
                (c.row.index, c.dated.first)
                for other in ("due_date", "delivery_date", "order_date", "other_date")
                for c in found.get(other, [])
                if c.score >= 0.8
            }
            items = [
                c for c in items if (c.row.index, c.dated.first) not in others or c.score >= 0.85
            ]
            if not items or items[0].score < 0.5:
                items += self._unlabelled(found.get("free", []))
                items.sort(key=lambda c: -c.score)
        if not items or items[0].score < 0.45:
            return None
        best = items[0]
        rivals = [
            c
            for c in items[1:]
            if c.score > best.score - 0.08
            and c.dated.printed.readings != best.dated.printed.readings
        ]
        sure = min(0.97, best.score)
        if rivals:
            sure = min(sure, 0.6)
        value = best.dated.printed.read(order)
        if value is None:
            readings = best.dated.printed.readings
            fitting = [
                r for r in readings if after is not None and header.plausible_dates(after, r)
            ]
            if len(fitting) == 1:
                value = fitting[0]
            else:
                if name == "issue_date":
                    self.findings.append(
                        finding(
                            "ambiguous_date",
                            where=FIELDS[name].label,
                            expected=" or ".join(r.isoformat() for r in readings),
                            actual=best.dated.printed.text,
                        )
                    )
                return None
        if name == "due_date" and (best.score < 0.7 or not header.plausible_dates(after, value)):
            return None
        if name == "delivery_date" and best.score < 0.7:
            return None
        if not 1980 <= value.year <= 2099:
            return None
        label = f"stands with '{best.label}'" if best.label else "the only date that can be meant"
        self.fields.append(
            self._field(
                name, value.isoformat(), best.row, best.dated.first, best.dated.last, sure, label
            )
        )
        return value

    def _unlabelled(self, free: Sequence[header.DateCandidate]) -> list[header.DateCandidate]:
        """Take a date without label for the issue date where it stands alone at the top."""
        top = [
            c
            for c in free
            if c.row.page == self.sheet.numbers[0] and c.row.top < 0.45 * self.sheet.height
        ]
        alone = [
            c
            for c in top
            if (c.dated.first == 0 or not c.row.joined[c.dated.first] or c.dated.first <= 2)
            and c.row.phrase_end(c.dated.last - 1) == c.dated.last
        ]
        values = {c.dated.printed.readings for c in alone}
        if len(values) == 1:
            everything = {c.dated.printed.readings for c in free}
            score = 0.74 if len(everything) == 1 else 0.66
            return [c._replace(score=score) for c in alone[:1]]
        return []

    def _order(
        self, evidence: Evidence | None, vats: Sequence[identifiers.Identifier]
    ) -> Order | None:
        """Settle day or month first by the document's language, country and currency."""
        votes: dict[str, int] = {}
        for row in self.sheet.rows:
            for match in row.labels:
                if len(match.key) < 4:
                    continue
                languages = {s.language for s in match.senses}
                if len(languages) == 1:
                    (language,) = languages
                    votes[language] = votes.get(language, 0) + 1
        if votes:
            top = max(votes, key=lambda k: votes[k])
            if top != "en" and votes[top] > votes.get("en", 0):
                return Order.DAY
        code = evidence.code if evidence else None
        if code and code not in {"USD", "CAD", "PHP"}:
            return Order.DAY
        if any(v.proved for v in vats) and code != "USD":
            return Order.DAY
        if code == "USD" and re.search(r"\b[A-Z]{2}\.?,?\s+\d{5}(?:-\d{4})?\b", self.sheet.text):
            return Order.MONTH
        return None

    _TERMS = re.compile(
        r"(?:innerhalb|binnen|within|net|netto|sous|à|a|in|entro|em|binnen de|zahlbar|termijn|payable|délai de|plazo de|w ciągu|termin)\s+(?:von\s+)?(\d{1,3})\s*(?:calendar\s+|kalender)?(?:tagen|tage|days|jours|dagen|días|dias|giorni|dni)\b",
        re.IGNORECASE,
    )

    def _due_from_terms(self, issue: date) -> None:
        """Compute the due date from `within 30 days` where no due date is printed."""
        hits = []
        for row in self.sheet.rows:
            found = self._TERMS.search(row.text)
            if found and not re.search(
                r"skonto|discount|escompte|korting|sconto|descuento|desconto|rabat",
                row.text,
                re.IGNORECASE,
            ):
                hits.append((row, found))
        days = {int(f.group(1)) for _, f in hits}
        if len(days) != 1:
            return
        row, found = hits[0]
        value = issue + timedelta(days=days.pop())
        self.fields.append(
            self._field(
                "due_date",
                value.isoformat(),
                row,
                0,
                len(row.tokens),
                0.75,
                f"issue date plus '{found.group(0)}'",
            )
        )

    def _parties(self, people: parties.Parties) -> None:
        for role, named, address, vat in (
            ("seller", people.seller, people.seller_address, people.seller_vat),
            ("buyer", people.buyer, people.buyer_address, people.buyer_vat),
        ):
            if named is not None and named.score >= NAMED:
                part = named.part
                self.fields.append(
                    self._field(
                        f"{role}_name",
                        named.text,
                        part.row,
                        part.first,
                        part.last,
                        named.score,
                        named.why,
                    )
                )
                if address:
                    head = address[0]
                    self.fields.append(
                        self._field(
                            f"{role}_address",
                            parties.lines_of(address),
                            head.row,
                            head.first,
                            head.last,
                            named.score * 0.95,
                            "the lines under the name",
                        )
                    )
            if vat is not None:
                why = "its check digits are right" if vat.proved else "stands with its label"
                self.fields.append(
                    self._field(
                        f"{role}_vat_id",
                        vat.value,
                        vat.row,
                        vat.first,
                        vat.last,
                        0.97 if vat.proved else 0.85,
                        why,
                        proved=vat.proved,
                    )
                )

    def _payment(self) -> None:
        found = list(identifiers.ibans(self.sheet))
        seen: set[str] = set()
        for item in sorted(found, key=lambda i: (not i.proved, not i.labelled)):
            if item.value in seen or not (item.proved or item.labelled):
                continue
            seen.add(item.value)
            if not item.proved:
                self.findings.append(
                    finding("bad_checksum", where="IBAN", actual=item.value, severity=None)
                )
            self.fields.append(
                self._field(
                    "iban",
                    item.value,
                    item.row,
                    item.first,
                    item.last,
                    0.97 if item.proved else 0.6,
                    "its check digits are right" if item.proved else "stands with its label",
                    proved=item.proved,
                )
            )
        for bic in identifiers.bics(self.sheet):
            self.fields.append(
                self._field(
                    "bic", bic.value, bic.row, bic.first, bic.last, 0.9, "stands with its label"
                )
            )
            break

    # -- what must be there

    def _demand_core(self, number: header.Candidate | None) -> None:
        best: dict[str, Field] = {}
        for item in self.fields:
            if item.name in _CORE and item.line is None:
                best.setdefault(item.name, item)
        reported = {f.where for f in self.findings}
        for name in _CORE:
            label = FIELDS[name].label
            field = best.get(name)
            if field is None:
                if label not in reported:
                    self.findings.append(finding("missing_field", where=label))
            elif field.confidence < SURE:
                self.findings.append(
                    finding(
                        "uncertain_field",
                        where=label,
                        actual=field.text or field.value,
                        message=f"The {label.lower()} is uncertain: {field.why}",
                    )
                )

    # -- fields

    def _place(self, row: Row, first: int, last: int) -> Place:
        return Place(page=row.page, box=row.box(first, last))

    def _field(
        self,
        name: str,
        value: str,
        row: Row | None,
        first: int,
        last: int,
        confidence: float,
        why: str,
        *,
        line: int | None = None,
        proved: bool = False,
    ) -> Field:
        text, place = "", None
        if row is not None and last > first:
            text, place = row.words(first, last), self._place(row, first, last)
            confidence *= min(t.confidence for t in row.tokens[first:last])
        return Field(
            name=name,
            value=value,
            text=text,
            line=line,
            confidence=round(confidence, 3),
            proved=proved,
            place=place,
            by=self.sheet.by,
            why=why,
        )


def sums_of(items: Sequence[Item], style: Style) -> Sums:
    """Add up the lines, with and without the allowances printed under them."""
    if not items:
        return Sums(None, None, 0)
    amounts = [i.amount(style) for i in items]
    if any(a is None for a in amounts):
        return Sums(None, None, len(items))
    plain = sum((a for a in amounts if a is not None), Decimal(0))
    cuts = sum(
        (abs(c.figure.read(style)) for i in items for c in i.allowances if c.figure), Decimal(0)
    )
    return Sums(plain, plain - cuts, len(items))


def _plain(value: Decimal) -> str:
    """Write a decimal without exponent and without a negative zero."""
    return format(value if value else abs(value), "f")


def _key(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
