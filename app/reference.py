"""The reference pages, made from the program itself: `python -m app.reference`.

docs/configuration.md from the settings and the plugins' own docstrings,
docs/tables.md from the kinds of tables, docs/findings.md from the catalogue of
findings. A test compares them with the files, so that they cannot go stale.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from app import families
from app.sections import described
from app.settings import PLUGIN_SECTIONS
from connectors.tables.kinds import DETAILS, TABLES
from matching.payments import PaymentPolicy
from matching.policy import Policy, Tolerances
from records.findings import CATALOGUE

DOCS = Path(__file__).resolve().parent.parent / "docs"

_MADE = "<!-- Made by `python -m app.reference`; edit what it reads, not this file. -->\n\n"


def pages() -> Mapping[str, str]:
    """Return the text of every page by its file name in `docs/`."""
    return {
        "configuration.md": _MADE + "\n".join(_configuration()),
        "tables.md": _MADE + "\n".join(_tables()),
        "findings.md": _MADE + "\n".join(_findings()),
    }


def _configuration() -> Iterator[str]:
    yield _CONFIGURATION
    section = ""
    for name, default, text in described():
        group, _, key = name.rpartition(".")
        if group != section:
            section = group
            yield f"\n### {group.removesuffix('[]')}\n"
            yield from _head("key", "default", "meaning")
        yield _row(f"`{key}`", _default(default), text)
    for title, kind in (
        ("matching", Policy),
        ("matching.tolerances", Tolerances),
        ("payments", PaymentPolicy),
    ):
        yield f"\n### {title}\n"
        yield _prose(kind)
        yield ""
        yield from _head("key", "default")
        for field in dataclasses.fields(kind):
            yield _row(f"`{field.name}`", _field_default(field))
    yield f"\n## Bots\n\n{_BOTS}"
    yield from _family("bots", "### {name}")
    yield f"\n## Connectors\n\n{_CONNECTORS}"
    for family in PLUGIN_SECTIONS:
        yield from _family(family, f"### {family}: `use: {{name}}`")
    yield ""


def _family(family: str, heading: str) -> Iterator[str]:
    for name in families.names(family):
        plugin = families.implementation(family, name)
        yield f"\n{heading.format(name=name)}\n"
        yield _prose(plugin)
        fields = {field.name: field for field in dataclasses.fields(plugin.Settings)}
        lead, meanings = split(inspect.getdoc(plugin.Settings) or "", fields)
        yield f"\n{lead}\n" if lead else ""
        yield from _head("key", "default", "meaning")
        for key, text in meanings.items():
            meaning, shown = _meaning(text, fields[key])
            yield _row(f"`{key}`", shown, meaning)


def split(text: str, keys: Iterable[str]) -> tuple[str, Mapping[str, str]]:
    """Part a Settings docstring into its first words and what it says of each key.

    A key's part begins with `key: ` and ends where the next key's begins. Raises
    KeyError for a key that the docstring does not explain, in its order.
    """
    text = " ".join(text.split())
    starts = []
    after = 0
    for key in keys:
        found = re.compile(rf"(?:^|(?<=\. )){key}: ").search(text, after)
        if found is None:
            raise KeyError(key)
        starts.append((key, found.start(), after := found.end()))
    ends = [start for _, start, _ in starts[1:]] + [len(text)]
    meanings = {
        key: text[begin:end].strip() for (key, _, begin), end in zip(starts, ends, strict=True)
    }
    return (text[: starts[0][1]].strip() if starts else text), meanings


def _meaning(text: str, field: dataclasses.Field[Any]) -> tuple[str, str]:
    """Return what a key means and its default: in the docstring's words where it has some."""
    said = re.search(r"\s*(?:Default: (.*?)|(Required))\.$", text)
    if said is None:
        return text, _field_default(field)
    return text[: said.start()], said.group(1) or "required"


def _field_default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return _default(repr(field.default_factory()))
    if field.default is dataclasses.MISSING:
        return "required"
    if dataclasses.is_dataclass(field.default):
        return "see below"
    return _default(str(field.default) if field.default is not None else "None")


def _default(shown: str) -> str:
    """Return a default as one would write it in YAML."""
    made = re.fullmatch(r"\w+\('(.*)'\)", shown)  # Decimal('8'), PosixPath('out')
    plain = made.group(1) if made else shown.strip("'")
    if plain in {"", "None", "()", "{}", "frozenset()"}:
        return "none"
    if plain in {"required", "computed"}:
        return plain
    return f"`{plain.lower() if plain in {'True', 'False'} else plain}`"


def _prose(thing: type[Any]) -> str:
    return inspect.getdoc(thing) or ""


