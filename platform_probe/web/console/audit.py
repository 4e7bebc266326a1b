"""The audit log: who looked at which customer, car or unlock, and when; a JSON object a line.

A look that cannot be written down is not given.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from fleet_wire.private_files import open_to_append
from platform_probe.web.console.person import Person


class AuditError(Exception):
    """The log cannot be written."""


class Audit:
    """Appends to a file, which may be rotated meanwhile: it is opened for each line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def note(self, person: Person | None, action: str, remote: str, **what: Any) -> None:
        """Write a line. Raises `AuditError`."""
        line = {
            "at": round(time.time(), 3),
            "user": None if person is None else person.name,
            "subject": None if person is None else person.subject,
            "role": None if person is None else person.role,
            "how": None if person is None else person.how,
            "remote": remote,
            "action": action,
            **what,
        }
        content = msgspec.json.encode(line) + b"\n"
        try:
            with self._lock:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = open_to_append(self._path)
                try:
                    os.write(descriptor, content)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise AuditError(f"{self._path}: {error.strerror}") from error
