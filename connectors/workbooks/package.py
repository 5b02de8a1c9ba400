"""Package: the parts of an .xlsx file (ECMA-376 part 2), read carefully and rewritten whole.

Only the parts that must change are touched; every other part is copied as it
is, so drawings, macros, charts, sparklines and whatever else people or Excel
put into a workbook survive.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from lxml import etree

from connectors.workbooks.prolog import declares_doctype

#: What an honest ledger unpacks to at most; more is a bomb.
MAX_UNPACKED = 4 << 30
_PIECE = 1 << 20
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"


class Damaged(ValueError):
    """The file is no workbook we can safely change; the text says why."""


def parse(raw: bytes) -> etree._Element:
    """Parse one XML part that `Package.open` let through; Damaged when malformed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise Damaged(f"a part is not well-formed XML ({error})") from error


def serialized(root: etree._Element) -> bytes:
    """Return a part's bytes, as spreadsheet programs write them."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def local(element: etree._Element) -> str:
    """Return the element's name without namespace; strict and transitional files differ in it."""
    return str(element.tag).rpartition("}")[2]


def child(element: etree._Element, name: str) -> etree._Element | None:
    """Return the first child of that local name, or None."""
    for item in element:
        tag = item.tag
        if isinstance(tag, str) and tag.rpartition("}")[2] == name:
            return item
    return None


