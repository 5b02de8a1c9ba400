"""Styles: cell formats added to a workbook's style sheet, each once."""

from __future__ import annotations

import re

from lxml import etree

from connectors.workbooks.package import Damaged, child, local, parse, serialized
from connectors.workbooks.values import Look

#: The order that the schema demands of the style sheet's sections.
_SECTIONS = ("numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs")
_FORMATS = {
    Look.TEXT: "General",
    Look.QUOTED: "@",
    Look.AMOUNT: "#,##0.00",
    Look.FINE: "#,##0.00######",
    Look.WHOLE: "0",
    Look.DATE: "yyyy-mm-dd",
    Look.MOMENT: "yyyy-mm-dd hh:mm",
    Look.LOGICAL: "General",
    Look.HEADER: "General",
    Look.OURS: "General",
}
_BUILT_IN = {"General": 0, "0": 1, "#,##0.00": 4, "@": 49}
_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_HEADER_FONT = '<font><b/><sz val="11"/><color rgb="FFFFFFFF"/><name val="Calibri"/></font>'
_HEADER_FILL = (
    '<fill><patternFill patternType="solid"><fgColor rgb="FF1F3A4D"/></patternFill></fill>'
)
_OURS_FONT = '<font><sz val="9"/><color rgb="FF9AA5AD"/><name val="Calibri"/></font>'


class Styles:
    """The style sheet of one workbook."""

    def __init__(self, raw: bytes) -> None:
        """Read a style sheet; Damaged when it is none."""
        self._root = parse(raw)
        if local(self._root) != "styleSheet":
            raise Damaged("its style sheet is none")
        self._namespace = str(etree.QName(self._root).namespace)
        self._known: dict[Look, int] = {}
        self.changed = False

    def bytes(self) -> bytes:
        """Return the style sheet as a part."""
        return serialized(self._root)

    def index(self, look: Look) -> int:
        """Return the number of the cell format for a look; it is added when absent."""
        if look not in self._known:
            self._known[look] = self._format(look)
        return self._known[look]

    def fits(self, index: int, look: Look) -> bool:
        """Say whether an existing cell format can show a value of this look.

        So new rows take over what people changed: another date format, a colour.
        """
        if look in {Look.QUOTED, Look.LOGICAL, Look.OURS}:
            return False
        formats = self._section("cellXfs")
        if not 0 < index < len(formats):
            return False
        number = int(formats[index].get("numFmtId", "0"))
        is_date = self._is_date(number)
        if look in {Look.DATE, Look.MOMENT}:
            return is_date
        return not is_date and formats[index].get("quotePrefix") not in {"1", "true"}

    def _is_date(self, number: int) -> bool:
        if number in _BUILT_IN_DATES:
            return True
        section = child(self._root, "numFmts")
        for item in section if section is not None else ():
            if item.get("numFmtId") == str(number):
                bare = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", item.get("formatCode", ""))
                return bool(re.search("[dmyhs]", bare, re.IGNORECASE))
        return False

    def _format(self, look: Look) -> int:
        font = {Look.HEADER: _HEADER_FONT, Look.OURS: _OURS_FONT}.get(look)
        font_id = self._added("fonts", font) if font else 0
        fill_id = self._added("fills", _HEADER_FILL) if look is Look.HEADER else 0
        number = self._number_format(_FORMATS[look])
        quoted = ' quotePrefix="1"' if look is Look.QUOTED else ""
        inside = '<alignment vertical="center" wrapText="1"/>' if look is Look.HEADER else ""
        return self._added(
            "cellXfs",
            f'<xf numFmtId="{number}" fontId="{font_id}" fillId="{fill_id}" borderId="0" xfId="0"'
            f' applyNumberFormat="1" applyFont="1" applyFill="1"{quoted}>{inside}</xf>',
        )

    def _number_format(self, code: str) -> int:
        if code in _BUILT_IN:
            return _BUILT_IN[code]
        section = self._section("numFmts")
        for item in section:
            if item.get("formatCode") == code:
                return int(item.get("numFmtId", "0"))
        number = max([163, *(int(item.get("numFmtId", "0")) for item in section)]) + 1
        self._added("numFmts", f'<numFmt numFmtId="{number}" formatCode="{code}"/>')
        return number

    def _added(self, section_name: str, xml: str) -> int:
        """Return the place of an element in its section; it is appended when absent."""
        section = self._section(section_name)
        wanted = parse(f'<x xmlns="{self._namespace}">{xml}</x>'.encode())[0]
        like = _shape(wanted)
        for at, item in enumerate(section):
            if isinstance(item.tag, str) and _shape(item) == like:
                return at
        section.append(wanted)
        section.set("count", str(len(section)))
        self.changed = True
        return len(section) - 1

    def _section(self, name: str) -> etree._Element:
        found = child(self._root, name)
        if found is not None:
            return found
        made = etree.Element(f"{{{self._namespace}}}{name}")
        later = _SECTIONS[: _SECTIONS.index(name)]
        at = sum(child(self._root, earlier) is not None for earlier in later)
        self._root.insert(at, made)
        self.changed = True
        return made


def _shape(element: etree._Element) -> tuple[object, ...]:
    inside = tuple(_shape(item) for item in element if isinstance(item.tag, str))
    return local(element), tuple(sorted(element.attrib.items())), inside
