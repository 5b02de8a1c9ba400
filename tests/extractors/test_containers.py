"""Unpacking mails and archives: what comes out, what is noted, what is refused."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from extractors.containers import Unpacked, UnpackLimits, unpack
from extractors.outlook import TNEF_MAGIC
from fixtures.compound import Storage, compound_file
from fixtures.outlook import Attached, outlook_message
from records.findings import Finding

PDF = b"%PDF-1.4\n%%EOF\n"
XML = b'<?xml version="1.0"?><Invoice/>'


def files(path: Path, limits: UnpackLimits | None = None) -> list[tuple[str, str]]:
    return [
        (item.name, item.media_type) for item in unpack(path, limits) if isinstance(item, Unpacked)
    ]


def codes(path: Path, limits: UnpackLimits | None = None) -> list[str]:
    return [item.code for item in unpack(path, limits) if isinstance(item, Finding)]


def kept(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "item"
    path.write_bytes(data)
    return path


def mail(*attachments: tuple[str, str, bytes], body: str = "See attached.") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "Kim <kim@example.org>", "Rechnung März"
    message.set_content(body)
    for name, kind, data in attachments:
        main, sub = kind.split("/")
        message.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return message


def zipped(**entries: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name.replace("__", "/"), data)
    return target.getvalue()


def picture(width: int, height: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(target, "PNG")
    return target.getvalue()


def test_the_bytes_decide_what_an_attachment_is(tmp_path: Path) -> None:
    message = mail(
        ("invoice.bin", "application/octet-stream", PDF), ("data.txt", "application/pdf", XML)
    )
    path = kept(tmp_path, message.as_bytes())
    assert files(path) == [("invoice.bin", "application/pdf"), ("data.txt", "application/xml")]


def test_inline_pdf_is_found(tmp_path: Path) -> None:
    message = MIMEMultipart("related")
    message["From"], message["Subject"] = "a@example.org", "x"
    part = MIMEApplication(PDF, "pdf")
    part["Content-Disposition"] = "inline"
    message.attach(part)
    assert files(kept(tmp_path, message.as_bytes())) == [("", "application/pdf")]


def test_mails_and_archives_inside_each_other(tmp_path: Path) -> None:
    inner = mail(("deep.zip", "application/zip", zipped(sub__a=PDF)))
    outer = mail(body="forwarded")
    outer.add_attachment(inner)
    found = [i for i in unpack(kept(tmp_path, outer.as_bytes())) if isinstance(i, Unpacked)]
    assert [(i.name, i.media_type) for i in found] == [("a", "application/pdf")]
    assert found[0].origin == 'mail "Rechnung März" > mail "Rechnung März" > deep.zip'


@pytest.mark.parametrize(
    ("html", "text", "expected"),
    [
        ("<p>Total 12,00 €</p>", "Total", ("body.html", "text/html")),
        (None, "Total 12", ("body.txt", "text/plain")),
    ],
)
def test_the_body_is_the_document_when_there_is_no_other(
    tmp_path: Path, html: str | None, text: str, expected: tuple[str, str]
) -> None:
    message = mail(body=text)
    if html:
        message.add_alternative(html, subtype="html")
    assert files(kept(tmp_path, message.as_bytes())) == [expected]


def test_the_body_is_no_document_beside_an_attachment(tmp_path: Path) -> None:
    message = mail(("a.pdf", "application/pdf", PDF))
    assert files(kept(tmp_path, message.as_bytes())) == [("a.pdf", "application/pdf")]


def test_a_latin1_body_arrives_as_utf8(tmp_path: Path) -> None:
    raw = b"From: a@example.org\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>M\xfcller</p>"
    (item,) = unpack(kept(tmp_path, raw))
    assert isinstance(item, Unpacked)
    assert item.content.decode() == "<p>Müller</p>"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("logo.png", picture(120, 40)),
        ("signature.asc", b"-----BEGIN PGP SIGNATURE-----\n"),
        ("meeting.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
        ("me.vcf", b"BEGIN:VCARD\nEND:VCARD\n"),
        ("nothing.pdf", b""),
    ],
)
def test_what_is_no_document_leaves_a_note(tmp_path: Path, name: str, data: bytes) -> None:
    message = mail((name, "application/octet-stream", data), ("a.pdf", "application/pdf", PDF))
    path = kept(tmp_path, message.as_bytes())
    assert files(path) == [("a.pdf", "application/pdf")]
    assert codes(path) == ["left_out"]


def test_a_photographed_receipt_is_kept(tmp_path: Path) -> None:
    message = mail(("photo.png", "image/png", picture(600, 900)))
    assert files(kept(tmp_path, message.as_bytes())) == [("photo.png", "image/png")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"MZ" + bytes(100), "hostile"),
        (zipped(a=PDF)[:40], "damaged"),
        (gzip.compress(PDF)[:20], "damaged"),
        (TNEF_MAGIC + b"\x00\x00\x02\x02\x90", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged"),
    ],
    # Archives hold the time they were made at, which must not become part of a test's name.
    ids=["program", "half a zip", "half a gzip", "cut winmail.dat", "empty compound file"],
)
def test_what_cannot_be_opened_is_said(tmp_path: Path, data: bytes, code: str) -> None:
    path = kept(tmp_path, mail(("x", "application/octet-stream", data)).as_bytes())
    assert codes(path) == [code]


def test_an_encrypted_archive_is_said(tmp_path: Path) -> None:
    data = bytearray(zipped(a=PDF))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(magic) + offset
        data[at] |= 1
    assert codes(kept(tmp_path, bytes(data))) == ["encrypted"]


def test_bombs_stop_at_the_limit(tmp_path: Path) -> None:
    limits = UnpackLimits(max_bytes=100_000)
    bomb = zipped(a=bytes(50_000_000))
    assert codes(kept(tmp_path, bomb), limits) == ["too_large"]
    assert codes(kept(tmp_path, gzip.compress(bytes(50_000_000))), limits) == ["too_large"]


def test_a_bomb_of_many_parts_is_one_finding_that_counts_them(tmp_path: Path) -> None:
    bomb = zipped(**{f"f{n}": bytes(5_000_000) for n in range(9)})
    (said,) = unpack(kept(tmp_path, bomb), UnpackLimits(max_bytes=100_000))
    assert isinstance(said, Finding)
    assert "f0" in said.where and "like 8 more" in said.message


def test_the_limits_on_files_and_nesting_are_said_once(tmp_path: Path) -> None:
    many = zipped(**{f"f{n}": PDF for n in range(9)})
    path = kept(tmp_path, many)
    assert len(files(path, UnpackLimits(max_files=3))) == 3
    assert codes(path, UnpackLimits(max_files=3)) == ["too_large"]
    nested = PDF
    for _ in range(12):
        nested = zipped(a=nested)
    assert codes(kept(tmp_path, nested)) == ["hostile"]


def test_deeply_nested_multiparts_do_not_crash(tmp_path: Path) -> None:
    lines = [b"From: a@example.org"]
    for n in range(3000):
        lines += [b'Content-Type: multipart/mixed; boundary="b%d"' % n, b"", b"--b%d" % n]
    path = kept(tmp_path, b"\r\n".join(lines))
    assert "hostile" in codes(path)


def outlook(*files: tuple[str, bytes]) -> bytes:
    return outlook_message(
        subject="Rechnung März",
        body="Siehe Anlage",
        sender_name="Kim",
        sender="kim@example.org",
        recipient="us@example.org",
        sent=datetime(2026, 11, 5, tzinfo=UTC),
        files=tuple(
            Attached(name=name, media_type="application/octet-stream", content=data)
            for name, data in files
        ),
    )


def test_outlook_messages_are_opened(tmp_path: Path) -> None:
    path = kept(tmp_path, outlook(("Rechnung Nr. 7.pdf", PDF), ("x.zip", zipped(a=XML))))
    assert files(path) == [("Rechnung Nr. 7.pdf", "application/pdf"), ("a", "application/xml")]
    assert files(kept(tmp_path, outlook())) == [("body.txt", "text/plain")]
    inside = mail(("forwarded.msg", "application/vnd.ms-outlook", outlook(("a.pdf", PDF))))
    (found,) = (i for i in unpack(kept(tmp_path, inside.as_bytes())) if isinstance(i, Unpacked))
    assert found.origin.endswith('forwarded.msg > mail "Rechnung März"')


def test_an_ole_file_of_another_kind_stays_whole(tmp_path: Path) -> None:
    other = compound_file(Storage(streams={"WordDocument": b"x" * 100}))
    assert files(kept(tmp_path, other)) == [("", "application/x-ole-storage")]


def test_names_are_shown_and_never_paths(tmp_path: Path) -> None:
    message = mail(("../../etc/pass\x07wd.pdf", "application/pdf", PDF))
    found = files(kept(tmp_path, message.as_bytes()))
    assert found == [("passwd.pdf", "application/pdf")]


def tnef(name: str, data: bytes) -> bytes:
    def attribute(number: int, content: bytes) -> bytes:
        head = struct.pack("<BHHI", 2, number, 6, len(content))
        return head + content + struct.pack("<H", sum(content) & 0xFFFF)

    parts = attribute(0x9002, bytes(14)) + attribute(0x8010, name.encode() + b"\x00")
    return TNEF_MAGIC + b"\x01\x00" + parts + attribute(0x800F, data)


def test_winmail_dat_is_opened(tmp_path: Path) -> None:
    message = mail(("winmail.dat", "application/ms-tnef", tnef("bill.pdf", PDF)))
    assert files(kept(tmp_path, message.as_bytes())) == [("bill.pdf", "application/pdf")]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_anywhere_is_a_finding_never_an_exception(
    tmp_path: Path, data: st.DataObject
) -> None:
    message = mail(
        ("a.zip", "application/zip", zipped(x=PDF)),
        ("winmail.dat", "application/ms-tnef", tnef("bill.pdf", PDF)),
    )
    raw = bytearray(message.as_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    for item in unpack(kept(tmp_path, bytes(raw))):
        assert isinstance(item, Unpacked | Finding)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_outlook_file_is_a_finding_never_an_exception(
    tmp_path: Path, data: st.DataObject
) -> None:
    raw = bytearray(outlook(("a.pdf", PDF)))
    # The directory is what can contain itself: small numbers in it are the interesting damage.
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) // 4 - 1)) * 4
        raw[at : at + 4] = data.draw(st.integers(0, 40)).to_bytes(4, "little")
    for item in unpack(kept(tmp_path, bytes(raw))):
        assert isinstance(item, Unpacked | Finding)
