"""Line: a bank transaction made ready for comparing."""

from __future__ import annotations

from sys import intern

from matching.payments.batches import flaw_of, parts_of
from matching.payments.references import identifier, joined, without_dates
from matching.payments.text import compact, fold, words
from records.banking import BankTransaction


class Line:
    """What matching needs of one transaction.

    `amount` is in minor units, money coming in positive; `day` a proleptic
    ordinal. `pieces` are the letters-and-digits runs of the remittance text
    without its dates. `original` is the instructed amount in minor units of
    `original_currency`, signed like the amount, where that is another currency;
    `instructed` is its size in the line's own, 0 where unknown; `charges` what the bank took of
    it, zero or less, in the line's currency. A batch has its `parts`, which are
    lines themselves with a `part` number from 1; a `flaw` forbids posting.
    """

    __slots__ = (
        "account",
        "amount",
        "batch",
        "charges",
        "code",
        "currency",
        "day",
        "end_to_end",
        "flaw",
        "hits",
        "iban",
        "id",
        "index",
        "instructed",
        "mandate",
        "name",
        "order_hits",
        "original",
        "original_currency",
        "part",
        "parties",
        "parts",
        "reversal",
        "text",
        "texts",
        "transaction",
    )

    def __init__(self, transaction_id: str, transaction: BankTransaction, part: int = 0) -> None:
        """Fold the texts and take the amounts apart."""
        self.id = transaction_id
        self.transaction = transaction
        self.part = part
        self.parts: tuple[Line, ...] = ()
        self.flaw = ""
        if transaction.details:
            found = enumerate(parts_of(transaction), 1)
            self.parts = tuple(Line(transaction_id, one, n) for n, one in found)
            self.flaw = flaw_of(transaction)
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
        self.original = self.instructed = 0
        self.original_currency = ""
        if transaction.original_amount:
            original = transaction.original_amount.rounded()
            size = abs(original.minor)
            if original.currency == self.currency:
                self.instructed = size
            else:
                self.original = size if self.amount > 0 else -size
                self.original_currency = original.currency
        charges = transaction.charges
        mine = charges is not None and charges.currency == self.currency
        self.charges = charges.rounded().minor if charges and mine else 0
        self.hits: tuple[tuple[int, int], ...] = ()
        self.order_hits: tuple[int, ...] = ()
        self.parties: dict[int, int] = {}
        self.texts: tuple[str, ...] | None = None

    @property
    def is_collected(self) -> bool:
        """Say whether the other party drew the money by direct debit."""
        return bool(self.mandate) or self.code.startswith("PMNT-RDDT")

    @property
    def pieces(self) -> list[str]:
        """Return the letters-and-digits runs of the text, without dates."""
        return words(without_dates(self.text))

    def joined_texts(self) -> tuple[str, ...]:
        """Return the joined neighbouring pieces, kept for the passes that come back to them."""
        if self.texts is None:
            self.texts = tuple(dict.fromkeys(t for t in joined(self.pieces) if len(t) > 2))
        return self.texts
