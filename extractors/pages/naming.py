"""Names of companies: their legal forms, and what cannot be a name."""

from __future__ import annotations

import re
from functools import lru_cache

from extractors.pages.lexicon import fold, lexicon, spellings

_FORMS = (
    r"GmbH\s?&\s?Co\.?(?:\s?(?:KGaA|KG|OHG))?|gGmbH|mbH|GmbH|GesmbH|AG(?:\s?&\s?Co\.?\s?KGaA)?|KGaA|KG|OHG|GbR|e\.\s?K\.?|e\.\s?U\.?|e\.\s?V\.?|e\.\s?G\.?|eG|UG(?:\s?\(haftungsbeschränkt\))?|PartG(?:\s?mbB)?|SE|a\.\s?G\.?|"
    r"SARL|S\.A\.R\.L\.?|SAS|S\.A\.S\.?|SASU|EURL|SNC|SCOP|SCI|S\.A\.|SA|SPRL|SRL|S\.R\.L\.?|BVBA|"
    r"Ltd\.?|Limited|DAC|CIC|LLC|L\.L\.C\.?|Inc\.?|Incorporated|Corp\.?|Corporation|PLC|plc|LLP|L\.P\.|Pvt\.?\s+Ltd\.?|Private\s+Limited|Pty\.?\s+Ltd\.?|Co\.,?\s+Ltd\.?|Company|"
    r"B\.\s?V\.?|BV|N\.\s?V\.?|NV|V\.\s?O\.\s?F\.?|VOF|C\.V\.|"
    r"S\.L\.U\.?|S\.L\.|SL|SLU|S\.A\.U\.?|S\.\s?Coop\.?|S\.C\.|"
    r"[Ss]\.r\.l\.?s?|Srls?|[Ss]\.p\.[Aa]\.?|SpA|[Ss]\.n\.c\.?|[Ss]\.a\.s\.?|Soc\.\s?Coop\.?|"
    r"Lda\.?|Unipessoal,?\s+Lda\.?|S\.\s?A\.|"
    r"[Ss]p\.\s?z\s?o\.\s?o\.?(?:\s?[Ss]p\.\s?k\.)?|[Ss]p\.\s?j\.?|[Ss]p\.\s?k\.?|[Ss]p\.\s?c\.?|S\.K\.A\.|P\.S\.A\.|"
    r"AB|AS|A/S|ApS|Oy|Oyj|Kft\.?|Zrt\.?|s\.r\.o\.|a\.s\.|d\.o\.o\.|EOOD|OOD|S\.C\.A\."
)


LEGAL = re.compile(rf"(?<![\w.&])(?:{_FORMS})(?![\w])")


#: The last words of legal forms, folded: without one of them a row names no company.
FORM_KEYS = spellings(
    [
        "gmbh",
        "ggmbh",
        "mbh",
        "gesmbh",
        "ag",
        "kgaa",
        "kg",
        "ohg",
        "gbr",
        "ek",
        "eu",
        "ev",
        "eg",
        "ug",
        "haftungsbeschrankt",
        "partg",
        "mbb",
        "se",
        "co",
        "kag",
        "sarl",
        "sas",
        "sasu",
        "eurl",
        "snc",
        "scop",
        "sci",
        "sa",
        "sprl",
        "srl",
        "bvba",
        "ltd",
        "limited",
        "dac",
        "cic",
        "llc",
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "plc",
        "llp",
        "lp",
        "company",
        "bv",
        "nv",
        "vof",
        "cv",
        "sl",
        "slu",
        "sau",
        "coop",
        "sc",
        "srls",
        "spa",
        "lda",
        "o",
        "oo",
        "k",
        "j",
        "c",
        "ska",
        "psa",
        "ab",
        "as",
        "aps",
        "oy",
        "oyj",
        "kft",
        "zrt",
        "sro",
        "doo",
        "eood",
        "ood",
        "sca",
        "b",
        "v",
        "f",
        "e",
        "g",
        "u",
        "r",
        "l",
        "n",
        "p",
        "a",
        "s",
        "z",
        "spj",
        "spk",
        "spc",
    ]
)
NAMED = re.compile(rf"[^\W_][^|•·●;:]{{1,70}}?[ ,]\s?(?:{_FORMS})(?![\w])")


SPLIT = re.compile(r"\s+[-–—|•·●∙*◦/]+\s+|\s*[|•·●∙◦]\s*|,\s+(?=\D*\d)")


# A street with its number, either way round.
STREET = re.compile(
    r"\D{3,}[ ,]\s?(?:n[.°º]?\s?)?\d{1,4}\s?[a-zA-Z]?(?:[/-]\d+)?|\d{1,4}[a-zA-Z]?,?\s(?:\D{3,})"
)


