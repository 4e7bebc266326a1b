"""State of a starting monitor from the records of earlier runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from fleet_wire.contract.attempt import Attempt, Complaint, Source
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident, IncidentState
from platform_probe.outputs.attempt_metrics import is_measured
from platform_probe.outputs.dimension import SOURCES
from platform_probe.outputs.sinks import (
    ATTEMPTS_FILE,
    COMPLAINTS_FILE,
    DIAGNOSES_FILE,
    INCIDENTS_FILE,
)

RecordT = TypeVar("RecordT")

TAIL_BYTES: Final = 16 * 2**20
"""The tail of each file that is read: ten hours of an unlock every two seconds."""


def last_ends(directory: Path) -> dict[Source, float]:
    """Return when an unlock that was measured last ended, in Unix seconds, by who asked.

    Looks into the records, and into those that were put aside last. Unreadable records are skipped:
    a monitor starts without a past as well.
    """
    ends: dict[Source, float] = {}
    for attempt in _newest(directory, ATTEMPTS_FILE, Attempt):
        if attempt.source in SOURCES and is_measured(attempt):
            ends.setdefault(attempt.source, attempt.started_at + attempt.total_s)
        if len(ends) == len(SOURCES):
            break
    return ends


def last_attempts(directory: Path) -> list[Attempt]:
    """Return the unlocks that were written last, in the order in which they were."""
    return [*_newest(directory, ATTEMPTS_FILE, Attempt)][::-1]


def recent(directory: Path, *, since: float) -> list[Attempt]:
    """Return the unlocks that ended since a moment, in Unix seconds, as their last lines have them.

    In the order in which they were written, without those that proved to be a part of another.
    """
    last: dict[str, Attempt] = {}
    for attempt in _newest(directory, ATTEMPTS_FILE, Attempt):
        if attempt.started_at + attempt.total_s < since:
            break
        last.setdefault(attempt.attempt_id, attempt)
    return [
        one for one in reversed(last.values()) if not one.same_as and one.source is not Source.FLOOR
    ]


def last_diagnoses(directory: Path) -> list[Diagnosis]:
    """Return the diagnoses that were written last, in the order in which they were."""
    return [*_newest(directory, DIAGNOSES_FILE, Diagnosis)][::-1]


def recent_calls(directory: Path, *, since: float) -> list[str]:
    """Return the `complaint_id` of each call since a moment, in Unix seconds."""
    newest = _newest(directory, COMPLAINTS_FILE, Complaint)
    return [one.complaint_id for one in takewhile(lambda one: one.at >= since, newest)]


def last_incidents(directory: Path, *, since: float, closed_since: float) -> list[Incident]:
    """Return the incidents that may go on, as their last lines have them.

    These are open, or have ended or were closed by a person since a moment, each in Unix seconds.
    """
    found: dict[str, Incident] = {}
    for incident in _newest(directory, INCIDENTS_FILE, Incident):
        found.setdefault(incident.incident_id, incident)
    return [
        one
        for one in reversed(found.values())
        if one.state is IncidentState.OPEN
        or (one.ended_at or one.at)
        >= (closed_since if one.state is IncidentState.CLOSED else since)
    ]


def _newest(directory: Path, file: str, kind: type[RecordT]) -> Iterator[RecordT]:
    """Yield the records of a file and of the one that was put aside last, the newest first."""
    decode = msgspec.json.Decoder(kind).decode
    for name in (file, f"{file}.1"):
        for line in reversed(tail_of(directory / name, TAIL_BYTES).splitlines()):
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                yield decode(line)


def tail_of(path: Path, most: int) -> bytes:
    """Return the last bytes of a file, `most` of them at most; nothing where it cannot be read."""
    try:
        if not path.is_file():  # whoever reads from a pipe waits
            return b""
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - most, 0))
            return file.read()
    except OSError:
        return b""
