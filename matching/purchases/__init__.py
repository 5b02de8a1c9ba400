"""Purchases: an invoice against what was ordered, received and billed before.

`PurchaseBooks` holds the books (one vendor's slice, or everything);
`match_invoice` explains one invoice with them; `PurchaseBooks.consume` records
what it used, so that the next invoice sees it.
"""

from matching.purchases.books import PurchaseBooks
from matching.purchases.invoices import match_invoice

__all__ = ["PurchaseBooks", "match_invoice"]