def _tables() -> Iterator[str]:
    yield _TABLES
    parts = {detail: kind for kind, detail in DETAILS.items()}
    for kind, table in TABLES.items():
        yield f"\n## {kind}\n"
        yield _KINDS[kind] + (f" Belongs to `{parts[kind]}`." if kind in parts else "")
        yield ""
        yield from _head("column", "", "meaning")
        for needed, names in ((True, table.needed), (False, table.optional)):
            for name in names:
                meaning = _COLUMNS.get(f"{kind}.{name}") or _COLUMNS[name]
                yield _row(f"`{name}`", "needed" if needed else "", meaning)
    yield ""


def _findings() -> Iterator[str]:
    yield _FINDINGS
    yield from _head("code", "", "what it says", "what to do")
    for code, entry in sorted(CATALOGUE.items()):
        yield _row(f"`{code}`", entry.severity.value, entry.title, entry.remedy)
    yield ""


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield "|" + "---|" * len(cells)


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in cells) + " |"


_CONFIGURATION = """\
# Configuration

One YAML file, `config.yaml` unless `--config` names another; the one in this
repository is annotated and works. Relative paths start at its folder. Unknown
keys are faults; `nightclerk check` lists every fault with its line. A secret is
a reference, never a value: `{env: NAME}`, `{file: PATH}` or
`{keyring: SERVICE/NAME}`.

## Core

| key | default | meaning |
|---|---|---|
| `database` | `sqlite:///var/nightclerk.db` | `sqlite:///FILE` or `postgresql://USER@HOST/NAME`; may be a secret |
| `files` | `var/files` | folder that keeps every document's bytes, named by their SHA-256 |
| `bank_profiles` | none | folder of confirmed profiles for banks' CSV and XLSX files, one YAML file each |
| `mail`, `senders`, `records`, `statements`, `posters` | none | lists of connectors, see below |
| `bots` | none | what each bot works on, see below |
| `schedules` | none | list of when bots run under `nightclerk serve` |"""

_BOTS = """\
Under `bots:`, by name; the values name connectors of the lists below. A bot of
your own is an entry point in the group `nightclerk.bots`."""

_CONNECTORS = """\
Each entry of a list has a `name` of your choice and a `use`, which picks the
connector; the other keys are its own. One of your own is a file beside these,
or an entry point in the group `nightclerk.mail`, `.senders`, `.records`,
`.statements` or `.posters`."""

_TABLES = """\
# Tables

What the office's other systems know, as CSV or XLSX. `nightclerk try DIR` and
the source `folder` read files called after their kind (`vendors.csv`,
`purchase_orders.xlsx`); `csv_table` and `workbook` read any file, with your own
column names under `columns`. Every file may be absent.

The first row names the columns, in any order and case; further columns are
passed over. Numbers have a decimal point and dates are `2026-11-21`, unless
`decimal_mark` and `dates` say otherwise. Yes is 1, true, yes, ja or x.
Currencies are ISO 4217. Where it is not needed, a blank `currency` means the
source's own (`currency`); in a folder, else the one of the first own account.
Percentages are in per cent: 2 means 2 %. A row that cannot be read becomes a
finding with its number; the others are taken."""

_FINDINGS = """\
# Findings

Everything nightclerk can have to say about a document, an invoice, a bank line
or an account. `block` holds what it is about until a person decides, `warn` and
`note` go into the report only. The report bot's `owners` assigns codes to
people: `owners: {default: accounting, price_variance: purchasing}`.
"""

#: What one row of each kind is.
_KINDS = {
    "own_accounts": "One of our bank accounts.",
    "vendors": "A vendor of the master, with the accounts that people have verified.",
    "customers": "A customer of the master.",
    "purchase_orders": "A line of a purchase order in one revision. A line whose price changed "
    "appears once per revision.",
    "goods_receipts": "Goods received against an order line.",
    "uom_conversions": "How many of one unit are one of another.",
    "supplier_invoices": "An invoice or credit note that a vendor sent us, in the order of receipt: "
    "matched against orders by `nightclerk try`, and open for the bank.",
    "supplier_invoice_lines": "A line of a vendor's invoice.",
    "customer_invoices": "An invoice or credit note that we sent and that is open.",
    "open_items": "Anything that is open, where one list holds all of it.",
    "payment_runs": "A payment file of ours.",
    "payment_run_items": "What a payment file pays or collects.",
    "card_settlements": "A pay-out of a card processor.",
    "card_settlement_items": "An invoice that a pay-out settles.",
    "payroll_runs": "A payroll batch.",
    "recurring_contracts": "A payment that comes again without an order: rent, leasing, insurance.",
    "bookings": "A line of a vendor's invoice as you booked it: what coding is learnt from.",
    "fx_rates": "A mid rate of a day.",
}

