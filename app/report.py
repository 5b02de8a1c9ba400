"""The morning report: what an accountant reads at eight, as a mail of HTML, text and XLSX.

The three renderings say the same of one `Morning`.
"""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.morning import Morning
from app.report_workbook import as_workbook
from app.store import brief

#: Rows of a list shown in the mail; the workbook holds all of them. Mail
#: programs cut long messages off, so what asks for a person comes first.
SHOWN = 100

_TEMPLATES = Environment(
    loader=PackageLoader("app"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["brief"] = brief


def as_html(morning: Morning) -> str:
    """Render for a browser or mail program; everything from documents is escaped."""
    return _TEMPLATES.get_template("report.html").render(m=morning, shown=SHOWN)


def as_text(morning: Morning) -> str:
    """Render as plain text."""
    return _TEMPLATES.get_template("report.txt").render(m=morning, shown=SHOWN)


def as_mail(morning: Morning, *, sender: str, to: tuple[str, ...], message_id: str) -> EmailMessage:
    """Return the report as a mail: text, HTML beside it, the workbook attached."""
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = message_id
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(morning.at)
    mail["Subject"] = f"nightclerk {morning.today}: {morning.headline}"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(morning))
    mail.add_alternative(as_html(morning), subtype="html")
    mail.add_attachment(
        as_workbook(morning),
        maintype="application",
        subtype="vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        filename=f"nightclerk-{morning.today}.xlsx",
    )
    return mail
