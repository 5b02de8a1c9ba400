"""Payments: proposed by one, released by another, written as a file, never sent.

A released run stands among the records like one of the office's own systems,
so that reconciliation knows what each transfer pays.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select, update

from app.actions.desk import Refused
from app.audit import Entry, record
from app.codec import dump
from app.masterdata import OURS, every, save, vendor_directory
from app.office import Office
from app.payables import (
    Draft,
    Proposal,
    held_numbers,
    own_items,
    proposal,
    proposals,
    still_owed,
    under_way,
)
from app.payables_figures import figures, figures_posting
from app.store import lock, upsert, write_posting
from app.tables import payment_files, payment_proposals
from app.vendor_accounts import changers, is_among
from connectors.keeping import write_whole
from connectors.payments import Account, Address, PaymentFile, Transfer, Unwritable, nacha, pain001
from matching.payment_proposals import (
    PaymentProposal,
    PaymentRules,
    propose_payments,
    without_copies,
    without_held,
)
from records.banking import OpenItem, OwnAccount, PaymentRun, PaymentRunItem
from records.findings import Finding, finding
from records.money import Money
from records.purchasing import Vendor
from schedules.calendars import business_days

#: How each currency is paid: what marks the file's run, and the clearing's business days.
_WAYS = {"EUR": ("E", "TARGET"), "USD": ("U", "FED")}
#: `Street 12, 12345 Town`, with or without a country's letter before the code.
_ADDRESS = re.compile(
    r"(?P<street>[^,\n]*[^,\d\s])\s+(?P<building>\d+\s?[a-zA-Z]?)\s*[,\n]\s*"
    r"(?:[A-Z]{1,3}-)?(?P<code>\d{4,5})\s+(?P<town>[^,\n\d]+)"
)


def propose(office: Office, until: str | None = None) -> str:
    """Propose what to pay now, when the next run is on `until` (ISO); return the proposal's id.

    One proposal stands at a time: the same again is the same proposal, another
    one replaces it, but no bot's a person's. "" when there is nothing to pay and nothing wrong.
    """
    today = office.today()
    days = timedelta(days=office.settings.paying.days_between_runs)
    next_run = date.fromisoformat(until) if until else today + days
    if next_run < today:
        raise Refused(f"{next_run} has passed. Give the day of the next payment run.")
    with office.database.begin() as tx:
        lock(tx, "payments")
        draft = _draft(tx, office, next_run)
        standing = list(proposals(tx, "proposed"))
        for one in standing:
            theirs = _is_person(one.proposed_by) and not _is_person(office.actor)
            if theirs or _unchanged(one.draft, draft):
                return one.id
            _close(tx, office, one, f"replaced on {today}")
        if not draft.payments and not draft.problems:
            return ""
        count = select(func.count()).where(payment_proposals.c.id.startswith(f"P{today:%y%m%d}"))
        made = f"P{today:%y%m%d}{tx.execute(count).scalar_one() + 1:02d}"
        row = {
            "id": made,
            "state": "proposed",
            "until": next_run.isoformat(),
            "data": dump(draft),
            "proposed_by": office.actor,
            "proposed_at": office.now(),
        }
        upsert(tx, payment_proposals, [row])
        evidence = {
            "until": next_run.isoformat(),
            "payments": [f"{p.payee}: {p.amount} to {p.iban}" for p in draft.payments],
            "problems": [str(f) for f in draft.problems],
        }
        record(tx, office, [Entry(action="propose", subject=made, evidence=evidence)])
    return made


def release(office: Office, proposal_id: str, reason: str) -> list[str]:
    """Release a proposal and write its files; return their paths, [] while a second is needed.

    Refused to whoever proposed it or changed the bank details of a payee, and
    where anything it rests on is no longer so: items, amounts, accounts on
    file. What a bot proposed needs two persons.
    """
    with office.database.begin() as tx:
        lock(tx, "payments")
        given = proposal(tx, proposal_id)
        if given.state == "proposed":
            _may_release(tx, given, office.actor)
            _still_so(tx, office, given)
            if given.checked_by is None and not _is_person(given.proposed_by):
                change = {"checked_by": office.actor}
                action = "check"
            else:
                try:
                    _order(tx, office, given)
                except Unwritable as error:
                    raise Refused(f"{given.id} cannot be written: {error}") from error
                change = {
                    "state": "released",
                    "released_by": office.actor,
                    "released_at": office.now(),
                }
                action = "release"
            _set(tx, given.id, **change)
            evidence = {"reason": reason, "total": _totals(given.draft.payments)}
            record(tx, office, [Entry(action=action, subject=given.id, evidence=evidence)])
            if action == "check":
                return []
        elif given.state != "released":
            raise Refused(f"{given.id} is {given.state}; there is nothing to release.")
    return _write(office, given.id)


def withdraw(office: Office, proposal_id: str, reason: str) -> None:
    """Close a proposal without paying."""
    with office.database.begin() as tx:
        lock(tx, "payments")
        given = proposal(tx, proposal_id)
        if given.state != "proposed":
            raise Refused(f"{given.id} is {given.state}; only a proposal can be withdrawn.")
        _close(tx, office, given, reason)


def write_figures(office: Office, target: str) -> bool:
    """Put today's rows of the payables sheets into the outbox; return whether they are new."""
    with office.database.begin() as tx:
        posting = figures_posting(target, figures(tx, office.today()))
        return bool(posting and write_posting(tx, office, [posting]))


