"""Merging: a template's values beside what was read, under the names of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from extractors.pages.figures import CODES, SIGNS
from extractors.pages.identifiers import iban_is_sound, vat_id_is_sound
from extractors.templates.files import Template
from extractors.templates.parsing import Found, OutOfTime, Row, Value, fits, parse
from extractors.templates.text import layout_text
from extractors.words import PageWords
from records.documents import Field, Kind, Reading
from records.findings import Finding, finding
from records.invoices import chosen
from records.vocabulary import FIELDS

#: What invoice2data calls the fields of the vocabulary.
_HEADER: Mapping[str, str] = {
    "amount": "gross_total",
    "amount_untaxed": "net_total",
    "amount_tax": "tax_total",
    "date": "issue_date",
    "date_due": "due_date",
    "partner_name": "seller_name",
    "issuer": "seller_name",
    "vat": "seller_vat_id",
    "siren": "seller_tax_id",
    "partner_coc": "seller_tax_id",
    "partner_email": "seller_email",
    "country_code": "seller_country",
    "company_vat": "buyer_vat_id",
}
_LINE: Mapping[str, str] = {
    "name": "description",
    "desc": "description",
    "product": "description",
    "code": "article_number",
    "qty": "quantity",
    "uom": "unit",
    "price_unit": "unit_price",
    "unitprice": "unit_price",
    "price_subtotal": "net_amount",
    "line_tax_percent": "vat_rate",
    "tax_percent": "vat_rate",
}
_TAX: Mapping[str, str] = {
    "price_subtotal": "tax_basis",
    "line_tax_percent": "tax_rate",
    "line_tax_amount": "tax_amount",
}
#: Never from a template alone: an account on file must not hide the one on the page.
_ACCOUNT = frozenset({"iban", "bic"})
#: How sure a template's value is: a person wrote where it stands.
_SURE = 0.9
_CENT = Decimal("0.01")


def apply_templates(
    reading: Reading, pages: Sequence[PageWords], templates: Sequence[Template]
) -> Reading:
    """Add the values of the template whose keywords stand on the pages; else return `reading`."""
    if not templates or not pages:
        return reading
    text = layout_text(pages)
    try:
        template = next((t for t in templates if fits(t, text)), None)
        if template is None:
            return reading
        found = parse(template, pages)
    except OutOfTime as late:
        message = f"template {late} takes too long on this document; make its patterns simpler"
        problem = finding("template_failed", where=str(late), message=message)
        return replace(reading, findings=(*reading.findings, problem))
    return _merged(reading, template, found)


def _merged(reading: Reading, template: Template, found: Found) -> Reading:
    by, why = f"template:{template.name}", f"template {template.name}"
    given = [replace(f, by=by, why=why) for f in _fields(template, found)]
    kept, problems = _agreeing(reading, given, template)
    if not _lines_are_better(reading, kept):
        kept = [f for f in kept if not _is_of_line(f)]
    names = {(f.name, f.line) for f in kept}
    replaces_lines = any(map(_is_of_line, kept))
    fields = [
        f
        for f in reading.fields
        if (f.name, f.line) not in names and not (replaces_lines and _is_of_line(f))
    ]
    labels = {FIELDS[name].label for name, line in names if line is None}
    settled = {"missing_field", "uncertain_field", "ambiguous_date", "ambiguous_amount"}
    findings = [f for f in reading.findings if not (f.code in settled and f.where in labels)]
    kind = reading.kind
    if kind in {Kind.UNKNOWN, Kind.OTHER} and any(f.name == "gross_total" for f in kept):
        kind = Kind.INVOICE
        findings = [f for f in findings if f.code not in {"not_an_invoice", "no_text"}]
    missing = [n for n in template.required if n not in found.values and n != "issuer"]
    if missing:
        message = f"{template.name} fits, but does not find {', '.join(missing)}"
        problems.append(finding("template_incomplete", where=template.name, message=message))
    return replace(reading, kind=kind, fields=(*fields, *kept), findings=(*findings, *problems))


def _is_of_line(field: Field) -> bool:
    return FIELDS[field.name].scope == "line"


def _lines_are_better(reading: Reading, given: Sequence[Field]) -> bool:
    """Say whether a template's lines may stand for those that were read: they must add up."""
    own = [f for f in reading.fields if f.name == "net_amount"]
    if not any(map(_is_of_line, reading.fields)):
        return True
    if own and all(f.proved for f in own):
        return False
    numbers = {f.line for f in given if _is_of_line(f)}
    amounts = [Decimal(f.value) for f in given if f.name == "net_amount"]
    known = chosen((*reading.fields, *given))
    totals = [known.get((n, None)) for n in ("lines_total", "net_total", "gross_total")]
    return len(amounts) == len(numbers) > 0 and any(
        abs(sum(amounts) - Decimal(t.value)) <= _CENT for t in totals if t is not None
    )


