"""The sections of config.yaml that connect to nothing: names, defaults, bounds and help, once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.vies import URL


class Section(BaseModel):
    """One mapping of config.yaml; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Company(Section):
    """Who we are: the buyer on the invoices we receive."""

    name: str = Field("", description="Our legal name, as vendors print it.")
    names: tuple[str, ...] = Field((), description="Other names we are billed under.")
    vat_ids: tuple[str, ...] = Field((), description="Our VAT ids.")
    timezone: str = Field("UTC", description="IANA time zone of the office.")
    country: str = Field("", description="ISO country, for holidays and VAT rules.")
    domains: tuple[str, ...] = Field((), description="Our own mail domains.")
    trusted_hosts: tuple[str, ...] = Field(
        (), description="Mail hosts whose Authentication-Results we believe."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no IANA time zone. Use e.g. Europe/Berlin") from None
        return value


class Limits(Section):
    """What one document may cost before it is held instead of read."""

    seconds: float = Field(120, gt=0, description="Wall clock per document.")
    memory_mb: int = Field(3072, ge=256, description="Memory of the reading process.")
    processes: int = Field(
        default_factory=lambda: os.cpu_count() or 2,
        ge=1,
        description="Readings at a time; by default one per processor.",
    )


class Reading(Section):
    """How documents are read."""

    ocr: str = Field("rapidocr", pattern="^(rapidocr|tesseract|none)$", description="OCR engine.")
    archive_html: bool = Field(
        True, description="Render HTML invoices to PDF for the archive where a browser is found."
    )
    validate_einvoices: bool | Literal["auto"] = Field(
        "auto",
        description="Check e-invoices against the rules of EN 16931; `auto` does where the extra "
        "`validation` is installed.",
    )
    broken_rules: str = Field(
        "warn",
        pattern="^(warn|block)$",
        description="What a fatal rule that an e-invoice breaks does: `warn` tells it, `block` "
        "holds the invoice.",
    )
    templates: Path | None = Field(
        None,
        description="Folder with invoice2data templates, for vendors the reader alone gets wrong.",
    )


class Ledger(Section):
    """Accounts of the ledger lines nightclerk proposes."""

    payables: str = Field("1600", description="Payables control account.")
    expenses: str = Field("4900", description="Expense account when nothing better is known.")
    input_tax: str = Field("1570", description="Input tax.")
    prepayments: str = Field("1510", description="Money paid in advance, until it is set off.")
    retentions: str = Field("1625", description="Owed, but kept back until an agreed day.")


class Paying(Section):
    """How invoices are paid: files for the bank, which a second person releases."""

    folder: Path = Field(Path("out/payments"), description="Where released payment files go.")
    accounts: dict[str, str] = Field(
        {}, description="Own account to pay from, by currency; needed where there are several."
    )
    company_id: str = Field("", description="Our id at a US bank (10 characters), for Nacha files.")
    interest_percent: Decimal = Field(
        Decimal(8), ge=0, description="What money costs a year; a discount must earn more."
    )
    transfer_days: int = Field(1, ge=0, description="Days until a transfer arrives.")
    days_between_runs: int = Field(7, ge=1, description="When the next run pays, unless told.")
    smallest: Decimal = Field(Decimal(1), ge=0, description="Least amount worth a transfer.")


class ScheduleEntry(Section):
    """When a bot runs by itself."""

    bot: str = Field(description="A configured bot.")
    cron: str = Field(description="Five fields: minute hour day month weekday.")
    timezone: str | None = Field(None, description="Defaults to the company's.")
    calendar: str | None = Field(None, description="Business days only: TARGET, DE, DE-BY, US …")
    jitter_seconds: int = Field(
        0,
        ge=0,
        le=3600,
        description="Spread starts by up to so much, the same for a slot anywhere.",
    )
    catch_up: str = Field("once", pattern="^(once|each|none)$", description="After downtime.")


class Service(Section):
    """The unattended service."""

    host: str = Field("127.0.0.1", description="Where /healthz and /metrics listen.")
    port: int = Field(8642, ge=0, le=65535, description="0 picks a free port.")
    worker: str = Field("", description="Unique, stable id of this worker; default: host name.")


class Vies(Section):
    """Looking up vendors' VAT ids at the European Commission."""

    enabled: bool = Field(False, description="Ask VIES; the id leaves the house, nothing else.")
    url: str = Field(URL, pattern="^https?://", description="Where VIES answers.")
    timeout_seconds: float = Field(5, gt=0, le=60, description="Longest wait for an answer.")
    days: int = Field(30, ge=1, description="How long an answer counts.")


MODELS: dict[str, type[Section]] = {
    "company": Company,
    "limits": Limits,
    "reading": Reading,
    "ledger": Ledger,
    "paying": Paying,
    "service": Service,
    "vies": Vies,
}


def described() -> Iterator[tuple[str, str, str]]:
    """Yield (section.key, default, description) of every core setting, for the reference."""
    described: dict[str, type[Section]] = {**MODELS, "schedules[]": ScheduleEntry}
    for section, model in described.items():
        for key, entry in model.model_fields.items():
            if entry.is_required():
                default = "required"
            else:  # What a factory makes differs from machine to machine.
                default = "computed" if entry.default_factory else repr(entry.get_default())
            yield f"{section}.{key}", default, entry.description or ""
