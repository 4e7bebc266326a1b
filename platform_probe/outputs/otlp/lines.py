"""Lines between the monitor and its exporter: one a message, over pipes.

To the exporter go first an `ExporterConfig`, then lines that begin with their signal's letter. The
exporter sends `Report`s.
"""

from __future__ import annotations

from typing import Final

import msgspec

from platform_probe.outputs.families import Family
from platform_probe.outputs.otlp.spans import Broker
from platform_probe.settings.otlp import Signal

LETTERS: Final = {Signal.TRACES: b"t", Signal.LOGS: b"l", Signal.METRICS: b"m"}
"""The first byte of a line; behind it is an Attempt, a line of the log, or a `Collection`."""


class Target(msgspec.Struct, frozen=True):
    """The destination of a signal, and the headers of each request."""

    url: str
    headers: dict[str, str]


class ExporterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of an exporter. It holds secrets: only a pipe carries it."""

    targets: dict[Signal, Target]
    ca_file: str | None
    timeout_s: float
    max_queued: int
    drain_s: float
    """How long the exporter goes on when its input has ended."""
    resource: dict[str, str]
    broker: Broker
    started_ns: int
    """Since when counters count, Unix nanoseconds."""
    is_delta: bool
    version: str


class Collection(msgspec.Struct, frozen=True, array_like=True):
    """All metrics at one time, Unix nanoseconds."""

    at_ns: int
    families: list[Family]


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """The results for unlocks, log lines and collections since the last report."""

    exported: dict[Signal, int] = {}
    overflown: dict[Signal, int] = {}
    """Dropped because too many waited."""
    undelivered: dict[Signal, int] = {}
    """Dropped because the backend did not take them in time, or refused them."""
    error: str | None = None
    """The last error of a backend."""
