"""The messages between a run and its workers: lines of JSON.

Times are seconds of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from fleet_sim.cars.movements import Movement
from fleet_sim.cars.world import FleetCounts
from fleet_sim.faults import Hit

COUNTS_S: Final = 0.5
"""Seconds between two reports of a worker."""
LINE_BYTES: Final = 2**20
"""No message is longer: the longest are notes, and movements with their command."""


class Connect(msgspec.Struct, frozen=True, tag="connect"):
    """To a worker: it is its turn to connect its boxes."""


class StartLoad(msgspec.Struct, frozen=True, tag="begin"):
    """To a worker: the boxes are connected, as far as they will be, and the load begins."""

    load_starts_at: float


class Shutdown(msgspec.Struct, frozen=True, tag="end"):
    """To a worker: end in good order."""


class Counts(msgspec.Struct, kw_only=True, tag="counts"):
    """A periodic report on boxes: those of a worker, or of several processes together."""

    at: float = 0.0
    """When it was made; a worker makes one every `COUNTS_S`, unless it stands still."""
    fleet: FleetCounts
    defects: int = 0
    first_defect: str | None = None
    rss_bytes: int = 0
    """Resident memory that the process has taken since before it had boxes."""
    brokers: dict[int, str] = {}
    """See `FleetHealth.states`."""

    def add(self, others: Counts, *, are_there: bool) -> None:
        """Add the report of another process; if it is away, its boxes are nowhere now."""
        self.fleet.add(others.fleet, are_there=are_there)
        self.defects += others.defects
        self.first_defect = self.first_defect or others.first_defect
        self.rss_bytes += others.rss_bytes


class Note(msgspec.Struct, frozen=True, tag="note"):
    """A worker's text for the watcher of the run."""

    text: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A worker's last message: why it could not do its work."""

    error: str


ToWorker = Connect | StartLoad | Shutdown
FromWorker = Counts | Hit | Movement | Note | Failed
"""Hits and movements of its boxes have times of the monotonic clock."""

to_worker = msgspec.json.Decoder(ToWorker)
from_worker = msgspec.json.Decoder(FromWorker)


def line(message: msgspec.Struct) -> bytes:
    """Return a message as it goes over the channel."""
    return msgspec.json.encode(message) + b"\n"


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the other side's messages until it is gone; incomplete ones are dropped."""
    with contextlib.suppress(ConnectionError):
        async for each in reader:
            if each.endswith(b"\n"):
                yield each


def write(writer: asyncio.StreamWriter, sent: bytes) -> None:
    """Write to a peer that may be gone: uvloop then raises in a callback, each time."""
    if not writer.is_closing():
        writer.write(sent)