class Package:
    """An .xlsx file open for reading. Use it in a `with` block."""

    def __init__(self, source: Path | IO[bytes]) -> None:
        """Open the file; Damaged when it is no workbook, or an encrypted one."""
        try:
            self._zip = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            raise Damaged(f"it is no .xlsx file, or protected by a password ({error})") from error
        names = self._zip.namelist()
        if len(set(names)) != len(names):
            raise Damaged("it holds two parts of one name")
        if sum(info.file_size for info in self._zip.infolist()) > MAX_UNPACKED:
            raise Damaged(f"it unpacks to more than {MAX_UNPACKED:,} bytes")
        if any(name.startswith("_xmlsignatures/") for name in names):
            raise Damaged("it is digitally signed, and any change breaks the signature")
        self.workbook_part = self._related("", "officeDocument")[0]
        self.workbook = parse(self.read(self.workbook_part))

    def __enter__(self) -> Package:
        """Return the open package."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._zip.close()

    def read(self, part: str) -> bytes:
        """Return a small part's bytes; Damaged when absent or broken."""
        with self.open(part) as stream:
            try:
                return stream.read()
            except (zipfile.BadZipFile, OSError, EOFError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
                raise Damaged(f"its part {part} is broken ({error})") from error

    def open(self, part: str) -> IO[bytes]:
        """Open a part for streaming; Damaged when absent, or when it declares a DOCTYPE."""
        try:
            with self._zip.open(part) as prolog:
                if declares_doctype(prolog):
                    raise Damaged(f"its part {part} declares a DOCTYPE")
            return self._zip.open(part)
        except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise Damaged(f"its part {part} is missing or cannot be read ({error})") from error
        except (OSError, EOFError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
            raise Damaged(f"its part {part} is broken ({error})") from error

    def has(self, part: str) -> bool:
        """Say whether the part exists."""
        return part in self._zip.NameToInfo

    def _related(self, part: str, kind: str) -> list[str]:
        """Return the parts that `part` refers to by relationships of this kind."""
        rels = relations_part(part)
        if not self.has(rels):
            return []
        found = []
        for item in parse(self.read(rels)):
            if isinstance(item.tag, str) and item.get("Type", "").endswith(f"/{kind}"):
                found.append(_target(part, item.get("Target", "")))
        return found

    def sheets(self) -> dict[str, str]:
        """Return each worksheet's part by its name, in the order of the tabs."""
        rels = parse(self.read(relations_part(self.workbook_part)))
        targets = {
            item.get("Id"): _target(self.workbook_part, item.get("Target", ""))
            for item in rels
            if isinstance(item.tag, str) and item.get("Type", "").endswith("/worksheet")
        }
        listed = child(self.workbook, "sheets")
        found: dict[str, str] = {}
        for item in listed if listed is not None else ():
            ids = [value for name, value in item.attrib.items() if str(name).endswith("}id")]
            if ids and ids[0] in targets:
                found[str(item.get("name", ""))] = targets[str(ids[0])]
        return found

    def styles_part(self) -> str | None:
        """Return the part with the cell styles, or None."""
        return next(iter(self._related(self.workbook_part, "styles")), None)

    def strings_part(self) -> str | None:
        """Return the part with the shared strings, or None."""
        return next(iter(self._related(self.workbook_part, "sharedStrings")), None)

    def tables_of(self, sheet_part: str) -> list[str]:
        """Return the parts of the Excel tables that lie on a sheet."""
        return self._related(sheet_part, "table")

    @property
    def counts_from_1904(self) -> bool:
        """Say whether dates count from 1904, as old Macintosh workbooks do."""
        properties = child(self.workbook, "workbookPr")
        return properties is not None and properties.get("date1904") in {"1", "true"}

    def save(self, target: IO[bytes], changed: Mapping[str, bytes | Path]) -> None:
        """Write all parts to `target`, the changed and new ones from `changed`."""
        left = dict(changed)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as out:
            for info in self._zip.infolist():
                content = left.pop(info.filename, None)
                if content is not None:
                    _put(out, info.filename, content)
                    continue
                copy = zipfile.ZipInfo(info.filename, info.date_time)
                copy.compress_type = zipfile.ZIP_DEFLATED
                copy.external_attr = info.external_attr
                try:
                    with (
                        self._zip.open(info) as source,
                        out.open(copy, "w", force_zip64=True) as sink,
                    ):
                        while piece := source.read(_PIECE):
                            sink.write(piece)
                except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
                    raise Damaged(f"its part {info.filename} is broken ({error})") from error
            for name, content in left.items():
                _put(out, name, content)


def _put(out: zipfile.ZipFile, name: str, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        out.writestr(name, content)
    else:
        with content.open("rb") as source, out.open(name, "w", force_zip64=True) as sink:
            while piece := source.read(_PIECE):
                sink.write(piece)


def relations_part(part: str) -> str:
    """Return the name of the part that holds another part's relationships."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _target(part: str, target: str) -> str:
    if target.startswith("/"):
        return target.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(part), target))


def with_sheet(package: Package, name: str, changed: dict[str, bytes | Path]) -> str:
    """Register a new, last worksheet in the workbook; return the part to be written."""
    number = 1
    folder = posixpath.dirname(package.workbook_part)
    while package.has(part := f"{folder}/worksheets/sheet{number}.xml") or part in changed:
        number += 1
    rels_part = relations_part(package.workbook_part)
    rels = parse(_current(package, rels_part, changed))
    used = {item.get("Id") for item in rels}
    own = next(f"rId{n}" for n in range(1, len(used) + 2) if f"rId{n}" not in used)
    strict = "purl.oclc.org" in str(etree.QName(package.workbook).namespace)
    office = "http://purl.oclc.org/ooxml/officeDocument/relationships" if strict else _OFFICE
    etree.SubElement(
        rels,
        f"{{{_RELATIONS}}}Relationship",
        {"Id": own, "Type": f"{office}/worksheet", "Target": f"worksheets/sheet{number}.xml"},
    )
    changed[rels_part] = serialized(rels)
    types = parse(_current(package, "[Content_Types].xml", changed))
    etree.SubElement(
        types, f"{{{_TYPES}}}Override", {"PartName": f"/{part}", "ContentType": _SHEET_TYPE}
    )
    changed["[Content_Types].xml"] = serialized(types)
    listed = child(package.workbook, "sheets")
    if listed is None:
        raise Damaged("its workbook part lists no sheets")
    ids = [int(item.get("sheetId", "0")) for item in listed]
    etree.SubElement(
        listed,
        f"{{{etree.QName(package.workbook).namespace}}}sheet",
        {"name": name, "sheetId": str(max(ids, default=0) + 1), f"{{{office}}}id": own},
    )
    return part


def _current(package: Package, part: str, changed: Mapping[str, bytes | Path]) -> bytes:
    content = changed.get(part)
    return content if isinstance(content, bytes) else package.read(part)


def recalculated(workbook: etree._Element) -> None:
    """Ask the spreadsheet program to calculate every formula when it opens the workbook."""
    setting = child(workbook, "calcPr")
    if setting is None:
        before = ("definedNames", "externalReferences", "functionGroups", "sheets")
        anchor = next(item for name in before if (item := child(workbook, name)) is not None)
        setting = etree.Element(f"{{{etree.QName(workbook).namespace}}}calcPr")
        anchor.addnext(setting)
    setting.set("fullCalcOnLoad", "1")


def blank() -> IO[bytes]:
    """Return a workbook without sheets, as a start for a new one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in _BLANK.items():
            package.writestr(
                name, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + content
            )
    out.seek(0)
    return out


_BLANK = {
    "[Content_Types].xml": f'<Types xmlns="{_TYPES}">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/styles.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}"><workbookPr/><bookViews>'
    '<workbookView activeTab="0"/></bookViews><sheets/></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/>'
    '<name val="Calibri"/><family val="2"/></font></fonts><fills count="2"><fill>'
    '<patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border>'
    '</borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
    '</cellStyleXfs><cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" '
    'xfId="0"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/>'
    "</cellStyles></styleSheet>",
}
