"""E-invoices by law: which domestic invoices must not come as paper or PDF, and since when.

The dates are those of the seller's duty to issue structured invoices to other
businesses of its country (B2B, both established there). Where a law starts with
large firms, `since` is their day and `for_all` everybody's: in between nobody
but the vendor knows. The laws, and what was read to confirm each date:

BE  loi du 6 février 2024, article 3 (article 53 (2bis) of the VAT code): all
    established there since 2026-01-01, over Peppol unless agreed otherwise.
    Read: etaamb.openjustice.be (n2024001635), Sovos.
DE  section 14 (1) UStG with section 27 (38) as added by the
    Wachstumschancengesetz, article 23 (BGBl. 2024 I Nr. 108): other formats end
    with 2026 for sellers above 800,000 EUR turnover, for all with 2027. What
    counts is the day of the supply, which an invoice may be later than. Up to
    250 EUR never (section 33 UStDV). Read: the article's text (interchange.de).
FR  loi n° 2023-1322 de finances pour 2024, article 91: large and middle-sized
    firms since 2026-09-01, all from 2027-09-01. A decree may put off either by
    three months: not confirmed that none did. Read: efl.fr, legifiscal.fr.
HR  Zakon o fiskalizaciji (NN 89/2025): VAT payers since 2026-01-01, all others
    from 2027-01-01. Read: Sovos, Deloitte.
IT  D.Lgs. 127/2015, article 1 (3): since 2019-01-01, everybody in the flat-rate
    regime since 2024-01-01 (from 2022-07-01 the larger of them); only what
    passed the SdI, in FatturaPA's format, is an invoice. Read: edotto.com for
    2019; the articles' numbers and 2022 are not confirmed.
PL  act of 5 August 2025 (Dz.U. 2025 poz. 1203): above 200 m PLN turnover since
    2026-02-01, others since 2026-04-01; until the end of 2026 not who stays
    below 10,000 PLN a month. Read: prawo.pl, gazetaprawna.pl.
RO  OUG 120/2021 with Legea 296/2023, article LIX: all established there, in the
    system alone, since 2024-07-01. Read: the preamble of OUG 69/2024
    (legislatie.just.ro).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from matching.policy import Policy
from matching.vat_rates import country_of_vat_id
from records.findings import Finding, Severity, finding
from records.invoices import Invoice

_SYNTAXES = frozenset({"ubl", "cii", "zugferd1", "fatturapa"})
_SEVERITIES = {"note": Severity.NOTE, "hold": Severity.BLOCK}


@dataclass(frozen=True, slots=True)
class Obligation:
    """One country's duty; `free_up_to` is gross, in its own currency."""

    since: date
    for_all: date
    syntaxes: frozenset[str] = _SYNTAXES
    free_up_to: Decimal = Decimal(0)


OBLIGATIONS: Mapping[str, Obligation] = {
    "BE": Obligation(date(2026, 1, 1), date(2026, 1, 1)),
    "DE": Obligation(date(2027, 1, 1), date(2028, 1, 1), free_up_to=Decimal(250)),
    "FR": Obligation(date(2026, 9, 1), date(2027, 9, 1)),
    "HR": Obligation(date(2026, 1, 1), date(2027, 1, 1)),
    "IT": Obligation(date(2019, 1, 1), date(2024, 1, 1), frozenset({"fatturapa"})),
    "PL": Obligation(date(2026, 2, 1), date(2027, 1, 1)),
    "RO": Obligation(date(2024, 7, 1), date(2024, 7, 1)),
}


def check_form(invoice: Invoice, readers: frozenset[str], policy: Policy) -> tuple[Finding, ...]:
    """Tell of a domestic invoice that had to come as an e-invoice and did not.

    `readers` are those that read it (`ubl`, `pdf_text` …). Between `since` and
    `for_all` it is a note whatever the policy says. Without a VAT id of ours
    nobody knows what is domestic.
    """
    severity = _SEVERITIES.get(policy.einvoice_missing)
    ours = {country_of_vat_id(vat_id) for vat_id in policy.company_vat_ids}
    country = country_of_vat_id(invoice.seller.vat_id or "") or invoice.seller.country
    rule = OBLIGATIONS.get(country or "")
    if severity is None or rule is None or country not in ours or invoice.issue_date is None:
        return ()
    own = policy.einvoices_since.get(country or "")
    since, for_all = (own, own) if own else (rule.since, rule.for_all)
    free = invoice.gross_total is not None and abs(invoice.gross_total) <= rule.free_up_to
    if invoice.issue_date < since or free or readers & rule.syntaxes:
        return ()
    sure = invoice.issue_date >= for_all
    return (
        finding(
            "einvoice_missing",
            where=f"invoice {invoice.number}",
            expected=f"an e-invoice ({', '.join(sorted(rule.syntaxes))}), since {since}"
            + ("" if sure else f" for larger vendors, for all from {for_all}"),
            actual=", ".join(sorted(readers)) or "none",
            severity=severity if sure else Severity.NOTE,
        ),
    )
