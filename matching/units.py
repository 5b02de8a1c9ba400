"""Units of measure: which are the same, and how many of one make another.

The office's own conversions come first (a carton holds ten of this article);
then UN/ECE Recommendation 20 codes and the words invoices use instead of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from matching.names import fold, squeezed
from records.purchasing import UnitConversion

#: Codes and words for one unit; the first is the UN/ECE code.
_SAME = (
    "C62 H87 EA PCE PCS PC STK ST STCK STUECK STUECKE STUK STUKS STUKKEN UNIT UNITS UN NAR XPP PZ "
    "PZI PEZZO PEZZI CAD CADAUNO PIECE PIECES PCES QTY EACH ONE U UD UDS UNIDAD UNIDADES PIEZA PIEZAS "
    "UNI UNID UNITARIO UNITE UNITES UNITA PECA PECAS SZT SZTUKA SZTUKI SZTUK EGYSEG",
    "DZN DZ DUTZEND DOZEN DOUZAINE DOCENA DOZZINA DUZIA DOZIJN TUZIN",
    "CEN C HUNDRED",
    "MIL M1000 TSD THOUSAND",
    "PR PAAR PAIR PAIRE PAR PARES PAIO PAIA PARA PARY",
    "SET SATZ JEU LOTE KIT KPL KOMPLET ZESTAW",
    "KGM KG KILO KILOGRAMM KILOGRAM",
    "GRM G GR GRAMM GRAM",
    "MGM MG",
    "TNE TO TONNE T",
    "MTR M METER METRE LFM",
    "CMT CM",
    "MMT MM",
    "KMT KM",
    "MTK M2 QM SQM",
    "MTQ M3 CBM KUBIKMETER",
    "LTR L LITER LITRE",
    "MLT ML",
    "HLT HL",
    "HUR H STD STDN STUNDE STUNDEN HOUR HOURS HRS HR UUR UREN HEURE HEURES HORA HORAS ORA ORE GODZ GODZINA GODZIN",
    "MIN MINUTE MINUTES",
    "DAY D TAG TAGE DAYS JOUR JOURS DAG DAGEN DIA DIAS GIORNO GIORNI GG DZIEN DNI",
    "MON MONAT MONATE MONTH MONTHS MOIS MAAND MAANDEN MES MESES MESE MESI MIES MIESIAC",
    "ANN JAHR YEAR JAAR ANNEE AN ANO ANNO ROK",
    "KWH",
    "MWH",
    "LS PAUSCHAL PAUSCHALE PSCH PAUSCH FLAT LUMPSUM FORFAIT FORFETTARIO ACORPO RYCZALT GLOBAL",
)
_CANONICAL = {squeezed(name): row.split()[0] for row in _SAME for name in row.split()}

#: How many base units one unit holds.
_BASE: dict[str, tuple[str, Decimal]] = {
    "C62": ("piece", Decimal(1)),
    "DZN": ("piece", Decimal(12)),
    "CEN": ("piece", Decimal(100)),
    "MIL": ("piece", Decimal(1000)),
    "PR": ("piece", Decimal(2)),
    "KGM": ("gram", Decimal(1000)),
    "GRM": ("gram", Decimal(1)),
    "MGM": ("gram", Decimal("0.001")),
    "TNE": ("gram", Decimal(1000000)),
    "MTR": ("metre", Decimal(1)),
    "CMT": ("metre", Decimal("0.01")),
    "MMT": ("metre", Decimal("0.001")),
    "KMT": ("metre", Decimal(1000)),
    "LTR": ("litre", Decimal(1)),
    "MLT": ("litre", Decimal("0.001")),
    "HLT": ("litre", Decimal(100)),
    "MTQ": ("litre", Decimal(1000)),
    "HUR": ("hour", Decimal(1)),
    "MIN": ("hour", Decimal(1) / Decimal(60)),
    "KWH": ("kilowatt hour", Decimal(1)),
    "MWH": ("kilowatt hour", Decimal(1000)),
}


def unit_code(unit: str) -> str:
    """Return the UN/ECE code of a unit, or the folded text where it is none we know."""
    plain = fold(unit.replace("²", "2").replace("³", "3")).replace(" ", "")
    return _CANONICAL.get(plain, plain.upper())


class Conversions:
    """Answers how many order units one invoice unit is."""

    def __init__(self, conversions: Iterable[UnitConversion] = ()) -> None:
        """Index the office's conversions by article and unit."""
        self._factors: dict[tuple[str, str, str], Decimal] = {}
        self._codes: dict[str, str] = {}
        for item in conversions:
            article = squeezed(item.article_number) if item.article_number else ""
            pair = (self._code(item.from_unit), self._code(item.to_unit))
            self._factors[article, pair[0], pair[1]] = item.factor

    def factor(self, article: str, from_unit: str | None, to_unit: str | None) -> Decimal | None:
        """Return how many `to_unit` one `from_unit` is; None when nobody knows.

        `article` is the article number as `names.squeezed` gives it, or "".
        An unknown unit on either side counts as the same unit.
        """
        if not from_unit or not to_unit or from_unit == to_unit:
            return Decimal(1)
        a, b = self._code(from_unit), self._code(to_unit)
        for key in (article, ""):
            known = self._factors.get((key, a, b))
            if known is not None:
                return known
            inverse = self._factors.get((key, b, a))
            if inverse:
                return Decimal(1) / inverse
        if a == b:
            return Decimal(1)
        mine, theirs = _BASE.get(a), _BASE.get(b)
        if mine and theirs and mine[0] == theirs[0]:
            return mine[1] / theirs[1]
        return None

    def _code(self, unit: str) -> str:
        known = self._codes.get(unit)
        if known is None:
            known = self._codes[unit] = unit_code(unit)
        return known
