"""Header fields: currency, references, dates, parties and payment, from their candidates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from extractors.pages import dated, header, identifiers, parties
from extractors.pages.chosen import Totals
from extractors.pages.combined import Part
from extractors.pages.currency import Evidence, find_currency
from extractors.pages.dates import Order
from extractors.pages.draft import Draft, plain
from extractors.pages.terms import Terms, days_of, payment_terms
from records.documents import Kind
from records.findings import finding
from records.vocabulary import FIELDS

#: From this confidence on a core value needs no person.
SURE = 0.7
#: Below this a party is rather left out than named wrongly.
NAMED = 0.62
#: `Springfield, IL 62704`: the state and the ZIP code.
_AMERICAN = re.compile(r"\b[A-Z]{2}\.?,?\s+\d{5}(?:-\d{4})?\b")


def add_currency(draft: Draft, totals: Totals) -> Evidence | None:
    signs = tuple(
        (o.row, o.figure.first, o.figure.last, o.figure.sign)
        for name, o in totals.chosen.items()
        if name in {"gross_total", "net_total", "amount_due"}
    )
    found = find_currency(draft.sheet, signs)
    if found is not None and found.score >= 0.5:
        draft.fields.append(
            draft.field(
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


def add_references(
    draft: Draft,
    found: dict[str, list[header.Candidate]],
    kind: Kind,
    identified: Sequence[identifiers.Identifier],
) -> None:
    """Add the references; none of them is a VAT id or an account, which `identified` holds."""
    known = {i.value for i in identified if i.proved}
    taken: set[str] = set()
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
        items = [c for c in found.get(name, []) if _key(c.text).upper() not in known]
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
            c for c in items[1:] if c.score > best.score - 0.1 and _key(c.text) != _key(best.text)
        ]
        agreeing = sum(_key(c.text) == _key(best.text) for c in items)
        sure = min(0.97, best.score + 0.03 * (agreeing - 1))
        if name != "invoice_number" and (best.score < 0.7 or best.text in taken):
            continue
        if rivals and name == "invoice_number":
            sure = min(sure, 0.6)
        elif name == "invoice_number" and SURE > sure >= 0.6 and _is_alone(draft, best, items):
            sure = SURE
        if name == "invoice_number":
            taken.add(best.text)
        draft.fields.append(
            draft.field(
                name,
                best.text,
                best.row,
                best.first,
                best.last,
                sure,
                f"stands with '{best.label}'",
            )
        )


def _is_alone(draft: Draft, best: header.Candidate, items: Sequence[header.Candidate]) -> bool:
    """Say whether no other number can be meant on a page whose letters are certain."""
    others = {_key(c.text) for c in items if c.score >= 0.3} - {_key(best.text)}
    return draft.sheet.by != "ocr" and not others


def _key(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def add_dates(
    draft: Draft,
    taken: frozenset[int],
    joint: Sequence[Part],
    evidence: Evidence | None,
    vats: Sequence[identifiers.Identifier],
    told: Order | None,
) -> Order | None:
    """Add the dates; return the order of day and month.

    `joint` is what combined labels name, `told` what a person taught.
    """
    found = dated.date_candidates(draft.sheet, taken, joint)
    order = dated.order_of(draft.sheet) or told or _order(draft, evidence, vats)
    agreed = payment_terms(draft.sheet, taken)
    for name in ("issue_date", "due_date"):
        found[name] = [c for c in found.get(name, []) if not agreed.claims(c.row, c.dated)]
    issue = _date(draft, "issue_date", found, order, None)
    # Where the discount ends only less is due: `1,163.75 if paid by 13 May`.
    ends = {d.until(issue, order) for d in agreed.discounts}
    found["due_date"] = [c for c in found["due_date"] if c.dated.printed.read(order) not in ends]
    due = _date(draft, "due_date", found, order, issue)
    _date(draft, "delivery_date", found, order, None)
    if due is None and issue is not None:
        _due_from_terms(draft, issue, agreed)
    _add_discount(draft, agreed, issue, order)
    return order


def _date(
    draft: Draft,
    name: str,
    found: dict[str, list[dated.DateCandidate]],
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
        items = [c for c in items if (c.row.index, c.dated.first) not in others or c.score >= 0.85]
        if not items or items[0].score <= 0.5:
            items += _unlabelled(draft, found.get("free", []))
            items.sort(key=lambda c: -c.score)
    if not items or items[0].score < 0.45:
        return None
    best = items[0]
    rivals = [
        c
        for c in items[1:]
        if c.score > best.score - 0.08 and c.dated.printed.readings != best.dated.printed.readings
    ]
    sure = min(0.97, best.score)
    if rivals:
        sure = min(sure, 0.6)
    value = best.dated.printed.read(order)
    if value is None:
        readings = best.dated.printed.readings
        fitting = [r for r in readings if after is not None and dated.plausible_dates(after, r)]
        if len(fitting) == 1:
            value = fitting[0]
        else:
            if name == "issue_date":
                draft.findings.append(
                    finding(
                        "ambiguous_date",
                        where=FIELDS[name].label,
                        expected=" or ".join(r.isoformat() for r in readings),
                        actual=best.dated.printed.text,
                    )
                )
            return None
    if name == "due_date" and (best.score < 0.7 or not dated.plausible_dates(after, value)):
        return None
    if name == "delivery_date" and best.score < 0.7:
        return None
    if not 1980 <= value.year <= 2099:
        return None
    label = f"stands with '{best.label}'" if best.label else "the only date that can be meant"
    draft.fields.append(
        draft.field(
            name, value.isoformat(), best.row, best.dated.first, best.dated.last, sure, label
        )
    )
    return value


def _unlabelled(draft: Draft, free: Sequence[dated.DateCandidate]) -> list[dated.DateCandidate]:
    """Take a date without label for the issue date where it stands alone at the top."""
    top = [
        c
        for c in free
        if c.row.page == draft.sheet.numbers[0] and c.row.top < 0.45 * draft.sheet.height
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
    draft: Draft, evidence: Evidence | None, vats: Sequence[identifiers.Identifier]
) -> Order | None:
    """Settle day or month first by the document's language, country and currency."""
    votes: dict[str, int] = {}
    for row in draft.sheet.rows:
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
    if code == "USD" and _AMERICAN.search(draft.sheet.text):
        return Order.MONTH
    return None


