"""Line: a bank transaction made ready for comparing."""

from __future__ import annotations

from sys import intern

from matching.payments.references import identifier, joined, without_dates
from matching.payments.text import compact, fold, words
from records.banking import BankTransaction


class Line:
    """What matching needs of one transaction.

    `amount` is in minor units, money coming in positive; `day` a proleptic
    ordinal. `pieces` are the letters-and-digits runs of the remittance text
    without its dates. `original` is the instructed amount in minor units of
    `original_currency`, signed like the amount.
    """

    __slots__ = (
        "account",
        "amount",
        "batch",
        "code",
        "currency",
        "day",
        "end_to_end",
        "hits",
        "iban",
        "id",
        "index",
        "mandate",
        "name",
        "order_hits",
        "original",
        "original_currency",
        "parties",
        "reversal",
        "text",
        "texts",
    )

    def __init__(self, transaction_id: str, transaction: BankTransaction) -> None:
        """Fold the texts and take the amounts apart."""
        self.id = transaction_id
        self.index = -1
        self.account = intern(compact(transaction.account))
        day = transaction.booking_date or transaction.value_date
        self.day = day.toordinal() if day else 0
        self.amount = transaction.amount.minor
        self.currency = transaction.amount.currency
        self.name = transaction.counterparty_name or ""
        self.iban = intern(compact(transaction.counterparty_account or ""))
        self.text = fold(transaction.remittance)
        self.end_to_end = identifier(transaction.end_to_end_id)
        self.batch = identifier(transaction.batch_id)
        self.mandate = identifier(transaction.mandate_id)
        self.code = transaction.transaction_code or ""
        self.reversal = transaction.reversal or transaction.return_reason is not None
        original = transaction.original_amount
        self.original_currency = original.currency if original else ""
        self.original = 0
        if original:
            size = abs(original.rounded().minor)
            self.original = size if self.amount > 0 else -size
        self.hits: tuple[tuple[int, int], ...] = ()
        self.order_hits: tuple[int, ...] = ()
        self.parties: dict[int, int] = {}
        self.texts: tuple[str, ...] | None = None

    @property
    def pieces(self) -> list[str]:
        """Return the letters-and-digits runs of the text, without dates."""
        return words(without_dates(self.text))

    def joined_texts(self) -> tuple[str, ...]:
        """Return the joined neighbouring pieces, kept for the passes that come back to them."""
        if self.texts is None:
            self.texts = tuple(dict.fromkeys(t for t in joined(self.pieces) if len(t) > 2))
        return self.texts
