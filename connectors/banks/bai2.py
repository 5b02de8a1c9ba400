from __future__ import annotations

from collections.abc import Iterator

from records.banking import BankTransaction, Statement
from records.documents import Document
from records.findings import Finding


class Reader:
    def accepts(self, document: Document) -> bool:
        return False

    def read(self, document: Document) -> Iterator[BankTransaction | Statement | Finding]:
        return iter(())