# What begins like this is a page number or speaks to the reader.
_NO_NAME = re.compile(
    r"(?:page|seite|pagina|sehr geehrte|dear|guten tag|madame, monsieur|geachte|estimad|gentile cliente"
    r"|szanown|exmos|ihre|your|votre|uw|vuestr|vostr)\b",
    re.IGNORECASE,
)


SALUTATION = re.compile(
    r"(?:herrn?|frau|firma|fa\.?|company|mr\.?|mrs\.?|ms\.?|dhr\.?|mevr\.?|mw\.?|m\.|mme|monsieur|madame|sr\.?|sra\.?|spett\.?(?:le)?|to|an|aan|à|pan|pani|exmo.*|messrs\.?|gentile|sig\.?(?:ra)?|egr\.?)",
    re.IGNORECASE,
)


CONTACT = re.compile(
    r"@|www\.|https?:|(?:\+|\(0)\d|\b(?:tel|fax|fon|phone|e-?mail|mobil|tél)\b", re.IGNORECASE
)


_PREFIX = re.compile(
    r"(?:name|firma|company|raison sociale|nom|nazwa|naam|nombre|nome)\s*:\s*"
    r"|(?:dhr|mevr|mw|mr|mrs|ms|mme|sr|sra|sig|sig\.ra|spett\.le|spett)\.?\s+(?=\S)"
    r"|(?:attn|t\.?a\.?v|z\.?\s?hd|att)\.?\s*:?\s+(?=\S)",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def clean(text: str) -> str:
    """Take a name out of its line: no salutation, no initials of a logo before it."""
    text = text.strip(" ,;:|-–•·*#")
    prefix = _PREFIX.match(text)
    text = _without_rest(text[prefix.end() :] if prefix else text)
    head, _, rest = text.partition(" ")
    if rest and head.isupper() and 1 < len(head) <= 3 and not LEGAL.fullmatch(head):
        words = [w for w in map(fold, rest.split()) if w]
        initials = "".join(w[0] for w in words)
        if words and (words[0].startswith(fold(head)) or initials.startswith(fold(head))):
            return rest
    return text


# What goes on after a name in one line: capital (EN 16931 BT-33, with the form), address, numbers.
_CAPITAL = re.compile(
    rf"[ ,]\s?(?:{_FORMS})?[ ,]*(?:au capital|con capitale?|com o? ?capital|cap\. ?soc)\b", re.I
)
_STATED_FORM = re.compile(rf"(?<![\w.&])({_FORMS}) au capital\b")
_ADDRESSED = re.compile(r",\s+(?=[^,]*\d)")


def _without_rest(text: str) -> str:
    """Cut off what follows a name in its line; a street with its number is none."""
    if STREET.fullmatch(text) and not LEGAL.search(text):
        return text
    capital = _CAPITAL.search(text) if "cap" in text.lower() else None
    if capital:
        return text[: capital.start()]
    if "," not in text:
        return text
    forms = list(LEGAL.finditer(text))
    if forms and text[forms[-1].end() :].lstrip(". ")[:1] == ",":
        return text[: forms[-1].end()]
    return _ADDRESSED.split(text)[0]


def without_stated_form(name: str, text: str) -> str:
    """Take off a legal form that the page states by itself, with the capital.

    French law has the form beside a company's name, not in it (Code de
    commerce, L223-1), and so has EN 16931: BT-33, not BT-27.
    """
    if " au capital" not in text:
        return name
    for stated in _STATED_FORM.finditer(text):
        bare = name.removesuffix(" " + stated[1])
        if bare != name and not text[: stated.start()].rstrip(" ,-–").endswith(bare):
            return bare.rstrip(" ,")
    return name


def is_name(text: str) -> bool:
    # A character the font does not map stands for one we do not know.
    if "\ufffd" in text or "■" in text:
        return False
    key = fold(text)
    if lexicon("kinds").senses(key) or lexicon("labels").senses(key):
        return False
    if not core(text):
        return False
    if text[0] in "([" or ":" in text:
        return False
    letters = sum(map(str.isalpha, text))
    if letters < 3 or len(text) > 90 or "@" in text or len(text.split()) > 10:
        return False
    digits = sum(map(str.isdigit, text))
    if digits > 4 or digits > letters / 2:
        return False
    if CONTACT.search(text) or (
        text.endswith((".", ":")) and not LEGAL.search(text) and len(text.split()) > 4
    ):
        return False
    return not _NO_NAME.match(text)


@lru_cache(maxsize=256)
def core(text: str) -> str:
    return fold(LEGAL.sub("", text))


def initials(text: str) -> str:
    return "".join(word[0] for word in text.split() if word[:1].isalpha()).lower()
