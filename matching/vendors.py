"""Who sent the invoice: the vendor of the master, its doubles, its bank accounts.

Evidence in order of weight: VAT id, IBAN on file, name without legal form,
sender's domain, address. VAT id and IBAN are unique by law and by banking;
a name only counts when one vendor alone bears it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from matching.names import code, core_name, name_words, squeezed
from records.findings import Finding, finding
from records.invoices import Invoice, Party
from records.purchasing import Vendor


@dataclass(frozen=True, slots=True)
class VendorGroup:
    """All records of the master that are one vendor; `main` is the first of them.

    `ibans` are all accounts on file for any of the records, without spaces.
    """

    members: tuple[Vendor, ...]
    ibans: frozenset[str]

    @property
    def main(self) -> Vendor:
        """Return the record that stands for the group."""
        return self.members[0]

    @property
    def id(self) -> str:
        """Return the id that stands for the group."""
        return self.members[0].id

    @property
    def order_required(self) -> bool:
        """Say whether any of the records demands an order for every invoice."""
        return any(member.order_required for member in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """Which vendor the seller is, by which evidence; None when nobody fits or several do."""

    group: VendorGroup | None = None
    vendor: Vendor | None = None
    by: tuple[str, ...] = ()
    candidates: tuple[VendorGroup, ...] = ()


class VendorDirectory:
    """The vendor master, indexed by everything an invoice may print."""

    def __init__(self, vendors: Iterable[Vendor]) -> None:
        """Index the records and join doubles into groups."""
        records = list(vendors)
        self.groups = _grouped(records)
        self._group_of: dict[str, VendorGroup] = {}
        self._by_vat: dict[str, VendorGroup] = {}
        self._by_iban: dict[str, list[VendorGroup]] = defaultdict(list)
        self._by_name: dict[str, list[VendorGroup]] = defaultdict(list)
        self._by_domain: dict[str, list[VendorGroup]] = defaultdict(list)
        for group in self.groups:
            for member in group.members:
                self._group_of[member.id] = group
                if member.vat_id:
                    self._by_vat.setdefault(code(member.vat_id), group)
                for iban in member.ibans:
                    _remember(self._by_iban, code(iban), group)
                _remember(self._by_name, core_name(member.name), group)
                for domain in member.email_domains:
                    _remember(self._by_domain, domain.lower(), group)

    def group_of(self, vendor_id: str) -> VendorGroup | None:
        """Return the group a vendor id belongs to, or None."""
        return self._group_of.get(vendor_id)

    def identify(
        self, seller: Party, ibans: Sequence[str] = (), sender_domain: str | None = None
    ) -> Identification:
        """Find the vendor that the seller of an invoice is.

        When VAT id and IBAN name different vendors the VAT id wins, because
        the IBAN is what a fraudster changes.
        """
        vat = self._by_vat.get(code(seller.vat_id)) if seller.vat_id else None
        by_iban: list[VendorGroup] = []
        for iban in ibans:
            for group in self._by_iban.get(code(iban), ()):
                if group not in by_iban:
                    by_iban.append(group)
        by_name = self._by_name.get(core_name(seller.name), []) if seller.name else []
        by_domain = self._domain_groups(sender_domain or _domain(seller.email))
        if vat is not None:
            return _found(vat, seller, "VAT id", by_iban, by_name)
        for pool, label in ((by_iban, "bank account"), (by_name, "name")):
            if not pool:
                continue
            narrowed = _narrowed(pool, by_name, by_domain, seller)
            if label == "name":
                # A namesake with another VAT id is another company.
                narrowed = [g for g in narrowed if not _contradicted(g, seller)]
                if not narrowed:
                    return Identification()
            if len(narrowed) == 1:
                return _found(narrowed[0], seller, label, by_iban, by_name)
            return Identification(candidates=tuple(narrowed))
        # A domain alone names nobody: whoever holds the mailbox may write anything.
        return Identification(candidates=tuple(by_domain), by=("domain",) if by_domain else ())

    def _domain_groups(self, domain: str | None) -> list[VendorGroup]:
        return self._by_domain.get(domain.lower(), []) if domain else []


def check_vendor(
    invoice: Invoice, found: Identification, cool_off_days: int = 7, on: date | None = None
) -> tuple[Finding, ...]:
    """Report what is wrong with who wants to be paid, and where to.

    `on` is the day the invoice arrived, for the cool-off after a change of
    bank details; without it the cool-off is not checked.
    """
    if found.group is None or found.vendor is None:
        return (_unknown(invoice, found),)
    group, vendor = found.group, found.vendor
    where = f"invoice {invoice.number}"
    problems: list[Finding] = []
    if any(member.blocked for member in group.members):
        problems.append(finding("blocked_vendor", where=where, actual=f"{vendor.id} {vendor.name}"))
    if len(group.members) > 1:
        ids = ", ".join(member.id for member in group.members)
        problems.append(finding("vendor_twice", where=where, actual=ids))
    problems += _accounts(invoice, group, where)
    name = invoice.seller.name
    if name and not any(_same_name(name, member.name) for member in group.members):
        problems.append(
            finding("vendor_name_differs", where=where, expected=vendor.name, actual=name)
        )
    changed = max((m.ibans_changed_on for m in group.members if m.ibans_changed_on), default=None)
    if changed and on and on < changed + timedelta(days=cool_off_days):
        problems.append(
            finding(
                "bank_details_cooling",
                where=where,
                expected=f"unchanged for {cool_off_days} days",
                actual=f"changed on {changed.isoformat()}",
            )
        )
    return tuple(problems)


def prepared_vendor(invoice: Invoice) -> Vendor:
    """Return a new-vendor record made of what the invoice prints, for a person to confirm.

    The id is empty and no account is taken over: bank details enter the master
    only after a check outside the message.
    """
    seller = invoice.seller
    terms = None
    if invoice.due_date and invoice.issue_date and invoice.due_date >= invoice.issue_date:
        terms = (invoice.due_date - invoice.issue_date).days
    domain = _domain(seller.email)
    country = seller.country or (code(seller.vat_id)[:2] if seller.vat_id else None)
    return Vendor(
        id="",
        name=seller.name or "",
        vat_id=seller.vat_id,
        country="GR" if country == "EL" else country,
        currency=invoice.currency,
        terms_days=terms,
        skonto_percent=invoice.skonto_percent,
        email_domains=(domain,) if domain else (),
        address=seller.address,
    )


def _unknown(invoice: Invoice, found: Identification) -> Finding:
    where = f"invoice {invoice.number}"
    seller = invoice.seller
    printed = ", ".join(
        part
        for part in (seller.name, seller.vat_id, *invoice.ibans, seller.address, seller.country)
        if part
    )
    fitting = "; ".join(f"{group.id} {group.main.name}" for group in found.candidates)
    if found.by == ("domain",):
        hint = f"a vendor on file; the sender's domain belongs to {fitting}"
        return finding("unknown_vendor", where=where, expected=hint, actual=printed)
    if found.candidates:
        return finding("ambiguous_vendor", where=where, expected=fitting, actual=printed)
    return finding("unknown_vendor", where=where, expected="a vendor on file", actual=printed)


def _accounts(invoice: Invoice, group: VendorGroup, where: str) -> list[Finding]:
    printed = {code(iban): iban for iban in invoice.ibans}
    strange = [iban for key, iban in printed.items() if key not in group.ibans]
    if not strange:
        return []
    on_file = ", ".join(sorted(group.ibans)) or "no account on file"
    kind = "bank_details_changed" if len(strange) == len(printed) else "further_bank_account"
    return [finding(kind, where=where, expected=on_file, actual=", ".join(strange))]


def _same_name(printed: str, on_file: str) -> bool:
    if core_name(printed) == core_name(on_file):
        return True
    mine, theirs = name_words(printed), name_words(on_file)
    return bool(mine and theirs) and (mine <= theirs or theirs <= mine)


def _found(
    group: VendorGroup,
    seller: Party,
    by: str,
    by_iban: Sequence[VendorGroup],
    by_name: Sequence[VendorGroup],
) -> Identification:
    evidence = [by]
    if group in by_iban and by != "bank account":
        evidence.append("bank account")
    if group in by_name and by != "name":
        evidence.append("name")
    # Among doubles, the record that bears the printed name is the one meant.
    vendor = next((m for m in group.members if m.name == seller.name), group.main)
    return Identification(group=group, vendor=vendor, by=tuple(evidence))


def _narrowed(
    pool: Sequence[VendorGroup],
    by_name: Sequence[VendorGroup],
    by_domain: Sequence[VendorGroup],
    seller: Party,
) -> list[VendorGroup]:
    """Reduce candidates by further evidence, as long as any of them has it."""
    kept = list(pool)
    if len(kept) < 2:
        return kept
    address = squeezed(seller.address or "")
    tests: tuple[Callable[[VendorGroup], bool], ...] = (
        lambda g: g in by_name,
        lambda g: any(m.name == seller.name for m in g.members),
        lambda g: g in by_domain,
        lambda g: bool(address) and any(squeezed(m.address or "") == address for m in g.members),
        lambda g: bool(seller.country) and any(m.country == seller.country for m in g.members),
    )
    for test in tests:
        passing = [group for group in kept if test(group)]
        kept = passing or kept
    return kept


def _contradicted(group: VendorGroup, seller: Party) -> bool:
    known = [code(m.vat_id) for m in group.members if m.vat_id]
    return bool(seller.vat_id and known) and code(seller.vat_id or "") not in known


def _grouped(records: Sequence[Vendor]) -> tuple[VendorGroup, ...]:
    """Join records with the same VAT id, or with the same account and the same name.

    The same account under two names is not enough: a factoring bank collects
    for many vendors.
    """
    parent = list(range(len(records)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[tuple[str, ...], int] = {}
    for i, record in enumerate(records):
        keys: list[tuple[str, ...]] = []
        if record.vat_id:
            keys.append(("vat", code(record.vat_id)))
        keys += [("iban", code(iban), core_name(record.name)) for iban in record.ibans]
        for key in keys:
            a, b = root(first.setdefault(key, i)), root(i)
            parent[max(a, b)] = min(a, b)
    members: dict[int, list[Vendor]] = defaultdict(list)
    for i, record in enumerate(records):
        members[root(i)].append(record)
    return tuple(
        VendorGroup(tuple(group), frozenset(code(iban) for m in group for iban in m.ibans))
        for group in members.values()
    )


def _remember(index: dict[str, list[VendorGroup]], key: str, group: VendorGroup) -> None:
    if key and group not in index[key]:
        index[key].append(group)


def _domain(address: str | None) -> str | None:
    return address.rpartition("@")[2].strip().lower() or None if address else None