def _draft(
    tx: Connection, office: Office, next_run: date, only: frozenset[str] | None = None
) -> Draft:
    """Say what should be paid now; of the items `only`, or of all."""
    vendors = vendor_directory(tx)
    waiting, ours = under_way(tx), own_items(tx)
    owed = still_owed(tx)
    # What is settled or being paid stands before its copies, the office's own entry before ours.
    owed.sort(key=lambda i: (not _is_settled(i) and i.id not in waiting, i.id in ours, i.id))
    items, copies = without_copies(owed, vendors)
    items, held = without_held(items, held_numbers(tx), vendors)
    paying = office.settings.paying
    rules = PaymentRules(
        interest_percent=paying.interest_percent,
        transfer_days=paying.transfer_days,
        smallest=paying.smallest,
        cool_off_days=office.settings.matching.bank_change_cool_off_days,
    )
    free: list[OpenItem] = [
        i for i in items if i.id not in waiting and (only is None or i.id in only)
    ]
    made, problems = propose_payments(
        free,
        vendors,
        # The day the bank executes it: a discount that lapses on Sunday is lost on Saturday.
        on=_business_day(office.today(), "TARGET"),
        next_run=next_run,
        today=office.today(),
        rules=rules,
    )
    payments: list[PaymentProposal] = []
    impossible: list[Finding] = []
    for one in made:
        try:
            _written(office, "P", _payer(tx, office, one.amount.currency), [one], {})
            payments.append(one)
        except Unwritable as error:
            where = f"vendor {one.vendor_id}"
            impossible.append(finding("payment_impossible", where=where, actual=str(error)))
    # One entry in the office's books and our own of the same invoice is no fault of anyone's.
    twice = [
        finding(
            "payable_twice", where=f"open item {c.item.id}", expected=c.of, actual=c.item.number
        )
        for c in copies
        if not _is_settled(c.item) and (c.item.id in ours) == (c.of in ours)
    ]
    found = (*twice, *held, *problems, *impossible)
    return Draft(payments=tuple(payments), problems=tuple(found))


def _is_person(actor: str) -> bool:
    return actor.startswith("person:")


def _is_settled(item: OpenItem) -> bool:
    return item.open is not None and not item.open.amount


def _unchanged(before: Draft, now: Draft) -> bool:
    return _timeless(before.payments) == _timeless(now.payments) and before.problems == now.problems


def _timeless(payments: Iterable[PaymentProposal]) -> list[PaymentProposal]:
    return [dataclasses.replace(p, execution_date=date.min) for p in payments]


def _may_release(tx: Connection, given: Proposal, actor: str) -> None:
    if not _is_person(actor):
        raise Refused(f"{given.id} is released by a person.")
    for role, person in (("proposed", given.proposed_by), ("checked", given.checked_by)):
        if person is not None and is_among(actor, [person]):
            raise Refused(
                f"{actor.removeprefix('person:')} {role} {given.id}; a second person releases it."
            )
    directory = vendor_directory(tx)
    for one in given.draft.payments:
        group = directory.group_of(one.vendor_id)
        members = [v.id for v in group.members] if group else [one.vendor_id]
        if is_among(actor, changers(tx, members)):
            raise Refused(
                f"{actor.removeprefix('person:')} changed the bank details of {one.payee}, "
                f"so somebody else releases {given.id}."
            )


def _still_so(tx: Connection, office: Office, given: Proposal) -> None:
    """Refuse a proposal whose ground has moved since it was made."""
    wanted = frozenset(item.item_id for p in given.draft.payments for item in p.items)
    now = _timeless(_draft(tx, office, given.until, wanted).payments)
    gone = [p for p in _timeless(given.draft.payments) if p not in now]
    if gone or not given.draft.payments:
        named = ", ".join(sorted({p.payee for p in gone})) or "nothing is left to pay"
        raise Refused(
            f"{given.id} no longer holds ({named}). `nightclerk pay propose` makes a new one."
        )


def _order(tx: Connection, office: Office, given: Proposal) -> None:
    """Write the files' bytes and the runs that reconciliation will look for."""
    addresses = {v.id: found for v in every(tx, Vendor) if (found := _address(v))}
    by_currency: dict[str, list[PaymentProposal]] = defaultdict(list)
    for one in given.draft.payments:
        by_currency[one.amount.currency].append(one)
    for currency, payments in sorted(by_currency.items()):
        mark, _ = _WAYS[currency]
        run_id = f"{given.id}{mark}"
        account = _payer(tx, office, currency)
        file, raw = _written(office, run_id, account, payments, addresses)
        suffix = "xml" if currency == "EUR" else "ach"
        row = {
            "run_id": run_id,
            "proposal_id": given.id,
            "name": f"{run_id}.{suffix}",
            "content": raw.decode("utf-8"),
        }
        upsert(tx, payment_files, [row])
        run = PaymentRun(
            id=run_id,
            kind="pain.001",
            execution_date=file.execution_date,
            account_id=account.id,
            batch_id=run_id,
            count=len(file.transfers),
            total=Money(file.total, currency),
        )
        parts = [
            PaymentRunItem(
                run_id=run_id,
                end_to_end_id=transfer.end_to_end_id,
                item_id=item.item_id,
                amount=item.amount,
            )
            for transfer, payment in zip(file.transfers, payments, strict=True)
            for item in payment.items
        ]
        save(tx, office, OURS, [run, *parts])


