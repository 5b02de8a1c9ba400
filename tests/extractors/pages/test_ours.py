"""Us on the page: the buyer of what we are sent, never a vendor; our own invoices stay ours."""

from __future__ import annotations

from typed import page, values

from extractors.pages import read_pages

TOTALS = """
Description                  Qty        Unit Price                 Amount
Rope, 12 mm                    4             25.00                 100.00

                                         Net total                 100.00
                                         VAT 20%                    20.00
                                         Total                    £120.00
"""
# Nothing but our own name tells which of two companies was invoiced.
UNCLEAR = """
INVOICE

Kingfisher Hotels Ltd                             Harbour Supplies Ltd
1 Mill Road                                       12 Quay Street
Bath BA1 1AA                                      Bristol BS1 4DJ

Invoice No: INV-20931
Invoice Date: 14 March 2026
"""
SOLD = """
Kingfisher Hotels Ltd - 1 Mill Road - Bath BA1 1AA

Harbour Supplies Ltd
12 Quay Street
Bristol BS1 4DJ

INVOICE
Invoice No: KH-77
Invoice Date: 14 March 2026
VAT Reg No GB980780684
"""


def _found(text: str, *names: str) -> dict[str, str]:
    (reading,) = read_pages([page(text + TOTALS)], own_names=names, own_vat_ids=("GB 980 7806 84",))
    return values(reading)


def test_whoever_bears_our_name_is_the_buyer() -> None:
    assert _found(UNCLEAR, "Harbour Supplies")["buyer_name"] == "Harbour Supplies Ltd"
    assert _found(UNCLEAR, "Kingfisher Hotels Ltd")["buyer_name"] == "Kingfisher Hotels Ltd"


def test_we_are_never_the_seller_of_what_addresses_us() -> None:
    for own in ("Harbour Supplies Ltd", "Kingfisher Hotels Ltd"):
        assert _found(UNCLEAR, own).get("seller_name") != own


def test_our_own_invoice_does_not_turn_our_customer_into_a_vendor() -> None:
    found = _found(SOLD, "Kingfisher Hotels Ltd")
    assert found["seller_name"] == "Kingfisher Hotels Ltd"
    assert found["seller_vat_id"] == "GB980780684"
    assert found["buyer_name"] == "Harbour Supplies Ltd"


def test_our_vat_id_is_the_buyers() -> None:
    text = SOLD.replace("INVOICE", "Invoice from Harbour")
    found = _found(text, "Harbour Supplies Ltd")
    assert found["buyer_name"] == "Harbour Supplies Ltd"
    assert found["buyer_vat_id"] == "GB980780684"
    assert "seller_vat_id" not in found


def test_part_of_our_name_is_not_our_name() -> None:
    assert _found(UNCLEAR, "Harbour").get("buyer_name") == _found(UNCLEAR).get("buyer_name")
