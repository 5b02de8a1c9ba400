"""PDF: page boxes, fonts, streams, trees and attachments, by way of qpdf; then the file's frame."""

from __future__ import annotations

import io
import re
import warnings
from random import Random
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String

Object = Any

_LIMITS = (-1e9, -1, 0, 0.0001, 14_400, 200_000, 1e9, 1e38)
_OPERATORS = (
    b"q " * 5000,
    b"Q " * 50,
    b"1e9 0 0 1e9 0 0 cm ",
    b"0 0 0 0 0 0 cm ",
    b"BT /F1 1e7 Tf (1.234,56 EUR) Tj ET ",
    b"BT 3 Tr ",
    b"BT 1 0 0 -1 0 0 Tm (Total 9) Tj ET ",
    b"BT 0 1 -1 0 300 300 Tm (Rechnung 4711) Tj ET ",
    b"BT " + b"(1) Tj 1 0 Td " * 4000 + b"ET ",
    b"BI /W 60000 /H 60000 /BPC 8 /CS /RGB ID \x00 EI ",
    b"/X0 Do /Fm0 Do ",
    b"[(A) 1e9 (B) -1e9 (C)] TJ ",
    b"(\\000\\377\\376) Tj ",
    b"<" + b"41" * 20_000 + b"> Tj ",
)