def _payer(tx: Connection, office: Office, currency: str) -> OwnAccount:
    """Return the own account that pays a currency; Unwritable when none, or none is named."""
    if currency not in _WAYS:
        raise Unwritable(f"there is no payment file for {currency}.")
    named = office.settings.paying.accounts.get(currency)
    able = [
        a
        for a in every(tx, OwnAccount)
        if a.currency == currency and (currency == "EUR" or a.routing_number)
    ]
    chosen = [a for a in able if a.id == named] if named else able
    if len(chosen) != 1:
        known = ", ".join(a.id for a in able) or "none"
        raise Unwritable(
            f"name one account under `paying: {{accounts: {{{currency}: …}}}}` (known: {known})."
        )
    return chosen[0]


def _written(
    office: Office,
    run_id: str,
    account: OwnAccount,
    payments: Sequence[PaymentProposal],
    addresses: dict[str, Address],
) -> tuple[PaymentFile, bytes]:
    """Return a run's file and its bytes; Unwritable where a payment cannot be said exactly."""
    currency = account.currency
    _, calendar = _WAYS[currency]
    company = office.settings.company.name or "nightclerk"
    file = PaymentFile(
        id=run_id,
        payer=Account(
            name=company,
            number=account.iban,
            bic=account.bic,
            routing_number=account.routing_number,
        ),
        execution_date=_business_day(office.today(), calendar),
        made_at=office.clock(),
        transfers=tuple(
            Transfer(
                end_to_end_id=f"{run_id}-{number:04d}",
                payee=Account(
                    name=one.payee,
                    number=one.iban,
                    bic=one.bic,
                    routing_number=one.routing_number,
                    address=addresses.get(one.vendor_id),
                ),
                amount=one.amount,
                remittance=_remittance(one),
            )
            for number, one in enumerate(payments, 1)
        ),
        company_id=office.settings.paying.company_id,
    )
    return file, pain001.write(file) if currency == "EUR" else nacha.write(file)


def _remittance(one: PaymentProposal) -> str:
    """Name the invoices paid, as many as fit, and how many more."""
    numbers = [item.number for item in one.items if item.number]
    for shown in range(len(numbers), 0, -1):
        rest = f" +{len(numbers) - shown}" if shown < len(numbers) else ""
        text = ", ".join(numbers[:shown]) + rest
        if len(text) <= 70:
            return text
    return ""


def _business_day(day: date, calendar: str) -> date:
    is_business_day = business_days(calendar)
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


def _address(vendor: Vendor) -> Address | None:
    """Return a structured address where the one on file has the usual form; else none."""
    found = _ADDRESS.fullmatch((vendor.address or "").strip())
    if found is None or not vendor.country:
        return None
    return Address(
        street=found["street"].strip(),
        building=found["building"],
        post_code=found["code"],
        town=found["town"].strip(),
        country=vendor.country,
    )


def _totals(payments: Iterable[PaymentProposal]) -> list[str]:
    totals: dict[str, Money] = {}
    for one in payments:
        currency = one.amount.currency
        totals[currency] = one.amount + totals.get(currency, Money(one.amount.amount * 0, currency))
    return [str(total) for total in totals.values()]


def _write(office: Office, proposal_id: str) -> list[str]:
    """Put a released run's files where the office takes them from, once.

    A file that was taken away is not written again: paid twice is worse than
    asked twice.
    """
    paying = office.settings.paying
    folder: Path = office.settings.folder / paying.folder
    with office.database.begin() as tx:
        rows = tx.execute(
            select(payment_files).where(payment_files.c.proposal_id == proposal_id)
        ).all()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for row in rows:
        path = folder / row.name
        if not path.exists():
            write_whole(path, row.content.encode())
        paths.append(str(path))
    with office.database.begin() as tx:
        _set(tx, proposal_id, state="written")
        evidence = {"files": paths}
        record(tx, office, [Entry(action="write", subject=proposal_id, evidence=evidence)])
    return paths


def _close(tx: Connection, office: Office, given: Proposal, reason: str) -> None:
    _set(tx, given.id, state="withdrawn")
    evidence = {"reason": reason}
    record(tx, office, [Entry(action="withdraw", subject=given.id, evidence=evidence)])


def _set(tx: Connection, proposal_id: str, **values: str) -> None:
    tx.execute(
        update(payment_proposals).where(payment_proposals.c.id == proposal_id).values(**values)
    )
