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

LINE_BYTES: Final = 2**20
"""No message is longer: the longest are notes, and movements with their command."""


class Connect(msgspec.Struct, frozen=True, tag="connect"):
    """To a worker: it is its turn to connect its boxes."""


class BrokerAnswered(msgspec.Struct, frozen=True, tag="answered"):
    """To a worker: a broker has let boxes in, those of this process or another's."""


class StartLoad(msgspec.Struct, frozen=True, tag="begin"):
    """To a worker: the load begins."""

    load_starts_at: float


class Shutdown(msgspec.Struct, frozen=True, tag="end"):
    """To a worker: end in good order."""


class Counts(msgspec.Struct, kw_only=True, tag="counts"):
    """A periodic report on boxes: those of a worker, or of several processes together."""

    fleet: FleetCounts
    defects: int = 0
    first_defect: str | None = None
    rss_bytes: int = 0
    """Resident memory that the process has taken since before it had boxes."""
    last_failure: str = ""
    """The box that lost its connection last, and why; see `FleetHealth.last_failure`."""
    brokers: dict[int, str] = {}
    """See `FleetHealth.states`."""

    def add(self, others: Counts, *, are_there: bool) -> None:
        """Add the report of another process; if it is away, its boxes are nowhere now."""
        self.fleet.add(others.fleet, are_there=are_there)
        self.defects += others.defects
        self.first_defect = self.first_defect or others.first_defect
        self.rss_bytes += others.rss_bytes
        self.last_failure = self.last_failure or others.last_failure


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """A worker's report that its boxes are connected, all or those that will be."""

    missing: int = 0
    """How many it goes on without."""


class AllReported(msgspec.Struct, frozen=True, tag="told"):
    """A worker's report, near its end, that it has sent all hits; only goodbyes follow."""


class Note(msgspec.Struct, frozen=True, tag="note"):
    """A worker's text for the watcher of the run."""

    text: str


class Stalled(msgspec.Struct, frozen=True, tag="stood_still"):
    """A worker's report of a stall: it was stopped or got no turn, with start and end."""

    since: float
    until: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A worker's last message: why it could not do its work."""

    error: str


ToWorker = Connect | BrokerAnswered | StartLoad | Shutdown
FromWorker = Counts | Ready | Hit | AllReported | Movement | Note | Stalled | Failed
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
