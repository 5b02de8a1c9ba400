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

#: Words in column titles; the first key that fits takes the column.
#: de, en, fr, nl, es, it, pl, pt, sv, da, no, fi, cs.
_TITLES: tuple[tuple[str, str], ...] = (
    ("balance", r"saldo|balance|solde|kontostand|running.?bal|z.statek"),
    ("original_amount", r"original.?amount|amount.?currency|foreign.?amount|betrag.*(fremd|orig)"
     r"|ursprungsbetrag|urspr.*betrag|oorspr.*bedrag|montant.*(devise|origine)|importe.*origen"),
    ("original_currency", r"original.?currency|foreign.?currency|fremdw.*hrung|urspr.*w.*hrung"
     r"|oorspr.*munt"),
    ("", r"\bbic\b|swift|gl.*ubiger.?id|creditor.?id|incassant|sort.?code|bankleitzahl|\bblz\b"
     r"|bank.?code|ultimate|uiteindelijke|initi.rende|exchange.?rate|koers|\bkurs\b|fee\b|status"
     r"|^state$|started|sammlerreferenz|batch|kategori|categor"),
    ("end_to_end_id", r"end.?to.?end|\be2e\b|kundenreferenz|customer.?ref|client.?ref"
     r"|betalingskenmerk"),
    ("mandate_id", r"mandat|mandaat|machtigingskenmerk"),
    ("account", r"^(auftragskonto|own.?account|iban/bban|rekening|eigen.*rekening|account|konto"
     r"|compte|conto|cuenta|rachunek)$"),
    ("counterparty_account", r"tegenrekening|counter.*account|partner.?(iban|account|bank)"
     r"|payee.?account|gegenkonto|iban.*(empf|beg|zahl|partner)|compte.*(b.n|contrepartie)"),
    ("bank_reference", r"bank.?refere|transaction.?(id|ref|no|number)|operation.?(number|id)"
     r"|buchungsreferenz|transaktions.?(id|nr|nummer|code)|transactiereferentie|^reference$"
     r"|^referenz$|^r.f.rence$|^ref\.?$|numero.?op|^id$|unique.?id|fitid"),
    ("value_date", r"valut(a|en)?(.?dat|$)|wertstell|value.?date|date.?(de.)?valeur|rentedatum"
     r"|fecha.?valor|data.?(valuta|waluty)|^wert$"),
    ("booking_date", r"buchung(s?tag|s?datum)?$|booking|posting|posted|transaction.?date|completed"
     r"|date.?op|date.?(de.)?compta|^date|^datum|boek(ings)?datum|fecha|^data|^tag$|^day$"
     r"|umsatzdatum|trans.*date|ksi.gowania|^bokf|^bogf|^dato$|kirjausp|^d.tum"),
    ("debit", r"^(soll|debits?|withdrawals?|paid.?out|money.?out|d.bit|cargo|addebit[oi]"
     r"|uitgaven?|belastung|ausgang|lastschrift|debet|obci..enia|dare|uscite|uttag|ut$|ud$)\b"),
    ("credit", r"^(haben|credits?|deposits?|paid.?in|money.?in|cr.dit|abono|accredit[oi]"
     r"|inkomsten|gutschrift|eingang|uznania|avere|entrate|ins.ttning|inn$|ind$)\b"),
    ("amount", r"betrag|amount|montant|bedrag|importe|importo|kwota|valor|umsatz$|value$|^sum"
     r"|somme|bel.[pb]|^m[aä]{2}r[aä]$|.stka|^credit/debit|saldo.?mov"),
    ("currency", r"w.{1,2}hrung|currency|devise|^valuta$|\bmunt|moneda|divisa|waluta|\bccy\b|^curr"
     r"|^whg"),
    ("counterparty_account", r"iban|account.?(no|number)|bank.?account|konto.?(nr|nummer)"
     r"|rekening|cuenta|numer.?konta|num.ro.?de.?compte"),
    ("payer_name", r"^(zahlungspflichtige|payer|debtor|ordering|sender|nadawca$|auftraggeber$)"),
    ("counterparty_name", r"empf.{1,2}nger|auftraggeber|beg.{1,2}nstigter|zahlungs(beteiligter"
     r"|pflichtige)|partner|payee|payer|counterparty|beneficiary|\bname|naam|\bnom\b|tiers"
     r"|beneficiario|kontrahent|odbiorca|zahler|merchant|mottagare|modtager|saaja|protistrana"),
    ("remittance", r"verwendungszweck|buchungstext|zweck|te(?:x|ks)t|label|libell|description|memo"
     r"|details?|omschrijving|mededeling|concepto|descri|causale|narrative|particulars|purpose"
     r"|communication|remittance|payment.?ref|tytu|opis|notes?$|comment|motif|information|zpr.va"
     r"|meddelande|seli|viesti|popis|beskrivelse"),
    ("transaction_code", r"^(gvc|code|mutatiesoort|gesch.ftsvorfall|textschl|transaction.?code)"),
)  # fmt: skip
_PATTERNS = tuple((name, re.compile(p, re.IGNORECASE)) for name, p in _TITLES)
_BOOKED = re.compile(
    r"(booking|book(ed)?|post(ed|ing)).?(date|on)?$|^buchung|date.*compta", re.IGNORECASE
)
_ANY_REFERENCE = re.compile(r"^(ref\.?|reference|referenz|r.f.rence)$", re.IGNORECASE)
_TITLE_CURRENCY = re.compile(r"\(([A-Z]{3}|€)\)")
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
        payer_name=found.get("payer_name"),
        account=found.get("account"),
        balance=found.get("balance"),
        counterparty_account=found.get("counterparty_account"),
        remittance=tuple(draft.texts),
        end_to_end_id=found.get("end_to_end_id"),
        mandate_id=found.get("mandate_id"),
        bank_reference=found.get("bank_reference"),
        transaction_code=found.get("transaction_code"),
        original_amount=found.get("original_amount"),
        original_currency=found.get("original_currency"),
    )
    title = draft.header[found["amount"]] if draft.header and "amount" in found else ""
    named = _TITLE_CURRENCY.search(title)
    signs = {a > 0 for t in amounts if (a := amount(t, sign))}
    if "amount" in found and "direction" not in found and len(signs) == 1:
        reasons.append("every amount has the same sign, so nothing proves which way money went")
    return Profile(
        currency=None if named is None else named[1].replace("€", "EUR"),
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
            if not title or len(title) > 60 or amount(title, ".") is not None:
                continue
            key = next((k for k, p in _PATTERNS if p.search(title) and k not in found), None)
            if key == "remittance":
                draft.texts.append(column)
            elif key:
                found[key] = column
        body = sample[draft.first :]
        _prefer_booked(draft)
        _keep_texts(draft)
        _keep_money(found, body)
        has_date = "booking_date" in found or "value_date" in found
        if has_date and ("amount" in found or "debit" in found or "credit" in found):
            _find_direction(draft, body)
            _find_own_account(draft, body)
            return draft
    return None


def _prefer_booked(draft: _Draft) -> None:
    """Take the day a card payment was booked, where the day it was made stands before it."""
    taken = draft.found.get("booking_date")
    if taken is None or _BOOKED.search(draft.header[taken]):
        return
    free = set(range(len(draft.header))) - set(draft.found.values())
    booked = [column for column in sorted(free) if _BOOKED.search(draft.header[column])]
    if len(booked) == 1:
        draft.found["booking_date"] = booked[0]


def _keep_texts(draft: _Draft) -> None:
    """Take a column called "Reference" for what the payer wrote where no other one holds that."""
    column = draft.found.get("bank_reference")
    if column is not None and not draft.texts and _ANY_REFERENCE.search(draft.header[column]):
        draft.texts.append(draft.found.pop("bank_reference"))


def _cells(body: list[list[str]], column: int) -> list[str]:
    return [row[column].strip() for row in body if column < len(row) and row[column].strip()]


def _keep_money(found: dict[str, int], body: list[list[str]]) -> None:
    """Drop money columns whose cells are no amounts ("Debit" as a word, not a sum)."""
    for key in ("amount", "debit", "credit"):
        if key in found:
            cells = _cells(body, found[key])
            read = sum(amount(c, ".") is not None or amount(c, ",") is not None for c in cells)
            if read * 2 < len(cells):
                del found[key]


def _find_direction(draft: _Draft, body: list[list[str]]) -> None:
    """Find the column whose cells say credit or debit, whatever its title is.

    Only where no amount has a sign of its own: that would outrank a word.
    """
    if "amount" not in draft.found:
        return
    if any("-" in c or c[:1] == "(" for c in _cells(body, draft.found["amount"])):
        return
    taken = set(draft.found.values())
    best = 99
    for column in range(len(draft.header)):
        words = {c.lower() for c in _cells(body, column)}
        longest = max(map(len, words), default=best)
        if longest < best and column not in taken and words <= CREDIT_WORDS | DEBIT_WORDS:
            draft.found["direction"], best = column, longest


def _find_own_account(draft: _Draft, body: list[list[str]]) -> None:
    """Take a bank-number column for our own account where all rows say the same."""
    found = draft.found
    column = found.get("counterparty_account")
    if column is None or "account" in found or "iban" in draft.header[column].lower():
        return
    cells = _cells(body, column)
    rows = sum(1 for row in body if sum(map(bool, row)) > 2)
    if len(cells) > 1 and len(cells) == rows and len(set(cells)) == 1:
        found["account"] = found.pop("counterparty_account")


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
        if _has_two_sides(sample[number:], dates[0], money[0], sign):
            return None
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


def _has_two_sides(body: list[list[str]], date: int, money: int, sign: str) -> bool:
    """Say whether other rows have their amount in another column.

    Then one side is money out, and without titles nothing says which.
    """
    return any(
        max(date, money) < len(row)
        and days(row[date])
        and not row[money].strip()
        and any(amount(c, sign) is not None and not days(c) for c in row)
        for row in body
    )


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
