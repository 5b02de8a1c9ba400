"""HTML invoices in the archive: rendered, without telling the sender anything."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pypdfium2
import pytest

from connectors import browser

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(
        browser.installed() is None, reason="no browser: apt-get install chromium libatomic1"
    ),
]


def test_the_page_is_rendered_and_nothing_is_fetched() -> None:
    asked: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    html = f"""<p>Invoice 4711 over 119.00 EUR</p><img src="{base}/pixel.png">
      <link rel="stylesheet" href="{base}/s.css"><iframe src="{base}/frame"></iframe>
      <script>document.body.innerHTML = 'changed'; fetch('{base}/script')</script>"""
    pdf = browser.pdf_of(html)
    server.shutdown()
    server.server_close()
    document = pypdfium2.PdfDocument(pdf)
    text = document[0].get_textpage().get_text_range()
    document.close()
    assert "Invoice 4711 over 119.00 EUR" in text
    assert asked == []
