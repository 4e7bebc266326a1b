"""The messages between the processes of a run that is spread over several: lines of JSON.

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
"""No word is longer: the longest are notes, and movements with their command."""


class Connect(msgspec.Struct, frozen=True, tag="connect"):
    """To a shard: it is its turn to connect its boxes."""


class BrokerAnswered(msgspec.Struct, frozen=True, tag="answered"):
    """To a shard: a broker has let boxes in, those of this process or another's."""


class StartLoad(msgspec.Struct, frozen=True, tag="begin"):
    """To a shard: the load begins."""

    load_starts_at: float


class Shutdown(msgspec.Struct, frozen=True, tag="end"):
    """To a shard: end in good order."""


class Counts(msgspec.Struct, frozen=True, kw_only=True, tag="counts"):
    """A shard's periodic report on its boxes."""

    fleet: FleetCounts
    defects: int
    first_defect: str | None
    rss_bytes: int
    """Resident memory that the process has taken since before it had boxes."""
    last_failure: str
    """The box that lost its connection last, and why; see `LiveFleet.last_failure`."""
    brokers: dict[int, str] = {}
    """See `LiveFleet.broker_states`."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """A shard's report that its boxes are connected, all or those that will be."""

    missing: int = 0
    """How many it goes on without."""


class Truth(msgspec.Struct, frozen=True, tag="truth"):
    """A shard's report that a fault has changed something."""

    hit: Hit


class AllReported(msgspec.Struct, frozen=True, tag="told"):
    """A shard's report, near its end, that it has sent all hits; only goodbyes follow."""


class LockMoved(msgspec.Struct, frozen=True, tag="moved"):
    """A shard's report that a lock has moved. The movement's time is of the monotonic clock."""

    movement: Movement


class Note(msgspec.Struct, frozen=True, tag="note"):
    """A shard's text for the watcher of the run."""

    text: str


class Stalled(msgspec.Struct, frozen=True, tag="stood_still"):
    """A shard's report of a stall: it was stopped or got no turn, with start and end."""

    since: float
    until: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A shard's last message: why it could not do its work."""

    error: str


ToShard = Connect | BrokerAnswered | StartLoad | Shutdown
FromShard = Counts | Ready | Truth | AllReported | LockMoved | Note | Stalled | Failed

to_shard = msgspec.json.Decoder(ToShard)
from_shard = msgspec.json.Decoder(FromShard)


def line(word: msgspec.Struct) -> bytes:
    """Return a word as it goes over the channel."""
    return msgspec.json.encode(word) + b"\n"


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the other side's messages until it is gone; incomplete ones are dropped."""
    with contextlib.suppress(ConnectionError):
        async for each in reader:
            if each.endswith(b"\n"):
                yield each


def write(writer: asyncio.StreamWriter, said: bytes) -> None:
    """Write to a peer that may be gone: uvloop then raises in a callback, each time."""
    if not writer.is_closing():
        writer.write(said)
