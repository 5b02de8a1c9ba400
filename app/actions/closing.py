"""Signing off a period: the sheet goes into the workbook, the signature into the audit trail."""

from __future__ import annotations

from sqlalchemy import insert, select

from app.audit import Entry, record
from app.closing import Period, Sheet, reconciliation_sheet
from app.office import Office
from app.store import lock, write_posting
from app.tables import closings
from records.failures import KnownFailure
from records.postings import Posting


def sign_period(office: Office, account: str, period: Period, reason: str) -> Sheet:
    """Sign one account's sheet as it stands; return it.

    KnownFailure where statements do not prove the whole period, or a difference
    is left that no reason explains. Signing the same figures twice changes
    nothing; other figures become a new revision beside the first.
    """
    with office.database.begin() as tx:
        lock(tx, "closings")
        sheet = reconciliation_sheet(tx, account, period)
        _must_be_ready(office, sheet, reason)
        figures = {
            "per_bank_minor": sheet.per_bank.minor,
            "per_books_minor": sheet.per_books.minor,
            "difference_minor": sheet.difference.minor,
            "currency": sheet.per_bank.currency,
        }
        signed = select(closings).where(
            closings.c.account == account, closings.c.period == period.name
        )
        before = tx.execute(signed.order_by(closings.c.revision.desc())).first()
        if before is not None and all(getattr(before, k) == v for k, v in figures.items()):
            return sheet
        revision = 1 if before is None else before.revision + 1
        tx.execute(
            insert(closings).values(
                account=account,
                period=period.name,
                revision=revision,
                last_day=period.last.isoformat(),
                signed_by=office.actor,
                reason=reason,
                signed_at=office.now(),
                **figures,
            )
        )
        subject = f"{account}/{period.name}"
        bot = office.settings.bots.get("statements")
        if bot is not None:
            posting = Posting(
                key=f"{bot.post_to}/close/{subject}/{revision}",
                target=bot.post_to,
                kind="closing",
                subject=subject,
                currency=sheet.per_bank.currency,
                date=period.last,
                rows=tuple(sheet.rows(revision)),
            )
            write_posting(tx, office, [posting])
        evidence = {
            "sheet": [[text, str(amount)] for text, amount in sheet.lines()],
            "not_in_the_books": [u.reference for u in sheet.unmatched],
            "in_transit": [u.reference for u in sheet.in_transit],
            "revision": revision,
            "reason": reason,
        }
        record(tx, office, [Entry(action="sign", subject=subject, evidence=evidence)])
        return sheet


def _must_be_ready(office: Office, sheet: Sheet, reason: str) -> None:
    if office.today() <= sheet.period.last:
        raise KnownFailure(f"{sheet.period.name} is not over yet. Sign it afterwards.")
    if not sheet.is_covered:
        until = sheet.covered_until or "no day"
        raise KnownFailure(
            f"The statements of {sheet.account} prove {sheet.period.name} only until {until}. "
            "Fetch what is missing from the bank; `nightclerk show` names gaps."
        )
    if sheet.difference.amount and not reason:
        raise KnownFailure(
            f"A difference of {sheet.difference} is left. Find it, or explain it with --reason."
        )
