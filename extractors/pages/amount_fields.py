"""Amount fields: totals, tax breakdown and invoice lines, with what proves them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from extractors.pages.amounts import CENT, Occurrence, TaxRow
from extractors.pages.chosen import Sums, Totals
from extractors.pages.draft import Draft, plain
from extractors.pages.exemptions import Exemption
from extractors.pages.figures import Style
from extractors.pages.items import Item, discount_of, extends
from extractors.pages.table import Table
from records.findings import finding


def add_totals(draft: Draft, totals: Totals, sign: int, style: Style) -> None:
    for name in (
        "lines_total",
        "allowance_total",
        "charge_total",
        "net_total",
        "tax_total",
        "gross_total",
        "prepaid_total",
        "rounding_amount",
        "amount_due",
    ):
        held = totals.chosen.get(name)
        value = totals.value(name)
        if value is None:
            continue
        proved = name in totals.proved and name not in totals.doubtful
        if name == "amount_due" and name in totals.doubtful:
            draft.findings.append(
                finding(
                    "due_does_not_sum",
                    message="The amount due as read does not follow from gross total and payments",
                    expected=plain(totals.value("gross_total") or value),
                    actual=plain(value),
                    remedy="Compare with the page and confirm.",
                )
            )
            continue
        confidence = _amount_confidence(name, totals, held)
        if confidence < 0.5:
            continue
        if name in {"allowance_total", "charge_total", "prepaid_total"}:
            value = abs(value)
        else:
            value *= sign
        draft.fields.append(
            draft.field(
                name,
                plain(value),
                held.row if held else None,
                held.figure.first if held else 0,
                held.figure.last if held else 0,
                confidence,
                totals.why.get(name, f"printed beside '{held.label}'" if held else "computed"),
                proved=proved,
            )
        )
    if totals.exempt is not None and len(totals.taxes) < 2:
        _exemption(draft, totals.exempt, totals, sign)
    # Included taxes of several rates are rows of their own, whatever their base.
    several = len(totals.taxes) > 1 and "net_total" not in totals.chosen
    bare = totals.chosen and not several and not any(row.basis for row in totals.taxes)
    if bare and _single_tax_row(draft, totals, sign):
        return
    for number, row in enumerate(totals.taxes, 1):
        _tax_row(draft, number, row, sign)


def _exemption(draft: Draft, said: Exemption, totals: Totals, sign: int) -> None:
    """Add why no tax is charged, and its row of the breakdown where none is printed."""
    values = {"tax_category": said.category, "tax_exemption_reason": said.text}
    net = totals.value("net_total")
    if not totals.taxes and net is not None:
        values |= {"tax_rate": "0", "tax_basis": plain(net * sign), "tax_amount": "0"}
    for name, value in values.items():
        why = "the page says why no tax is charged"
        draft.fields.append(
            draft.field(name, value, said.row, said.first, said.last, 0.9, why, line=1)
        )


def _tax_row(draft: Draft, number: int, row: TaxRow, sign: int) -> None:
    why = "rate times base is the tax" if row.proved else "printed in one row"
    if row.basis is None and row.gross is not None:
        why = f"{plain(row.gross)} includes this tax"
    sure = 0.98 if row.proved else 0.85
    percent = row.percent
    draft.fields.append(
        draft.field(
            "tax_rate",
            plain(row.rate),
            row.row,
            percent.first,
            percent.last,
            sure,
            why,
            line=number,
            proved=row.proved,
        )
    )
    for name, item in (("tax_basis", row.basis), ("tax_amount", row.tax)):
        if item is not None:
            draft.fields.append(
                draft.field(
                    name,
                    plain(item.value * sign),
                    item.row,
                    item.figure.first,
                    item.figure.last,
                    sure,
                    why,
                    line=number,
                    proved=row.proved,
                )
            )
    if row.basis is None and row.gross is not None and row.tax is not None and row.proved:
        net = plain((row.gross - row.tax.value) * sign)
        draft.fields.append(
            draft.field("tax_basis", net, None, 0, 0, sure, why, line=number, proved=True)
        )


def _single_tax_row(draft: Draft, totals: Totals, sign: int) -> bool:
    """Make the breakdown of an invoice with one rate from net, tax and the rate printed."""
    net, tax = totals.value("net_total"), totals.value("tax_total")
    if net is None or tax is None or not tax or "tax_total" not in totals.proved:
        return False
    rows = [r for r in draft.sheet.rows if any(f.percent for f in r.figures)]
    for row in rows:
        for figure in row.figures:
            if not figure.percent:
                continue
            rate = abs(figure.read(Style.COMMA if "," in figure.digits else Style.POINT))
            if rate and abs(abs(net) * rate / 100 - abs(tax)) <= 2 * CENT:
                why = "the printed rate of the net total is the tax"
                draft.fields.append(
                    draft.field(
                        "tax_rate",
                        plain(rate),
                        row,
                        figure.first,
                        figure.last,
                        0.95,
                        why,
                        line=1,
                        proved=True,
                    )
                )
                for name, value in (("tax_basis", net), ("tax_amount", tax)):
                    draft.fields.append(
                        draft.field(
                            name,
                            plain(value * sign),
                            None,
                            0,
                            0,
                            0.95,
                            why,
                            line=1,
                            proved=True,
                        )
                    )
                return True
    return False


def _amount_confidence(name: str, totals: Totals, held: Occurrence | None) -> float:
    if name in totals.doubtful:
        label = max(held.concepts.values(), default=0.0) if held else 0.0
        return 0.45 + 0.2 * label
    if name in totals.proved:
        return 0.99
    if name == "amount_due":
        return min(0.93, _amount_confidence("gross_total", totals, None))
    if held is None:
        return 0.85
    return min(0.9, 0.35 + 0.6 * max(held.concepts.values(), default=0.0))


def add_lines(draft: Draft, table: Table, totals: Totals, style: Style, sign: int) -> None:
    if not table.items:
        return
    sums = sums_of(table.items, style)
    targets = [totals.value(n) for n in ("lines_total", "net_total", "gross_total")]
    known = [t for t in targets if t is not None]
    summed = any(sums.has(t) for t in known)
    use_reduced = (
        summed
        and sums.reduced is not None
        and sums.reduced != sums.plain
        and any(abs(abs(sums.reduced) - abs(t)) <= CENT for t in known)
    )
    for number, item in enumerate(table.items, 1):
        _line(draft, number, item, style, sign, summed, use_reduced)
    if not summed and known and sums.plain is not None:
        draft.findings.append(
            finding(
                "lines_do_not_sum",
                message="The lines as read do not add up to a printed total",
                expected=plain(known[0]),
                actual=plain(sums.plain * sign),
                remedy="Compare the lines with the page.",
            )
        )


def _line(
    draft: Draft, number: int, item: Item, style: Style, sign: int, summed: bool, reduced: bool
) -> None:
    multiplied = extends(item, style)
    proved = summed or multiplied is True
    sure = 0.99 if summed and multiplied else 0.96 if proved else 0.8 if multiplied is None else 0.6
    why = (
        "quantity times price is the amount"
        if multiplied
        else "the lines add up"
        if summed
        else "read from its column"
    )
    names = {
        "position": "line_id",
        "quantity": "quantity",
        "unit_price": "unit_price",
        "price_base": "price_base_quantity",
        "vat_rate": "vat_rate",
    }
    if "unit_price" not in item.cells and "gross_price" in item.cells:
        names["gross_price"] = "unit_price"
    for role, name in names.items():
        cell = item.cells.get(role)
        if cell is None:
            continue
        value = cell.text.strip(".:") if cell.figure is None else None
        if cell.figure is not None:
            amount = cell.figure.read(style)
            if name == "quantity" and sign < 0:
                amount = abs(amount)
            elif name == "vat_rate":
                amount = vat_rate_of(item) or amount
            value = plain(amount)
        if value is None or (name != "line_id" and cell.figure is None):
            continue
        certain = multiplied is True and name in {"quantity", "unit_price"}
        draft.fields.append(
            draft.field(
                name,
                value,
                cell.row,
                cell.first,
                cell.last,
                sure if name != "line_id" else 0.9,
                why,
                line=number,
                proved=certain,
            )
        )
    rate = item.cells.get("vat_text")
    if rate is not None and "vat_rate" not in item.cells:
        percent = vat_rate_of(item)
        if percent is not None:
            value = plain(percent)
            draft.fields.append(
                draft.field(
                    "vat_rate",
                    value,
                    rate.row,
                    rate.first,
                    rate.last,
                    0.9,
                    "read from its column",
                    line=number,
                )
            )
    discount = discount_of(item, style) if multiplied else None
    if discount is not None:
        cell = discount.cell
        draft.fields.append(
            draft.field(
                "line_allowance",
                plain(
                    discount.amount if (item.amount(style) or 0) * sign > 0 else -discount.amount
                ),
                cell.row,
                cell.first,
                cell.last,
                sure,
                f"leads from quantity times price to the amount: {cell.text}",
                line=number,
                proved=True,
            )
        )
    amount_cell = item.cells.get("net_amount") or item.cells.get("gross_amount")
    if amount_cell is None:
        amount_cell = item.cells.get("unit_price")
    if amount_cell is not None and amount_cell.figure is not None:
        amount = amount_cell.figure.read(style)
        if reduced:
            for allowance in item.allowances:
                if allowance.figure is not None:
                    cut = abs(allowance.figure.read(style))
                    amount -= cut
                    draft.fields.append(
                        draft.field(
                            "line_allowance",
                            plain(cut),
                            allowance.row,
                            allowance.first,
                            allowance.last,
                            0.95,
                            "printed under the line",
                            line=number,
                        )
                    )
        draft.fields.append(
            draft.field(
                "net_amount",
                plain(amount * sign),
                amount_cell.row,
                amount_cell.first,
                amount_cell.last,
                sure,
                why,
                line=number,
                proved=proved,
            )
        )
    text = " ".join(c.text for c in item.description).strip()
    if text:
        head = item.description[0]
        draft.fields.append(
            draft.field(
                "description",
                text[:500],
                head.row,
                head.first,
                head.last,
                0.9,
                "read from its column",
                line=number,
            )
        )
    for role in ("article_number", "unit"):
        cell = item.cells.get(role)
        if cell is not None and cell.text.strip(" -.:"):
            draft.fields.append(
                draft.field(
                    role,
                    cell.text.strip(" .:"),
                    cell.row,
                    cell.first,
                    cell.last,
                    0.85,
                    "read from its column",
                    line=number,
                )
            )


def sums_of(items: Sequence[Item], style: Style) -> Sums:
    """Add up the lines, with and without the allowances printed under them."""
    if not items:
        return Sums(None, None, 0)
    amounts = [i.amount(style) for i in items]
    if any(a is None for a in amounts):
        return Sums(None, None, len(items))
    plain = sum((a for a in amounts if a is not None), Decimal(0))
    cuts = sum(
        (abs(c.figure.read(style)) for i in items for c in i.allowances if c.figure), Decimal(0)
    )
    return Sums(plain, plain - cuts, len(items), () if cuts else _by_rate(items, style))


def _by_rate(items: Sequence[Item], style: Style) -> tuple[tuple[Decimal, Decimal], ...]:
    found: dict[Decimal, Decimal] = {}
    for item in items:
        rate, amount = vat_rate_of(item), item.amount(style)
        if rate is None or amount is None:
            return ()
        found[rate] = found.get(rate, Decimal(0)) + amount
    return tuple(found.items())


def vat_rate_of(item: Item) -> Decimal | None:
    """Return the VAT rate printed in a line's columns, in percent."""
    cell = item.cells.get("vat_rate")
    if cell is not None and cell.figure is not None:
        # A rate may be written `5.5` on a page whose amounts have commas.
        return cell.figure.read(Style.COMMA if "," in cell.figure.digits else Style.POINT)
    cell = item.cells.get("vat_text")
    found = re.search(r"\d{1,2}(?:[.,]\d{1,2})?(?=\s?%)", cell.text) if cell else None
    return Decimal(found.group().replace(",", ".")) if found else None
