from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.banks._profile import Profile
from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding


class Reader:
    def __init__(self, profiles: Sequence[Profile] = ()) -> None:
        pass

    def accepts(self, document: Document) -> bool:
        return False

    def profile(self, document: Document) -> Profile | None:
        return None

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        return iter(())
