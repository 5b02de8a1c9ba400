"""Exemptions: sentences saying that no VAT is charged, which make the tax that nobody prints zero."""

from __future__ import annotations

import re
from typing import NamedTuple

from extractors.pages.layout import Row, Sheet

#: UNTDID 5305 categories and the words for them; the first that is found counts.
_CATEGORIES = (
    (
        "AE",
        r"reverse.charge|steuerschuldnerschaft des leistungsempf|steuerschuld geht auf|§\s*13\s*b\s+(?:abs\S*\s\S+\s)?ustg"
        r"|auto-?liquidation|btw\s+verlegd|inversi[óo]n del sujeto pasivo|inversione contabile"
        r"|autoliquida[çc][ãa]o|odwrotne obci[ąa][żz]enie|art(?:\.|icle|ikel)?\s*196\b",
    ),
    (
        "K",
        r"innergemeinschaftliche\w*\s+lieferung|intra-?community suppl|livraison intracommunautaire"
        r"|intracommunautaire levering|entrega intracomunitaria|cessione intracomunitaria"
        r"|transmiss[ãa]o intracomunit[áa]ria|wewn[ąa]trzwsp[óo]lnotowa dostawa|art(?:\.|icle|ikel)?\s*138\b",
    ),
    (
        "G",
        r"steuerfreie ausfuhr|zero-rated export|export(?:ation)? exon[ée]r|exonerated export"
        r"|export, vrijgesteld|exportaci[óo]n exenta|esportazione.{0,30}non imponibile"
        r"|exporta[çc][ãa]o isenta|eksport.{0,20}0\s?%|art(?:\.|icle|ikel)?\s*146\b",
    ),
    (
        "E",
        r"§\s*19\s+(?:abs\S*\s\S+\s)?ustg|kleinunternehmer|umsatzsteuerfrei|umsatzsteuerbefrei|mehrwertsteuerfrei"
        r"|exempt from (?:vat|tax|gst)|vat exempt|no (?:vat|gst|sales tax) (?:is |was )?charged|not (?:vat|gst) registered|not registered for (?:vat|gst)"
        r"|tva non applicable|293\s?b|exon[ée]r[ée]e?s? de (?:la )?tva|franchise en base"
        r"|vrijgesteld van btw|kleineondernemersregeling|btw[- ]vrijgesteld"
        r"|exent[ao]s? de iva|iva exent[ao]|art\.?\s*20\s+liva"
        r"|esente (?:da )?iva|iva esente|regime forfett?ario|esente art|fuori campo iva|non soggett[ao] (?:ad? )?iva"
        r"|isent[ao] de iva|regime de isen[çc][ãa]o|iva n[ãa]o confere|art\.?\s*53"
        r"|zwolni(?:enie|on[aey])\w* (?:z|od) (?:vat|podatku)|art\.?\s*113",
    ),
)
_PATTERNS = tuple((code, re.compile(words, re.IGNORECASE)) for code, words in _CATEGORIES)
#: Each of the wordings holds one; looking for these takes no time beside looking for all.
_STEMS = (
    *("art", "§", "intra", "export", "exent", "exon", "vrijgesteld", "reverse", "steuerschuld"),
    *("frei", "liquid", "verlegd", "inversi", "odwrotne", "innergemeinschaftliche", "wewn"),
    *("ausfuhr", "esporta", "eksport", "kleinunternehmer", "exempt", "charged", "registered"),
    *("applicable", "293", "franchise", "kleineondernemer", "esente", "forfet", "fuori campo"),
    *("soggett", "isen", "confere", "zwolni"),
)
_TAX = re.compile(
    r"(?<![^\W_])(?:vat|gst|tax|ust|mwst|tva|btw|iva|ptu|\w*steuer\w*|taxe|impuesto|imposta|imposto|podatk\w*)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"art(?:\.|icle|ikel)?\s*(?:196|138|146|53|113)\b", re.IGNORECASE)


class Exemption(NamedTuple):
    """A sentence saying why no VAT is charged: tokens `first` to `last` (exclusive) of a row."""

    row: Row
    first: int
    last: int
    category: str

    @property
    def text(self) -> str:
        """Return the sentence as printed."""
        return self.row.words(self.first, self.last)


def exemption(sheet: Sheet, taken: frozenset[int]) -> Exemption | None:
    """Find the sentence outside the invoice lines that says no VAT is charged, if there is one.

    Sentences of several categories say that part of it is something else: then None.
    """
    found: dict[str, Exemption] = {}
    for row in sheet.rows:
        if row.index in taken:
            continue
        for first, last in row.spans:
            text = row.words(first, last)
            if not any(map(text.casefold().__contains__, _STEMS)):
                continue
            code = next((code for code, words in _PATTERNS if words.search(text)), None)
            if code is None or len(text) > 300:
                continue
            # An article alone may be of any law.
            if _ARTICLE.search(text) and not _TAX.search(text):
                continue
            found.setdefault(code, Exemption(row, first, last, code))
    return found.popitem()[1] if len(found) == 1 else None
