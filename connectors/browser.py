"""A browser without a screen: turns an HTML invoice into a PDF for the archive.

The page is a stranger's: scripts are off and nothing is fetched, so that
reading a mail tells its sender nothing. Images inside the mail (data: URLs)
are shown.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from records.failures import Unavailable

#: Where Debian and others put it; Playwright's own download is used where present.
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_REMEDY = "On Debian: apt-get install chromium libatomic1"  # the driver's Node needs libatomic
_QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Its own sandbox needs rights that a service rarely has; scripts are off instead.
    "--no-sandbox",
)


def installed() -> Path | None:
    """Return the browser this machine has, or None."""
    found = (shutil.which(name) for name in _NAMES)
    return next((Path(path) for path in found if path), None)


def pdf_of(html: str, timeout_seconds: float = 30.0) -> bytes:
    """Render a page of HTML as an A4 PDF.

    Unavailable when there is no browser, or it fails or takes too long.
    """
    browser_path = installed()
    if browser_path is None:
        raise Unavailable(f"no browser is installed to archive HTML. {_REMEDY}")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Unavailable("no browser driver: pip install 'nightclerk[browser]'.") from None
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=str(browser_path),
                args=list(_QUIET),
                timeout=timeout_seconds * 1000,
            )
            context = browser.new_context(java_script_enabled=False, offline=True)
            context.route("**/*", lambda route: route.abort())
            page = context.new_page()
            page.set_default_timeout(timeout_seconds * 1000)
            page.set_content(html, wait_until="domcontentloaded")
            made: bytes = page.pdf(format="A4", print_background=True)
            browser.close()
            return made
    except Exception as error:  # a dead driver raises a plain Exception
        first = (str(error).splitlines() or [repr(error)])[0]
        raise Unavailable(f"the browser failed: {first}. {_REMEDY}") from error
