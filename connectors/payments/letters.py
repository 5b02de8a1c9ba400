"""Names in the letters that banks accept.

The EPC's SEPA character set (EPC217-08) is Latin without accents, digits and
`/ - ? : ( ) . , ' +` and the space. Other letters are transliterated, Greek
and Bulgarian Cyrillic as the EPC's tables and the Bulgarian law have them.
"""

from __future__ import annotations

import re
import unicodedata

_LATIN = {
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "œ": "oe",
    "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n", "ĸ": "k",
    "&": "+", "@": "(at)", "€": "EUR", "_": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "`": "'",
    "[": "(", "]": ")", "{": "(", "}": ")", "\\": "/", "|": "/", ";": ",", "„": "'", "“": "'",
    "”": "'", '"': "'",
}  # fmt: skip
_GREEK = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sht",
    "ъ": "a", "ь": "y", "ю": "yu", "я": "ya", "ы": "y", "э": "e", "ё": "e", "і": "i", "ї": "yi",
    "є": "ye", "ґ": "g",
}  # fmt: skip
_TABLE = {**_LATIN, **_GREEK, **_CYRILLIC}
_FOREIGN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")


def latin(text: str, longest: int) -> str:
    """Return the text in the SEPA character set, at most `longest` characters.

    What has no counterpart becomes a space; "" when nothing is left. No
    result begins or ends with a slash, nor has two in a row, as the EPC asks.
    """
    made = "".join(_letter(char) for char in unicodedata.normalize("NFC", text))
    made = re.sub(r"/{2,}", "/", _FOREIGN.sub(" ", made))
    return " ".join(made.split()).strip("/ ")[:longest].strip("/ ")


def _letter(char: str) -> str:
    if char.isascii() and char not in _LATIN:
        return char
    small = char.lower()
    found = _TABLE.get(small)
    if found is None:
        bare = "".join(
            c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c)
        )
        if bare == char:
            return char
        return "".join(_letter(c) for c in bare)
    return found.capitalize() if char != small else found