#: What a column means, in every kind that has it; `kind.column` where one differs.
_COLUMNS = {
    "account": "ledger account",
    "account_id": "our own name of the bank account",
    "address": "postal address",
    "amount": "amount, with its sign where it has one",
    "batch_id": "id of the batch in the payment file, as the bank repeats it",
    "bic": "BIC",
    "booking_id": "id of the booked line in your system",
    "blocked": "yes: nothing of this vendor is posted",
    "category": "group of vendors, for `matching.categories`",
    "contract_no": "contract number, as it stands in the remittance text",
    "cost_centre": "cost centre",
    "counterparty": "whom the contract is with",
    "country": "ISO 3166 code",
    "currency": "ISO 4217 code",
    "customer_id": "customer's id in your system",
    "customer_name": "customer's name",
    "customer_order_ref": "the customer's own order number",
    "date": "day",
    "description": "text of the line",
    "due_date": "day it is due",
    "email_domains": "mail domains the vendor writes from, separated by blanks",
    "end_to_end_id": "EndToEndId of the payment",
    "eur_per_unit": "EUR for one unit of the currency",
    "execution_date": "day the bank was asked to execute it",
    "factor": "1 `from_uom` is so many `to_uom`",
    "fee": "what the processor kept",
    "from_uom": "unit that is converted",
    "gr_id": "number of the receipt",
    "gross": "gross total; the sign follows from the kind",
    "iban": "IBAN",
    "iban_changed_on": "day the accounts on file last changed; a cool-off follows",
    "invoice_date": "day of issue",
    "invoice_no": "number of the invoice, as printed",
    "item_id": "id of the item in your system",
    "kind": "kind of the payment",
    "label": "name for people",
    "line_no": "number of the line",
    "n": "number of payments in it",
    "name": "legal name",
    "net": "net amount",
    "open": "what is left open; blank: all",
    "order_date": "day of the order",
    "order_ref": "order number",
    "owner": "who looks after it",
    "party_iban": "IBAN of the other party",
    "party_id": "the other party's id in your system",
    "party_name": "the other party's name",
    "party_vat_id": "VAT id of the other party",
    "pay_method": "`transfer`, or `dd` where the vendor collects",
    "po_id": "number of the order",
    "po_line": "line of the order",
    "po_ref": "order number as printed; several separated by commas",
    "po_required": "yes: every invoice of this vendor needs an order",
    "processor": "name of the card processor",
    "qty": "quantity, in `uom`",
    "ref_invoice_no": "number of the invoice that a credit note is for",
    "revision": "revision of the line; blank: 1",
    "routing_number": "ABA number of the bank, where the account is in the US",
    "run_id": "id of the payment file",
    "settlement_id": "id of the pay-out",
    "retention_pct": "per cent of what is billed that is kept back, as agreed",
    "retention_days": "days after the invoice's date that it is kept back",
    "skonto_pct": "early-payment discount in per cent of gross",
    "skonto_until": "last day of the early-payment discount",
    "sku": "article number",
    "structured_ref": "structured reference (ISO 11649 RF or national)",
    "tax_code": "tax code; without one nothing is coded by itself",
    "terms_days": "days until payment is due",
    "to_uom": "unit it is converted to",
    "tolerance": "how far the amount may stray, in the currency; blank: not at all",
    "total": "sum of the batch",
    "type": "`invoice` or `credit_note`; blank: invoice",
    "unit_price": "net price of one unit",
    "uom": "unit of the quantity",
    "valid_from": "day from which this revision holds",
    "vat": "VAT amount",
    "vat_id": "VAT id",
    "vat_rate": "VAT rate in per cent",
    "vendor_iban": "IBAN as printed on the invoice",
    "vendor_id": "vendor's id in your system",
    "vendor_name": "vendor's name as printed",
    "vendor_vat_id": "VAT id as printed",
    "card_settlements.gross": "what the cards were charged",
    "card_settlements.net": "what reached the account",
    "fx_rates.currency": "the other currency",
    "open_items.kind": "`ap_invoice`, `ap_credit_note`, `ar_invoice` or `ar_credit_note`",
    "payment_runs.kind": "`pain.001` (we pay) or `pain.008` (we collect)",
    "recurring_contracts.kind": "rent, leasing, insurance, telecom …",
    "uom_conversions.sku": "article it holds for; blank or `*`: any",
    "vendors.iban": "IBANs on file; several separated by semicolons",
}


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
