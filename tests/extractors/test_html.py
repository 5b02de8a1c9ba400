"""HTML and plain text laid out as words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.html import HtmlRefused, html_page, text_page
from extractors.words import Word


def placed(html: str) -> dict[str, Word]:
    return {word.text: word for word in html_page(html.encode()).words}


def test_table_cells_stand_in_columns_and_rows() -> None:
    words = placed(
        "<table><tr><th>Item</th><th>Total</th></tr>"
        "<tr><td>Chair</td><td>25.00</td></tr><tr><td colspan=1>Lamp</td><td>9.50</td></tr></table>"
    )
    assert words["Item"].box[0] == words["Chair"].box[0] == words["Lamp"].box[0]
    assert words["Total"].box[0] == words["25.00"].box[0] == words["9.50"].box[0]
    assert words["Chair"].box[1] == words["25.00"].box[1] < words["Lamp"].box[1]
    assert words["Chair"].box[2] < words["25.00"].box[0]


def test_a_layout_table_keeps_the_table_inside_it() -> None:
    words = placed(
        "<table><tr><td><table><tr><td>A long description of goods</td><td>3</td><td>27.00</td>"
        "</tr></table></td></tr></table>"
    )
    assert words["A"].box[1] == words["goods"].box[1] == words["27.00"].box[1]


def test_blocks_and_breaks_start_lines_and_inline_does_not() -> None:
    words = placed("<p>One <b>two</b><br>three</p><div>four</div>")
    assert words["One"].box[1] == words["two"].box[1]
    assert words["two"].box[1] < words["three"].box[1] < words["four"].box[1]


def test_what_no_reader_sees_is_left_out() -> None:
    words = placed(
        "<title>t</title><style>s{}</style><script>x()</script>"
        "<span style='display:none'>hidden</span><p>shown</p>"
    )
    assert list(words) == ["shown"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<p>Müller</p>".encode(), "Müller"),
        ("<p>Müller</p>".encode("utf-16"), "Müller"),
        (b"<meta charset='iso-8859-2'><p>" + "Łódź".encode("iso-8859-2"), "Łódź"),
        (b"<p>M\xfcller</p>", "Müller"),
        (b'<?xml version="1.0" encoding="utf-8"?><html><p>x</p></html>', "x"),
    ],
)
def test_charsets(data: bytes, text: str) -> None:
    assert [word.text for word in html_page(data).words] == [text]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "damaged"), (b"<p></p>", "no_text"), (b"<p>w " * 60_000, "too_large")],
)
def test_html_that_cannot_be_read(data: bytes, code: str) -> None:
    with pytest.raises(HtmlRefused) as refusal:
        html_page(data)
    assert refusal.value.code == code


def test_plain_text_keeps_its_columns() -> None:
    words = {w.text: w for w in text_page(b"Item    Total\nChair   25.00\n").words}
    assert words["Total"].box[0] == words["25.00"].box[0]
    assert words["Item"].box[1] < words["Chair"].box[1]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/ abtdrple='\"\x00&;é!-", max_size=200))
def test_any_markup_is_laid_out_or_refused(markup: str) -> None:
    try:
        page = html_page(markup.encode())
    except HtmlRefused:
        return
    assert all(word.box[0] < word.box[2] and word.text for word in page.words)
