"""Names, order numbers and descriptions in the form they are compared in.

Printed text differs from the books in case, accents, punctuation and legal
form, and by what OCR makes of it. Each function here gives one comparable
form; none of them is ever shown to a person.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text; keeps long word lists readable."""
    return frozenset(text.split())


#: Letters that decomposition leaves alone, and the German umlauts, which are
#: written out (ä = ae) more often than they lose their dots.
_LETTERS = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "oe",
        "å": "aa",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        "&": " und ",
        "+": " und ",
    }
)
_CYRILLIC = """
    а=a б=b в=v г=g д=d е=e ё=e ж=zh з=z и=i й=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f
    х=h ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya
"""
_GREEK = """
    α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f
    χ=ch ψ=ps ω=o
"""
_SCRIPTS = str.maketrans(dict(pair.split("=") for pair in (*_CYRILLIC.split(), *_GREEK.split())))

_WORD = re.compile(r"[a-z0-9]+")
_AND = frozenset({"und", "and", "et", "en", "y", "e", "og", "och", "i"})

#: Legal forms as words after folding, dots and spaces removed ("S.p.A." = "spa").
_LEGAL = word_set(
    """
    gmbh ggmbh mbh ug haftungsbeschraenkt ag kg kgaa ohg ek ekfr ekfm gbr se eg ev partg partgmbb
    stiftung inh ltd limited plc llp llc lp inc incorporated corp corporation co company sa sas
    sasu sarl eurl snc sci scop scrl sprl srl spa ss sapa bv nv vof cv bvba ab oy oyj as asa aps
    is kb hb sro spol zoo sp kft zrt nyrt bt doo dd ad ood eood sl slu sau sc lda unipessoal uab
    sia ou as pty pte pvt bhd kk gk
    """
)
#: Legal forms of several words, longest first, matched at the end of a name.
_LEGAL_PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        "sp z o o sp k",
        "gesellschaft mit beschraenkter haftung",
        "sp z o o",
        "spol s r o",
        "ges m b h",
        "g m b h",
        "s a r l",
        "s a s",
        "s p a",
        "s r l",
        "s r o",
        "d o o",
        "b v",
        "n v",
        "s a",
        "s l",
        "e k",
        "e v",
        "e g",
        "a s",
        "a g",
        "k g",
    )
)


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Return lower-case Latin letters, digits and single spaces; accents written out or dropped."""
    if text.isascii():
        return " ".join(_WORD.findall(text.lower().translate(_LETTERS)))
    lowered = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    plain = unicodedata.normalize("NFKD", lowered.translate(_SCRIPTS))
    return " ".join(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c))))


@lru_cache(maxsize=65536)
def squeezed(text: str) -> str:
    """Return the folded text without any space: how article numbers are compared."""
    return fold(text).replace(" ", "")


@lru_cache(maxsize=65536)
def core_name(name: str) -> str:
    """Return a company's name without legal form, "and", spaces and punctuation.

    "Köhler & Brandt B.V." and "KOEHLER UND BRANDT BV" give the same; a name
    that is nothing but legal forms keeps them.
    """
    words = fold(name).split()
    kept = list(words)
    shortened = True
    while shortened and kept:
        shortened = False
        for phrase in _LEGAL_PHRASES:
            if len(kept) > len(phrase) and tuple(kept[-len(phrase) :]) == phrase:
                del kept[-len(phrase) :]
                shortened = True
        while len(kept) > 1 and (kept[-1] in _LEGAL or kept[-1] in _AND):
            kept.pop()
            shortened = True
    core = "".join(word for word in kept if word not in _AND)
    return core or "".join(words)


def name_words(name: str) -> frozenset[str]:
    """Return the telling words of a company's name: no legal form, no "and", no single letters."""
    return frozenset(
        w for w in fold(name).split() if len(w) > 1 and w not in _LEGAL and w not in _AND
    )


@lru_cache(maxsize=65536)
def words(text: str) -> frozenset[str]:
    """Return the folded words of a description."""
    return frozenset(fold(text).split())


@lru_cache(maxsize=65536)
def code(text: str) -> str:
    """Return letters and digits in upper case: VAT ids, IBANs, BICs, currency codes."""
    return "".join(c for c in text if c.isalnum()).upper()


def within_one_edit(a: str, b: str) -> bool:
    """Say whether one letter changed, added, lost or swapped with its neighbour explains both."""
    if a == b:
        return True
    if abs(len(a) - len(b)) > 1:
        return False
    start = 0
    shortest = min(len(a), len(b))
    while start < shortest and a[start] == b[start]:
        start += 1
    end = 0
    while end < shortest - start and a[-1 - end] == b[-1 - end]:
        end += 1
    left, right = a[start : len(a) - end], b[start : len(b) - end]
    if len(left) <= 1 and len(right) <= 1:
        return True
    return len(left) == 2 and left == right[::-1]
