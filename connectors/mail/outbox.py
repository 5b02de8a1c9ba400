"""An outbox folder: mail that a person or another program sends on."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from connectors.keeping import write_whole
from records.failures import Unavailable


class Sender:
    """Puts each mail as one .eml file into a folder, once per Message-ID."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        """Where outgoing mail is put.

        path: the folder; made when absent. Required.
        """

        path: Path

    def __init__(self, settings: Settings) -> None:
        """Send mail by putting it into a folder."""
        self._path = settings.path

    def send(self, raw: bytes, message_id: str) -> str:
        """Write the mail and return its file name; a mail written before stays as it is."""
        sent = self.find(message_id)
        if sent is not None:
            return sent
        target = self._path / _name(message_id)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            write_whole(target, raw)
        except OSError as error:
            raise Unavailable(f"{target} cannot be written ({error.strerror}).") from error
        return target.name

    def find(self, message_id: str) -> str | None:
        """Return the file name of a mail sent before under this Message-ID, or None."""
        name = _name(message_id)
        return name if (self._path / name).exists() else None

    def check(self) -> str:
        """Say where mail goes; Unavailable when the folder cannot be written."""
        nearest = next(p for p in (self._path, *self._path.resolve().parents) if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise Unavailable(f"{self._path} cannot be written. Choose another folder.")
        return f"{self._path}: outgoing mail is put here as .eml files"


def _name(message_id: str) -> str:
    """Return a file name a person recognises and no Message-ID can steer elsewhere."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", message_id).strip("_.")[:60]
    return f"{readable}-{hashlib.sha256(message_id.encode()).hexdigest()[:12]}.eml"