def _due_from_terms(draft: Draft, issue: date, agreed: Terms) -> None:
    """Compute the due date from `within 30 days` where no due date is printed."""
    days = {days_of(clause) for clause in agreed.net}
    number = days.pop() if len(days) == 1 else None
    if number is None:
        return
    clause = agreed.net[0]
    printed = clause.days
    assert printed is not None
    draft.fields.append(
        draft.field(
            "due_date",
            (issue + timedelta(days=number)).isoformat(),
            clause.row,
            clause.first,
            clause.last,
            0.75,
            f"issue date plus '{printed.group(0)}'",
        )
    )


def _add_discount(draft: Draft, agreed: Terms, issue: date | None, order: Order | None) -> None:
    """Add the early-payment discount where the terms offer exactly one."""
    offers = {(d.percent, d.until(issue, order)): d for d in agreed.discounts}
    if len(offers) != 1:
        return
    ((percent, until), discount) = offers.popitem()
    if until is None or (issue is not None and not 0 <= (until - issue).days <= 120):
        return
    clause = discount.clause
    why = f"the terms say '{clause.text[:80]}'"
    for name, value in (("skonto_percent", plain(percent)), ("skonto_until", until.isoformat())):
        draft.fields.append(
            draft.field(name, value, clause.row, clause.first, clause.last, 0.9, why)
        )


def add_parties(draft: Draft, people: parties.Parties, evidence: Evidence | None) -> None:
    in_dollars = evidence is not None and evidence.code == "USD"
    for role, named, address, vat in (
        ("seller", people.seller, people.seller_address, people.seller_vat),
        ("buyer", people.buyer, people.buyer_address, people.buyer_vat),
    ):
        if named is not None and named.score >= NAMED:
            part = named.part
            draft.fields.append(
                draft.field(
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
                draft.fields.append(
                    draft.field(
                        f"{role}_address",
                        parties.lines_of(address),
                        head.row,
                        head.first,
                        head.last,
                        named.score * 0.95,
                        "the lines under the name",
                    )
                )
                town = address[-1]
                unprefixed = vat is None or vat.value.isdecimal()
                if unprefixed and in_dollars and _AMERICAN.search(town.text):
                    vat = None  # a tax number there is no VAT id
                    why = "state and ZIP code, and US dollars"
                    draft.fields.append(
                        draft.field(
                            f"{role}_country", "US", town.row, town.first, town.last, 0.9, why
                        )
                    )
        if vat is not None:
            why = "its check digits are right" if vat.proved else "stands with its label"
            draft.fields.append(
                draft.field(
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


def add_payment(draft: Draft, found: Sequence[identifiers.Identifier]) -> None:
    """Add accounts and BIC; an account with wrong check digits is a Finding."""
    seen: set[str] = set()
    for item in sorted(found, key=lambda i: (not i.proved, not i.labelled)):
        if item.value in seen or not (item.proved or item.labelled):
            continue
        seen.add(item.value)
        if not item.proved:
            draft.findings.append(
                finding("bad_checksum", where="IBAN", actual=item.value, severity=None)
            )
        draft.fields.append(
            draft.field(
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
    for bic in identifiers.bics(draft.sheet):
        draft.fields.append(
            draft.field(
                "bic", bic.value, bic.row, bic.first, bic.last, 0.9, "stands with its label"
            )
        )
        break
