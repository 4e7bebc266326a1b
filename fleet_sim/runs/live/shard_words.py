"""What the processes of a run that is spread over several tell each other: lines of JSON.

Times are seconds of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from fleet_sim.cars.movements import Movement
from fleet_sim.cars.world import FleetCounts
from fleet_sim.faults import Hit


class Connect(msgspec.Struct, frozen=True, tag="connect"):
    """To a shard: it is its turn to connect its boxes."""


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """To a shard: a broker has let boxes in, those of this process or another's."""


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """To a shard: the load begins."""

    load_starts_at: float


class End(msgspec.Struct, frozen=True, tag="end"):
    """To a shard: end in good order."""


class Counts(msgspec.Struct, frozen=True, kw_only=True, tag="counts"):
    """From a shard, now and then: how its boxes are."""

    fleet: FleetCounts
    defects: int
    first_defect: str | None
    rss_bytes: int
    """Resident memory that the process has taken since before it had boxes."""
    last_failure: str
    """Whose connection was lost last, and why; see `LiveFleet.last_failure`."""
    brokers: dict[int, str] = {}
    """See `LiveFleet.broker_states`."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From a shard: its boxes are connected, all or those that will be."""

    missing: int = 0
    """How many it goes on without."""


class Truth(msgspec.Struct, frozen=True, tag="truth"):
    """From a shard: a fault has changed something."""

    hit: Hit


class Told(msgspec.Struct, frozen=True, tag="told"):
    """From a shard, at its end: it has told all that faults did; no more than goodbyes follow."""


class Moved(msgspec.Struct, frozen=True, tag="moved"):
    """From a shard: a lock has moved. The movement's time is of the monotonic clock."""

    movement: Movement


class Note(msgspec.Struct, frozen=True, tag="note"):
    """From a shard: something for whoever watches the run."""

    text: str


class StoodStill(msgspec.Struct, frozen=True, tag="stood_still"):
    """From a shard: it was stopped or got no turn, from when to when."""

    since: float
    until: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """From a shard, its last word: why it could not do its work."""

    error: str


ToShard = Connect | Answered | Begin | End
FromShard = Counts | Ready | Truth | Told | Moved | Note | StoodStill | Failed

to_shard = msgspec.json.Decoder(ToShard)
from_shard = msgspec.json.Decoder(FromShard)


def line(word: msgspec.Struct) -> bytes:
    """Return a word as it goes over the channel."""
    return msgspec.json.encode(word) + b"\n"


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield what the other side says until it is gone, whatever it has left unread or half said."""
    with contextlib.suppress(ConnectionError):
        async for each in reader:
            if each.endswith(b"\n"):
                yield each


def write(writer: asyncio.StreamWriter, said: bytes) -> None:
    """Say something to who may be gone: uvloop raises for it then, each time, in a callback."""
    if not writer.is_closing():
        writer.write(said)
