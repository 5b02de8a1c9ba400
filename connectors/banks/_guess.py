"""A first guess of a table's profile, for a person to confirm."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from connectors.banks._cells import amount, date_order, days, decimal_sign
from connectors.banks._profile import Columns, Profile
from connectors.banks._values import is_currency

_ROWS = 400
_HEADER_WITHIN = 60

#: Words in column titles, most telling first; de, en, fr, nl, es, it, pl, pt.
_TITLES: tuple[tuple[str, str], ...] = (
    ("original_amount", r"original.?amount|amount.?currency|foreign.?amount|betrag.*(fremd|orig)"
     r"|ursprungsbetrag|urspr.*betrag|montant.*(devise|origine)|importe.*origen"),
    ("original_currency", r"original.?currency|foreign.?currency|fremdw.hrung|urspr.*w.hrung"),
    ("end_to_end_id", r"end.?to.?end|e2e|kundenreferenz|customer.?ref|client.?ref|r.f.*bout"),
    ("mandate_id", r"mandat|mandaat|mandate"),
    ("bank_reference", r"bank.?refere|transaction.?(id|ref|no|number)|operation.?(number|id)"
     r"|buchungsreferenz|transaktions.?(id|nr|code)|^reference$|^referenz$|^r.f.rence$|^ref\.?$"
     r"|transactiereferentie|bankreferenz|numero.?op|^id$|unique.?id|fitid|journal"),
    ("value_date", r"valut|wertstell|value.?date|date.?(de.)?valeur|rentedatum|fecha.?valor"
     r"|data.?valuta|data.?waluty|^wert$"),
    ("booking_date", r"buchung(s?tag|s?datum)?$|booking|posting|posted|transaction.?date"
     r"|completed.?date|date.?op|date.?(de.)?compta|^date$|^datum|boek(ings)?datum|fecha"
     r"|^data|buchungstag|^tag$|^day$|umsatzdatum|trans.*date"),
    ("debit", r"^(soll|debit|debits|withdrawals?|paid.?out|money.?out|d.bit|cargo|addebit[oi]"
     r"|uitgaven?|belastung|ausgang|lastschrift|af|debet|obci..enia)\b"),
    ("credit", r"^(haben|credit|credits|deposits?|paid.?in|money.?in|cr.dit|abono|accredit[oi]"
     r"|inkomsten|gutschrift|eingang|bij|uznania)\b"),
    ("direction", r"debit.?credit|credit.?debit|soll.?haben|s/h|d/c|c/d|cr/dr|dr/cr|af.?bij|sens$"
     r"|transaction.?type$|^type$|^art$|^indicator"),
    ("amount", r"betrag|amount|montant|bedrag|importe|importo|kwota|valor|umsatz$|value$|sum$"
     r"|^sum|somme|beløb|belopp"),
    ("currency", r"w.hrung|currency|devise|valuta$|muntsoort|moneda|divisa|waluta|ccy|curr|^whg"),
    ("counterparty_account", r"iban|account.?(no|number|counter)|bank.?account|kontonummer"
     r"|tegenrekening|counterparty.?account|konto.?(nr|nummer)|counter.?account|rekening|cuenta"
     r"|compte.?(b|c|t)|partner.?account|payee.?account"),
    ("counterparty_name", r"empf.nger|auftraggeber|beg.nstigter|zahlungsbeteiligter|partner"
     r"|payee|payer|counterparty|beneficiary|name|naam|nom|tiers|beneficiario|kontrahent|zahler"),
    ("remittance", r"verwendungszweck|buchungstext|zweck|text|label|libell|description|memo"
     r"|details?|omschrijving|mededeling|concepto|descri|causale|narrative|particulars|purpose"
     r"|communication|remittance|payment.?ref|tytu|opis|notes?|comment|motif|information"),
    ("transaction_code", r"gvc|code|mutatiesoort|gesch.ftsvorfall"),
)  # fmt: skip
_PATTERNS = tuple((name, re.compile(p, re.IGNORECASE)) for name, p in _TITLES)
_BALANCE_TITLE = re.compile(r"saldo|balance|solde|kontostand", re.IGNORECASE)
_INVERTED = re.compile(r"(invert|invers|revers)\w*[ _-]?sign", re.IGNORECASE)
_CARD = re.compile(r"credit[ _-]?card|kredit[ _-]?karte|carte[ _-]?de[ _-]?cr", re.IGNORECASE)


@dataclass(slots=True)
class _Draft:
    found: dict[str, int] = field(default_factory=dict)
    texts: list[int] = field(default_factory=list)
    header: tuple[str, ...] = ()
    first: int = 0


def guess(rows: Iterable[list[str]], name: str = "") -> Profile | None:
    """Guess the profile from the first rows; None where no date and amount can be found.

    `name` is the file's name: a hint that a card export prints its signs the
    other way round. `Profile.reasons` says in words what the guess rests on.
    """
    sample = [row for _, row in zip(range(_ROWS), rows, strict=False)]
    draft = _from_titles(sample) or _from_cells(sample)
    if draft is None:
        return None
    reasons = []
    found = draft.found
    if draft.header:
        reasons.append(
            "columns by their titles: "
            + ", ".join(f"{key} = {draft.header[i]!r}" for key, i in sorted(found.items()))
        )
    else:
        reasons.append("no column titles; columns by what the cells look like")
    body = sample[draft.first :]
    money_columns = [found[k] for k in ("amount", "debit", "credit") if k in found]
    amounts = [row[i] for row in body for i in money_columns if i < len(row) and row[i].strip()]
    sign = decimal_sign(amounts)
    if sign is None:
        sign = "."
        if amounts and any("." in a or "," in a for a in amounts):
            reasons.append("the decimal sign is not proved by any amount; a point is assumed")
    else:
        reasons.append(f"decimal sign {sign!r}, proved by the amounts")
    date_columns = [found[k] for k in ("booking_date", "value_date") if k in found]
    dates = [row[i] for row in body for i in date_columns if i < len(row)]
    order = date_order(dates)
    if order is not None:
        reasons.append(f"dates are {order}, proved by one that exists in that order only")
    elif any(len(days(d)) == 2 for d in dates):
        printed = [cell for row in sample for cell in row]
        order = "dmy" if sign == "," else date_order(_dates_inside(printed))
        if order == "dmy" and sign == ",":
            reasons.append("dates are read day first, as everywhere that writes a decimal comma")
    inverted = _is_inverted(name, [a for t in amounts if (a := amount(t, sign)) is not None])
    if inverted:
        reasons.append("the file's name says that signs are the other way round")
    columns = Columns(
        booking_date=found.get("booking_date", found.get("value_date", 0)),
        value_date=found.get("value_date") if "booking_date" in found else None,
        amount=found.get("amount"),
        direction=found.get("direction"),
        debit=found.get("debit"),
        credit=found.get("credit"),
        currency=found.get("currency"),
        counterparty_name=found.get("counterparty_name"),
        counterparty_account=found.get("counterparty_account"),
        remittance=tuple(draft.texts),
        end_to_end_id=found.get("end_to_end_id"),
        mandate_id=found.get("mandate_id"),
        bank_reference=found.get("bank_reference"),
        transaction_code=found.get("transaction_code"),
        original_amount=found.get("original_amount"),
        original_currency=found.get("original_currency"),
    )
    return Profile(
        columns=columns,
        header=draft.header,
        decimal=sign,
        date_order=order,
        sign="inverted" if inverted else "as_printed",
        reasons=tuple(reasons),
    )


def _from_titles(sample: list[list[str]]) -> _Draft | None:
    """Find the row whose cells name a date and an amount column."""
    for number, row in enumerate(sample[:_HEADER_WITHIN]):
        if len(row) < 2:
            continue
        draft = _Draft(header=tuple(c.strip() for c in row), first=number + 1)
        found = draft.found
        for column, title in enumerate(draft.header):
            if not title or len(title) > 60 or _BALANCE_TITLE.search(title):
                continue
            if any(c.isdigit() for c in title) and amount(title, ".") is not None:
                continue
            for key, pattern in _PATTERNS:
                if pattern.search(title):
                    if key == "remittance":
                        draft.texts.append(column)
                        break
                    if key not in found:
                        found[key] = column
                        break
        has_date = "booking_date" in found or "value_date" in found
        has_money = "amount" in found or "debit" in found or "credit" in found
        if has_date and has_money:
            _settle_direction(found, sample[draft.first :])
            return draft
    return None


def _settle_direction(found: dict[str, int], body: list[list[str]]) -> None:
    """Keep a direction column only when its cells say credit and debit."""
    column = found.get("direction")
    if column is None:
        return
    cells = {row[column].strip().lower() for row in body if column < len(row)} - {""}
    if not cells or not cells <= (CREDIT_WORDS | DEBIT_WORDS):
        del found["direction"]


CREDIT_WORDS = frozenset(
    [
        "c",
        "cr",
        "h",
        "+",
        "credit",
        "crdt",
        "haben",
        "credito",
        "crédit",
        "bij",
        "gutschrift",
        "in",
        "eingang",
        "deposit",
        "k",
    ]
)
DEBIT_WORDS = frozenset(
    [
        "d",
        "dr",
        "s",
        "-",
        "debit",
        "dbit",
        "soll",
        "debito",
        "débit",
        "af",
        "lastschrift",
        "out",
        "ausgang",
        "withdrawal",
        "db",
    ]
)


def _from_cells(sample: list[list[str]]) -> _Draft | None:
    """Tell the columns of a table without titles by their first row with date and amount."""
    for number, row in enumerate(sample[:_HEADER_WITHIN]):
        dates = [i for i, cell in enumerate(row) if days(cell)]
        if not dates or len(row) < 2:
            continue
        sign = decimal_sign([c for i, c in enumerate(row) if i not in dates]) or "."
        money = [
            i
            for i, cell in enumerate(row)
            if i not in dates
            and re.search(r"[.,]\d\d(\D|$)", cell)
            and amount(cell, sign) is not None
        ] or [
            i
            for i, cell in enumerate(row)
            if i not in dates and cell.strip()[:1] in "+-" and amount(cell, sign) is not None
        ]
        if not money:
            continue
        draft = _Draft(first=number)
        draft.found["booking_date"] = dates[0]
        if len(dates) > 1:
            draft.found["value_date"] = dates[1]
        draft.found["amount"] = money[0]
        if len(money) > 1:
            draft.found["original_amount"] = money[1]
        currency = next((i for i, c in enumerate(row) if is_currency(c.strip())), None)
        if currency is not None:
            draft.found["currency"] = currency
        known = set(draft.found.values())
        draft.texts = [i for i in range(len(row)) if i not in known and not _blank(sample, i)][:3]
        return draft
    return None


def _blank(sample: list[list[str]], column: int) -> bool:
    return all(not row[column].strip() for row in sample if column < len(row))


def _dates_inside(cells: list[str]) -> list[str]:
    found: list[str] = []
    for cell in cells:
        found += re.findall(r"\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}\b", cell)
    return found


def _is_inverted(name: str, amounts: list[Decimal]) -> bool:
    """Say whether the name announces a card export with purchases printed positive."""
    if _INVERTED.search(name):
        return True
    positive = sum(a > 0 for a in amounts)
    return bool(_CARD.search(name)) and positive * 2 > len(amounts)
