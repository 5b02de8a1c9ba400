"""Amounts of invoice lines: what they add up to, and what rounding explains."""

from __future__ import annotations

from decimal import Decimal

from records.invoices import Invoice, Line

_ZERO = Decimal(0)


def computed_amount(line: Line) -> Decimal | None:
    """Return quantity times price, before allowance and charge; None when either is missing."""
    if line.quantity is None or line.unit_price is None:
        return None
    return line.quantity * line.unit_price / (line.price_base_quantity or 1)


def rounding_slack(line: Line) -> Decimal:
    """Return what a price rounded for print does to the line's amount, at most.

    Half a unit of the last decimal printed, of a cent at least, times the quantity.
    """
    if line.quantity is None or line.unit_price is None:
        return _ZERO
    exponent = line.unit_price.as_tuple().exponent
    places = max(-exponent, 2) if isinstance(exponent, int) else 2
    return abs(line.quantity / (line.price_base_quantity or 1)) * Decimal(5).scaleb(-places - 1)


def sum_of_lines(invoice: Invoice) -> Decimal | None:
    """Return what the lines add up to; None when one has no amount, or there are none."""
    amounts = [line.net_amount for line in invoice.lines]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, _ZERO) if amounts and len(known) == len(amounts) else None


def lines_include_vat(invoice: Invoice, rounding: Decimal) -> bool:
    """Say whether the lines add up to the gross total instead of the net, as shops print them."""
    lines, net, gross = sum_of_lines(invoice), invoice.net_total, invoice.gross_total
    if lines is None or net is None or gross is None:
        return False
    lines += (invoice.charge_total or _ZERO) - (invoice.allowance_total or _ZERO)
    return abs(lines - gross) <= rounding < abs(lines - net)
