"""Mails for tests."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP


def mail(number: int, *, attachment: bytes | None = None, subject: str = "") -> bytes:
    """Return a mail that is told apart by its number."""
    made = EmailMessage(policy=SMTP)
    made["From"] = f"Vendor {number} <billing{number}@vendor.example>"
    made["To"] = "invoices@office.example"
    made["Subject"] = subject or f"Invoice {number}"
    made["Date"] = "Mon, 02 Nov 2026 08:15:00 +0100"
    made["Message-ID"] = f"<{number}@vendor.example>"
    made["Authentication-Results"] = "mx.office.example; dmarc=pass"
    made.set_content(f"Please find invoice {number}.\n")
    if attachment is not None:
        made.add_attachment(attachment, maintype="application", subtype="pdf", filename="i.pdf")
    return made.as_bytes()