def _agreeing(
    reading: Reading, given: Sequence[Field], template: Template
) -> tuple[list[Field], list[Finding]]:
    """Keep what nothing that is proved contradicts; what agrees with it is proved too."""
    read = {k: f for k, f in chosen(reading.fields).items() if f.proved and k[1] is None}
    amounts = {
        name: Decimal(f.value) for (name, _), f in read.items() if FIELDS[name].type == "amount"
    }
    kept: list[Field] = []
    problems: list[Finding] = []
    for field in given:
        if field.name in _ACCOUNT and any(f.name in _ACCOUNT for f in reading.fields):
            continue  # what is printed on this very page says whom to pay
        held = read.get((field.name, field.line))
        same = held is not None and _same(field, held)
        if held is not None and same:
            kept.append(replace(field, proved=True, text=held.text, place=held.place))
        elif held is not None or not _fits(field, amounts, given):
            label = FIELDS[field.name].label
            said = held.value if held else "the sum of the others"
            problems.append(
                finding(
                    "template_contradicted",
                    where=label,
                    message=f"template {template.name} says otherwise than what is proved",
                    expected=said,
                    actual=field.value,
                )
            )
        else:
            kept.append(field)
    return kept, problems


def _same(field: Field, held: Field) -> bool:
    if FIELDS[field.name].type == "amount":
        return abs(Decimal(field.value)) == abs(Decimal(held.value))
    return field.value.casefold() == held.value.casefold()


def _fits(field: Field, proved: Mapping[str, Decimal], given: Sequence[Field]) -> bool:
    """Say whether net, tax and gross still add up with a value (BR-CO-15)."""
    names = ("net_total", "tax_total", "gross_total")
    if field.name not in names:
        return True
    known = {f.name: Decimal(f.value) for f in given if f.name in names} | dict(proved)
    known[field.name] = Decimal(field.value)
    if len(known.keys() & set(names)) < len(names):
        return True
    return abs(known["net_total"] + known["tax_total"] - known["gross_total"]) <= _CENT


# -- values


def _fields(template: Template, found: Found) -> Iterator[Field]:
    fixed = {rule.name for rule in template.rules if rule.static is not None} & _ACCOUNT
    values: Row = {k: v for k, v in found.values.items() if k not in fixed}
    if template.issuer and "partner_name" not in values:
        values["issuer"] = template.issuer
    if template.currency and "currency" not in values:
        values["currency"] = template.currency
    taken: set[str] = set()
    for key, value in values.items():
        name = _HEADER.get(key, key)
        if name in taken or name not in FIELDS or FIELDS[name].scope != "header":
            continue
        text = _canonical(name, value)
        if text is not None:
            taken.add(name)
            printed = "" if isinstance(value, date) else str(value)
            yield Field(name=name, value=text, text=printed, confidence=_SURE)
    yield from _rows(found.rows.get("lines", ()), _LINE, "line")
    yield from _rows(found.rows.get("tax_lines", ()), _TAX, "tax")


def _rows(rows: Iterable[Row], names: Mapping[str, str], scope: str) -> Iterator[Field]:
    for number, row in enumerate(rows, 1):
        taken: set[str] = set()
        for key, value in row.items():
            name = names.get(key, key)
            if name in taken or name not in FIELDS or FIELDS[name].scope != scope:
                continue
            text = _canonical(name, value)
            if text is not None:
                taken.add(name)
                yield Field(name=name, value=text, text=str(value), line=number, confidence=_SURE)


def _canonical(name: str, value: Value) -> str | None:
    """Write a value as the vocabulary does; None where it cannot be one."""
    kind = FIELDS[name].type
    if kind == "date":
        return value.isoformat() if isinstance(value, date) else None
    if kind in {"amount", "quantity", "percent"}:
        return format(value, "f") if isinstance(value, Decimal) else None
    text = " ".join(str(value).split())
    if name == "currency":
        code = text.upper()
        known = (code,) if code in CODES else SIGNS.get(code, ())
        return known[0] if len(known) == 1 else None
    if kind == "iban":
        text = "".join(filter(str.isalnum, text)).upper()
        return text if iban_is_sound(text) else None
    if kind == "vat_id":
        text = "".join(filter(str.isalnum, text)).upper()
        return text if len(text) >= 8 and (vat_id_is_sound(text) or text[:2].isalpha()) else None
    if name == "seller_country":
        text = text.upper()
    return text or None