def damaged(data: bytes, chance: Random) -> bytes:
    """Change one to five things inside, write it in some way, and perhaps break the frame."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pikepdf.open(io.BytesIO(data)) as pdf:
            for _ in range(chance.choice((1, 1, 2, 3, 5))):
                chance.choice(_CHANGES)(pdf, chance)
            made = _saved(pdf, chance)
    return _framed(made, chance) if chance.random() < 0.3 else made


def _saved(pdf: pikepdf.Pdf, chance: Random) -> bytes:
    options: dict[str, Any] = {
        "object_stream_mode": chance.choice(list(pikepdf.ObjectStreamMode)),
        "compress_streams": chance.random() < 0.5,
    }
    if chance.random() < 0.05:
        user = chance.choice(("", "", "secret"))
        options["encryption"] = pikepdf.Encryption(user=user, owner="o", R=chance.choice((4, 6)))
    elif chance.random() < 0.2:
        options["linearize"] = True
    out = io.BytesIO()
    pdf.save(out, static_id=True, **options)
    return out.getvalue()


def _framed(data: bytes, chance: Random) -> bytes:
    """Break what leads a reader to the objects, so that it has to search for them."""
    way = chance.randrange(7)
    if way == 0:
        return re.sub(rb"startxref\s+\d+", b"startxref\n%d" % chance.randrange(10**9), data)
    if way == 1:
        return data[: chance.randrange(len(data))]
    if way == 2:
        return re.sub(rb"\nendobj", b"", data, count=chance.choice((1, 0)))
    if way == 3:
        return re.sub(rb"/Length \d+", b"/Length %d" % chance.choice((0, 1, 10**9)), data)
    if way == 4:
        return chance.randbytes(chance.choice((3, 900, 2000))) + data
    if way == 5:
        return data + data
    numbers = sorted(set(re.findall(rb"(\d+) 0 R", data)))
    if len(numbers) < 2:
        return data[::-1]
    one, two = chance.sample(numbers, 2)
    return data.replace(b" %s 0 R" % one, b" %s 0 R" % two)


def _page(pdf: pikepdf.Pdf, chance: Random) -> pikepdf.Page:
    return pdf.pages[chance.randrange(len(pdf.pages))]


def _box(pdf: pikepdf.Pdf, chance: Random) -> None:
    page = _page(pdf, chance).obj
    box: Object = Array([chance.choice(_LIMITS) for _ in range(4)])
    box = chance.choice((box, box, Array([595, 842, 0, 0]), Array([0, 0]), String("A4"), Array([])))
    page[chance.choice(("/MediaBox", "/CropBox", "/ArtBox"))] = box


def _turn(pdf: pikepdf.Pdf, chance: Random) -> None:
    page = _page(pdf, chance).obj
    page.Rotate = chance.choice((90, 180, 270, -90, 45, 10**9, Name.Left, String("90")))
    if chance.random() < 0.3:
        page.UserUnit = chance.choice((0, -1, 75_000, 1e9))


def _fonts(pdf: pikepdf.Pdf) -> list[Object]:
    return [o for o in pdf.objects if isinstance(o, Dictionary) and o.get("/Type") == Name.Font]


def _font(pdf: pikepdf.Pdf, chance: Random) -> None:
    fonts = _fonts(pdf)
    if not fonts:
        return
    font = chance.choice(fonts)
    way = chance.randrange(7)
    if way == 0:
        for each in fonts:
            each.pop("/ToUnicode", None)
    elif way == 1:
        font.Encoding = Dictionary(
            Type=Name.Encoding,
            Differences=Array([0, *(Name(f"/g{n}") for n in range(chance.choice((5, 300))))]),
        )
    elif way == 2:
        font.Widths = Array([chance.choice((-1000, 0, 10**9)) for _ in range(256)])
        font.FirstChar, font.LastChar = chance.choice(((0, 255), (255, 0), (-1, 10**9)))
    elif way == 3:
        ranges = b"".join(b"<%04X> <%04X> <0041>\n" % (0, 0xFFFF) for _ in range(100))
        cmap = b"/CIDInit /ProcSet findresource begin begincmap 100 beginbfrange\n" + ranges
        font.ToUnicode = Stream(pdf, cmap + b"endbfrange endcmap")
    elif way == 4:
        font.ToUnicode = Stream(
            pdf, b"begincmap 1 beginbfrange <00> <FF> <D800> endbfrange endcmap"
        )
    elif way == 5:
        font.DescendantFonts = Array([font]) if font.is_indirect else Array([])
    else:
        font.Subtype = chance.choice((Name.Type3, Name.Type0, Name.Type1, Name("/Nonsense")))


def _content(pdf: pikepdf.Pdf, chance: Random) -> None:
    page = _page(pdf, chance)
    page.contents_coalesce()
    contents = page.obj.get("/Contents")
    if not isinstance(contents, Stream):
        return
    data = contents.read_bytes()
    way = chance.randrange(5)
    if way == 0:
        data = chance.choice(
            (data + b" " + chance.choice(_OPERATORS), chance.choice(_OPERATORS) + data)
        )
    elif way == 1:
        numbers = list(re.finditer(rb"-?\d+\.?\d*", data))
        chosen = chance.sample(numbers, min(20, len(numbers)))
        for match in sorted(chosen, key=lambda found: -found.start()):
            data = data[: match.start()] + b"%g" % chance.choice(_LIMITS) + data[match.end() :]
    elif way == 2:
        data = data[: chance.randrange(len(data) + 1)]
    elif way == 3:
        rows = data.split(b"\n")
        chance.shuffle(rows)
        data = b"\n".join(rows)
    else:
        data = data * chance.choice((2, 20))
    contents.write(data)


def _stream(pdf: pikepdf.Pdf, chance: Random) -> None:
    streams = [o for o in pdf.objects if isinstance(o, Stream)]
    if not streams:
        return
    stream = chance.choice(streams)
    raw, usual = stream.read_raw_bytes(), Name.FlateDecode
    kinds = (Name.FlateDecode, Name.LZWDecode, Name.DCTDecode, Name.ASCII85Decode, Name.JBIG2Decode)
    kind: Object = chance.choice((*kinds, Name("/Unknown"), Array([Name.FlateDecode] * 30)))
    way = chance.randrange(4)
    if way == 0:
        stream.write(raw[: len(raw) // 2], filter=usual)
    elif way == 1:
        stream.write(raw, filter=kind)
    elif way == 2:
        stream.write(chance.randbytes(2000), filter=usual)
    else:
        parameters = Dictionary(Predictor=12, Columns=chance.choice((0, -5, 2**31 - 1)), Colors=9)
        stream.write(raw, filter=Name.FlateDecode, decode_parms=parameters)
    for key in ("/Width", "/Height", "/BitsPerComponent"):
        if key in stream and chance.random() < 0.5:
            stream[key] = chance.choice((0, -1, 1, 65_535, 2**31 - 1))


def _object(pdf: pikepdf.Pdf, chance: Random) -> None:
    """Set some entry of some object to something else, perhaps to the object itself."""
    found = [o for o in pdf.objects if isinstance(o, Dictionary | Stream) and len(o.keys())]
    target = chance.choice(found)
    key = chance.choice(sorted(target.keys()))
    values: tuple[Object, ...] = (
        None,
        -1,
        2**31 - 1,
        String("x" * 1000),
        Name.Nonsense,
        Array([Array([Array([])])]),
        Dictionary(),
        chance.choice(found),
        target,
    )
    value = chance.choice(values)
    if value is None:
        del target[key]
    else:
        target[key] = value


def _pages(pdf: pikepdf.Pdf, chance: Random) -> None:
    way = chance.randrange(4)
    root = pdf.Root.Pages
    if way == 0:
        for _ in range(chance.choice((1, 5, 60))):
            pdf.pages.append(_page(pdf, chance))
    elif way == 1:
        root.Count = chance.choice((-1, 0, 10**6, 2**31 - 1))
    elif way == 2:
        root.Kids.append(root)
    else:
        pdf.add_blank_page()
        pdf.pages.reverse()


def _file(pdf: pikepdf.Pdf, data: bytes) -> pikepdf.AttachedFileSpec:
    return pikepdf.AttachedFileSpec(
        pdf, data, description="", filename="", mime_type="", creation_date="", mod_date=""
    )


def _attachment(pdf: pikepdf.Pdf, chance: Random) -> None:
    specs = list(pdf.attachments.values())
    data = specs[0].get_file().read_bytes() if specs else b"<Invoice/>"
    way = chance.randrange(5)
    if way == 0:
        for number in range(chance.choice((1, 3, 150))):
            pdf.attachments[f"{number}.xml"] = _file(pdf, data)
    elif way == 1 and specs:
        specs[0].obj.EF = Dictionary(F=specs[0].obj)
    elif way == 2:
        tree = Dictionary(Kids=Array([]))
        node = pdf.make_indirect(tree)
        node.Kids.append(node)
        pdf.Root.Names = Dictionary(EmbeddedFiles=node)
    elif way == 3:
        pdf.Root.AF = chance.choice((Array([pdf.Root]), Array([1, 2]), Dictionary(), Name.AF))
    else:
        cut = data[: chance.randrange(len(data) + 1)]
        pdf.attachments["factur-x.xml"] = _file(pdf, cut)


def _picture(pdf: pikepdf.Pdf, chance: Random) -> None:
    """Lay a picture over the page: nothing, or much more than is there."""
    side = chance.choice((1, 500, 30_000, 65_535))
    picture = Stream(
        pdf,
        chance.randbytes(100),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=side,
        Height=side,
        BitsPerComponent=chance.choice((1, 8, 16, 99)),
        ColorSpace=chance.choice((Name.DeviceGray, Name.DeviceCMYK, Name.Nonsense)),
    )
    page = _page(pdf, chance)
    name = page.add_resource(picture, Name.XObject)
    page.contents_add(b"q 595 0 0 842 0 0 cm %s Do Q" % str(name).encode())


_CHANGES = (
    _box,
    _turn,
    _font,
    _font,
    _content,
    _content,
    _stream,
    _stream,
    _object,
    _object,
    _pages,
    _attachment,
    _picture,
)
